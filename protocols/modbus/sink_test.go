package modbus

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lastgasp/headend"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// sink keeps what it is given and wakes whoever waits for it.
type sink struct {
	driver  *Driver // for what is said of a failure
	mu      sync.Mutex
	changed chan struct{}
	batches []headend.Batch
}

func newSink() *sink { return &sink{changed: make(chan struct{})} }

// Accept implements protocols.Sink. It copies all, for nothing it is given may be kept.
func (s *sink) Accept(_ context.Context, batches []headend.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range batches {
		b.Raw, b.Readings, b.Events = slices.Clone(b.Raw), slices.Clone(b.Readings), slices.Clone(b.Events)
		b.Source.Address = strings.Clone(b.Source.Address)
		s.batches = append(s.batches, b)
	}
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

func (s *sink) all() []headend.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.batches)
}

// await waits until ok holds for what has been stored.
func (s *sink) await(t testing.TB, what string, ok func([]headend.Batch) bool) {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		s.mu.Lock()
		changed, batches := s.changed, s.batches
		s.mu.Unlock()
		if ok(batches) {
			return
		}
		select {
		case <-changed:
		case <-timeout.C:
			t.Fatalf("waited %s in vain for %s; %s", patience, what, s.about())
		}
	}
}

// of lists the batches of a device with readings.
func of(batches []headend.Batch, id headend.DeviceID) []headend.Batch {
	var out []headend.Batch
	for _, b := range batches {
		if b.Device == id && len(b.Readings) > 0 {
			out = append(out, b)
		}
	}
	return out
}

// events lists the events of a device.
func events(batches []headend.Batch, id headend.DeviceID) []headend.Event {
	var out []headend.Event
	for _, b := range batches {
		if b.Device == id {
			out = append(out, b.Events...)
		}
	}
	return out
}

// run runs a driver; the returned function stops it. It is stopped at the test's end at the latest.
func run(t testing.TB, d *Driver, s interface {
	Accept(context.Context, []headend.Batch) error
}) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	if own, ok := s.(*sink); ok {
		own.driver = d
	}
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx, s) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run returned %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// own makes Profiles of the shipped ones and some texts.
func own(t testing.TB, texts ...string) *Profiles {
	t.Helper()
	all := profiles(t)
	for _, text := range texts {
		model, _, _ := strings.Cut(strings.TrimPrefix(text, "model: "), "\n")
		p, err := ParseProfile(model+".yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		all.byModel[model] = p
	}
	return all
}

func driver(t testing.TB, c Config, p *Profiles, options ...Option) *Driver {
	t.Helper()
	if c.Probe == 0 {
		c.Probe, c.ProbeMost, c.Reconnect = 50*time.Millisecond, 200*time.Millisecond, 20*time.Millisecond
	}
	d, err := New(c, p, options...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// about says what a driver did, for a test that failed.
func (s *sink) about() string {
	if s.driver == nil {
		return ""
	}
	return fmt.Sprintf("%+v", s.driver.Counts())
}
