package reliability

import (
	"fmt"
	"slices"
	"strings"

	"lastgasp/headend"
)

// Change is how one interruption is counted in one edition and in another. One of the two may be missing, not both.
type Change struct {
	UsagePoint    uint32
	Before, After *Counted
	Effects       []string // in words: "sustained became momentary", "12.5 minutes more"
	Reasons       []string // why the ledger was revised, as the rows say
}

// Delta is what changes make of one category of one cell.
type Delta struct {
	CI, CMS, MI, ME int64
}

// DeltaCell is where a Delta belongs.
type DeltaCell struct {
	Unit     Unit
	Day      Day
	Category string
	Counted  bool
}

// Comparer explains the difference between two editions of a ledger under one policy. The deltas it sums are exactly the
// difference of the Books of the two.
type Comparer struct {
	before, after *counter
	explain       func(Change)
	// Deltas are what has changed so far; what cancels out is 0.
	Deltas map[DeltaCell]*Delta
}

// NewComparer makes a Comparer that hands every change to explain, which may be nil.
func NewComparer(p *Policy, places Places, c *Calendar, before, after Edition, explain func(Change)) *Comparer {
	return &Comparer{newCounter(p, places, c, before), newCounter(p, places, c, after), explain, map[DeltaCell]*Delta{}}
}

// Take compares all rows, of all versions, of one usage point. It returns *RowFault as Accountant.Take does.
func (c *Comparer) Take(rows []headend.Interruption) error {
	before, err := c.before.count(rows)
	if err != nil {
		return err
	}
	after, err := c.after.count(rows)
	if err != nil {
		return err
	}
	before, after = slices.Clone(before), slices.Clone(after)
	before, after = without(before, after), without(after, before)
	for i := range before {
		c.add(&before[i], -1)
	}
	for i := range after {
		c.add(&after[i], 1)
	}
	if c.explain == nil {
		return nil
	}
	for len(before) > 0 {
		change := Change{UsagePoint: before[0].UsagePoint, Before: &before[0]}
		if k := slices.IndexFunc(after, func(n Counted) bool { return shares(&before[0], &n) }); k >= 0 {
			found := after[k]
			change.After = &found
			after = slices.Delete(slices.Clone(after), k, k+1)
		}
		before = before[1:]
		c.tell(change, rows)
	}
	for i := range after {
		c.tell(Change{UsagePoint: after[i].UsagePoint, After: &after[i]}, rows)
	}
	return nil
}

// without is the list less those that the other counts just the same.
func without(list, other []Counted) []Counted {
	return slices.DeleteFunc(slices.Clone(list), func(n Counted) bool {
		return slices.ContainsFunc(other, func(o Counted) bool { return same(&n, &o) })
	})
}

func same(a, b *Counted) bool {
	return a.Start.Equal(b.Start) && a.End.Equal(b.End) && a.Length == b.Length && a.Observed == b.Observed && a.Open == b.Open &&
		a.Sustained == b.Sustained && a.Event == b.Event && a.Ignored == b.Ignored && a.Category == b.Category &&
		a.Cause == b.Cause && a.Outage == b.Outage && a.Inferred == b.Inferred && a.Mixed == b.Mixed && a.Place == b.Place && a.Served == b.Served
}

// shares tells whether two are about the same: made of the same row, or over the same time.
func shares(a, b *Counted) bool {
	for _, id := range a.IDs {
		if id != 0 && slices.Contains(b.IDs, id) {
			return true
		}
	}
	return !a.Start.IsZero() && !b.Start.IsZero() && !b.Start.After(a.Start.Add(a.Length)) && !a.Start.After(b.Start.Add(b.Length))
}

func (c *Comparer) add(n *Counted, sign int64) {
	if !n.Served {
		return
	}
	var f Figures
	f.take(n)
	cell := DeltaCell{n.Place.Unit, n.Day, n.Category.Name, n.Category.Counted}
	d := c.Deltas[cell]
	if d == nil {
		d = &Delta{}
		c.Deltas[cell] = d
	}
	d.CI += sign * f.CI
	d.CMS += sign * f.CMS
	d.MI += sign * f.MI
	d.ME += sign * f.ME
}

func (c *Comparer) tell(change Change, rows []headend.Interruption) {
	change.Effects = effects(change.Before, change.After)
	var ids []int64
	for _, n := range []*Counted{change.Before, change.After} {
		if n != nil {
			ids = append(ids, n.IDs...)
		}
	}
	low, high := c.before.edition.Revision, c.after.edition.Revision
	if high == 0 || low != 0 && low > high {
		low, high = high, low
	}
	for i := range rows {
		r := &rows[i]
		if r.Reason != "" && r.Revision > low && (high == 0 || r.Revision <= high) && slices.Contains(ids, r.ID) && !slices.Contains(change.Reasons, r.Reason) {
			change.Reasons = append(change.Reasons, r.Reason)
		}
	}
	slices.Sort(change.Reasons)
	c.explain(change)
}

// effects says in words what has changed in how an interruption counts.
func effects(a, b *Counted) (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	switch {
	case a == nil:
		say("new: %s", b.describe())
		return out
	case b == nil:
		say("withdrawn: %s", a.describe())
		return out
	}
	if a.Sustained != b.Sustained || a.Category != b.Category {
		say("%s became %s", a.describe(), b.describe())
	}
	if d := b.Length - a.Length; d > 0 {
		say("%.3f minutes more", d.Minutes())
	} else if d < 0 {
		say("%.3f minutes less", -d.Minutes())
	}
	if a.Day != b.Day {
		say("moved from %s to %s", a.Day, b.Day)
	}
	if a.Place.Unit != b.Place.Unit || a.Served != b.Served {
		say("moved to another unit")
	}
	if a.Open && !b.Open {
		say("no longer provisional")
	} else if !a.Open && b.Open {
		say("open again")
	}
	if a.Inferred != b.Inferred || a.Length-a.Observed != b.Length-b.Observed {
		say("rests on other evidence")
	}
	if !a.Event && b.Event {
		say("a momentary event now")
	} else if a.Event && !b.Event {
		say("no momentary event any more")
	}
	if a.Cause != b.Cause {
		say("cause %q became %q", a.Cause, b.Cause)
	}
	if len(out) == 0 {
		say("counts as before, with other details")
	}
	return out
}

func (n *Counted) describe() string {
	kind := "momentary"
	if n.Sustained {
		kind = "sustained"
	}
	words := []string{kind, n.Category.Name}
	if !n.Category.Counted {
		words = append(words, "(not counted)")
	}
	return strings.Join(words, " ")
}
