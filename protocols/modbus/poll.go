package modbus

import (
	"context"
	"errors"
	"time"

	"lastgasp/headend"
)

// outcome is what the requests of a poll brought. It is used again and again.
type outcome struct {
	raw      []byte // the data of all replies, one after the other
	at       []int  // where each request's data begins in raw; -1: not answered
	time     time.Time
	answered int
	refused  bool // the device refused a request for an address or a length
	alive    bool // the unit itself spoke, if only to refuse
	slowest  time.Duration
	err      *RequestError // the first fault
}

func (o *outcome) reset(requests int) {
	o.raw, o.at = o.raw[:0], o.at[:0]
	for range requests {
		o.at = append(o.at, -1)
	}
	o.time, o.answered, o.refused, o.alive, o.slowest, o.err = time.Time{}, 0, false, false, 0, nil
}

// ask makes the requests of a plan. A refusal concerns its own request alone; after anything else the rest is
// not asked, for each would wait as long again.
func ask(ctx context.Context, m *master, unit byte, pl *plan, timeout time.Duration, o *outcome, c *counts) {
	o.reset(len(pl.requests))
	for i, q := range pl.requests {
		began := time.Now()
		data, err := m.read(ctx, unit, q, timeout)
		now := time.Now()
		if err == nil {
			o.at[i] = len(o.raw)
			o.raw = append(o.raw, data...)
			o.answered++
			o.alive = true
			o.time = now
			o.slowest = max(o.slowest, now.Sub(began))
			continue
		}
		fault := classify(err)
		c.failed[fault.Fault].Add(1)
		if o.err == nil {
			o.err = fault
		}
		if !fault.answered() {
			return
		}
		o.alive = true
		o.slowest = max(o.slowest, now.Sub(began))
		o.refused = o.refused || fault.Exception == 2 || fault.Exception == 3
	}
}

// data is what a request brought for an item: its registers, or for bits the whole reply.
func (o *outcome) data(p *Profile, pl *plan, it item) ([]byte, bool) {
	at := o.at[it.request]
	if at < 0 {
		return nil, false
	}
	q := pl.requests[it.request]
	all := o.raw[at : at+q.bytes()]
	if q.function <= readInputs {
		return all, true
	}
	count := 1
	if it.register >= 0 {
		count = int(p.Registers[it.register].Count)
	}
	return all[2*it.offset : 2*(it.offset+count)], true
}

// seen is a state register's value in a poll.
type seen struct {
	register int
	raw      uint64
	position Position
	read     bool
	stuck    bool // it was read again and again with not one bit changed in its group: not a position
}

// decoded is what a poll says.
type decoded struct {
	readings []headend.Reading
	states   []seen
	absent   [absences]int
	moved    bool // SunSpec: the block is not where it was

	// The first value that no device measures, which speaks for a profile that does not fit.
	impossible *Register
	why        Absence
}

func (d *decoded) clear() {
	d.readings, d.states, d.absent, d.moved = d.readings[:0], d.states[:0], [absences]int{}, false
	d.impossible, d.why = nil, 0
}

// decode reads the values of a plan out of an outcome.
func decode(p *Profile, pl *plan, o *outcome, quality headend.Quality, d *decoded) {
	d.clear()
	if p.SunSpec != nil && !sameModel(p, pl, o) {
		d.moved = o.answered > 0
		o.answered = 0
	}
	for _, it := range pl.items {
		if it.register < 0 {
			continue
		}
		reg := &p.Registers[it.register]
		if reg.Role != Quantity && reg.Role != State {
			continue
		}
		raw, exponent, absent := fetch(p, pl, o, it)
		if d.moved {
			absent = NotRead
		}
		if reg.Role == State {
			s := seen{register: it.register, raw: raw, read: absent != NotRead, stuck: quality != 0}
			if absent == 0 && !s.stuck {
				s.position = reg.position(raw, exponent)
			}
			d.states = append(d.states, s)
			continue
		}
		var v headend.Value
		var q headend.Quality
		if absent == 0 {
			v, q, absent = reg.value(raw, exponent)
		}
		if absent != 0 {
			d.absent[absent]++
			if d.impossible == nil && (absent == NegativeTotal || absent == OutOfRange) {
				d.impossible, d.why = reg, absent
			}
			continue
		}
		d.readings = append(d.readings, headend.Reading{Time: o.time, Quantity: reg.Quantity, Value: v, Quality: q | quality})
	}
}

// fetch is an item's raw value and the exponent of its scale factor.
func fetch(p *Profile, pl *plan, o *outcome, it item) (raw uint64, exponent int, absent Absence) {
	reg := &p.Registers[it.register]
	data, ok := o.data(p, pl, it)
	if !ok {
		return 0, 0, NotRead
	}
	if reg.Type == Bits {
		return reg.bits(data, it.offset), 0, 0
	}
	if reg.Factor >= 0 {
		f := pl.items[it.factor]
		data, ok := o.data(p, pl, f)
		if !ok {
			return 0, 0, NotRead
		}
		factor := &p.Registers[f.register]
		if exponent, absent = factor.exponent(factor.raw(data)); absent != 0 {
			return 0, 0, absent
		}
	}
	return reg.raw(data), exponent, 0
}

// sameModel tells whether the block read is still the model's.
func sameModel(p *Profile, pl *plan, o *outcome) bool {
	for _, it := range pl.items {
		if it.register >= 0 {
			continue
		}
		data, ok := o.data(p, pl, it)
		if !ok {
			return false
		}
		word := uint16(data[0])<<8 | uint16(data[1])
		if it.register == modelID && word != p.SunSpec.Model || it.register == modelLength && word < p.SunSpec.Length {
			return false
		}
	}
	return true
}

// errModel says that a SunSpec map has no block of the profile's model.
var errModel = errors.New("no such model block")
