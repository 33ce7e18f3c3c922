package mqtt

import (
	"sync"
	"time"

	"lastgasp/protocols"
)

// taken is a message that is being worked on.
type taken struct {
	delivery
	link     *link
	wire     *wire // the connection it came over, which alone can acknowledge it
	received int64 // Unix nanoseconds
}

// takings is what goes to one Accept.
type takings struct {
	messages []taken
	bytes    int
	decoded  protocols.Decoded
	prev     <-chan struct{} // closed when all earlier ones are answered
	done     chan struct{}   // closed when this one is
}

func (b *takings) reset() {
	clear(b.messages)
	b.messages, b.bytes, b.prev, b.done = b.messages[:0], 0, nil, nil
	b.decoded.Reset()
}

// intake is the batch that connections fill until a collector takes it. Its memory is bounded by the
// batches there are: one filling, one with each collector.
type intake struct {
	most, mostBytes int
	delay           time.Duration

	mu   sync.Mutex
	cur  *takings
	free []*takings
	last chan struct{}
	room chan struct{} // closed when the batch now filling is taken; nil when nobody waits

	some, full chan struct{}
	end        chan struct{} // closed: nothing more will come
	collect    sync.Mutex
	timer      *time.Timer
}

func newIntake(c Config) *intake {
	q := &intake{most: c.BatchMessages, mostBytes: c.BatchBytes, delay: c.BatchDelay, cur: new(takings), last: make(chan struct{}),
		some: make(chan struct{}, 1), full: make(chan struct{}, 1), end: make(chan struct{}), timer: time.NewTimer(time.Hour)}
	q.timer.Stop()
	close(q.last)
	return q
}

// put adds a message, or returns a channel to wait for when the batch is full.
func (q *intake) put(t taken) <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.cur
	if len(b.messages) >= q.most || b.bytes >= q.mostBytes {
		if q.room == nil {
			q.room = make(chan struct{})
		}
		return q.room
	}
	b.messages = append(b.messages, t)
	b.bytes += len(t.payload)
	switch {
	case len(b.messages) >= q.most || b.bytes >= q.mostBytes:
		poke(q.full)
		poke(q.some)
	case len(b.messages) == 1:
		poke(q.some)
	}
	return nil
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// take waits for a batch; nil when intake has ended and is empty.
func (q *intake) take() *takings {
	q.collect.Lock()
	defer q.collect.Unlock()
	for {
		ended := false
		select {
		case <-q.some:
		case <-q.end:
			ended = true
		}
		if !ended {
			q.timer.Reset(q.delay)
			select {
			case <-q.timer.C:
			case <-q.full:
			case <-q.end:
			}
			q.timer.Stop()
		}
		if b := q.swap(); b != nil || ended {
			return b
		}
	}
}

func (q *intake) swap() *takings {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.cur.messages) == 0 {
		return nil
	}
	b := q.cur
	if n := len(q.free); n > 0 {
		q.cur, q.free = q.free[n-1], q.free[:n-1]
	} else {
		q.cur = new(takings)
	}
	b.prev, b.done = q.last, make(chan struct{})
	q.last = b.done
	select {
	case <-q.full: // it spoke of the batch just taken
	default:
	}
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
	return b
}

func (q *intake) recycle(b *takings) {
	b.reset()
	q.mu.Lock()
	q.free = append(q.free, b)
	q.mu.Unlock()
}

func (q *intake) depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.cur.messages)
}
