package interruption

import (
	"math"
	"slices"
)

// rounds is how often the explanation is made again after stretches were divided. Each round can find what the one before
// has laid open; two losses in a row need one.
const rounds = 3

// divide finds stretches that bridge a return and a new loss because the words about both were lost: the power-up and the
// next gasp. Neighbours returned and fell dark again meanwhile. Either it was with them, and its k messages were lost, or
// it stayed dark behind a fault of its own that began within the outage: the more probable counts. It tells whether it
// divided any.
func (s *solver) divide(l *ledger, fresh int, onsets []map[NodeNo][]*onset) bool {
	found := false
	for _, g := range l.groups[fresh:] {
		if g.node == NoNode || g.mask != allPhases || g.onset.m == unknown || g.onset.tally.dark == 0 {
			continue
		}
		s.t, s.memory = g.tree, onsets[slices.IndexFunc(s.d.net.trees, func(t tree) bool { return t.from == g.tree.from })]
		found = s.divideBelow(g.node, g.onset) || found
	}
	return found
}

// divideBelow looks for bridging stretches below a node that fell dark at an onset.
func (s *solver) divideBelow(v NodeNo, second *onset) bool {
	found := false
	for _, first := range s.memory[v] {
		if first.m != unknown && first.m < second.m && len(first.members) > 0 && s.bridges(first, second.m) {
			found = s.divideAt(first, second) || found
		}
	}
	for _, child := range s.t.children[v] {
		found = s.divideBelow(child, second) || found
	}
	return found
}

// bridges tells whether a member of an onset is dark at a moment by its own evidence alone.
func (s *solver) bridges(o *onset, m moment) bool {
	return slices.ContainsFunc(o.members, func(x member) bool { return s.bridging(&x, m) })
}

func (s *solver) bridging(x *member, m moment) bool {
	return !x.truth && x.phases == 0 && x.start != unknown && x.start+span(s.d.settings.Tolerance) < m && x.covers(m)
}

// divideAt divides the bridging stretches of a node's usage points when that is more probable than a fault below the
// lowest node above them that returned in between.
func (s *solver) divideAt(first, second *onset) bool {
	top, below := first, (*onset)(nil)
	for returnOf(top, second.m) == unknown {
		above := s.t.parent[top.node]
		if above == NoNode {
			return false
		}
		i := slices.IndexFunc(s.memory[above], func(o *onset) bool { return slices.Contains(o.kids, top) })
		if i < 0 {
			return false
		}
		top, below = s.memory[above][i], top
	}
	back := returnOf(top, second.m)
	if !s.wentAgain(top, below, first, second) {
		return false
	}
	found := false
	for i := range first.members {
		if m := &first.members[i]; s.bridging(m, second.m) && (m.end == open || second.endsNear(m.end, 2*span(s.d.settings.Tolerance))) {
			s.cutInTwo(m, back, second.m)
			found = true
		}
	}
	return found
}

// returnOf is the last return in an onset before a moment; unknown when there is none.
func returnOf(o *onset, m moment) moment {
	last := unknown
	for _, end := range o.ends {
		if end < m {
			last = end
		}
	}
	return last
}

// wentAgain weighs: that all who bridge the return were back with the others, and nothing they said of it got through,
// against a fault that kept them dark. below is the onset of the highest node in which nobody returned; nil: somebody did
// at the usage points' own node.
func (s *solver) wentAgain(top, below, first, second *onset) bool {
	settings, w := &s.d.settings, s.weights(first.node)
	silent, again := 0, 0
	visit := func(x *member) {
		if s.bridging(x, second.m) {
			if x.next != 0 && x.next >= second.m-span(settings.Tolerance) && x.next <= second.m+span(settings.Tolerance) {
				again++ // it gasped again
			} else {
				silent++
			}
		}
	}
	began := math.Log(max(1, float64(second.m-first.m)/float64(minute))) // the fault may have begun in any minute of it
	lost := func() float64 { return float64(silent)*(w.noUp+w.silent) + float64(again)*(w.noUp+w.gasp) }
	if below == nil {
		for i := range top.members {
			visit(&top.members[i])
		}
		n := max(top.tally.all-top.tally.dark, len(top.members))
		k := silent + again
		alone := float64(k) * (settings.PriorPoint + began)
		part := settings.prior(s.d.net.nodes[first.node].kind) + settings.Part + began - choice(n, k)
		return lost() > max(alone, part)
	}
	count(below, visit)
	sum := lost()
	for _, o := range s.memory[below.node] { // who gasped at the second onset and was not dark before
		if o.m != unknown && o.m >= second.m-span(settings.Tolerance) && o.m <= second.m+span(settings.Tolerance) {
			count(o, func(x *member) { sum += max(0, x.own) })
		}
	}
	return sum > settings.prior(s.d.net.nodes[below.node].kind)+began
}

// cutInTwo makes two stretches of one: it was back at a moment, and dark again from the next.
func (s *solver) cutInTwo(m *member, back, next moment) {
	list := slices.Clone(s.stretchesOf(m.point))
	i := slices.IndexFunc(list, func(x stretch) bool { return x.start == m.start && x.end == m.end && x.bound == m.bound })
	if i < 0 {
		return
	}
	x := list[i]
	list[i].end, list[i].endBy, list[i].bound, list[i].up, list[i].again, list[i].next = open, ByNothing, next, false, true, 0
	rest := stretch{start: unknown, lo: back, hi: x.end, end: x.end, bound: x.bound, startBy: ByNothing, endBy: x.endBy, up: x.up}
	if x.next != 0 && x.next >= next-span(s.d.settings.Tolerance) && x.next <= next+span(s.d.settings.Tolerance) {
		list[i].gasps = 1
		rest.start, rest.lo, rest.hi, rest.startBy, rest.gasps = x.next, x.next-span(s.d.settings.Tolerance), x.next+span(s.d.settings.Tolerance), ByDevice, 1
	} else if x.end == open { // nothing is known of it but by neighbours
		s.setStretches(m.point, list)
		return
	}
	s.setStretches(m.point, slices.Insert(list, i+1, rest))
}

func (s *solver) setStretches(p PointNo, list []stretch) {
	if s.divided == nil {
		s.divided = map[PointNo][]stretch{}
	}
	s.divided[p] = list
}
