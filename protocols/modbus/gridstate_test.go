package modbus

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"lastgasp/headend"
)

const rtuText = `model: recloser
kind: rtu
source: test
timeout: 500ms
missed: 3
groups:
  state: {interval: 1s}
registers:
  - {state: breaker, name: 52, function: 2, address: 8, type: bit, count: 2, enum: {1: open, 2: closed}}
  - {state: fault, name: FPI, function: 3, address: 0, type: u16, bit: 4, enum: {0: clear, 1: passed}, phases: [L2]}
  - {state: supply, function: 3, address: 1, type: u16, scale: 0.1, unit: V, above: 150, below: 60, phases: [L1]}
  - {quantity: v1, function: 3, address: 1, type: u16, scale: 0.1, unit: V}
`

// recloser is a simulated RTU.
type recloser struct {
	double, fault, volts uint16
	unit                 *simulated
}

func newRecloser(s *server, id byte) *recloser {
	r := &recloser{double: 2, volts: 2300, unit: s.unit(id)}
	r.unit.value = func(function byte, address uint16) uint16 {
		switch {
		case function == 2:
			return r.double >> (address - 8)
		case address == 0:
			return r.fault
		}
		return r.volts
	}
	return r
}

// What an RTU says becomes events: once at the start, then at each change, and unknown when it cannot be known.
func TestGridState(t *testing.T) {
	p := own(t, rtuText)
	synctest.Test(t, func(t *testing.T) {
		s := newServer(false)
		r := newRecloser(s, 1)
		out, _, stop := simulate(t, s, Config{Devices: []Device{{ID: "R1", Address: "tcp://feeder", Unit: 1, Profile: "recloser", Node: "S-17"}}}, p)
		var seen int
		step := func(what string, change func(), within time.Duration, want ...headend.EventType) []headend.Event {
			t.Helper()
			s.change(change)
			began := time.Now()
			wait(20 * time.Second)
			all := events(out.all(), "R1")
			fresh := all[seen:]
			seen = len(all)
			var got []headend.EventType
			for _, e := range fresh {
				got = append(got, e.Type)
				if e.Time.Sub(began) > within {
					t.Errorf("%s: %s after %s", what, e.Type, e.Time.Sub(began))
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: events %v, want %v", what, got, want)
			}
			return fresh
		}
		two := 2 * time.Second
		step("start", func() {}, two, headend.EventBreakerClosed, headend.EventSupplyPresent)
		opened := step("opens", func() { r.double = 1 }, two, headend.EventBreakerOpen)
		step("supply lost", func() { r.volts = 10 }, two, headend.EventSupplyAbsent)
		step("supply between the thresholds", func() { r.volts = 1000 }, two)
		step("supply back", func() { r.volts = 2300 }, two, headend.EventSupplyPresent)
		passed := step("fault passes", func() { r.fault = 0x10 }, two, headend.EventFaultPassage)
		step("fault cleared", func() { r.fault = 0 }, two)
		step("fault passes again", func() { r.fault = 0xFFFF }, two, headend.EventFaultPassage)
		step("between", func() { r.double = 0 }, two, headend.EventBreakerUnknown)
		step("both contacts", func() { r.double = 3 }, two)
		step("closes", func() { r.double = 2 }, two, headend.EventBreakerClosed)
		died := step("dies", func() { r.unit.does = silence }, 6*time.Second, headend.EventBreakerUnknown)
		step("stays dead", func() {}, two)
		step("lives", func() { r.unit.does = healthy }, 12*time.Second, headend.EventBreakerClosed, headend.EventFaultPassage, headend.EventSupplyPresent)
		step("refuses", func() { r.unit.forbid = func(simRequest) byte { return 4 } }, 6*time.Second, headend.EventBreakerUnknown)
		stop()
		if passed[0].Phases != headend.L2 {
			t.Errorf("phases %s", passed[0].Phases)
		}
		proved(t, opened[0], proof{Poll: "tcp://feeder:502?unit=1", Node: "S-17", Name: "52", Function: 2, Address: 8, Raw: "0001", Before: "closed"})
		proved(t, died[0], proof{Poll: "tcp://feeder:502?unit=1", Node: "S-17", Name: "52", Function: 2, Address: 8, Before: "closed", Missed: 3, Why: "timeout"})
	})
}

func proved(t *testing.T, e headend.Event, want proof) {
	t.Helper()
	var got proof
	if err := json.Unmarshal([]byte(e.Detail), &got); err != nil {
		t.Fatalf("%q: %v", e.Detail, err)
	}
	if at, err := time.Parse(time.RFC3339Nano, got.Seen); err != nil || !at.Before(e.Time) {
		t.Errorf("seen %q (%v) before %s", got.Seen, err, e.Time)
	}
	got.Seen = ""
	if got != want {
		t.Errorf("detail %+v, want %+v", got, want)
	}
	if e.Quality != headend.QualityReceivedTime || e.Seq != headend.NoSeq {
		t.Errorf("quality %s, seq %d", e.Quality, e.Seq)
	}
}

// A device that never answers is unknown, once.
func TestNeverAnswers(t *testing.T) {
	p := own(t, rtuText)
	synctest.Test(t, func(t *testing.T) {
		s := newServer(true)
		newRecloser(s, 1).unit.does = silence
		out, _, stop := simulate(t, s, Config{Devices: []Device{{ID: "R1", Address: "rtutcp://feeder", Unit: 1, Profile: "recloser"}}}, p)
		wait(10 * time.Minute)
		stop()
		if e := events(out.all(), "R1"); len(e) != 1 || e[0].Type != headend.EventBreakerUnknown {
			t.Errorf("events %v", e)
		}
	})
}
