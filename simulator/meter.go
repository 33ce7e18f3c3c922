package simulator

import (
	"time"

	"lastgasp/headend"
)

// meter is one meter in a simulation.
//
//	            supply gone             held for Hold               supply back           after Boot
//	on ─────────────────▶ off, awake ─────────▶ off, dead (gasps) ─────────▶ booting ─────────▶ on (power_up)
//	▲                         │ supply back: nothing is said        supply gone: off, dead
//	└─────────────────────────┘
type meter struct {
	demand  Demand
	sender  int32          // index into Simulation.senders; None without a meter
	missing headend.Phases // of the point's phases, those without supply
	change  uint32         // counts changes of missing, so that a plan made before one is void
	dead    bool           // ran out of its reserve; until it has booted
	downAt  time.Time      // when all supply went
	cause   string         // the fault that began the interruption
	lostAt  time.Time      // since when missing is what it is
	said    headend.Phases // phases whose loss it has reported and not yet taken back
	seq     int64          // of its next event

	// What it would have counted since missing changed is scaled by the live share; what it did not count before that:
	markImport, markExport int64 // J at the change
	lostImport, lostExport int64 // J

	shares   [3]int16 // of its load on each phase, in 256ths
	clock    time.Duration
	driftPPM float64
	setAt    time.Time // when its clock was right, clock aside

	silent int  // firmware pushes that keep it from saying anything
	alive  bool // it has solar and lives on without supply
	told   bool // it has said so, and not yet taken it back

	memory memory // what it can be asked for
}

func (s *Simulation) newMeter(i int32) meter {
	p := &s.grid.Points[i]
	d := draw(mixText(s.scenario.Seed^0x6d65746572, p.ID))
	m := meter{demand: s.newDemand(p), sender: None, setAt: s.start,
		shares: [3]int16{256, 0, 0}, seq: s.firstSeq()}
	if p.Phases == allPhases {
		first := int16(70 + d.below(40))
		second := int16(60 + d.below(40))
		m.shares = [3]int16{first, second, 256 - first - second}
	}
	m.driftPPM = (2*d.unit() - 1) * s.scenario.Clocks.DriftPPM
	if d.unit() < s.scenario.Clocks.Wrong {
		m.clock = [...]time.Duration{time.Hour, -time.Hour, 26 * time.Hour, -6 * 24 * time.Hour, -7 * time.Hour}[d.below(5)]
	}
	if p.Customer == SolarHousehold { // drawn last, so that what else is drawn stays as it is
		m.alive = d.unit() < s.scenario.Gasp.Alive
	}
	return m
}

// newDemand is the load of a point; of a light simulation only what tells the time of day.
func (s *Simulation) newDemand(p *Point) Demand {
	if s.light {
		return Demand{seed: mixText(s.scenario.Seed, p.ID), model: loadModels[s.grid.Climate][p.Customer]}
	}
	return NewDemand(s.scenario.Seed, p.ID, p.Customer, s.grid.Climate)
}

// load is what a meter's demand is now; nothing in a light simulation.
func (s *Simulation) load(m *meter, now time.Time) Instant {
	if s.light {
		return Instant{}
	}
	return m.demand.At(now)
}

// firstSeq is the number of a device's first event: it grows from one start of the simulator to the next,
// as the number in a real meter's memory would.
func (s *Simulation) firstSeq() int64 { return (s.start.Unix() - loadEpoch) / 60 }

// time is what the meter's clock shows at now, in whole seconds as it prints it.
func (m *meter) time(s *Simulation, now time.Time) time.Time {
	drift := time.Duration(float64(now.Sub(m.setAt)) * m.driftPPM / 1e6)
	return now.Add(m.clock + drift).Round(time.Second)
}

// phaseCount is how many phases the point has; a point of two counts as one of three.
func phaseCount(p *Point) int {
	if p.Phases == headend.L1 || p.Phases == headend.L2 || p.Phases == headend.L3 {
		return 1
	}
	return 3
}

// liveShare is the part of the load that has supply, in 256ths.
func (m *meter) liveShare(p *Point) int64 {
	if m.missing == p.Phases {
		return 0
	}
	live := int64(256)
	for i := range 3 {
		if m.missing&(headend.L1<<i) != 0 {
			live -= int64(m.shares[i])
		}
	}
	return live
}

// registers is what the meter has counted, J.
func (m *meter) registers(p *Point, in Instant) (importJ, exportJ int64) {
	dark := 256 - m.liveShare(p)
	return in.ImportJ - m.lostImport - (in.ImportJ-m.markImport)*dark/256,
		in.ExportJ - m.lostExport - (in.ExportJ-m.markExport)*dark/256
}

// supply tells the meter which phases the network has lost.
func (m *meter) supply(s *Simulation, i int32, lost headend.Phases, cause string, now time.Time) error {
	p := &s.grid.Points[i]
	missing := lost & p.Phases
	if missing == m.missing {
		return nil
	}
	in := s.load(m, now)
	importJ, exportJ := m.registers(p, in)
	m.lostImport, m.lostExport = in.ImportJ-importJ, in.ExportJ-exportJ
	m.markImport, m.markExport = in.ImportJ, in.ExportJ
	if m.missing != 0 {
		if err := s.truth.Interrupted(Interruption{UsagePoint: p.ID, Start: m.lostAt, End: now, Lost: m.missing, Fault: m.cause}); err != nil {
			return err
		}
	}
	if m.missing == 0 {
		m.cause = cause
	}
	before := m.missing
	m.missing, m.lostAt = missing, now
	m.change++
	s.countOff(before == p.Phases, missing == p.Phases)
	if m.sender == None {
		return nil
	}
	return m.react(s, i, before == p.Phases, now)
}

// react plans what the meter will say about a change of its supply.
func (m *meter) react(s *Simulation, i int32, wasOff bool, now time.Time) error {
	p := &s.grid.Points[i]
	gasp := &s.scenario.Gasp
	key := mix2(mixText(s.scenario.Seed, p.ID), uint64(m.change))
	change := m.change
	still := func(do func(now time.Time) error) func(time.Time) error {
		return func(now time.Time) error {
			if m.change != change {
				return nil
			}
			return do(now)
		}
	}
	switch off := m.missing == p.Phases; {
	case m.alive && (off || wasOff):
		if off {
			m.downAt = now
		}
		s.agenda.put(now.Add(gasp.Hold.draw(key)), still(func(at time.Time) error { return m.saySupply(s, i, now, key, at) }))
	case off && m.dead: // went again while it booted
	case off:
		m.downAt = now
		s.agenda.put(now.Add(gasp.Hold.draw(key)), still(func(now time.Time) error { return m.gasp(s, i, key, now) }))
	case wasOff && m.dead:
		s.agenda.put(now.Add(gasp.Boot.draw(key)), still(func(at time.Time) error { return m.boot(s, i, now, key, at) }))
	default: // some phases of three
		s.agenda.put(now.Add(gasp.Hold.draw(key)), still(func(at time.Time) error { return m.sayPhases(s, i, now, at) }))
	}
	return nil
}

// gasp is the last thing the meter says: up to 1 + Repeats attempts, while it runs on its reserve.
func (m *meter) gasp(s *Simulation, i int32, key uint64, now time.Time) error {
	p := &s.grid.Points[i]
	h := Happening{Device: p.Meter, UsagePoint: p.ID, At: m.downAt, Time: m.time(s, m.downAt), Event: headend.EventPowerDown, Seq: m.seq}
	m.seq++
	m.dead = true
	last := now
	for attempt := range 1 + s.scenario.Gasp.Repeats {
		at := now
		if attempt > 0 {
			at = now.Add(time.Duration(attempt) * s.scenario.Gasp.Every.draw(mix(key+uint64(attempt))))
		}
		last = at
		delivered := unit(mix2(key, uint64(1000+attempt))) < s.scenario.Gasp.Delivery
		change := m.change
		s.agenda.put(at, func(time.Time) error {
			if m.change != change && attempt > 0 { // supply is back: it has other things to say
				return nil
			}
			fate := FateLost
			if delivered && s.senders[m.sender].reachable() {
				fate = FateSent
			}
			return s.say(m.sender, &h, fate)
		})
	}
	if s.senders[m.sender].gateway == None { // its modem dies with it
		change := m.change
		s.agenda.put(last.Add(2*time.Second), func(time.Time) error {
			if m.change == change {
				s.link(m.sender, func(x *sender) { x.dead = true })
			}
			return nil
		})
	}
	return nil
}

// boot is the first thing it says after supply came back at backAt.
func (m *meter) boot(s *Simulation, i int32, backAt time.Time, key uint64, now time.Time) error {
	p := &s.grid.Points[i]
	m.dead = false
	if s.senders[m.sender].gateway == None {
		s.link(m.sender, func(x *sender) { x.dead = false })
	}
	h := Happening{Device: p.Meter, UsagePoint: p.ID, At: backAt, Time: m.time(s, backAt), Event: headend.EventPowerUp, Seq: m.seq}
	m.seq++
	if err := s.say(m.sender, &h, FateSent); err != nil {
		return err
	}
	m.log(s, i, backAt, key, now)
	if m.missing != 0 {
		return m.sayPhases(s, i, backAt, now)
	}
	m.said = 0
	return nil
}

// log plans when the entry of the meter's log about the failure that is over is read.
func (m *meter) log(s *Simulation, i int32, backAt time.Time, key uint64, now time.Time) {
	if !s.scenario.Gasp.Logs {
		return
	}
	p := &s.grid.Points[i]
	entry := Happening{Device: p.Meter, UsagePoint: p.ID, At: backAt, Time: m.time(s, backAt), Event: headend.EventPowerFailure, Seq: m.seq,
		Duration: backAt.Sub(m.downAt)}
	m.seq++
	// Logs are read gateway by gateway: what came back behind one together is read together.
	wait := s.scenario.Gasp.Within.draw(mix2(mixText(s.scenario.Seed, string(s.senders[m.sender].ID)), uint64(backAt.UnixMilli())))
	wait = max(wait, now.Sub(backAt)) + time.Duration(mix(key)%20_000)*time.Millisecond
	s.agenda.put(backAt.Add(wait), func(time.Time) error { return s.say(m.sender, &entry, FateSent) })
}

// saySupply is what a meter that lives on says of its supply side: that it went, and that it is back.
func (m *meter) saySupply(s *Simulation, i int32, at time.Time, key uint64, now time.Time) error {
	p := &s.grid.Points[i]
	off := m.missing == p.Phases
	if off == m.told {
		return nil
	}
	m.told = off
	h := Happening{Device: p.Meter, UsagePoint: p.ID, At: at, Time: m.time(s, at), Event: headend.EventSupplyPresent, Seq: m.seq}
	if off {
		h.Event = headend.EventSupplyAbsent
	}
	m.seq++
	if err := s.say(m.sender, &h, FateSent); err != nil || off {
		return err
	}
	m.log(s, i, at, key, now)
	return m.sayPhases(s, i, at, now)
}

// sayPhases reports phases lost and back since it last did.
func (m *meter) sayPhases(s *Simulation, i int32, at, now time.Time) error {
	p := &s.grid.Points[i]
	if m.dead {
		return nil
	}
	for _, news := range [...]struct {
		event  headend.EventType
		phases headend.Phases
	}{{headend.EventPhaseBack, m.said &^ m.missing}, {headend.EventPhaseLost, m.missing &^ m.said}} {
		if news.phases == 0 {
			continue
		}
		h := Happening{Device: p.Meter, UsagePoint: p.ID, At: at, Time: m.time(s, at), Event: news.event, Seq: m.seq, Phases: news.phases}
		m.seq++
		if err := s.say(m.sender, &h, FateSent); err != nil {
			return err
		}
	}
	m.said = m.missing
	return nil
}

// measure is what the meter measures now; false when it has no supply or has not booted.
func (s *Simulation) measure(i int32, now time.Time, out *Measurement) bool {
	m, p := &s.meters[i], &s.grid.Points[i]
	if m.dead || m.silent > 0 || m.missing == p.Phases && !m.alive || p.Meter == "" {
		return false
	}
	in := s.load(m, now)
	importJ, exportJ := m.registers(p, in)
	*out = Measurement{Meter: p.Meter, UsagePoint: p.ID, At: now, Time: m.time(s, now), Phases: phaseCount(p),
		ImportWh: importJ / wattSecond, ExportWh: exportJ / wattSecond, TwoWay: p.Customer == SolarHousehold}
	rest := in.Watts
	for ph := range out.Phases {
		share := in.Watts * int64(m.shares[ph]) / 256
		if ph == out.Phases-1 {
			share = rest
		}
		rest -= share
		out.Watts[ph] = share
		if out.Phases == 3 && m.missing&(headend.L1<<ph) != 0 || m.missing == p.Phases {
			out.DeciVolts[ph] = -1
		}
	}
	_, second := m.demand.local(now.Unix())
	out.electrical(p, s.grid.Climate, second, m.demand.seed)
	return true
}
