package interruption

import (
	"slices"
	"time"
)

// Snapshot is what must be kept beside the evidence: how far it has been read, and what has been told of it, so that
// numbers of outages and revisions go on after a restart. It is plain data; the ledger part of it may as well be read back from
// the store it was written to.
type Snapshot struct {
	Cursor        []byte    // the runner's own: behind the last evidence that was observed
	Now           time.Time // of the last Advance
	NextID        uint64    // of outages
	NextRow       uint64    // of interruptions; both only rise
	ReplayFrom    time.Time // evidence since then, by device time, must be fed again
	Outages       []Outage
	Interruptions []Interruption
	Storm         Storm
	Kept          []Kept // which evidence the ledger still rests on
	Clocks        []Sync // the last of each device from before ReplayFrom
}

// Kept says that of what devices at and below a substation said, all since a moment is kept. What is older and fed again
// is refused as TooOld, so that what has left memory does not come back as new. A snapshot without it, put together from stored
// rows, must hold all rows and outages that ended after ReplayFrom or have not; what they rest on is worked out of them.
type Kept struct {
	Node  NodeNo
	Since time.Time
}

// Sync is a look at a device's clock.
type Sync struct {
	Device DeviceNo
	At     time.Time     // true
	Ahead  time.Duration // the clock was ahead by so much
	Set    bool          // and was set right
}

// Snapshot is the state after the last Advance. Store it in the transaction that stores that Advance's Changes.
func (d *Detector) Snapshot(cursor []byte) Snapshot {
	from := d.floor
	var kept []Kept
	seen := make([]bool, len(d.parts))
	for v := range d.net.nodes {
		i := d.net.nodes[v].component
		if since := d.parts[i].since; since != unknown && !seen[i] {
			kept = append(kept, Kept{NodeNo(v), since.time()})
			from = min(from, since)
		}
		seen[i] = true
	}
	// Whether a meter was heard shortly before an onset is asked for up to six hours back, its rhythm for two days.
	from = from.plus(-48 * 60 * minute)
	var clocks []Sync
	for device, c := range d.clocks {
		if first := c[0]; first.at < from {
			clocks = append(clocks, Sync{device, first.at.time(), first.offset.duration(), first.set})
		}
	}
	slices.SortFunc(clocks, func(a, b Sync) int { return compare(a.Device, b.Device) })
	return Snapshot{Cursor: cursor, Now: d.now.time(), NextID: d.nextID, NextRow: d.nextRow, ReplayFrom: from.time(),
		Outages: d.Outages(), Interruptions: d.Interruptions(), Storm: d.live.storm, Kept: kept, Clocks: clocks}
}

// Restore gives a new detector of the same network its history back. Feed the evidence, plans and decisions since
// ReplayFrom, in any order, then Advance: what is told is only what is new.
func (d *Detector) Restore(s Snapshot) {
	d.nextID, d.nextRow, d.live.storm = max(s.NextID, 1), max(s.NextRow, 1), s.Storm
	for _, o := range s.Outages {
		v := o.Node
		if v == NoNode {
			v = d.net.points[o.Point].node
		}
		part := &d.parts[d.net.nodes[v].component]
		part.names = append(part.names, name{id: o.ID, state: o.State, shown: o})
		d.nextID = max(d.nextID, o.ID+1)
		d.stir(d.net.nodes[v].component, urgent, unknown)
	}
	for _, r := range s.Interruptions {
		part := &d.parts[d.net.nodes[d.net.points[r.Point].node].component]
		part.shown = append(part.shown, r)
		d.nextRow = max(d.nextRow, r.ID+1)
	}
	for _, c := range s.Clocks {
		list := d.clocks[c.Device]
		list.add(sync{at(c.At), span(c.Ahead), c.Set})
		d.clocks[c.Device] = list
	}
	for i := range d.parts {
		slices.SortStableFunc(d.parts[i].shown, func(a, b Interruption) int {
			if a.Point != b.Point {
				return compare(a.Point, b.Point)
			}
			return a.begins().Compare(b.begins())
		})
	}
	d.now = at(s.Now)
	for _, k := range s.Kept {
		d.parts[d.net.nodes[k.Node].component].since = at(k.Since)
	}
	if len(s.Kept) == 0 {
		for i := range d.parts {
			d.parts[i].restOn(d.now.plus(-span(d.settings.Window) - 60*minute))
		}
	}
}

// restOn works out from which moment on evidence is kept, where a snapshot was put together from stored rows: what ended before a
// quiet time before the window is over.
func (p *area) restOn(cut moment) {
	if cut == unknown {
		return
	}
	for k := len(p.shown) - 1; k >= 0; k-- { // until nothing reaches across
		r := &p.shown[k]
		if begin := at(r.begins()); begin < cut && at(r.ends()) >= cut-quiet {
			if begin == unknown {
				return
			}
			cut, k = begin-quiet, len(p.shown)
		}
	}
	p.since = cut
	p.shown = slices.DeleteFunc(p.shown, func(r Interruption) bool { return at(r.ends()) < cut })
	p.names = slices.DeleteFunc(p.names, func(n name) bool { return !n.shown.End.IsZero() && at(n.shown.End) < cut })
}

// prune drops what is from before the window and no outage within it rests on.
func (d *Detector) prune() {
	d.pruned = d.now
	if d.floor <= 0 {
		return
	}
	cut := make([]moment, len(d.parts))
	for i := range d.parts {
		cut[i] = d.floor - 60*minute
		if d.parts[i].ledger == nil && len(d.parts[i].names) > 0 { // restored, not derived yet: who knows what they rest on
			cut[i] = d.parts[i].since
		}
		if l := d.parts[i].ledger; l != nil {
			for k := len(l.busy) - 1; k >= 0 && l.busy[k].to >= cut[i]-quiet; k-- {
				cut[i] = min(cut[i], l.busy[k].from-quiet)
			}
			if len(l.busy) > 0 && l.busy[0].from < cut[i] {
				d.stir(int32(i), urgent, unknown)
			}
		}
	}
	for i := range d.parts {
		d.parts[i].since = max(d.parts[i].since, cut[i])
	}
	oldest := d.floor
	for i, since := range cut {
		oldest = min(oldest, since)
		if list := d.decisions[int32(i)]; len(list) > 0 && since != unknown {
			d.decisions[int32(i)] = slices.DeleteFunc(list, func(x Decision) bool { return x.last() < since-quiet })
		}
	}
	if oldest != unknown {
		d.calendar.prune(oldest - 48*60*minute)
		for device, c := range d.clocks {
			d.clocks[device] = c.prune(oldest - 48*60*minute)
		}
	}
	for p := range d.records {
		r := &d.records[p]
		if r.dossier == nil {
			continue
		}
		before := cut[d.net.nodes[d.net.points[p].node].component]
		if before == unknown {
			continue
		}
		if len(r.dossier.events) > 0 && r.dossier.events[0].at < before {
			r.dossier.prune(before)
			r.dossier.epoch = 0
		}
		if len(r.dossier.runs) > 0 {
			r.dossier.runs = r.lives.repack(r.dossier.runs, slotOf(before-48*60*minute))
		}
		if len(r.dossier.dims) > 0 {
			r.dossier.pruneDims(slotOf(before))
			r.dossier.epoch = 0
		}
		if len(r.dossier.events) == 0 && len(r.dossier.runs) == 0 && len(r.dossier.dims) == 0 {
			r.dossier = nil
		}
	}
	for v, dos := range d.saidAt {
		if dos.prune(cut[d.net.nodes[v].component]) {
			delete(d.saidAt, v)
		}
	}
	for g, dos := range d.said {
		if v := d.net.devices[g].node; v != NoNode {
			dos.forget(cut[d.net.nodes[v].component])
		} else {
			dos.forget(d.floor)
		}
	}
}

// forget drops what is from before the moment but the last word about a link, which still holds.
func (d *dossier) forget(before moment) {
	last := -1
	for i, e := range d.events {
		if e.at < before && (e.kind == LinkLost || e.kind == LinkBack) {
			last = i
		}
	}
	var word []event
	if last >= 0 && d.events[last].kind == LinkLost {
		word = []event{d.events[last]}
	}
	d.prune(before)
	d.events = append(word, d.events...)
}

// Tallies count, for each segment, what the outages that began in the time and are over have proven. They are a
// function of the ledger: the same evidence gives the same tallies. Ask for a day once its logs are in.
func (d *Detector) Tallies(from, to time.Time) map[string]Tally {
	out := map[string]Tally{}
	segment := func(p PointNo) string { return d.net.segments[d.net.nodes[d.net.points[p].node].segment] }
	for p := range d.net.points {
		if d.net.points[p].device != NoDevice {
			t := out[segment(PointNo(p))]
			t.MeterDays += to.Sub(from).Hours() / 24
			out[segment(PointNo(p))] = t
		}
	}
	worth := span(d.settings.Hold) + minute // shorter ones are over before a meter gasps
	for i := range d.parts {
		l := d.parts[i].ledger
		if l == nil {
			continue
		}
		for k := range l.rows {
			r := &l.rows[k]
			if r.from() < at(from) || r.from() >= at(to) || r.end == open || r.phases != 0 || !r.truth && !r.up || r.start != unknown && r.end-r.start < worth {
				continue
			}
			t := out[segment(r.point)]
			t.Proven++
			if r.gasped {
				t.Gasped++
			}
			if r.truth {
				t.Logged++
				if r.up {
					t.Returned++
				}
			}
			out[segment(r.point)] = t
		}
		for _, f := range l.lies {
			if f.m >= at(from) && f.m < at(to) {
				t := out[segment(f.point)]
				t.False++
				out[segment(f.point)] = t
			}
		}
	}
	return out
}
