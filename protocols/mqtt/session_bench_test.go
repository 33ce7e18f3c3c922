package mqtt

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/protocols"
)

// counting stores nothing and tells when all has come.
type counting struct {
	want int64
	got  atomic.Int64
	all  chan struct{}
}

func (c *counting) Accept(_ context.Context, batches []headend.Batch) error {
	n := c.got.Add(int64(len(batches)))
	if n >= c.want && n-int64(len(batches)) < c.want {
		close(c.all)
	}
	return nil
}

// bare makes one batch of each message.
type bare struct{}

func (bare) Decode(m protocols.Message, out *protocols.Decoded) {
	out.Batches = append(out.Batches, headend.Batch{Device: "m", Received: m.Received, Raw: m.Payload})
}

// BenchmarkSession measures what receiving costs the head-end: b.N messages of 150 bytes wait in the
// broker's queues, a session with a sink that stores nothing takes and acknowledges them. cpu-µs/msg is
// this process only; Mosquitto has its own.
func BenchmarkSession(b *testing.B) {
	for _, connections := range []int{1, 4} {
		b.Run(fmt.Sprintf("connections=%d", connections), func(b *testing.B) { benchmarkSession(b, connections) })
	}
}

func benchmarkSession(b *testing.B, connections int) {
	m := startMosquitto(b)
	config := Config{Servers: []string{m.url()}, ClientID: "bench", Connections: connections, Shared: SharedOn}
	sink := &counting{want: int64(b.N), all: make(chan struct{})}
	receive := func(until func(*Session)) {
		s, err := New(config, bare{})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx, sink) }()
		until(s)
		cancel()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	receive(func(s *Session) { <-s.Started() }) // the broker knows the sessions from now on
	payload := []byte(`{"time":"2026-11-21T10:30:00Z","values":{"import_wh":123456789,"v1":229.8,"v2":230.1,"v3":231.0,"i1":4.1,"i2":3.9,"i3":4.0,"p":2741,"q":312,"f":49.98}}`)
	var all sync.WaitGroup
	for i := range 4 {
		n := b.N / 4
		if i == 0 {
			n += b.N % 4
		}
		s := newSender(b, m.address, fmt.Sprint("sender-", i))
		all.Go(func() {
			payloads := make([][]byte, n)
			for j := range payloads {
				payloads[j] = payload
			}
			if err := s.publish(fmt.Sprintf("ami/v1/meter-%06d/reads", i), payloads...); err != nil {
				panic(err)
			}
		})
	}
	all.Wait()
	b.ResetTimer()
	begin, cpu := time.Now(), processCPU()
	receive(func(*Session) { <-sink.all })
	elapsed, used := time.Since(begin), processCPU()-cpu
	b.ReportMetric(float64(b.N)/elapsed.Seconds(), "msg/s")
	b.ReportMetric(float64(used.Nanoseconds())/1000/float64(b.N), "cpu-µs/msg")
}

func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
