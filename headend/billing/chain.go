package billing

import (
	"fmt"
	"sort"
	"time"

	"lastgasp/headend"
)

// chain is the points of one register in one fitting, with what it counted from the first on. Where a step is not
// known the count goes on, but nothing is known across: break numbers tell.
type chain struct {
	device  headend.DeviceID
	fitting Period
	dial    Dial
	points  []Point
	count   []int64  // Wh from points[0] to points[i], as far as steps are known
	rolls   []int    // roll-overs up to points[i]
	group   []int    // how many unknown steps lie before points[i]
	reasons []Reason // of the unknown steps, in their order
	left    int      // points that were not used: uncertain, or of doubtful time
}

// newChain proves the steps. Points must be in order of time, no two at the same.
func newChain(f Fitting, quantity headend.Quantity, points []Point, doubtfulTime bool) (*chain, error) {
	c := &chain{device: f.Device, fitting: f.period(), dial: f.Dials[quantity]}
	if err := c.gather(f, quantity, points, doubtfulTime); err != nil {
		return nil, err
	}
	n := len(c.points)
	c.count, c.rolls, c.group = make([]int64, n), make([]int, n), make([]int, n)
	for i := 1; i < n; i++ {
		s := c.dial.between(c.points[i-1], c.points[i])
		c.count[i], c.rolls[i], c.group[i] = c.count[i-1]+s.wh, c.rolls[i-1], c.group[i-1]
		if s.absent == "" && c.count[i] < 0 {
			s.absent = Overflow
		}
		if s.absent != "" {
			c.count[i] = 0
			c.group[i]++
			c.reasons = append(c.reasons, s.absent)
		}
		if s.rolled {
			c.rolls[i]++
		}
	}
	return c, nil
}

// gather takes the points within the fitting that can be used and those noted at its ends. What was noted stands
// above what was sent for the same time: whoever exchanged the meter read it from the dial.
func (c *chain) gather(f Fitting, quantity headend.Quantity, points []Point, doubtfulTime bool) error {
	first, hasFirst := f.First[quantity]
	final, hasFinal := f.Final[quantity]
	hasFinal = hasFinal && !f.To.IsZero()
	if hasFirst {
		c.points = append(c.points, Point{Time: f.From, Wh: first, Noted: true})
	}
	for i, p := range points {
		if i > 0 && !points[i-1].Time.Before(p.Time) {
			return fmt.Errorf("registers of %s, %s: %s does not come after %s", f.Device, quantity,
				p.Time.UTC().Format(time.RFC3339Nano), points[i-1].Time.UTC().Format(time.RFC3339Nano))
		}
		outside := p.Time.Before(f.From) || !f.To.IsZero() && p.Time.After(f.To)
		noted := hasFirst && p.Time.Equal(f.From) || hasFinal && p.Time.Equal(f.To)
		if outside || noted {
			continue
		}
		if p.Quality&headend.QualityUncertain != 0 || p.Quality&timeDoubtful != 0 && !doubtfulTime {
			c.left++
			continue
		}
		c.points = append(c.points, p)
	}
	if hasFinal {
		c.points = append(c.points, Point{Time: f.To, Wh: final, Noted: true})
	}
	return nil
}

// at is the register at a cut-off under a policy.
func (c *chain) at(t time.Time, policy CutOff) Read {
	read := Read{At: t.UTC(), Meter: c.device}
	after := sort.Search(len(c.points), func(i int) bool { return !c.points[i].Time.Before(t) })
	if after < len(c.points) && c.points[after].Time.Equal(t) {
		how := Exact
		if c.points[after].Quality&timeDoubtful != 0 {
			how = Nearest
		}
		return c.take(read, after, how)
	}
	if t.Equal(c.fitting.From) || t.Equal(c.fitting.To) {
		policy = CutOff{Nearest: policy.Exchange}
	}
	near, isNear := c.nearest(after, t, policy.Nearest)
	if policy.Prefer == Nearest && isNear {
		return c.take(read, near, Nearest)
	}
	if r, ok := c.interpolate(read, after, policy.Interpolate); ok {
		return r
	}
	if isNear {
		return c.take(read, near, Nearest)
	}
	read.Absent = NoRegister
	return read
}

// nearest is the point nearest to t, the earlier of two as near, if it is within reach.
func (c *chain) nearest(after int, t time.Time, reach time.Duration) (int, bool) {
	best, distance := -1, reach
	for _, i := range [2]int{after - 1, after} {
		if i < 0 || i >= len(c.points) {
			continue
		}
		if d := c.points[i].Time.Sub(t).Abs(); d < distance || best < 0 && d == distance {
			best, distance = i, d
		}
	}
	return best, best >= 0
}

func (c *chain) take(read Read, i int, how How) Read {
	p := c.points[i]
	read.Wh, read.How, read.Distance, read.Quality, read.Noted = p.Wh, how, p.Time.Sub(read.At), p.Quality, p.Noted
	read.count, read.group, read.rolls = c.count[i], c.group[i], c.rolls[i]
	read.used = p.Time
	return read
}

// interpolate is the register on the straight line between the points around t, where the step between them is
// known and not longer than reach.
func (c *chain) interpolate(read Read, after int, reach time.Duration) (Read, bool) {
	if after <= 0 || after >= len(c.points) || c.group[after-1] != c.group[after] {
		return read, false
	}
	a, b := c.points[after-1], c.points[after]
	whole := b.Time.Sub(a.Time)
	if whole > reach {
		return read, false
	}
	part := share(c.count[after]-c.count[after-1], read.At.Sub(a.Time), whole)
	read.How, read.Quality = Interpolated, a.Quality|b.Quality
	read.Distance = a.Time.Sub(read.At)
	if d := b.Time.Sub(read.At); d < -read.Distance {
		read.Distance = d
	}
	read.count, read.group, read.rolls = c.count[after-1]+part, c.group[after], c.rolls[after-1]
	read.Wh = a.Wh + part
	if m := c.dial.modulus(); m > 0 && read.Wh >= m {
		read.Wh -= m
		read.rolls++
	}
	read.used = read.At
	return read, true
}

// span is what the register counted between two reads of this chain.
func (c *chain) span(start, end Read) step {
	switch {
	case start.Absent != "":
		return step{absent: start.Absent}
	case end.Absent != "":
		return step{absent: end.Absent}
	case start.group != end.group:
		return step{absent: c.reasons[start.group]}
	case start.used.Equal(end.used) && !start.At.Equal(end.At):
		return step{absent: SameRegister}
	}
	return step{wh: end.count - start.count, rolled: end.rolls > start.rolls}
}
