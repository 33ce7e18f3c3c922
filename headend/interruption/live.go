package interruption

import (
	"fmt"
	"slices"
	"time"
)

// Supply is whether a usage point has supply.
type Supply uint8

// States of supply. Unknown is an answer: silence is never taken for an interruption.
const (
	Unknown Supply = iota + 1
	Energised
	DeEnergised
)

var supplyNames = [...]string{"", "unknown", "energised", "de-energised"}

// String is the state in words.
func (s Supply) String() string { return supplyNames[s] }

// Status is what is known of a usage point's supply.
type Status struct {
	Supply Supply
	Since  time.Time // zero: not known
	Outage uint64    // that it is part of; 0: none
	State  State     // of that outage
	Why    string
}

// Ping asks to put the question to a meter whether it lives.
type Ping struct {
	Point  PointNo
	Device DeviceNo
	Node   NodeNo // that it decides about
	Why    string
}

// Storm is the state of storm mode.
type Storm struct {
	On      bool
	Since   time.Time
	Onsets  int // outages that began in the last ten minutes
	Points  int // usage points out in them
	Held    int // single usage points that are not shown one by one meanwhile
	Highest []StormPlace
}

// StormPlace groups the outages of a storm by the top of their component: a substation.
type StormPlace struct {
	Node    NodeNo
	Outages int
	Points  int
}

// live is what may depend on the order of arrival.
type live struct {
	storm  Storm
	pinged map[PointNo]moment
}

// Status tells whether a usage point has supply at the last Advance.
func (d *Detector) Status(p PointNo) Status {
	part := &d.parts[d.net.nodes[d.net.points[p].node].component]
	var ended moment = unknown
	if part.ledger != nil {
		rows := part.ledger.rows
		for i := part.ledger.first(p); i < len(rows) && rows[i].point == p; i++ {
			r := &rows[i]
			if r.end == open {
				g := part.ledger.groups[r.group]
				s := Status{Supply: DeEnergised, Since: r.start.time(), State: d.stateOf(g), Why: "part of the outage at " + d.place(g)}
				if id := part.names[r.group].id; id != 0 {
					s.Outage = id
				}
				if r.observed {
					s.Why = fmt.Sprintf("its own evidence (%s); %s", r.startBy, s.Why)
				}
				if r.phases != 0 {
					s.Why = "phase " + r.phases.String() + " lost; " + s.Why
				}
				return s
			}
			ended = max(ended, r.end)
		}
	}
	meter := d.net.meterAt(p, d.now)
	if meter == NoDevice {
		return Status{Supply: Unknown, Why: "no meter"}
	}
	subject := d.subjectOf(p, d.now)
	last := subject.lifeBefore(d.now)
	s := &solver{d: d, now: d.now}
	switch {
	case d.linkLost(d.net.devices[meter].gateway, d.now):
		return Status{Supply: Unknown, Since: last.time(), Why: "the link to gateway " + string(d.net.DeviceID(d.net.devices[meter].gateway)) + " is lost"}
	case last == unknown && ended == unknown:
		return Status{Supply: Unknown, Why: "never heard"}
	case last == unknown || d.now-max(last, ended) > s.reach(&subject, d.now):
		return Status{Supply: Unknown, Since: max(last, ended).time(), Why: "not heard since " + max(last, ended).clock(d.settings.Zone)}
	}
	return Status{Supply: Energised, Since: ended.time(), Why: "last heard " + last.clock(d.settings.Zone)}
}

// stateOf is where an outage is in its life.
func (d *Detector) stateOf(g *group) State {
	switch {
	case g.end < open && d.now >= g.end+span(d.settings.Settle):
		return Closed
	case g.end < open:
		return Restored
	case g.odds >= d.settings.Odds:
		return Confirmed
	}
	return Suspected
}

// rename gives the outages of a new ledger the numbers of those they continue, and says what has changed.
func (d *Detector) rename(part *area, before *ledger, c *Changes) {
	l := part.ledger
	ids, known := d.match(part, l)
	names, told := make([]name, len(l.groups)), len(c.Retracted)
	kept := map[uint64]bool{}
	for i, g := range l.groups {
		if ids[i] == 0 {
			if !known[i] && d.heldBack(g) {
				continue
			}
			ids[i] = d.nextID
			d.nextID++
		}
		kept[ids[i]] = true
		names[i] = name{id: ids[i], state: d.stateOf(g)}
	}
	old := map[uint64]*Outage{}
	for i := range part.names {
		if n := &part.names[i]; n.id != 0 {
			old[n.id] = &n.shown
			if !kept[n.id] && n.shown.alive(d.floor) {
				c.Withdrawn = append(c.Withdrawn, n.id)
				c.Retracted = append(c.Retracted, Retracted{ID: n.id})
			}
		}
	}
	for i, g := range l.groups {
		if names[i].id == 0 {
			continue
		}
		names[i].shown = d.tell(g, names[i])
		if former := old[names[i].id]; former == nil || !former.same(&names[i].shown) {
			c.Outages = append(c.Outages, names[i].shown)
		}
	}
	part.names = names
	d.sayWhy(part, c.Retracted[told:])
	d.revise(part, c)
}

// tell is what is told of a group. One that is over and was taken over is what it was.
func (d *Detector) tell(g *group, n name) Outage {
	if g.told != nil && g.end < open && g.told.ID == n.id && g.told.State == n.state && g.toldOf == g.plan {
		return *g.told
	}
	o := d.outage(g, n)
	g.told, g.toldOf = &o, g.plan
	return o
}

// alive tells whether an outage may still be revised: one from before the window only leaves memory.
func (o *Outage) alive(floor moment) bool { return o.End.IsZero() || at(o.End) >= floor }

// same compares what is told of an outage.
func (o *Outage) same(b *Outage) bool {
	return o.Node == b.Node && o.Point == b.Point && o.Part == b.Part && o.Phases == b.Phases && o.State == b.State && o.Start.Equal(b.Start) && o.End.Equal(b.End) &&
		o.Cause == b.Cause && o.Own == b.Own && o.Declared == b.Declared && o.Planned == b.Planned && o.Plan == b.Plan && o.Overrun == b.Overrun && o.Points == b.Points && o.Out == b.Out && o.Seen == b.Seen &&
		o.Summary == b.Summary && slices.Equal(o.Steps, b.Steps) && slices.Equal(o.Trail, b.Trail)
}

// heldBack tells whether a single light is not shown while a storm lasts.
func (d *Detector) heldBack(g *group) bool {
	return d.live.storm.On && g.node == NoNode && !slices.ContainsFunc(g.rows, func(r row) bool { return r.truth })
}

// match finds for each outage the number of the one it shares most rows with; 0 where another outage has taken it. It also
// tells which hold rows that were told before.
func (d *Detector) match(part *area, l *ledger) (ids []uint64, known []bool) {
	type link struct {
		id     uint64
		group  int
		shared int
	}
	shared := map[[2]uint64]int{}
	var last [2]uint64
	run, k := 0, 0
	for i := range l.rows {
		r := &l.rows[i]
		for k < len(part.shown) && part.shown[k].Point < r.point {
			k++
		}
		for j := k; j < len(part.shown) && part.shown[j].Point == r.point; j++ {
			old := &part.shown[j]
			from := at(old.Start)
			if from == unknown {
				from = at(old.End)
			}
			if from <= r.end && (old.End.IsZero() || r.from() <= at(old.End)) {
				if key := [2]uint64{old.Outage, uint64(r.group)}; key != last {
					if run > 0 {
						shared[last] += run
					}
					last, run = key, 0
				}
				run++
			}
		}
	}
	if run > 0 {
		shared[last] += run
	}
	links := make([]link, 0, len(shared))
	for key, n := range shared {
		links = append(links, link{key[0], int(key[1]), n})
	}
	slices.SortFunc(links, func(a, b link) int {
		if a.shared != b.shared {
			return b.shared - a.shared
		}
		if a.id != b.id {
			return compare(int64(a.id), int64(b.id))
		}
		return a.group - b.group
	})
	ids, known = make([]uint64, len(l.groups)), make([]bool, len(l.groups))
	taken := map[uint64]bool{}
	for _, x := range links {
		known[x.group] = true
		if ids[x.group] == 0 && !taken[x.id] {
			ids[x.group], taken[x.id] = x.id, true
		}
	}
	return ids, known
}

// deferrable tells whether what a row says better may be told later: who is out, and in which outage, stays as it is.
func (i *Interruption) deferrable(b *Interruption) bool {
	return i.Outage == b.Outage && i.End.IsZero() && b.End.IsZero() && i.Phases == b.Phases && i.Planned == b.Planned && i.Cause == b.Cause &&
		i.Own == b.Own && i.Declared == b.Declared
}

// revise compares the rows with those told before. Of a component of many rows it tells what is new at once, and all that
// is told better of those still out only as often as slow says: in a storm the starts of neighbours without words of
// their own move a little with each word.
func (d *Detector) revise(part *area, c *Changes) {
	whole := d.now-part.whole >= part.slow()
	if d.untold = !whole; whole {
		part.whole = d.now
	}
	rows := slices.Grow(d.spare[:0], len(part.ledger.rows))
	if more := len(part.ledger.rows) - len(part.shown); more > 100 {
		c.Interruptions = slices.Grow(c.Interruptions, more)
	}
	for i := range part.ledger.rows {
		r := &part.ledger.rows[i]
		n := &part.names[r.group]
		if n.id == 0 {
			continue
		}
		rows = append(rows, Interruption{Point: r.point, Outage: n.id, Start: r.start.time(), End: r.end.time(), StartBy: r.startBy, EndBy: r.endBy,
			Phases: r.phases, Observed: r.observed, Planned: n.shown.Planned, Cause: n.shown.Cause, Own: r.own, Declared: n.shown.Declared})
		if r.start == unknown {
			rows[len(rows)-1].NotBefore = r.lo.time()
		}
	}
	old := part.shown
	k := 0
	gone := func(x Interruption, instead *Interruption) {
		if !x.End.IsZero() && at(x.End) < d.floor {
			return // out of memory, not out of the world
		}
		x.Revision++
		x.Reason = d.deniedBy(&x)
		if instead != nil {
			x.Reason = fmt.Sprintf("it is one with interruption %d", instead.ID)
		}
		c.Removed = append(c.Removed, x)
	}
	for i := range rows {
		r := &rows[i]
		for k < len(old) && (old[k].Point < r.Point || old[k].Point == r.Point && old[k].ends().Before(r.begins())) {
			gone(old[k], joined(rows[:i], &old[k]))
			k++
		}
		if k < len(old) && old[k].Point == r.Point && !r.ends().Before(old[k].begins()) {
			if !whole && old[k].deferrable(r) {
				*r = old[k]
				k++
				continue
			}
			r.ID, r.Revision, r.Reason = old[k].ID, old[k].Revision, old[k].Reason
			if *r == old[k] {
				k++
				continue
			}
			if why := d.changed(&old[k], r); why != "" {
				r.Revision, r.Reason = r.Revision+1, why
				c.Interruptions = append(c.Interruptions, *r)
			}
			k++
			continue
		}
		r.ID, r.Revision, r.Reason = d.nextRow, 1, "new: start by "+r.StartBy.String()
		d.nextRow++
		c.Interruptions = append(c.Interruptions, *r)
	}
	for ; k < len(old); k++ {
		gone(old[k], joined(rows, &old[k]))
	}
	part.shown, d.spare = rows, part.shown
}

// joined is the row that an old one has become part of: the last of those told, when it overlaps or touches.
func joined(rows []Interruption, old *Interruption) *Interruption {
	if k := len(rows) - 1; k >= 0 && rows[k].Point == old.Point && !rows[k].ends().Before(old.begins()) {
		return &rows[k]
	}
	return nil
}

var forever = time.Unix(1<<40, 0)

func (i *Interruption) begins() time.Time {
	switch {
	case !i.Start.IsZero():
		return i.Start
	case !i.End.IsZero():
		return i.End
	}
	return i.NotBefore
}

func (i *Interruption) ends() time.Time {
	if i.End.IsZero() {
		return forever
	}
	return i.End
}

// changed says in words what a revision changes; "" for nothing.
func (d *Detector) changed(a, b *Interruption) string {
	var why string
	say := func(format string, args ...any) {
		if why != "" {
			why += "; "
		}
		why += fmt.Sprintf(format, args...)
	}
	edge := func(name string, before, after time.Time, by Basis) {
		if !before.Equal(after) {
			say("%s %s instead of %s, by %s", name, at(after).clock(d.settings.Zone), at(before).clock(d.settings.Zone), by)
		}
	}
	edge("start", a.Start, b.Start, b.StartBy)
	if a.End.IsZero() && !b.End.IsZero() {
		say("supply back, by %s", b.EndBy)
	} else {
		edge("end", a.End, b.End, b.EndBy)
	}
	if b.Start.IsZero() {
		edge("not before", a.NotBefore, b.NotBefore, ByLifeSign)
	}
	if why == "" && (a.StartBy != b.StartBy || a.EndBy != b.EndBy) {
		say("confirmed: start by %s, end by %s", b.StartBy, b.EndBy)
	}
	if a.Phases != b.Phases {
		say("phases %q instead of %q", b.Phases, a.Phases)
	}
	if a.Outage != b.Outage {
		say("belongs to outage %d instead of %d", b.Outage, a.Outage)
	}
	if a.Observed != b.Observed {
		say("now by its own evidence")
	}
	if a.Planned != b.Planned {
		say("planned: %v", b.Planned)
	}
	switch {
	case a.Cause == b.Cause:
	case b.Cause == "":
		say("cause %q taken back", a.Cause)
	case a.Cause == "":
		say("cause %q", b.Cause)
	default:
		say("cause %q instead of %q", b.Cause, a.Cause)
	}
	if a.Own != b.Own {
		say("fault in the customer's own installation: %v", b.Own)
	}
	if a.Declared != b.Declared {
		say("declared as force majeure: %v", b.Declared)
	}
	return why
}

// attend works out what depends on now alone: storm mode and pings.
func (d *Detector) attend(c *Changes) {
	storm := Storm{Since: d.live.storm.Since}
	since := d.now - 10*minute
	for i := range d.parts {
		l := d.parts[i].ledger
		if l == nil || l.span.to < since {
			continue
		}
		place := StormPlace{Node: NoNode}
		for k, g := range l.groups {
			if g.start < since || g.start > d.now {
				continue
			}
			storm.Onsets++
			storm.Points += len(g.rows)
			place.Outages++
			place.Points += len(g.rows)
			if d.parts[i].names[k].id == 0 {
				storm.Held++
			}
			if place.Node == NoNode {
				place.Node = d.top(g)
			}
		}
		if place.Outages > 0 {
			storm.Highest = append(storm.Highest, place)
		}
	}
	limit, points := d.settings.StormOnsets, d.settings.StormPoints
	if d.live.storm.On { // it ends when it is half as bad
		limit, points = limit/2, points/2
	}
	storm.On = storm.Onsets >= limit || storm.Points >= points
	slices.SortStableFunc(storm.Highest, func(a, b StormPlace) int { return b.Points - a.Points })
	storm.Highest = storm.Highest[:min(len(storm.Highest), 20)]
	switch {
	case storm.On && !d.live.storm.On:
		storm.Since = d.now.time()
	case !storm.On:
		storm.Since, storm.Highest = time.Time{}, nil
		if d.live.storm.On {
			for i := range d.parts { // what was held back is shown now
				if slices.ContainsFunc(d.parts[i].names, func(n name) bool { return n.id == 0 }) {
					d.stir(int32(i), urgent, unknown)
				}
			}
		}
	}
	if storm.On != d.live.storm.On || storm.On && (storm.Points != d.live.storm.Points || storm.Onsets != d.live.storm.Onsets) {
		told := storm
		c.Storm = &told
	}
	d.live.storm = storm
	c.Pings = d.pings()
}

func (d *Detector) top(g *group) NodeNo {
	v := g.node
	if v == NoNode {
		v = d.net.points[g.point].node
	}
	for g.tree.parent[v] != NoNode {
		v = g.tree.parent[v]
	}
	return v
}

// pings picks the meters whose answer would tell most: at the nodes nearest to even odds, those that have said nothing.
func (d *Detector) pings() []Ping {
	if d.live.pinged == nil {
		d.live.pinged = map[PointNo]moment{}
	}
	var all []doubt
	for i := range d.parts {
		if l := d.parts[i].ledger; l != nil && l.span.to >= d.now-30*minute {
			for _, x := range l.doubts {
				if m := x.onset.begin(); m < open && m >= d.now-30*minute && x.onset.lastEnd() == open {
					all = append(all, x)
				}
			}
		}
	}
	for p, m := range d.live.pinged {
		if m < d.now-span(d.settings.PingEvery) {
			delete(d.live.pinged, p)
		}
	}
	slices.SortStableFunc(all, func(a, b doubt) int {
		switch {
		case a.size < b.size:
			return -1
		case a.size > b.size:
			return 1
		}
		return compare(a.onset.node, b.onset.node)
	})
	var out []Ping
	for _, x := range all {
		if len(out) >= d.settings.Pings {
			break
		}
		out = d.pingAt(x, out)
	}
	return out
}

// pingAt asks up to three silent meters of a node.
func (d *Detector) pingAt(x doubt, out []Ping) []Ping {
	s := &solver{d: d, t: x.tree, now: d.now, from: unknown, until: open, memory: map[NodeNo][]*onset{}}
	o, n := x.onset, d.net
	asked := 0
	for _, p := range n.members[n.nodes[o.node].from:n.nodes[o.node].to] {
		if asked == 3 || len(out) >= d.settings.Pings {
			break
		}
		_, again := d.live.pinged[p]
		if again {
			asked++
			continue
		}
		if slices.ContainsFunc(o.members, func(m member) bool { return m.point == p }) {
			continue
		}
		if stand, _ := s.standing(p, o, o.firstEnd(d.now)); stand != silent {
			continue
		}
		d.live.pinged[p] = d.now
		out = append(out, Ping{p, n.meterAt(p, d.now), o.node, fmt.Sprintf("%d of %d at %s spoke for an outage since %s", len(o.members), o.tally.all, n.nodes[o.node].name, o.begin().clock(d.settings.Zone))})
		asked++
	}
	return out
}

// Outages are all that are known within the window, in order of component and time.
func (d *Detector) Outages() []Outage {
	var out []Outage
	for i := range d.parts {
		for _, n := range d.parts[i].names {
			if n.id != 0 {
				out = append(out, n.shown)
			}
		}
	}
	return out
}

// Interruptions are the rows of the ledger within the window, by component, usage point and time.
func (d *Detector) Interruptions() []Interruption {
	var out []Interruption
	for i := range d.parts {
		out = append(out, d.parts[i].shown...)
	}
	return out
}

// Counted are the failures that only counters know of.
func (d *Detector) Counted() []Counted {
	var out []Counted
	for i := range d.parts {
		if l := d.parts[i].ledger; l != nil {
			out = append(out, l.counted...)
		}
	}
	return out
}

// TopologyFaults are the meters that never agree with their siblings.
func (d *Detector) TopologyFaults() []TopologyFault {
	var out []TopologyFault
	for i := range d.parts {
		if l := d.parts[i].ledger; l != nil {
			for _, p := range sortedPoints(l.against) {
				if n := l.against[p]; n > 1 && l.with[p] == 0 {
					out = append(out, TopologyFault{p, d.net.points[p].node, n})
				}
			}
		}
	}
	return out
}
