package modbus

import (
	"encoding/binary"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
)

// misfit takes an energy register of 32 bits, low word first, for one with the high word first and a sign.
const misfit = `model: misfit
source: test
function: 3
gap: 0
groups:
  energy: {interval: 10s}
  detail: {interval: on demand}
registers:
  - {quantity: import_wh, address: 10, type: i32, unit: Wh, group: energy}
  - {quantity: v1, address: 40, type: u16, scale: 0.1, unit: V, group: energy}
  - {state: breaker, address: 41, type: u16, enum: {0: open, 1: closed}, group: energy}
  - {quantity: angle, address: 42, type: u16, unit: deg, group: detail}
`

// A total below zero is nobody's: it is not stored, its poll is kept in quarantine, now and then, and once the profile is
// mended the poll says what the device meant. Values beside it are stored at once, and no event is held up.
func TestAMisfitIsKeptForReplay(t *testing.T) {
	p := own(t, misfit)
	var kept []headend.Batch
	synctest.Test(t, func(t *testing.T) {
		s := newServer(false)
		words := map[uint16]uint16{10: 0xF000, 11: 0x0001, 40: 2301, 41: 1}
		s.unit(1).value = func(_ byte, address uint16) uint16 { return words[address] }
		out, d, stop := simulate(t, s, Config{Devices: []Device{{ID: "M", Address: "tcp://meter", Unit: 1, Profile: "misfit"}}}, p)
		wait(25*time.Minute + time.Second)
		stop()
		var readings, events int
		for _, b := range out.all() {
			switch {
			case b.Refusal != nil:
				kept = append(kept, b)
				if len(b.Readings)+len(b.Events) > 0 {
					t.Errorf("%+v", b)
				}
			case len(b.Readings) > 0 && len(b.Events) > 0:
				t.Error("an event may go into quarantine with a value beside it")
			}
			events += len(b.Events)
			for _, r := range b.Readings {
				if readings++; r.Quantity != "v1" || r.Value.Float64() != 230.1 {
					t.Errorf("%+v", r)
				}
			}
		}
		if len(kept) != 3 || readings < 140 || events != 1 {
			t.Errorf("%d polls in quarantine, %d readings, %d events", len(kept), readings, events)
		}
		if n := d.Counts().Absent["negative_total"]; n < 140 {
			t.Errorf("%d values counted as negative totals", n)
		}
	})
	b := kept[0]
	if b.Refusal.Reason != headend.ReasonBadValue || !strings.Contains(b.Refusal.Detail, "import_wh at 3:10, type i32: negative_total; does profile misfit fit") || b.Source.Address != "tcp://meter:502?unit=1 3:10+2,3:40+2" {
		t.Errorf("%v, %q", b.Refusal, b.Source.Address)
	}
	if _, refusal := p.byModel["misfit"].Replay(b.Source.Address, b.Raw, b.Received); refusal == nil || refusal.Detail != b.Refusal.Detail {
		t.Errorf("replay with the same profile: %v", refusal)
	}
	mended := own(t, strings.Replace(misfit, "type: i32", "type: u32, word_order: little", 1)).byModel["misfit"]
	got, refusal := mended.Replay(b.Source.Address, b.Raw, b.Received)
	if refusal != nil {
		t.Fatal(refusal)
	}
	want := []headend.Reading{{Time: b.Received, Quantity: "import_wh", Value: headend.Whole(0x1F000)}, {Time: b.Received, Quantity: "v1", Value: headend.Real(230.1)}}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b headend.Value) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

// Replay takes nothing that is not exactly the poll it was.
func TestReplayRefuses(t *testing.T) {
	p := own(t, misfit, sunspecText).byModel
	raw := []byte{0, 0, 0, 1, 8, 0xFD, 0, 1}
	for source, want := range map[string]string{
		"tcp://m:502?unit=1 3:10+2,3:40+1":  "8 bytes, but",
		"tcp://m:502?unit=1":                "names no registers",
		"tcp://m:502?unit=1 3:10+x":         "is not function:address+count",
		"tcp://m:502?unit=1 5:10+4":         "is not function:address+count",
		"tcp://m:502?unit=1 3:65534+4":      "is not function:address+count",
		"tcp://m:502?unit=1 4:10+2,4:40+2":  "has no quantity with a value",
		"tcp://m:502?unit=1 3:100+4":        "has no quantity with a value",
		"tcp://m:502?unit=1 3:10+2,3:40+2,": "is not function:address+count",
	} {
		if got, refusal := p["misfit"].Replay(source, raw, time.Now()); refusal == nil || !strings.Contains(refusal.Detail, want) || got != nil {
			t.Errorf("%s: %v %v, want %s", source, got, refusal, want)
		}
	}
	if got, refusal := p["suns"].Replay("tcp://m:502?unit=1 3:10+4", raw, time.Now()); refusal == nil || got != nil {
		t.Errorf("another SunSpec model: %v", got)
	}
	block := binary.BigEndian.AppendUint16(nil, 203)
	for _, word := range []uint16{105, 2301, 0xFFFF} {
		block = binary.BigEndian.AppendUint16(block, word)
	}
	got, refusal := p["suns"].Replay("tcp://m:502?unit=1 3:40069+4", block, time.Now())
	if refusal != nil || len(got) != 1 || got[0].Quantity != "v1" || got[0].Value.Float64() != 230.1 {
		t.Errorf("%v %v", got, refusal)
	}
}

const sunspecText = `model: suns
source: test
function: 3
sunspec: {model: 203, length: 105}
groups: {live: {interval: 10s}}
registers:
  - {quantity: v1, address: 2, type: u16, unit: V, factor: V_SF}
  - {name: V_SF, address: 3, type: sunssf}
`

// FuzzReplay: whatever is in the database, no panic, and no reading that is no number.
func FuzzReplay(f *testing.F) {
	f.Add("tcp://m:502?unit=1 3:10+2,3:40+2", []byte{0, 0, 0, 1, 8, 0xFD, 0, 1})
	f.Add("tcp://m:502?unit=1 3:40069+4", []byte{0, 203, 0, 105, 8, 0xFD, 0xFF, 0xFF})
	f.Add("serial:///dev/ttyUSB0?unit=1 2:8+97,4:0+1", make([]byte, 15))
	all := own(f, misfit, sunspecText, rtuText)
	f.Fuzz(func(t *testing.T, source string, raw []byte) {
		for _, p := range all.All() {
			readings, refusal := p.Replay(source, raw, time.Unix(1_800_000_000, 0))
			if refusal != nil && readings != nil || refusal == nil && readings == nil {
				t.Errorf("%v %v", readings, refusal)
			}
			for _, r := range readings {
				if v := r.Value.Float64(); v != v || r.Quantity.IsEnergy() && r.Value.Int64() < 0 {
					t.Errorf("%+v", r)
				}
			}
		}
	})
}

// stuckText is a recloser that counts seconds, as a sign that it lives, beside its breaker.
const stuckText = `model: heartbeat
kind: rtu
source: test
function: 3
groups:
  state: {interval: 1s, stuck: 5}
registers:
  - {state: breaker, address: 0, type: u16, enum: {0: open, 1: closed}}
  - {quantity: seconds, address: 1, type: u16, unit: s}
`

// Once nothing changes for so many polls, values are uncertain and a breaker is unknown; both are good again with the first
// change.
func TestStuck(t *testing.T) {
	p := own(t, stuckText)
	synctest.Test(t, func(t *testing.T) {
		s := newServer(false)
		beats, frozen := uint16(0), false
		s.unit(1).value = func(_ byte, address uint16) uint16 {
			if address == 0 {
				return 1
			}
			if !frozen {
				beats++
			}
			return beats
		}
		out, d, stop := simulate(t, s, Config{Devices: []Device{{ID: "R", Address: "tcp://r", Unit: 1, Profile: "heartbeat"}}}, p)
		wait(10 * time.Second)
		s.change(func() { frozen = true })
		wait(20 * time.Second)
		s.change(func() { frozen = false })
		wait(10 * time.Second)
		stop()
		var got []string
		for _, e := range events(out.all(), "R") {
			got = append(got, string(e.Type))
			if e.Type == headend.EventBreakerUnknown && !strings.Contains(e.Detail, `"why":"stuck"`) {
				t.Errorf("detail %s", e.Detail)
			}
		}
		if diff := cmp.Diff([]string{"breaker_closed", "breaker_unknown", "breaker_closed"}, got); diff != "" {
			t.Error(diff)
		}
		same, last := 0, int64(-1)
		for _, b := range of(out.all(), "R") {
			r := b.Readings[0]
			if same++; r.Value.Int64() != last {
				same, last = 1, r.Value.Int64()
			}
			if uncertain := r.Quality&headend.QualityUncertain != 0; uncertain != (same >= 5) {
				t.Errorf("%v for the %d. time: quality %s", r.Value, same, r.Quality)
			}
		}
		if n := d.counts.stuck.Load(); n < 15 || n > 17 {
			t.Errorf("%d polls counted as stuck", n)
		}
	})
}
