package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	goburrow "github.com/goburrow/modbus"

	"lastgasp/headend"
	"lastgasp/protocols/modbus"
)

// benchProfile is a meter as they are: 16 input registers in one request, eight values.
const benchProfile = `model: bench
source: the speed table
function: 4
groups: {live: {interval: 10s}}
registers:
  - {quantity: v1, address: 0, type: f32, unit: V}
  - {quantity: v2, address: 2, type: f32, unit: V}
  - {quantity: v3, address: 4, type: f32, unit: V}
  - {quantity: i1, address: 6, type: f32, unit: A}
  - {quantity: i2, address: 8, type: f32, unit: A}
  - {quantity: i3, address: 10, type: f32, unit: A}
  - {quantity: p, address: 12, type: f32, unit: W}
  - {quantity: f, address: 14, type: f32, unit: Hz}
`

const (
	modbusUnits = 5_000
	perPort     = 50 // units behind a connection at 10 s; 20 at 1 s, which is what 20 ms of latency lets through with room to spare
)

// polling is what a run of polls cost.
type polling struct {
	polls  uint64
	missed uint64
	took   time.Duration
	cpu    time.Duration
}

func (p polling) each() time.Duration { return p.cpu / time.Duration(max(p.polls, 1)) }

// core is how many units one core polls at an interval.
func (p polling) core(interval time.Duration) float64 {
	return float64(interval) / float64(max(p.each(), 1))
}

// modbus: CPU a poll of 5,000 units at 10 s and at 1 s, and so how many units a core carries. The limit is goburrow in a
// plain loop on one connection: each poll waits for the one before.
func (b *bench) modbus(ctx context.Context, t *table) error {
	folder := filepath.Join(b.dir, "profiles")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "bench.yaml"), []byte(benchProfile), 0o600); err != nil {
		return err
	}
	profiles, err := modbus.LoadProfiles(folder)
	if err != nil {
		return err
	}
	plain, err := serialLoop(ctx, 5*time.Second)
	if err != nil {
		return fmt.Errorf("goburrow in a loop: %w", err)
	}
	for _, c := range []struct {
		interval time.Duration
		each     int // units a connection
		length   time.Duration
		aim      string
	}{
		{10 * time.Second, perPort, 20 * time.Second, "5,000 units on one core"},
		{time.Second, 20, 10 * time.Second, "-"},
	} {
		p, err := polled(ctx, profiles, c.interval, c.each, c.length)
		if err != nil {
			return fmt.Errorf("modbus at %s: %w", c.interval, err)
		}
		loop := float64(plain.polls) / plain.took.Seconds() * c.interval.Seconds()
		t.addPolls(pollLine{interval: c.interval, polled: p, plain: plain, core: p.core(c.interval), loop: loop, aim: c.aim})
	}
	return nil
}

// polled runs the driver on all units for a while.
func polled(ctx context.Context, profiles *modbus.Profiles, interval time.Duration, each int, length time.Duration) (polling, error) {
	f, err := startField(ctx, modbusUnits/each)
	if err != nil {
		return polling{}, err
	}
	devices := make([]modbus.Device, modbusUnits)
	for i := range devices {
		devices[i] = modbus.Device{ID: headend.DeviceID(fmt.Sprintf("M%d", i)), Address: "tcp://" + f.addresses[i/each], Unit: i%each + 1, Profile: "bench",
			Intervals: map[string]time.Duration{"live": interval}}
	}
	driver, err := modbus.New(modbus.Config{Devices: devices}, profiles)
	if err != nil {
		return polling{}, errors.Join(err, f.stop())
	}
	before, err := ownCPU()
	if err != nil {
		return polling{}, errors.Join(err, f.stop())
	}
	running, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	err = driver.Run(running, nowhere{})
	after, cpuErr := ownCPU()
	counts := driver.Counts()
	p := polling{polls: counts.Polls, took: length, cpu: after - before}
	for _, n := range counts.Missed {
		p.missed += n
	}
	return p, errors.Join(err, cpuErr, f.stop(), ctx.Err())
}

// serialLoop polls one unit after the other, as a script would.
func serialLoop(ctx context.Context, length time.Duration) (p polling, err error) {
	f, err := startField(ctx, 1)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	handler := goburrow.NewTCPClientHandler(f.addresses[0])
	if err := handler.Connect(); err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, handler.Close()) }()
	client := goburrow.NewClient(handler)
	before, err := ownCPU()
	if err != nil {
		return p, err
	}
	for began := time.Now(); p.took < length && ctx.Err() == nil; p.took = time.Since(began) {
		handler.SlaveId = byte(p.polls%247 + 1)
		if _, err := client.ReadInputRegisters(0, 16); err != nil {
			return p, err
		}
		p.polls++
	}
	after, err := ownCPU()
	p.cpu = after - before
	return p, errors.Join(err, ctx.Err())
}
