package reliability

import (
	"fmt"
	"sort"
	"time"
)

// Day is a day of the utility's calendar: days since 1 January 1970. It has no zone of its own; a Calendar cuts time
// into days.
type Day int32

// Month is a month of the utility's calendar: months since January of the year 0.
type Month int32

// DayOf is the day of a date.
func DayOf(year int, month time.Month, day int) Day {
	return Day(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// Date is the year, month and day of the month. It counts in eras of 400 years that begin in March, so that leap days
// come last (H. Hinnant, chrono-compatible low-level date algorithms): a third of the time of package time.
func (d Day) Date() (year int, month time.Month, day int) {
	z := int64(d) + 719468
	era := floorDiv(z, 146097)
	inEra := z - era*146097
	yearOfEra := (inEra - inEra/1460 + inEra/36524 - inEra/146096) / 365
	dayOfYear := inEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	m := (5*dayOfYear + 2) / 153 // from March
	day = int(dayOfYear - (153*m+2)/5 + 1)
	year = int(yearOfEra + era*400)
	if m >= 10 {
		return year + 1, time.Month(m - 9), day
	}
	return year, time.Month(m + 3), day
}

// Month is the month the day is in.
func (d Day) Month() Month {
	year, month, _ := d.Date()
	return MonthOf(year, month)
}

// Year is the calendar year the day is in.
func (d Day) Year() int {
	year, _, _ := d.Date()
	return year
}

// String prints 2026-11-21.
func (d Day) String() string {
	year, month, day := d.Date()
	return fmt.Sprintf("%04d-%02d-%02d", year, month, day)
}

// MarshalText writes 2026-11-21.
func (d Day) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// MonthOf is the month of a year.
func MonthOf(year int, month time.Month) Month { return Month(year*12 + int(month) - 1) }

// First is the first day of the month.
func (m Month) First() Day { return DayOf(int(m)/12, time.Month(int(m)%12+1), 1) }

// Days is how many days the month has.
func (m Month) Days() int { return int((m + 1).First() - m.First()) }

// Period is the whole month.
func (m Month) Period() Period { return Period{m.First(), (m + 1).First()} }

// String prints 2026-11.
func (m Month) String() string { return fmt.Sprintf("%04d-%02d", int(m)/12, int(m)%12+1) }

// MarshalText writes 2026-11.
func (m Month) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// Period is the days from From up to, not including, To.
type Period struct {
	From Day `json:"from"`
	To   Day `json:"to"`
}

// Year is the calendar year as a period.
func Year(year int) Period { return Period{DayOf(year, 1, 1), DayOf(year+1, 1, 1)} }

// Days is how many days there are; 0 for an empty or reversed period.
func (p Period) Days() int { return max(0, int(p.To-p.From)) }

// Has tells whether the day is in the period.
func (p Period) Has(d Day) bool { return p.From <= d && d < p.To }

// Months cuts the period at the ends of months; the first and last piece may be parts of months.
func (p Period) Months() []Period {
	var out []Period
	for from := p.From; from < p.To; {
		to := min((from.Month() + 1).First(), p.To)
		out = append(out, Period{from, to})
		from = to
	}
	return out
}

// YearBefore is the same dates of the former year; 29 February becomes 1 March of it.
func (p Period) YearBefore() Period {
	back := func(d Day) Day {
		year, month, day := d.Date()
		return DayOf(year-1, month, day)
	}
	return Period{back(p.From), back(p.To)}
}

// String prints both ends.
func (p Period) String() string { return p.From.String() + ".." + p.To.String() }

// Calendar cuts time into the days of one zone. It is read-only, so several goroutines may share it.
type Calendar struct {
	zone   *time.Location
	shifts []shift
}

// shift is the zone's offset from a moment on.
type shift struct{ from, offset int64 } // milliseconds

// The years a Calendar knows; what lies outside is a fault in the data.
const (
	firstYear = 1970
	lastYear  = 2199
)

// NewCalendar makes the calendar of a zone, with all its changes of offset from 1970 to 2199. It takes some
// milliseconds: make one and keep it.
//
// It asks for the offset day by day, because time.Time.ZoneBounds (Go 1.26) answers with its own argument at the end of a
// leap year of a rule-based zone (Europe/Berlin, 2040-12-31T01:00+01:00), where a loop over it never ends.
func NewCalendar(zone *time.Location) *Calendar {
	offset := func(second int64) int64 {
		_, seconds := time.Unix(second, 0).In(zone).Zone()
		return int64(seconds)
	}
	c := &Calendar{zone: zone}
	begin := time.Date(firstYear-1, 12, 30, 0, 0, 0, 0, time.UTC).Unix()
	end := time.Date(lastYear+1, 1, 3, 0, 0, 0, 0, time.UTC).Unix()
	now := offset(begin)
	c.shifts = append(c.shifts, shift{begin * 1000, now * 1000})
	for second := begin; second < end; second += 86400 {
		next := offset(second + 86400)
		if next == now {
			continue
		}
		n := sort.Search(86400, func(i int) bool { return offset(second+int64(i)) != now })
		c.shifts = append(c.shifts, shift{(second + int64(n)) * 1000, next * 1000})
		now = next
	}
	return c
}

// Zone is the calendar's zone.
func (c *Calendar) Zone() *time.Location { return c.zone }

// DayAt is the local day of a time.
func (c *Calendar) DayAt(t time.Time) Day { return c.dayAt(t.UnixMilli()) }

func (c *Calendar) dayAt(ms int64) Day {
	s := c.shifts
	i := len(s) - 1
	if ms < s[i].from {
		i = sort.Search(len(s), func(i int) bool { return s[i].from > ms }) - 1
		i = max(i, 0)
	}
	return Day(floorDiv(ms+s[i].offset, dayMs))
}

// Begin is the moment the local day begins.
func (c *Calendar) Begin(d Day) time.Time {
	year, month, day := d.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, c.zone)
}

// millis is the real length of a period: a day of summer time has 23 or 25 hours.
func (c *Calendar) millis(p Period) int64 {
	if p.Days() == 0 {
		return 0
	}
	return c.Begin(p.To).UnixMilli() - c.Begin(p.From).UnixMilli()
}

const (
	minuteMs = 60_000
	dayMs    = 86_400_000
)

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
