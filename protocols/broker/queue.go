package broker

import (
	"errors"
	"sync"
	"time"

	"lastgasp/protocols"
)

var errStopping = errors.New("the broker is stopping")

// item is one message in a batch. Its payload lies in the batch's arena.
type item struct {
	topic    string
	from, to int   // payload in batch.arena
	received int64 // Unix nanoseconds
	id       uint16
	qos      byte
	grant    grant
}

// run is a stretch of items of one client.
type run struct {
	c      *conn // nil for a will: its connection is gone and nobody waits for an answer
	rights *rights
	first  int
	n      int
}

// batch is what goes to one Accept. Payloads are copied into one arena, so that a connection's read
// buffer is free again at once and a batch costs no allocation a message.
type batch struct {
	arena   []byte
	items   []item
	runs    []run
	decoded protocols.Decoded

	prev <-chan struct{} // closed when all earlier batches are answered
	done chan struct{}   // closed when this one is
}

func (b *batch) reset() {
	b.arena = b.arena[:0]
	clear(b.items) // topics
	b.items = b.items[:0]
	clear(b.runs) // connections
	b.runs = b.runs[:0]
	b.decoded.Reset()
	b.prev, b.done = nil, nil
}

// queue is the batch being filled by connections until a collector takes it.
//
// Memory is bounded by the batches there are: one filling, one with each collector, each of at most
// maxItems messages and maxBytes of payload plus what one connection puts at a time.
type queue struct {
	maxItems, maxBytes int
	delay              time.Duration

	mu      sync.Mutex
	cur     *batch
	free    []*batch
	last    chan struct{}
	waiters []*waiter // in the order they came
	closed  bool

	some chan struct{} // the batch has a first message
	full chan struct{} // the batch takes no more
	end  chan struct{} // closed: nothing more will come

	collect sync.Mutex // the collector whose turn it is to take
	timer   *time.Timer
}

// waiter is a connection that found the batch full.
type waiter struct {
	c     *conn // to interrupt; nil for a will
	ready chan struct{}
}

func (w *waiter) wake() {
	close(w.ready)
	if w.c != nil {
		w.c.interruptPeek()
	}
}

func newQueue(maxItems, maxBytes int, delay time.Duration) *queue {
	q := &queue{maxItems: maxItems, maxBytes: maxBytes, delay: delay,
		cur: new(batch), last: make(chan struct{}),
		some: make(chan struct{}, 1), full: make(chan struct{}, 1), end: make(chan struct{}),
		timer: time.NewTimer(time.Hour)}
	q.timer.Stop()
	close(q.last)
	return q
}

// put appends what one connection read. When the batch is full it takes nothing and returns a waiter,
// to be waited for before the next try.
func (q *queue) put(c *conn, r *rights, pubs []publish, received int64) (*waiter, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, errStopping
	}
	b := q.cur
	if q.isFull(b) {
		w := &waiter{c: c, ready: make(chan struct{})}
		q.waiters = append(q.waiters, w)
		return w, nil
	}
	if len(b.items) == 0 {
		signal(q.some)
	}
	b.runs = append(b.runs, run{c: c, rights: r, first: len(b.items), n: len(pubs)})
	for i := range pubs {
		p := &pubs[i]
		from := len(b.arena)
		b.arena = append(b.arena, p.payload...)
		b.items = append(b.items, item{topic: p.name, from: from, to: len(b.arena), received: received,
			id: p.id, qos: p.qos, grant: p.grant})
	}
	if q.isFull(b) {
		signal(q.full)
	}
	return nil, nil
}

func (q *queue) isFull(b *batch) bool {
	return len(b.items) >= q.maxItems || len(b.arena) >= q.maxBytes
}

// take waits for a batch; nil when the queue has ended and is empty. Batches are numbered by their
// prev channels in the order they are taken, which is the order their messages arrived.
func (q *queue) take() *batch {
	q.collect.Lock()
	defer q.collect.Unlock()
	for {
		select {
		case <-q.some:
		case <-q.end:
		}
		q.linger()
		b, ended := q.swap()
		if b != nil || ended {
			return b
		}
	}
}

// linger gives a batch time to grow.
func (q *queue) linger() {
	q.timer.Reset(q.delay)
	select {
	case <-q.timer.C:
	case <-q.full:
	case <-q.end:
	}
	q.timer.Stop()
}

func (q *queue) swap() (b *batch, ended bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.cur.items) == 0 {
		return nil, q.closed
	}
	b = q.cur
	if n := len(q.free); n > 0 {
		q.cur, q.free = q.free[n-1], q.free[:n-1]
	} else {
		q.cur = new(batch)
	}
	b.prev, b.done = q.last, make(chan struct{})
	q.last = b.done
	select {
	case <-q.full: // it spoke of the batch just taken
	default:
	}
	for i, w := range q.waiters {
		w.wake()
		q.waiters[i] = nil
	}
	q.waiters = q.waiters[:0]
	return b, false
}

// recycle takes back a batch that is answered.
func (q *queue) recycle(b *batch) {
	b.reset()
	q.mu.Lock()
	q.free = append(q.free, b)
	q.mu.Unlock()
}

// close refuses further messages; take empties what is left.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	close(q.end)
	for _, w := range q.waiters {
		w.wake()
	}
	q.waiters = nil
}

// depth is the number of messages no collector has taken yet.
func (q *queue) depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.cur.items)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
