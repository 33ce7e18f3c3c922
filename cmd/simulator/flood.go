package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"lastgasp/headend"
	"lastgasp/simulator"
)

// floodCommand is `simulator flood`.
type floodCommand struct {
	Broker      string        `default:"tcp://127.0.0.1:1883" help:"Broker, tcp://host:port or tls://host:port."`
	Grid        string        `type:"existingdir" help:"Folder with a grid's CSV files: log in as its gateways and speak for its meters."`
	Connections int           `short:"c" default:"4" help:"Connections; with --grid, how many of its gateways and own-speaking meters (0: all)."`
	Meters      int           `short:"m" default:"10000" help:"Meters, shared by the connections. Not with --grid."`
	PerMessage  int           `default:"1" help:"Readings in a message; above 1 the connections are gateways."`
	Gateways    bool          `help:"Connections are gateways even with one reading a message."`
	Messages    int64         `short:"n" help:"Stop after this many messages in all."`
	Duration    time.Duration `short:"d" help:"Stop sending after this long."`
	Rate        float64       `help:"Messages per second in all; 0: as many as the broker takes."`
	Window      int           `default:"500" help:"Unacknowledged messages for each connection."`
	Base        time.Time     `help:"Time of the first reading (RFC 3339). Default 2026-01-01T00:00:00Z."`
	Interval    time.Duration `default:"30m" help:"From one reading of a meter to its next."`
	Username    string        `help:"User name of every connection. Not with --grid."`
	Password    string        `help:"Password of every connection. Not with --grid." env:"LASTGASP_FLOOD_PASSWORD"`
	Acked       string        `type:"path" help:"Write every acknowledged reading to this CSV file: device,time."`
}

// Run is called by kong.
func (f *floodCommand) Run(ctx context.Context) error {
	config := simulator.FloodConfig{Broker: f.Broker, PerMessage: f.PerMessage, Messages: f.Messages, Duration: f.Duration,
		Rate: f.Rate, Window: f.Window, Base: f.Base, Interval: f.Interval, Counters: new(simulator.FloodCounters)}
	var err error
	if config.Senders, err = f.senders(); err != nil {
		return err
	}
	if err := simulator.Probe(ctx, f.Broker); err != nil {
		return err
	}
	before := cpuTime()
	status := newStatus(time.Second, func() string { return floodStatus(config.Counters) })
	result, err := simulator.Flood(ctx, config)
	status.stop()
	cpu := cpuTime() - before
	seconds := max(result.Elapsed.Seconds(), 1e-9)
	fmt.Printf("%d messages sent, %d acknowledged (%d readings) in %.2f s: %.0f messages/s, %.0f readings/s, %.1f MB/s\n",
		result.Sent, result.Acknowledged, result.Readings, seconds, float64(result.Acknowledged)/seconds,
		float64(result.Readings)/seconds, float64(result.Bytes)/1e6/seconds)
	fmt.Printf("%d sent again after %d broken connections; write to acknowledgement %v median, %v p99, %v slowest; %.2f µs of CPU a message\n",
		result.Resent, result.Broken, result.P50.Round(time.Microsecond), result.P99.Round(time.Microsecond),
		result.Slowest.Round(time.Microsecond), float64(cpu.Microseconds())/float64(max(result.Sent+result.Resent, 1)))
	if f.Acked != "" {
		err = errors.Join(err, writeAcked(f.Acked, config, &result))
	}
	return err
}

// senders are the grid's gateways or made-up connections.
func (f *floodCommand) senders() ([]simulator.FloodSender, error) {
	if f.Grid != "" {
		grid, err := simulator.Load(f.Grid, simulator.GridSpec{})
		if err != nil {
			return nil, err
		}
		senders := grid.Senders()
		if f.PerMessage > 1 { // meters that speak for themselves cannot fill such a message
			senders = slices.DeleteFunc(senders, func(s simulator.FloodSender) bool { return s.Gateway == "" })
		}
		if f.Connections > 0 && f.Connections < len(senders) {
			senders = senders[:f.Connections]
		}
		return senders, nil
	}
	senders := simulator.FloodSenders(f.Connections, f.Meters, f.Gateways || f.PerMessage > 1)
	for i := range senders {
		senders[i].Username, senders[i].Password = f.Username, f.Password
	}
	return senders, nil
}

func floodStatus(c *simulator.FloodCounters) string {
	return fmt.Sprintf("%d sent, %d acknowledged, %d sent again, %d broken connections",
		c.Sent.Load(), c.Acknowledged.Load(), c.Resent.Load(), c.Broken.Load())
}

// writeAcked lists what the broker acknowledged.
func writeAcked(path string, config simulator.FloodConfig, result *simulator.FloodResult) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(file)
	fmt.Fprintln(w, "device,time")
	result.Each(func(_ int, id headend.DeviceID, k int64) bool {
		_, err = fmt.Fprintf(w, "%s,%s\n", id, config.Time(k).Format(time.RFC3339Nano))
		return err == nil
	})
	return errors.Join(w.Flush(), file.Close())
}

// cpuTime is what this process has used so far, user and system.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0 // only a figure for the eye
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
