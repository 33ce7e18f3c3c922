package modbus

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lastgasp/headend"
)

const meterText = `model: small_meter
source: test
function: 3
timeout: 1s
groups:
  live: {interval: 10s}
registers:
  - {quantity: a, address: 0, type: u16, unit: 1}
  - {quantity: b, address: 1, type: u16, unit: 1}
`

// simulate runs a driver in synthetic time, with a simulated server behind every address.
func simulate(t *testing.T, s *server, c Config, p *Profiles, options ...Option) (out *sink, d *Driver, stop func()) {
	t.Helper()
	c.Probe, c.ProbeMost = 2*time.Second, time.Minute // the defaults
	d = driver(t, c, p, append(options, WithDialer(s))...)
	out = newSink()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx, out) }()
	return out, d, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v", err)
		}
		s.close()
	}
}

// wait lets synthetic time pass.
func wait(d time.Duration) { <-time.After(d) }

// One dead unit among 200 on a connection, each reply taking 20 ms: the others keep their interval, and the unit
// is back soon after it lives again.
func TestOneDeadUnitAmong200(t *testing.T) {
	p := own(t, meterText)
	synctest.Test(t, func(t *testing.T) {
		const dead = 77
		s := newServer(false)
		s.latency = 20 * time.Millisecond
		var devices []Device
		for id := 1; id <= 200; id++ {
			s.unit(byte(id))
			devices = append(devices, Device{ID: headend.DeviceID(fmt.Sprintf("M%d", id)), Address: "tcp://gateway", Unit: id, Profile: "small_meter"})
		}
		s.set(dead, silence, 0)
		out, d, stop := simulate(t, s, Config{Devices: devices}, p)
		wait(10 * time.Minute)
		healthyAgain := time.Now()
		s.set(dead, healthy, 0)
		wait(3 * time.Minute)
		stop()
		times := map[headend.DeviceID][]time.Time{}
		for _, b := range out.all() {
			times[b.Device] = append(times[b.Device], b.Received)
		}
		worst := time.Duration(0)
		for _, device := range devices {
			got := times[device.ID]
			if device.Unit == dead {
				if len(got) == 0 || got[0].Sub(healthyAgain) > 75*time.Second {
					t.Errorf("the dead unit came back after %v", got)
				}
				continue
			}
			if n := len(got); n < 77 || n > 79 {
				t.Errorf("%s was read %d times in 13 minutes, want 78", device.ID, n)
			}
			for i := 1; i < len(got); i++ {
				late := got[i].Sub(got[i-1]) - 10*time.Second
				worst = max(worst, late, -late)
			}
		}
		if worst > 1500*time.Millisecond {
			t.Errorf("an interval was off by %s", worst)
		}
		c := d.Counts()
		if c.Missed["overrun"] > 0 || c.Missed["dead"] == 0 {
			t.Errorf("missed %v", c.Missed)
		}
		t.Logf("worst deviation from the interval %s; %d polls, missed %v", worst, c.Polls, c.Missed)
	})
}

// One lost frame costs no turn of a quarter of an hour: the poll is tried a second time ten seconds on, and then keeps its grid. Two lost in a row
// are one missed poll. A group polled more often than a second try could wait for an answer just waits for its next turn.
func TestALostFrameIsAskedForAgain(t *testing.T) {
	p := own(t, strings.Replace(meterText, "interval: 10s", "interval: 15m, aligned: true", 1))
	for _, c := range []struct {
		name           string
		lost           int
		interval       time.Duration
		polls, asked   int
		failed         uint64
		first, between time.Duration // after its turn; from it to the next poll
	}{
		{"one lost", 1, 15 * time.Minute, 3, 4, 0, 11 * time.Second, 15*time.Minute - 11*time.Second},
		{"two lost", 2, 15 * time.Minute, 2, 4, 1, 15 * time.Minute, 15 * time.Minute},
		{"one lost of each second", 1, time.Second, 2699, 2700, 1, time.Second, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(false)
				s.unit(1)
				s.set(1, silence, c.lost)
				begin := time.Now().Truncate(15 * time.Minute)
				out, d, stop := simulate(t, s, Config{Devices: []Device{{ID: "M1", Address: "tcp://gateway", Unit: 1, Profile: "small_meter",
					Intervals: map[string]time.Duration{"live": c.interval}}}}, p)
				wait(time.Until(begin.Add(45*time.Minute + 30*time.Second + 500*time.Millisecond)))
				stop()
				got, counts := of(out.all(), "M1"), d.Counts()
				if c.interval == time.Second { // the rest of the last half minute
					c.polls, c.asked = c.polls+30, c.asked+30
				}
				if len(got) != c.polls || s.asked(1) != c.asked || counts.Missed["failed"] != c.failed || counts.Missed["overrun"] > 0 || counts.Dead != 0 {
					t.Fatalf("%d polls, %d requests, missed %v, %d dead; want %d, %d and %d failed", len(got), s.asked(1), counts.Missed, counts.Dead, c.polls, c.asked, c.failed)
				}
				turn := begin.Add(c.interval)
				if late := got[0].Received.Sub(turn); late != c.first {
					t.Errorf("the first poll came %s after its turn, want %s", late, c.first)
				}
				if between := got[1].Received.Sub(got[0].Received); between != c.between {
					t.Errorf("the second came %s after it, want %s", between, c.between)
				}
			})
		})
	}
}

// A whole line dies and comes back: all units are read again within a minute, not one after the other.
func TestWholeLineComesBack(t *testing.T) {
	p := own(t, meterText)
	synctest.Test(t, func(t *testing.T) {
		s := newServer(true)
		s.latency = 20 * time.Millisecond
		var devices []Device
		for id := 1; id <= 60; id++ {
			s.unit(byte(id))
			s.set(byte(id), silence, 0)
			devices = append(devices, Device{ID: headend.DeviceID(fmt.Sprintf("M%d", id)), Address: "rtutcp://gateway", Unit: id, Profile: "small_meter"})
		}
		out, d, stop := simulate(t, s, Config{Devices: devices}, p)
		wait(15 * time.Minute)
		if n := d.Counts().Dead; n != 60 {
			t.Errorf("%d units dead, want 60", n)
		}
		for id := 1; id <= 60; id++ {
			s.set(byte(id), healthy, 0)
		}
		wait(time.Minute)
		back := map[headend.DeviceID]bool{}
		for _, b := range out.all() {
			back[b.Device] = true
		}
		if len(back) != 60 {
			t.Errorf("%d of 60 units are back after a minute", len(back))
		}
		stop()
	})
}

// Aligned groups are read when the clock says so, spread ones over their interval, and a breaker each second in
// between.
func TestIntervals(t *testing.T) {
	p := own(t, strings.NewReplacer("small_meter", "feeder", "live: {interval: 10s}", "state: {interval: 1s}\n  energy: {interval: 15m, aligned: true}",
		"unit: 1}\n  - {quantity: b, address: 1,", "unit: 1, group: energy}\n  - {state: breaker, enum: {1: open, 2: closed}, group: state, address: 1,", "unit: 1}\n", "}\n").Replace(
		strings.Replace(meterText, "type: u16, unit: 1}\n", "type: u16, unit: 1}\n", 1)))
	synctest.Test(t, func(t *testing.T) {
		s := newServer(false)
		s.latency = 20 * time.Millisecond
		var devices []Device
		for id := 1; id <= 20; id++ {
			s.unit(byte(id)).value = func(_ byte, address uint16) uint16 { return 2 }
			devices = append(devices, Device{ID: headend.DeviceID(fmt.Sprintf("F%d", id)), Address: "tcp://gateway", Unit: id, Profile: "feeder"})
		}
		out, d, stop := simulate(t, s, Config{Devices: devices}, p)
		wait(46 * time.Minute)
		stop()
		for _, device := range devices {
			got := of(out.all(), device.ID)
			if len(got) != 3 {
				t.Errorf("%s: %d energy polls in 46 minutes, want 3", device.ID, len(got))
			}
			for _, b := range got {
				if late := b.Received.Sub(b.Received.Truncate(15 * time.Minute)); late > time.Second {
					t.Errorf("%s: energy read %s after the quarter", device.ID, late)
				}
			}
			if e := events(out.all(), device.ID); len(e) != 1 || e[0].Type != headend.EventBreakerClosed {
				t.Errorf("%s: events %v, want one breaker_closed", device.ID, e)
			}
		}
		if want := uint64(20 * 46 * 60); d.Counts().Requests < want*99/100 {
			t.Errorf("%d requests, want %d of breakers alone", d.Counts().Requests, want)
		}
	})
}

func TestSpreadIsStableAndEven(t *testing.T) {
	const interval = 10 * time.Second
	if a, b := spread("meter-1", "live", interval), spread("meter-1", "live", interval); a != b {
		t.Errorf("%s and %s", a, b)
	}
	var tenths [10]int
	for i := range 10000 {
		tenths[spread(headend.DeviceID(fmt.Sprintf("meter-%d", i)), "live", interval)/time.Second]++
	}
	for i, n := range tenths {
		if n < 850 || n > 1150 {
			t.Errorf("%d of 10,000 devices in second %d", n, i)
		}
	}
}

// Several requests in flight: with a window of 8 a device that takes 20 ms for each answers 40 polls in the time of 5,
// whatever the order of its replies.
func TestWindow(t *testing.T) {
	s := newServer(false)
	var devices []Device
	for id := 1; id <= 8; id++ {
		s.unit(byte(id))
	}
	s.reorder = 8 // nothing is answered until eight requests are there
	address := "tcp://" + s.listen(t)
	for id := 1; id <= 8; id++ {
		devices = append(devices, Device{ID: headend.DeviceID(fmt.Sprintf("M%d", id)), Address: address, Unit: id, Profile: "wide", Intervals: map[string]time.Duration{"live": 100 * time.Millisecond}})
	}
	d := driver(t, Config{Devices: devices}, own(t, strings.Replace(meterText, "small_meter", "wide", 1)+"window: 8\n"))
	out := newSink()
	stop := run(t, d, out)
	out.await(t, "all eight", func(b []headend.Batch) bool {
		for _, device := range devices {
			if len(of(b, device.ID)) == 0 {
				return false
			}
		}
		return true
	})
	stop()
	for _, b := range out.all() {
		var unit int
		if _, err := fmt.Sscanf(string(b.Device), "M%d", &unit); err != nil {
			t.Fatal(err)
		}
		for _, r := range b.Readings {
			if r.Value.Int64() != int64(truth(byte(unit), twinAddress[r.Quantity])) {
				t.Errorf("%s %s is %v", b.Device, r.Quantity, r.Value)
			}
		}
	}
}

// A device that refuses requests with registers it does not have is asked without the gaps from then on.
func TestRefusedGap(t *testing.T) {
	s := newServer(false)
	s.unit(1).forbid = func(q simRequest) byte {
		if q.address <= 5 && q.address+q.count > 5 {
			return 2
		}
		return 0
	}
	text := strings.Replace(meterText, "address: 1,", "address: 9,", 1)
	d := driver(t, Config{Devices: []Device{{ID: "m", Address: "tcp://" + s.listen(t), Unit: 1, Profile: "small_meter", Intervals: map[string]time.Duration{"live": 100 * time.Millisecond}}}}, own(t, text))
	out := newSink()
	stop := run(t, d, out)
	out.await(t, "a poll", func(b []headend.Batch) bool { return len(of(b, "m")) > 1 })
	stop()
	for _, b := range out.all() {
		if len(b.Readings) != 2 {
			t.Errorf("%d readings from %s", len(b.Readings), b.Source.Address)
		}
	}
}
