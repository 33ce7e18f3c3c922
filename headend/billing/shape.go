package billing

import (
	"math/bits"
	"time"
)

// mostWeight bounds a weight, so that sums and products of them stay within 64 and 128 bits.
const mostWeight = 1 << 50

// shape is Wh expected of each interval with full supply, by the first way allowed that can say something about
// every interval that has any.
func (g *hole) shape() ([]uint64, Method, bool) {
	for _, way := range []struct {
		method Method
		make   func() ([]uint64, bool)
	}{{ByLine, g.line}, {ByLikeDays, g.likeDays}, {ByProfile, g.profile}} {
		if weights, ok := way.make(); ok {
			return weights, way.method, true
		}
	}
	return nil, "", false
}

// line draws from the measured value before the gap to the one after it. Intervals must be of one length.
func (g *hole) line() ([]uint64, bool) {
	if g.period().Length() > g.policy.Line || g.start == 0 || g.end == len(g.values) {
		return nil, false
	}
	a, b := g.values[g.start-1], g.values[g.end]
	if !g.neighbour(a) || !g.neighbour(b) || !a.Period.To.Equal(g.period().From) || !b.Period.From.Equal(g.period().To) {
		return nil, false
	}
	n := int64(g.end - g.start)
	weights := make([]uint64, n)
	for i := range weights {
		if g.run()[i].Period.Length() != a.Period.Length() {
			return nil, false
		}
		k := int64(i) + 1
		weights[i] = uint64((a.Wh*(n+1-k) + b.Wh*k) / (n + 1))
	}
	return weights, true
}

func (g *hole) neighbour(v Value) bool {
	return v.State == Measured && v.Wh >= 0 && v.Wh < mostWeight>>12 && v.Period.Length() == g.run()[0].Period.Length()
}

// likeDays is the mean of the likest days.
func (g *hole) likeDays() ([]uint64, bool) {
	if g.policy.LikeDays == 0 || g.basis.LikeDays == nil {
		return nil, false
	}
	weights := make([]uint64, len(g.run()))
	for i, v := range g.run() {
		if g.lit[i] == 0 {
			continue
		}
		like := g.basis.LikeDays(v.Period)
		like = like[:min(len(like), g.policy.LikeDays)]
		if len(like) < g.policy.LeastDays || len(like) == 0 {
			return nil, false
		}
		for _, wh := range like {
			if wh < 0 || wh >= mostWeight {
				return nil, false
			}
			weights[i] += uint64(wh)
		}
		weights[i] /= uint64(len(like))
	}
	return weights, true
}

func (g *hole) profile() ([]uint64, bool) {
	of := g.basis.Profile
	if g.summed && g.basis.Shape != nil {
		of = g.basis.Shape
	}
	if !g.policy.Profile || of == nil {
		return nil, false
	}
	weights := make([]uint64, len(g.run()))
	for i, v := range g.run() {
		if g.lit[i] == 0 {
			continue
		}
		wh, ok := of(v.Period)
		if !ok || wh < 0 || wh >= mostWeight {
			return nil, false
		}
		weights[i] = uint64(wh)
	}
	return weights, true
}

// flat is equal power: weights are the milliseconds of the intervals.
func (g *hole) flat() []uint64 {
	weights := make([]uint64, len(g.run()))
	for i, v := range g.run() {
		weights[i] = uint64(v.Period.Length() / time.Millisecond)
	}
	return weights
}

// byLight reduces each weight to the part of its interval that had supply.
func (g *hole) byLight(weights []uint64) []uint64 {
	lit := make([]uint64, len(weights))
	for i, w := range weights {
		lit[i] = uint64(share(int64(w), g.lit[i], g.run()[i].Period.Length()))
	}
	return lit
}

func sum(weights []uint64) uint64 {
	n := uint64(0)
	for _, w := range weights {
		n += w
	}
	return n
}

// shareOf is floor(total × part / whole) for part ≤ whole.
func shareOf(total int64, part, whole uint64) int64 {
	high, low := bits.Mul64(uint64(total), part)
	q, _ := bits.Div64(high, low, whole)
	return int64(q)
}

// LikeDays makes a source of like days from a history of values: days of the same class, the latest first, all before
// the day asked for. Class names what makes days alike: workday or weekend, holiday; days of class "" are like none.
func LikeDays(history []Value, zone *time.Location, class func(day time.Time) string) func(Period) []int64 {
	type slot struct {
		class    string
		from, to time.Duration // within the day
	}
	type entry struct {
		day time.Time
		wh  int64
	}
	slotOf := func(p Period) (slot, time.Time) {
		day := DayOf(p.From, zone).From
		return slot{class(day), p.From.Sub(day), p.To.Sub(day)}, day
	}
	byslot := map[slot][]entry{}
	for _, v := range history {
		if s, day := slotOf(v.Period); v.State == Measured && v.Wh >= 0 && s.class != "" {
			byslot[s] = append(byslot[s], entry{day, v.Wh})
		}
	}
	return func(p Period) []int64 {
		s, day := slotOf(p)
		var like []int64
		for i := len(byslot[s]) - 1; i >= 0; i-- {
			if e := byslot[s][i]; e.day.Before(day) {
				like = append(like, e.wh)
			}
		}
		return like
	}
}

// Week is the class of a day where all working days are alike, Saturdays, and Sundays; for LikeDays in that zone.
func Week(zone *time.Location) func(time.Time) string {
	return func(day time.Time) string {
		switch day.In(zone).Weekday() {
		case time.Saturday:
			return "saturday"
		case time.Sunday:
			return "sunday"
		}
		return "workday"
	}
}
