package runner

import (
	"encoding/json"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/interruption"
)

// Feeder turns what the store has into evidence for a detector. It is a headend.Feed. It is not safe for use by several
// goroutines at once.
type Feeder struct {
	grid     *Grid
	detector *interruption.Detector
	dark     map[interruption.DeviceNo]headend.Phases // of devices at nodes: the phases whose voltage went

	Fed     int // pieces of evidence since it was made
	Unknown int // of devices that the network does not know
}

// NewFeeder makes a feeder of a detector of that grid's network.
func NewFeeder(grid *Grid, detector *interruption.Detector) *Feeder {
	return &Feeder{grid: grid, detector: detector, dark: map[interruption.DeviceNo]headend.Phases{}}
}

// Event feeds an event that says something about supply; others are left.
func (f *Feeder) Event(device, gateway int32, received time.Time, e *headend.Event) {
	no := f.grid.device(device)
	if no == interruption.NoDevice {
		f.Unknown++
		return
	}
	evidence, ok := evidenceOf(e, no, f.grid.device(gateway), received)
	if !ok {
		return
	}
	f.observe(&evidence)
}

func (f *Feeder) observe(e *interruption.Evidence) {
	f.Fed++
	f.detector.Observe(e) // the detector counts what it refuses, by reason
}

// evidenceOf is the evidence in an event, false where it says nothing about supply.
func evidenceOf(e *headend.Event, device, gateway interruption.DeviceNo, received time.Time) (interruption.Evidence, bool) {
	if evidence, ok := interruption.FromEvent(e, device, gateway, received); ok {
		return evidence, true
	}
	evidence := interruption.Evidence{Device: device, Gateway: gateway, Quality: e.Quality, Time: e.Time, Received: received, Seq: headend.NoSeq}
	switch e.Type {
	case headend.EventLogRead:
		evidence.Kind, evidence.Duration = interruption.LogRead, e.Duration
	case headend.EventClockSet:
		former, ok := formerTime(e.Detail)
		if !ok || e.Quality&headend.SaysNothing != 0 {
			return evidence, false
		}
		evidence.Kind, evidence.Duration, evidence.Count = interruption.ClockSync, former.Sub(e.Time), 1
	case headend.EventAck: // it has done what it was asked, so it lives
		if !isDone(e.Detail) {
			return evidence, false
		}
		evidence.Kind, evidence.Time, evidence.Quality = interruption.LifeSign, received, 0
	default:
		return evidence, false
	}
	return evidence, true
}

// isDone tells whether an answer to a command says that it was done: a gateway may also answer that its meter does not.
func isDone(detail string) bool {
	var answer struct {
		Status string `json:"status"`
	}
	return json.Unmarshal([]byte(detail), &answer) == nil && answer.Status == "done"
}

// formerTime is what a clock showed before it was set, from the event's detail: {"former":"2026-11-21T10:30:00Z"}.
func formerTime(detail string) (time.Time, bool) {
	if detail == "" {
		return time.Time{}, false
	}
	var d struct {
		Former time.Time `json:"former"`
	}
	if err := json.Unmarshal([]byte(detail), &d); err != nil || d.Former.IsZero() {
		return time.Time{}, false
	}
	return d.Former, true
}

// LifeSign feeds what a reading says about supply.
//
// A device behind which somebody generates may live without supply: there only voltage speaks. A meter with three phases
// of which some are dead lost those. What a meter with one phase says of others is about terminals nothing is
// connected to.
func (f *Feeder) LifeSign(received time.Time, s headend.LifeSign) {
	no := f.grid.device(s.Device)
	if no == interruption.NoDevice {
		f.Unknown++
		return
	}
	point := f.grid.measures(no)
	e := interruption.Evidence{Device: no, Gateway: interruption.NoDevice, Time: s.Time, Received: received, Seq: headend.NoSeq}
	if s.Counter != 0 {
		count := e
		count.Kind, count.Count = interruption.FailureCount, s.Count
		if s.Counter == headend.CountsShort {
			count.Kind = interruption.ShortCount
		}
		f.observe(&count)
	}
	if f.grid.Network.AtNode(no) {
		f.nodeVoltage(no, e, s.Present, s.Absent)
		return
	}
	f.voltage(e, s.Present, s.Absent, point)
}

// threePhases is a supply whose phases can be lost one by one.
const threePhases = headend.L1 | headend.L2 | headend.L3

// voltage feeds what one minute's reading of a meter says, and that alone: what the detector makes of it does not depend on
// what came before.
func (f *Feeder) voltage(e interruption.Evidence, present, absent headend.Phases, point gridPoint) {
	if present == 0 && absent != 0 {
		e.Kind, e.Duration = interruption.SupplyAbsent, time.Minute
		f.observe(&e)
		return
	}
	three := point.phases == threePhases
	if absent != 0 && three {
		lost := e
		lost.Kind, lost.Phases, lost.Duration = interruption.PhaseLost, absent, time.Minute
		f.observe(&lost)
	}
	e.Kind = interruption.LifeSign
	if present != 0 && point.generation || three && present|absent == threePhases {
		e.Kind = interruption.SupplyPresent
	}
	f.observe(&e)
}

// nodeVoltage feeds the change of what a device at a node measures, not each reading of it.
func (f *Feeder) nodeVoltage(no interruption.DeviceNo, e interruption.Evidence, present, absent headend.Phases) {
	_, dark := f.dark[no]
	e.Kind = interruption.LifeSign
	switch {
	case present == 0 && absent != 0:
		if dark {
			return
		}
		f.dark[no] = absent
		e.Kind = interruption.SupplyAbsent
	case present != 0 && dark:
		delete(f.dark, no)
		e.Kind = interruption.SupplyPresent
	}
	f.observe(&e)
}

// Plan feeds an entry of the calendar; one about places the network does not know is left.
func (f *Feeder) Plan(p headend.Plan) {
	plan := interruption.Plan{ID: p.ID, Kind: planKinds[p.Kind], Node: interruption.NoNode, From: p.From, To: p.To, Reason: p.Reason,
		Notice: p.Notice, Revised: p.Revised, Dropped: p.Dropped}
	if p.Node != "" {
		node, ok := f.grid.Network.Node(p.Node)
		if !ok {
			f.Unknown++
			return
		}
		plan.Node = node
	}
	for _, id := range p.UsagePoints {
		if no, ok := f.grid.Network.Point(id); ok {
			plan.Points = append(plan.Points, no)
		} else {
			f.Unknown++
		}
	}
	if plan.Node == interruption.NoNode && len(plan.Points) == 0 || plan.Kind == 0 {
		return
	}
	f.Fed++
	f.detector.Plan(plan)
}

var planKinds = map[headend.PlanKind]interruption.PlanKind{headend.PlanCut: interruption.PlannedCut, headend.PlanExchange: interruption.Exchange,
	headend.PlanLaboratory: interruption.Laboratory, headend.PlanFirmware: interruption.Firmware}

// Decision feeds what an operator decided.
func (f *Feeder) Decision(d headend.Decision) {
	if d.Kind == headend.DecideNote {
		return
	}
	kind, known := decisionKinds[d.Kind]
	decision := interruption.Decision{Kind: kind, Made: d.Made, By: d.By, Node: interruption.NoNode, Point: interruption.NoPoint, Moment: d.Moment,
		Cause: d.Cause, Part: interruption.NoNode, OtherNode: interruption.NoNode, OtherPoint: interruption.NoPoint, OtherMoment: d.OtherMoment}
	if !known || !f.place(d.Node, d.UsagePoint, &decision.Node, &decision.Point) ||
		!f.place(d.OtherNode, d.OtherPoint, &decision.OtherNode, &decision.OtherPoint) || !f.place(d.Part, "", &decision.Part, &decision.Point) {
		f.Unknown++
		return
	}
	f.Fed++
	f.detector.Decide(decision)
}

// place finds a node or usage point by name; false where one is named that the network does not know.
func (f *Feeder) place(node, point string, no *interruption.NodeNo, pointNo *interruption.PointNo) (ok bool) {
	if node != "" {
		*no, ok = f.grid.Network.Node(node)
		return ok
	}
	if point != "" {
		*pointNo, ok = f.grid.Network.Point(point)
		return ok
	}
	return true
}

var decisionKinds = map[headend.DecisionKind]interruption.DecisionKind{headend.DecideCause: interruption.SetCause,
	headend.DecidePlanned: interruption.SetPlanned, headend.DecideUnplanned: interruption.SetUnplanned,
	headend.DecideOwn: interruption.SetOwn, headend.DecideNotOwn: interruption.ClearOwn,
	headend.DecideDeclared: interruption.SetDeclared, headend.DecideUndeclared: interruption.ClearDeclared,
	headend.DecideSplit: interruption.Split, headend.DecideMerge: interruption.Merge}
