package reliability

import (
	"errors"
	"fmt"
	"slices"
)

// Books are the sums of a ledger under one policy, as of one edition. Books of other usage points can be added.
type Books struct {
	Policy   *Policy
	Calendar *Calendar
	Edition  Edition
	Cells    map[Cell]*Sum

	NotServed Figures          // interruptions where no customer was: before the contract or after it
	Unlisted  map[string]int64 // causes that stand in no table of the policy, and how many interruptions had them

	index map[Unit][]Cell
}

func (b *Books) cell(c Cell) *Sum {
	s := b.Cells[c]
	if s == nil {
		s = &Sum{}
		b.Cells[c] = s
		b.index = nil
	}
	return s
}

// ErrOtherBooks says that books were made under another policy or as of another edition.
var ErrOtherBooks = errors.New("the books were made under another policy or as of another edition")

// Add adds books of other usage points, made by Accountants with the same Settings and views of the same Registry.
func (b *Books) Add(o *Books) error {
	if b.Policy.Digest != o.Policy.Digest || b.Policy.Name != o.Policy.Name || b.Edition.Revision != o.Edition.Revision || !b.Edition.AsOf.Equal(o.Edition.AsOf) {
		return ErrOtherBooks
	}
	for c, s := range o.Cells {
		b.cell(c).Add(s)
	}
	b.NotServed.Add(&o.NotServed)
	for cause, n := range o.Unlisted {
		b.Unlisted[cause] += n
	}
	return nil
}

// MonthSum is what there is to be summed of a month, or of a part of it: the cells of one or more units.
type MonthSum struct {
	Period Period
	Sums   []*Sum
}

// Sums gathers the cells of the units month by month over a period, without the days of skip. It refuses a period that
// cuts through a cell.
func (b *Books) Sums(units []Unit, period Period, skip map[Day]bool) ([]MonthSum, error) {
	var out []MonthSum
	for _, part := range period.Months() {
		out = append(out, MonthSum{Period: part})
	}
	if b.index == nil {
		b.index = map[Unit][]Cell{}
		for c := range b.Cells {
			b.index[c.Unit] = append(b.index[c.Unit], c)
		}
	}
	for _, unit := range units {
		for _, c := range b.index[unit] {
			i := slices.IndexFunc(out, func(m MonthSum) bool { return m.Period.From.Month() == c.Month })
			if i < 0 {
				continue
			}
			part := out[i].Period
			if c.Day == WholeMonth {
				if part != c.Month.Period() {
					return nil, fmt.Errorf("the books are kept by month, and %s is a part of one", part)
				}
			} else if !part.Has(c.Day) || skip[c.Day] {
				continue
			}
			out[i].Sums = append(out[i].Sums, b.Cells[c])
		}
	}
	return out, nil
}

// Daily is the total of each day of a period, for finding major event days. It needs books by day.
func (b *Books) Daily(units []Unit, period Period, served Served) ([]DailyTotal, error) {
	byDay := make([]Figures, period.Days())
	for c, sum := range b.Cells {
		if !slices.Contains(units, c.Unit) {
			continue
		}
		if c.Day == WholeMonth {
			return nil, errors.New("the books are kept by month; days are asked for")
		}
		if period.Has(c.Day) {
			f := sum.Figures(b.Policy, nil)
			byDay[c.Day-period.From].Add(&f)
		}
	}
	out := make([]DailyTotal, 0, len(byDay))
	for i, f := range byDay {
		day := period.From + Day(i)
		h, ok := served(day)
		if !ok {
			if f.CI > 0 {
				return nil, &Uncounted{Day: day}
			}
			continue
		}
		out = append(out, DailyTotal{Day: day, Customers: h.Customers, CI: f.CI, CMS: f.CMS})
	}
	return out, nil
}
