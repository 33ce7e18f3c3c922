package interruption

import (
	"slices"

	"lastgasp/headend"
)

// record is what is kept of every usage point: 24 bytes at rest.
type record struct {
	lives
	dossier *dossier // nil: nothing but signs of life in a steady rhythm
}

// dossier is what is kept of a usage point, device or node that had something to say.
type dossier struct {
	events   []event // ordered by compareEvents
	runs     []run   // older signs of life
	dims     []dim   // what readings say of voltages that are gone
	overflow bool    // some evidence was refused as TooMany

	worked *worked // what follows from the events and signs of life, while epoch is the detector's
	epoch  uint32  // 0: not worked out
}

// worked is what a usage point's evidence says by itself.
type worked struct {
	spans []stretch
	sound []period // in which the meter's log or counter shows nothing but what is in spans
}

// roomy is a dossier with room for the first events: most have no more.
type roomy struct {
	dossier
	first [2]event
}

func newDossier() *dossier {
	r := &roomy{}
	r.events = r.first[:0]
	return &r.dossier
}

// event is evidence as it is kept: 40 bytes.
type event struct {
	at      moment // by the device's clock; by ours where flagArrival
	seq     int64
	value   int64 // milliseconds, or a count
	device  DeviceNo
	gateway DeviceNo
	kind    Kind
	phases  headend.Phases
	flags   uint8
}

const (
	flagArrival uint8 = 1 << iota // at is when it was received
	flagMadeUp
	flagSet // of a clock
)

func compareEvents(a, b event) int {
	switch {
	case a.at != b.at:
		return compare(a.at, b.at)
	case a.kind != b.kind:
		return int(a.kind) - int(b.kind)
	case a.seq != b.seq:
		return compare(a.seq, b.seq)
	case a.value != b.value:
		return compare(a.value, b.value)
	case a.device != b.device:
		return compare(a.device, b.device)
	case a.phases != b.phases:
		return int(a.phases) - int(b.phases)
	}
	return 0
}

// add keeps the events in order, each once. The way a repeat came by is not part of it: the first in order of
// gateways and flags stays, whichever arrived first.
func (d *dossier) add(e event, most int) Verdict {
	i := len(d.events)
	for i > 0 && compareEvents(d.events[i-1], e) >= 0 {
		i--
	}
	if i < len(d.events) && compareEvents(d.events[i], e) == 0 {
		old := &d.events[i]
		if e.flags < old.flags || e.flags == old.flags && e.gateway < old.gateway {
			*old = e
			return Taken
		}
		return Repeated
	}
	if len(d.events) >= most {
		d.overflow = true
		return TooMany
	}
	d.events = slices.Insert(d.events, i, e)
	return Taken
}

// prune drops what happened before the moment; it tells whether nothing is left.
func (d *dossier) prune(before moment) bool {
	d.events = slices.DeleteFunc(d.events, func(e event) bool { return e.at < before })
	return len(d.events) == 0
}
