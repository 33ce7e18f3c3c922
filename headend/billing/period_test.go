package billing

import (
	"slices"
	"testing"
	"time"

	"lastgasp/headend"
)

func TestStartOfDay(t *testing.T) {
	for _, c := range []struct {
		zone    string
		y, m, d int
		want    string
	}{
		{"Asia/Ho_Chi_Minh", 2026, 3, 1, "2026-02-28T17:00:00Z"},
		{"Europe/Berlin", 2026, 3, 29, "2026-03-28T23:00:00Z"},
		{"Europe/Berlin", 2026, 3, 30, "2026-03-29T22:00:00Z"},
		{"America/Sao_Paulo", 2018, 11, 4, "2018-11-04T03:00:00Z"}, // midnight was skipped: the day began at 01:00
		{"America/Havana", 2025, 11, 2, "2025-11-02T04:00:00Z"},    // midnight came twice
		{"UTC", 2026, 1, 1, "2026-01-01T00:00:00Z"},
		{"Pacific/Apia", 2011, 12, 31, "2011-12-30T10:00:00Z"}, // the 30th was skipped
	} {
		got := StartOfDay(mustZone(c.zone), c.y, time.Month(c.m), c.d).Format(time.RFC3339)
		if got != c.want {
			t.Errorf("%s %d-%d-%d begins at %s, want %s", c.zone, c.y, c.m, c.d, got, c.want)
		}
	}
}

func TestDaysMeet(t *testing.T) {
	for _, name := range []string{"Asia/Ho_Chi_Minh", "Europe/Berlin", "America/Sao_Paulo", "America/Havana", "Australia/Lord_Howe", "Asia/Beirut"} {
		zone := mustZone(name)
		for d := range 4000 {
			day := Day(zone, 2015, 1, 1+d)
			if day.Length() < 23*time.Hour || day.Length() > 25*time.Hour {
				t.Fatalf("%s: a day of %s at %s", name, day.Length(), day.From)
			}
			if y, m, dd := day.From.In(zone).Date(); !slices.Equal([]int{y, int(m), dd}, ymd(time.Date(2015, 1, 1+d, 0, 0, 0, 0, time.UTC))) {
				t.Fatalf("%s: %s is not of its day", name, day.From.In(zone))
			}
			if DayOf(day.From, zone) != day || DayOf(day.To.Add(-1), zone) != day {
				t.Fatalf("%s: DayOf disagrees at %s", name, day.From)
			}
		}
	}
}

func ymd(t time.Time) []int { return []int{t.Year(), int(t.Month()), t.Day()} }

func TestIntervals(t *testing.T) {
	berlin := mustZone("Europe/Berlin")
	for _, c := range []struct {
		name string
		s    Schedule
		p    Period
		want int
	}{
		{"half hours of a day", Schedule{Every: 30 * time.Minute, Zone: hanoi}, Day(hanoi, 2026, 3, 1), 48},
		{"of 23 hours", Schedule{Every: 30 * time.Minute, Zone: berlin}, Day(berlin, 2026, 3, 29), 46},
		{"of 25 hours", Schedule{Every: 15 * time.Minute, Zone: berlin}, Day(berlin, 2026, 10, 25), 100},
		{"days of a month", Schedule{Calendar: Daily, Zone: berlin}, Month(berlin, 2026, 3), 31},
		{"months of a year", Schedule{Calendar: Monthly, Zone: berlin}, Period{StartOfDay(berlin, 2026, 1, 1), StartOfDay(berlin, 2027, 1, 1)}, 12},
		{"cut at both ends", Schedule{Every: time.Hour, Zone: hanoi}, Period{at(0, 1), at(2, 59)}, 1},
		{"too short", Schedule{Every: time.Hour, Zone: hanoi}, Period{at(0, 1), at(1, 59)}, 0},
	} {
		if err := c.s.Validate(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		list := slices.Collect(c.s.Intervals(c.p))
		if len(list) != c.want {
			t.Errorf("%s: %d intervals, want %d", c.name, len(list), c.want)
		}
		for i := 1; i < len(list); i++ {
			if !list[i].From.Equal(list[i-1].To) {
				t.Errorf("%s: a hole before %s", c.name, list[i].From)
			}
		}
	}
	for _, s := range []Schedule{{}, {Every: time.Hour}, {Every: 7 * time.Hour, Zone: hanoi}, {Every: time.Second, Zone: hanoi},
		{Calendar: "week", Zone: hanoi}, {Every: time.Hour, Zone: hanoi, Tolerance: 30 * time.Minute}} {
		if s.Validate() == nil {
			t.Errorf("%+v was taken", s)
		}
	}
}

func TestSeriesAndDemand(t *testing.T) {
	points := map[headend.DeviceID][]Point{"M1": {point(0, 0, 1000), {Time: at(0, 30).Add(5 * time.Second), Wh: 2000}, point(1, 0, 4000),
		point(2, 0, 4500), point(2, 30, 4400), point(3, 0, 4600)}}
	m := metering(t, oneMeter(home), points, CutOff{Interpolate: 10 * time.Hour})
	half := Schedule{Every: 30 * time.Minute, Zone: hanoi, Tolerance: 10 * time.Second}
	values, err := m.Series(half, Period{at(0, 0), at(3, 0)})
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		state  State
		wh     int64
		absent Reason
	}{{Measured, 1000, ""}, {Measured, 2000, ""}, {Missing, 0, NoRegister}, {Missing, 0, NoRegister}, {Missing, 0, Backwards}, {Measured, 200, ""}}
	for i, w := range want {
		if v := values[i]; v.State != w.state || v.Wh != w.wh || v.Absent != w.absent {
			t.Errorf("interval %d: %+v, want %+v", i, v, w)
		}
	}
	if d := MaximumDemand(values); d.W != 4000 || !d.At.From.Equal(at(0, 30)) || d.Intervals != 3 || d.Missing != 3 {
		t.Errorf("demand %+v", d)
	}
	if d := MaximumDemand(nil); d.Absent != NotMeasured {
		t.Errorf("demand of nothing: %+v", d)
	}
}
