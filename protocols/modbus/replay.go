package modbus

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"lastgasp/headend"
)

// Replay reads a poll that was kept in quarantine again, with the profile as it is now. source is the batch's
// Source.Address, raw its Raw and at when it was received. What is returned is every quantity of groups that are polled
// whose registers lie in what was read then. States are not read again: they were stored apart, and what changed since is
// known by now. A refusal says why the poll still cannot be used.
func (p *Profile) Replay(source string, raw []byte, at time.Time) ([]headend.Reading, *headend.Refusal) {
	pl, o, err := p.kept(source, raw)
	if err != nil {
		return nil, &headend.Refusal{Reason: headend.ReasonMalformed, Detail: err.Error()}
	}
	o.time = stamp(at)
	var d decoded
	decode(p, pl, o, 0, &d)
	switch {
	case d.impossible != nil:
		return nil, refusalOf(p, &d)
	case d.moved:
		return nil, &headend.Refusal{Reason: headend.ReasonMalformed, Detail: fmt.Sprintf("%s is not model %d of SunSpec", source, p.SunSpec.Model)}
	case len(d.readings) == 0:
		return nil, &headend.Refusal{Reason: headend.ReasonMalformed, Detail: fmt.Sprintf("profile %s has no quantity with a value in %s", p.Model, source)}
	}
	return d.readings, nil
}

// refusalOf says what is impossible in a poll.
func refusalOf(p *Profile, d *decoded) *headend.Refusal {
	reg := d.impossible
	return &headend.Refusal{Reason: headend.ReasonBadValue, Detail: fmt.Sprintf("%s at %d:%d, type %s: %s; does profile %s fit the device?",
		reg.Quantity, reg.Function, reg.Address, reg.Type, d.why, p.Model)}
}

// kept makes plan and outcome of a poll that was kept.
func (p *Profile) kept(source string, raw []byte) (*plan, *outcome, error) {
	_, text, found := strings.Cut(source, " ")
	if !found {
		return nil, nil, fmt.Errorf("%q names no registers", source)
	}
	pl, o := &plan{}, &outcome{raw: raw}
	length := 0
	for part := range strings.SplitSeq(text, ",") {
		q, err := parseRange(part)
		if err != nil {
			return nil, nil, fmt.Errorf("%q: %w", source, err)
		}
		pl.requests = append(pl.requests, q)
		o.at = append(o.at, length)
		o.answered++
		length += q.bytes()
	}
	if length != len(raw) {
		return nil, nil, fmt.Errorf("%d bytes, but %s is %d", len(raw), text, length)
	}
	base := 0
	if p.SunSpec != nil { // a block begins with its ID, the lowest address that is read
		base = int(pl.requests[0].address)
		pl.items = append(pl.items, item{modelID, 0, 0, -1}, item{modelLength, 0, 1, -1})
		if pl.requests[0].function != readHolding || pl.requests[0].count < 2 {
			return nil, nil, fmt.Errorf("%q does not begin with a SunSpec block", source)
		}
	}
	for i := range p.Registers {
		reg := &p.Registers[i]
		if reg.Role != Quantity || reg.Group < 0 || p.Groups[reg.Group].Interval == 0 {
			continue
		}
		it, ok := pl.find(p, i, base)
		if ok && reg.Factor >= 0 {
			var factor item
			if factor, ok = pl.find(p, reg.Factor, base); ok {
				pl.items = append(pl.items, factor)
				it.factor = len(pl.items) - 1
			}
		}
		if ok {
			pl.items = append(pl.items, it)
		}
	}
	return pl, o, nil
}

// find says where in a plan's requests a register lies whole.
func (pl *plan) find(p *Profile, register, base int) (item, bool) {
	reg := &p.Registers[register]
	from := base + int(reg.Address)
	for i, q := range pl.requests {
		if q.function == reg.Function && from >= int(q.address) && from+int(reg.Count) <= int(q.address)+int(q.count) {
			return item{register, i, from - int(q.address), -1}, true
		}
	}
	return item{}, false
}

// parseRange reads function:address+count.
func parseRange(text string) (request, error) {
	function, rest, found := strings.Cut(text, ":")
	address, count, also := strings.Cut(rest, "+")
	f, err1 := strconv.ParseUint(function, 10, 8)
	a, err2 := strconv.ParseUint(address, 10, 16)
	n, err3 := strconv.ParseUint(count, 10, 16)
	most := uint64(125)
	if f <= readInputs {
		most = 2000
	}
	if !found || !also || err1 != nil || err2 != nil || err3 != nil || f < readCoils || f > readInput || n < 1 || n > most || a+n > 1<<16 {
		return request{}, fmt.Errorf("%q is not function:address+count", text)
	}
	return request{byte(f), uint16(a), uint16(n)}, nil
}
