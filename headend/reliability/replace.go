package reliability

import (
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// Replace puts after in the place of before: the books of some usage points as they were accounted in b, and as they are
// now. That is how stored sums follow a ledger without reading all of it: the sums of others stay untouched. All three
// must be made with views of the same Registry and the same Grain; points are all usage points that before and after
// are about.
func (b *Books) Replace(points *roaring.Bitmap, before, after *Books) {
	for c, s := range before.Cells {
		sum := b.cell(c)
		sum.takeOut(points, s)
		if len(sum.Parts) == 0 {
			delete(b.Cells, c)
			b.index = nil
		}
	}
	for c, s := range after.Cells {
		b.cell(c).Add(s)
	}
	b.NotServed.Subtract(&before.NotServed)
	b.NotServed.Add(&after.NotServed)
	for cause, n := range before.Unlisted {
		if b.Unlisted[cause] -= n; b.Unlisted[cause] == 0 {
			delete(b.Unlisted, cause)
		}
	}
	for cause, n := range after.Unlisted {
		b.Unlisted[cause] += n
	}
}

// Monthly are the same books with the days of each month in one cell.
func (b *Books) Monthly() *Books {
	out := &Books{Policy: b.Policy, Calendar: b.Calendar, Edition: b.Edition, Cells: map[Cell]*Sum{}, Unlisted: map[string]int64{}}
	for c, s := range b.Cells {
		c.Day = WholeMonth
		out.cell(c).Add(s)
	}
	out.NotServed.Add(&b.NotServed)
	for cause, n := range b.Unlisted {
		out.Unlisted[cause] += n
	}
	return out
}

// takeOut takes away what o counted of some usage points. Parts that have nothing left go.
func (s *Sum) takeOut(points *roaring.Bitmap, o *Sum) {
	for i := range o.Parts {
		p := s.part(o.Parts[i].Category)
		p.Figures.Subtract(&o.Parts[i].Figures)
		if p.Customers != nil {
			p.Customers.forget(points)
		}
	}
	s.Parts = slices.DeleteFunc(s.Parts, func(p Part) bool { return p.Figures == Figures{} })
}

// Equal tells whether two sums count the same; a part without figures is none.
func (s *Sum) Equal(o *Sum) bool {
	has := func(a, b *Sum) bool {
		for i := range a.Parts {
			p := &a.Parts[i]
			if p.Figures == (Figures{}) {
				continue
			}
			k := slices.IndexFunc(b.Parts, func(q Part) bool { return q.Category == p.Category })
			if k < 0 || b.Parts[k].Figures != p.Figures || !p.Customers.Equal(b.Parts[k].Customers) {
				return false
			}
		}
		return true
	}
	return has(s, o) && has(o, s)
}

// Subtract takes away what o counted, which must be a part of f.
func (f *Figures) Subtract(o *Figures) {
	f.CI -= o.CI
	f.CIInferred -= o.CIInferred
	f.CIOpen -= o.CIOpen
	f.CMS -= o.CMS
	f.CMSInferred -= o.CMSInferred
	f.CMSOpen -= o.CMSOpen
	f.MI -= o.MI
	f.MIInferred -= o.MIInferred
	f.MICounter -= o.MICounter
	f.Overflows -= o.Overflows
	f.ME -= o.ME
	f.Mixed -= o.Mixed
	f.Partial -= o.Partial
	f.VA -= o.VA
	f.VAUnknown -= o.VAUnknown
	f.VAMS = f.VAMS.minus(o.VAMS)
}

// Equal tells whether the same customers suffered the same; nil is nobody.
func (c *Customers) Equal(o *Customers) bool {
	if c == nil {
		c = &Customers{}
	}
	if o == nil {
		o = &Customers{}
	}
	return c.sustained.equal(&o.sustained) && c.events.equal(&o.events) && c.millis.equal(&o.millis) && c.longerAs(o) && o.longerAs(c)
}

func (c *Customers) longerAs(o *Customers) bool {
	for h, set := range c.long {
		other := o.long[h]
		if other == nil {
			other = roaring.New()
		}
		if !set.Equals(other) {
			return false
		}
	}
	return true
}

// forget takes usage points out of all sets.
func (c *Customers) forget(points *roaring.Bitmap) {
	c.sustained.forget(points)
	c.events.forget(points)
	c.millis.forget(points)
	for h, set := range c.long {
		if set.AndNot(points); set.IsEmpty() {
			delete(c.long, h)
		}
	}
}

func (t *tally) forget(points *roaring.Bitmap) {
	for _, p := range t.planes {
		p.AndNot(points)
	}
	for n := len(t.planes); n > 0 && t.planes[n-1].IsEmpty(); n-- {
		t.planes = t.planes[:n-1]
	}
}

func (t *tally) equal(o *tally) bool {
	for i := range max(len(t.planes), len(o.planes)) {
		a, b := roaring.New(), roaring.New()
		if i < len(t.planes) {
			a = t.planes[i]
		}
		if i < len(o.planes) {
			b = o.planes[i]
		}
		if !a.Equals(b) {
			return false
		}
	}
	return true
}

func (l *lengths) forget(points *roaring.Bitmap) {
	for it := points.Iterator(); it.HasNext(); {
		point := it.Next()
		if p := l.pages[uint16(point>>16)]; p != nil {
			if p.forget(uint16(point)); !p.dense() && len(p.low) == 0 {
				delete(l.pages, uint16(point>>16)) // an empty list would be taken for a list where an array is put
			}
		}
	}
}

func (p *page) forget(low uint16) {
	if p.dense() {
		p.millis[low] = 0
	} else if i, found := slices.BinarySearch(p.low, low); found {
		p.low, p.millis = slices.Delete(p.low, i, i+1), slices.Delete(p.millis, i, i+1)
	}
}

func (l *lengths) equal(o *lengths) bool {
	return l.within(o) && o.within(l)
}

// within tells whether all of l stands in o.
func (l *lengths) within(o *lengths) bool {
	same := true
	for key, p := range l.pages {
		other := o.pages[key]
		p.each(func(low uint16, ms int64) { same = same && other.at(low) == ms })
	}
	return same
}

func (p *page) at(low uint16) int64 {
	switch {
	case p == nil:
		return 0
	case p.dense():
		return p.millis[low]
	}
	if i, found := slices.BinarySearch(p.low, low); found {
		return p.millis[i]
	}
	return 0
}
