package modbus

import "time"

// pollHeap is polls by time, the earliest on top: those that wait by when they are due, those that are due by
// when they must be done, so that a breaker polled each second goes before two hundred energy registers.
type pollHeap struct {
	polls []*poll
	ready bool
}

func (h *pollHeap) key(p *poll) time.Time {
	if h.ready {
		return p.due.Add(p.interval)
	}
	return p.due
}

func (h *pollHeap) Len() int           { return len(h.polls) }
func (h *pollHeap) Less(i, j int) bool { return h.key(h.polls[i]).Before(h.key(h.polls[j])) }
func (h *pollHeap) Swap(i, j int)      { h.polls[i], h.polls[j] = h.polls[j], h.polls[i] }
func (h *pollHeap) Push(x any)         { h.polls = append(h.polls, x.(*poll)) }

func (h *pollHeap) Pop() any {
	last := len(h.polls) - 1
	p := h.polls[last]
	h.polls[last] = nil
	h.polls = h.polls[:last]
	return p
}
