package interruption

import (
	"slices"

	"lastgasp/headend"
)

// fill makes the rows of an outage.
func (s *solver) fill(l *ledger, g *group) {
	s.t = g.tree
	if g.node == NoNode || g.mask == part {
		for i := range g.onset.members {
			m := &g.onset.members[i]
			if g.node == NoNode && m.point != g.point {
				continue
			}
			at := unknown // one alone has no neighbours to learn from
			if g.node != NoNode {
				at = g.onset.m
			}
			g.rows = append(g.rows, s.observed(m, at, m.phases, s.placesOf(g)))
		}
		return
	}
	g.rows = make([]row, 0, g.onset.tally.all)
	s.collect(l, g, g.node, g.onset, hope{m: g.onset.m, lo: g.onset.lo, by: ByNeighbour, bound: open})
}

// placesOf is what the members of a part, or one alone, take from each other.
func (s *solver) placesOf(g *group) hope {
	if g.node == NoNode {
		return hope{m: unknown, bound: open}
	}
	return s.narrow(g.onset, hope{m: g.onset.m})
}

// narrow narrows what is hoped for to a node with an onset of its own.
func (s *solver) narrow(o *onset, h hope) hope {
	if o.m != unknown {
		h.m = o.m
	}
	h.near = false
	var ends []moment
	for i := range o.members {
		if m := &o.members[i]; m.exactEnd() {
			ends = append(ends, m.end)
		}
	}
	if len(ends) > 0 {
		slices.Sort(ends)
		h.ends, h.near = ends, true
	} else if len(o.ends) > 0 {
		h.ends = o.ends
	}
	for i := range o.seen {
		if w := &o.seen[i]; w.end < open && len(o.ends) == 0 {
			h.ends = []moment{w.end}
		}
	}
	h.bound, h.again = open, false
	for i := range o.members {
		if m := &o.members[i]; m.end == open && m.bound < h.bound {
			h.bound, h.again = m.bound, m.again
		}
	}
	return h
}

func (s *solver) collect(l *ledger, g *group, v NodeNo, o *onset, h hope) {
	own := s.at(v, o)
	if o != nil {
		h = s.narrow(o, h)
	} else {
		h.near, h.bound, h.again = false, open, false
	}
	m := g.onset.begin()
	mask := headend.Phases(g.mask)
	n := s.d.net
	for place, p := range n.members[n.nodes[v].from:n.nodes[v].to] {
		if n.nodeAt(p, m) != v {
			continue
		}
		x := own[place]
		has := s.phasesOf(p)
		lost := has & mask
		switch {
		case mask != allPhases && lost == 0:
			if x != nil && x.value(&s.d.settings) > 0 {
				g.rows = append(g.rows, s.observed(x, unknown, x.phases, h))
			}
			continue
		case lost == has:
			lost = 0
		}
		if x != nil {
			g.rows = append(g.rows, s.observed(x, h.m, lost, h))
			continue
		}
		if r, lives := s.inferred(p, g, h, lost); lives {
			g.excluded = append(g.excluded, p)
		} else if r != nil {
			g.rows = append(g.rows, *r)
		}
	}
	for _, child := range s.t.children[v] {
		found := false
		if o != nil {
			for _, k := range o.kids {
				if k.node == child && !found {
					s.collect(l, g, child, k, h)
					found = true
				}
			}
		}
		if !found {
			s.collect(l, g, child, nil, h)
		}
	}
}

// observed is the row of a usage point with a stretch of its own, completed from its neighbours.
func (s *solver) observed(x *member, m moment, lost headend.Phases, h hope) row {
	r := row{point: x.point, start: x.start, lo: x.lo, hi: x.hi, end: x.end, startBy: x.startBy, endBy: x.endBy, phases: x.phases | lost, observed: true, truth: x.truth, gasped: x.gasps > 0, up: x.up}
	if x.truth {
		return r
	}
	tolerance := span(s.d.settings.Tolerance)
	if m != unknown && (r.start == unknown && x.lo.plus(-tolerance) <= m && m <= x.hi || x.startBy == ByArrival && x.lo-tolerance <= m && m < r.start) {
		r.start, r.startBy = m, ByNeighbour
	}
	if r.end == open {
		r.end, r.endBy = s.endOf(x.point, max(r.from(), x.edge()), h, x.stretch)
		if x.bound < open && r.end > x.bound {
			r.end, r.endBy = x.bound, ByLifeSign
		}
		r.again = x.again && r.end == x.bound
	}
	if r.startBy == ByNeighbour { // unless it lived since then
		margin := span(s.d.settings.Margin)
		if subject := s.d.subjectOf(x.point, x.edge()); subject.alive(r.start+margin, r.end.plus(-margin)) {
			r.start, r.startBy = x.start, x.startBy
		}
	}
	return r
}

// inferred is the row of a usage point without evidence of its own; nil when there is none, and lives when the
// usage point contradicts.
func (s *solver) inferred(p PointNo, g *group, h hope, lost headend.Phases) (r *row, lives bool) {
	m := g.onset.begin()
	if h.m == unknown && len(h.ends) == 0 {
		return nil, false
	}
	from := h.m
	if from == unknown {
		from = h.lo
	}
	list := s.stretchesOf(p)
	for i := range list {
		if list[i].covers(m) { // dark already: it has a row of its own
			return nil, false
		}
	}
	end, by := open, ByNothing
	subject := s.d.subjectOf(p, m)
	if from != unknown {
		first := g.onset.firstEnd(s.now)
		if h.near {
			first = h.ends[0]
		}
		if h.m != unknown && s.lives(&subject, from+span(s.d.settings.Margin), min(first, h.bound)) {
			return nil, true
		}
		end, by = s.endOf(p, from, h, nil)
	} else {
		end, by = h.ends[(len(h.ends)-1)/2], ByNeighbour
	}
	if end < open && from != unknown && s.d.knowsNothing(p, from, end) {
		return nil, true
	}
	r = &row{point: p, start: h.m, lo: h.lo, hi: m, end: end, startBy: h.by, endBy: by, phases: lost}
	if h.m == unknown {
		r.startBy = ByNothing
	}
	r.again = h.again && end == h.bound
	return r, false
}

// endOf is when a usage point that was dark from a moment came back, as its neighbours and its own signs of life tell. It
// was back when it was lost again: what came later is of no use.
func (s *solver) endOf(p PointNo, from moment, h hope, x *stretch) (moment, Basis) {
	margin := span(s.d.settings.Margin)
	subject := s.d.subjectOf(p, from)
	life, limited := subject.lifeAfter(from+margin), open
	if x != nil && x.phases != 0 {
		life = subject.lifeWith(x.phases, from+margin)
	}
	if x != nil && x.again {
		limited = x.bound
		life = min(life, limited)
	}
	latest := func(ends []moment, limit moment) moment { // the last of them not after the limit
		found := open
		for _, e := range ends {
			if e > from && e <= limit && e <= limited {
				found = e
			}
		}
		return found
	}
	if h.near {
		end := h.ends[(len(h.ends)-1)/2]
		if end > from && end <= limited && (life == open || life >= end-margin) {
			return end, ByNeighbour
		}
		if end = latest(h.ends, life.plus(margin)); end < open {
			return end, ByNeighbour
		}
	}
	limit := min(life, h.bound)
	if end := latest(h.ends, limit.plus(margin)); end < open && (limit < open || s.neverHeard(&subject, p, from)) {
		return end, ByNeighbour
	}
	if limit < open && (x != nil || h.bound < open) {
		return limit, ByLifeSign
	}
	if life < open {
		return life, ByLifeSign
	}
	return open, ByNothing
}

// neverHeard tells that no sign of life is to be expected of a usage point: it has no meter or one that was silent before.
func (s *solver) neverHeard(subject *subject, p PointNo, m moment) bool {
	if s.d.net.meterAt(p, m) == NoDevice {
		return true
	}
	last := subject.lifeBefore(m)
	return last == unknown || m-last > s.reach(subject, m)
}
