package reliability

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// DailyTotal is what a utility counted on one day: from Books, or imported for the years before the head-end.
type DailyTotal struct {
	Day       Day
	Customers int64 // served
	CI        int64
	CMS       int64 // customer-milliseconds
}

// saidi is the minutes of the day, as a float64: logarithms are not rational.
func (d *DailyTotal) saidi() float64 { return float64(d.CMS) / minuteMs / float64(d.Customers) }

// MajorThreshold is T_MED of one year and what it was made of.
type MajorThreshold struct {
	Year        int     `json:"year"`
	TMED        float64 `json:"t_med"` // minutes; 0 where Days is less than 2: there is no threshold and no major event day
	Alpha       float64 `json:"alpha"`
	Beta        float64 `json:"beta"`
	Days        int     `json:"days"`        // days used
	ZeroDays    int     `json:"zero_days"`   // days with a SAIDI of 0, dropped
	Missing     int     `json:"missing"`     // days of the years before that nobody has counted
	Years       int     `json:"years"`       // of history with at least one day counted
	Provisional bool    `json:"provisional"` // fewer than all days of the years asked for
}

// Exists tells whether there is a threshold.
func (t *MajorThreshold) Exists() bool { return t.Days >= 2 }

// NewMajorThreshold makes the threshold of a year from the daily totals of the years before it; days outside those years
// are not looked at. It refuses a day that stands twice and one with interruptions and no customers.
func NewMajorThreshold(rules MajorDays, year int, history []DailyTotal) (*MajorThreshold, error) {
	period := Period{DayOf(year-rules.Years, 1, 1), DayOf(year, 1, 1)}
	var days []DailyTotal
	for _, d := range history {
		if period.Has(d.Day) {
			days = append(days, d)
		}
	}
	slices.SortFunc(days, func(a, b DailyTotal) int { return cmp.Compare(a.Day, b.Day) })
	t := &MajorThreshold{Year: year, Missing: period.Days() - len(days)}
	var logs []float64
	for i := range days {
		d := &days[i]
		switch {
		case i > 0 && days[i-1].Day == d.Day:
			return nil, fmt.Errorf("%s stands twice in the history", d.Day)
		case d.CMS < 0 || d.Customers < 0 || d.CMS > 0 && d.Customers == 0:
			return nil, fmt.Errorf("%s has %d customer-milliseconds of %d customers", d.Day, d.CMS, d.Customers)
		case d.CMS == 0:
			t.ZeroDays++
		default:
			logs = append(logs, math.Log(d.saidi()))
		}
		if i == 0 || days[i-1].Day.Year() != d.Day.Year() {
			t.Years++
		}
	}
	t.Days, t.Provisional = len(logs), t.Missing > 0
	if t.Exists() {
		t.Alpha, t.Beta = spread(logs)
		t.TMED = math.Exp(t.Alpha + rules.Beta*t.Beta)
	}
	return t, nil
}

// spread is the mean and the sample standard deviation, in two passes.
func spread(list []float64) (mean, deviation float64) {
	for _, x := range list {
		mean += x
	}
	mean /= float64(len(list))
	squares := 0.0
	for _, x := range list {
		squares += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(squares / float64(len(list)-1))
}

// IsMajor tells whether a day is a major event day: strictly above the threshold.
func (t *MajorThreshold) IsMajor(d DailyTotal) bool {
	return t.Exists() && d.Day.Year() == t.Year && d.Customers > 0 && d.saidi() > t.TMED
}

// MajorDaysOf are the major event days among the totals of the year.
func (t *MajorThreshold) MajorDaysOf(year []DailyTotal) map[Day]bool {
	out := map[Day]bool{}
	for _, d := range year {
		if t.IsMajor(d) {
			out[d.Day] = true
		}
	}
	return out
}
