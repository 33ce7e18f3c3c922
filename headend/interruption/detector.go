package interruption

import (
	"fmt"
	"slices"
	"time"
)

// Detector holds the set of evidence and the ledger last derived from it. It is not safe for use by several
// goroutines at once.
type Detector struct {
	net      *Network
	settings Settings
	weights  []weights // by segment

	// The set.
	records   []record // by usage point
	said      map[DeviceNo]*dossier
	saidAt    map[NodeNo]*dossier
	clocks    map[DeviceNo]clock
	calendar  calendar
	decisions map[int32][]Decision // by component
	refused   map[Verdict]int
	floor     moment // evidence from before is refused

	// What follows from it.
	parts      []area
	untold     bool // of the component derived last not all was told
	dirty      []int32
	countersOf map[int32]map[PointNo]struct{}
	now        moment
	epoch      uint32 // rises when what was worked out of single usage points' evidence holds no more
	pruned     moment
	nextID     uint64
	nextRow    uint64
	eventful   []bool         // by node: of whose usage points more than signs of life is known
	scratch    []row          // see settle
	spare      []Interruption // see revise
	spared     int            // outages after late evidence that were not weighed again
	live       live
}

// area is a component of the network.
type area struct {
	ledger *ledger // nil: nothing ever happened
	names  []name  // of the ledger's groups
	shown  []Interruption
	dirty  uint8
	from   moment // the earliest moment that the evidence since then speaks of
	to     moment // the latest that it can change anything at
	wake   moment // when time alone changes something; open: never
	last   moment // when it was derived
	whole  moment // when all its rows were told as they are
	since  moment // what devices said before was dropped; unknown: nothing was
}

const (
	clean   uint8 = iota
	late          // of hours ago: logs trickle in over a day
	stirred       // only signs of life
	revised       // what is known is told better: logs, counters
	urgent        // somebody may have lost supply or got it back
)

// patience is how long after the last derivation each may wait, in milliseconds. It bounds the work; it cannot show in the
// ledger.
var patience = [...]moment{clean: 0, late: 60_000, stirred: 15_000, revised: 0, urgent: 0}

// name is what the history knows an outage by.
type name struct {
	id    uint64
	state State
	shown Outage
}

// New makes a detector of a network that knows nothing yet.
func New(net *Network, settings Settings) *Detector {
	d := &Detector{net: net, settings: settings.complete(), records: make([]record, len(net.points)), said: map[DeviceNo]*dossier{},
		saidAt: map[NodeNo]*dossier{}, clocks: map[DeviceNo]clock{}, refused: map[Verdict]int{}, floor: unknown,
		parts: make([]area, net.components), countersOf: map[int32]map[PointNo]struct{}{}, eventful: make([]bool, len(net.nodes)), nextID: 1, nextRow: 1, now: unknown, epoch: 1, decisions: map[int32][]Decision{}}
	d.SetRates(nil)
	for i := range d.parts {
		d.parts[i].wake, d.parts[i].since = open, unknown
	}
	return d
}

// SetRates gives the measured rates of segments, by name; those of others are StatedRates. Everything is derived anew
// with the next Advance: whoever wants the same ledger gives the same rates.
func (d *Detector) SetRates(rates map[string]Rates) {
	d.weights = d.weights[:0]
	for _, name := range d.net.segments {
		r, known := rates[name]
		if !known {
			r = StatedRates
		}
		d.weights = append(d.weights, r.weights())
	}
	for i := range d.parts {
		if d.parts[i].ledger != nil {
			d.stir(int32(i), urgent, unknown)
		}
	}
}

func (d *Detector) stir(component int32, how uint8, from moment) {
	d.stirUntil(component, how, from, open)
}

func (d *Detector) stirUntil(component int32, how uint8, from, to moment) {
	part := &d.parts[component]
	if from != unknown && from < d.now.plus(-3*60*minute) {
		how = late
	}
	if part.dirty == clean {
		d.dirty = append(d.dirty, component)
		part.from, part.to = from, to
	}
	part.dirty, part.from, part.to = max(part.dirty, how), min(part.from, from), max(part.to, to)
}

// Plan takes an entry of the calendar in.
func (d *Detector) Plan(p Plan) {
	former, changed := d.calendar.put(p)
	if !changed {
		return
	}
	d.stirPlan(&p)
	if former != nil {
		d.stirPlan(former)
	}
}

func (d *Detector) stirPlan(p *Plan) {
	from, to := at(p.From).plus(-2*quiet), open
	if p.Kind != PlannedCut {
		d.epoch++ // what it suppresses may have been the end or the beginning of anything
	} else {
		to = until(p.To).plus(2 * quiet)
	}
	if p.Node != NoNode {
		d.stirUntil(d.net.nodes[p.Node].component, urgent, from, to)
	}
	for _, point := range p.Points {
		d.stirUntil(d.net.nodes[d.net.points[point].node].component, urgent, from, to)
	}
}

// Decide takes an operator's decision in; the same again changes nothing.
func (d *Detector) Decide(decision Decision) {
	v := decision.Node
	if v == NoNode && decision.Point != NoPoint {
		v = d.net.points[decision.Point].node
	}
	if v == NoNode {
		return
	}
	component := d.net.nodes[v].component
	list := d.decisions[component]
	if slices.Contains(list, decision) {
		return
	}
	list = append(list, decision)
	slices.SortFunc(list, compareDecisions)
	d.decisions[component] = list
	d.stir(component, urgent, unknown)
}

// decidedUntil is the last moment that operators decided about in a component; unknown when they did not.
func (d *Detector) decidedUntil(component int32) moment {
	last := unknown
	for i := range d.decisions[component] {
		last = max(last, d.decisions[component][i].last())
	}
	return last
}

// Changes is what one Advance decided. All are values; they may be kept.
type Changes struct {
	Outages       []Outage       // new or changed
	Withdrawn     []uint64       // outages that are none
	Retracted     []Retracted    // the same, each with its reason
	Interruptions []Interruption // new or changed
	Removed       []Interruption // rows that are none any more, by their ID, with the reason
	Counted       []Counted      // of the components that were derived
	Topology      []TopologyFault
	Pings         []Ping
	Storm         *Storm // nil: it has not changed
}

// Advance derives what has changed since the last call. Time runs forward: an earlier now counts as the last one.
func (d *Detector) Advance(now time.Time) Changes {
	d.now = max(d.now, at(now))
	d.floor = d.now - span(d.settings.Window)
	if d.now-d.pruned > 60*minute || d.pruned == 0 {
		d.prune()
	}
	for i := range d.parts {
		if part := &d.parts[i]; part.wake <= d.now {
			// What time alone can change is what began lately or lasts.
			d.stir(int32(i), urgent, d.now-2*quiet)
		}
	}
	slices.Sort(d.dirty)
	var c Changes
	var later []int32
	load := d.load()
	for _, component := range d.dirty {
		part := &d.parts[component]
		if part.ledger != nil && d.now-part.last < part.wait(load) {
			later = append(later, component)
			continue
		}
		part.dirty = clean
		d.renew(component, part, &c)
		if d.untold { // it is in a while, even if nothing new comes
			part.dirty, part.from, part.to = revised, d.now, d.now
			later = append(later, component)
		}
	}
	d.dirty = later
	d.attend(&c)
	return c
}

// soonest is how long a component of whatever size makes what is new wait in a storm that is not everywhere, in
// milliseconds, and perSecond the rows that are derived in a second of a core, with a margin.
const (
	soonest   = moment(2000)
	perSecond = 250
)

// load is how many rows the components hold that wait to be derived.
func (d *Detector) load() int {
	n := 0
	for _, component := range d.dirty {
		if l := d.parts[component].ledger; l != nil {
			n += len(l.rows)
		}
	}
	return n
}

// wait is how long after its last derivation a component waits: half a millisecond for each of many rows, so that a storm
// cannot make a detector fall behind. Who loses supply or gets it back is shown within two seconds, unless half a million rows or
// more wait to be derived: then it takes as long as half of a core needs for all of them.
func (p *area) wait(load int) moment {
	wait := patience[p.dirty]
	n := len(p.ledger.rows)
	if n <= 200 {
		return wait
	}
	slow := p.slow()
	if p.dirty == urgent {
		slow = min(slow, max(soonest, moment(load/perSecond)))
	}
	return max(wait, slow)
}

// slow is how often all rows of a component are told anew.
func (p *area) slow() moment {
	if n := len(p.ledger.rows); n > 200 {
		return moment(n / 2)
	}
	return 0
}

// renew derives a component and compares it with what was told before.
func (d *Detector) renew(component int32, part *area, c *Changes) {
	before := part.ledger
	cut, until := unknown, open
	if before != nil {
		cut, until = before.cut(part.from), before.calm(part.to)
		if last := d.decidedUntil(component); last != unknown && cut <= last+quiet { // decisions are applied to the whole
			cut, until = unknown, open
		}
	}
	part.ledger, part.last = d.derive(component, cut, until, before), d.now
	part.wake = d.wakeAt(part.ledger)
	d.rename(part, before, c)
	c.Counted = append(c.Counted, part.ledger.counted...)
	for _, p := range sortedPoints(part.ledger.against) {
		if n := part.ledger.against[p]; n > 1 && part.ledger.with[p] == 0 {
			c.Topology = append(c.Topology, TopologyFault{p, d.net.points[p].node, n})
		}
	}
}

func sortedPoints(m map[PointNo]int) []PointNo {
	list := make([]PointNo, 0, len(m))
	for p := range m {
		list = append(list, p)
	}
	slices.Sort(list)
	return list
}

// wakeAt is when time alone changes a ledger: gasps that have not come begin to weigh, an outage is closed.
func (d *Detector) wakeAt(l *ledger) moment {
	wake := l.wake
	soon := func(m moment) {
		if m > d.now {
			wake = min(wake, m)
		}
	}
	hold, spread := span(d.settings.Hold), span(d.settings.Spread)
	for i := range l.doubts {
		m := l.doubts[i].onset.begin()
		if m == open {
			continue
		}
		soon(m + hold + spread)
		if d.now < m+hold+spread {
			soon(d.now + spread/4)
		}
	}
	for _, g := range l.groups {
		if g.end < open {
			soon(g.end + span(d.settings.Settle))
		}
		if g.end == open && d.now < g.start+hold+spread {
			soon(d.now + spread/4)
		}
	}
	return wake
}

// String says how much the detector holds.
func (d *Detector) String() string {
	return fmt.Sprintf("%d usage points, %d nodes, %d components", len(d.net.points), len(d.net.nodes), len(d.parts))
}
