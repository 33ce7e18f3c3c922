package reliability

import (
	"slices"
	"time"

	"lastgasp/headend"
)

// Place is where a usage point belonged at a moment.
type Place struct {
	Unit   Unit           // what it is summed under
	Phases headend.Phases // 0: not known, taken as three
	VA     int64          // connected load in volt-amperes; 0: not known
}

// Places tells where usage points belonged. It may keep a memory, so each goroutine has one of its own.
type Places interface {
	// At tells where the usage point belonged; false where it had no customer: not yet, no longer, never.
	At(usagePoint uint32, t time.Time) (Place, bool)
}

// Counted is one interruption as a policy counts it: what the figures are opened down to.
type Counted struct {
	UsagePoint uint32
	Place      Place
	Served     bool // there was a customer; without one it is only shown
	Day        Day  // the local day it began on, to which it belongs wholly
	Start      time.Time
	End        time.Time     // zero: open
	Length     time.Duration // so far
	Observed   time.Duration // of Length, with evidence of its own; the rest is inferred
	Inferred   bool          // no evidence of its own at all
	Open       bool
	Sustained  bool
	Ignored    bool // a momentary one before a lockout that the policy does not count
	Event      bool // a momentary event begins with it
	Category   *Category
	Listed     bool    // its cause stands in the policy's table
	Cause      string  // of the earliest row
	Outage     int64   // of the earliest row
	IDs        []int64 // of the rows it is made of
	Mixed      bool    // rows of different causes are in it
}

// counter turns the rows of one usage point into what a policy counts. It is for one goroutine and uses its
// memory again for the next usage point.
type counter struct {
	policy   *Policy
	places   Places
	calendar *Calendar
	edition  Edition

	partial, unknown *Category
	verdicts         map[ground]verdict

	pieces []piece
	spans  []span
	beside []span
	out    []Counted
	rows   []headend.Interruption
	ids    []int64
}

func newCounter(p *Policy, places Places, c *Calendar, e Edition) *counter {
	e.AsOf = e.AsOf.Truncate(time.Millisecond)
	return &counter{policy: p, places: places, calendar: c, edition: e, partial: p.category(PartialPhase), unknown: p.category(StartUnknown), verdicts: map[ground]verdict{}}
}

// count is what the rows of one usage point count as, in order of time. The result holds until the next call.
func (c *counter) count(rows []headend.Interruption) ([]Counted, error) {
	held := rows
	if !c.edition.plain(rows) {
		c.rows = append(c.rows[:0], rows...)
		var err error
		if held, err = c.edition.hold(c.rows); err != nil {
			return nil, err
		}
	}
	c.pieces, c.spans, c.beside, c.out, c.ids = c.pieces[:0], c.spans[:0], c.beside[:0], c.out[:0], c.ids[:0]
	phases := false
	for i := range held {
		r := &held[i]
		if r.Start.IsZero() {
			c.startUnknown(r)
			continue
		}
		p, happened, err := c.edition.pieceOf(r)
		if err != nil {
			return nil, err
		}
		if happened {
			c.pieces = append(c.pieces, p)
			phases = phases || r.Phases != 0
		}
	}
	c.join(phases)
	for i := range c.spans {
		c.take(&c.spans[i], nil)
	}
	c.momentary()
	for i := range c.beside {
		c.take(&c.beside[i], c.partial)
	}
	return c.out, nil
}

// join makes spans of pieces, and sets aside what a policy that asks for all phases does not count.
func (c *counter) join(phases bool) {
	if c.policy.OnePhase || !phases {
		c.spans = merge(c.pieces, c.spans)
		return
	}
	has := headend.Phases(0)
	for _, p := range c.pieces {
		if place, ok := c.places.At(p.row.UsagePoint, time.UnixMilli(p.start)); ok {
			has |= place.Phases
		}
	}
	whole, partial := splitPhases(c.pieces, has)
	c.spans = merge(whole, c.spans)
	c.beside = merge(partial, c.beside)
}

func (c *counter) startUnknown(r *headend.Interruption) {
	t := r.End
	if t.IsZero() || t.After(c.edition.AsOf) {
		t = c.edition.AsOf
	}
	place, served := c.places.At(r.UsagePoint, t)
	c.out = append(c.out, Counted{UsagePoint: r.UsagePoint, Place: place, Served: served, Day: c.calendar.DayAt(t), End: r.End,
		Open: r.End.IsZero(), Inferred: r.Inferred, Category: c.unknown, Listed: true, Cause: r.Cause, Outage: r.Outage, IDs: []int64{r.ID}})
}

// take counts one span. The category is that of its cause unless it is given.
func (c *counter) take(s *span, category *Category) {
	n := Counted{UsagePoint: s.row.UsagePoint, Day: c.calendar.dayAt(s.start), Start: time.UnixMilli(s.start).UTC(),
		Length: time.Duration(s.end-s.start) * time.Millisecond, Observed: time.Duration(s.observed) * time.Millisecond,
		Inferred: s.inferred, Open: s.open, Category: category, Listed: true, Cause: s.row.Cause, Outage: s.row.Outage, Mixed: s.mixed}
	n.Place, n.Served = c.places.At(n.UsagePoint, n.Start)
	if !s.open {
		n.End = time.UnixMilli(s.end).UTC()
	}
	if category == nil {
		n.Category, n.Listed = c.categoryOf(s.row)
	}
	n.IDs = c.name(s)
	n.Sustained = s.open || c.policy.Sustained.Holds(n.Length)
	c.out = append(c.out, n)
}

// verdict is what a policy makes of a cause; it is asked for each interruption, and there are few of them.
type verdict struct {
	category *Category
	listed   bool
}

type ground struct {
	cause                  string
	planned, own, declared bool
}

func (c *counter) categoryOf(row *headend.Interruption) (*Category, bool) {
	g := ground{row.Cause, row.Planned, row.Own, row.Declared}
	v, ok := c.verdicts[g]
	if !ok {
		v.category, v.listed = c.policy.CategoryOf(row)
		if len(c.verdicts) < maxVerdicts {
			c.verdicts[g] = v
		}
	}
	return v.category, v.listed
}

// maxVerdicts bounds the memory of causes: a ledger may hold any text.
const maxVerdicts = 4096

// momentary finds the events among the counted ones: the first momentary one opens a window; others within it
// belong to it; a sustained one within it is a lockout, and there was no event.
func (c *counter) momentary() {
	m := &c.policy.Momentary
	first := -1
	for i := range c.out {
		n := &c.out[i]
		if !n.Category.Counted || !n.Served {
			continue
		}
		inside := first >= 0 && m.Window.Holds(n.Start.Sub(c.out[first].Start))
		switch {
		case n.Sustained:
			if inside {
				c.lockout(first, i)
			}
			first = -1
		case !inside:
			n.Event, first = m.Events, i
		}
	}
}

func (c *counter) lockout(first, sustained int) {
	c.out[first].Event = false
	if c.policy.Momentary.LockoutCounts {
		return
	}
	for i := first; i < sustained; i++ {
		c.out[i].Ignored = true
	}
}

// name notes which rows an interruption was made of, each once.
func (c *counter) name(s *span) []int64 {
	from := len(c.ids)
	for _, p := range s.pieces {
		c.ids = append(c.ids, p.row.ID)
	}
	slices.Sort(c.ids[from:])
	ids := slices.Compact(c.ids[from:])
	return ids[:len(ids):len(ids)]
}
