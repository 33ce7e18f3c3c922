package drivertest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lastgasp/headend"
	"lastgasp/protocols"
)

// Harness makes a driver that is not yet running, with f.Decoder where it decodes messages. It reports
// every acknowledgement that a device sees to f.Acked.
type Harness func(f *Field) Setup

// Setup is a driver and the way to be its devices.
type Setup struct {
	Driver protocols.Driver
	// Ready returns once the running driver takes messages.
	Ready func(ctx context.Context) error
	// Device makes a device and connects it.
	Device func(id headend.DeviceID) Device
	// InFlight is how many messages of one device the driver takes at most while none is stored.
	InFlight int
}

// Device sends messages with at-least-once delivery.
type Device interface {
	// Send publishes payloads, one message each, without waiting for acknowledgements. It may block
	// while the driver takes nothing; it returns early when the test ends.
	Send(payloads ...[]byte)
	// Break cuts the connection between the field and the driver without a word.
	Break()
	// Resume connects again; what was never acknowledged is sent again.
	Resume()
}

// Syncer is a Device that can make a round trip to the driver: what the driver sent before, it has seen
// when Sync returns.
type Syncer interface{ Sync() }

// Field is one test's driver, sink and devices.
type Field struct {
	T       *testing.T
	Sink    *Sink
	Decoder *Decoder
	Setup
	stop context.CancelFunc
	done chan error

	mu    sync.Mutex
	acked map[Message]bool
	peak  map[headend.DeviceID]int
}

// AFloodStarvesNobody names the case that a driver may leave out whose devices reach it through one queue
// that is not its own, as behind a utility's broker: what waits in there is not in its power.
const AFloodStarvesNobody = "AFloodStarvesNobody"

// Run checks the whole contract except the cases named.
func Run(t *testing.T, h Harness, except ...string) {
	for _, c := range []struct {
		name string
		test func(*Field)
	}{
		{"AcknowledgedMeansStored", acknowledgedMeansStored},
		{"AnErrorAcknowledgesNothing", anErrorAcknowledgesNothing},
		{"AnUndecodableMessageIsSetAside", anUndecodableMessageIsSetAside},
		{"ABrokenConnectionLosesNothing", aBrokenConnectionLosesNothing},
		{"InFlightIsBounded", inFlightIsBounded},
		{AFloodStarvesNobody, aFloodStarvesNobody},
		{"StopFinishesAccepts", stopFinishesAccepts},
		{"StopDoesNotWaitForAFailingSink", stopDoesNotWaitForAFailingSink},
	} {
		if slices.Contains(except, c.name) {
			continue
		}
		t.Run(c.name, func(t *testing.T) { c.test(start(t, h)) })
	}
}

// start runs a fresh driver; the test's end stops it and looks for goroutines left.
func start(t *testing.T, h Harness) *Field {
	t.Helper()
	before := goleak.IgnoreCurrent()
	f := &Field{T: t, Sink: NewSink(), Decoder: &Decoder{}, done: make(chan error, 1), acked: map[Message]bool{}, peak: map[headend.DeviceID]int{}}
	t.Cleanup(func() { goleak.VerifyNone(t, before) }) // runs last: after the devices have gone too
	f.Decoder.Seen = f.decoded
	f.Setup = h(f)
	ctx, stop := context.WithCancel(context.Background())
	f.stop = stop
	go func() { f.done <- f.Driver.Run(ctx, f.Sink) }()
	t.Cleanup(func() {
		f.Sink.Open()
		f.Stop()
	})
	ready, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	if err := f.Ready(ready); err != nil {
		t.Fatalf("the driver did not get ready: %v", err)
	}
	return f
}

// Stop ends the driver and waits for Run to return nil. It may be called again.
func (f *Field) Stop() {
	f.T.Helper()
	f.stop()
	select {
	case err := <-f.done:
		if err != nil {
			f.T.Errorf("Run returned %v", err)
		}
		f.done <- nil
	case <-time.After(Patience):
		f.T.Fatalf("Run did not return within %s of its context's end", Patience)
	}
}

// Acked is called by the harness when a device has seen the acknowledgement of a message.
func (f *Field) Acked(m Message) {
	if f.Sink.Stored(m) == 0 {
		f.T.Errorf("%v was acknowledged and is not stored", m)
	}
	f.mu.Lock()
	f.acked[m] = true
	f.mu.Unlock()
	f.Sink.change(func() {})
}

func (f *Field) isAcked(m Message) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.acked[m]
}

// ackedCount is how many of messages are acknowledged.
func (f *Field) ackedCount(messages []Message) int {
	n := 0
	for _, m := range messages {
		if f.isAcked(m) {
			n++
		}
	}
	return n
}

// decoded notes how many messages of a device are taken and not stored.
func (f *Field) decoded(d headend.DeviceID) {
	taken := f.Decoder.Count(d) - f.Sink.Count(d)
	f.mu.Lock()
	f.peak[d] = max(f.peak[d], taken)
	f.mu.Unlock()
	f.Sink.change(func() {})
}

func (f *Field) peakOf(d headend.DeviceID) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.peak[d]
}

// AwaitAcked waits until messages are acknowledged.
func (f *Field) AwaitAcked(messages ...Message) {
	f.T.Helper()
	for _, m := range messages {
		f.Sink.Await(f.T, fmt.Sprintf("%v to be acknowledged", m), func() bool { return f.isAcked(m) })
	}
}

// numbers makes n messages of a device and their payloads.
func numbers(d headend.DeviceID, n int) (messages []Message, payloads [][]byte) {
	for i := range n {
		messages = append(messages, Message{d, i})
		payloads = append(payloads, Payload(i))
	}
	return messages, payloads
}

func acknowledgedMeansStored(f *Field) {
	f.Sink.Close()
	d := f.Device("meter-1")
	messages, payloads := numbers("meter-1", 5)
	d.Send(payloads...)
	f.Sink.Await(f.T, "an Accept", func() bool { return len(f.Sink.Waiting()) > 0 })
	if s, ok := d.(Syncer); ok {
		s.Sync()
	}
	if n := f.ackedCount(messages); n != 0 {
		f.T.Errorf("%d messages acknowledged while the sink holds them", n)
	}
	f.Sink.Open()
	f.AwaitAcked(messages...) // and Acked checks each against the sink
}

func anErrorAcknowledgesNothing(f *Field) {
	f.Sink.Fail(2)
	d := f.Device("meter-1")
	messages, payloads := numbers("meter-1", 3)
	d.Send(payloads...)
	f.Sink.Await(f.T, "two failing Accepts", func() bool { return f.Sink.Failed() == 2 })
	f.AwaitAcked(messages...)
}

func anUndecodableMessageIsSetAside(f *Field) {
	d := f.Device("meter-1")
	d.Send(Payload(0), Garbage(1), Payload(2))
	messages := []Message{{"meter-1", 0}, {"meter-1", 1}, {"meter-1", 2}}
	f.AwaitAcked(messages...)
	for n, want := range []headend.Reason{"", headend.ReasonMalformed, ""} {
		if got := f.Sink.Refused(messages[n]); got != want {
			f.T.Errorf("message %d: refused for %q, want %q", n, got, want)
		}
	}
}

func aBrokenConnectionLosesNothing(f *Field) {
	f.Sink.Close()
	d := f.Device("meter-1")
	messages, payloads := numbers("meter-1", 3)
	d.Send(payloads...)
	f.Sink.Await(f.T, "an Accept", func() bool { return len(f.Sink.Waiting()) > 0 })
	d.Break()
	f.Sink.Open()
	d.Resume()
	f.AwaitAcked(messages...)
}

func inFlightIsBounded(f *Field) {
	f.Sink.Close()
	d := f.Device("meter-1")
	messages, payloads := numbers("meter-1", 20*f.InFlight)
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() { d.Send(payloads...) })
	// The sink stands still: the driver must take what it may, and then stop.
	f.Sink.Await(f.T, "the driver to decode something", func() bool { return f.peakOf("meter-1") > 0 })
	other := f.Device("meter-2")
	other.Send(Payload(0))
	f.Sink.Await(f.T, "the other device's message", func() bool { return f.Decoder.Count("meter-2") > 0 || f.peakOf("meter-1") >= f.InFlight })
	f.Sink.Open()
	f.AwaitAcked(messages...)
	if peak := f.peakOf("meter-1"); peak > f.InFlight {
		f.T.Errorf("%d messages taken while none was stored, at most %d are allowed", peak, f.InFlight)
	}
}

func aFloodStarvesNobody(f *Field) {
	f.Sink.Close()
	const rounds = 50
	flood := f.Device("flood")
	other := f.Device("quiet")
	_, payloads := numbers("flood", rounds*f.InFlight)
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() { flood.Send(payloads...) })
	f.Sink.Await(f.T, "the flood to arrive", func() bool { return len(f.Sink.Waiting()) > 0 })
	other.Send(Payload(0))
	quiet := Message{"quiet", 0}
	for f.Sink.Stored(quiet) == 0 {
		f.Sink.Await(f.T, "an Accept", func() bool { return len(f.Sink.Waiting()) > 0 || f.Sink.Stored(quiet) > 0 })
		f.Sink.Step()
		f.Sink.Await(f.T, "the Accept to end", func() bool { return f.Sink.stepped() })
		if n := f.Sink.Count("flood"); n > rounds*f.InFlight/2 {
			f.T.Errorf("%d messages of the flood were stored before the one of the quiet device", n)
			break
		}
	}
	f.Sink.Open()
	f.AwaitAcked(quiet)
	sending.Wait()
}

func stopFinishesAccepts(f *Field) {
	f.Sink.Close()
	d := f.Device("meter-1")
	_, payloads := numbers("meter-1", 3)
	d.Send(payloads...)
	f.Sink.Await(f.T, "an Accept", func() bool { return len(f.Sink.Waiting()) > 0 })
	held := f.Sink.Waiting()
	f.stop()
	select {
	case err := <-f.done:
		f.T.Fatalf("Run returned %v with an Accept under way", err)
	default:
	}
	f.Sink.Open()
	f.Stop()
	f.AwaitAcked(held...)
}

func stopDoesNotWaitForAFailingSink(f *Field) {
	f.Sink.Fail(-1)
	d := f.Device("meter-1")
	messages, payloads := numbers("meter-1", 3)
	d.Send(payloads...)
	f.Sink.Await(f.T, "a failing Accept", func() bool { return f.Sink.Failed() > 0 })
	f.Stop()
	if n := f.ackedCount(messages); n != 0 {
		f.T.Errorf("%d messages acknowledged although none was stored", n)
	}
}
