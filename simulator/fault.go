package simulator

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lastgasp/headend"
)

// FaultKind is what can go wrong.
type FaultKind string

// Kinds of faults.
const (
	FaultOutage      FaultKind = "outage"       // all phases at a node, for everyone below
	FaultPhaseLost   FaultKind = "phase_lost"   // one phase at a node
	FaultMomentary   FaultKind = "momentary"    // outages at a node, one after the other, as a recloser makes them
	FaultPlanned     FaultKind = "planned"      // an outage that the calendar announces
	FaultGatewayLost FaultKind = "gateway_lost" // a gateway's link to the broker; supply is as before
	FaultGatewayDark FaultKind = "gateway_dark" // a gateway's own supply; its meters have theirs
	FaultFirmware    FaultKind = "firmware"     // a push silences meters below a node; supply is as before
	FaultClockJump   FaultKind = "clock_jump"   // clocks of meters below a node jump; at the end they are set right
	// Those of Modbus units and ports stand in modbus_fault.go.
)

var faultKinds = append([]FaultKind{FaultOutage, FaultPhaseLost, FaultMomentary, FaultPlanned, FaultGatewayLost, FaultGatewayDark, FaultFirmware,
	FaultClockJump, FaultRTULost}, wireFaultKinds...)

// silent tells whether a fault leaves the supply as it is.
func (k FaultKind) silent() bool { return k == FaultFirmware || k == FaultClockJump }

// placeSort is the sort of what a fault strikes.
type placeSort uint8

const (
	placeNode placeSort = iota + 1
	placeOfGateway
	placeUnit
	placePort
)

// strikes tells whether the fault can strike a place of that sort.
func (k FaultKind) strikes(sort placeSort) bool {
	switch {
	case k == FaultGatewayLost || k == FaultGatewayDark:
		return sort == placeOfGateway
	case k == FaultRTULost:
		return sort == placeUnit
	case slices.Contains(wireFaultKinds, k):
		return sort == placeUnit || sort == placePort
	}
	return sort == placeNode
}

// Places a scenario may name beside ids: a kind of which one is drawn.
const (
	placeLateral  = "lateral"  // a switch at a transformer's branch
	placeRecloser = "recloser" // a switch in the trunk
	placeGateway  = "gateway"
	placeHere     = "here" // of what follows: where the first one was
)

// fault is one that lasts.
type fault struct {
	Damage
	node   int32          // None for a gateway's
	lost   headend.Phases // which phases are gone below node
	healed []int32        // nodes below that are back already
	shown  []*modbusUnit  // indicators that show it
}

// covers tells whether a point at the node is without the fault's phases.
func (f *fault) covers(g *Grid, node int32) bool {
	if !g.Upstream(f.node, node) {
		return false
	}
	return !slices.ContainsFunc(f.healed, func(h int32) bool { return g.Upstream(h, node) })
}

// plan puts a timeline entry on the agenda.
func (s *Simulation) plan(in *Incident, number int) error {
	key := mix2(s.scenario.Seed^0x696e636964, uint64(number))
	if in.Window != (Span{}) {
		return s.announce(in, key)
	}
	if in.At != nil {
		s.agenda.put(s.start.Add(in.At.draw(key)), func(now time.Time) error { return s.strike(in, mix(key), now) })
		return nil
	}
	var again func(time.Time) error
	again = func(now time.Time) error {
		key = mix(key)
		s.agenda.put(now.Add(in.Every.draw(mix(key^1))), again)
		return s.strike(in, mix(key^2), now)
	}
	s.agenda.put(s.start.Add(in.After.draw(key)).Add(in.Every.draw(mix(key))), again)
	return nil
}

// places lists where an incident can strike: nodes, gateways, Modbus units or their ports.
func (s *Simulation) places(where string, below int32) (nodes []int32, sort placeSort) {
	g := s.grid
	if where == placeGateway {
		for i := range g.Gateways {
			nodes = append(nodes, int32(i))
		}
		return nodes, placeOfGateway
	}
	for i, gw := range g.Gateways {
		if string(gw.ID) == where {
			return []int32{int32(i)}, placeOfGateway
		}
	}
	if units, sort := g.modbusPlaces(where); len(units) > 0 {
		return units, sort
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		match := n.ID == where || n.Kind == where
		if n.Kind == NodeSwitch && (where == placeLateral || where == placeRecloser) {
			match = g.trunk(int32(i)) == (where == placeRecloser)
		}
		if match && (below == None || int32(i) != below && g.Upstream(below, int32(i))) && g.supplies(int32(i)) {
			nodes = append(nodes, int32(i))
		}
	}
	return nodes, placeNode
}

// supplies tells whether there is any usage point below.
func (g *Grid) supplies(node int32) bool {
	return g.points[node][1] > g.points[node][0] || slices.ContainsFunc(g.children[node], g.supplies)
}

// strike begins an incident at one or more places.
func (s *Simulation) strike(in *Incident, key uint64, now time.Time) error {
	if s.calm(now) {
		return nil
	}
	all, sort := s.places(in.Where, None)
	if !in.Fault.strikes(sort) {
		return fmt.Errorf("fault %s cannot strike %q", in.Fault, in.Where)
	}
	d := draw(key)
	for range in.Spread {
		free := all
		if len(all) > 1 { // drawn: not where something is out already, so that faults can be told apart
			free = slices.DeleteFunc(slices.Clone(all), func(n int32) bool { return s.struck(n, sort, in.Fault) })
		}
		if len(free) == 0 {
			return nil
		}
		place := free[d.below(len(free))]
		switch sort {
		case placeOfGateway:
			s.loseGateway(in.Fault, place, in.For, d.next(), now)
			continue
		case placeUnit, placePort:
			if err := s.strikeModbus(in, place, sort, d.next(), now); err != nil {
				return err
			}
			continue
		}
		if err := s.begin(in, place, d.next(), now); err != nil {
			return err
		}
	}
	return nil
}

// struck tells whether a fault lasts at, above or below the node, at the gateway, or the same one at the unit
// or port.
func (s *Simulation) struck(place int32, sort placeSort, kind FaultKind) bool {
	return slices.ContainsFunc(s.faults, func(f *fault) bool {
		switch sort {
		case placeOfGateway:
			return (f.Kind == FaultGatewayLost || f.Kind == FaultGatewayDark) && f.Where == string(s.grid.Gateways[place].ID)
		case placeUnit:
			return f.Kind == kind && f.Where == string(s.grid.Units[place].ID)
		case placePort:
			return f.Kind == kind && f.Where == s.grid.Ports[place].Address
		}
		return f.node != None && kind.silent() == f.Kind.silent() && (s.grid.Upstream(f.node, place) || s.grid.Upstream(place, f.node))
	})
}

func (s *Simulation) newFault(kind FaultKind, where string, now time.Time) *fault {
	s.faultCount++
	return &fault{Damage: Damage{ID: fmt.Sprintf("F%04d", s.faultCount), Kind: kind, Where: where, Start: now}, node: None}
}

// begin makes a node fault and plans its end, its steps and its further shots.
func (s *Simulation) begin(in *Incident, node int32, key uint64, now time.Time) error {
	s.follow(in, node, key, now)
	if in.Fault.silent() {
		return s.unsettle(in, node, key, now)
	}
	f := s.newFault(in.Fault, s.grid.Nodes[node].ID, now)
	f.node, f.lost, f.Points = node, allPhases, s.grid.Count(node)
	if in.Fault == FaultPhaseLost {
		f.lost = headend.L1 << (mix(key^3) % 3)
		if in.Phase != "" {
			var err error
			if f.lost, err = parsePhases(in.Phase); err != nil {
				return err
			}
		}
	}
	if in.Fault != FaultPhaseLost && in.Fault != FaultPlanned {
		if err := s.notePassage(f, now); err != nil {
			return err
		}
	}
	s.faults = append(s.faults, f)
	if err := s.resupply(node, f.ID, now); err != nil {
		return err
	}
	for i, step := range in.Steps {
		s.agenda.put(now.Add(step.After.draw(mix(key+uint64(i)))), func(now time.Time) error { return s.recover(f, step, mix(key^uint64(i)), now) })
	}
	length := in.For.draw(mix(key ^ 4))
	if in.Fault == FaultMomentary {
		length = max(length, time.Second)
	}
	if length == 0 {
		return nil
	}
	s.agenda.put(now.Add(length), func(now time.Time) error {
		if err := s.end(f, now); err != nil || in.Fault != FaultMomentary {
			return err
		}
		return s.again(in, node, key, now)
	})
	return nil
}

// again plans the next shot of a recloser, or its lockout after the last one.
func (s *Simulation) again(in *Incident, node int32, key uint64, now time.Time) error {
	next := *in
	next.Then = nil // they followed the first one
	switch {
	case in.Shots > 1:
		next.Shots--
	case in.Lockout != Span{}:
		next = Incident{Fault: FaultOutage, For: in.Lockout}
	default:
		return nil
	}
	s.agenda.put(now.Add(in.Gap.draw(mix(key^5))), func(now time.Time) error { return s.begin(&next, node, mix(key^6), now) })
	return nil
}

// follow plans what comes after an incident at a node.
func (s *Simulation) follow(in *Incident, node int32, key uint64, now time.Time) {
	for i := range in.Then {
		next := &in.Then[i]
		key := mix2(key, 0x7468656e+uint64(i))
		s.agenda.put(now.Add(next.After.draw(mix(key))), func(now time.Time) error {
			place := s.relative(next.Where, node, key)
			if place == None {
				return nil // this place has no such part
			}
			return s.begin(next, place, mix(key^1), now)
		})
	}
}

// relative is the place that is meant by where, seen from a node: the nearest above, else one below; None when there is none.
func (s *Simulation) relative(where string, node int32, key uint64) int32 {
	if where == placeHere {
		return node
	}
	all, sort := s.places(where, None)
	if sort != placeNode {
		return None
	}
	for up := s.grid.Nodes[node].Parent; up != None; up = s.grid.Nodes[up].Parent {
		if slices.Contains(all, up) {
			return up
		}
	}
	below, _ := s.places(where, node)
	if len(below) == 0 {
		return None
	}
	return below[key%uint64(len(below))]
}

// recover does one step of the restoration of an outage.
func (s *Simulation) recover(f *fault, step Recovery, key uint64, now time.Time) error {
	if step.But != "" {
		return s.confine(f, step.But, key, now)
	}
	for i := range step.Spread {
		if err := s.heal(f, step.Where, mix2(key, uint64(i)), now); err != nil {
			return err
		}
	}
	return nil
}

// confine brings all of an outage back but a part: the faulty piece is cut off, and the device above closed.
func (s *Simulation) confine(f *fault, but string, key uint64, now time.Time) error {
	if !slices.Contains(s.faults, f) {
		return nil
	}
	parts, _ := s.places(but, f.node)
	parts = slices.DeleteFunc(parts, func(n int32) bool { return !f.covers(s.grid, n) })
	if len(parts) == 0 {
		return nil
	}
	before := f.node
	f.node = parts[key%uint64(len(parts))]
	f.healed = slices.DeleteFunc(f.healed, func(h int32) bool {
		gone := !s.grid.Upstream(f.node, h)
		if gone { // it hangs on its own feeder again
			s.tie(h, -1, now)
		}
		return gone
	})
	return s.resupply(before, f.ID, now)
}

// heal brings a part of an outage back.
func (s *Simulation) heal(f *fault, where string, key uint64, now time.Time) error {
	if !slices.Contains(s.faults, f) {
		return nil
	}
	parts, _ := s.places(where, f.node)
	parts = slices.DeleteFunc(parts, func(n int32) bool { return !f.covers(s.grid, n) })
	if len(parts) == 0 {
		return nil // this place has no such part
	}
	node := parts[key%uint64(len(parts))]
	s.tie(node, 1, now)
	f.healed = append(f.healed, node)
	return s.resupply(node, f.ID, now)
}

// end takes a fault away.
func (s *Simulation) end(f *fault, now time.Time) error {
	s.faults = slices.DeleteFunc(s.faults, func(other *fault) bool { return other == f })
	f.End = now
	if err := s.truth.Damaged(f.Damage); err != nil {
		return err
	}
	for _, node := range f.healed {
		s.tie(node, -1, now)
	}
	s.forgetPassage(f, now)
	return s.resupply(f.node, f.ID, now)
}

// lost is which phases the active faults take from the node.
func (s *Simulation) lost(node int32) headend.Phases {
	var lost headend.Phases
	for _, f := range s.faults {
		if f.node != None && f.covers(s.grid, node) {
			lost |= f.lost // none of a silent one
		}
	}
	return lost
}

// resupply works out anew who has supply below the node.
func (s *Simulation) resupply(node int32, cause string, now time.Time) error {
	lost := s.lost(node)
	if err := s.noteSupply(node, lost, now); err != nil {
		return err
	}
	if s.grid.points[node][1] > s.grid.points[node][0] {
		for p := s.grid.points[node][0]; p < s.grid.points[node][1]; p++ {
			if err := s.meters[p].supply(s, p, lost, cause, now); err != nil {
				return err
			}
		}
	}
	for i := range s.gateways {
		if s.grid.Gateways[i].Node == node {
			s.gateways[i].supply(s, int32(i), lost != allPhases, now)
		}
	}
	for _, child := range s.grid.children[node] {
		if err := s.resupply(child, cause, now); err != nil {
			return err
		}
	}
	return nil
}

// Open describes the faults that last, longest first, for a status line.
func (s *Simulation) openFaults(now time.Time) string {
	var list []string
	for i, f := range s.faults {
		if i == 3 {
			list = append(list, fmt.Sprintf("and %d more", len(s.faults)-3))
			break
		}
		list = append(list, fmt.Sprintf("%s at %s for %v", strings.ReplaceAll(string(f.Kind), "_", " "), f.Where, now.Sub(f.Start).Truncate(time.Second)))
	}
	return strings.Join(list, ", ")
}
