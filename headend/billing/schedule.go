package billing

import (
	"fmt"
	"iter"
	"time"
)

// Calendar is a cadence that follows the local calendar.
type Calendar string

// Cadences by the calendar.
const (
	Daily   Calendar = "day"
	Monthly Calendar = "month"
)

// Schedule is what a device owes: one register at the end of each interval. Intervals begin at local midnight.
type Schedule struct {
	Every     time.Duration  // 1 min to 12 h, and 24 h must be a multiple; 0: Calendar says
	Calendar  Calendar       // where Every is 0
	Zone      *time.Location // of the utility
	Tolerance time.Duration  // how far from the end of an interval its register may be read; less than half of Every
}

// Validate returns an error that names the field out of bounds.
func (s Schedule) Validate() error {
	const day = 24 * time.Hour
	if s.Zone == nil {
		return fmt.Errorf("a schedule needs a time zone")
	}
	if s.Every == 0 {
		if s.Calendar != Daily && s.Calendar != Monthly {
			return fmt.Errorf("calendar of a schedule: %q, day or month are possible", s.Calendar)
		}
		if s.Tolerance < 0 || s.Tolerance > 6*time.Hour {
			return fmt.Errorf("tolerance of a schedule: %s, 0 to 6 h are possible", s.Tolerance)
		}
		return nil
	}
	if s.Every < time.Minute || s.Every > 12*time.Hour || day%s.Every != 0 {
		return fmt.Errorf("interval of a schedule: %s, 1 min to 12 h that divide a day are possible", s.Every)
	}
	if s.Tolerance < 0 || s.Tolerance >= s.Every/2 {
		return fmt.Errorf("tolerance of a schedule: %s, less than half of %s is possible", s.Tolerance, s.Every)
	}
	return nil
}

// Intervals yields the intervals that lie wholly within a period, in order. A local day of 23 or 25 hours has as many
// fewer or more; where clocks change within an interval the last one of the day is cut at midnight.
func (s Schedule) Intervals(p Period) iter.Seq[Period] {
	return func(yield func(Period) bool) {
		for start := s.first(p.From); start.Before(p.To); {
			end := s.next(start)
			if end.After(p.To) {
				return
			}
			if !start.Before(p.From) && !yield(Period{start, end}) {
				return
			}
			start = end
		}
	}
}

// first is the beginning of the day or month t lies in.
func (s Schedule) first(t time.Time) time.Time {
	y, m, d := t.In(s.Zone).Date()
	if s.Every == 0 && s.Calendar == Monthly {
		d = 1
	}
	return StartOfDay(s.Zone, y, m, d)
}

func (s Schedule) next(start time.Time) time.Time {
	y, m, d := start.In(s.Zone).Date()
	if s.Every == 0 && s.Calendar == Monthly {
		return StartOfDay(s.Zone, y, m+1, 1)
	}
	midnight := StartOfDay(s.Zone, y, m, d+1)
	if s.Every == 0 {
		return midnight
	}
	if end := start.Add(s.Every); end.Before(midnight) {
		return end
	}
	return midnight
}
