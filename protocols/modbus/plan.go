package modbus

import (
	"slices"
	"strconv"
)

// request is one read.
type request struct {
	function byte
	address  uint16
	count    uint16 // registers or bits
}

// bytes is how long the data of the reply is.
func (q request) bytes() int {
	if q.function <= readInputs {
		return (int(q.count) + 7) / 8
	}
	return 2 * int(q.count)
}

// item says where in the replies of a plan a register's value lies.
type item struct {
	register int // index in Profile.Registers
	request  int
	offset   int // in registers, or bits
	factor   int // index of its scale factor's item; -1 for none
}

// plan is the requests of one poll and what to take from their replies.
type plan struct {
	requests []request
	items    []item
	bridged  bool   // a request reads registers nobody asked for
	ranges   string // the requests in words, for the batch's source
}

// limits are what a device takes in one request.
type limits struct {
	registers int
	bits      int
	gap       int // in registers; 16 bits count as one
}

func (l limits) of(function byte) (most, gap int) {
	if function <= readInputs {
		return l.bits, 16 * l.gap
	}
	return l.registers, l.gap
}

// span is registers that must come in one request: a value is never put together from two.
type span struct {
	function byte
	address  int
	count    int
}

// merge covers spans with the fewest requests that the limits allow, and among those with the fewest
// registers. Spans are disjoint or the same. It returns the requests and for each span the request it is in.
//
// Sorted by address, some best cover cuts the row of spans into consecutive runs (exchanging two spans between
// requests that interleave makes neither longer), so the best cover of the first n is found from those of
// the first m < n.
func merge(spans []span, l limits) (requests []request, in []int) {
	order := make([]int, len(spans))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if spans[a].function != spans[b].function {
			return int(spans[a].function) - int(spans[b].function)
		}
		return spans[a].address - spans[b].address
	})
	type cost struct{ requests, registers, from int }
	best := make([]cost, len(order)+1)
	for n := 1; n <= len(order); n++ {
		last := spans[order[n-1]]
		most, gap := l.of(last.function)
		best[n] = cost{requests: -1}
		for m := n - 1; m >= 0; m-- {
			first := spans[order[m]]
			if first.function != last.function || last.address+last.count-first.address > most && m < n-1 {
				break
			}
			if m < n-1 && spans[order[m+1]].address-first.address-first.count > gap {
				break
			}
			c := cost{best[m].requests + 1, best[m].registers + last.address + last.count - first.address, m}
			if best[n].requests < 0 || c.requests < best[n].requests || c.requests == best[n].requests && c.registers < best[n].registers {
				best[n] = c
			}
		}
	}
	in = make([]int, len(spans))
	var cuts []int
	for n := len(order); n > 0; n = best[n].from {
		cuts = append(cuts, n)
	}
	slices.Reverse(cuts)
	from := 0
	for _, to := range cuts {
		first, last := spans[order[from]], spans[order[to-1]]
		for _, i := range order[from:to] {
			in[i] = len(requests)
		}
		requests = append(requests, request{first.function, uint16(first.address), uint16(last.address + last.count - first.address)})
		from = to
	}
	return requests, in
}

// newPlan makes the plan for some registers of a profile and the scale factors they need. Under SunSpec, ID and
// length of the model block are read too: registers that moved must not be taken for what was there before.
func newPlan(p *Profile, registers []int, base uint16, l limits) *plan {
	wanted := slices.Clone(registers)
	for _, i := range registers {
		if f := p.Registers[i].Factor; f >= 0 && !slices.Contains(wanted, f) {
			wanted = append(wanted, f)
		}
	}
	spans := make([]span, 0, len(wanted)+1)
	for _, i := range wanted {
		reg := &p.Registers[i]
		spans = append(spans, span{reg.Function, int(base) + int(reg.Address), int(reg.Count)})
	}
	if p.SunSpec != nil {
		wanted = append(wanted, modelID, modelLength)
		spans = append(spans, span{readHolding, int(base), 1}, span{readHolding, int(base) + 1, 1})
	}
	requests, in := merge(spans, l)
	pl := &plan{requests: requests}
	for n, i := range wanted {
		it := item{i, in[n], spans[n].address - int(requests[in[n]].address), -1}
		if i >= 0 && p.Registers[i].Factor >= 0 {
			it.factor = slices.Index(wanted, p.Registers[i].Factor)
		}
		pl.items = append(pl.items, it)
	}
	pl.ranges = ranges(requests, nil)
	pl.bridged = bridges(requests, spans)
	return pl
}

// ranges is requests in words, as in 4:0+76,4:342+40; with at, only those that were answered.
func ranges(requests []request, at []int) string {
	text := ""
	for i, q := range requests {
		if at != nil && at[i] < 0 {
			continue
		}
		if text != "" {
			text += ","
		}
		text += strconv.Itoa(int(q.function)) + ":" + strconv.Itoa(int(q.address)) + "+" + strconv.Itoa(int(q.count))
	}
	return text
}

// bridges tells whether requests read anything that is in no span.
func bridges(requests []request, spans []span) bool {
	read := 0
	for _, q := range requests {
		read += int(q.count)
	}
	wanted := map[[2]int]bool{}
	for _, s := range spans {
		for i := range s.count {
			wanted[[2]int{int(s.function), s.address + i}] = true
		}
	}
	return read > len(wanted)
}

// The ID and length of a SunSpec block, as registers of an item.
const (
	modelID     = -1
	modelLength = -2
)

// inGroup lists the registers of a group.
func (p *Profile) inGroup(g int) []int {
	var out []int
	for i := range p.Registers {
		if p.Registers[i].Group == g {
			out = append(out, i)
		}
	}
	return out
}

func (p *Profile) limits() limits { return limits{p.MaxRegisters, p.MaxBits, p.Gap} }
