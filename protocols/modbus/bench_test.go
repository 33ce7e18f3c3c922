package modbus

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/goburrow/modbus"

	"lastgasp/headend"
)

// serverVariable makes the test binary be a simulated server, so that the processor time of a benchmark is the
// driver's alone.
const serverVariable = "LASTGASP_MODBUS_SERVER"

// beServer serves as many ports as asked for, units 1 to 247 behind each, every reply after 20 ms, until its
// input ends. Replies on different connections do not wait for each other.
func beServer() {
	var ports int
	if _, err := fmt.Sscan(os.Getenv(serverVariable), &ports); err != nil {
		panic(err)
	}
	var addresses []string
	for range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		addresses = append(addresses, listener.Addr().String())
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				s := newServer(false)
				s.latency = 20 * time.Millisecond
				for id := 1; id <= 247; id++ {
					s.unit(byte(id))
				}
				go s.serve(conn)
			}
		}()
	}
	if err := json.NewEncoder(os.Stdout).Encode(addresses); err != nil {
		panic(err)
	}
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		panic(err)
	}
}

// serverProcess starts beServer and returns its addresses.
func serverProcess(b *testing.B, ports int) []string {
	b.Helper()
	command := exec.Command(os.Args[0], "-test.run=^$")
	command.Env = append(os.Environ(), fmt.Sprintf("%s=%d", serverVariable, ports))
	in, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		closeIt(b, in)
		if err := command.Wait(); err != nil {
			b.Error(err)
		}
	})
	var addresses []string
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&addresses); err != nil {
		b.Fatal(err)
	}
	return addresses
}

// cpu is the processor time of this process.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkUnits polls 5,000 SDM120s (16 registers in one request) whose replies take 20 ms. It reports the processor
// time of a poll, and what follows from it: how many units one core polls. "goburrow" is the library's own client in a
// plain loop, one connection.
//
//	go test -run '^$' -bench Units -benchtime 1x ./protocols/modbus
func BenchmarkUnits(b *testing.B) {
	text := "model: bench\nsource: test\nfunction: 4\ngroups: {live: {interval: 10s}}\nregisters:\n"
	for i := range 8 {
		text += fmt.Sprintf("  - {quantity: x%d, address: %d, type: f32, unit: V}\n", i, 2*i)
	}
	for _, c := range []struct {
		name     string
		units    int
		ports    int
		interval time.Duration
		window   int
		length   time.Duration
	}{
		{"5000 units in 10 s, 100 connections", 5000, 100, 10 * time.Second, 1, 20 * time.Second},
		{"5000 units in 10 s, 5000 connections", 5000, 5000, 10 * time.Second, 1, 20 * time.Second},
		{"5000 units in 1 s, 250 connections", 5000, 250, time.Second, 1, 10 * time.Second},
	} {
		b.Run(c.name, func(b *testing.B) {
			addresses := serverProcess(b, min(c.ports, 250))
			var devices []Device
			for i := range c.units {
				address := addresses[i%len(addresses)]
				if c.ports > len(addresses) { // every unit behind its own connection: another name for the same address
					_, port, _ := strings.Cut(address, ":")
					address = fmt.Sprintf("127.0.%d.%d:%s", i/len(addresses)+1, i%250+1, port)
				}
				devices = append(devices, Device{ID: headend.DeviceID(fmt.Sprintf("M%d", i)), Address: "tcp://" + address, Unit: i/len(addresses)%247 + 1, Profile: "bench",
					Intervals: map[string]time.Duration{"live": c.interval}})
			}
			p := own(b, text)
			options := []Option{}
			if c.ports > len(addresses) {
				options = append(options, WithDialer(loopback{}))
			}
			d := driver(b, Config{Devices: devices}, p, options...)
			var stored atomic.Int64
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(b.N)*c.length)
			defer cancel()
			before := cpu(b)
			if err := d.Run(ctx, counting{&stored}); err != nil {
				b.Fatal(err)
			}
			used := cpu(b) - before
			counts := d.Counts()
			poll := used / time.Duration(max(counts.Polls, 1))
			b.ReportMetric(float64(poll.Microseconds()), "µs-cpu/poll")
			b.ReportMetric(float64(counts.Polls)/(time.Duration(b.N)*c.length).Seconds(), "polls/s")
			b.ReportMetric(100*used.Seconds()/(time.Duration(b.N)*c.length).Seconds(), "%-of-a-core")
			b.ReportMetric(float64(10*time.Second/poll), "units/core/10s")
			b.ReportMetric(float64(time.Second/poll), "units/core/1s")
			b.ReportMetric(float64(counts.Missed["overrun"]+counts.Missed["failed"]), "missed")
			b.ReportMetric(0, "ns/op")
		})
	}
	b.Run("goburrow, one connection, plain loop", func(b *testing.B) {
		addresses := serverProcess(b, 1)
		handler := modbus.NewTCPClientHandler(addresses[0])
		if err := handler.Connect(); err != nil {
			b.Fatal(err)
		}
		client := modbus.NewClient(handler)
		before, began, polls := cpu(b), time.Now(), 0
		for time.Since(began) < time.Duration(b.N)*5*time.Second {
			handler.SlaveId = byte(polls%247 + 1)
			if _, err := client.ReadInputRegisters(0, 16); err != nil {
				b.Fatal(err)
			}
			polls++
		}
		used := cpu(b) - before
		b.ReportMetric(float64((used / time.Duration(polls)).Microseconds()), "µs-cpu/poll")
		b.ReportMetric(float64(polls)/time.Since(began).Seconds(), "polls/s")
		b.ReportMetric(float64(polls)/time.Since(began).Seconds()*10, "units/10s")
		b.ReportMetric(0, "ns/op")
		closeIt(b, handler)
	})
}

// counting is a sink that only counts.
type counting struct{ n *atomic.Int64 }

func (c counting) Accept(_ context.Context, batches []headend.Batch) error {
	c.n.Add(int64(len(batches)))
	return nil
}

// loopback reaches every 127.x.y.z at 127.0.0.1, where the servers are.
type loopback struct{}

func (loopback) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
}

// BenchmarkDecode is the decoder alone: one poll of an SDM630's 24 live values.
func BenchmarkDecode(b *testing.B) {
	p := profileOf(b, "eastron_sdm630")
	pl := newPlan(p, p.inGroup(p.group("live")), 0, p.limits())
	var o outcome
	var d decoded
	o.reset(len(pl.requests))
	for i, q := range pl.requests {
		o.at[i] = len(o.raw)
		o.raw = append(o.raw, make([]byte, q.bytes())...)
		o.answered++
	}
	b.ReportAllocs()
	for b.Loop() {
		decode(p, pl, &o, 0, &d)
	}
	b.ReportMetric(float64(len(d.readings)), "values")
}
