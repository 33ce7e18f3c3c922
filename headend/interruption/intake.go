package interruption

import "lastgasp/headend"

// Observe takes a piece of evidence into the set. It derives nothing: Advance does.
func (d *Detector) Observe(e *Evidence) Verdict {
	v := d.observe(e)
	if v != Taken && v != Repeated {
		d.refused[v]++
	}
	return v
}

// Refused counts evidence that was not taken, by the reason.
func (d *Detector) Refused(v Verdict) int { return d.refused[v] }

func (d *Detector) observe(e *Evidence) Verdict {
	if e.Kind < LifeSign || e.Kind > FaultPassage || e.Device < 0 || int(e.Device) >= len(d.net.devices) {
		return Nonsense
	}
	made, m, ok := d.file(e)
	if !ok {
		return Nonsense
	}
	if m < d.floor {
		return TooOld
	}
	if e.Kind == ClockSync {
		return d.sync(e, m)
	}
	p, v := d.net.placeAt(e.Device, m)
	if e.Kind == LinkLost || e.Kind == LinkBack {
		return d.link(made, v)
	}
	switch {
	case p != NoPoint:
		return d.observePoint(p, made, m)
	case v != NoNode && d.net.devices[e.Device].kind == headend.KindGateway:
		if e.Kind != PowerDown && e.Kind != PowerUp {
			return Taken // heard: nothing about supply that its gasps do not say
		}
		verdict := put(d.said, e.Device, made, d.settings.MaxEvents)
		if verdict == Taken {
			d.epoch++
			d.stirBehind(e.Device, v, m-quiet)
		}
		return verdict
	case v != NoNode:
		if e.Kind == LifeSign {
			return Taken // of the device, not of the supply
		}
		if m < d.parts[d.net.nodes[v].component].since {
			return TooOld
		}
		verdict := put(d.saidAt, v, made, d.settings.MaxEvents)
		if verdict == Taken {
			d.stir(d.net.nodes[v].component, urgent, m-quiet)
		}
		return verdict
	}
	return Unplaced
}

// file is the event that is kept of a piece of evidence, and the time it counts at.
func (d *Detector) file(e *Evidence) (event, moment, bool) {
	made := event{at: moment(e.Time.UnixMilli()), seq: e.Seq, value: e.Duration.Milliseconds(), device: e.Device, gateway: e.Gateway, kind: e.Kind, phases: e.Phases}
	if e.Time.IsZero() || e.Quality&(headend.QualityReceivedTime|headend.QualityClockDoubtful) != 0 {
		made.flags |= flagArrival
		made.at = moment(e.Received.UnixMilli())
		if e.Kind == PowerDown {
			made.at -= span(d.settings.Hold)
		}
	}
	switch e.Kind {
	case FailureCount, ShortCount:
		made.value = e.Count
	case PowerFailure, LogRead:
		if e.Duration < 0 || e.Kind == PowerFailure && e.Duration == 0 {
			return made, 0, false
		}
	}
	if e.MadeUp {
		made.flags |= flagMadeUp
	}
	return made, made.at, made.at > 0
}

func put[K comparable](m map[K]*dossier, key K, e event, most int) Verdict {
	dos := m[key]
	if dos == nil {
		dos = &dossier{}
		m[key] = dos
	}
	return dos.add(e, most)
}

func (d *Detector) sync(e *Evidence, m moment) Verdict {
	c := d.clocks[e.Device]
	if !c.add(sync{m, span(e.Duration), e.Count == 1}) {
		return Repeated
	}
	d.clocks[e.Device] = c
	p, v := d.net.placeAt(e.Device, m)
	if p != NoPoint {
		v = d.net.nodeAt(p, m)
		if dos := d.records[p].dossier; d.net.devices[e.Device].versions {
			d.epoch++ // it may have been elsewhere
		} else if dos != nil {
			dos.epoch = 0
		}
	}
	if v == NoNode {
		return Taken
	}
	// It says where the clock was since the sync before.
	from := c.before(m)
	if l := d.parts[d.net.nodes[v].component].ledger; l != nil && (from == unknown || l.span.to >= from-12*60*minute) {
		d.stir(d.net.nodes[v].component, stirred, from.plus(-quiet))
	}
	return Taken
}

func (d *Detector) link(e event, v NodeNo) Verdict {
	verdict := put(d.said, e.device, e, d.settings.MaxEvents)
	if verdict == Taken && d.net.devices[e.device].kind == headend.KindGateway {
		d.epoch++
		d.stirBehind(e.device, v, e.at-quiet)
	}
	return verdict
}

// stirBehind has everything derived anew that a gateway has a part in.
func (d *Detector) stirBehind(g DeviceNo, v NodeNo, from moment) {
	if v != NoNode {
		d.stir(d.net.nodes[v].component, urgent, from)
	}
	for _, v := range d.net.behind[g] {
		d.stir(d.net.nodes[v].component, urgent, from)
	}
}

func (d *Detector) observePoint(p PointNo, e event, m moment) Verdict {
	r := &d.records[p]
	pt := &d.net.points[p]
	if e.kind == LifeSign && pt.generation {
		return Taken // it may live on its own battery: only the supply side tells (case 26)
	}
	if e.kind == LifeSign || e.kind == SupplyPresent {
		fresh := d.heard(p, r, m)
		if e.kind == LifeSign && pt.phases&(pt.phases-1) != 0 {
			fresh = d.dimmed(r, unmeasured, m) || fresh
		}
		if fresh {
			d.stirAround(p, m)
		}
		if e.kind == LifeSign || e.seq == headend.NoSeq || e.flags&flagArrival != 0 {
			return Taken
		}
	}
	if e.kind == PowerUp || e.kind == PhaseBack {
		d.heard(p, r, m)
	}
	if (e.kind == SupplyAbsent || e.kind == PhaseLost) && e.value == int64(minute) && e.flags&flagArrival == 0 {
		return d.observeDim(p, r, &e, m)
	}
	v := d.net.nodeAt(p, m)
	if v == NoNode {
		v = pt.node
	}
	component := d.net.nodes[v].component
	if m < d.parts[component].since {
		return TooOld
	}
	if r.dossier == nil {
		r.dossier = newDossier()
	}
	verdict := r.dossier.add(e, d.settings.MaxEvents)
	d.mark(p)
	if verdict != Taken {
		return verdict
	}
	r.dossier.epoch = 0
	if e.kind == FailureCount || e.kind == ShortCount {
		if d.countersOf[component] == nil {
			d.countersOf[component] = map[PointNo]struct{}{}
		}
		d.countersOf[component][p] = struct{}{}
	}
	from, how := m-quiet, urgent
	switch e.kind {
	case PowerFailure, LogRead, FailureCount, ShortCount:
		how = revised
	}
	switch e.kind {
	case PowerFailure, LogRead:
		from = from.plus(-moment(e.value))
	case FailureCount, ShortCount, RelayMoved:
		from = unknown
	}
	if e.flags&flagArrival != 0 {
		from = from.plus(-span(d.settings.Repeat))
	}
	d.stirUntil(component, how, from, reachOf(&e))
	return Taken
}

// observeDim takes in what the reading of a minute says of voltages that are gone.
func (d *Detector) observeDim(p PointNo, r *record, e *event, m moment) Verdict {
	component := d.net.nodes[d.net.points[p].node].component
	if m < d.parts[component].since {
		return TooOld
	}
	if r.dossier == nil {
		r.dossier = newDossier()
	}
	what := e.phases
	if e.kind == SupplyAbsent {
		what = 0
	}
	fresh, first := r.dossier.dimmed(what, m)
	d.mark(p)
	switch {
	case !fresh:
		return Repeated
	case first:
		d.stirUntil(component, urgent, m-quiet, reachOf(e))
	default: // it goes on
		d.stirUntil(component, stirred, m-quiet, reachOf(e))
	}
	r.dossier.epoch = 0
	return Taken
}

// mark notes that more than signs of life is known at the nodes of a usage point.
func (d *Detector) mark(p PointNo) {
	d.eventful[d.net.points[p].node] = true
	for _, h := range d.net.hung[p] {
		d.eventful[h.node] = true
	}
}

// dimmed is for signs of life that do not tell of all phases.
func (d *Detector) dimmed(r *record, what headend.Phases, m moment) bool {
	if r.dossier == nil {
		r.dossier = &dossier{}
	}
	fresh, _ := r.dossier.dimmed(what, m)
	if fresh {
		r.dossier.epoch = 0
	}
	return fresh
}

// reachOf is the latest moment at which an event of a usage point can change anything but by lasting on. A sign of life
// counts as heard shortly before for up to six hours, and for the rhythm for as long again.
func reachOf(e *event) moment {
	switch {
	case e.flags&flagArrival != 0: // ordered by numbers and by neighbours
		return open
	case e.kind == PowerFailure, e.kind == LogRead, e.kind == SupplyAbsent:
		return e.at + quiet
	case e.kind == PowerUp && e.seq == headend.NoSeq, e.kind == PhaseBack:
		return e.at + 12*60*minute
	}
	return open
}

// heard keeps a sign of life; it tells whether it is new.
func (d *Detector) heard(p PointNo, r *record, m moment) bool {
	var more []run
	if r.dossier != nil {
		more = r.dossier.runs
	}
	before := len(more)
	more, fresh := r.lives.add(slotOf(m), more)
	if r.dossier != nil {
		r.dossier.runs = more
		if fresh {
			r.dossier.epoch = 0
		}
	} else if len(more) != before {
		r.dossier = &dossier{runs: more}
	}
	return fresh
}

// stirAround has the ledger derived anew where a sign of life may change it.
func (d *Detector) stirAround(p PointNo, m moment) {
	component := d.net.nodes[d.net.points[p].node].component
	if l := d.parts[component].ledger; l != nil && l.span.from-26*60*minute <= m && m <= l.span.to.plus(2*60*minute) {
		d.stirUntil(component, stirred, m-quiet, m+12*60*minute)
	}
}
