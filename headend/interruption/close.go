package interruption

import (
	"slices"
)

// decide applies what operators decided, in the order they decided it.
func (s *solver) decide(l *ledger, component int32) {
	for _, decision := range s.d.decisions[component] {
		if decision.Kind == SetOwn || decision.Kind == ClearOwn {
			l.own(decision.Point, at(decision.Moment), decision.Kind == SetOwn)
			continue
		}
		g := s.find(l, decision.Node, decision.Point, at(decision.Moment))
		if g == nil {
			continue
		}
		switch decision.Kind {
		case SetCause:
			g.cause, g.by = decision.Cause, decision.By
		case SetPlanned:
			g.planned = 1
		case SetUnplanned:
			g.planned = -1
		case SetDeclared, ClearDeclared:
			g.declared = decision.Kind == SetDeclared
		case Split:
			s.split(l, g, decision.Part)
		case Merge:
			other := s.find(l, decision.OtherNode, decision.OtherPoint, at(decision.OtherMoment))
			if other != nil && other != g {
				g.rows = append(g.rows, other.rows...)
				other.rows = nil
			}
		}
	}
}

// own marks the interruption of a usage point at a moment, of several the latest, as the customer's own fault.
func (l *ledger) own(p PointNo, m moment, own bool) {
	var best *row
	for _, g := range l.groups {
		for i := range g.rows {
			r := &g.rows[i]
			if r.point == p && r.from()-15*minute <= m && m <= r.end.plus(15*minute) && (best == nil || r.from() > best.from()) {
				best = r
			}
		}
	}
	if best != nil {
		best.own = own
	}
}

// first is the index of the first row of a usage point.
func (l *ledger) first(p PointNo) int {
	i, _ := slices.BinarySearchFunc(l.rows, p, func(r row, p PointNo) int { return compare(r.point, p) })
	return i
}

// find is the outage that a decision about a place and a moment is about: the one there, of several the one with the
// latest start before it. Evidence that came after the decision may have found the outage further up or down; then it is
// the lowest one above that interrupts somebody at the place, else the largest one below.
func (s *solver) find(l *ledger, v NodeNo, p PointNo, m moment) *group {
	var best *group
	var bestRank [3]moment
	for _, g := range l.groups {
		if len(g.rows) == 0 {
			continue
		}
		start, end := extent(g.rows)
		if m < start-15*minute || end.plus(15*minute) < m {
			continue
		}
		how, far, ok := s.concerns(g, v, p, m)
		if rank := [3]moment{how, far, -start}; ok && (best == nil || slices.Compare(rank[:], bestRank[:]) < 0) {
			best, bestRank = g, rank
		}
	}
	return best
}

// concerns tells how an outage concerns a place: 0 it stands there, 1 above and so many nodes away, 2 below with so many
// interruptions, the more the better; false where it does not.
func (s *solver) concerns(g *group, v NodeNo, p PointNo, m moment) (how, far moment, ok bool) {
	if g.node == v && (v != NoNode || g.point == p) {
		return 0, 0, true
	}
	if v == NoNode {
		if v = s.d.net.nodeAt(p, m); v == NoNode || g.node == NoNode {
			return 0, 0, false
		}
	}
	at := g.node
	if at == NoNode {
		at = s.d.net.nodeAt(g.point, m)
	}
	if at == NoNode {
		return 0, 0, false
	}
	if g.node != NoNode && g.tree.below(g.node, v) {
		hit := slices.ContainsFunc(g.rows, func(r row) bool { return g.tree.below(v, s.d.net.nodeAt(r.point, r.from())) })
		for up := v; up != g.node; up = g.tree.parent[up] {
			far++
		}
		return 1, far, hit
	}
	return 2, -moment(len(g.rows)), g.tree.below(v, at)
}

func extent(rows []row) (start, end moment) {
	start, end = open, unknown
	for i := range rows {
		start, end = min(start, rows[i].from()), max(end, rows[i].end)
	}
	return start, end
}

// split makes an outage of its own of what is below a node.
func (s *solver) split(l *ledger, g *group, below NodeNo) {
	if below == NoNode {
		return
	}
	made := *g
	made.node, made.point, made.split, made.rows, made.cause, made.planned = below, NoPoint, g.node, nil, "", 0
	made.declared, made.told = false, nil
	kept := g.rows[:0:0]
	for _, r := range g.rows {
		if g.tree.below(below, s.d.net.nodeAt(r.point, r.from())) {
			made.rows = append(made.rows, r)
		} else {
			kept = append(kept, r)
		}
	}
	if len(made.rows) > 0 && len(kept) > 0 {
		g.rows = kept
		l.groups = append(l.groups, &made)
	}
}

// close gives the outages their plans and edges, in an order that depends on nothing but them.
func (s *solver) close(l *ledger, component int32) {
	for _, g := range l.groups {
		for _, p := range g.excluded {
			if g.odds > s.d.settings.Odds {
				l.against[p]++
			}
		}
		for _, r := range g.rows {
			if r.observed {
				l.with[r.point]++
			}
		}
	}
	l.groups = slices.DeleteFunc(l.groups, func(g *group) bool { return len(g.rows) == 0 })
	for _, g := range l.groups {
		g.start, g.end = extent(g.rows)
		slices.SortFunc(g.rows, func(a, b row) int { return compare(a.point, b.point) })
		g.plan = s.planOf(g)
	}
	slices.SortStableFunc(l.groups, func(a, b *group) int {
		switch {
		case a.start != b.start:
			return compare(a.start, b.start)
		case a.node != b.node:
			return compare(a.node, b.node)
		}
		return compare(a.point, b.point)
	})
	count := 0
	for _, g := range l.groups {
		count += len(g.rows)
	}
	l.rows = make([]row, 0, count)
	for i, g := range l.groups {
		for k := range g.rows {
			g.rows[k].group = int32(i)
		}
		l.rows = append(l.rows, g.rows...)
	}
	slices.SortFunc(l.rows, func(a, b row) int {
		if a.point != b.point {
			return compare(a.point, b.point)
		}
		return compare(a.from(), b.from())
	})
	for i := 1; i < len(l.rows); i++ { // what begins nobody knows when begins after the one before
		if r, before := &l.rows[i], &l.rows[i-1]; r.point == before.point && r.start == unknown {
			r.lo = max(r.lo, before.end)
		}
	}
	s.compareCounters(l, component)
	l.rest()
}

// planOf is the planned cut an outage falls into: it begins in its window, or a quarter of an hour before, at its node or
// below.
func (s *solver) planOf(g *group) *Plan {
	fits := func(p *Plan) bool {
		return p.Kind == PlannedCut && at(p.From)-15*minute <= g.start && g.start < until(p.To)
	}
	node := g.node
	if node == NoNode {
		for _, p := range s.d.calendar.byPoint[g.point] {
			if fits(p) {
				return p
			}
		}
		node = s.d.net.nodeAt(g.point, g.start)
	}
	for v := node; v != NoNode; v = g.tree.parent[v] {
		for _, p := range s.d.calendar.byNode[v] {
			if fits(p) {
				return p
			}
		}
	}
	return nil
}

// compareCounters compares the counters of failures with what is known (case 20).
func (s *solver) compareCounters(l *ledger, component int32) {
	for p := range s.d.countersOf[component] {
		dos := s.d.records[p].dossier
		if dos == nil || len(dos.events) == 0 {
			continue // out of memory
		}
		subject := s.d.subjectOf(p, dos.first())
		list := subject.correct(dos.events)
		for _, kind := range []Kind{FailureCount, ShortCount} {
			var former *said
			for i := range list {
				e := &list[i]
				if e.kind != kind {
					continue
				}
				if former != nil && former.device == e.device && e.value > former.value { // lower: a new baseline
					l.counted = append(l.counted, s.counted(l, p, former, e, list))
				}
				former = e
			}
		}
	}
	slices.SortFunc(l.counted, func(a, b Counted) int {
		if a.Point != b.Point {
			return compare(a.Point, b.Point)
		}
		return a.From.Compare(b.From)
	})
	l.counted = slices.DeleteFunc(l.counted, func(c Counted) bool { return c.Failures <= c.Known })
}

func (s *solver) counted(l *ledger, p PointNo, from, to *said, list []said) Counted {
	c := Counted{Point: p, From: from.m.time(), To: to.m.time(), Failures: int(to.value - from.value), Short: to.kind == ShortCount}
	logged := 0
	for i := range list {
		if e := &list[i]; e.kind == PowerFailure && from.m < e.m && e.m <= to.m {
			logged++
		}
		if list[i].kind == LogRead {
			c.Overflow = true
		}
	}
	c.Overflow = !c.Short && (c.Overflow || logged > 0) && logged < c.Failures
	for first := l.first(p); first < len(l.rows) && l.rows[first].point == p; first++ {
		if r := &l.rows[first]; r.phases == 0 && from.m < r.end && r.end <= to.m && (!c.Short || r.start != unknown && r.end-r.start <= 5*minute) {
			c.Known++
		}
	}
	return c
}
