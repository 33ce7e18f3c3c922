package simulator

import (
	"container/heap"
	"time"
)

// agenda is what will happen, in the order of the simulated time; at one time, in the order it was put
// down.
type agenda struct {
	entries []entry
	count   uint64
}

type entry struct {
	at    time.Time
	order uint64
	do    func(now time.Time) error
}

func (a *agenda) Len() int { return len(a.entries) }
func (a *agenda) Less(i, j int) bool {
	if !a.entries[i].at.Equal(a.entries[j].at) {
		return a.entries[i].at.Before(a.entries[j].at)
	}
	return a.entries[i].order < a.entries[j].order
}
func (a *agenda) Swap(i, j int) { a.entries[i], a.entries[j] = a.entries[j], a.entries[i] }
func (a *agenda) Push(x any)    { a.entries = append(a.entries, x.(entry)) }
func (a *agenda) Pop() any {
	last := a.entries[len(a.entries)-1]
	a.entries[len(a.entries)-1] = entry{}
	a.entries = a.entries[:len(a.entries)-1]
	return last
}

// put plans do for the time at.
func (a *agenda) put(at time.Time, do func(now time.Time) error) {
	a.count++
	heap.Push(a, entry{at: at, order: a.count, do: do})
}

// next takes the first entry off.
func (a *agenda) next() entry { return heap.Pop(a).(entry) }
