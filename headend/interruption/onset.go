package interruption

import (
	"math"
	"slices"

	"lastgasp/headend"
)

// member is a usage point's stretch in an onset.
type member struct {
	point PointNo
	place int32 // among the usage points of its node
	*stretch
	own float64 // weight of its own evidence
}

// value is how much better it is explained by a failure of its own than by a false gasp; 0 when it is not.
func (m *member) value(s *Settings) float64 { return max(0, m.own+s.PriorPoint) }

// masks: 1 to 7 are sets of phases, allPhases is 7; part is a failure of an unknown part of a node.
const (
	allPhases = 7
	part      = 8
)

// sums has a sum for each mask; -Inf is a veto.
type sums [8]float64

func (a *sums) add(b *sums) {
	for m := range a {
		a[m] += b[m]
	}
}

// onset is what began at one time below one node.
type onset struct {
	node     NodeNo
	m        moment // unknown where only the returns were seen
	lo, hi   moment // bounds of the beginning where m is unknown
	ends     []moment
	bound    moment   // first sign of life of those that gasped and did not say when they came back
	weight   int      // usage points with evidence
	members  []member // of the node itself
	kids     []*onset
	seen     []witness
	scored   bool
	score    sums // of a failure of the node, without prior
	tally    census
	value    float64 // of the best explanation
	mask     uint8   // with which the node fails in it; 0: it does not
	odds     float64 // of that
	vetoedBy PointNo // who kept the node from being the answer
}

// census counts the usage points of a node in an onset by what they show.
type census struct {
	all, own, silent, dark, mute, unmetered int
	live                                    []PointNo
}

func (c *census) add(o *census) {
	c.all, c.own, c.silent, c.dark, c.mute = c.all+o.all, c.own+o.own, c.silent+o.silent, c.dark+o.dark, c.mute+o.mute
	c.unmetered += o.unmetered
	c.live = append(c.live, o.live...)
}

// begin is the onset, or the latest it can have been.
func (o *onset) begin() moment {
	if o.m != unknown {
		return o.m
	}
	return o.hi
}

func (o *onset) firstEnd(now moment) moment {
	end := min(o.bound, now)
	if len(o.ends) > 0 {
		end = min(end, o.ends[0])
	}
	return end
}

// solver derives the ledger of one component. It lives for one Advance.
type solver struct {
	d       *Detector
	t       *tree
	now     moment
	from    moment // onsets from here on: when the tree begins, or what is before is settled
	until   moment // when the tree ends
	memory  map[NodeNo][]*onset
	divided map[PointNo][]stretch // see divide
	wake    moment                // when time alone would change what is derived

	places  []*member // see at
	gateway DeviceNo  // that was asked for last, and
	said    *dossier  // what it said
}

// at gives the members of an onset by their place at the node. It holds until the next call.
func (s *solver) at(v NodeNo, o *onset) []*member {
	n := int(s.d.net.nodes[v].to - s.d.net.nodes[v].from)
	clear(s.places)
	if cap(s.places) < n {
		s.places = make([]*member, n)
	}
	s.places = s.places[:n]
	if o != nil {
		for i := range o.members {
			s.places[o.members[i].place] = &o.members[i]
		}
	}
	return s.places
}

// linkLost tells whether a gateway's link is known to be lost around a moment.
func (s *solver) linkLost(g DeviceNo, m moment) bool {
	if g == NoDevice {
		return false
	}
	if g != s.gateway || s.said == nil {
		s.gateway, s.said = g, s.d.said[g]
	}
	return s.said != nil && s.said.linkLost(m+span(s.d.settings.Hold+s.d.settings.Spread), m)
}

func (s *solver) weights(v NodeNo) *weights { return &s.d.weights[s.d.net.nodes[v].segment] }

// stretchesOf are those of a usage point, worked out when its evidence has changed.
func (s *solver) stretchesOf(p PointNo) []stretch {
	if len(s.divided) > 0 {
		if list, found := s.divided[p]; found {
			return list
		}
	}
	return s.d.workedOut(p).spans
}

// nothing is worked out of no evidence.
var nothing worked

// workedOut is what a usage point's evidence says by itself.
func (d *Detector) workedOut(p PointNo) *worked {
	dos := d.records[p].dossier
	if dos == nil || dos.silent() {
		return &nothing
	}
	if dos.epoch != d.epoch || dos.worked == nil {
		subject := d.subjectOf(p, dos.first())
		spans, sound := subject.stretches(dos.events)
		dos.worked, dos.epoch = &worked{spans, sound}, d.epoch
	}
	return dos.worked
}

// own is the weight of a stretch: truth is beyond doubt, and a gasp that no power-up followed before the meter was heard
// again is doubtful.
func (s *solver) own(v NodeNo, p PointNo, x *stretch) float64 {
	w := s.weights(v)
	switch {
	case x.denied:
		return math.Inf(-1)
	case x.truth:
		return 30
	}
	sum := 0.0
	if x.gasps > 0 {
		sum += w.gasp
	}
	if x.absent {
		sum += 25
	}
	switch {
	case x.up:
		sum += w.up
	case x.again: // what said so may only have been a repeat
	case x.bound < open && !s.linkLost(s.gatewayOf(p, x.bound), x.bound):
		sum += w.noUp
	}
	return sum
}

func (s *solver) gatewayOf(p PointNo, m moment) DeviceNo {
	meter := s.d.net.meterAt(p, m)
	if meter == NoDevice {
		return NoDevice
	}
	return s.d.net.devices[meter].gateway
}

// onsets at a node and below that begin while the tree is valid, in order.
func (s *solver) onsets(v NodeNo) []*onset {
	if list, known := s.memory[v]; known {
		return list
	}
	var sources []*onset
	sources = append(sources, s.direct(v)...)
	for _, child := range s.t.children[v] {
		sources = append(sources, s.onsets(child)...)
	}
	list := s.join(v, sources, s.witnesses(v))
	for _, o := range list {
		s.explain(o)
	}
	s.memory[v] = list
	return list
}

// direct groups the stretches of the usage points that hang on the node itself.
func (s *solver) direct(v NodeNo) []*onset {
	if !s.d.eventful[v] {
		return nil
	}
	var sure, fuzzy, returns []member
	n := s.d.net
	for place, p := range n.members[n.nodes[v].from:n.nodes[v].to] {
		list := s.stretchesOf(p)
		for i := range list {
			x := &list[i]
			edge := x.edge()
			if x.denied || edge < s.from || edge >= s.until || n.nodeAt(p, edge) != v {
				continue
			}
			m := member{p, int32(place), x, s.own(v, p, x)}
			switch {
			case x.start == unknown:
				returns = append(returns, m)
			case x.startBy == ByArrival:
				fuzzy = append(fuzzy, m)
			default:
				if sure == nil {
					sure = make([]member, 0, n.nodes[v].to-n.nodes[v].from)
				}
				sure = append(sure, m)
			}
		}
	}
	if len(sure)+len(fuzzy)+len(returns) == 0 {
		return nil
	}
	tolerance := span(s.d.settings.Tolerance)
	list := cluster(v, sure, tolerance, func(m *member) moment { return m.start })
	fuzzy = attach(list, fuzzy, func(o *onset, m *member) bool { return m.lo-tolerance <= o.m && o.m <= m.hi+tolerance })
	list = append(list, cluster(v, fuzzy, 2*minute, func(m *member) moment { return m.start })...)
	returns = attach(list, returns, func(o *onset, m *member) bool {
		return m.lo.plus(-tolerance) <= o.m && (o.m < m.hi || m.absent && o.m <= m.hi+tolerance) && (m.lo != unknown || m.absent || m.end == open || len(memberEnds(o)) == 0 || o.endsNear(m.end, 2*tolerance))
	})
	back := cluster(v, returns, tolerance, func(m *member) moment { return m.hi })
	for _, o := range back {
		o.m = unknown
		for i := range o.members {
			o.lo = max(o.lo, o.members[i].lo)
		}
	}
	list = append(list, back...)
	for _, o := range list {
		o.finish()
	}
	slices.SortStableFunc(list, func(a, b *onset) int { return compare(a.begin(), b.begin()) })
	return list
}

func memberEnds(o *onset) []moment {
	var ends []moment
	for i := range o.members {
		if m := &o.members[i]; m.end < open {
			ends = append(ends, m.end)
		}
	}
	return ends
}

// endsNear tells whether one of the onset's members came back at about the moment.
func (o *onset) endsNear(m, tolerance moment) bool {
	near := func(end moment) bool { return end < open && m-tolerance <= end && end <= m+tolerance }
	return slices.ContainsFunc(o.members, func(x member) bool { return near(x.end) }) || slices.ContainsFunc(o.ends, near)
}

// finish works out what the onset's members say together.
func (o *onset) finish() {
	o.bound, o.hi, o.weight, o.ends = open, open, len(o.members), nil
	for i := range o.members {
		m := &o.members[i]
		o.hi = min(o.hi, m.edge())
		switch {
		case m.end < open:
			o.ends = append(o.ends, m.end)
		case m.bound < open:
			o.bound = min(o.bound, m.bound)
		}
	}
	for _, k := range o.kids {
		o.ends = append(o.ends, k.ends...)
		o.bound, o.hi = min(o.bound, k.bound), min(o.hi, k.begin())
		o.weight += k.weight
	}
	for i := range o.seen {
		if o.seen[i].end < open && len(o.ends) == 0 {
			o.bound = min(o.bound, o.seen[i].end)
		}
		o.hi = min(o.hi, o.seen[i].edge())
	}
	slices.Sort(o.ends)
}

// cluster makes onsets of members that begin within tolerance, one after the other; the same usage point twice makes
// two. The onset is the median.
func cluster(v NodeNo, list []member, tolerance moment, edge func(*member) moment) []*onset {
	slices.SortFunc(list, func(a, b member) int {
		if k := compare(edge(&a), edge(&b)); k != 0 {
			return k
		}
		return compare(a.point, b.point)
	})
	var out []*onset
	latest := int32(-1)
	for i := range list {
		latest = max(latest, list[i].place)
	}
	present := make([]int32, latest+1) // by place: the last onset it is in, from 1
	var last moment
	begun := 0 // the first of the last onset
	for i := range list {
		m := list[i]
		if len(out) == 0 || edge(&m)-last > tolerance || int(present[m.place]) == len(out) {
			out = append(out, &onset{node: v, lo: unknown, vetoedBy: NoPoint})
			begun = i
		}
		last = edge(&m)
		present[m.place] = int32(len(out))
		out[len(out)-1].members = list[begun : i+1 : i+1] // a part of the list: who adds to it gets a copy
	}
	for _, o := range out {
		o.m = edge(&o.members[(len(o.members)-1)/2])
	}
	return out
}

// attach gives each member to the onset nearest to it among those that fit, and returns the rest.
func attach(list []*onset, members []member, fits func(*onset, *member) bool) []member {
	var rest []member
	type pair struct {
		o *onset
		m member
	}
	var found []pair
	for i := range members {
		m := &members[i]
		var best *onset
		distance := func(o *onset) moment {
			if m.start != unknown {
				return max(o.m-m.start, m.start-o.m)
			}
			return m.hi - o.m
		}
		for _, o := range list {
			if fits(o, m) && !slices.ContainsFunc(o.members, func(x member) bool { return x.point == m.point }) && (best == nil || distance(o) < distance(best)) {
				best = o
			}
		}
		if best == nil {
			rest = append(rest, *m)
		} else {
			found = append(found, pair{best, *m})
		}
	}
	for _, f := range found { // only now, so that who came first does not matter
		if slices.ContainsFunc(f.o.members, func(x member) bool { return x.point == f.m.point }) {
			rest = append(rest, f.m)
			continue
		}
		f.o.members = append(f.o.members, f.m)
	}
	return rest
}

// join makes onsets of a node from those of the node's own usage points, of the nodes below and of its witnesses.
func (s *solver) join(v NodeNo, sources []*onset, seen []witness) []*onset {
	if len(sources) == 0 && len(seen) == 0 {
		return nil
	}
	tolerance := span(s.d.settings.Tolerance)
	slices.SortStableFunc(sources, func(a, b *onset) int { return compare(a.begin(), b.begin()) })
	var out, back []*onset
	var last moment
	for _, o := range sources {
		if o.m == unknown {
			back = append(back, o)
			continue
		}
		k := len(out) - 1
		if k < 0 || o.m-last > tolerance || slices.ContainsFunc(out[k].kids, func(x *onset) bool { return x.node == o.node }) {
			out = append(out, &onset{node: v, m: o.m, lo: unknown, vetoedBy: NoPoint})
			k++
		}
		last = o.m
		out[k].kids = append(out[k].kids, o)
	}
	if len(seen) == 0 { // what a breaker says is common to all
		out = s.apart(v, out)
	}
	for _, o := range out {
		heaviest := o.kids[0]
		for _, kid := range o.kids {
			if kid.weight > heaviest.weight {
				heaviest = kid
			}
		}
		o.m = heaviest.m
		o.finish()
	}
	for i := range seen {
		if edge := seen[i].edge(); edge < s.from || edge >= s.until {
			continue
		}
		out = testify(v, out, seen[i], tolerance)
	}
	var alone []*onset
	for _, o := range back {
		// It began with what its neighbours say began since it was last heard, of several with one that also ended with it.
		var best *onset
		bestNear := false
		for _, c := range out {
			if c.m < o.lo.plus(-tolerance) || c.m >= o.begin() || slices.ContainsFunc(c.kids, func(x *onset) bool { return x.node == o.node }) {
				continue
			}
			near := slices.ContainsFunc(o.ends, func(end moment) bool { return c.endsNear(end, 2*tolerance) })
			if (near || o.lo != unknown) && (best == nil || near && !bestNear || near == bestNear && c.m > best.m) {
				best, bestNear = c, near
			}
		}
		if best != nil {
			best.kids = append(best.kids, o)
			continue
		}
		k := len(alone) - 1
		if k < 0 || o.begin()-alone[k].kids[len(alone[k].kids)-1].begin() > tolerance || slices.ContainsFunc(alone[k].kids, func(x *onset) bool { return x.node == o.node }) {
			alone = append(alone, &onset{node: v, m: unknown, lo: unknown, vetoedBy: NoPoint})
			k++
		}
		alone[k].kids = append(alone[k].kids, o)
		alone[k].lo = max(alone[k].lo, o.lo)
	}
	out = append(out, alone...)
	for _, o := range out {
		o.flatten(v)
		o.finish()
	}
	slices.SortStableFunc(out, func(a, b *onset) int { return compare(a.begin(), b.begin()) })
	return out
}

// testify gives a witness to the onset it saw, or makes one of it.
func testify(v NodeNo, out []*onset, w witness, tolerance moment) []*onset {
	lo := max(w.lo, w.hi-30*minute)
	var best *onset
	for _, o := range out {
		if lo-tolerance <= o.m && o.m <= w.hi+tolerance && (best == nil || o.m > best.m) {
			best = o
		}
	}
	if best == nil {
		best = &onset{node: v, m: w.edge(), lo: unknown, bound: open, vetoedBy: NoPoint}
		out = append(out, best)
	}
	best.seen = append(best.seen, w)
	return out
}

// flatten makes the node's own members out of the source that holds them.
func (o *onset) flatten(v NodeNo) {
	kids := o.kids[:0]
	for _, k := range o.kids {
		if k.node == v {
			o.members = append(o.members, k.members...)
			continue
		}
		kids = append(kids, k)
	}
	o.kids = kids
}

// phasesOf is the phases of the supply; 0 where the registry does not know.
func (s *solver) phasesOf(p PointNo) headend.Phases { return s.d.net.points[p].phases }
