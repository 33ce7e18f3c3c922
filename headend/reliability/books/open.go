package books

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/reliability"
)

// CountedPage is a part of the interruptions that a figure is made of.
type CountedPage struct {
	Policy   string    `json:"policy"`
	Revision int64     `json:"revision"`
	AsOf     time.Time `json:"as_of"`
	Items    []Counted `json:"items"`
	Next     uint32    `json:"next,omitempty"` // number of the usage point to go on with; absent on the last page
}

// Counted is one interruption as the policy counts it.
type Counted struct {
	UsagePoint string            `json:"usage_point"`
	Unit       string            `json:"unit"` // the smallest it belongs to
	Start      *time.Time        `json:"start,omitempty"`
	End        *time.Time        `json:"end,omitempty"` // absent: open
	Day        reliability.Day   `json:"day"`           // it belongs to
	Minutes    reliability.Ratio `json:"minutes"`       // so far
	Observed   reliability.Ratio `json:"observed_minutes"`
	Sustained  bool              `json:"sustained"`
	Event      bool              `json:"momentary_event"` // one begins with it
	Ignored    bool              `json:"ignored"`         // momentary before a lockout, and the policy does not count those
	Category   string            `json:"category"`
	Counts     bool              `json:"counted"`
	Cause      string            `json:"cause,omitempty"` // of the earliest row
	Mixed      bool              `json:"mixed"`           // of rows with different causes
	Outage     int64             `json:"outage,omitempty"`
	Rows       []int64           `json:"rows"` // ids of the rows of the ledger it is made of
}

var errEnough = errors.New("enough")

// Interruptions opens a figure: the interruptions of a unit that began in the period, by number of usage point and time,
// beginning with the usage point of number first. A page has all interruptions of its usage points, so it may have some
// more than the limit.
func (o *Office) Interruptions(ctx context.Context, q headend.ReportRequest, first uint32, limit int) (out *CountedPage, err error) {
	err = o.store.ReadBooks(ctx, func(s headend.BookSnapshot) error {
		out, err = o.interruptions(ctx, s, q, first, limit)
		return err
	})
	return out, err
}

func (o *Office) interruptions(ctx context.Context, s headend.BookSnapshot, q headend.ReportRequest, first uint32, limit int) (*CountedPage, error) {
	r := &reporting{office: o, s: s, period: reliability.Period{From: dayOf(q.From), To: dayOf(q.To)}}
	if err := r.begin(ctx, q); err != nil {
		return nil, err
	}
	if q.Unit == "" {
		return nil, refuse("name the unit the interruptions are of")
	}
	u, ok := r.w.find(q.Unit)
	if !ok {
		return nil, &headend.Unknown{What: "organisation or node", ID: q.Unit}
	}
	r.by = reliability.ByOrganisation
	if !u.organisation {
		r.by = u.kind
	}
	out := &CountedPage{Policy: r.policy.Name, Revision: r.edition.Revision, AsOf: r.edition.AsOf, Items: []Counted{}}
	var numbers []uint32
	a, err := reliability.NewAccountant(reliability.Settings{Policy: r.policy, Calendar: o.calendar, Edition: r.edition, Grain: reliability.ByMonth,
		Trace: func(n *reliability.Counted) {
			if path := r.w.registry.Path(n.Place.Unit); n.Served && r.period.Has(n.Day) && slices.Contains(path, u.id) {
				out.Items = append(out.Items, countedOf(n, path[0]))
				numbers = append(numbers, n.UsagePoint)
			}
		}}, r.w.registry.View(r.by))
	if err != nil || r.edition.Revision == 0 {
		return out, err
	}
	if err := r.open(ctx, a, out, first, limit); err != nil {
		return nil, err
	}
	names, err := s.PointNames(ctx, numbers)
	if err != nil {
		return nil, fmt.Errorf("names of usage points: %w", err)
	}
	for i, n := range numbers {
		out.Items[i].UsagePoint = names[n]
	}
	return out, nil
}

// open passes usage points to the accountant until there is enough for a page.
func (r *reporting) open(ctx context.Context, a *reliability.Accountant, out *CountedPage, first uint32, limit int) error {
	var group []headend.Interruption
	pick := headend.BookRows{Revision: r.edition.Revision, First: first, From: r.office.calendar.Begin(r.period.From), To: r.office.calendar.Begin(r.period.To)}
	err := r.s.Rows(ctx, pick, func(row *headend.Interruption) error {
		if len(group) > 0 && group[0].UsagePoint != row.UsagePoint {
			if err := a.Take(group); err != nil {
				return err
			}
			group = group[:0]
			if len(out.Items) >= limit {
				out.Next = row.UsagePoint
				return errEnough
			}
		}
		group = append(group, *row)
		return nil
	})
	switch {
	case errors.Is(err, errEnough):
		return nil
	case err != nil:
		return err
	}
	return a.Take(group)
}

func countedOf(n *reliability.Counted, unit string) Counted {
	c := Counted{Unit: unit, Day: n.Day, Minutes: reliability.RatioOf(n.Length.Milliseconds(), 60_000), Observed: reliability.RatioOf(n.Observed.Milliseconds(), 60_000),
		Sustained: n.Sustained, Event: n.Event, Ignored: n.Ignored, Category: n.Category.Name, Counts: n.Category.Counted, Cause: n.Cause, Mixed: n.Mixed, Outage: n.Outage,
		Rows: slices.Clone(n.IDs)}
	if !n.Start.IsZero() {
		start := n.Start
		c.Start = &start
	}
	if !n.End.IsZero() {
		end := n.End
		c.End = &end
	}
	return c
}
