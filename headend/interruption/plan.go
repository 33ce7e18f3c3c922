package interruption

import (
	"slices"
	"strings"
	"time"
)

// PlanKind is what a calendar entry is.
type PlanKind uint8

// Kinds of plans. A planned cut classifies what happens in its window. Work suppresses: what a meter says while it is
// exchanged or in the laboratory is about the work, what it says of its supply while its firmware is loaded too.
const (
	PlannedCut PlanKind = iota + 1
	Exchange
	Laboratory
	Firmware
)

// Plan is an entry of the calendar of planned cuts and work orders, at a node and all below, or at single usage
// points. The same ID again replaces the entry; of two versions with the same ID the one with the later Revised holds, so
// that they may come in any order.
type Plan struct {
	ID       string
	Kind     PlanKind
	Node     NodeNo // NoNode: only Points
	Points   []PointNo
	From, To time.Time
	Reason   string
	Notice   time.Time // when customers were told; zero: they were not
	Revised  time.Time
	Dropped  bool // called off
}

// calendar is the plans in force.
type calendar struct {
	plans   map[string]*Plan
	byNode  map[NodeNo][]*Plan
	byPoint map[PointNo][]*Plan
}

// put takes a plan in; it gives the former version back, and false when nothing changes.
func (c *calendar) put(p Plan) (former *Plan, changed bool) {
	if c.plans == nil {
		c.plans, c.byNode, c.byPoint = map[string]*Plan{}, map[NodeNo][]*Plan{}, map[PointNo][]*Plan{}
	}
	former = c.plans[p.ID]
	if former != nil && !p.Revised.After(former.Revised) && !(p.Revised.Equal(former.Revised) && comparePlans(&p, former) < 0) {
		return nil, false
	}
	c.drop(former)
	c.plans[p.ID] = &p
	if p.Dropped {
		return former, true
	}
	if p.Node != NoNode {
		c.byNode[p.Node] = append(c.byNode[p.Node], &p)
		slices.SortFunc(c.byNode[p.Node], comparePlans)
	}
	for _, point := range p.Points {
		c.byPoint[point] = append(c.byPoint[point], &p)
		slices.SortFunc(c.byPoint[point], comparePlans)
	}
	return former, true
}

// drop takes a plan out.
func (c *calendar) drop(p *Plan) {
	if p == nil {
		return
	}
	is := func(x *Plan) bool { return x == p }
	delete(c.plans, p.ID)
	if c.byNode[p.Node] = slices.DeleteFunc(c.byNode[p.Node], is); len(c.byNode[p.Node]) == 0 {
		delete(c.byNode, p.Node)
	}
	for _, point := range p.Points {
		if c.byPoint[point] = slices.DeleteFunc(c.byPoint[point], is); len(c.byPoint[point]) == 0 {
			delete(c.byPoint, point)
		}
	}
}

// prune drops the plans that ended before a moment.
func (c *calendar) prune(before moment) {
	for _, p := range c.plans {
		if until(p.To) < before {
			c.drop(p)
		}
	}
}

func comparePlans(a, b *Plan) int {
	if k := a.From.Compare(b.From); k != 0 {
		return k
	}
	if k := strings.Compare(a.ID, b.ID); k != 0 {
		return k
	}
	if k := a.To.Compare(b.To); k != 0 {
		return k
	}
	return strings.Compare(a.Reason, b.Reason)
}

// at calls yield for every plan that concerns the point at the moment.
func (d *Detector) plansAt(p PointNo, m moment, yield func(*Plan)) {
	if len(d.calendar.plans) == 0 {
		return
	}
	inside := func(list []*Plan) {
		for _, plan := range list {
			if m >= at(plan.From) && m < until(plan.To) {
				yield(plan)
			}
		}
	}
	inside(d.calendar.byPoint[p])
	if len(d.calendar.byNode) > 0 {
		t := &d.net.trees[d.net.treeAt(m)]
		for v := d.net.nodeAt(p, m); v != NoNode; v = t.parent[v] {
			inside(d.calendar.byNode[v])
		}
	}
}

// suppressed tells whether what the meter of a point said is about work on the meter.
func (d *Detector) suppressed(p PointNo, kind Kind, m moment) bool {
	found := false
	d.plansAt(p, m, func(plan *Plan) {
		switch plan.Kind {
		case Exchange, Laboratory:
			found = true
		case Firmware:
			found = found || kind == PowerDown || kind == PowerUp || kind == PhaseLost || kind == PhaseBack
		}
	})
	return found
}

// DecisionKind is what an operator decides about an outage.
type DecisionKind uint8

// Kinds of decisions. There is none that ends an outage: when a ticket was closed says nothing about supply.
const (
	SetCause DecisionKind = iota + 1 // Cause "" takes it back
	SetPlanned
	SetUnplanned
	Split // what is below Part becomes an outage of its own
	Merge // the outage at OtherNode or OtherPoint at OtherMoment becomes part of this one
	// SetOwn says that the fault was in the installation of the customer at Point, who was interrupted at Moment,
	// whatever outage that was part of: for that customer it is not counted, for neighbours it is. Node is not
	// needed; without Point it says nothing.
	SetOwn
	ClearOwn
	SetDeclared // force majeure, by declaration
	ClearDeclared
)

// Decision is what an operator decided. It names the outage by what it is about, the place and a moment
// within it, not by a number, so that it holds whatever order the evidence is fed in.
type Decision struct {
	Kind        DecisionKind
	Made        time.Time // of two that contradict each other the later holds
	By          string
	Node        NodeNo // NoNode: Point
	Point       PointNo
	Moment      time.Time
	Cause       string
	Part        NodeNo
	OtherNode   NodeNo
	OtherPoint  PointNo
	OtherMoment time.Time
}

// last is the last moment a decision is about.
func (d *Decision) last() moment { return max(at(d.Moment), at(d.OtherMoment)) }

func compareDecisions(a, b Decision) int {
	if k := a.Made.Compare(b.Made); k != 0 {
		return k
	}
	if a.Kind != b.Kind {
		return int(a.Kind) - int(b.Kind)
	}
	if a.Node != b.Node {
		return compare(a.Node, b.Node)
	}
	if a.Point != b.Point {
		return compare(a.Point, b.Point)
	}
	if k := a.Moment.Compare(b.Moment); k != 0 {
		return k
	}
	if a.Part != b.Part {
		return compare(a.Part, b.Part)
	}
	if k := strings.Compare(a.Cause+a.By, b.Cause+b.By); k != 0 {
		return k
	}
	if a.OtherNode != b.OtherNode {
		return compare(a.OtherNode, b.OtherNode)
	}
	if a.OtherPoint != b.OtherPoint {
		return compare(a.OtherPoint, b.OtherPoint)
	}
	return a.OtherMoment.Compare(b.OtherMoment)
}
