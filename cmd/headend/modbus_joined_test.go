package main

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/protocols/modbus"
	"lastgasp/simulator"
)

// wireFaults is what each fault of the simulator must be counted as, by framing. stuck is a test of its own.
var wireFaults = map[simulator.FaultKind]struct{ tcp, rtu []string }{
	simulator.FaultRTULost:     {[]string{"gateway"}, []string{"gateway"}},
	simulator.FaultLateReply:   {[]string{"timeout"}, []string{"timeout", "malformed", "wrong_length"}},
	simulator.FaultWrongID:     {[]string{"wrong_transaction", "timeout"}, []string{"malformed"}},
	simulator.FaultException:   {[]string{"gateway"}, []string{"gateway"}},
	simulator.FaultHalfFrame:   {[]string{"timeout", "malformed"}, []string{"timeout", "malformed"}},
	simulator.FaultReset:       {[]string{"closed"}, []string{"closed"}},
	simulator.FaultSilence:     {[]string{"timeout"}, []string{"timeout"}},
	simulator.FaultWrongLength: {[]string{"wrong_length"}, []string{"wrong_length"}},
	simulator.FaultWrongHeader: {[]string{"timeout", "malformed"}, []string{"timeout", "malformed", "wrong_length"}},
	simulator.FaultOtherUnit:   {[]string{"wrong_unit"}, []string{"timeout", "malformed", "wrong_unit"}},
}

// Every fault of the wire, over both framings and with several requests in flight, with the simulator's own face on the other side: while it lasts polls are
// missed and counted by reason, a relay's breaker becomes unknown and never open, the neighbours go on; when it ends all
// comes back by itself; and at no time is a value stored that was not true.
func TestEveryWireFaultAgainstTheSimulator(t *testing.T) {
	t.Parallel()
	var walking sync.WaitGroup
	defer walking.Wait()
	places := make(chan struct{}, 8) // they wait more than they compute
	for name, way := range map[string]struct{ framing, window string }{"tcp": {simulator.FramingTCP, ""},
		"tcp, four requests in flight": {simulator.FramingTCP, "window: 4\n"}, "rtu over tcp": {simulator.FramingRTU, ""}} {
		for _, kind := range simulator.WireFaultKinds() {
			if kind == simulator.FaultStuck {
				continue // TestStuckValuesAgainstTheSimulator
			}
			walking.Go(func() {
				places <- struct{}{}
				defer func() { <-places }()
				t.Run(name+" "+string(kind), func(t *testing.T) { walkFault(t, way.framing, way.window, kind) })
			})
		}
	}
}

// faultField is the field of walkFault: units that will break, and their neighbours on the same connection.
type faultField struct {
	*modbusField
	broken, neighbours []headend.DeviceID
	truths             truths
	out                *recording
	stop               func()
}

func newFaultField(t *testing.T, framing string, change func(model, text string) string, interval time.Duration) *faultField {
	t.Helper()
	f := &faultField{modbusField: newModbusField(t, framing, "")}
	var devices []modbus.Device
	for part := range fieldModels {
		units := f.grid.UnitsOf(part)
		f.broken = append(f.broken, units[0])
		if len(units) > 1 {
			f.neighbours = append(f.neighbours, units[1])
		}
	}
	every := map[string]map[string]time.Duration{"sel_751a": {"state": interval}, "siemens_sicam_fcm": {"state": interval}, "abb_b23": {}, "schneider_iem3000": {}}
	for _, id := range append(f.broken[:len(f.broken):len(f.broken)], f.neighbours...) {
		d := f.device(id)
		d.Intervals = map[string]time.Duration{"live": interval, "energy": interval}
		for group, length := range every[d.Profile] {
			d.Intervals[group] = length
		}
		devices = append(devices, d)
	}
	f.play()
	ctx, cancel := context.WithCancel(context.Background())
	var recording sync.WaitGroup
	recording.Go(func() {
		f.truths.record(ctx, t, f.simulation, append(f.broken[:len(f.broken):len(f.broken)], f.neighbours...))
	})
	t.Cleanup(func() { cancel(); recording.Wait() })
	f.out, f.stop = runDriver(t, modbus.Config{Devices: devices, Probe: 200 * time.Millisecond, ProbeMost: time.Second, Reconnect: 50 * time.Millisecond, ReconnectMost: time.Second},
		ownProfiles(t, change))
	f.awaitAll(t, "every unit", append(f.broken[:len(f.broken):len(f.broken)], f.neighbours...), 2)
	f.out.await(t, "closed breakers", func(b []headend.Batch) bool {
		return len(said(b, f.grid.UnitsOf("relay")[0])) > 0 && len(said(b, f.grid.UnitsOf("relay")[1])) > 0
	})
	return f
}

// awaitAll waits until each unit has been polled so many times more.
func (f *faultField) awaitAll(t *testing.T, what string, units []headend.DeviceID, more int) {
	t.Helper()
	before := map[headend.DeviceID]int{}
	for _, id := range units {
		before[id] = polls(f.out.all(), id)
	}
	f.out.await(t, what, func(b []headend.Batch) bool {
		for _, id := range units {
			if polls(b, id) < before[id]+more {
				return false
			}
		}
		return true
	})
}

// of is the broken unit of a part.
func (f *faultField) of(part string) headend.DeviceID { return f.grid.UnitsOf(part)[0] }

// quick gives up on a reply earlier than the shipped profiles, for the sake of the test's length.
func quick(_, text string) string { return "timeout: 300ms\n" + text }

func walkFault(t *testing.T, framing, window string, kind simulator.FaultKind) {
	f := newFaultField(t, framing, func(model, text string) string { return window + quick(model, text) }, 300*time.Millisecond)
	before := f.out.driver.Counts()
	relay := f.of("relay")
	fault := simulator.WireFault{Kind: kind, Delay: 500 * time.Millisecond}
	if kind == simulator.FaultAbsentValues {
		meters := []headend.DeviceID{f.of("head_meter"), f.of("transformer_meter")}
		mend := f.breakAll(t, meters, fault)
		f.out.await(t, "absent values", func([]headend.Batch) bool {
			now := f.out.driver.Counts().Absent
			return counted(now, "not_a_number") > counted(before.Absent, "not_a_number")+20 && counted(now, "not_measured") > counted(before.Absent, "not_measured")+20
		})
		mend()
		f.awaitAll(t, "the meters after the fault", meters, 4)
		f.finish(t)
		return
	}
	names := wireFaults[kind].tcp
	if framing == simulator.FramingRTU {
		names = wireFaults[kind].rtu
	}
	mend := f.breakAll(t, f.broken, fault)
	f.awaitAll(t, "the neighbours while the fault lasts", f.neighbours, 3)
	f.out.await(t, "an unknown breaker, and missed polls of "+strings.Join(names, ", "), func(b []headend.Batch) bool {
		events, now := said(b, relay), f.out.driver.Counts()
		return len(events) > 1 && events[len(events)-1].Type == headend.EventBreakerUnknown && counted(now.Failed, names...) > counted(before.Failed, names...) &&
			counted(now.Missed, "failed", "dead") > counted(before.Missed, "failed", "dead")
	})
	mend()
	f.awaitAll(t, "the units after the fault", f.broken, 3)
	f.out.await(t, "a closed breaker again", func(b []headend.Batch) bool {
		events := said(b, relay)
		return events[len(events)-1].Type == headend.EventBreakerClosed
	})
	f.finish(t)
}

// finish stops polling and compares all that was accepted with the truth.
func (f *faultField) finish(t *testing.T) {
	t.Helper()
	f.awaitAll(t, "a little more truth", f.neighbours, 2)
	f.stop()
	judged, left := 0, 0
	for _, b := range f.out.all() {
		if b.Refusal != nil {
			t.Errorf("%s: %v", b.Device, b.Refusal)
		}
		for _, e := range b.Events {
			if e.Type == headend.EventBreakerOpen || e.Type == headend.EventFaultPassage || e.Type == headend.EventSupplyAbsent {
				t.Errorf("%s says %s: %s", b.Device, e.Type, e.Detail)
			}
		}
		for _, r := range b.Readings {
			fault, ok := f.truths.judge(f.model(b.Device), b.Device, r)
			if !ok {
				left++
				continue
			}
			if judged++; fault != "" {
				t.Fatalf("%s (raw % x from %s)", fault, b.Raw, b.Source.Address)
			}
		}
	}
	if judged < 200 || left > judged/5 {
		t.Errorf("%d readings were compared with the truth, %d were not", judged, left)
	}
}

// A unit whose values no longer change goes on answering. With stuck in its profile its readings are uncertain after so many
// polls and its breaker is unknown; what it said before is its last truth, and what it says afterwards is true again.
func TestStuckValuesAgainstTheSimulator(t *testing.T) {
	t.Parallel()
	const polls = 15 // at 300 ms; values change each second, or each few where the machine is busy
	f := newFaultField(t, simulator.FramingTCP, func(model, text string) string {
		text = strings.ReplaceAll(quick(model, text), "live: {interval: 1m}", "live: {interval: 10s, stuck: 15}")
		text = strings.ReplaceAll(text, "live: {interval: 10s}", "live: {interval: 10s, stuck: 15}")
		return strings.ReplaceAll(text, "address: 8, type: bit, enum: {0: open, 1: closed}, group: state", "address: 8, type: bit, enum: {0: open, 1: closed}, group: live")
	}, 300*time.Millisecond)
	mend := f.breakAll(t, f.broken, simulator.WireFault{Kind: simulator.FaultStuck})
	relay := f.of("relay")
	last := func(b []headend.Batch) headend.EventType {
		events := said(b, relay)
		return events[len(events)-1].Type
	}
	f.out.await(t, "uncertain polls of each unit, and an unknown breaker", func(b []headend.Batch) bool {
		uncertain := map[headend.DeviceID]int{}
		for _, batch := range b {
			if len(batch.Readings) > 0 && batch.Readings[0].Quality&headend.QualityUncertain != 0 {
				uncertain[batch.Device]++
			}
		}
		for _, id := range f.broken {
			if uncertain[id] < polls {
				return false
			}
		}
		return last(b) == headend.EventBreakerUnknown
	})
	mend()
	f.out.await(t, "a breaker that is known again", func(b []headend.Batch) bool { return last(b) == headend.EventBreakerClosed })
	f.awaitAll(t, "the units after the fault", f.broken, 4)
	f.awaitAll(t, "a little more truth", f.neighbours, 2)
	f.stop()
	f.judgeStuck(t, polls)
}

// judgeStuck: a live reading that is not true is marked, or one of the first few after its unit stood still. Registers of energy
// stand still for longer, in a group without stuck.
func (f *faultField) judgeStuck(t *testing.T, polls int) {
	t.Helper()
	live := func(q headend.Quantity) bool {
		return !strings.Contains(string(q), "_wh") && !strings.Contains(string(q), "_varh") && q != "total_vah"
	}
	broken := map[headend.DeviceID]bool{}
	for _, id := range f.broken {
		broken[id] = true
	}
	unmarked, caught := map[headend.DeviceID]int{}, map[headend.DeviceID]int{}
	for _, b := range f.out.all() {
		wrong, marked := "", false
		for _, r := range b.Readings {
			if !live(r.Quantity) {
				continue
			}
			if fault, ok := f.truths.judge(f.model(b.Device), b.Device, r); ok && fault != "" {
				wrong = fault
			}
			marked = marked || r.Quality&headend.QualityUncertain != 0
		}
		switch {
		case marked && !broken[b.Device]:
			t.Errorf("%s is marked as stuck", b.Device)
		case wrong != "" && marked:
			caught[b.Device]++
		case wrong != "":
			if unmarked[b.Device]++; !broken[b.Device] || unmarked[b.Device] >= polls {
				t.Errorf("the %d. wrong poll without a mark: %s", unmarked[b.Device], wrong)
			}
		}
	}
	if len(caught) != len(f.broken) {
		t.Errorf("stale values of %v were marked, of %v not; %v broke", caught, unmarked, f.broken)
	}
}

// One silent unit among 200 behind one connection of the simulator: no other misses a poll. A machine that stands still for longer than
// a unit is given to answer loses a frame; it is asked for again within the interval.
func TestOneDeadUnitAmong200OfTheSimulator(t *testing.T) {
	const interval, latency, rounds = 4 * time.Second, 5 * time.Millisecond, 4
	f := newModbusFieldOf(t, simulator.GridSpec{UsagePoints: 4000, PointsPerTransformer: 20, TransformersPerFeeder: 40,
		Modbus: simulator.ModbusSpec{Listen: "127.0.0.1:0", Transformers: 1}}, "", simulator.ModbusConfig{Latency: latency})
	f.play()
	units := f.grid.UnitsOf("transformer_meter")
	var devices []modbus.Device
	for _, id := range units {
		if d := f.device(id); len(devices) < 200 && f.grid.Units[f.grid.FindUnit(id)].Port == 0 {
			d.Intervals = map[string]time.Duration{"live": interval, "energy": 0}
			devices = append(devices, d)
		}
	}
	if len(devices) != 200 {
		t.Fatalf("%d units", len(devices))
	}
	out, stop := runDriver(t, modbus.Config{Devices: devices}, "")
	all := func(b []headend.Batch, times int) bool {
		n := map[headend.DeviceID]int{}
		for _, batch := range b {
			n[batch.Device]++
		}
		for _, d := range devices[1:] {
			if n[d.ID] < times {
				return false
			}
		}
		return true
	}
	out.await(t, "a first poll of every unit", func(b []headend.Batch) bool { return all(b, 1) && polls(b, devices[0].ID) > 0 })
	mend := f.breakAll(t, []headend.DeviceID{devices[0].ID}, simulator.WireFault{Kind: simulator.FaultSilence})
	out.await(t, "further polls of the 199", func(b []headend.Batch) bool { return all(b, 1+rounds) })
	counts := out.driver.Counts()
	mend()
	before := polls(out.all(), devices[0].ID)
	out.await(t, "the silent one again", func(b []headend.Batch) bool { return polls(b, devices[0].ID) > before })
	stop()
	last := map[headend.DeviceID]time.Time{}
	for _, b := range out.all() {
		if before := last[b.Device]; !before.IsZero() && b.Device != devices[0].ID && b.Received.Sub(before) > 2*interval-interval/4 {
			t.Errorf("%s was not polled for %s", b.Device, b.Received.Sub(before))
		}
		last[b.Device] = b.Received
	}
	if counts.Missed["overrun"] > 0 || counts.Missed["failed"] == 0 || counts.Failed["timeout"] == 0 || counts.Dead != 1 {
		t.Errorf("%+v", counts)
	}
}
