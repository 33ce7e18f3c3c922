package drivertest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/protocols"
)

// Patience is how long the suite waits for what must happen.
const Patience = 30 * time.Second

// Message names one message of one device.
type Message struct {
	Device headend.DeviceID
	N      int
}

// Sink records what it is given. Closed, it holds every Accept until it is opened. Safe for use from
// several goroutines.
type Sink struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every change
	closed  bool
	steps   int // Accepts let through although it is closed
	fail    int // Accepts that are to fail; -1 for all
	failed  int // Accepts that did
	waiting map[Message]int
	stored  map[Message]int
	refused map[Message]headend.Reason
}

// NewSink makes an open sink.
func NewSink() *Sink {
	return &Sink{changed: make(chan struct{}), waiting: map[Message]int{}, stored: map[Message]int{}, refused: map[Message]headend.Reason{}}
}

var _ protocols.Sink = (*Sink)(nil)

// Accept implements protocols.Sink.
func (s *Sink) Accept(ctx context.Context, batches []headend.Batch) error {
	var got []Message
	reasons := map[Message]headend.Reason{}
	for _, b := range batches {
		m := Message{Device: b.Device, N: number(b)}
		m.Device = headend.DeviceID(strings.Clone(string(m.Device)))
		got = append(got, m)
		if b.Refusal != nil {
			reasons[m] = b.Refusal.Reason
		}
	}
	s.change(func() {
		for _, m := range got {
			s.waiting[m]++
		}
	})
	err := s.pass(ctx)
	s.change(func() {
		for _, m := range got {
			if s.waiting[m]--; s.waiting[m] == 0 {
				delete(s.waiting, m)
			}
			if err == nil {
				s.stored[m]++
				if r, ok := reasons[m]; ok {
					s.refused[m] = r
				}
			}
		}
	})
	return err
}

// number is what Decoder found, or what a refused message bears; -1 for any other.
func number(b headend.Batch) int {
	if b.Refusal != nil {
		_, n, _ := strings.Cut(string(b.Raw), "=")
		if i, err := strconv.Atoi(strings.TrimSpace(n)); err == nil {
			return i
		}
		return -1
	}
	for _, r := range b.Readings {
		if r.Quantity == NumberQuantity {
			return int(r.Value.Int64())
		}
	}
	return -1
}

// pass waits at the gate and says how Accept is to end.
func (s *Sink) pass(ctx context.Context) error {
	for {
		s.mu.Lock()
		open := !s.closed
		if s.closed && s.steps > 0 {
			s.steps--
			open = true
		}
		if open {
			defer s.mu.Unlock()
			if s.fail == 0 {
				return nil
			}
			if s.fail > 0 {
				s.fail--
			}
			s.failed++
			return fmt.Errorf("the sink was told to fail")
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Sink) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// Close holds all Accepts from now on.
func (s *Sink) Close() { s.change(func() { s.closed = true }) }

// Open lets them go on.
func (s *Sink) Open() { s.change(func() { s.closed = false }) }

// Step lets one Accept of a closed sink go on.
func (s *Sink) Step() { s.change(func() { s.steps++ }) }

func (s *Sink) stepped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.steps == 0
}

// Fail makes the next n Accepts fail; all of them with -1, none with 0.
func (s *Sink) Fail(n int) { s.change(func() { s.fail = n }) }

// Stored tells how often a message was stored.
func (s *Sink) Stored(m Message) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stored[m]
}

// Count tells how many messages of a device are stored, repeats not counted.
func (s *Sink) Count(d headend.DeviceID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for m := range s.stored {
		if m.Device == d {
			n++
		}
	}
	return n
}

// Refused tells why a message was set aside, "" when it was not.
func (s *Sink) Refused(m Message) headend.Reason {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused[m]
}

// Waiting lists the messages in Accepts that are held.
func (s *Sink) Waiting() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Message
	for m := range s.waiting {
		out = append(out, m)
	}
	return out
}

// Failed counts the Accepts that failed.
func (s *Sink) Failed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// Await waits until ok, looking again whenever the sink changes.
func (s *Sink) Await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	timeout := time.NewTimer(Patience)
	defer timeout.Stop()
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if ok() {
			return
		}
		select {
		case <-changed:
		case <-timeout.C:
			t.Fatalf("waited %s in vain for: %s", Patience, what)
		}
	}
}

// AwaitStored waits until messages are stored.
func (s *Sink) AwaitStored(t testing.TB, messages ...Message) {
	t.Helper()
	for _, m := range messages {
		s.Await(t, fmt.Sprintf("%v to be stored", m), func() bool { return s.Stored(m) > 0 })
	}
}
