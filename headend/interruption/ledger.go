package interruption

import (
	"slices"
	"sort"

	"lastgasp/headend"
)

// row is an interruption in the making.
type row struct {
	point    PointNo
	group    int32 // index of its outage
	start    moment
	lo, hi   moment // bounds of the start where it is unknown
	end      moment
	startBy  Basis
	endBy    Basis
	phases   headend.Phases
	observed bool
	truth    bool
	gasped   bool
	up       bool
	own      bool // by decision
	again    bool // it ended before the next loss: when is not known
}

func (r *row) from() moment {
	if r.start != unknown {
		return r.start
	}
	if r.end < open {
		return r.end
	}
	return r.hi
}

// group is an outage in the making.
type group struct {
	node     NodeNo
	point    PointNo
	mask     uint8
	odds     float64
	onset    *onset
	tree     *tree
	parent   NodeNo // where the explanation stopped, and
	stopped  PointNo
	start    moment
	end      moment
	rows     []row
	plan     *Plan
	cause    string
	planned  int8 // -1: an operator says no; 1: yes
	declared bool
	by       string
	excluded []PointNo
	split    NodeNo
	toldOf   *Plan   // with which
	told     *Outage // as it was told last; holds while it is taken over from one ledger to the next
}

// ledger is what a component's evidence says: a pure function of the set.
type ledger struct {
	groups  []*group
	rows    []row // of all, by usage point and time
	counted []Counted
	against map[PointNo]int // outages in which it lived among the dark
	with    map[PointNo]int // in which it was dark by its own evidence
	lies    []falseGasp
	doubts  []doubt
	span    period   // the time its evidence speaks of
	busy    []period // the parts of it in which something happened, in order, Quiet or more apart
	wake    moment   // when time alone changes it
}

type falseGasp struct {
	point PointNo
	m     moment
}

// doubt is a place where a ping would help.
type doubt struct {
	onset *onset
	tree  *tree
	size  float64 // how near to even odds; smaller is nearer
}

// quiet is how long nothing must have happened for what is before to be independent of what comes after: longer than
// a repeat of a gasp, than the tolerance of clocks, than what a voltage measured at intervals leaves open.
const quiet = 45 * minute

// derive works the ledger of a component out of its evidence. What happened before the cut and after until, moments in
// the middle of quiet times, is taken over from the ledger before.
func (d *Detector) derive(component int32, cut, until moment, before *ledger) *ledger {
	l := &ledger{against: map[PointNo]int{}, with: map[PointNo]int{}, span: period{open, unknown}}
	if before != nil {
		l.keep(before, cut, until)
	}
	s := &solver{d: d, now: d.now, wake: open}
	fresh, found := len(l.groups), len(l.busy)
	kept, onsets := *l, make([]map[NodeNo][]*onset, len(d.net.trees))
	for round := 1; ; round++ {
		s.weighAll(l, component, cut, until, onsets)
		if round == rounds || !s.divide(l, fresh, onsets) {
			break
		}
		*l = kept
	}
	for _, g := range l.groups[fresh:] {
		s.fill(l, g)
	}
	s.settle(l, fresh)
	if until < open {
		if l.reaches(fresh, found, until-quiet) { // it was not quiet after all
			return d.derive(component, cut, open, before)
		}
		s.wake = min(s.wake, before.wake)
		for _, g := range before.groups {
			if g.start >= until {
				d.spared++
			}
		}
	}
	if cut == unknown {
		s.decide(l, component)
	}
	s.close(l, component)
	l.wake = s.wake
	return l
}

// weighAll explains all onsets of a component between cut and until, and keeps those of each tree.
func (s *solver) weighAll(l *ledger, component int32, cut, until moment, onsets []map[NodeNo][]*onset) {
	trees := s.d.net.trees
	s.wake = open
	for i := range trees {
		s.t, s.until, s.memory = &trees[i], until, map[NodeNo][]*onset{}
		onsets[i] = s.memory
		s.from = max(s.t.from, cut)
		if i+1 < len(trees) {
			s.until = min(until, trees[i+1].from)
		}
		if s.until <= s.from {
			continue
		}
		lo := sort.Search(len(s.t.top), func(k int) bool { return s.d.net.nodes[s.t.top[k]].component >= component })
		for ; lo < len(s.t.top) && s.d.net.nodes[s.t.top[lo]].component == component; lo++ {
			for _, o := range s.onsets(s.t.top[lo]) {
				s.accept(l, o, NoNode, NoPoint)
			}
		}
	}
}

// keep takes over what ended before the cut, and what began after until.
func (l *ledger) keep(before *ledger, cut, until moment) {
	kept := func(m moment) bool { return m < cut || m >= until }
	for _, g := range before.groups {
		if kept(g.start) {
			l.groups = append(l.groups, g)
		}
	}
	for _, f := range before.lies {
		if kept(f.m) {
			l.lies = append(l.lies, f)
		}
	}
	for _, x := range before.doubts {
		if m := x.onset.begin(); m >= until {
			l.doubts = append(l.doubts, x)
		}
	}
	for _, b := range before.busy {
		if kept(b.from) {
			l.busy = append(l.busy, b)
			l.span.from, l.span.to = min(l.span.from, b.from), max(l.span.to, b.to)
		}
	}
}

// cut is the latest quiet moment that evidence from a moment on cannot reach across; unknown when there is none.
func (l *ledger) cut(from moment) moment {
	if from == unknown {
		return unknown
	}
	cut := from - quiet
	for i := len(l.busy) - 1; i >= 0 && l.busy[i].to.plus(2*quiet) >= cut; i-- {
		cut = min(cut, l.busy[i].from-quiet)
	}
	return cut
}

// calm is the first quiet moment that what happens until a moment does not reach across; open when there is none.
func (l *ledger) calm(to moment) moment {
	if to == open {
		return open
	}
	until := to + quiet
	for i := range l.busy {
		if b := &l.busy[i]; b.to.plus(2*quiet) >= until && b.from.plus(-2*quiet) <= until {
			if b.to == open {
				return open
			}
			until = b.to + 2*quiet
		}
	}
	if k := len(l.busy); k == 0 || l.busy[k-1].to < until {
		return open // nothing comes after it
	}
	return until
}

// reaches tells whether what was found anew lasts beyond a moment.
func (l *ledger) reaches(groups, busy int, m moment) bool {
	for _, b := range l.busy[busy:] {
		if b.to > m {
			return true
		}
	}
	for _, g := range l.groups[groups:] {
		if _, end := extent(g.rows); len(g.rows) > 0 && end > m {
			return true
		}
	}
	return false
}

// rest joins what happened to times with quiet between them.
func (l *ledger) rest() {
	for _, g := range l.groups {
		l.busy = append(l.busy, period{g.start, g.end})
	}
	slices.SortFunc(l.busy, func(a, b period) int { return compare(a.from, b.from) })
	out := l.busy[:0:0]
	for _, b := range l.busy {
		if k := len(out); k > 0 && b.from <= out[k-1].to.plus(4*quiet) {
			out[k-1].to = max(out[k-1].to, b.to)
			continue
		}
		out = append(out, b)
	}
	l.busy = out
}

// accept walks down to the nodes that fail in the best explanation.
func (s *solver) accept(l *ledger, o *onset, above NodeNo, by PointNo) {
	if above == NoNode {
		l.touch(o)
	}
	if o.mask != 0 {
		g := &group{node: o.node, point: NoPoint, mask: o.mask, odds: o.odds, onset: o, tree: s.t, parent: above, stopped: by, split: NoNode}
		l.groups = append(l.groups, g)
		if o.odds < s.d.settings.Odds+4 {
			l.doubts = append(l.doubts, doubt{o, s.t, abs(o.odds)})
		}
		return
	}
	for i := range o.members {
		m := &o.members[i]
		if v := m.value(&s.d.settings); v > 0 {
			l.groups = append(l.groups, &group{node: NoNode, point: m.point, odds: v, onset: o, tree: s.t, parent: o.node, stopped: o.vetoedBy, split: NoNode})
		} else {
			l.lies = append(l.lies, falseGasp{m.point, m.edge()})
		}
	}
	if len(o.members) > 0 || len(o.seen) > 0 {
		l.doubts = append(l.doubts, doubt{o, s.t, s.distance(o)})
	}
	for _, k := range o.kids {
		s.accept(l, k, o.node, o.vetoedBy)
	}
}

// distance is how far the weighing of a node that did not fail is from even odds.
func (s *solver) distance(o *onset) float64 {
	if !o.scored {
		return 0
	}
	return abs(s.prior(o) + o.score[allPhases])
}

func abs(x float64) float64 {
	if x < 0 {
		return -x
	}
	return x
}

// touch notes when something happened, from the first it can have begun to the last it can have lasted.
func (l *ledger) touch(o *onset) {
	m, end := o.begin(), unknown
	if o.m == unknown && o.lo != unknown {
		m = max(o.lo, m-24*60*minute)
	}
	count(o, func(x *member) {
		end = max(end, min(x.end, x.bound))
		if x.lo != unknown {
			m = min(m, max(x.lo, x.hi-24*60*minute))
		}
	})
	witnessed(o, func(w *witness) { end = max(end, min(w.end, w.bound)) })
	l.busy = append(l.busy, period{m, end})
	l.span.from, l.span.to = min(l.span.from, m), max(l.span.to, end)
}

// hope is what a usage point without evidence of its own takes from its neighbours: the onset and the ends of the
// nearest node that has any.
type hope struct {
	m     moment
	lo    moment
	by    Basis
	ends  []moment // exact ones, in order
	near  bool     // of its own node, so that the median holds for it
	bound moment   // first sign of life of a neighbour at the same node that had gasped; open: none
	again bool     // it is the next loss instead
}

// settle makes the rows of each usage point exclude each other: the log alone counts where it speaks, what overlaps or
// touches is one, with the outage of the earliest.
func (s *solver) settle(l *ledger, fresh int) {
	count := 0
	for _, g := range l.groups[fresh:] {
		count += len(g.rows)
	}
	all := slices.Grow(s.d.scratch[:0], count)
	s.d.scratch = all
	for i := fresh; i < len(l.groups); i++ {
		g := l.groups[i]
		for _, r := range g.rows {
			r.group = int32(i)
			all = append(all, r)
		}
		g.rows = g.rows[:0]
	}
	slices.SortStableFunc(all, func(a, b row) int { return compare(a.point, b.point) })
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].point == all[0].point {
			n++
		}
		one := all[:n]
		if n > 1 {
			one = unite(one, l.groups, span(s.d.settings.Tolerance))
		}
		for _, r := range one {
			l.groups[r.group].rows = append(l.groups[r.group].rows, r)
		}
		all = all[n:]
	}
}

// unite merges the rows of one usage point.
func unite(rows []row, groups []*group, tolerance moment) []row {
	overlaps := func(a, b *row) bool { return a.from() <= b.end && b.from() <= a.end }
	truths := slices.ContainsFunc(rows, func(r row) bool { return r.truth })
	if truths {
		kept := rows[:0:0]
		for i := range rows {
			drop := !rows[i].truth && slices.ContainsFunc(rows, func(t row) bool { return t.truth && overlaps(&rows[i], &t) })
			if !drop {
				kept = append(kept, rows[i])
			}
		}
		// An entry of the log belongs to the largest outage that it, or what it replaces, is part of.
		for i := range kept {
			if !kept[i].truth {
				continue
			}
			for _, r := range rows {
				if !r.truth && overlaps(&kept[i], &r) && larger(groups[r.group], groups[kept[i].group]) {
					kept[i].group = r.group
				}
			}
		}
		rows = kept
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		if a.from() != b.from() {
			return compare(a.from(), b.from())
		}
		if a.start == unknown != (b.start == unknown) {
			if a.start == unknown {
				return 1
			}
			return -1
		}
		return compare(b.end, a.end)
	})
	var out []row
	for _, r := range rows {
		k := len(out) - 1
		if k < 0 || r.from() > out[k].end && (!out[k].again || r.from() > out[k].end+tolerance) {
			out = append(out, r)
			continue
		}
		last := &out[k]
		if r.end > last.end {
			last.end, last.endBy, last.again = r.end, r.endBy, r.again
		}
		if last.phases != 0 && (r.phases == 0 || r.phases != last.phases) {
			last.phases |= r.phases
			if r.phases == 0 {
				last.phases = 0
			}
		}
		last.observed, last.gasped, last.up = last.observed || r.observed, last.gasped || r.gasped, last.up || r.up
	}
	return out
}

// larger tells whether an outage stands above another: a node before a usage point alone.
func larger(a, b *group) bool {
	return a.node != NoNode && b.node == NoNode || a.node != NoNode && b.node != NoNode && a.mask != part && b.mask == part
}
