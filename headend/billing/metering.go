package billing

import (
	"slices"
	"time"

	"lastgasp/headend"
)

// Metering is one quantity of one usage point, ready to be asked. It is read-only.
type Metering struct {
	UsagePoint string
	Quantity   headend.Quantity
	policy     CutOff
	parts      []fitted
	ratios     []Multiplier
}

type fitted struct {
	Fitting
	chain *chain
}

// NewMetering proves the registers of a usage point. Points are by device, in order of time, no two of a device at
// the same time; those outside its fittings are not used. To say anything at a cut-off it needs the points around it.
// It returns headend.Unknown for a quantity that is no energy register, ErrSupply, or an error that names the points out of order.
func NewMetering(s Supply, quantity headend.Quantity, points map[headend.DeviceID][]Point, policy CutOff) (*Metering, error) {
	if !quantity.IsEnergy() {
		return nil, &headend.Unknown{What: "energy register", ID: string(quantity)}
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if err := policy.Validate(); err != nil {
		return nil, err
	}
	m := &Metering{UsagePoint: s.UsagePoint, Quantity: quantity, policy: policy, ratios: sortedMultipliers(s.Multipliers)}
	for _, f := range s.Fittings {
		c, err := newChain(f, quantity, points[f.Device], policy.DoubtfulTime)
		if err != nil {
			return nil, err
		}
		m.parts = append(m.parts, fitted{f, c})
	}
	slices.SortStableFunc(m.parts, func(a, b fitted) int { return a.From.Compare(b.From) })
	return m, nil
}

// Register is the register at a cut-off. At the moment of an exchange it is the new meter's.
func (m *Metering) Register(at time.Time) Read {
	var found *fitted
	for i := range m.parts {
		f := &m.parts[i]
		if f.From.After(at) || !f.To.IsZero() && !f.To.After(at) {
			continue
		}
		if found != nil {
			return Read{At: at.UTC(), Absent: TwoMeters}
		}
		found = f
	}
	if found == nil {
		return Read{At: at.UTC(), Absent: NoMeter}
	}
	return found.chain.at(at, m.policy)
}

// LeftOut is how many registers were not used: uncertain, or of doubtful time.
func (m *Metering) LeftOut() int {
	n := 0
	for _, f := range m.parts {
		n += f.chain.left
	}
	return n
}

// pieces cuts a period where the meter or the multiplier changes.
func (m *Metering) pieces(p Period) []Period {
	cuts := []time.Time{p.From, p.To}
	add := func(t time.Time) {
		if t.After(p.From) && t.Before(p.To) {
			cuts = append(cuts, t)
		}
	}
	for _, f := range m.parts {
		add(f.From)
		add(f.To)
	}
	for _, r := range m.ratios {
		add(r.From)
		add(r.To)
	}
	slices.SortFunc(cuts, time.Time.Compare)
	cuts = slices.CompactFunc(cuts, time.Time.Equal)
	pieces := make([]Period, 0, len(cuts)-1)
	for i := 1; i < len(cuts); i++ {
		pieces = append(pieces, Period{cuts[i-1], cuts[i]}.utc())
	}
	return pieces
}

// ratio is the multiplier over a piece.
func (m *Metering) ratio(p Period) (Multiplier, bool) {
	if len(m.ratios) == 0 {
		return once, true
	}
	for _, r := range m.ratios {
		if !r.From.After(p.From) && (r.To.IsZero() || !r.To.Before(p.To)) {
			return r, true
		}
	}
	return once, false
}

// meter is the one fitting over a piece.
func (m *Metering) meter(p Period) (*fitted, Reason) {
	var found *fitted
	for i := range m.parts {
		f := &m.parts[i]
		if f.From.After(p.From) || !f.To.IsZero() && f.To.Before(p.To) {
			continue
		}
		if found != nil {
			return nil, TwoMeters
		}
		found = f
	}
	if found == nil {
		return nil, NoMeter
	}
	return found, ""
}
