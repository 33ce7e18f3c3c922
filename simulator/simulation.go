package simulator

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"lastgasp/headend"
)

// Account is a device that logs in to a broker: a gateway, or a meter that speaks for itself.
type Account struct {
	ID       headend.DeviceID
	Password string
}

// Face carries messages of accounts into the world. The number of an account is its place in
// Simulation.Accounts.
type Face interface {
	// Publish takes a message over and returns at once, or blocks while the account's queue is full if the
	// face is made so. It fails only when ctx ends.
	Publish(ctx context.Context, account int, topic string, payload []byte) error
	// Link says whether the account's device has power and reach. While it is down messages wait.
	Link(account int, up bool)
}

// sender is an account in a simulation.
type sender struct {
	Account
	gateway int32   // None for a meter that speaks for itself
	points  []int32 // whose meters it speaks for
	dead    bool    // has no power
	cut     int     // faults that cut its link
	spread  time.Duration
}

// reachable tells whether a message handed over now can go out now.
func (x *sender) reachable() bool { return !x.dead && x.cut == 0 }

// Simulation plays one scenario on one grid.
type Simulation struct {
	grid     *Grid
	scenario Scenario
	start    time.Time
	truth    Truth
	face     Face
	hearer   Hearer // instead of face; nil: none
	unpaced  bool
	light    bool
	calendar []PlannedWork
	silenced map[headend.DeviceID]int // meters that say nothing, by the number of pushes

	ctx        context.Context // of Run, for what the agenda does
	mu         sync.Mutex      // held while an entry of the agenda runs
	agenda     agenda
	now        time.Time
	meters     []meter
	gateways   []gateway
	senders    []sender
	faults     []*fault
	faultCount int
	counts     Counts
	buffer     []byte

	began        time.Time // of Run by the real clock; zero while it does not run
	units        []modbusUnit
	unitsAt      map[int32][]int32 // by node
	nodes        []nodeSupply      // nil without units, as is flows
	flows        []flow
	supplyChange uint32 // counts changes of supply
}

// Counts is what a simulation has done so far.
type Counts struct {
	Meters   int // usage points with a meter
	Points   int
	Off      int // usage points without any supply now
	Readings int // measured
	Lost     int // of them, never left the meter
	Late     int
	Events   int // attempts to tell of one
	ReadBack int // read from a meter's memory by command
}

// Options are what a scenario does not say.
type Options struct {
	Truth   Truth  // nil: nobody is told
	Unpaced bool   // do not wait for the clock: as fast as the face takes the messages
	Hearer  Hearer // instead of a face
	Light   bool   // meters measure voltage alone: nothing else is true, and days are played four times as fast
	Now     time.Time
}

// New makes a simulation of the scenario on the grid; it starts nothing. It returns an error where the
// scenario names what the grid does not have.
func New(grid *Grid, scenario Scenario, face Face, options Options) (*Simulation, error) {
	if options.Now.IsZero() {
		options.Now = time.Now()
	}
	start, err := scenario.start(options.Now)
	if err != nil {
		return nil, err
	}
	s := &Simulation{grid: grid, scenario: scenario, start: start, now: start, truth: options.Truth, face: face, unpaced: options.Unpaced,
		hearer: options.Hearer, light: options.Light, silenced: map[headend.DeviceID]int{}}
	if s.truth == nil {
		s.truth = nobody{}
	}
	s.makeSenders()
	s.gateways = make([]gateway, len(grid.Gateways))
	for i := range s.gateways {
		s.gateways[i].seq = s.firstSeq()
	}
	s.meters = make([]meter, len(grid.Points))
	for i := range s.meters {
		s.meters[i] = s.newMeter(int32(i))
	}
	for number, x := range s.senders {
		for _, p := range x.points {
			s.meters[p].sender = int32(number)
		}
		s.counts.Meters += len(x.points)
	}
	s.counts.Points = len(grid.Points)
	s.makeUnits()
	s.planClocks()
	for i := range s.scenario.Timeline {
		in := &s.scenario.Timeline[i]
		if len(grid.Units) == 0 && in.Fault.strikes(placeUnit) {
			continue // the scenario is played without Modbus
		}
		if places, sort := s.places(in.Where, None); len(places) == 0 || !in.Fault.strikes(sort) {
			return nil, fmt.Errorf("timeline entry %d: the grid has no %q that %s can strike", i+1, in.Where, in.Fault)
		} else if err := s.canShow(in.Fault, places, sort); err != nil {
			return nil, fmt.Errorf("timeline entry %d: %w", i+1, err)
		}
		if err := s.plan(in, i); err != nil {
			return nil, err
		}
	}
	interval := scenario.Interval.From
	s.agenda.put(start.Truncate(interval).Add(interval), s.round)
	return s, nil
}

// makeSenders lists the gateways in the grid's order, then the meters that speak for themselves.
func (s *Simulation) makeSenders() {
	for i, g := range s.grid.Gateways {
		s.senders = append(s.senders, sender{Account: Account{g.ID, g.Password}, gateway: int32(i)})
	}
	for i := range s.grid.Points {
		switch p := &s.grid.Points[i]; {
		case p.Meter == "":
		case p.Gateway != None:
			s.senders[p.Gateway].points = append(s.senders[p.Gateway].points, int32(i))
		default:
			s.senders = append(s.senders, sender{Account: Account{p.Meter, p.Password}, gateway: None, points: []int32{int32(i)}})
		}
	}
	collect := min(s.scenario.Interval.From*3/10, 5*time.Minute) // how long gateways take to collect a round
	for i := range s.senders {
		s.senders[i].spread = time.Duration(unit(mixText(s.scenario.Seed, string(s.senders[i].ID))) * float64(collect)).Truncate(time.Millisecond)
	}
}

// Accounts lists who logs in.
func (s *Simulation) Accounts() []Account {
	list := make([]Account, len(s.senders))
	for i := range s.senders {
		list[i] = s.senders[i].Account
	}
	return list
}

// Start is when the simulation begins.
func (s *Simulation) Start() time.Time { return s.start }

// Run plays until the scenario's length is over, which returns nil, or ctx ends, which returns nil too.
// It returns the error of a truth or face that fails. What is still open is told to the truth at the end.
func (s *Simulation) Run(ctx context.Context) error {
	begin := time.Now()
	s.mu.Lock()
	s.ctx, s.began = ctx, begin
	s.mu.Unlock()
	end := time.Time{}
	if length := s.scenario.Length.From; length > 0 {
		end = s.start.Add(length)
	}
	var err error
	for err == nil && s.agenda.Len() > 0 {
		at := s.agenda.entries[0].at
		if !end.IsZero() && at.After(end) {
			s.wait(ctx, begin, end)
			break
		}
		if s.wait(ctx, begin, at) != nil {
			break
		}
		s.mu.Lock()
		s.now = at
		err = s.agenda.next().do(at)
		s.mu.Unlock()
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil
	}
	return errors.Join(err, s.close())
}

// wait returns when the simulated time is due: Speed times as fast as the clock, and never ahead of it.
func (s *Simulation) wait(ctx context.Context, begin, at time.Time) error {
	if s.unpaced {
		return ctx.Err()
	}
	due := begin.Add(time.Duration(float64(at.Sub(s.start)) / s.scenario.Speed))
	if at.After(due) {
		due = at
	}
	if d := time.Until(due); d > 0 {
		wait(ctx, d)
	}
	return ctx.Err()
}

// close tells the truth what lasts.
func (s *Simulation) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now, s.began = s.clock(), time.Time{}
	for i := range s.meters {
		if m := &s.meters[i]; m.missing != 0 {
			err := s.truth.Interrupted(Interruption{UsagePoint: s.grid.Points[i].ID, Start: m.lostAt, Lost: m.missing, Fault: m.cause})
			if err != nil {
				return err
			}
		}
	}
	for _, f := range s.faults {
		if err := s.truth.Damaged(f.Damage); err != nil {
			return err
		}
	}
	return nil
}

// Status is the counts and, in words, what is broken.
func (s *Simulation) Status() (now time.Time, counts Counts, broken string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now, s.counts, s.openFaults(s.now)
}

func (s *Simulation) countOff(was, is bool) {
	switch {
	case is && !was:
		s.counts.Off++
	case was && !is:
		s.counts.Off--
	}
}

// link changes a sender's state and tells the face where its link changed by that.
func (s *Simulation) link(number int32, change func(*sender)) {
	x := &s.senders[number]
	before := x.reachable()
	change(x)
	if after := x.reachable(); after != before {
		if s.hearer != nil {
			s.hearer.Link(s.now, int(number), after)
			return
		}
		s.face.Link(int(number), after)
	}
}

// mostInMessage is how many readings a gateway puts into a message.
const mostInMessage = 100

// round takes the readings of every meter at one time and plans their way.
func (s *Simulation) round(now time.Time) error {
	s.agenda.put(now.Add(s.scenario.Interval.From), s.round)
	for number := range s.senders {
		if err := s.collect(int32(number), now); err != nil {
			return err
		}
	}
	return nil
}

// collect takes one sender's readings.
func (s *Simulation) collect(number int32, now time.Time) error {
	x := &s.senders[number]
	round := message{topic: "reads", payload: s.buffer[:0]}
	count, part := 0, 0
	var m Measurement
	for _, p := range x.points {
		if !s.measure(p, now, &m) {
			continue
		}
		if s.hearer == nil { // nobody can ask it otherwise
			s.meters[p].memory.keep(remembered{m.Time, m.ImportWh, m.ExportWh, m.TwoWay})
		}
		key := mix2(s.meters[p].demand.seed^s.scenario.Seed, uint64(now.Unix()))
		fate := s.fate(key)
		s.counts.Readings++
		if err := s.truth.Reading(&m, fate); err != nil {
			return err
		}
		switch fate {
		case FateLost:
			s.counts.Lost++
		case FateLate:
			s.counts.Late++
			alone := message{topic: "reads"}
			s.put(&alone, x, &m)
			s.transmit(number, alone.end(x), now.Add(x.spread+s.scenario.Channel.LateUpTo.draw(mix(key^2))))
		default:
			s.put(&round, x, &m)
			if count++; count == mostInMessage {
				s.send(number, &round, part, now)
				round.payload, round.batches, count = round.payload[:0], nil, 0
				part++
			}
		}
	}
	if count > 0 {
		s.send(number, &round, part, now)
	}
	s.buffer = round.payload
	return nil
}

// put adds a reading to a message.
func (s *Simulation) put(to *message, x *sender, m *Measurement) {
	if s.hearer == nil {
		to.payload = x.appendReading(append(to.payload, ','), m)
		return
	}
	b := s.batch(x, m.Meter)
	if b.Readings = m.voltages(); !s.light {
		b.Readings = m.Readings()
	}
	to.batches = append(to.batches, b)
}

// end is the message to send: ",{...},{...}" becomes an array, or the object of a meter that speaks for itself.
func (m *message) end(x *sender) message {
	out := message{topic: m.topic, batches: m.batches}
	switch {
	case len(m.payload) == 0:
	case x.gateway == None:
		out.payload = append(out.payload, m.payload[1:]...)
	default:
		out.payload = append(append(out.payload, m.payload...), ']')
		out.payload[0] = '['
	}
	return out
}

// fate draws what the channel does to a reading.
func (s *Simulation) fate(key uint64) Fate {
	switch u := unit(mix(key ^ 1)); {
	case u < s.scenario.Channel.Loss:
		return FateLost
	case u < s.scenario.Channel.Loss+s.scenario.Channel.Late:
		return FateLate
	}
	return FateSent
}

// appendReading appends one reading as the native format has it.
func (x *sender) appendReading(b []byte, m *Measurement) []byte {
	b = append(b, '{')
	if x.gateway != None {
		b = append(append(append(b, `"device":"`...), m.Meter...), `",`...)
	}
	b = append(b, `"time":"`...)
	b = m.Time.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `","values":`...)
	return append(m.appendValues(b), '}')
}

// send plans the way of a part of a round.
func (s *Simulation) send(number int32, round *message, part int, now time.Time) {
	x := &s.senders[number]
	key := mix2(mixText(s.scenario.Seed, string(x.ID)), uint64(now.UnixNano())^uint64(part))
	at := now.Add(x.spread)
	if unit(mix(key)) < s.scenario.Channel.Reorder {
		at = at.Add(time.Duration(unit(mix(key^1)) * 3 * float64(s.scenario.Interval.From)))
	}
	out := round.end(x)
	s.transmit(number, out, at)
	if unit(mix(key^2)) < s.scenario.Channel.Duplicate {
		s.transmit(number, out, at.Add(time.Duration(unit(mix(key^3))*float64(s.scenario.Interval.From))))
	}
}

// transmit hands a message over at the time.
func (s *Simulation) transmit(number int32, m message, at time.Time) {
	s.agenda.put(at, func(now time.Time) error { return s.hand(number, m, now) })
}

// hand gives a message to the face or the hearer.
func (s *Simulation) hand(number int32, m message, now time.Time) error {
	if s.hearer != nil {
		return s.hearer.Hear(now, int(number), m.batches)
	}
	return s.face.Publish(s.ctx, int(number), "ami/v1/"+string(s.senders[number].ID)+"/"+m.topic, m.payload)
}

// say tells the truth of an event and hands it over, by what the channel does to events.
func (s *Simulation) say(number int32, h *Happening, fate Fate) error {
	s.counts.Events++
	channel, later := &s.scenario.Events, time.Duration(0)
	key := mix2(mixText(s.scenario.Seed^0x6576656e74, string(h.Device)), uint64(s.counts.Events))
	if h.UsagePoint != "" && !h.MadeUp && s.mute(h) {
		fate = FateLost
	}
	if fate != FateLost && h.UsagePoint != "" {
		kept := h.Event == headend.EventPowerDown || h.Event == headend.EventPowerFailure // see Scenario.Events
		switch u := unit(mix(key)); {
		case !kept && u < channel.Loss:
			fate = FateLost
		case u >= channel.Loss && u < channel.Loss+channel.Late:
			fate, later = FateLate, channel.LateUpTo.draw(mix(key^1))
		case unit(mix(key^2)) < channel.Reorder:
			later = time.Duration(unit(mix(key^3)) * float64(time.Minute))
		}
	}
	h.Said = s.now.Add(later)
	if err := s.truth.Happened(h, fate); err != nil || fate == FateLost {
		return err
	}
	m := s.tell(&s.senders[number], h)
	if h.UsagePoint != "" && unit(mix(key^4)) < channel.Duplicate {
		s.transmit(number, m, s.now.Add(later+time.Duration(unit(mix(key^5))*float64(10*time.Minute))))
	}
	if later > 0 {
		s.transmit(number, m, s.now.Add(later))
		return nil
	}
	return s.hand(number, m, s.now)
}

// mute tells whether a firmware push keeps the meter from saying it. Entries of logs are read until they are there.
func (s *Simulation) mute(h *Happening) bool {
	return h.Event != headend.EventPowerFailure && s.silenced[h.Device] > 0
}

// tell is the message about an event.
func (s *Simulation) tell(x *sender, h *Happening) message {
	if s.hearer != nil {
		b := s.batch(x, h.Device)
		b.Events = []headend.Event{h.event()}
		return message{topic: "events", batches: []headend.Batch{b}}
	}
	return message{topic: "events", payload: x.appendEvent(nil, h)}
}

// appendEvent appends one event as the native format has it.
func (x *sender) appendEvent(b []byte, h *Happening) []byte {
	b = append(b, '{')
	if h.Device != x.ID {
		b = append(append(append(b, `"device":"`...), h.Device...), `",`...)
	}
	b = append(b, `"time":"`...)
	b = h.Time.UTC().AppendFormat(b, time.RFC3339)
	b = append(append(append(b, `","event":"`...), h.Event...), '"')
	if h.Seq >= 0 {
		b = strconv.AppendInt(append(b, `,"seq":`...), h.Seq, 10)
	}
	if h.Duration > 0 {
		b = strconv.AppendFloat(append(b, `,"duration_s":`...), h.Duration.Seconds(), 'f', -1, 64)
	}
	if h.Phases != 0 {
		b = append(append(append(b, `,"phases":"`...), h.Phases.String()...), '"')
	}
	if !h.Former.IsZero() {
		b = append(h.Former.UTC().AppendFormat(append(b, `,"former":"`...), time.RFC3339), '"')
	}
	return append(b, '}')
}

// nobody is told nothing.
type nobody struct{}

func (nobody) Reading(*Measurement, Fate) error { return nil }
func (nobody) Happened(*Happening, Fate) error  { return nil }
func (nobody) Interrupted(Interruption) error   { return nil }
func (nobody) Damaged(Damage) error             { return nil }
