package reliability

import (
	"errors"
	"fmt"
	"time"
)

// Side is on which side of the balance a term stands.
type Side uint8

// Sides of the balance.
const (
	Received  Side = iota + 1 // import, embedded generation (+), export over ties (-)
	Delivered                 // meters below, own use
)

// Register is which energy of a metering point is meant.
type Register uint8

// Registers.
const (
	Import Register = iota + 1
	Export
)

// Term is one metering point of a formula, or all usage points below the node.
type Term struct {
	Side     Side
	Sign     int // +1 or -1
	Point    string
	AllBelow bool // in place of Point: every usage point below the node at the end of the time
	Register Register
	Label    string // what it is, for people: "own use"
}

// Formula says how the energy balance of a node, or of an organisation, is made: data, one for each.
type Formula struct {
	ID    string // of the node or organisation
	Terms []Term
}

// Check tells every fault of the formula.
func (f *Formula) Check() error {
	var faults []error
	received := false
	type key struct {
		point    string
		register Register
	}
	seen := map[key]bool{}
	for i, t := range f.Terms {
		refuse := func(format string, args ...any) {
			faults = append(faults, fmt.Errorf("formula of %s, term %d: %s", f.ID, i+1, fmt.Sprintf(format, args...)))
		}
		k := key{t.Point, t.Register}
		switch {
		case t.Side != Received && t.Side != Delivered:
			refuse("is on neither side of the balance")
		case t.Sign != 1 && t.Sign != -1:
			refuse("has the sign %d, which is not +1 or -1", t.Sign)
		case t.Register != Import && t.Register != Export:
			refuse("says neither import nor export")
		case t.AllBelow == (t.Point != ""):
			refuse("names a metering point and all below, or neither")
		case seen[k]:
			refuse("names %q a second time", t.Point)
		}
		seen[k] = true
		received = received || t.Side == Received && t.Sign > 0
	}
	if !received {
		faults = append(faults, fmt.Errorf("formula of %s: nothing is received", f.ID))
	}
	return errors.Join(faults...)
}

// Metered is the energy of one metering point between two moments at which its registers were read, or for which they
// were estimated.
type Metered struct {
	From, To  time.Time
	ImportWh  int64
	ExportWh  int64
	Estimated bool
}

// LossSum is an energy balance: whole watt-hours that can be added, over nodes and over times that follow each other.
type LossSum struct {
	ReceivedWh  int64 `json:"received_wh"`
	DeliveredWh int64 `json:"delivered_wh"`
	EstimatedWh int64 `json:"estimated_wh"` // of DeliveredWh and ReceivedWh together, without sign
	// Wanted is how many metering points the formula names, Have how many of them gave energy between exactly the two
	// moments; Shifted have some, between others, which is not used.
	ReceivedWanted  int64 `json:"received_wanted"`
	ReceivedHave    int64 `json:"received_have"`
	DeliveredWanted int64 `json:"delivered_wanted"`
	DeliveredHave   int64 `json:"delivered_have"`
	Shifted         int64 `json:"shifted"`
}

// Add adds what o balanced.
func (s *LossSum) Add(o *LossSum) {
	s.ReceivedWh += o.ReceivedWh
	s.DeliveredWh += o.DeliveredWh
	s.EstimatedWh += o.EstimatedWh
	s.ReceivedWanted += o.ReceivedWanted
	s.ReceivedHave += o.ReceivedHave
	s.DeliveredWanted += o.DeliveredWanted
	s.DeliveredHave += o.DeliveredHave
	s.Shifted += o.Shifted
}

// Balance sums a formula between two moments. Only energy with exactly these boundaries counts: a reading a day later
// would move the loss by more than the loss is. below are the usage points for terms of AllBelow.
func Balance(f *Formula, from, to time.Time, below []string, metered func(point string) (Metered, bool)) (*LossSum, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	if !from.Before(to) {
		return nil, fmt.Errorf("balance of %s from %s until %s", f.ID, from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	// A metering point that a term names is not counted again among all below.
	type key struct {
		point    string
		register Register
	}
	named := map[key]bool{}
	for _, t := range f.Terms {
		if !t.AllBelow {
			named[key{t.Point, t.Register}] = true
		}
	}
	s := &LossSum{}
	for i := range f.Terms {
		t := &f.Terms[i]
		if !t.AllBelow {
			s.take(t, t.Point, from, to, metered)
			continue
		}
		for _, point := range below {
			if !named[key{point, t.Register}] {
				s.take(t, point, from, to, metered)
			}
		}
	}
	return s, nil
}

func (s *LossSum) take(t *Term, point string, from, to time.Time, metered func(string) (Metered, bool)) {
	wh, wanted, have := &s.ReceivedWh, &s.ReceivedWanted, &s.ReceivedHave
	if t.Side == Delivered {
		wh, wanted, have = &s.DeliveredWh, &s.DeliveredWanted, &s.DeliveredHave
	}
	*wanted++
	m, ok := metered(point)
	switch {
	case !ok:
		return
	case !m.From.Equal(from) || !m.To.Equal(to):
		s.Shifted++
		return
	}
	*have++
	energy := m.ImportWh
	if t.Register == Export {
		energy = m.ExportWh
	}
	*wh += int64(t.Sign) * energy
	if m.Estimated {
		s.EstimatedWh += energy
	}
}

// Losses are a balance as it is shown.
type Losses struct {
	ReceivedWh  int64 `json:"received_wh"`
	DeliveredWh int64 `json:"delivered_wh"`
	LossWh      int64 `json:"loss_wh"`
	EstimatedWh int64 `json:"estimated_wh"`
	Percent     Ratio `json:"percent"` // of received; None where what was received is not wholly known, or is not above 0
	// Completeness is the share of delivering metering points that gave energy with the right boundaries: what is
	// missing looks like loss.
	Completeness         Ratio    `json:"completeness"`
	ReceivedCompleteness Ratio    `json:"received_completeness"`
	Shifted              int64    `json:"shifted"`
	Negative             bool     `json:"negative"`
	Flags                []string `json:"flags"`
}

// Losses makes the figures. Nothing is corrected: a negative loss stays negative and is flagged.
func (s *LossSum) Losses() Losses {
	l := Losses{ReceivedWh: s.ReceivedWh, DeliveredWh: s.DeliveredWh, LossWh: s.ReceivedWh - s.DeliveredWh, EstimatedWh: s.EstimatedWh,
		Completeness: RatioOf(s.DeliveredHave, s.DeliveredWanted), ReceivedCompleteness: RatioOf(s.ReceivedHave, s.ReceivedWanted), Shifted: s.Shifted}
	flag := func(set bool, text string) {
		if set {
			l.Flags = append(l.Flags, text)
		}
	}
	whole := s.ReceivedHave == s.ReceivedWanted
	flag(!whole, "what was received is not wholly known: no percentage")
	flag(s.DeliveredHave < s.DeliveredWanted, "deliveries are missing, which looks like loss")
	flag(s.Shifted > 0, "readings at other boundaries were not used")
	flag(whole && s.ReceivedWh <= 0, "nothing was received: no percentage")
	if whole && s.ReceivedWh > 0 {
		l.Percent = RatioOf(100*s.ReceivedWh-100*s.DeliveredWh, s.ReceivedWh)
	}
	l.Negative = l.LossWh < 0
	flag(l.Negative, "negative: readings not at the same time, an import that is not metered, a wrong topology or a wrong transformer ratio")
	return l
}
