package billing

import (
	"fmt"
	"slices"
	"time"

	"lastgasp/headend"
)

// Estimation says what may be estimated, and how. Of the ways allowed the first that can say something about every
// interval of a gap is used, in this order: line, like days, load profile, equal power. Equal power is only ever used to spread a
// register difference.
type Estimation struct {
	Line       time.Duration `yaml:"line" koanf:"line" doc:"gaps up to this are drawn as a line between their neighbours; 0s: none"` // gaps up to this are drawn as a line; 0: none
	LikeDays   int           `yaml:"like_days" koanf:"like_days" doc:"mean of so many days of the same kind; 0: not used"`           // mean of so many; 0: not used
	LeastDays  int           `yaml:"least_days" koanf:"least_days" doc:"with fewer like days they are not used"`
	Profile    bool          `yaml:"profile" koanf:"profile" doc:"the load profile of the class of customers, where one is known"`
	Difference bool          `yaml:"difference" koanf:"difference" doc:"spread a known register difference in equal power where nothing else says how"`
	Longest    time.Duration `yaml:"longest" koanf:"longest" doc:"longer gaps without a register difference stay missing"` // gaps without a register difference that are longer stay missing
}

// DefaultEstimation is for households.
var DefaultEstimation = Estimation{Line: 2 * time.Hour, LikeDays: 4, LeastDays: 2, Profile: true, Difference: true, Longest: 7 * 24 * time.Hour}

// Validate returns an error that names the field out of bounds.
func (e Estimation) Validate() error {
	const day = 24 * time.Hour
	switch {
	case e.Line < 0 || e.Line > day:
		return fmt.Errorf("line: %s, 0 to 24 h are possible", e.Line)
	case e.LikeDays < 0 || e.LikeDays > 52:
		return fmt.Errorf("like_days: %d, 0 to 52 are possible", e.LikeDays)
	case e.LikeDays > 0 && (e.LeastDays < 1 || e.LeastDays > e.LikeDays):
		return fmt.Errorf("least_days: %d, 1 to like_days are possible", e.LeastDays)
	case e.Longest < 0 || e.Longest > 62*day:
		return fmt.Errorf("longest: %s, 0 to 62 days are possible", e.Longest)
	}
	return nil
}

// Basis is what an estimate of one usage point and quantity can be made from. What is nil is not known.
type Basis struct {
	Schedule      Schedule
	Register      *Metering
	Interruptions []headend.Interruption     // of the usage point
	LikeDays      func(Period) []int64       // measured Wh of the same time of like days, the likest first
	Profile       func(Period) (int64, bool) // Wh expected of this customer by its class, 0 or more
	Shape         func(Period) (int64, bool) // parts in which its class uses a known total, 0 or more, without a unit; nil: Profile
}

// Fill is a series in which gaps are estimated as far as the policy and the basis allow. Measured values and former
// estimates stay as they are; an interval that stays missing has the reason. Values must be in order of time.
//
// Where registers before and after a gap are known, its estimates add up to their difference, to the Wh. An
// interval wholly inside a proven interruption is 0; one partly inside counts for its part with supply.
func (e Estimation) Fill(values []Value, b Basis) []Value {
	filled := slices.Clone(values)
	dark := Proven(b.Interruptions)
	for start := 0; start < len(filled); {
		end := start
		for end < len(filled) && fillable(filled[end]) && (end == start || filled[end].Period.From.Equal(filled[end-1].Period.To)) {
			end++
		}
		if end == start {
			start++
			continue
		}
		g := hole{values: filled, start: start, end: end, basis: &b, policy: &e}
		g.fill(dark)
		start = end
	}
	return filled
}

// fillable leaves out what no estimate can heal: nobody measured, or what was measured cannot be counted.
func fillable(v Value) bool {
	return v.State == Missing && v.Absent != NoMeter && v.Absent != TwoMeters && v.Absent != NoMultiplier
}

// hole is one run of missing values.
type hole struct {
	values     []Value
	start, end int
	basis      *Basis
	policy     *Estimation
	lit        []time.Duration // of each interval, with supply
	anyLit     bool
	summed     bool // a total is known
}

func (g *hole) run() []Value { return g.values[g.start:g.end] }

func (g *hole) period() Period {
	return Period{g.values[g.start].Period.From, g.values[g.end-1].Period.To}
}

func (g *hole) fill(dark []Period) {
	for _, v := range g.run() {
		_, parts := split(v.Period, dark)
		lit := time.Duration(0)
		for _, p := range parts {
			lit += p.Length()
		}
		g.lit = append(g.lit, lit)
		g.anyLit = g.anyLit || lit > 0
	}
	if total, ok := g.difference(); ok {
		g.summed = true
		g.spread(total)
		return
	}
	g.guess()
}

// difference is what the register says the whole gap used.
func (g *hole) difference() (int64, bool) {
	if g.basis.Register == nil {
		return 0, false
	}
	c, err := g.basis.Register.tight(g.basis.Schedule).Consumption(g.period())
	return c.Wh, err == nil && c.Absent == "" && c.Wh >= 0
}

// spread parts a known total over the intervals with supply.
func (g *hole) spread(total int64) {
	if !g.anyLit && total > 0 {
		g.leave(MovedInOutage)
		return
	}
	weights, method, ok := g.shape()
	if !ok || g.anyLit && sum(g.byLight(weights)) == 0 {
		if !g.policy.Difference && g.anyLit {
			g.leave(NotEnough)
			return
		}
		weights, method = g.flat(), ByDifference
	}
	weights = g.byLight(weights)
	whole := sum(weights)
	var before uint64
	var given int64
	for i, w := range weights {
		before += w
		upTo := int64(0)
		if whole > 0 {
			upTo = shareOf(total, before, whole)
		}
		g.set(i, upTo-given, method, true)
		given = upTo
	}
}

// guess estimates without a total.
func (g *hole) guess() {
	weights, method, ok := g.shape()
	reason := NotEnough
	if g.period().Length() > g.policy.Longest {
		ok, reason = false, TooLong
	}
	if ok {
		weights = g.byLight(weights)
	}
	for i := range g.run() {
		switch {
		case g.lit[i] == 0:
			g.set(i, 0, ByInterruption, false)
		case ok:
			g.set(i, int64(weights[i]), method, false)
		default:
			g.run()[i].Absent = reason
		}
	}
}

func (g *hole) set(i int, wh int64, method Method, summed bool) {
	v := &g.run()[i]
	if g.lit[i] == 0 {
		method = ByInterruption
	}
	v.State, v.Wh, v.Method, v.Summed = Estimated, wh, method, summed
}

func (g *hole) leave(reason Reason) {
	for i := range g.run() {
		g.run()[i].Absent = reason
	}
}
