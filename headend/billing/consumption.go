package billing

import (
	"lastgasp/headend"
)

// Consumption is what a usage point drew (or fed in) over a period, after the multiplier.
type Consumption struct {
	Period   Period           `json:"period"`
	Quantity headend.Quantity `json:"quantity"`
	Wh       int64            `json:"wh"`                 // only where Absent is ""
	Absent   Reason           `json:"absent,omitempty"`   // of the first part that is not known
	AtLeast  int64            `json:"at_least,omitempty"` // the sum of the parts that are known
	How      How              `json:"how,omitempty"`      // the worst of all registers used
	Quality  headend.Quality  `json:"quality,omitempty"`
	Parts    []Part           `json:"parts,omitempty"` // one for each meter and multiplier, in order of time
}

// Part is the share of one meter under one multiplier.
type Part struct {
	Period     Period           `json:"period"`
	Meter      headend.DeviceID `json:"meter,omitempty"`
	Start      Read             `json:"start,omitzero"`
	End        Read             `json:"end,omitzero"`
	Register   int64            `json:"register_wh,omitempty"` // counted between them, before the multiplier
	Multiplier Multiplier       `json:"multiplier,omitzero"`
	Wh         int64            `json:"wh"`               // after it, rounded down register by register, so that parts that meet add up
	Rolled     bool             `json:"rolled,omitempty"` // the register went through zero
	Absent     Reason           `json:"absent,omitempty"`
}

// Consumption is what was counted over a period. It returns ErrPeriod for one that is none.
func (m *Metering) Consumption(p Period) (Consumption, error) {
	if err := p.Validate(); err != nil {
		return Consumption{}, err
	}
	c := Consumption{Period: p.utc(), Quantity: m.Quantity}
	for _, piece := range m.pieces(p) {
		part := m.part(piece)
		c.Parts = append(c.Parts, part)
		if part.Absent != "" {
			if c.Absent == "" {
				c.Absent = part.Absent
			}
			continue
		}
		if c.AtLeast += part.Wh; c.AtLeast < 0 {
			c.Absent, c.AtLeast = Overflow, 0
			return c, nil
		}
		c.How = max(c.How, part.Start.How, part.End.How)
		c.Quality |= part.Start.Quality | part.End.Quality
	}
	if c.Absent == "" {
		c.Wh = c.AtLeast
	}
	return c, nil
}

func (m *Metering) part(p Period) Part {
	part := Part{Period: p}
	f, absent := m.meter(p)
	if absent != "" {
		part.Absent = absent
		return part
	}
	part.Meter = f.Device
	part.Start, part.End = f.chain.at(p.From, m.policy), f.chain.at(p.To, m.policy)
	s := f.chain.span(part.Start, part.End)
	if part.Absent = s.absent; s.absent != "" {
		return part
	}
	part.Register, part.Rolled = s.wh, s.rolled
	ratio, ok := m.ratio(p)
	if !ok {
		part.Absent = NoMultiplier
		return part
	}
	part.Multiplier = ratio
	part.Wh, part.Absent = multiply(part.Start.Wh, s.wh, ratio)
	return part
}

// multiply is floor((start + counted) × ratio) − floor(start × ratio): the rounding belongs to the register, not to
// the period, so periods that meet at a register add up.
func multiply(start, counted int64, ratio Multiplier) (int64, Reason) {
	if start+counted < 0 {
		return 0, Overflow
	}
	high, ok := ratio.apply(start + counted)
	low, fits := ratio.apply(start)
	if !ok || !fits {
		return 0, Overflow
	}
	return high - low, ""
}
