package reliability

import (
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"lastgasp/headend"
)

// Settings say how a ledger is to be accounted.
type Settings struct {
	Policy   *Policy
	Calendar *Calendar
	Edition  Edition // AsOf must be set
	Grain    Grain
	// Apart are days that get cells of their own under ByMonth, so that figures with and without major event days come
	// from one pass.
	Apart map[Day]bool
	// Customers asks for the sets that CN, CAIFI, CTAIDI, CEMI, CEMSMI and CELID need.
	Customers bool
	// Trace, when set, is told of every interruption that was counted or set aside. What it is given holds until it
	// returns.
	Trace func(*Counted)
}

// Grain is how finely sums are kept in time.
type Grain uint8

// Grains.
const (
	ByDay Grain = iota + 1
	ByMonth
)

// Cell is what is summed together: the interruptions of one unit that began in one month or on one day.
type Cell struct {
	Unit  Unit
	Month Month
	Day   Day // WholeMonth: all days of the month that have no cell of their own
}

// WholeMonth stands for the days of a month that have no cells of their own.
const WholeMonth Day = -1 << 31

// ErrScattered says that the rows of a usage point did not stand together.
var ErrScattered = errors.New("the rows of one usage point must stand together")

// Accountant reads a ledger once and sums it. Usage points may come in any order, and the rows of each in any
// order, but together. Work is shared by giving each of several Accountants usage points of its own and adding their
// Books. It is for one goroutine.
//
// To account a period give it all rows that overlap or touch it, and those after it that follow without a gap or within
// the window of a momentary event: they decide how long an interruption at the end of the period was.
type Accountant struct {
	settings Settings
	counter  *counter
	books    *Books
	seen     *roaring.Bitmap
	suffered []suffering
	cells    [64]struct {
		cell Cell
		sum  *Sum
	}
}

type suffering struct {
	sum      *Sum
	category string
	suffered
}

// NewAccountant makes an Accountant with empty Books.
func NewAccountant(s Settings, places Places) (*Accountant, error) {
	switch {
	case s.Policy == nil || s.Calendar == nil || places == nil:
		return nil, errors.New("accounting needs a policy, a calendar and places")
	case s.Edition.AsOf.IsZero() || s.Edition.AsOf.UnixMilli() < 0 || s.Edition.AsOf.UnixMilli() >= latest:
		return nil, fmt.Errorf("accounting as of %s: the moment must lie in 1970 to %d", s.Edition.AsOf.Format(time.RFC3339), lastYear)
	case s.Grain != ByDay && s.Grain != ByMonth:
		return nil, errors.New("accounting needs a grain: by day or by month")
	}
	return &Accountant{settings: s, counter: newCounter(s.Policy, places, s.Calendar, s.Edition), seen: roaring.New(),
		books: &Books{Policy: s.Policy, Calendar: s.Calendar, Edition: s.Edition, Cells: map[Cell]*Sum{}, Unlisted: map[string]int64{}}}, nil
}

// Account takes rows of which those of one usage point stand together. It returns the first error of rows, a *RowFault,
// or ErrScattered; after an error the Books are of no use.
func (a *Accountant) Account(rows iter.Seq2[headend.Interruption, error]) error {
	var group []headend.Interruption
	for row, err := range rows {
		if err != nil {
			return err
		}
		if len(group) > 0 && group[0].UsagePoint != row.UsagePoint {
			if err := a.Take(group); err != nil {
				return err
			}
			group = group[:0]
		}
		group = append(group, row)
	}
	return a.Take(group)
}

// Take accounts all rows of one usage point, which it leaves as they are.
func (a *Accountant) Take(rows []headend.Interruption) error {
	if len(rows) == 0 {
		return nil
	}
	if !a.seen.CheckedAdd(rows[0].UsagePoint) {
		return fmt.Errorf("usage point %d: %w", rows[0].UsagePoint, ErrScattered)
	}
	for i := range rows {
		if rows[i].UsagePoint != rows[0].UsagePoint {
			return fmt.Errorf("usage points %d and %d: %w", rows[0].UsagePoint, rows[i].UsagePoint, ErrScattered)
		}
	}
	counted, err := a.counter.count(rows)
	if err != nil {
		return err
	}
	a.suffered = a.suffered[:0]
	for i := range counted {
		a.sum(&counted[i])
	}
	for i := range a.suffered {
		s := &a.suffered[i]
		p := s.sum.part(s.category)
		if p.Customers == nil {
			p.Customers = &Customers{}
		}
		p.Customers.take(rows[0].UsagePoint, &s.suffered, a.settings.Policy.Shares.SingleHours)
	}
	return nil
}

func (a *Accountant) sum(n *Counted) {
	if a.settings.Trace != nil {
		a.settings.Trace(n)
	}
	if !n.Listed {
		a.books.Unlisted[n.Cause]++
	}
	if !n.Served {
		a.books.NotServed.take(n)
		return
	}
	sum := a.cell(n.Place.Unit, n.Day)
	sum.part(n.Category.Name).Figures.take(n)
	if a.settings.Customers && n.Category.Counted {
		a.suffer(sum, n)
	}
}

func (a *Accountant) suffer(sum *Sum, n *Counted) {
	if !n.Sustained && !n.Event {
		return
	}
	var s *suffering
	for i := len(a.suffered) - 1; i >= 0 && s == nil; i-- {
		if a.suffered[i].sum == sum && a.suffered[i].category == n.Category.Name {
			s = &a.suffered[i]
		}
	}
	if s == nil {
		a.suffered = append(a.suffered, suffering{sum: sum, category: n.Category.Name})
		s = &a.suffered[len(a.suffered)-1]
	}
	s.events++
	if n.Sustained {
		s.sustained++
		s.millis += n.Length.Milliseconds()
		s.longest = max(s.longest, n.Length.Milliseconds())
	}
}

// cell finds the sum an interruption belongs to. The few cells that consecutive rows hit are kept at hand.
func (a *Accountant) cell(unit Unit, day Day) *Sum {
	c := Cell{unit, day.Month(), day}
	if a.settings.Grain == ByMonth && !a.settings.Apart[day] {
		c.Day = WholeMonth
	}
	near := &a.cells[(uint32(c.Unit)*31+uint32(c.Month)*7+uint32(c.Day))%uint32(len(a.cells))]
	if near.sum == nil || near.cell != c {
		near.cell, near.sum = c, a.books.cell(c)
	}
	return near.sum
}

// TakeShort accounts short failures of which only a meter's counter knows. They have no times, so they are no momentary
// events, and belong to the day of the later of the two readings.
func (a *Accountant) TakeShort(s ShortFailures) error {
	if s.Count < 0 {
		return fmt.Errorf("usage point %d: %d short failures", s.UsagePoint, s.Count)
	}
	f := Figures{MI: s.Count, MICounter: s.Count}
	if s.AtLeast {
		f.Overflows = 1
	}
	place, served := a.counter.places.At(s.UsagePoint, s.To)
	if !served {
		a.books.NotServed.Add(&f)
		return nil
	}
	category, _ := a.settings.Policy.CategoryOf(&headend.Interruption{})
	a.cell(place.Unit, a.settings.Calendar.DayAt(s.To)).part(category.Name).Figures.Add(&f)
	return nil
}

// Books are the sums made so far. They stay the Accountant's until it is used no more.
func (a *Accountant) Books() *Books { return a.books }
