package simulator

import (
	"math"
	"sync/atomic"
	"time"

	"lastgasp/headend"
)

// unitState is what a unit reports of the grid and of itself, in one word so that the face reads it
// without waiting for the simulation.
//
//	0-2 phases without supply at the node    7 fault current has passed   9-11 phases of that fault
//	3-5 phases without supply above it       8 it went to earth           12 no power of its own
//	6   open                                                              13 its link is cut
type unitState uint32

const (
	stateOpen unitState = 1 << (6 + iota)
	statePassage
	stateGround
)

const (
	stateDark unitState = 1 << (12 + iota)
	stateCut
)

func (s unitState) lost() headend.Phases    { return headend.Phases(s & 7) }
func (s unitState) above() headend.Phases   { return headend.Phases(s >> 3 & 7) }
func (s unitState) faulted() headend.Phases { return headend.Phases(s >> 9 & 7) }
func (s unitState) open() bool              { return s&stateOpen != 0 }
func (s unitState) passage() bool           { return s&statePassage != 0 }
func (s unitState) ground() bool            { return s&stateGround != 0 }
func (s unitState) reachable() bool         { return s&(stateDark|stateCut) == 0 }

// modbusUnit is a unit in a simulation. What is not atomic is guarded by the simulation's mutex.
//
//	          no supply on either side      battery empty         supply back, after Boot
//	powered ──────────────────────▶ on battery ──────────▶ dark ──────────────────────▶ powered
type modbusUnit struct {
	*Unit
	model *modbusModel
	state atomic.Uint32 // a unitState

	passages int // fault currents it has seen and not forgotten
	cuts     int
	powered  bool
	change   uint32 // of powered
	seq      int64

	metered          bool // the registers have their beginning
	importJ, exportJ int64
	markJ            int64 // net energy through the node when they were last brought up to date
	view             unitView
	second           int64 // of view
	supply           uint32

	faults atomic.Pointer[[]*wireFault]
	frozen atomic.Pointer[unitView] // what a stuck unit shows
}

func (u *modbusUnit) now() unitState { return unitState(u.state.Load()) }

// set changes bits of the state.
func (u *modbusUnit) set(bits unitState, on bool) {
	s := u.now() &^ bits
	if on {
		s |= bits
	}
	u.state.Store(uint32(s))
}

// nodeSupply is a node's supply as the Modbus units see it.
type nodeSupply struct {
	lost  headend.Phases
	since int64 // Unix seconds
	darkJ int64 // what the transformer's iron did not draw before since
	tied  int   // faults during which the node is fed from elsewhere
}

// makeUnits makes the units; everything is supplied.
func (s *Simulation) makeUnits() {
	if len(s.grid.Units) == 0 {
		return
	}
	s.nodes = make([]nodeSupply, len(s.grid.Nodes))
	s.flows = make([]flow, len(s.grid.Nodes))
	s.unitsAt = map[int32][]int32{}
	s.units = make([]modbusUnit, len(s.grid.Units))
	for i := range s.units {
		u := &s.units[i]
		u.Unit, u.powered, u.seq = &s.grid.Units[i], true, s.firstSeq()
		u.model = modbusModels[u.Model]
		s.unitsAt[u.Node] = append(s.unitsAt[u.Node], int32(i))
	}
	for i := range s.flows {
		s.flows[i].second = math.MinInt64
	}
}

// noteSupply tells the units at a node that its supply may have changed. The node above was noted before.
func (s *Simulation) noteSupply(node int32, lost headend.Phases, now time.Time) error {
	if s.nodes == nil {
		return nil
	}
	s.supplyChange++
	n := &s.nodes[node]
	if n.lost != lost {
		n.darkJ += s.dark(node, now.Unix())
		n.lost, n.since = lost, now.Unix()
	}
	above := headend.Phases(0)
	if parent := s.grid.Nodes[node].Parent; parent != None {
		above = s.nodes[parent].lost
	}
	for _, i := range s.unitsAt[node] {
		if err := s.noteUnit(i, lost, above, now); err != nil {
			return err
		}
	}
	return nil
}

// noteUnit works out what one unit reports now.
func (s *Simulation) noteUnit(i int32, lost, above headend.Phases, now time.Time) error {
	u := &s.units[i]
	u.set(7|7<<3, false)
	u.set(unitState(lost)|unitState(above)<<3, true)
	powered := above != allPhases
	switch u.model {
	case transformerModel:
		powered = lost != allPhases
	case relayModel, indicatorModel:
		powered = powered || lost != allPhases
	}
	if powered != u.powered {
		u.powered = powered
		s.power(i, now)
	}
	if u.model != relayModel {
		return nil
	}
	open := false
	for _, f := range s.faults {
		open = open || f.node == u.Node && f.lost == allPhases
	}
	if open == u.now().open() {
		return nil
	}
	u.set(stateOpen, open)
	event := headend.EventBreakerClosed
	if open {
		event = headend.EventBreakerOpen
	}
	return s.noteHappening(u, event, 0, now)
}

// power plans what loss and return of a unit's own supply do to it.
func (s *Simulation) power(i int32, now time.Time) {
	u := &s.units[i]
	u.change++
	change := u.change
	key := mix2(mixText(s.scenario.Seed, string(u.ID)), uint64(change))
	later := func(after time.Duration, dark bool) {
		s.agenda.put(now.Add(after), func(now time.Time) error {
			if u.change != change || dark == (u.now()&stateDark != 0) {
				return nil
			}
			return s.reach(u, func() { u.set(stateDark, dark) }, now)
		})
	}
	switch {
	case u.powered:
		later(s.scenario.Gasp.Boot.draw(key), false)
	case u.model == transformerModel: // it lives on what it measures
		later(0, true)
	default:
		later(s.scenario.Modbus.Backup.draw(key), true)
	}
}

// reach changes a unit's state and tells the truth where it can be reached no more, or again.
func (s *Simulation) reach(u *modbusUnit, change func(), now time.Time) error {
	before := u.now().reachable()
	change()
	if after := u.now().reachable(); after != before {
		event := headend.EventOffline
		if after {
			event = headend.EventOnline
		}
		return s.noteHappening(u, event, 0, now)
	}
	return nil
}

// noteHappening tells the truth of what a unit can be asked about, were it polled at this moment.
func (s *Simulation) noteHappening(u *modbusUnit, event headend.EventType, phases headend.Phases, now time.Time) error {
	fate := FateSent
	if !u.now().reachable() {
		fate = FateLost
	}
	h := Happening{Device: u.ID, At: now, Time: now, Event: event, Seq: u.seq, Phases: phases}
	u.seq++
	return s.truth.Happened(&h, fate)
}

// How long a passage of fault current is shown: by a relay until its elements have dropped out and it has
// been read, by an indicator until so long after the fault is gone.
const (
	relayShows     = 5 * time.Second
	indicatorShows = time.Minute
)

// notePassage sends fault current from the source to a fault that is about to begin, where there is voltage.
func (s *Simulation) notePassage(f *fault, now time.Time) error {
	if s.nodes == nil || s.nodes[f.node].lost == allPhases {
		return nil
	}
	h := mixText(s.scenario.Seed^0x66617565, f.ID)
	phases, ground := headend.L1<<(h%3), h>>8%10 < 7 // most faults of overhead lines are of one phase to earth
	if !ground {
		phases = allPhases &^ phases
	}
	for node := f.node; node != None; node = s.grid.Nodes[node].Parent {
		for _, i := range s.unitsAt[node] {
			u := &s.units[i]
			if u.model != relayModel && u.model != indicatorModel {
				continue
			}
			u.passages++
			u.set(7<<9|stateGround, false)
			u.set(statePassage|unitState(phases)<<9, true)
			u.set(stateGround, ground)
			if u.model == relayModel {
				s.agenda.put(now.Add(relayShows), func(time.Time) error { u.forget(); return nil })
			} else {
				f.shown = append(f.shown, u)
			}
			if err := s.noteHappening(u, headend.EventFaultPassage, phases, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// forget takes one passage back.
func (u *modbusUnit) forget() {
	if u.passages--; u.passages == 0 {
		u.set(statePassage|stateGround|7<<9, false)
	}
}

// forgetPassage plans the end of what indicators show of a fault that has ended.
func (s *Simulation) forgetPassage(f *fault, now time.Time) {
	shown := f.shown
	if len(shown) == 0 {
		return
	}
	s.agenda.put(now.Add(indicatorShows), func(time.Time) error {
		for _, u := range shown {
			u.forget()
		}
		return nil
	})
}
