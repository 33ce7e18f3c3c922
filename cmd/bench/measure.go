package main

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"lastgasp/headend"
	"lastgasp/protocols"
	"lastgasp/protocols/broker"
	"lastgasp/protocols/mqtt"
	"lastgasp/simulator"
	"lastgasp/timeseries/limit"
)

const (
	meters      = 20_000
	connections = 16
	valuesEach  = 10 // of a reading of the flood
)

// flood publishes messages and tells the rate of acknowledged ones, and what CPU each process spent on
// one. until, when given, decides when all is done; else the last acknowledgement does.
func (b *bench) flood(ctx context.Context, config simulator.FloodConfig, processes map[string]int, until func() error) (rate float64, cpu map[string]float64, err error) {
	before, err := cpuOfAll(processes)
	if err != nil {
		return 0, nil, err
	}
	config.Base = time.Now().Add(-24 * time.Hour).Truncate(time.Hour)
	config.Interval = time.Minute
	began := time.Now()
	result, err := simulator.Flood(ctx, config)
	if err != nil {
		return 0, nil, err
	}
	if until != nil {
		if err := until(); err != nil {
			return 0, nil, err
		}
	}
	took := time.Since(began)
	after, err := cpuOfAll(processes)
	if err != nil {
		return 0, nil, err
	}
	cpu = map[string]float64{}
	for name := range after {
		cpu[name] = float64((after[name] - before[name]).Microseconds()) / float64(result.Acknowledged)
	}
	return float64(result.Acknowledged) / took.Seconds(), cpu, nil
}

// cpuOfAll is the CPU time of each process; "load" is our own.
func cpuOfAll(processes map[string]int) (map[string]time.Duration, error) {
	all := map[string]time.Duration{}
	for name, pid := range processes {
		used, err := cpuOf(pid)
		if err != nil {
			return nil, err
		}
		all[name] = used
	}
	own, err := ownCPU()
	if err != nil {
		return nil, err
	}
	all["load"] = own
	return all, nil
}

// ownCPU is the CPU time of this process.
func ownCPU() (time.Duration, error) {
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return 0, fmt.Errorf("own CPU time: %w", err)
	}
	return time.Duration(own.Utime.Nano() + own.Stime.Nano()), nil
}

// embedded: one message a meter, PUBACK after the commit; the limit is the same broker with a sink that
// stores nothing.
func (b *bench) embedded(ctx context.Context, t *table) error {
	const messages = 600_000
	alone, err := b.brokerAlone(ctx, messages)
	if err != nil {
		return fmt.Errorf("broker alone: %w", err)
	}
	senders := simulator.FloodSenders(connections, meters, true)
	h, err := b.start(ctx, senders, "{}")
	if err != nil {
		return err
	}
	rate, cpu, err := b.flood(ctx, simulator.FloodConfig{Broker: "tcp://" + h.mqtt, Senders: senders, Messages: messages},
		map[string]int{"head-end": h.command.Process.Pid, "PostgreSQL": b.server.PID()}, nil)
	if err != nil {
		return err
	}
	t.add(line{what: "embedded broker, PUBACK after commit, messages of 10 values", value: rate, limit: alone, limited: "no store behind it", aim: "60 k/s", cpu: cpu})
	return h.stop()
}

// gateways: 100 readings a message; the limit is raw COPY into the same table.
func (b *bench) gateways(ctx context.Context, t *table) error {
	const messages, each = 12_000, 100
	senders := simulator.FloodSenders(connections, meters, true)
	h, err := b.start(ctx, senders, "{}")
	if err != nil {
		return err
	}
	from := time.Now().Add(-24 * time.Hour).Truncate(time.Hour)
	raw, err := limit.Copy(ctx, h.url, 1_000_000, 10_000_000, from)
	if err != nil {
		return err
	}
	rate, cpu, err := b.flood(ctx, simulator.FloodConfig{Broker: "tcp://" + h.mqtt, Senders: senders, Messages: messages, PerMessage: each},
		map[string]int{"head-end": h.command.Process.Pid, "PostgreSQL": b.server.PID()}, nil)
	if err != nil {
		return err
	}
	t.add(line{what: "gateways, 100 readings of 10 values a message, rows", value: rate * each, limit: raw, limited: "raw COPY", aim: "60 %", cpu: cpu})
	return h.stop()
}

// external: one message a meter through Mosquitto; the limit is Mosquitto with nobody subscribed.
func (b *bench) external(ctx context.Context, t *table) error {
	const messages = 400_000
	m, err := startMosquitto(ctx, b.dir)
	if err != nil {
		return err
	}
	defer m.stop()
	senders := simulator.FloodSenders(connections, meters, true)
	alone, _, err := b.flood(ctx, simulator.FloodConfig{Broker: "tcp://" + m.address, Senders: senders, Messages: messages}, nil, nil)
	if err != nil {
		return fmt.Errorf("measure Mosquitto alone: %w", err)
	}
	h, err := b.start(ctx, nil, fmt.Sprintf("broker: {enabled: false}\nmqtt: [{name: mosquitto, servers: [\"tcp://%s\"], client_id: lastgasp}]\n", m.address))
	if err != nil {
		return err
	}
	rate, cpu, err := b.flood(ctx, simulator.FloodConfig{Broker: "tcp://" + m.address, Senders: senders, Messages: messages},
		map[string]int{"head-end": h.command.Process.Pid, "PostgreSQL": b.server.PID(), "Mosquitto": m.command.Process.Pid},
		func() error { return h.waitStored(ctx, messages*valuesEach) })
	if err != nil {
		return err
	}
	t.add(line{what: "Mosquitto → committed, messages of 10 values", value: rate, limit: alone, limited: "Mosquitto, nobody subscribed",
		aim: "60 k/s, head-end ≤ 9 µs (Telegraf on such a machine: 24 k/s, 35 µs)", cpu: cpu})
	return h.stop()
}

// everybody lets every device in.
type everybody struct{}

func (everybody) Authenticate(_ context.Context, login broker.Login) (broker.Identity, error) {
	return broker.Identity{Device: headend.DeviceID(login.Username), Gateway: true}, nil
}

// nowhere is a sink that keeps nothing.
type nowhere struct{}

func (nowhere) Accept(context.Context, []headend.Batch) error { return nil }

var _ protocols.Sink = nowhere{}

func (b *bench) brokerAlone(ctx context.Context, messages int64) (float64, error) {
	router, err := mqtt.NewRouter(mqtt.RouterConfig{})
	if err != nil {
		return 0, err
	}
	address, err := freeAddress()
	if err != nil {
		return 0, err
	}
	alone, err := broker.New(broker.Config{Listen: address}, router, everybody{})
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- alone.Run(ctx, nowhere{}) }()
	<-alone.Started()
	senders := simulator.FloodSenders(connections, meters, true)
	for i := range senders {
		senders[i].Username, senders[i].Password = string(senders[i].Gateway), "none"
	}
	rate, _, err := b.flood(ctx, simulator.FloodConfig{Broker: "tcp://" + address, Senders: senders, Messages: messages}, nil, nil)
	cancel()
	if stopped := <-ended; err == nil {
		err = stopped
	}
	fmt.Fprintf(os.Stderr, "broker alone: %s/s\n", thousands(rate))
	return rate, err
}
