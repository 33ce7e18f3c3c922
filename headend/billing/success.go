package billing

import (
	"iter"
	"time"
)

// Success counts the reads of intervals that were owed. Counts add up, over hours, days, meters and organisations;
// Expected = InTime + Late + Missing + Pending.
type Success struct {
	Expected int
	InTime   int // came within the time agreed after the end of the interval
	Late     int // came after it
	Missing  int // did not come, and the time agreed is over
	Pending  int // did not come yet, and may still be in time
}

// Add sums two counts.
func (s Success) Add(o Success) Success {
	return Success{s.Expected + o.Expected, s.InTime + o.InTime, s.Late + o.Late, s.Missing + o.Missing, s.Pending + o.Pending}
}

// Meets tells whether the share of reads in time, of those whose time is over, reaches a figure in hundredths of a
// percent: 9950 is 99.5 %. With none owed it does.
func (s Success) Meets(hundredths int) bool {
	return s.InTime*10_000 >= (s.Expected-s.Pending)*hundredths
}

// SuccessKey is what read success is reported by. A field that is "" is summed over.
type SuccessKey struct {
	Organisation string
	Gateway      string
	Model        string
	Schedule     string
	Hour         time.Time // the local hour in which the intervals begin, UTC; zero: summed over
}

// SuccessBook is read success by key.
type SuccessBook map[SuccessKey]Success

// Arrival is a read as far as success goes.
type Arrival struct {
	Time     time.Time // of the register
	Received time.Time // zero: not known, counts as in time
}

// Count adds the intervals one device owed. An interval's read is the first arrival within the schedule's tolerance of
// its end; arrivals must be in order of Time. Within says how long after the end a read is in time.
func (b SuccessBook) Count(key SuccessKey, s Schedule, owed iter.Seq[Period], arrivals []Arrival, within time.Duration, now time.Time) {
	i := 0
	for interval := range owed {
		if interval.To.After(now) {
			return
		}
		for i < len(arrivals) && arrivals[i].Time.Before(interval.To.Add(-s.Tolerance)) {
			i++
		}
		one, limit := Success{Expected: 1}, interval.To.Add(within)
		got := false
		var first time.Time
		for j := i; j < len(arrivals) && !arrivals[j].Time.After(interval.To.Add(s.Tolerance)); j++ {
			if !got || arrivals[j].Received.Before(first) {
				got, first = true, arrivals[j].Received
			}
		}
		switch {
		case got && !first.After(limit):
			one.InTime = 1
		case got:
			one.Late = 1
		case now.Before(limit):
			one.Pending = 1
		default:
			one.Missing = 1
		}
		key.Hour = HourOf(interval.From, s.Zone)
		b[key] = b[key].Add(one)
	}
}

// Sum is the book by a coarser key.
func (b SuccessBook) Sum(by func(SuccessKey) SuccessKey) SuccessBook {
	sum := SuccessBook{}
	for key, s := range b {
		k := by(key)
		sum[k] = sum[k].Add(s)
	}
	return sum
}

// HourOf is the beginning of the local hour t lies in, UTC.
func HourOf(t time.Time, zone *time.Location) time.Time {
	offset := offsetAt(t, zone)
	return t.Add(offset).Truncate(time.Hour).Add(-offset).UTC()
}
