package books

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"slices"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/reliability"
)

// LossReport is the energy balance of units between two midnights.
type LossReport struct {
	By   string    `json:"by"`
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Rows []LossRow `json:"rows"`
}

// LossRow is the balance of one unit.
type LossRow struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Level int    `json:"level"`
	reliability.Losses
	Target  reliability.Ratio `json:"target_percent"`
	Formula string            `json:"formula"` // "own" where terms were imported, else "usual"
}

// Losses balances units. A unit with imported terms is balanced by them; a node without any by the usual formula:
// received is what the devices that stand for it imported, less what they exported, and what usage points below fed in;
// delivered is what usage points below imported. Organisations without terms are left out: what flows over their borders
// is not in the registry.
func (o *Office) Losses(ctx context.Context, q headend.ReportRequest) (out *LossReport, err error) {
	err = o.store.ReadBooks(ctx, func(s headend.BookSnapshot) error {
		out, err = o.losses(ctx, s, q)
		return err
	})
	return out, err
}

// balance is the losses under way.
type balance struct {
	reporting
	from, to time.Time
	terms    map[string][]reliability.Term
	metered  map[string]*headend.MeteredPoint
	devices  map[string][]string // by node: devices that stand for it
	points   []*headend.MeteredPoint
}

func (o *Office) losses(ctx context.Context, s headend.BookSnapshot, q headend.ReportRequest) (*LossReport, error) {
	b := &balance{reporting: reporting{office: o, s: s, period: reliability.Period{From: dayOf(q.From), To: dayOf(q.To)}}}
	if b.period.Days() == 0 || b.period.Days() > longest {
		return nil, refuse("the period %s: it must not be empty and may have at most %d days", b.period, longest)
	}
	b.from, b.to = o.calendar.Begin(b.period.From).UTC(), o.calendar.Begin(b.period.To).UTC()
	if b.to.After(o.now()) {
		return nil, refuse("the period %s is not over yet", b.period)
	}
	q.By = cmp.Or(q.By, "transformer")
	var err error
	if b.st, err = s.Standing(ctx); err != nil {
		return nil, err
	}
	if b.w, err = o.theWorld(ctx, s, b.st.Registry); err != nil {
		return nil, err
	}
	units, err := b.units(q)
	if err != nil {
		return nil, err
	}
	if err := b.read(ctx); err != nil {
		return nil, err
	}
	below := b.below(units)
	out := &LossReport{By: q.By, From: o.local(b.from), To: o.local(b.to), Rows: []LossRow{}}
	for _, u := range units {
		f := &reliability.Formula{ID: u.id, Terms: b.terms[u.id]}
		row := LossRow{ID: u.id, Name: u.name, Kind: u.kind, Level: u.level, Formula: "own"}
		if len(f.Terms) == 0 {
			if u.organisation || len(b.devices[u.id]) == 0 {
				continue // nothing says what it receives
			}
			f.Terms, row.Formula = b.usual(u.id), "usual"
		}
		sum, err := reliability.Balance(f, b.from, b.to, below[u.id], b.energy)
		if err != nil {
			return nil, &headend.BadRequest{Reason: err.Error()}
		}
		row.Losses = sum.Losses()
		if row.Target, err = b.target(u.id); err != nil {
			return nil, err
		}
		out.Rows = append(out.Rows, row)
	}
	return out, nil
}

// read reads formulas, registers and targets.
func (b *balance) read(ctx context.Context) error {
	terms, err := b.s.LossTerms(ctx)
	if err != nil {
		return fmt.Errorf("formulas: %w", err)
	}
	b.terms = map[string][]reliability.Term{}
	for _, t := range terms {
		term := reliability.Term{Side: reliability.Received, Sign: t.Sign, Point: t.Point, AllBelow: t.Point == "", Register: reliability.Import, Label: t.Label}
		if t.Side == "delivered" {
			term.Side = reliability.Delivered
		}
		if t.Register == "export" {
			term.Register = reliability.Export
		}
		b.terms[t.Unit] = append(b.terms[t.Unit], term)
	}
	points, err := b.s.Metered(ctx, b.from, b.to)
	if err != nil {
		return fmt.Errorf("registers: %w", err)
	}
	b.metered, b.devices = map[string]*headend.MeteredPoint{}, map[string][]string{}
	for i := range points {
		p := &points[i]
		if p.Node != "" {
			b.devices[p.Node] = append(b.devices[p.Node], p.ID)
			if b.metered[p.ID] == nil { // a usage point of the same id goes before
				b.metered[p.ID] = p
			}
			continue
		}
		b.metered[p.ID] = p
		b.points = append(b.points, p)
	}
	b.targets, err = b.s.Targets(ctx)
	return err
}

// below are the usage points below each unit at the end of the time.
func (b *balance) below(units []placed) map[string][]string {
	wanted := map[string]bool{}
	kinds := map[string]bool{}
	for _, u := range units {
		wanted[u.id] = true
		kinds[cmp.Or(map[bool]string{true: reliability.ByOrganisation}[u.organisation], u.kind)] = true
	}
	out := map[string][]string{}
	last := b.to.Add(-time.Millisecond)
	for kind := range kinds {
		view := b.w.registry.View(kind)
		for _, p := range b.points {
			place, ok := view.At(p.UsagePoint, last)
			if !ok {
				continue
			}
			for _, id := range b.w.registry.Path(place.Unit) {
				if u, found := b.w.find(id); wanted[id] && found && (u.organisation || u.kind == kind) {
					out[id] = append(out[id], p.ID)
				}
			}
		}
	}
	return out
}

// usual is the formula of a node without one of its own.
func (b *balance) usual(node string) []reliability.Term {
	var terms []reliability.Term
	devices := slices.Clone(b.devices[node])
	slices.Sort(devices)
	for _, d := range devices {
		terms = append(terms, reliability.Term{Side: reliability.Received, Sign: 1, Point: d, Register: reliability.Import},
			reliability.Term{Side: reliability.Received, Sign: -1, Point: d, Register: reliability.Export})
	}
	return append(terms, reliability.Term{Side: reliability.Received, Sign: 1, AllBelow: true, Register: reliability.Export, Label: "embedded generation"},
		reliability.Term{Side: reliability.Delivered, Sign: 1, AllBelow: true, Register: reliability.Import})
}

func (b *balance) energy(point string) (reliability.Metered, bool) {
	p := b.metered[point]
	if p == nil || !p.Known {
		return reliability.Metered{}, false
	}
	return reliability.Metered{From: p.From, To: p.To, ImportWh: p.ImportWh, ExportWh: p.ExportWh}, true
}

// target is the percentage of the year of the last day.
func (b *balance) target(id string) (reliability.Ratio, error) {
	for _, t := range b.targets {
		if t.Organisation == id && t.Index == "losses" && t.Year == (b.period.To-1).Year() {
			value, ok := new(big.Rat).SetString(t.Value)
			if !ok {
				return reliability.None, fmt.Errorf("target of %s is %q, no number", id, t.Value)
			}
			return reliability.Exactly(value), nil
		}
	}
	return reliability.None, nil
}
