package reliability

import (
	"fmt"
	"slices"
	"sort"
)

// Census is how many customers were served, by unit and day. It comes from the registry as it was, or from imports where
// billing knows better. A day nobody has counted has no number, which is not 0.
type Census struct {
	registry *Registry
	by       string
	period   Period
	counts   map[Unit][]headcount
	imported map[string][]importedCount
}

// headcount holds from a day on.
type headcount struct {
	from          Day
	customers, va int64
	unrated       int64 // customers whose connected load is not known
}

type importedCount struct {
	Period
	customers int64
}

// Headcount is the customers served on one day.
type Headcount struct {
	Customers int64
	VA        int64 // connected load, where it is known
	Unrated   int64 // customers whose connected load is not known
}

// Served tells the customers of a day; false where nobody has counted.
type Served func(Day) (Headcount, bool)

// Census counts, for every day of the period, the usage points that were active at any moment of the local day, each
// where it was last on that day.
func (r *Registry) Census(by string, c *Calendar, period Period) *Census {
	out := &Census{registry: r, by: by, period: period, counts: map[Unit][]headcount{}, imported: map[string][]importedCount{}}
	view := r.View(by)
	begin, end := c.Begin(period.From).UnixMilli(), c.Begin(period.To).UnixMilli()
	changes := map[Unit]map[Day]headcount{}
	note := func(u Unit, d Day, p *point, sign int64) {
		if changes[u] == nil {
			changes[u] = map[Day]headcount{}
		}
		h := changes[u][d]
		h.customers += sign
		h.va += sign * p.va
		if p.va == 0 {
			h.unrated += sign
		}
		changes[u][d] = h
	}
	for number := 0; number+1 < len(r.first); number++ {
		versions := r.points[r.first[number]:r.first[number+1]]
		var stays []stay
		for i := range versions {
			stays = appendStays(stays, view, &versions[i], begin, end)
		}
		for i, s := range stays {
			first, last := c.dayAt(s.from), c.dayAt(s.to-1)
			if i+1 < len(stays) && c.dayAt(stays[i+1].from) == last {
				last--
			}
			if first <= last {
				note(s.unit, first, s.point, 1)
				note(s.unit, last+1, s.point, -1)
			}
		}
	}
	for unit, byDay := range changes {
		out.counts[unit] = runs(byDay)
	}
	return out
}

// stay is a time a usage point was in one unit.
type stay struct {
	from, to int64
	unit     Unit
	point    *point
}

func appendStays(stays []stay, v *View, p *point, begin, end int64) []stay {
	for ms := max(p.from, begin); ms < min(p.to, end); {
		unit, until := v.unitOf(p, ms)
		until = min(until, end)
		stays = append(stays, stay{ms, until, unit, p})
		ms = until
	}
	return stays
}

// runs adds up what changes from day to day.
func runs(changes map[Day]headcount) []headcount {
	days := make([]Day, 0, len(changes))
	for d := range changes {
		days = append(days, d)
	}
	slices.Sort(days)
	var out []headcount
	var sum headcount
	for _, d := range days {
		h := changes[d]
		sum = headcount{d, sum.customers + h.customers, sum.va + h.va, sum.unrated + h.unrated}
		out = append(out, sum)
	}
	return out
}

// Import sets the customers of an organisation or node for all days of a period, in place of what the registry has for
// it and all below. Of two imports for the same day the later call holds. It refuses an empty period and a negative
// number.
func (c *Census) Import(id string, period Period, customers int64) error {
	if period.Days() == 0 || customers < 0 {
		return fmt.Errorf("%d customers of %q for %s: the period must not be empty nor the number below 0", customers, id, period)
	}
	c.imported[id] = append(c.imported[id], importedCount{period, customers})
	return nil
}

// Fresh is the same census without what was imported; the two share what the registry has.
func (c *Census) Fresh() *Census {
	return &Census{registry: c.registry, by: c.by, period: c.period, counts: c.counts, imported: map[string][]importedCount{}}
}

func (c *Census) importedOn(id string, d Day) (int64, bool) {
	list := c.imported[id]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Has(d) {
			return list[i].customers, true
		}
	}
	return 0, false
}

func (c *Census) countOf(u Unit, d Day) (h headcount) {
	list := c.counts[u]
	if i := sort.Search(len(list), func(i int) bool { return list[i].from > d }); i > 0 {
		h = list[i-1]
	}
	return h
}

// For tells the customers of an organisation or node: those imported for it, or the sum of its units, each as it was
// imported or as the registry has it.
func (c *Census) For(id string) Served {
	var units []Unit
	var below [][]string // of each unit: the ids from the smallest up to just below id
	for _, u := range c.registry.Members(c.by, id) {
		path := c.registry.Path(u)
		units = append(units, u)
		below = append(below, path[:slices.Index(path, id)])
	}
	return func(d Day) (sum Headcount, ok bool) {
		if !c.period.Has(d) {
			n, ok := c.importedOn(id, d)
			return Headcount{Customers: n, Unrated: n}, ok
		}
		taken := map[string]bool{}
		for i, u := range units {
			h := c.countOf(u, d)
			if h.customers == 0 {
				continue
			}
			sum.VA += h.va
			sum.Unrated += h.unrated
			customers, whole := h.customers, ""
			for k := len(below[i]) - 1; k >= 0 && whole == ""; k-- { // the greatest that was imported
				if n, ok := c.importedOn(below[i][k], d); ok {
					customers, whole = n, below[i][k]
				}
			}
			if whole != "" && taken[whole] {
				continue
			}
			taken[whole] = true
			sum.Customers += customers
		}
		if n, ok := c.importedOn(id, d); ok {
			sum.Customers = n
		}
		return sum, true
	}
}
