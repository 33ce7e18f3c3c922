package billing

import (
	"errors"
	"fmt"
	"time"
)

// ErrPeriod says that a period is upside down, empty, without an end, or reaches into the future.
var ErrPeriod = errors.New("no period")

// Period is the time from From until To.
type Period struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Validate returns ErrPeriod with what is wrong.
func (p Period) Validate() error {
	switch {
	case p.From.IsZero() || p.To.IsZero():
		return fmt.Errorf("%w: both ends must be given", ErrPeriod)
	case !p.From.Before(p.To):
		return fmt.Errorf("%w: it ends at %s and begins at %s", ErrPeriod,
			p.To.UTC().Format(time.RFC3339), p.From.UTC().Format(time.RFC3339))
	}
	return nil
}

// Past is Validate, and ErrPeriod when the period ends after now: what has not happened cannot be billed.
func (p Period) Past(now time.Time) error {
	if err := p.Validate(); err != nil {
		return err
	}
	if p.To.After(now) {
		return fmt.Errorf("%w: it ends at %s, after now", ErrPeriod, p.To.UTC().Format(time.RFC3339))
	}
	return nil
}

// Length is the time between its ends.
func (p Period) Length() time.Duration { return p.To.Sub(p.From) }

// Contains tells whether q lies wholly within p.
func (p Period) Contains(q Period) bool { return !q.From.Before(p.From) && !q.To.After(p.To) }

// Clip is the part of p within q; ok is false when there is none. A zero end of q is no limit.
func (p Period) Clip(q Period) (Period, bool) {
	if q.From.After(p.From) {
		p.From = q.From
	}
	if !q.To.IsZero() && q.To.Before(p.To) {
		p.To = q.To
	}
	return p, p.From.Before(p.To)
}

// utc is the period in UTC, so that two that are the same compare and print the same.
func (p Period) utc() Period { return Period{p.From.UTC(), p.To.UTC()} }

// StartOfDay is the first instant of a local day, UTC. Where clocks skip midnight it is the instant after the skip;
// where midnight comes twice, the first.
func StartOfDay(zone *time.Location, year int, month time.Month, day int) time.Time {
	wall := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	var first time.Time
	// A zone's offset changes at most once in the day around a midnight, so one of these two is right.
	for _, near := range [2]time.Time{wall.Add(-36 * time.Hour), wall.Add(36 * time.Hour)} {
		_, offset := near.In(zone).Zone()
		t := wall.Add(-time.Duration(offset) * time.Second)
		if _, real := t.In(zone).Zone(); real == offset && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if !first.IsZero() {
		return first
	}
	start, _ := wall.Add(-offsetAt(wall.Add(36*time.Hour), zone)).In(zone).ZoneBounds()
	_, end := wall.Add(-offsetAt(wall.Add(-36*time.Hour), zone)).Add(-time.Second).In(zone).ZoneBounds()
	if !end.IsZero() {
		return end.UTC()
	}
	return start.UTC()
}

func offsetAt(t time.Time, zone *time.Location) time.Duration {
	_, offset := t.In(zone).Zone()
	return time.Duration(offset) * time.Second
}

// DayOf is the local day t lies in.
func DayOf(t time.Time, zone *time.Location) Period {
	y, m, d := t.In(zone).Date()
	return Period{StartOfDay(zone, y, m, d), StartOfDay(zone, y, m, d+1)}
}

// Day is a local day.
func Day(zone *time.Location, year int, month time.Month, day int) Period {
	return Period{StartOfDay(zone, year, month, day), StartOfDay(zone, year, month, day+1)}
}

// Month is a local month, from midnight of the first to midnight of the first.
func Month(zone *time.Location, year int, month time.Month) Period {
	return Period{StartOfDay(zone, year, month, 1), StartOfDay(zone, year, month+1, 1)}
}
