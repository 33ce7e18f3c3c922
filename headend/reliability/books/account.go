package books

import (
	"context"
	"maps"

	"github.com/RoaringBitmap/roaring/v2"

	"lastgasp/headend"
	"lastgasp/headend/reliability"
)

// readGroups reads rows, one group for each usage point.
func readGroups(ctx context.Context, s headend.BookSnapshot, pick headend.BookRows) (groups [][]headend.Interruption, err error) {
	var all []headend.Interruption
	var begins []int
	err = s.Rows(ctx, pick, func(r *headend.Interruption) error {
		if len(all) == 0 || all[len(all)-1].UsagePoint != r.UsagePoint {
			begins = append(begins, len(all))
		}
		all = append(all, *r)
		return nil
	})
	for i, begin := range begins {
		end := len(all)
		if i+1 < len(begins) {
			end = begins[i+1]
		}
		groups = append(groups, all[begin:end:end])
	}
	return groups, err
}

// noteKey is what is counted beside the units.
type noteKey struct {
	month reliability.Month
	cause string // notServed: where no customer was
}

const notServed = ""

// accounted are books with the notes beside them.
type accounted struct {
	*reliability.Books
	notes map[noteKey]int64
}

// accountant makes an accountant that counts notes too.
func (o *Office) accountant(w *world, p *reliability.Policy, by string, e reliability.Edition, grain reliability.Grain, sets bool) (*reliability.Accountant, *accounted, error) {
	out := &accounted{notes: map[noteKey]int64{}}
	a, err := reliability.NewAccountant(reliability.Settings{Policy: p, Calendar: o.calendar, Edition: e, Grain: grain, Customers: sets,
		Trace: func(n *reliability.Counted) {
			if !n.Served {
				out.notes[noteKey{n.Day.Month(), notServed}]++
			} else if !n.Listed {
				out.notes[noteKey{n.Day.Month(), n.Cause}]++
			}
		}}, w.registry.View(by))
	if err != nil {
		return nil, nil, err
	}
	out.Books = a.Books()
	return a, out, nil
}

// difference is what some usage points are counted as in two editions.
type difference struct {
	points        *roaring.Bitmap
	before, after *reliability.Books // by day
	notes         map[noteKey]int64  // after less before
}

func (o *Office) difference(w *world, p *reliability.Policy, by string, groups [][]headend.Interruption, before *reliability.Edition, after reliability.Edition, sets bool) (*difference, error) {
	d := &difference{points: roaring.New()}
	for _, g := range groups {
		d.points.Add(g[0].UsagePoint)
	}
	take := func(e reliability.Edition, none bool) (*accounted, error) {
		a, books, err := o.accountant(w, p, by, e, reliability.ByDay, sets)
		if err != nil || none {
			return books, err
		}
		for _, g := range groups {
			if err := a.Take(g); err != nil {
				return nil, err
			}
		}
		return books, nil
	}
	// No revision is "all" to the accounting, and nothing to the ledger.
	none := before == nil || before.Revision == 0
	if before == nil {
		before = &after
	}
	was, err := take(*before, none)
	if err != nil {
		return nil, err
	}
	is, err := take(after, after.Revision == 0)
	if err != nil {
		return nil, err
	}
	d.before, d.after, d.notes = was.Books, is.Books, is.notes
	for k, n := range was.notes {
		d.notes[k] -= n
	}
	d.prune()
	return d, nil
}

// prune leaves out months that are the same before and after: usage points that change have changed in few months. A
// month is left out or stays as a whole, because usage points are taken out of its sets as a whole.
func (d *difference) prune() {
	type month struct {
		unit  reliability.Unit
		month reliability.Month
	}
	changed := map[month]bool{}
	look := func(a, b *reliability.Books) {
		for c, s := range a.Cells {
			if o := b.Cells[c]; o == nil || !s.Equal(o) {
				changed[month{c.Unit, c.Month}] = true
			}
		}
	}
	look(d.before, d.after)
	look(d.after, d.before)
	same := func(c reliability.Cell, _ *reliability.Sum) bool { return !changed[month{c.Unit, c.Month}] }
	maps.DeleteFunc(d.before.Cells, same)
	maps.DeleteFunc(d.after.Cells, same)
}

// grained are books by day with those months in one cell that are to be whole; with both, every month is there twice, as
// the cells of the store are.
func grained(b *reliability.Books, whole func(reliability.Month) bool, both bool) *reliability.Books {
	out := *b
	out.Cells = map[reliability.Cell]*reliability.Sum{}
	for c, s := range b.Cells {
		if both || !whole(c.Month) {
			out.Cells[c] = s
		}
		if both || whole(c.Month) {
			c.Day = reliability.WholeMonth
			if out.Cells[c] == nil {
				out.Cells[c] = &reliability.Sum{}
			}
			out.Cells[c].Add(s)
		}
	}
	return &out
}
