package reliability_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"lastgasp/headend/reliability"
)

// The calendar agrees with the standard library, in zones with and without summer time.
func TestCalendarAgreesWithTime(t *testing.T) {
	for _, name := range []string{"Asia/Ho_Chi_Minh", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		c := reliability.NewCalendar(zone)
		rapid.Check(t, func(rt *rapid.T) {
			moment := time.UnixMilli(rapid.Int64Range(0, 4_000_000_000_000).Draw(rt, "ms"))
			year, month, day := moment.In(zone).Date()
			if got := c.DayAt(moment); got != reliability.DayOf(year, month, day) {
				rt.Errorf("%s in %s is on %s", moment, name, got)
			}
			d := c.DayAt(moment)
			if y, m, dd := d.Date(); y != year || m != month || dd != day || d.Month() != reliability.MonthOf(year, month) {
				rt.Errorf("%s is %d-%d-%d of %s", d, y, m, dd, d.Month())
			}
			if begin := c.Begin(d); begin.After(moment) || c.DayAt(begin) != d || c.DayAt(begin.Add(-time.Millisecond)) != d-1 {
				rt.Errorf("%s in %s begins at %s", d, name, begin)
			}
		})
	}
}

func TestPeriods(t *testing.T) {
	p := reliability.Period{From: reliability.DayOf(2023, 12, 30), To: reliability.DayOf(2024, 3, 2)}
	months := p.Months()
	if len(months) != 4 || months[0].Days() != 2 || months[2].Days() != 29 || months[3].Days() != 1 {
		t.Errorf("months %v", months)
	}
	if got := (reliability.Period{From: reliability.DayOf(2024, 2, 29), To: reliability.DayOf(2024, 3, 31)}).YearBefore(); got.String() != "2023-03-01..2023-03-31" {
		t.Errorf("the year before is %s", got)
	}
	if got := reliability.MonthOf(2024, 2).Period(); got.String() != "2024-02-01..2024-03-01" {
		t.Errorf("February is %s", got)
	}
}
