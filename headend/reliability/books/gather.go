package books

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/reliability"
)

// need is what sums are needed of.
type need struct {
	policy  *reliability.Policy
	by      string
	period  reliability.Period
	skip    map[reliability.Day]bool // days that must have cells of their own
	sets    bool
	edition reliability.Edition
}

// whole tells whether a month is wanted as a whole, not day by day.
func (n *need) whole(m reliability.Month) bool {
	p := m.Period()
	if p.From < n.period.From || p.To > n.period.To {
		return false
	}
	for d := range n.skip {
		if p.Has(d) {
			return false
		}
	}
	return true
}

// gathered are sums with where they come from.
type gathered struct {
	*reliability.Books
	notes  map[noteKey]int64
	stored bool // from stored sums
}

// gather makes sums from what is stored and what has changed since; where that cannot be, from the ledger. Failures that were
// only counted come on top: they are in no stored sum.
func (o *Office) gather(ctx context.Context, s headend.BookSnapshot, w *world, st *headend.BookStanding, n *need) (*gathered, error) {
	var out *gathered
	var err error
	if o.canServe(st, n) {
		out, err = o.fromSums(ctx, s, w, st, n)
	} else {
		out, err = o.fromLedger(ctx, s, w, n)
	}
	if err != nil {
		return nil, err
	}
	return out, o.addShort(ctx, s, w, n, out)
}

// canServe tells whether stored sums serve: the ledger as it is now, sums that are kept, sets where they are asked for.
func (o *Office) canServe(st *headend.BookStanding, n *need) bool {
	if !o.usable(st) || n.edition.Revision != st.Revision || n.edition.AsOf.Before(st.Stored.AsOf) ||
		!slices.Contains(o.options.Views, n.by) || o.options.Policies[n.policy.Name] != n.policy {
		return false
	}
	if dayCells(n.policy, n.by) && (!n.sets || daySets(n.policy)) {
		return true
	}
	for _, part := range n.period.Months() {
		if !n.whole(part.From.Month()) {
			return false
		}
	}
	return true
}

func (o *Office) fromSums(ctx context.Context, s headend.BookSnapshot, w *world, st *headend.BookStanding, n *need) (*gathered, error) {
	pick := headend.BookPick{BookKey: keyOf(n.policy, n.by), Customers: n.sets}
	for _, part := range n.period.Months() {
		if m := part.From.Month(); n.whole(m) {
			pick.Months = append(pick.Months, int32(m))
		} else {
			pick.Days = append(pick.Days, int32(m))
		}
	}
	found, err := s.Cells(ctx, pick)
	if err != nil {
		return nil, err
	}
	cells, err := cellsOf(w, n.by, found)
	if err != nil {
		return nil, err
	}
	out := &gathered{notes: map[noteKey]int64{}, stored: true, Books: &reliability.Books{Policy: n.policy, Calendar: o.calendar, Edition: n.edition, Cells: cells, Unlisted: map[string]int64{}}}
	stored, err := s.Notes(ctx, pick.BookKey)
	if err != nil {
		return nil, fmt.Errorf("notes: %w", err)
	}
	for _, note := range stored {
		out.notes[noteKey{reliability.Month(note.Month), note.Cause}] += note.Count
	}
	d, err := o.since(ctx, s, w, st, n.policy, n.by, n.edition, n.sets)
	if err != nil || d == nil {
		return out, err
	}
	for k, count := range d.notes {
		out.notes[k] += count
	}
	inside := func(b *reliability.Books) *reliability.Books {
		in := grained(b, n.whole, false)
		maps.DeleteFunc(in.Cells, func(c reliability.Cell, _ *reliability.Sum) bool {
			return c.Month < n.period.From.Month() || c.Month > (n.period.To-1).Month()
		})
		in.Unlisted = nil
		return in
	}
	out.Replace(d.points, inside(d.before), inside(d.after))
	return out, nil
}

// since is what has changed since the stored sums were made; nil for nothing.
func (o *Office) since(ctx context.Context, s headend.BookSnapshot, w *world, st *headend.BookStanding, p *reliability.Policy, by string, now reliability.Edition, sets bool) (*difference, error) {
	points, err := s.Changed(ctx, st.Stored.Revision, st.Stored.AsOf)
	if err != nil || len(points) == 0 {
		return nil, err
	}
	groups, err := readGroups(ctx, s, headend.BookRows{Points: points, Versions: true})
	if err != nil {
		return nil, err
	}
	return o.difference(w, p, by, groups, &reliability.Edition{Revision: st.Stored.Revision, AsOf: st.Stored.AsOf}, now, sets)
}

func (o *Office) fromLedger(ctx context.Context, s headend.BookSnapshot, w *world, n *need) (*gathered, error) {
	a, books, err := o.accountant(w, n.policy, n.by, n.edition, reliability.ByDay, n.sets)
	if err != nil {
		return nil, err
	}
	if n.edition.Revision > 0 {
		err = account(ctx, s, a, headend.BookRows{Revision: n.edition.Revision, From: o.calendar.Begin(n.period.From.Month().First()),
			To: o.calendar.Begin(((n.period.To - 1).Month() + 1).First())}) // whole months, for the notes
		if err != nil {
			return nil, err
		}
	}
	out := &gathered{Books: grained(books.Books, n.whole, false), notes: books.notes}
	maps.DeleteFunc(out.Cells, func(c reliability.Cell, _ *reliability.Sum) bool {
		return c.Month < n.period.From.Month() || c.Month > (n.period.To-1).Month()
	})
	return out, nil
}

// account passes rows to an accountant, usage point by usage point.
func account(ctx context.Context, s headend.BookSnapshot, a *reliability.Accountant, pick headend.BookRows) error {
	var group []headend.Interruption
	err := s.Rows(ctx, pick, func(r *headend.Interruption) error {
		if len(group) > 0 && group[0].UsagePoint != r.UsagePoint {
			if err := a.Take(group); err != nil {
				return err
			}
			group = group[:0]
		}
		group = append(group, *r)
		return nil
	})
	if err != nil {
		return err
	}
	return a.Take(group)
}

// days are the daily totals of an organisation over a period: imported where they are, else of the ledger from its
// first day on. A day that nobody has counted is not among them.
func (o *Office) days(ctx context.Context, s headend.BookSnapshot, w *world, st *headend.BookStanding, p *reliability.Policy, id string, period reliability.Period, edition reliability.Edition) ([]reliability.DailyTotal, error) {
	imported, err := s.DaySums(ctx, id, dateOf(period.From), dateOf(period.To))
	if err != nil {
		return nil, fmt.Errorf("imported days: %w", err)
	}
	totals := map[reliability.Day]reliability.DailyTotal{}
	first, last, err := s.Span(ctx)
	if err != nil {
		return nil, err
	}
	if !first.IsZero() {
		begin := reliability.Period{From: max(period.From, o.calendar.DayAt(first)), To: min(period.To, o.calendar.DayAt(maxTime(last, edition.AsOf))+1)}
		if begin.Days() > 0 && len(imported) < begin.Days() {
			if err := o.ledgerDays(ctx, s, w, st, p, id, begin, edition, totals); err != nil {
				return nil, err
			}
		}
	}
	for _, d := range imported {
		totals[dayOf(d.Date)] = reliability.DailyTotal{Day: dayOf(d.Date), Customers: d.Customers, CI: d.CI, CMS: d.CMS}
	}
	return slices.Collect(maps.Values(totals)), nil
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// ledgerDays are daily totals from the ledger, by the sums where they serve.
func (o *Office) ledgerDays(ctx context.Context, s headend.BookSnapshot, w *world, st *headend.BookStanding, p *reliability.Policy, id string, period reliability.Period, edition reliability.Edition, into map[reliability.Day]reliability.DailyTotal) error {
	census, err := o.served(ctx, s, w, reliability.ByOrganisation)
	if err != nil {
		return err
	}
	n := &need{policy: p, by: reliability.ByOrganisation, period: period, edition: edition, skip: everyDay(period)}
	if !o.canServe(st, n) {
		b, err := o.fromLedger(ctx, s, w, n)
		if err != nil {
			return err
		}
		return daily(b.Books, w, id, period, census, into)
	}
	d, err := o.since(ctx, s, w, st, p, n.by, edition, false)
	if err != nil {
		return err
	}
	none := &reliability.Books{Policy: p, Calendar: o.calendar, Edition: edition, Cells: map[reliability.Cell]*reliability.Sum{}}
	if d != nil {
		minus := map[reliability.Day]reliability.DailyTotal{}
		if err := daily(d.before, w, id, period, census, minus); err != nil {
			return err
		}
		if err := daily(d.after, w, id, period, census, into); err != nil {
			return err
		}
		for day, t := range minus {
			sum := into[day]
			into[day] = reliability.DailyTotal{Day: day, Customers: t.Customers, CI: sum.CI - t.CI, CMS: sum.CMS - t.CMS}
		}
	} else if err := daily(none, w, id, period, census, into); err != nil {
		return err
	}
	var counted []string
	for _, c := range p.Categories {
		if c.Counted {
			counted = append(counted, c.Name)
		}
	}
	stored, err := s.Days(ctx, keyOf(p, n.by), id, counted, int32(period.From), int32(period.To))
	if err != nil {
		return fmt.Errorf("stored days: %w", err)
	}
	for _, t := range stored {
		sum, ok := into[reliability.Day(t.Day)]
		if !ok {
			return errors.New("stored days of which nobody has counted the customers")
		}
		sum.CI, sum.CMS = sum.CI+t.CI, sum.CMS+t.CMS
		into[sum.Day] = sum
	}
	return nil
}

func daily(b *reliability.Books, w *world, id string, period reliability.Period, census *reliability.Census, into map[reliability.Day]reliability.DailyTotal) error {
	list, err := b.Daily(w.registry.Members(reliability.ByOrganisation, id), period, census.For(id))
	for _, t := range list {
		into[t.Day] = t
	}
	return err
}

func everyDay(p reliability.Period) map[reliability.Day]bool {
	out := map[reliability.Day]bool{}
	for _, part := range p.Months() {
		out[part.From] = true
	}
	return out
}
