package simulator

import (
	"errors"
	"fmt"
	"math"
	"time"

	"lastgasp/headend"
)

// Losses, chosen so that a feeder loses about 5 % of what it takes in. They are linear in the energy of each
// customer, so that a head meter's energy is exact at any second without a history: in copper they truly grow with
// the square of the current.
const (
	mediumPPM    = 23_000 // medium voltage and transformer copper, of what a customer draws or feeds in
	lowPPM       = 5_000  // the low-voltage network
	lowPPMMetre  = 80     // and the customer's line, for each metre
	lowPPMMost   = 100_000
	million      = 1_000_000
	ironWatts    = 100 // a transformer without load
	ironWattsKVA = 0.8 // and for each kVA
)

// flow is what goes through a node at one second. Low-voltage figures leave the transformer out.
type flow struct {
	second    int64
	supply    uint32
	lowJ, mvJ int64 // energy since the beginning, net of what comes back, J
	low, mv   [3]float64
	ironWatts int64
	ironKnown bool
}

// dark is what the node's iron did not draw since its supply last changed, J.
func (s *Simulation) dark(node int32, second int64) int64 {
	n := &s.nodes[node]
	return s.iron(node) * (second - n.since) * int64(phasesIn(n.lost)) / 3
}

func phasesIn(p headend.Phases) int { return int(p&1 + p>>1&1 + p>>2&1) }

// iron is what the transformer at a node draws by itself, W.
func (s *Simulation) iron(node int32) int64 {
	f := &s.flows[node]
	if !f.ironKnown {
		f.ironKnown = true
		if n := &s.grid.Nodes[node]; n.Kind == NodeTransformer {
			f.ironWatts = int64(ironWatts + ironWattsKVA*n.RatedKVA)
		}
	}
	return f.ironWatts
}

func lowLoss(p *Point) int64 { return min(lowPPM+int64(p.Length*lowPPMMetre), lowPPMMost) }

// through is the flow through a node: of its own customers, and of the nodes below that are not fed from elsewhere.
func (s *Simulation) through(node int32, at time.Time) *flow {
	f := &s.flows[node]
	if f.second == at.Unix() && f.supply == s.supplyChange {
		return f
	}
	f.second, f.supply = at.Unix(), s.supplyChange
	f.lowJ, f.mvJ, f.low, f.mv = 0, 0, [3]float64{}, [3]float64{}
	for p := s.grid.points[node][0]; p < s.grid.points[node][1]; p++ {
		s.customer(p, at, f)
	}
	if iron := s.iron(node); iron > 0 {
		n := &s.nodes[node]
		f.mvJ += iron*(at.Unix()-loadEpoch) - n.darkJ - s.dark(node, at.Unix())
		for ph := range f.mv {
			if n.lost&(headend.L1<<ph) == 0 {
				f.mv[ph] += float64(iron) / 3
			}
		}
	}
	for _, child := range s.grid.children[node] {
		if s.nodes[child].tied > 0 {
			continue
		}
		below := s.through(child, at)
		f.lowJ += below.lowJ
		f.mvJ += below.mvJ
		for ph := range f.mv {
			f.low[ph] += below.low[ph]
			f.mv[ph] += below.mv[ph]
		}
	}
	return f
}

// customer adds one usage point.
func (s *Simulation) customer(i int32, at time.Time, f *flow) {
	m, p := &s.meters[i], &s.grid.Points[i]
	in := m.demand.At(at)
	importJ, exportJ := m.registers(p, in)
	gross, loss := importJ+exportJ, lowLoss(p)
	low := importJ - exportJ + gross*loss/million
	f.lowJ += low
	f.mvJ += low + gross*mediumPPM/million
	if m.missing == p.Phases {
		return
	}
	for ph := range 3 {
		share := int64(m.shares[ph])
		phase := ph
		if phaseCount(p) == 1 {
			if ph > 0 {
				break
			}
			phase = int(p.Phases >> 1) // L1, L2, L4 ... 1, 2, 4 become 0, 1, 2
		}
		if m.missing&(headend.L1<<phase) != 0 {
			continue
		}
		watts := float64(in.Watts*share) / 256
		low := watts + math.Abs(watts)*float64(loss)/million
		f.low[phase] += low
		f.mv[phase] += low + math.Abs(watts)*mediumPPM/million
	}
}

// gross is what all customers below a node have drawn and fed in, with losses: where a meter's registers begin. They
// never fall from one start of the simulator to the next, since no net figure grows faster than this.
func (s *Simulation) gross(node int32, at time.Time, mv bool) (importJ, exportJ int64) {
	s.grid.Below(node, func(i int32) {
		m, p := &s.meters[i], &s.grid.Points[i]
		in, out := m.registers(p, m.demand.At(at))
		loss := (in + out) * lowLoss(p) / million
		if mv {
			loss += (in + out) * mediumPPM / million
		}
		importJ, exportJ = importJ+in+loss, exportJ+out
	})
	if mv {
		importJ += s.ironBelow(node, at)
	}
	return importJ, exportJ
}

func (s *Simulation) ironBelow(node int32, at time.Time) int64 {
	sum := int64(0)
	if iron := s.iron(node); iron > 0 {
		sum = iron*(at.Unix()-loadEpoch) - s.nodes[node].darkJ - s.dark(node, at.Unix())
	}
	for _, child := range s.grid.children[node] {
		sum += s.ironBelow(child, at)
	}
	return sum
}

// settle brings a unit's registers up to date. Import less export grows by exactly what went through the node;
// what came since the last look counts as import where it is positive, as export where it is not.
func (s *Simulation) settle(u *modbusUnit, at time.Time) {
	mv := u.model != transformerModel
	if !u.metered {
		u.metered = true
		u.importJ, u.exportJ = s.gross(u.Node, at, mv)
		u.markJ = s.net(u, at)
	}
	if s.nodes[u.Node].tied > 0 && mv {
		return
	}
	net := s.net(u, at)
	if d := net - u.markJ; d >= 0 {
		u.importJ += d
	} else {
		u.exportJ -= d
	}
	u.markJ = net
}

// net is the energy that went through the unit's node, J.
func (s *Simulation) net(u *modbusUnit, at time.Time) int64 {
	if u.model == transformerModel {
		return s.through(u.Node, at).lowJ
	}
	return s.through(u.Node, at).mvJ
}

// tie says that from now on (by 1) or no more (by -1) a node and all below is fed from elsewhere, past the
// meters above and the one at it.
func (s *Simulation) tie(node int32, by int, now time.Time) {
	if s.nodes == nil {
		return
	}
	above := func(do func(*modbusUnit)) {
		for n := node; n != None; n = s.grid.Nodes[n].Parent {
			for _, i := range s.unitsAt[n] {
				if u := &s.units[i]; u.metered && u.model != transformerModel {
					do(u)
				}
			}
		}
	}
	above(func(u *modbusUnit) { s.settle(u, now) })
	s.nodes[node].tied += by
	s.supplyChange++
	above(func(u *modbusUnit) { u.markJ = s.net(u, now) })
}

// look is what the unit measures and reports now.
func (s *Simulation) look(u *modbusUnit) unitView {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.clock()
	if !u.metered || u.second != at.Unix() || u.supply != s.supplyChange {
		u.second, u.supply = at.Unix(), s.supplyChange
		s.settle(u, at)
		s.measureUnit(u, at)
	}
	u.view.state = u.now()
	return u.view
}

// measureUnit fills the unit's view.
func (s *Simulation) measureUnit(u *modbusUnit, at time.Time) {
	v, state := &u.view, u.now()
	*v = unitView{importWh: u.importJ / wattSecond, exportWh: u.exportJ / wattSecond}
	f, nominal, lost := s.through(u.Node, at), 22000/math.Sqrt(3), state.above()
	if s.grid.Climate == Europe {
		nominal = 11000 / math.Sqrt(3)
	}
	v.watts = f.mv
	switch {
	case u.model == transformerModel:
		nominal, lost, v.watts = 230, state.lost(), f.low
		if s.grid.Climate == Vietnam {
			nominal = 220
		}
	case u.model == indicatorModel:
		lost = state.lost()
	}
	if u.model != transformerModel && s.nodes[u.Node].tied > 0 {
		v.watts = [3]float64{}
	}
	h := mix2(mixText(s.scenario.Seed, string(u.ID)), uint64(at.Unix()))
	local := at.Add(time.Duration(loadModels[s.grid.Climate][Household].zone) * time.Second).UTC()
	hour := float64(local.Hour()*3600+local.Minute()*60+local.Second()) / 10800
	shape := dayShape[s.grid.Climate]
	load := shape[int(hour)] + (shape[int(hour)+1]-shape[int(hour)])*(hour-math.Floor(hour))
	for ph := range 3 {
		if lost&(headend.L1<<ph) != 0 {
			continue
		}
		v.volts[ph] = nominal * (1.03 - 0.012*load + 0.002*(unit(mix(h+uint64(ph)))-0.5))
		v.amps[ph] = math.Abs(v.watts[ph]) / (v.volts[ph] * unitPF)
	}
	if u.model == indicatorModel { // its sensor is at 230 V
		for ph := range v.volts {
			v.volts[ph] *= 230 / nominal
		}
	}
	if lost != allPhases {
		v.hertz = float64(49980+int64(mix(uint64(at.Unix()/10))%41)) / 1000
	}
}

// UnitTruth is what is true of a unit at one moment.
type UnitTruth struct {
	At                 time.Time
	ImportWh, ExportWh int64      // its registers; import is towards the customers
	NetJ               int64      // energy through its node since the beginning, import less export, J
	Watts, Volts       [3]float64 // of each phase
	Open               bool       // of a relay's breaker or recloser
	Passage            bool       // it shows that fault current has passed
	Lost               headend.Phases
	Reachable          bool // it has power and its link
}

// ErrNoUnit says that the grid has no unit with the id.
var ErrNoUnit = errors.New("the grid has no such Modbus unit")

// Unit tells what is true of a unit now. It returns ErrNoUnit for an unknown id.
func (s *Simulation) Unit(id headend.DeviceID) (UnitTruth, error) {
	i := s.grid.FindUnit(id)
	if i < 0 {
		return UnitTruth{}, fmt.Errorf("%s: %w", id, ErrNoUnit)
	}
	u := &s.units[i]
	v := s.look(u)
	s.mu.Lock()
	defer s.mu.Unlock()
	return UnitTruth{At: time.Unix(u.second, 0).UTC(), ImportWh: v.importWh, ExportWh: v.exportWh, NetJ: u.importJ - u.exportJ, Watts: v.watts,
		Volts: v.volts, Open: v.state.open(), Passage: v.state.passage(), Lost: v.state.lost(), Reachable: v.state.reachable()}, nil
}

// clock is the simulated time at this moment, between what has happened and what happens next. s.mu is held.
func (s *Simulation) clock() time.Time {
	at := s.now
	if !s.began.IsZero() && !s.unpaced {
		now := time.Now()
		at = s.start.Add(time.Duration(float64(now.Sub(s.began)) * s.scenario.Speed))
		if at.After(now) {
			at = now
		}
		if s.agenda.Len() > 0 && at.After(s.agenda.entries[0].at) {
			at = s.agenda.entries[0].at
		}
	}
	if at.Before(s.now) {
		at = s.now
	}
	return at
}

// warm reads every customer with solar once: their registers are summed up from years ago the first time, which a
// poll shall not wait for.
func (s *Simulation) warm(stop func() bool) {
	for i := range s.meters {
		if s.meters[i].demand.solar == nil {
			continue
		}
		if stop() {
			return
		}
		s.mu.Lock()
		s.meters[i].demand.At(s.clock())
		s.mu.Unlock()
	}
}
