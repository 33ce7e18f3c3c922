package broker

import (
	"context"
	"net"
	"sync"
	"time"

	"lastgasp/headend"
)

// rate lets a number of things happen each second, with a second's worth at once.
type rate struct {
	each time.Duration
	next time.Time // when the next is due if none is saved up
}

func newRate(perSecond int) *rate { return &rate{each: time.Second / time.Duration(perSecond)} }

// wait returns when the next may happen, or ctx has ended.
func (r *rate) wait(ctx context.Context, now time.Time) {
	if earliest := now.Add(-time.Second); r.next.Before(earliest) {
		r.next = earliest
	}
	pause := r.next.Sub(now)
	r.next = r.next.Add(r.each)
	if pause > 0 {
		sleep(ctx, pause)
	}
}

// sleep pauses, or returns earlier when ctx ends.
func sleep(ctx context.Context, pause time.Duration) {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

const (
	failuresAllowed = 10 // wrong passwords of one user name from one address within failureMemory
	failureMemory   = time.Minute
	failuresKept    = 1 << 16
)

// failures slows down guessing. It counts by address and user name together: many meters share one
// address behind a carrier's NAT, and one that is misconfigured must not shut out the others.
type failures struct {
	mu    sync.Mutex
	count map[failureKey]failure
}

type failureKey struct{ host, username string }

type failure struct {
	n     int
	since time.Time
}

func keyOf(l Login) failureKey {
	host, _, err := net.SplitHostPort(l.Remote)
	if err != nil {
		host = l.Remote
	}
	return failureKey{host, l.Username}
}

func (f *failures) blocked(l Login, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, ok := f.count[keyOf(l)]
	return ok && e.n >= failuresAllowed && now.Sub(e.since) < failureMemory
}

func (f *failures) add(l Login, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count == nil || len(f.count) >= failuresKept {
		f.count = map[failureKey]failure{} // bounded; a guesser this busy is held by ConnectRate
	}
	k := keyOf(l)
	e := f.count[k]
	if now.Sub(e.since) >= failureMemory {
		e = failure{since: now}
	}
	e.n++
	f.count[k] = e
}

// sessions counts the persistent sessions of each device, so that one cannot fill memory by
// connecting under ever new client ids.
type sessions struct {
	mu sync.Mutex
	of map[headend.DeviceID]map[string]*conn // session key → the connection that has or had it last
}

// claim reserves a persistent session for c; false when the device has its fill.
func (s *sessions) claim(c *conn, most int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[headend.DeviceID]map[string]*conn{}
	}
	have := s.of[c.rights.device]
	if _, again := have[c.session]; !again && len(have) >= most {
		return false
	}
	if have == nil {
		have = map[string]*conn{}
		s.of[c.rights.device] = have
	}
	have[c.session] = c
	return true
}

// release gives up c's session unless another connection has taken it over.
func (s *sessions) release(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	have := s.of[c.rights.device]
	if have[c.session] != c {
		return
	}
	delete(have, c.session)
	if len(have) == 0 {
		delete(s.of, c.rights.device)
	}
}
