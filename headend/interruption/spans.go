package interruption

import (
	"slices"

	"lastgasp/headend"
)

// Basis is what an edge of an interruption rests on.
type Basis uint8

// What edges rest on, best first. The numbers are those the ledger is stored with.
const (
	ByLog       = Basis(headend.ByLog)       // the meter's own power-failure log
	ByDevice    = Basis(headend.ByDevice)    // a last gasp or power-up with the device's time
	ByBreaker   = Basis(headend.ByBreaker)   // position of a breaker, voltage at an RTU
	ByArrival   = Basis(headend.ByArrival)   // when a message without a usable time came in, a gasp less the hold time
	ByNeighbour = Basis(headend.ByNeighbour) // what others behind the same node show
	ByLifeSign  = Basis(headend.ByLifeSign)  // not after the first sign of life
	ByNothing   = Basis(headend.ByNothing)   // not known
)

var basisNames = [...]string{"", "log", "device time", "breaker", "arrival", "neighbours", "sign of life", "not known"}

// String is the basis in words.
func (b Basis) String() string { return basisNames[b] }

// stretch is a time without supply as the evidence of one usage point, gateway or node shows it.
type stretch struct {
	start   moment // unknown: only lo and hi are known
	lo, hi  moment // bounds of the start
	end     moment // open: not known
	bound   moment // first sign of life after it; open: none
	phases  headend.Phases
	startBy Basis
	endBy   Basis
	gasps   int16
	truth   bool   // from the log
	up      bool   // a power-up belongs to it
	absent  bool   // no voltage was measured
	denied  bool   // log or counter say that it was not
	again   bool   // bound is the next loss: that it was back before is all that is known
	next    moment // of a repeat that may be another loss; 0: there is none
}

// exactEnd tells whether somebody said when it ended.
func (s *stretch) exactEnd() bool { return s.end != open && s.endBy != ByLifeSign }

// covers tells whether the point is dark at m by its own evidence.
func (s *stretch) covers(m moment) bool {
	from := s.start
	if from == unknown {
		from = s.hi
	}
	return !s.denied && from < m && m < min(s.end, s.bound)
}

// said is an event at its corrected time.
type said struct {
	event
	m moment
}

// subject is whose events are read: a usage point with signs of life, or a gateway without.
type subject struct {
	d     *Detector
	point PointNo // NoPoint for a gateway
	lives *lives
	runs  []run
	dims  []dim
	clock clock // of the meter: signs of life are kept as it showed them
}

// shown is what the meter's clock showed at a true time.
func (s *subject) shown(m moment) moment {
	if len(s.clock) == 0 || m == unknown || m == open {
		return m
	}
	return m + s.clock.ahead(m+s.clock.ahead(m))
}

// lifeBefore and lifeAfter ask for signs of life, in true time.
func (s *subject) lifeBefore(m moment) moment {
	if s.lives == nil {
		return unknown
	}
	found := s.lives.before(s.shown(m), s.runs)
	if found == unknown || len(s.clock) == 0 {
		return found
	}
	return min(s.clock.correct(found), m)
}

// lifeAfter is the middle of the first minute, wholly after m, with a sign of life.
func (s *subject) lifeAfter(m moment) moment {
	if s.lives == nil {
		return open
	}
	found := s.lives.after(s.shown(m), s.runs)
	if found == open || len(s.clock) == 0 {
		return found.plus(halfMinute)
	}
	return max(s.clock.correct(found), m) + halfMinute
}

// alive tells of a sign of life wholly between the moments.
func (s *subject) alive(from, to moment) bool {
	life := s.lifeAfter(from)
	return life < open && life+minute <= to
}

func (d *Detector) subjectOf(p PointNo, m moment) subject {
	r := &d.records[p]
	s := subject{d: d, point: p, lives: &r.lives}
	if r.dossier != nil {
		s.runs, s.dims = r.dossier.runs, r.dossier.dims
	}
	if len(d.clocks) > 0 {
		s.clock = d.clocks[d.net.meterAt(p, m)]
	}
	return s
}

// stretches is what a subject's events say, in order of time.
func (s *subject) stretches(events []event) ([]stretch, []period) {
	list := s.correct(events)
	truth := s.logged(list)
	out := s.gasped(list, truth)
	out = append(out, truth...) // after: gasps and power-ups have been added to them
	out = append(out, s.phased(list, truth)...)
	sound := s.quiet(list)
	deny(out, sound)
	if len(out) > 1 {
		slices.SortStableFunc(out, func(a, b stretch) int { return compare(a.edge(), b.edge()) })
	}
	return out, sound
}

// edge is where a stretch stands in time.
func (s *stretch) edge() moment {
	if s.start == unknown {
		return s.hi
	}
	return s.start
}

// correct drops what is about work or made up, corrects the clocks and puts gasps that came late before the power-ups
// that have higher numbers.
func (s *subject) correct(events []event) []said {
	list := make([]said, 0, len(events))
	if len(s.dims) > 0 {
		list = s.spoken(s.dims)
	}
	for _, e := range events {
		m := e.at
		if e.flags&flagArrival == 0 && len(s.d.clocks) > 0 {
			m = s.d.clocks[e.device].correct(m)
		}
		if s.point != NoPoint && (s.d.suppressed(s.point, e.kind, m) || e.kind == PowerDown && s.d.madeUp(&e, m)) {
			continue
		}
		list = append(list, said{e, m})
	}
	if s.point != NoPoint {
		list = s.dropRelay(list)
	}
	for i := range list {
		g := &list[i]
		if g.kind != PowerDown || g.flags&flagArrival == 0 || g.seq == headend.NoSeq {
			continue
		}
		for k := range list {
			if up := &list[k]; up.kind == PowerUp && up.device == g.device && up.seq > g.seq && up.m <= g.m {
				g.m = up.m - 1
			}
		}
	}
	slices.SortStableFunc(list, func(a, b said) int {
		if a.m != b.m {
			return compare(a.m, b.m)
		}
		return compareEvents(a.event, b.event)
	})
	return list
}

// dropRelay takes out what a meter says within the margin around a movement of the customer's relay.
func (s *subject) dropRelay(list []said) []said {
	if !slices.ContainsFunc(list, func(e said) bool { return e.kind == RelayMoved }) {
		return list
	}
	margin := span(s.d.settings.Margin)
	return slices.DeleteFunc(list, func(e said) bool {
		return (e.kind == PowerDown || e.kind == PowerUp) && slices.ContainsFunc(list, func(r said) bool {
			return r.kind == RelayMoved && r.m-margin <= e.m && e.m <= r.m+margin
		})
	})
}

// madeUp tells whether a gateway sent a gasp for a meter it did not hear: it says so, it is known for it, or the gasp
// carries no number of the meter and the gateway lost its own supply at that time (case 15).
func (d *Detector) madeUp(e *event, m moment) bool {
	if e.flags&flagMadeUp != 0 {
		return true
	}
	if e.gateway == NoDevice || e.gateway == e.device {
		return false
	}
	makes := d.net.devices[e.gateway].makesUp
	if !makes && e.seq != headend.NoSeq {
		return false
	}
	dos := d.said[e.gateway]
	if dos == nil {
		return false
	}
	near := span(d.settings.Hold + d.settings.Tolerance + d.settings.Margin)
	return slices.ContainsFunc(dos.events, func(g event) bool {
		return g.kind == PowerDown && m-near <= g.at && g.at <= m+near
	})
}

// logged is the truth of the meter's own log; overlapping and touching entries are one.
func (s *subject) logged(list []said) []stretch {
	var out []stretch
	for i := range list {
		e := &list[i]
		if e.kind != PowerFailure {
			continue
		}
		end := e.m
		if e.flags&flagArrival != 0 { // the clock is not to be trusted: its length is, where it ended others must say
			if end = s.soleUp(list); end == unknown {
				continue
			}
		}
		out = append(out, stretch{start: end - moment(e.value), end: end, bound: open, startBy: ByLog, endBy: ByLog, truth: true, phases: e.phases})
	}
	slices.SortFunc(out, func(a, b stretch) int { return compare(a.start, b.start) })
	merged := out[:0]
	for _, x := range out {
		if k := len(merged); k > 0 && x.start <= merged[k-1].end {
			merged[k-1].end = max(merged[k-1].end, x.end)
			continue
		}
		merged = append(merged, x)
	}
	for i := range merged {
		merged[i].lo, merged[i].hi = merged[i].start, merged[i].start
	}
	return merged
}

// soleUp is the time of the only power-up there is.
func (s *subject) soleUp(list []said) moment {
	found := unknown
	for i := range list {
		if list[i].kind == PowerUp {
			if found != unknown {
				return unknown
			}
			found = list[i].m
		}
	}
	return found
}

// near finds the log entry an event belongs to: it lies in it or beside it.
func near(truth []stretch, m, before, after moment) *stretch {
	for i := range truth {
		if truth[i].start-before <= m && m <= truth[i].end+after {
			return &truth[i]
		}
	}
	return nil
}

// gasped pairs last gasps with power-ups and signs of life. What belongs to a log entry only adds to it.
func (s *subject) gasped(list []said, truth []stretch) []stretch {
	var out []stretch
	var dark *stretch // the one that has not ended, the last of out
	lastDark := unknown
	var gasp *said // that was the last
	margin, tolerance, repeat := span(s.d.settings.Margin), span(s.d.settings.Tolerance), span(s.d.settings.Repeat)
	revive := func(before, room moment) { // a sign of life ends it
		if dark == nil {
			return
		}
		if life := s.lifeAfter(lastDark + margin); life < open && life+room <= before {
			dark.bound, dark = life, nil
		}
	}
	begin := func(x stretch) {
		out = append(out, x)
		dark = &out[len(out)-1]
	}
	for i := range list {
		e := &list[i]
		arrival := e.flags&flagArrival != 0
		switch e.kind {
		case PowerDown:
			late := tolerance
			if arrival {
				late = repeat
			}
			if x := near(truth, e.m, tolerance, late); x != nil {
				x.gasps++
				continue
			}
			revive(e.m, halfMinute)
			if dark != nil && s.another(gasp, e) {
				dark.bound, dark.again, dark = e.m, true, nil
			}
			gasp = e
			if dark != nil {
				if !arrival && dark.startBy == ByDevice && e.m-dark.start > tolerance && dark.next == 0 {
					dark.next = e.m
				}
				dark.gasps++
				lastDark = e.m
				if !arrival {
					dark.begun(e.m, tolerance)
				}
				if !arrival && dark.startBy == ByArrival {
					dark.startBy = ByDevice
				}
				continue
			}
			if k := len(out); k > 0 && arrival && e.m-min(out[k-1].end, out[k-1].bound) < repeat && s.echo(list[i+1:], e.m) {
				out[k-1].gasps++ // came after the restoration it belongs to
				continue
			}
			x := stretch{start: e.m, lo: e.m - tolerance, hi: e.m + tolerance, end: open, bound: open, startBy: ByDevice, endBy: ByNothing, gasps: 1}
			if arrival {
				x.startBy, x.lo = ByArrival, max(e.m-repeat, s.lifeBefore(e.m))
			}
			begin(x)
			lastDark = e.m
		case SupplyAbsent:
			if e.phases != 0 && s.point != NoPoint && e.phases != s.d.net.points[s.point].phases || near(truth, e.m, tolerance+moment(e.value), tolerance) != nil {
				continue
			}
			if s.alive(e.m-minute, e.m+minute) {
				continue // the same minute says both: a sign of life is a veto
			}
			revive(e.m, halfMinute)
			if k := len(out) - 1; dark == nil && k >= 0 && out[k].up && e.m <= out[k].end && out[k].end < e.m+moment(e.value) {
				continue // it came back within the minute of the reading
			}
			lastDark = e.m
			exact := e.value == 0 && e.seq != headend.NoSeq && !arrival
			if dark != nil {
				dark.absent = true
				if exact {
					dark.begun(e.m, tolerance)
				}
				continue
			}
			if exact {
				begin(stretch{start: e.m, lo: e.m - tolerance, hi: e.m + tolerance, end: open, bound: open, startBy: ByDevice, endBy: ByNothing, absent: true})
				continue
			}
			begin(stretch{start: unknown, lo: s.lifeBefore(e.m), hi: e.m + moment(e.value), end: open, bound: open, startBy: ByNothing, endBy: ByNothing, absent: true})
		case PowerUp, SupplyPresent:
			if e.kind == SupplyPresent && dark == nil {
				continue // that it is there, not that it was away
			}
			if x := near(truth, e.m, tolerance, margin+tolerance); x != nil {
				x.up = true
				if dark == nil {
					continue
				}
			}
			revive(e.m, margin) // a reading beside the power-up is part of the same return
			by := ByDevice
			if arrival {
				by = ByArrival
			}
			if dark != nil {
				dark.end, dark.endBy, dark.up, dark = e.m, by, true, nil
				continue
			}
			if near(truth, e.m, tolerance, margin+tolerance) != nil {
				continue
			}
			if k := len(out); k > 0 && out[k-1].up && e.m-out[k-1].end < margin+tolerance {
				continue // said again
			}
			lo := s.lifeBefore(e.m - 1000) // not of the power-up itself
			if k := len(out); k > 0 && out[k-1].end < open {
				lo = max(lo, out[k-1].end)
			}
			out = append(out, stretch{start: unknown, lo: lo, hi: e.m, end: e.m, bound: open, startBy: ByNothing, endBy: by, up: true})
		}
	}
	if dark != nil {
		dark.bound = s.lifeAfter(lastDark + margin)
	}
	return out
}

// begun gives a stretch that a reading began, somewhere in its minute, the time the device says.
func (s *stretch) begun(m, tolerance moment) {
	if s.start == unknown && s.absent && m <= s.hi {
		s.start, s.lo, s.hi, s.startBy = m, m-tolerance, m+tolerance, ByDevice
	}
}

// another tells whether a gasp is of another loss than the one before it: the device timed and numbered both, and they
// differ in both. Of those without numbers neighbours must tell.
func (s *subject) another(before, g *said) bool {
	const timed = flagArrival
	return before != nil && before.device == g.device && (before.flags|g.flags)&timed == 0 && before.seq != headend.NoSeq && g.seq != headend.NoSeq &&
		before.seq != g.seq && g.m-before.m > span(s.d.settings.Tolerance)
}

// echo tells that nothing but signs of life follows a gasp without a time: no power-up before them.
func (s *subject) echo(rest []said, m moment) bool {
	life := s.lifeAfter(m + span(s.d.settings.Margin))
	for i := range rest {
		if rest[i].kind == PowerUp && rest[i].m < life {
			return false
		}
	}
	return life < open
}

// phased is the time one or two of three phases were gone. A power-up after a loss of all begins anew: what is still
// gone is said again.
func (s *subject) phased(list []said, truth []stretch) []stretch {
	var out []stretch
	if s.point == NoPoint {
		return nil
	}
	has := s.d.net.points[s.point].phases
	var gone, all headend.Phases
	var since, last moment
	shut := func(m moment, by Basis, up bool) {
		if gone == 0 {
			return
		}
		phases := all
		if all == has {
			phases = 0
		}
		out = append(out, stretch{start: since, lo: since - span(s.d.settings.Tolerance), hi: since + span(s.d.settings.Tolerance), end: m, bound: open,
			startBy: ByDevice, endBy: by, phases: phases, gasps: 1, up: up})
		gone, all = 0, 0
	}
	back := func(before moment) { // a voltage measured later ends it
		if gone == 0 {
			return
		}
		if m := s.measured(gone, last+span(s.d.settings.Margin), before); m < open {
			shut(m, ByLifeSign, true)
		}
	}
	for i := range list {
		e := &list[i]
		switch e.kind {
		case PhaseLost:
			back(e.m)
			if near(truth, e.m, 0, 0) != nil || e.phases == 0 {
				continue
			}
			if gone == 0 {
				since = e.m
			}
			gone |= e.phases
			all |= e.phases
			last = e.m
		case PhaseBack:
			back(e.m)
			if e.phases == 0 {
				e.phases = gone
			}
			if gone &= ^e.phases; gone == 0 && all != 0 {
				gone = all
				shut(e.m, ByDevice, true)
			}
		case PowerUp:
			back(e.m)
			shut(e.m, ByDevice, true)
		}
	}
	back(open)
	shut(open, ByNothing, false)
	return out
}

// deny marks what the whole log, or an unmoved counter, does not know of. The truth is never denied.
func deny(out []stretch, quiet []period) {
	for i := range out {
		x := &out[i]
		if x.truth || x.phases != 0 {
			continue
		}
		begin, end := x.start, min(x.end, x.bound)
		if begin == unknown {
			begin = x.lo
		}
		for _, q := range quiet {
			if begin != unknown && q.from <= begin && end <= q.to {
				x.denied = true
			}
		}
	}
}

// period is a time of which it is known that there was no failure but those in the log.
type period struct{ from, to moment }

func (s *subject) quiet(list []said) []period {
	var out []period
	var former *said
	for i := range list {
		e := &list[i]
		switch e.kind {
		case LogRead:
			out = append(out, period{e.m - moment(e.value), e.m})
		case FailureCount:
			if former != nil && former.device == e.device && former.value == e.value {
				out = append(out, period{former.m, e.m})
			}
			former = e
		}
	}
	return out
}

// knowsNothing tells whether the meter's log or counter speaks for the time from m to end and shows nothing there.
func (d *Detector) knowsNothing(p PointNo, m, end moment) bool {
	for _, q := range d.workedOut(p).sound {
		if q.from <= m && end <= q.to {
			return true
		}
	}
	return false
}
