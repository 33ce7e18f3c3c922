package broker

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"

	"lastgasp/headend"
	"lastgasp/protocols"
)

// nothing stores nothing, at once.
type nothing struct{}

func (nothing) Accept(context.Context, []headend.Batch) error { return nil }

// trivial makes one batch of each message.
type trivial struct{}

func (trivial) Decode(m protocols.Message, out *protocols.Decoded) {
	out.Batches = append(out.Batches, headend.Batch{Device: "m", Received: m.Received, Raw: m.Payload})
}

// BenchmarkPublish measures QoS 1 publishes of 150 bytes from connect to PUBACK, with a sink that stores
// nothing. cpu-µs/msg is the whole process: the broker and the load generator in this test.
func BenchmarkPublish(b *testing.B) {
	for _, c := range []struct{ connections, window int }{{16, 256}, {200, 16}, {2000, 1}} {
		b.Run(fmt.Sprintf("connections=%d/window=%d", c.connections, c.window), func(b *testing.B) {
			benchmarkPublish(b, c.connections, c.window)
		})
	}
}

// BenchmarkMochi is the peer: mochi as it comes, acknowledging before anything has happened to a message.
func BenchmarkMochi(b *testing.B) {
	for _, c := range []struct{ connections, window int }{{16, 256}, {200, 16}, {2000, 1}} {
		b.Run(fmt.Sprintf("connections=%d/window=%d", c.connections, c.window), func(b *testing.B) {
			s := mqtt.New(&mqtt.Options{Logger: slog.New(slog.DiscardHandler)})
			if err := s.AddHook(new(auth.AllowHook), nil); err != nil {
				b.Fatal(err)
			}
			tcp := listeners.NewTCP(listeners.Config{ID: "tcp", Address: "127.0.0.1:0"})
			if err := s.AddListener(tcp); err != nil {
				b.Fatal(err)
			}
			if err := s.Serve(); err != nil {
				b.Fatal(err)
			}
			flood(b, tcp.Address(), c.connections, c.window)
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func benchmarkPublish(b *testing.B, connections, window int) {
	broker, err := New(Config{Listen: "127.0.0.1:0"}, trivial{}, anyDevice{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- broker.Run(ctx, nothing{}) }()
	<-broker.Started()
	flood(b, broker.Addr(), connections, window)
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

// flood publishes b.N messages and waits for their acknowledgements.
func flood(b *testing.B, address string, connections, window int) {
	publishers := make([]*publisher, connections)
	for i := range publishers {
		publishers[i] = newPublisher(b, address, i, window)
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	begin, cpu := time.Now(), processTime()
	var all sync.WaitGroup
	for _, p := range publishers {
		all.Go(func() { p.flood(&left) })
	}
	all.Wait()
	elapsed, used := time.Since(begin), processTime()-cpu
	b.StopTimer()
	b.ReportMetric(float64(b.N)/elapsed.Seconds(), "msg/s")
	b.ReportMetric(float64(used.Microseconds())/float64(b.N), "cpu-µs/msg")
	for _, p := range publishers {
		p.nc.Close()
	}
}

type anyDevice struct{}

func (anyDevice) Authenticate(_ context.Context, l Login) (Identity, error) {
	return Identity{Device: headend.DeviceID(l.Username), Gateway: true}, nil
}

func processTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// publisher keeps window publishes in flight and costs as little as it can.
type publisher struct {
	nc     net.Conn
	br     *bufio.Reader
	window int
	packet []byte
	idAt   int
	out    []byte
	in     []byte
}

func newPublisher(b *testing.B, address string, i, window int) *publisher {
	nc, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	p := &publisher{nc: nc, br: bufio.NewReaderSize(nc, 4096), window: window, in: make([]byte, 4)}
	user := fmt.Sprintf("meter-%06d", i)
	if _, err := nc.Write(hello{id: user, user: user, password: "secret"}.packet()); err != nil {
		b.Fatal(err)
	}
	if ack, err := readPacket(p.br); err != nil || ack.body[1] != 0 {
		b.Fatalf("connect: %v %v", ack, err)
	}
	topic := "ami/v1/" + user + "/reads"
	payload := []byte(`{"time":"2026-11-21T10:30:00Z","values":{"import_wh":123456789,"v1":229.8,"v2":230.1,"v3":231.0,"i1":4.1,"i2":3.9,"i3":4.0,"p":2741,"q":312,"f":49.98}}`)
	p.packet = publishPacket(topic, payload, 1, 1)
	p.idAt = len(p.packet) - len(payload) - 2
	return p
}

func (p *publisher) flood(left *atomic.Int64) {
	id := uint16(0)
	for {
		n := p.window
		if rest := left.Add(-int64(n)); rest < 0 {
			n += int(rest)
		}
		if n <= 0 {
			return
		}
		p.out = p.out[:0]
		for range n {
			if id++; id == 0 {
				id = 1
			}
			at := len(p.out) + p.idAt
			p.out = append(p.out, p.packet...)
			binary.BigEndian.PutUint16(p.out[at:], id)
		}
		if _, err := p.nc.Write(p.out); err != nil {
			panic(err)
		}
		for range n {
			if _, err := io.ReadFull(p.br, p.in); err != nil {
				panic(err)
			}
		}
	}
}
