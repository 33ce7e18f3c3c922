package billing

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"

	"lastgasp/headend"
)

// Supply is how a usage point was measured: which meters, and by what their registers are multiplied.
type Supply struct {
	UsagePoint  string
	Fittings    []Fitting
	Multipliers []Multiplier // none: 1 at all times; else times that none covers have no known consumption
}

// Fitting is an installation with what was noted when the meter came and went.
type Fitting struct {
	Device   headend.DeviceID
	From, To time.Time // To zero: still installed
	Dials    map[headend.Quantity]Dial
	First    map[headend.Quantity]int64 // registers noted at From, Wh; a register without one needs a read
	Final    map[headend.Quantity]int64 // registers noted at To, Wh
}

func (f Fitting) period() Period { return Period{f.From, f.To} }

// Multiplier is the ratio of current and voltage transformers, Numerator/Denominator, from From until To.
type Multiplier struct {
	Numerator   int64     `json:"numerator"`
	Denominator int64     `json:"denominator"`
	From        time.Time `json:"from,omitzero"` // zero: no limit on that side
	To          time.Time `json:"to,omitzero"`
}

var once = Multiplier{Numerator: 1, Denominator: 1}

// apply is floor(register × ratio).
func (m Multiplier) apply(register int64) (int64, bool) {
	high, low := bits.Mul64(uint64(register), uint64(m.Numerator))
	if high >= uint64(m.Denominator) {
		return 0, false
	}
	q, _ := bits.Div64(high, low, uint64(m.Denominator))
	return int64(q), q <= math.MaxInt64
}

// ErrSupply says that what is given about a usage point contradicts itself.
var ErrSupply = errors.New("supply of a usage point")

// Validate returns ErrSupply with the first contradiction: a fitting or multiplier upside down, multipliers that
// overlap or are not positive, a dial out of bounds, a noted register below zero. Fittings that overlap are no
// error: the consumption of that time is not known (TwoMeters).
func (s Supply) Validate() error {
	for _, f := range s.Fittings {
		if f.From.IsZero() || !f.To.IsZero() && f.To.Before(f.From) {
			return fmt.Errorf("%w: meter %s at %s has no beginning, or an end before it", ErrSupply, f.Device, s.UsagePoint)
		}
		for quantity, dial := range f.Dials {
			if err := dial.Validate(); err != nil {
				return fmt.Errorf("%w: meter %s, %s: %w", ErrSupply, f.Device, quantity, err)
			}
		}
		for _, noted := range []map[headend.Quantity]int64{f.First, f.Final} {
			for quantity, wh := range noted {
				if wh < 0 {
					return fmt.Errorf("%w: meter %s, %s: noted register %d Wh is below zero", ErrSupply, f.Device, quantity, wh)
				}
			}
		}
	}
	return s.validateMultipliers()
}

func (s Supply) validateMultipliers() error {
	sorted := sortedMultipliers(s.Multipliers)
	for i, m := range sorted {
		if m.Numerator <= 0 || m.Denominator <= 0 {
			return fmt.Errorf("%w: multiplier %d/%d of %s is not positive", ErrSupply, m.Numerator, m.Denominator, s.UsagePoint)
		}
		if !m.To.IsZero() && !m.From.Before(m.To) {
			return fmt.Errorf("%w: a multiplier of %s ends before it begins", ErrSupply, s.UsagePoint)
		}
		if i > 0 && (sorted[i-1].To.IsZero() || sorted[i-1].To.After(m.From)) {
			return fmt.Errorf("%w: two multipliers of %s at %s", ErrSupply, s.UsagePoint, m.From.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

func sortedMultipliers(list []Multiplier) []Multiplier {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b Multiplier) int { return a.From.Compare(b.From) })
	return sorted
}
