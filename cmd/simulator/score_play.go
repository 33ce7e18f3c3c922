package main

import (
	"context"
	"io"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/interruption"
	"lastgasp/headend/interruption/runner"
	"lastgasp/simulator"
)

// How a head-end learns that a link broke: the broker publishes the will after one and a half times the keep-alive.
const willAfter = 90 * time.Second

// How often the detector derives: soon while something fresh is being said, now and then while only readings and late
// words come in. The closed ledger does not depend on it, and what is shown does not either: it takes fresh words.
const (
	busyStep = 5 * time.Second
	idleStep = 2 * time.Minute
	fresh    = 2 * time.Minute // words of what happened so lately
	busyFor  = time.Minute     // after the last of them
)

// As package ingest judges the times of devices.
const (
	doubtAhead = 5 * time.Minute
	mostAhead  = 24 * time.Hour
)

// listener is a detector that hears a simulation. It is a simulator.Hearer; time is that of the simulation.
type listener struct {
	detector *interruption.Detector
	network  *interruption.Network
	feeder   *runner.Feeder
	accounts []simulator.Account
	numbers  map[headend.DeviceID]int32
	next     time.Time // of the next Advance
	stirred  time.Time // when something fresh was last said
	down     []bool    // by account
	waiting  [][]headend.Batch
	wills    []will // in order of time
	ledger   ledger
	signs    []headend.LifeSign
	derived  time.Duration // real time spent in Advance
}

type will struct {
	at      time.Time
	account int
}

// registry is a simulated grid as the store would give it to a detector.
func registry(g *simulator.Grid) (headend.Grid, map[headend.DeviceID]int32) {
	var r headend.Grid
	numbers := map[headend.DeviceID]int32{}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		node := headend.Node{ID: n.ID, Name: n.Name, Kind: n.Kind, RatedKVA: n.RatedKVA, From: g.From}
		if n.Parent != simulator.None {
			node.Parent = g.Nodes[n.Parent].ID
		}
		r.Nodes = append(r.Nodes, node)
	}
	device := func(d headend.Device) {
		d.State, d.Protocol = headend.DeviceActive, "mqtt"
		numbers[d.ID] = int32(len(numbers) + 1)
		r.Devices, r.DeviceNumbers = append(r.Devices, d), append(r.DeviceNumbers, numbers[d.ID])
	}
	for _, x := range g.Gateways {
		device(headend.Device{ID: x.ID, Kind: headend.KindGateway, Node: g.Nodes[x.Node].ID})
	}
	for i := range g.Points {
		p := &g.Points[i]
		r.PointNumbers = append(r.PointNumbers, uint32(i+1))
		r.Points = append(r.Points, headend.UsagePoint{ID: p.ID, Node: g.Nodes[p.Node].ID,
			Phases: p.Phases, Generation: p.Customer == simulator.SolarHousehold, From: g.From})
		if p.Meter == "" {
			continue
		}
		d := headend.Device{ID: p.Meter, Kind: headend.KindMeter}
		if p.Gateway != simulator.None {
			d.Gateway = g.Gateways[p.Gateway].ID
		}
		device(d)
		r.Installations = append(r.Installations, headend.Installation{Device: p.Meter, UsagePoint: p.ID, From: g.From})
	}
	return r, numbers
}

// newListener makes a detector of a grid that knows the rates of its channel.
func newListener(g *simulator.Grid, rates *interruption.Rates, settings interruption.Settings, makesUp bool) (*listener, error) {
	r, numbers := registry(g)
	grid, err := runner.NewGrid(&r, func(headend.DeviceID) bool { return makesUp })
	if err != nil {
		return nil, err
	}
	l := &listener{detector: interruption.New(grid.Network, settings), network: grid.Network, numbers: numbers,
		ledger: ledger{outages: map[int64]*toldOutage{}}}
	l.feeder = runner.NewFeeder(grid, l.detector)
	if rates != nil {
		known := map[string]interruption.Rates{"": *rates}
		for _, n := range g.NodesOf(simulator.NodeFeeder) {
			known[g.Nodes[n].ID] = *rates
		}
		l.detector.SetRates(known)
	}
	return l, nil
}

// join gives the listener the accounts and the calendar of a simulation, which exist only once it does.
func (l *listener) join(s *simulator.Simulation) {
	l.accounts, l.next = s.Accounts(), s.Start()
	l.down, l.waiting = make([]bool, len(l.accounts)), make([][]headend.Batch, len(l.accounts))
	for _, w := range s.Calendar() {
		l.feeder.Plan(headend.Plan{ID: w.ID, Kind: headend.PlanKind(w.Kind), Node: w.Node, From: w.From, To: w.To, Reason: w.Reason, Notice: w.Notice, Revised: s.Start()})
	}
}

// Hear implements simulator.Hearer.
func (l *listener) Hear(now time.Time, account int, batches []headend.Batch) error {
	l.advance(now)
	if l.down[account] { // kept by the device until it is acknowledged
		l.waiting[account] = append(l.waiting[account], batches...)
		return nil
	}
	l.take(now, batches)
	return nil
}

// Link implements simulator.Hearer.
func (l *listener) Link(now time.Time, account int, up bool) {
	l.advance(now)
	l.down[account] = !up
	if !up {
		l.wills = append(l.wills, will{now.Add(willAfter), account})
		return
	}
	l.tell(now, account, headend.EventOnline)
	l.take(now, l.waiting[account])
	l.waiting[account] = nil
}

func (l *listener) tell(now time.Time, account int, event headend.EventType) {
	e := headend.Event{Time: now, Type: event, Seq: headend.NoSeq}
	l.feeder.Event(l.numbers[l.accounts[account].ID], 0, now, &e)
}

// take feeds batches as they would come out of the store.
func (l *listener) take(now time.Time, batches []headend.Batch) {
	for i := range batches {
		b := &batches[i]
		device, gateway := l.numbers[b.Device], l.numbers[b.Gateway]
		if len(b.Readings) > 0 && l.usable(now, b.Readings[0].Time) && !b.Readings[0].Time.After(now.Add(doubtAhead)) {
			l.signs = headend.LifeSigns(l.signs[:0], device, b.Readings)
			for _, sign := range l.signs {
				l.feeder.LifeSign(now, sign)
			}
		}
		for k := range b.Events {
			e := b.Events[k]
			if !l.usable(now, e.Time) {
				continue
			}
			if e.Time.After(now.Add(doubtAhead)) {
				e.Quality |= headend.QualityClockDoubtful
			}
			l.feeder.Event(device, gateway, now, &e)
			if e.Type != headend.EventPowerFailure && e.Type != headend.EventClockSet && now.Sub(e.Time) < fresh {
				l.stir(now)
			}
		}
	}
}

func (l *listener) usable(now, at time.Time) bool { return !at.After(now.Add(mostAhead)) }

// advance lets the detector derive up to a time.
func (l *listener) advance(now time.Time) {
	for !l.next.After(now) {
		for len(l.wills) > 0 && !l.wills[0].at.After(l.next) {
			if w := l.wills[0]; l.down[w.account] {
				l.tell(w.at, w.account, headend.EventOffline)
			}
			l.wills = l.wills[1:]
		}
		l.derive(l.next)
		step := idleStep
		if l.next.Sub(l.stirred) < busyFor {
			step = busyStep
		}
		l.next = l.next.Add(step)
	}
}

// stir has the detector derive soon.
func (l *listener) stir(now time.Time) {
	l.stirred = now
	if soon := now.Truncate(busyStep).Add(busyStep); soon.Before(l.next) {
		l.next = soon
	}
}

func (l *listener) derive(now time.Time) {
	begin := time.Now()
	changes := l.detector.Advance(now)
	l.derived += time.Since(begin)
	for i := range changes.Outages {
		o := &changes.Outages[i]
		told := l.ledger.outages[int64(o.ID)]
		if told == nil {
			told = &toldOutage{}
			l.ledger.outages[int64(o.ID)] = told
		}
		told.node, told.point, told.part, told.withdrawn, told.why = l.network.NodeID(o.Node), l.network.PointID(o.Point), o.Part, false, o.Summary
		if o.State <= interruption.Confirmed {
			if k := len(told.shown); k == 0 || told.shown[k-1].node != told.node {
				told.shown = append(told.shown, shown{now, told.node})
			}
		}
	}
	for _, id := range changes.Withdrawn {
		if told := l.ledger.outages[int64(id)]; told != nil {
			told.withdrawn = true
		}
	}
}

// close reads the ledger after the last message.
func (l *listener) close(now time.Time) *ledger {
	l.advance(now)
	l.derive(now)
	for _, r := range l.detector.Interruptions() {
		l.ledger.rows = append(l.ledger.rows, toldRow{point: l.network.PointID(r.Point), start: r.Start, end: r.End, notBefore: r.NotBefore,
			outage: int64(r.Outage), planned: r.Planned})
	}
	return &l.ledger
}

// game is one simulation to be played and scored.
type game struct {
	scenario simulator.Scenario
	rates    *interruption.Rates
	settings interruption.Settings
	makesUp  bool // the head-end knows that gateways make gasps up
	debug    io.Writer
}

// play runs a game in virtual time. It returns the score, and how long the detector took.
func (g *game) play(ctx context.Context) (*score, time.Duration, error) {
	spec, err := g.scenario.Spec()
	if err != nil {
		return nil, 0, err
	}
	grid, err := simulator.Generate(spec, g.scenario.Seed)
	if err != nil {
		return nil, 0, err
	}
	l, err := newListener(grid, g.rates, g.settings, g.makesUp)
	if err != nil {
		return nil, 0, err
	}
	t := newTruth()
	s, err := simulator.New(grid, g.scenario, nil, simulator.Options{Truth: t, Hearer: l, Light: true, Unpaced: true})
	if err != nil {
		return nil, 0, err
	}
	l.join(s)
	if err := s.Run(ctx); err != nil {
		return nil, 0, err
	}
	if ctx.Err() != nil {
		return nil, 0, ctx.Err()
	}
	t.from, t.to = s.Start(), s.Start().Add(g.scenario.Length.From)
	return compare(t, l.close(t.to.Add(time.Hour)), treeOf(grid), g.debug), l.derived, nil
}
