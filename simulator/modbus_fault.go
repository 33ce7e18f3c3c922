package simulator

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"lastgasp/headend"
)

// Faults of Modbus units and of the ports they stand behind.
const (
	FaultRTULost FaultKind = "rtu_lost" // the unit does not answer: no power, no line. Its port answers with exception 0x0B

	FaultLateReply    FaultKind = "late_reply"    // the reply comes after Delay; what is asked meanwhile is answered at once
	FaultWrongID      FaultKind = "wrong_id"      // another transaction id; with RTU frames a wrong CRC
	FaultException    FaultKind = "exception"     // exception Code instead of the values
	FaultHalfFrame    FaultKind = "half_frame"    // the first half of the reply, and nothing more
	FaultReset        FaultKind = "reset"         // the connection is reset instead of a reply
	FaultSilence      FaultKind = "silence"       // no reply
	FaultWrongLength  FaultKind = "wrong_length"  // a sound frame with one register (or eight bits) less than was asked for
	FaultWrongHeader  FaultKind = "wrong_header"  // the header announces two bytes more than come
	FaultStuck        FaultKind = "stuck"         // registers and inputs stay what they were when they were first read
	FaultOtherUnit    FaultKind = "other_unit"    // the next unit of the port answers, with its own number and values
	FaultAbsentValues FaultKind = "absent_values" // NaN, or what the maker puts where there is no value, in every register
)

var wireFaultKinds = []FaultKind{FaultLateReply, FaultWrongID, FaultException, FaultHalfFrame, FaultReset, FaultSilence, FaultWrongLength,
	FaultWrongHeader, FaultStuck, FaultOtherUnit, FaultAbsentValues}

// Places for them, beside the ids of units and the addresses (host:port) of ports.
const (
	placeAnyPort  = "port"
	placeAnyUnit  = "unit"
	placeRelay    = "relay"
	placeHead     = "head_meter"
	placeIndicate = "indicator"
	placeTMeter   = "transformer_meter"
)

const lateReply = 3 * time.Second

// ExceptionNoResponse is what a gateway answers for a unit that does not (0x0B).
const ExceptionNoResponse byte = 0x0B

// WireFault is what goes wrong between a unit and who polls it.
type WireFault struct {
	Kind  FaultKind     // FaultRTULost or one of those after it
	Delay time.Duration // of FaultLateReply; 0: 3 s
	Code  byte          // of FaultException; 0: 0x0B
	Share float64       // of replies, drawn; 0: all
	Count int64         // it is over after so many replies; 0: it lasts until it is mended
}

// wireFault is one that lasts.
type wireFault struct {
	WireFault
	seed uint64
	seen atomic.Int64
	done atomic.Int64
}

// hits tells whether the fault takes the next reply.
func (w *wireFault) hits() bool {
	if w.Share > 0 && unit(mix2(w.seed, uint64(w.seen.Add(1)))) >= w.Share {
		return false
	}
	return w.Count == 0 || w.done.Add(1) <= w.Count
}

// fault is the one that takes the unit's next reply, nil when none does. Of several the one that struck last goes first.
func (u *modbusUnit) fault() *wireFault {
	list := u.faults.Load()
	if list == nil {
		return nil
	}
	for _, w := range slices.Backward(*list) {
		if w.hits() {
			return w
		}
	}
	return nil
}

// impair adds a fault to units.
func (s *Simulation) impair(units []int32, w *wireFault) {
	for _, i := range units {
		u := &s.units[i]
		var list []*wireFault
		if old := u.faults.Load(); old != nil {
			list = slices.Clone(*old)
		}
		list = append(list, w)
		u.faults.Store(&list)
	}
}

// mend takes it away.
func (s *Simulation) mend(units []int32, w *wireFault) {
	for _, i := range units {
		u := &s.units[i]
		if w.Kind == FaultStuck {
			u.frozen.Store(nil)
		}
		old := u.faults.Load()
		if old == nil {
			continue
		}
		list := slices.DeleteFunc(slices.Clone(*old), func(other *wireFault) bool { return other == w })
		if len(list) == 0 {
			u.faults.Store(nil)
			continue
		}
		u.faults.Store(&list)
	}
}

// modbusPlaces lists the units or ports a scenario means by where.
func (g *Grid) modbusPlaces(where string) (list []int32, sort placeSort) {
	for i, p := range g.Ports {
		if where == placeAnyPort || where == p.Address {
			list = append(list, int32(i))
		}
	}
	if len(list) > 0 {
		return list, placePort
	}
	for i := range g.Units {
		u := &g.Units[i]
		if where == placeAnyUnit || where == u.part() || where == string(u.ID) {
			list = append(list, int32(i))
		}
	}
	return list, placeUnit
}

// ofPlace lists the units at a place.
func (g *Grid) ofPlace(at int32, sort placeSort) []int32 {
	if sort == placeUnit {
		return []int32{at}
	}
	var list []int32
	for i := range g.Units {
		if g.Units[i].Port == at {
			list = append(list, int32(i))
		}
	}
	return list
}

// canShow refuses absent values of a unit whose maker has none: nobody could tell them from measured ones.
func (s *Simulation) canShow(kind FaultKind, places []int32, sort placeSort) error {
	if kind != FaultAbsentValues || sort != placeUnit {
		return nil
	}
	for _, i := range places {
		if u := &s.grid.Units[i]; modbusModels[u.Model].absent {
			return nil
		}
	}
	return fmt.Errorf("a %s knows no absent value", s.grid.Units[places[0]].Model)
}

// strikeModbus begins a fault of a unit or port and plans its end.
func (s *Simulation) strikeModbus(in *Incident, at int32, sort placeSort, key uint64, now time.Time) error {
	where := ""
	if sort == placePort {
		where = s.grid.Ports[at].Address
	} else {
		where = string(s.grid.Units[at].ID)
	}
	f := s.newFault(in.Fault, where, now)
	s.faults = append(s.faults, f)
	mend, err := s.harm(s.grid.ofPlace(at, sort), WireFault{Kind: in.Fault, Delay: in.Delay.draw(mix(key)), Code: byte(in.Code), Share: in.Share}, now)
	if err != nil {
		return err
	}
	if length := in.For.draw(mix(key ^ 1)); length > 0 {
		s.agenda.put(now.Add(length), func(now time.Time) error {
			s.faults = slices.DeleteFunc(s.faults, func(other *fault) bool { return other == f })
			f.End = now
			return errors.Join(mend(now), s.truth.Damaged(f.Damage))
		})
	}
	return nil
}

// harm lets a fault loose on units. s.mu is held, as it must be for what it returns.
func (s *Simulation) harm(units []int32, fault WireFault, now time.Time) (mend func(now time.Time) error, err error) {
	if fault.Kind != FaultRTULost {
		w := &wireFault{WireFault: fault, seed: s.scenario.Seed}
		s.impair(units, w)
		return func(time.Time) error { s.mend(units, w); return nil }, nil
	}
	cut := func(by int, now time.Time) error {
		for _, i := range units {
			u := &s.units[i]
			u.cuts += by
			if err := s.reach(u, func() { u.set(stateCut, u.cuts > 0) }, now); err != nil {
				return err
			}
		}
		return nil
	}
	return func(now time.Time) error { return cut(-1, now) }, cut(1, now)
}

// Break lets a fault loose at once on the unit with an id, or on all units behind the port with an address
// (host:port), until mend is called. It is for tests; scenarios have their timeline. It returns an error for a
// place or kind that is none, and for FaultAbsentValues of a unit that knows no absent value.
func (s *Simulation) Break(where string, fault WireFault) (mend func() error, err error) {
	places, sort := s.grid.modbusPlaces(where)
	if len(places) != 1 {
		return nil, fmt.Errorf("%q is neither a unit nor the address of a port: %w", where, ErrNoUnit)
	}
	if !fault.Kind.strikes(placeUnit) {
		return nil, fmt.Errorf("%s is no fault of a Modbus unit", fault.Kind)
	}
	if err := s.canShow(fault.Kind, places, sort); err != nil {
		return nil, err
	}
	if fault.Delay == 0 {
		fault.Delay = lateReply
	}
	if fault.Code == 0 {
		fault.Code = ExceptionNoResponse
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	end, err := s.harm(s.grid.ofPlace(places[0], sort), fault, s.clock())
	if err != nil {
		return nil, err
	}
	return func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		return end(s.clock())
	}, nil
}

// WireFaultKinds lists what Break and timelines can do to units and ports, for tests that walk all of it.
func WireFaultKinds() []FaultKind { return append([]FaultKind{FaultRTULost}, wireFaultKinds...) }

// part is what a unit does in the grid, as scenarios name it.
func (u *Unit) part() string {
	switch u.Model {
	case relayModel.name:
		return placeRelay
	case headModel.name:
		return placeHead
	case transformerModel.name:
		return placeTMeter
	}
	return placeIndicate
}

// UnitsOf lists the ids of units of a part: relay, head_meter, transformer_meter or indicator.
func (g *Grid) UnitsOf(part string) []headend.DeviceID {
	var list []headend.DeviceID
	for i := range g.Units {
		if g.Units[i].part() == part {
			list = append(list, g.Units[i].ID)
		}
	}
	return list
}
