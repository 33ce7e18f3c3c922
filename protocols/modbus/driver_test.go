package modbus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/headend"
	"lastgasp/protocols/drivertest"
)

const numberText = `model: number
source: test
function: 3
timeout: 200ms
groups:
  live: {interval: 100ms}
registers:
  - {quantity: n, address: 0, type: u16, unit: 1}
`

// numbered is a simulated unit that counts its polls: the n-th reads n.
func numbered(s *server, id byte) *simulated {
	u := s.unit(id)
	n := uint16(0)
	u.value = func(byte, uint16) uint16 {
		n++
		return n
	}
	return u
}

// What was read is stored in the end, however long the sink stood still or failed, and while it stands still no
// more is read than may be kept.
func TestSinkStandsStill(t *testing.T) {
	p := own(t, numberText)
	synctest.Test(t, func(t *testing.T) {
		s := newServer(false)
		numbered(s, 1)
		d := driver(t, Config{Devices: []Device{{ID: "m", Address: "tcp://meter", Unit: 1, Profile: "number"}}, Queue: 2, BatchPolls: 2}, p, WithDialer(s))
		out := drivertest.NewSink()
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx, out) }()
		wait(time.Second)
		out.Fail(3)
		out.Await(t, "failures", func() bool { return out.Failed() == 3 })
		wait(time.Second)
		out.Close()
		wait(time.Minute) // six hundred intervals, of which few may lead to a request
		held := out.Waiting()
		if len(held) == 0 {
			t.Fatal("no Accept is held")
		}
		if n := s.asked(1) - held[0].N; n > 2+2+2+1 {
			t.Errorf("%d polls beyond the one held by the sink: queue 2, batches of 2", n)
		}
		out.Open()
		wait(time.Second)
		last := s.asked(1)
		for n := 1; n <= last; n++ {
			out.AwaitStored(t, drivertest.Message{Device: "m", N: n})
		}
		if n := d.Counts().Missed["overrun"]; n < 580 {
			t.Errorf("%d polls counted as overrun, want nearly 600", n)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		s.close()
	})
}

func TestStop(t *testing.T) {
	t.Run("waits for the Accept under way", func(t *testing.T) {
		s := newServer(false)
		numbered(s, 1)
		d := driver(t, Config{Devices: []Device{{ID: "m", Address: "tcp://" + s.listen(t), Unit: 1, Profile: "number"}}}, own(t, numberText))
		out := drivertest.NewSink()
		out.Close()
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx, out) }()
		out.Await(t, "an Accept", func() bool { return len(out.Waiting()) > 0 })
		held := out.Waiting()
		cancel()
		select {
		case err := <-done:
			t.Fatalf("Run returned %v with an Accept under way", err)
		default:
		}
		out.Open()
		if err := <-done; err != nil {
			t.Error(err)
		}
		for _, m := range held {
			if out.Stored(m) == 0 {
				t.Errorf("%v is not stored", m)
			}
		}
	})
	t.Run("does not wait for a sink that fails", func(t *testing.T) {
		s := newServer(true)
		numbered(s, 1)
		d := driver(t, Config{Devices: []Device{{ID: "m", Address: "serial://" + s.pty(t), Unit: 1, Profile: "number"}}}, own(t, numberText))
		out := drivertest.NewSink()
		out.Fail(-1)
		stop := run(t, d, out)
		out.Await(t, "a failing Accept", func() bool { return out.Failed() > 0 })
		stop()
		if d.Counts().Lost == 0 {
			t.Error("the lost polls are not counted")
		}
	})
	t.Run("in the middle of a request", func(t *testing.T) {
		for _, tr := range transports {
			s := newServer(tr.rtu)
			u := s.unit(1)
			u.does = silence
			text := strings.Replace(numberText, "timeout: 200ms", "timeout: 1m", 1)
			if tr.window > 1 {
				text += "window: 4\n"
			}
			d := driver(t, Config{Devices: []Device{{ID: "m", Address: tr.reach(t, s), Unit: 1, Profile: "number"}}}, own(t, text))
			began := time.Now()
			stop := run(t, d, newSink())
			<-u.heard
			stop()
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("%s: stopped after %s", tr.name, took)
			}
		}
	})
}

// The devices change while the driver runs: those that stay keep their times, a new address is a new connection, and
// what cannot be polled is told and leaves the others alone.
func TestSetDevices(t *testing.T) {
	s, other := newServer(false), newServer(false)
	for id := byte(1); id <= 3; id++ {
		s.unit(id)
		other.unit(id)
	}
	a, b := "tcp://"+s.listen(t), "tcp://"+other.listen(t)
	device := func(id, address string, unit int) Device {
		return Device{ID: headend.DeviceID(id), Address: address, Unit: unit, Profile: "twins"}
	}
	wide := strings.Replace(twins, "model: twins", "model: wide", 1) + "window: 4\n"
	d := driver(t, Config{Devices: []Device{device("A", a, 1), device("B", a, 2)}}, own(t, twins, wide))
	kept := d.units["A"]
	out := newSink()
	stop := run(t, d, out)
	both := func(ids ...headend.DeviceID) {
		t.Helper()
		before := map[headend.DeviceID]int{}
		for _, id := range ids {
			before[id] = len(of(out.all(), id))
		}
		out.await(t, fmt.Sprint(ids), func(b []headend.Batch) bool {
			return !slices.ContainsFunc(ids, func(id headend.DeviceID) bool { return len(of(b, id)) <= before[id] })
		})
	}
	both("A", "B")
	err := d.SetDevices([]Device{device("A", a, 1), device("C", b, 3), device("D", "tpc://x", 1), device("E", a, 300), {ID: "F", Address: a, Unit: 1, Profile: "none"}, device("A", b, 1)})
	for _, want := range []string{"D: address", "E: unit 300", `F: no profile "none"`, "A is given twice"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if d.units["A"] != kept {
		t.Error("A was made anew")
	}
	both("A", "C")
	asked := s.asked(2)
	both("A")
	both("A")
	if n := s.asked(2); n > asked+2 {
		t.Errorf("B was asked %d times after it was taken out", n-asked)
	}
	if err := d.SetDevices([]Device{{ID: "A", Address: a, Unit: 1, Profile: "wide"}, device("C", b, 3)}); err != nil { // another window: the line is made anew
		t.Error(err)
	}
	both("A", "C")
	if err := d.SetDevices(nil); err != nil {
		t.Error(err)
	}
	if n := d.Counts().Units; n != 0 {
		t.Errorf("%d units", n)
	}
	if err := d.SetDevices([]Device{device("B", a, 2)}); err != nil {
		t.Error(err)
	}
	both("B")
	stop()
	if err := d.Run(context.Background(), out); err == nil {
		t.Error("Run ran twice")
	}
}

func TestNewRefuses(t *testing.T) {
	p := own(t, twins)
	for want, device := range map[string]Device{
		"names no unit":              {ID: "m", Address: "tcp://h", Unit: NoUnit, Profile: "twins"},
		"unit 2, but its address":    {ID: "m", Address: "tcp://h?unit=1", Unit: 2, Profile: "twins"},
		"on an RTU line":             {ID: "m", Address: "serial:///dev/ttyS0", Unit: 0, Profile: "twins"},
		"device id":                  {ID: "a b", Address: "tcp://h", Unit: 1, Profile: "twins"},
		"no profile":                 {ID: "m", Address: "tcp://h", Unit: 1, Profile: "x"},
		"has no group":               {ID: "m", Address: "tcp://h", Unit: 1, Profile: "twins", Intervals: map[string]time.Duration{"x": time.Second}},
		"interval 1ms of group live": {ID: "m", Address: "tcp://h", Unit: 1, Profile: "twins", Intervals: map[string]time.Duration{"live": time.Millisecond}},
		`unknown setting "baud"`:     {ID: "m", Address: "tcp://h?baud=9600", Unit: 1, Profile: "twins"},
		"baud=1; allowed are":        {ID: "m", Address: "serial:///dev/ttyS0?baud=1", Unit: 1, Profile: "twins"},
		"wanted tcp://host:port":     {ID: "m", Address: "tcp://", Unit: 1, Profile: "twins"},
	} {
		if _, err := New(Config{Devices: []Device{device}}, p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %s", device, err, want)
		}
	}
	two := []Device{{ID: "a", Address: "serial:///dev/ttyS0?baud=9600", Unit: 1, Profile: "twins"}, {ID: "b", Address: "serial:///dev/ttyS0", Unit: 2, Profile: "twins"}}
	if _, err := New(Config{Devices: two}, p); err == nil || !strings.Contains(err.Error(), "is set to") {
		t.Errorf("error %v for one port with two settings", err)
	}
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	driver(t, Config{}, own(t), WithRegisterer(registry))
	families, err := registry.Gather()
	if err != nil || len(families) < 15 {
		t.Errorf("%d families (%v)", len(families), err)
	}
	if _, err := New(Config{}, own(t), WithRegisterer(registry)); err == nil {
		t.Error("two drivers registered the same metrics")
	}
}

// trail is an audit that can fail.
type trail struct {
	records []AuditRecord
	fails   error
	before  func()
}

func (a *trail) Record(_ context.Context, r AuditRecord) error {
	if a.before != nil {
		a.before()
	}
	if a.fails != nil {
		return a.fails
	}
	a.records = append(a.records, r)
	return nil
}

// A write goes out only after its intention is on record, once, and its outcome is on record too.
func TestWrite(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			s := newServer(tr.rtu)
			u := s.unit(1)
			text := numberText
			if tr.window > 1 {
				text += "window: 4\n"
			}
			audit := &trail{}
			s.unit(2)
			address := tr.reach(t, s)
			d := driver(t, Config{Devices: []Device{
				{ID: "m", Address: address, Unit: 1, Profile: "number", Intervals: map[string]time.Duration{"live": 0}},
				{ID: "other", Address: address, Unit: 2, Profile: "number"}}}, own(t, text), WithAudit(audit))
			out := newSink()
			stop := run(t, d, out)
			out.await(t, "the line to run", func(b []headend.Batch) bool { return len(of(b, "other")) > 0 })
			ctx := context.Background()
			audit.before = func() {
				if len(audit.records) == 0 && s.asked(1) > 0 {
					t.Error("the frame went out before its record")
				}
			}
			for _, w := range []Write{
				{Function: 5, Address: 3, Values: []uint16{1}}, {Function: 6, Address: 4, Values: []uint16{0x1234}},
				{Function: 15, Address: 10, Values: []uint16{1, 0, 1, 1, 0, 0, 0, 0, 1}}, {Function: 16, Address: 30, Values: []uint16{7, 8}},
			} {
				w.Device, w.By, w.Reason = "m", "an operator", "test"
				if err := d.Write(ctx, w); err != nil {
					t.Errorf("function %d: %v", w.Function, err)
				}
			}
			s.mu.Lock()
			wrote := fmt.Sprint(u.wrote)
			s.mu.Unlock()
			if want := "map[3:65280 4:4660 10:1 11:0 12:1 13:1 14:0 15:0 16:0 17:0 18:1 30:7 31:8]"; wrote != want {
				t.Errorf("wrote %s, want %s", wrote, want)
			}
			if len(audit.records) != 8 || audit.records[0].Stage != WriteIntended || audit.records[1].Stage != WriteDone {
				t.Errorf("records %+v", audit.records)
			}
			w := Write{Device: "m", Function: 6, Address: 4, Values: []uint16{1}, By: "an operator"}
			asked := s.asked(1)
			audit.fails = errors.New("disk full")
			if err := d.Write(ctx, w); !errors.Is(err, audit.fails) || s.asked(1) != asked {
				t.Errorf("error %v, %d frames went out", err, s.asked(1)-asked)
			}
			audit.fails = nil
			s.set(1, silence, 0)
			if err := d.Write(ctx, w); !errors.Is(err, ErrUncertain) || audit.records[len(audit.records)-1].Stage != WriteUncertain {
				t.Errorf("error %v, records %+v", err, audit.records)
			}
			s.set(1, healthy, 0)
			s.change(func() { u.forbid = func(simRequest) byte { return 2 } })
			var request *RequestError
			if err := d.Write(ctx, w); !errors.As(err, &request) || request.Exception != 2 || audit.records[len(audit.records)-1].Stage != WriteRefused {
				t.Errorf("error %v", err)
			}
			if err := d.Write(ctx, Write{Device: "x", Function: 6, Values: []uint16{1}, By: "me"}); err == nil {
				t.Error("an unknown device was written to")
			}
			stop()
			if err := d.Write(ctx, w); err == nil || errors.Is(err, ErrUncertain) {
				t.Errorf("after the end: %v", err)
			}
		})
	}
	d := driver(t, Config{}, own(t))
	if err := d.Write(context.Background(), Write{}); !errors.Is(err, ErrNoAudit) {
		t.Errorf("error %v without an audit", err)
	}
}
