package modbus

import (
	"bytes"
	"container/heap"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"lastgasp/headend"
)

// line is one connection and the units behind it. As many goroutines as the window is wide take polls from it,
// one where the profiles say nothing; none belongs to a unit.
type line struct {
	d       *Driver
	key     string
	address Address
	window  int
	link    link
	wake    chan struct{}
	working sync.WaitGroup

	mu       sync.Mutex         // guards what follows, and the units
	cancel   context.CancelFunc // nil before start
	units    map[headend.DeviceID]*unit
	waiting  pollHeap
	ready    pollHeap
	jobs     []*job
	stopped  bool
	retryAt  time.Time     // no connection is tried before; zero while there is one
	pause    time.Duration // until the next try
	budget   time.Duration // of the line's time, what probing dead units may take from their neighbours
	budgetAt time.Time
	results  []*result // made while the lock was held, delivered without it
}

// job is something to do on the line between two polls.
type job struct {
	run  func(ctx context.Context, m *master) error
	done chan error // takes one
}

// lonelyProbe is the longest pause between probes of a dead unit that has no living neighbour.
const lonelyProbe = 10 * time.Second

// probeShare is the part of a line's time that probes may take from living neighbours, at most probeSaved of it
// at once.
const (
	probeShare = 20 // one in
	probeSaved = 3 * time.Second
)

func newLine(d *Driver, a Address, window int) *line {
	a.Unit = NoUnit
	return &line{d: d, key: a.line(), address: a, window: window, wake: make(chan struct{}, window), units: map[headend.DeviceID]*unit{},
		ready: pollHeap{ready: true}, link: newLink(a, d.dialer, window, d.config.ConnectTimeout, &d.counts)}
}

// set says which units are behind the line. Those that were there before keep their state and times.
func (l *line) set(units map[headend.DeviceID]*unit, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, u := range l.units {
		if units[id] != u {
			u.gone = true
			if u.dead {
				l.d.counts.dead.Add(-1)
			}
		}
	}
	for id, u := range units {
		if l.units[id] == u {
			continue
		}
		for _, p := range u.polls {
			p.due = p.next(now)
			heap.Push(&l.waiting, p)
		}
	}
	l.units = units
	l.poke()
}

// poke wakes the goroutines that wait. The lock is held.
func (l *line) poke() {
	for range l.window {
		select {
		case l.wake <- struct{}{}:
		default:
			return
		}
	}
}

func (l *line) start(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	l.mu.Lock()
	l.cancel = cancel
	l.mu.Unlock()
	interrupting := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		l.link.interrupt()
		close(interrupting)
	})
	var workers sync.WaitGroup
	for range l.window {
		workers.Go(func() { l.work(ctx) })
	}
	l.working.Go(func() {
		workers.Wait()
		if !stop() {
			<-interrupting
		}
		l.link.close()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.stopped = true
		for _, j := range l.jobs {
			j.done <- &RequestError{Fault: FaultStopped}
		}
		l.jobs = nil
	})
}

// stop ends the line and waits for it. It may not have been started.
func (l *line) stop() {
	l.mu.Lock()
	cancel := l.cancel
	l.mu.Unlock()
	if cancel != nil {
		cancel()
		l.working.Wait()
	}
}

func (l *line) work(ctx context.Context) {
	m := newMaster(l.link, l.address.Transport)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		p, j, results, wait := l.next(time.Now())
		for _, r := range results {
			l.d.deliver(ctx, r)
		}
		switch {
		case j != nil:
			j.done <- j.run(ctx, m)
		case p != nil:
			l.poll(ctx, m, p)
		default:
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-l.wake:
			case <-ctx.Done():
			}
		}
	}
}

// next takes what is to be done now: a job, or the poll that has the least time left. Without either it says how
// long there is nothing to do.
func (l *line) next(now time.Time) (*poll, *job, []*result, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { l.results = nil }()
	if len(l.jobs) > 0 {
		j := l.jobs[0]
		l.jobs = l.jobs[1:]
		return nil, j, l.results, 0
	}
	for l.waiting.Len() > 0 && !l.waiting.polls[0].due.After(now) {
		heap.Push(&l.ready, heap.Pop(&l.waiting))
	}
	for l.ready.Len() > 0 {
		p := heap.Pop(&l.ready).(*poll)
		if p.unit.gone {
			continue
		}
		if late := now.Sub(p.due); late >= p.interval {
			skipped := late / p.interval
			l.d.counts.missed[MissOverrun].Add(uint64(skipped))
			p.due = p.due.Add(skipped * p.interval)
		}
		switch {
		case now.Before(l.retryAt):
			l.miss(p, MissConnect, now, FaultConnect.String())
		case p.unit.dead && !l.mayProbe(p, now):
			l.miss(p, MissDead, now, "dead")
		default:
			return p, nil, l.results, 0
		}
		l.again(p, now)
	}
	wait := time.Hour
	if l.waiting.Len() > 0 {
		wait = l.waiting.polls[0].due.Sub(now)
	}
	return nil, nil, l.results, wait
}

// again queues a poll for its next turn, on its grid however long this one took.
func (l *line) again(p *poll, now time.Time) {
	if p.unit.gone {
		return
	}
	if !p.turn.IsZero() {
		p.due, p.turn = p.turn, time.Time{}
	}
	p.due = p.due.Add(p.interval)
	if p.due.Before(now.Add(-p.interval)) || p.due.After(now.Add(2*p.interval)) { // the clock was set
		p.due = p.next(now)
	}
	heap.Push(&l.waiting, p)
}

// miss counts a poll that brought nothing.
func (l *line) miss(p *poll, why Miss, now time.Time, fault string) {
	l.d.counts.missed[why].Add(1)
	var r *result
	for i := range p.unit.profile.Registers {
		reg := &p.unit.profile.Registers[i]
		if reg.Role != State || reg.Group != p.group {
			continue
		}
		if e, ok := p.unit.miss(i, stamp(now), fault); ok {
			if r == nil {
				r = l.d.result()
				r.batch = headend.Batch{Device: p.unit.device.ID, Received: stamp(now), Source: headend.Source{Protocol: "modbus", Address: p.unit.address.String()}}
			}
			r.events = append(r.events, e)
		}
	}
	if r != nil {
		l.results = append(l.results, r)
	}
}

// stamp is a time as it is stored.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// mayProbe decides whether a dead unit is asked now. A probe may hold the line for a whole timeout, so it goes out
// in a gap that is long enough, or else on the share of the line's time that is set aside for it.
func (l *line) mayProbe(p *poll, now time.Time) bool {
	u := p.unit
	if now.Before(u.probeAt) {
		return false
	}
	if l.budgetAt.IsZero() {
		l.budgetAt = now
	}
	l.budget = min(l.budget+now.Sub(l.budgetAt)/probeShare, probeSaved)
	l.budgetAt = now
	cost := u.timeout()
	if l.slack(now) >= cost {
		return true
	}
	p.charged = l.budget >= min(cost, probeSaved)
	return p.charged
}

// slack is how long no living unit needs the line.
func (l *line) slack(now time.Time) time.Duration {
	least := time.Hour
	for _, p := range l.ready.polls {
		if !p.unit.dead && !p.unit.gone {
			return 0
		}
	}
	for _, p := range l.waiting.polls {
		if !p.unit.dead && !p.unit.gone {
			least = min(least, p.due.Sub(now))
		}
	}
	return least
}

// poll asks for one group of a unit and delivers what it says.
func (l *line) poll(ctx context.Context, m *master, p *poll) {
	u := p.unit
	r := l.d.result()
	began := time.Now()
	l.mu.Lock()
	timeout, found := u.timeout(), u.found
	l.mu.Unlock()
	if !found {
		base, err := locate(ctx, m, u.id, u.profile, timeout)
		if err != nil {
			r.outcome.reset(0)
			r.outcome.err = classify(err)
			r.outcome.alive = r.outcome.err.answered() || r.outcome.err.Fault == FaultDiscovery
			l.d.counts.failed[r.outcome.err.Fault].Add(1)
		} else {
			l.mu.Lock()
			u.base, u.found, found = base, true, true
			for _, other := range u.polls {
				other.replan()
			}
			l.mu.Unlock()
		}
	}
	l.mu.Lock()
	pl, source := p.plan, p.source
	l.mu.Unlock()
	if found {
		ask(ctx, m, u.id, pl, timeout, &r.outcome, &l.d.counts)
		r.outcome.time = stamp(r.outcome.time)
		decode(u.profile, pl, &r.outcome, p.stuck(&r.outcome, &l.d.counts), &r.decoded)
	}
	now := time.Now()
	l.mu.Lock()
	if p.charged { // with the time it took, which is little where the unit is back or a gateway answers for it
		l.budget -= now.Sub(began)
		p.charged = false
	}
	if l.finish(p, r, now) {
		heap.Push(&l.waiting, p)
	} else {
		l.again(p, now)
	}
	results := l.results
	l.results = nil
	l.mu.Unlock()
	for _, other := range results {
		l.d.deliver(ctx, other)
	}
	if len(r.decoded.readings) == 0 && len(r.events) == 0 && r.refusal == nil {
		l.d.release(r)
		return
	}
	if found && r.outcome.answered < len(pl.requests) {
		source = u.address.String() + " " + ranges(pl.requests, r.outcome.at)
	}
	r.batch = headend.Batch{Device: u.device.ID, Received: r.outcome.time, Source: headend.Source{Protocol: "modbus", Address: source}, Raw: r.outcome.raw}
	l.d.deliver(ctx, r)
}

// stuck tells what is to be said against values of which not one bit has changed for long.
func (p *poll) stuck(o *outcome, c *counts) headend.Quality {
	limit := p.unit.profile.Groups[p.group].Stuck
	if limit == 0 || o.answered == 0 {
		return 0
	}
	if !bytes.Equal(p.last, o.raw) {
		p.last, p.same = append(p.last[:0], o.raw...), 1
		return 0
	}
	if p.same++; p.same < limit {
		return 0
	}
	c.stuck.Add(1)
	return headend.QualityUncertain
}

// asideEvery is the shortest time between two polls of a group that are kept in quarantine: each energy register of a
// quarter of an hour is, and a profile that does not fit at all does not fill the database.
const asideEvery = 10 * time.Minute

// setAside tells why a poll is kept in quarantine beside what could be stored of it, or nil. A total below zero, or
// a number beyond what can be stored, is no measured value but one read in the wrong way; with its bytes kept,
// it can be read again with another profile.
func (p *poll) setAside(d *decoded, now time.Time) *headend.Refusal {
	if d.impossible == nil || now.Sub(p.aside) < asideEvery {
		return nil
	}
	p.aside = now
	return refusalOf(p.unit.profile, d)
}

// finish draws the conclusions of a poll: about the line, the unit, its plan and its states. It tells whether the poll is up for its second try.
func (l *line) finish(p *poll, r *result, now time.Time) (second bool) {
	u, o := p.unit, &r.outcome
	if o.err != nil && o.err.Fault == FaultStopped {
		r.decoded.clear()
		return false
	}
	if o.err != nil && o.err.Fault == FaultConnect {
		if l.pause == 0 {
			l.d.log.Warn("no connection; its devices are not polled until there is one", "line", l.key, "error", o.err)
		}
		l.unreachable(now)
		l.miss(p, MissFailed, now, FaultConnect.String())
		r.decoded.clear()
		return false
	}
	if l.pause > 0 {
		l.d.log.Info("connected again", "line", l.key)
	}
	l.retryAt, l.pause = time.Time{}, 0
	switch {
	case o.alive:
		l.living(u, o, now)
	case o.err == nil || !o.err.innocent:
		l.silent(u, o, now)
	}
	if r.decoded.moved || o.refused && u.profile.SunSpec != nil {
		u.found = false
	}
	if o.refused && p.plan != nil && p.plan.bridged && p.gap > 0 {
		p.gap = 0 // it does not like being asked for registers it does not have
		p.replan()
		l.d.counts.unbridged.Add(1)
	}
	if o.answered == 0 {
		why := "refused"
		if o.err != nil {
			why = o.err.Fault.String()
		}
		if second = !o.refused && p.second(now); !second {
			l.miss(p, MissFailed, now, why)
		}
		r.decoded.clear()
		return second
	}
	l.d.counts.polls.Add(1)
	r.refusal = p.setAside(&r.decoded, now)
	for absence, n := range r.decoded.absent {
		if n > 0 {
			l.d.counts.absent[absence].Add(uint64(n))
		}
	}
	for _, s := range r.decoded.states {
		var e headend.Event
		var ok bool
		if s.read {
			e, ok = u.observe(s, o.time)
		} else {
			e, ok = u.miss(s.register, o.time, NotRead.String())
		}
		if ok {
			r.events = append(r.events, e)
		}
	}
	return false
}

// unreachable puts off the next try to connect.
func (l *line) unreachable(now time.Time) {
	l.pause = min(max(2*l.pause, l.d.config.Reconnect), l.d.config.ReconnectMost)
	l.retryAt = now.Add(l.pause*3/4 + rand.N(l.pause/2)) // lines that failed together do not come back together
}

// living records that a unit spoke. When it is the first of a line that was dead altogether, the others are
// tried at once: it was the line, not they.
func (l *line) living(u *unit, o *outcome, now time.Time) {
	u.slowest = max(o.slowest, u.slowest*7/8)
	u.failures, u.probes, u.pause = 0, 0, 0
	if !u.dead {
		return
	}
	whole := l.allDead()
	u.dead = false
	l.d.counts.dead.Add(-1)
	l.d.log.Info("answers again", "device", u.device.ID, "address", u.address.String())
	if !whole {
		return
	}
	for _, other := range l.units {
		other.probeAt = now
	}
}

func (l *line) allDead() bool {
	for _, u := range l.units {
		if !u.dead {
			return false
		}
	}
	return true
}

// silent records that a unit did not speak.
func (l *line) silent(u *unit, o *outcome, now time.Time) {
	u.failures++
	if u.failures < deadAfter || u.gone {
		return
	}
	if !u.dead {
		u.dead = true
		l.d.counts.dead.Add(1)
		l.d.log.Info("does not answer; it is only probed from now on", "device", u.device.ID, "address", u.address.String(), "error", o.err)
	}
	u.probes++
	longest := l.d.config.ProbeMost
	if l.allDead() {
		longest = min(longest, lonelyProbe)
	}
	u.pause = min(max(2*u.pause, l.d.config.Probe), longest)
	u.probeAt = now.Add(u.pause)
}

// do runs a job on the line, in a goroutine of the line.
func (l *line) do(ctx context.Context, run func(ctx context.Context, m *master) error) error {
	j := &job{run: run, done: make(chan error, 1)}
	l.mu.Lock()
	if l.stopped || l.cancel == nil {
		l.mu.Unlock()
		return &RequestError{Fault: FaultStopped}
	}
	l.jobs = append(l.jobs, j)
	l.poke()
	l.mu.Unlock()
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
