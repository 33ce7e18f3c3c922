package interruption

import (
	"math"
	"time"
)

// moment is a time in milliseconds since 1970, UTC: 8 bytes where time.Time has 24.
type moment int64

const (
	unknown moment = math.MinInt64 // there is one, and nobody knows when
	open    moment = math.MaxInt64 // not yet
)

const minute = moment(60_000)

func at(t time.Time) moment {
	if t.IsZero() {
		return unknown
	}
	return moment(t.UnixMilli())
}

func span(d time.Duration) moment { return moment(d.Milliseconds()) }

// time is the zero Time for unknown and open.
func (m moment) time() time.Time {
	if m == unknown || m == open {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}

// plus keeps unknown and open what they are.
func (m moment) plus(d moment) moment {
	if m == unknown || m == open {
		return m
	}
	return m + d
}

func (m moment) duration() time.Duration { return time.Duration(m) * time.Millisecond }

// clock is the moment as people of a zone read it.
func (m moment) clock(zone *time.Location) string {
	if m == unknown {
		return "unknown"
	}
	if m == open {
		return "now"
	}
	return m.time().In(zone).Format("2006-01-02 15:04:05")
}
