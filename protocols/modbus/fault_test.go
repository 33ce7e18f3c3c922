package modbus

import (
	"fmt"
	"testing"

	"lastgasp/headend"
)

// twins is a model whose poll takes two requests of the same function and length, so that a reply taken for
// another's shows in the values.
const twins = `model: twins
source: test
function: 3
timeout: 60ms
groups:
  live: {interval: 100ms}
registers:
  - {quantity: a, address: 0, type: u16, unit: 1}
  - {quantity: b, address: 1, type: u16, unit: 1}
  - {quantity: c, address: 100, type: u16, unit: 1}
  - {quantity: d, address: 101, type: u16, unit: 1}
`

var twinAddress = map[headend.Quantity]uint16{"a": 0, "b": 1, "c": 100, "d": 101}

// transports are the ways to a simulated server.
var transports = []struct {
	name   string
	rtu    bool
	window int
	reach  func(t testing.TB, s *server) string
}{
	{"tcp", false, 1, func(t testing.TB, s *server) string { return "tcp://" + s.listen(t) }},
	{"tcp window 4", false, 4, func(t testing.TB, s *server) string { return "tcp://" + s.listen(t) }},
	{"rtu over tcp", true, 1, func(t testing.TB, s *server) string { return "rtutcp://" + s.listen(t) }},
	{"serial", true, 1, func(t testing.TB, s *server) string { return "serial://" + s.pty(t) + "?baud=115200&parity=N" }},
}

// Every fault on every transport: the fault is counted as what it is, no wrong value is stored, the neighbour on
// the same line goes on, and once the fault is over the unit's values come again.
func TestFaults(t *testing.T) {
	for _, tr := range transports {
		for _, c := range []struct {
			does     misbehaviour
			tcp, rtu []Fault // what may be counted; none: cannot happen there
		}{
			{silence, []Fault{FaultTimeout}, []Fault{FaultTimeout}},
			{comesLate, []Fault{FaultTimeout}, []Fault{FaultTimeout, FaultWrongLength, FaultMalformed}},
			{wrongTransaction, []Fault{FaultWrongTransaction, FaultTimeout}, nil},
			{refusal, []Fault{FaultException}, []Fault{FaultException}},
			{gatewayFails, []Fault{FaultGateway}, []Fault{FaultGateway}},
			{halfFrame, []Fault{FaultMalformed, FaultTimeout}, []Fault{FaultMalformed, FaultTimeout}},
			{resets, []Fault{FaultClosed}, []Fault{FaultClosed}},
			{shortReply, []Fault{FaultWrongLength}, []Fault{FaultWrongLength}},
			{longReply, []Fault{FaultWrongLength}, []Fault{FaultWrongLength}},
			{otherUnit, []Fault{FaultWrongUnit}, []Fault{FaultTimeout, FaultMalformed}},
			{otherFunction, []Fault{FaultWrongFunction}, []Fault{FaultTimeout, FaultMalformed}},
			{otherProtocol, []Fault{FaultMalformed}, nil},
			{badCRC, nil, []Fault{FaultMalformed}},
		} {
			want := c.tcp
			if tr.rtu {
				want = c.rtu
			}
			if want == nil || c.does == resets && tr.name == "serial" {
				continue
			}
			t.Run(tr.name+" "+string(c.does), func(t *testing.T) {
				t.Parallel()
				s := newServer(tr.rtu)
				s.unit(1)
				s.unit(3) // not 2: that is who answers for 1
				address := tr.reach(t, s)
				profile := twins
				if tr.window > 1 {
					profile += fmt.Sprintf("window: %d\n", tr.window)
				}
				d := driver(t, Config{Devices: []Device{
					{ID: "faulty", Address: address, Unit: 1, Profile: "twins"},
					{ID: "neighbour", Address: address, Unit: 3, Profile: "twins"}}}, own(t, profile))
				out := newSink()
				stop := run(t, d, out)
				out.await(t, "both units", func(b []headend.Batch) bool { return len(of(b, "faulty")) > 0 && len(of(b, "neighbour")) > 0 })

				s.set(1, c.does, 0)
				asked := s.asked(1)
				before := len(of(out.all(), "neighbour"))
				out.await(t, "the neighbour to go on while the fault lasts", func(b []headend.Batch) bool {
					return len(of(b, "neighbour")) > before+3 && s.asked(1) > asked+1
				})
				s.set(1, healthy, 0)
				recovered := len(of(out.all(), "faulty"))
				out.await(t, "the unit after its fault", func(b []headend.Batch) bool { return len(of(b, "faulty")) > recovered+2 })
				stop()
				onlyTruth(t, out, map[headend.DeviceID]byte{"faulty": 1, "neighbour": 3})
				counted := d.Counts().Failed
				found := false
				for _, f := range want {
					found = found || counted[f.String()] > 0
				}
				if !found {
					t.Errorf("counted %v, want one of %v", counted, want)
				}
			})
		}
	}
}

// onlyTruth checks that every stored value is what the unit's register holds.
func onlyTruth(t *testing.T, out *sink, units map[headend.DeviceID]byte) {
	t.Helper()
	n := 0
	for _, b := range out.all() {
		if b.Refusal != nil {
			t.Errorf("refused: %v", b.Refusal)
		}
		for _, r := range b.Readings {
			n++
			if want := int64(truth(units[b.Device], twinAddress[r.Quantity])); r.Value.Int64() != want {
				t.Fatalf("%s %s is %v, want %d (raw %x from %s)", b.Device, r.Quantity, r.Value, want, b.Raw, b.Source.Address)
			}
			if !r.Time.Equal(b.Received) {
				t.Fatalf("%s: time %s, received %s", b.Device, r.Time, b.Received)
			}
		}
	}
	if n == 0 {
		t.Error("nothing was stored")
	}
}

// A line with noise on it brings right values all the same.
func TestNoise(t *testing.T) {
	s := newServer(true)
	s.unit(1)
	s.set(1, noise, 0)
	d := driver(t, Config{Devices: []Device{{ID: "m", Address: "rtutcp://" + s.listen(t), Unit: 1, Profile: "twins"}}}, own(t, twins))
	out := newSink()
	stop := run(t, d, out)
	out.await(t, "polls", func(b []headend.Batch) bool { return len(of(b, "m")) > 2 })
	stop()
	onlyTruth(t, out, map[headend.DeviceID]byte{"m": 1})
}

// A peer that closes between two polls is noticed, and the next poll goes over a new connection without a miss.
func TestClosedPeer(t *testing.T) {
	for _, tr := range transports[:3] {
		t.Run(tr.name, func(t *testing.T) {
			s := newServer(tr.rtu)
			s.unit(1)
			address := tr.reach(t, s)
			profile := twins
			if tr.window > 1 {
				profile += "window: 4\n"
			}
			d := driver(t, Config{Devices: []Device{{ID: "m", Address: address, Unit: 1, Profile: "twins"}}}, own(t, profile))
			out := newSink()
			stop := run(t, d, out)
			for i := range 5 {
				n := len(of(out.all(), "m"))
				out.await(t, "a poll", func(b []headend.Batch) bool { return len(of(b, "m")) > n })
				s.hangUp()
				if i == 4 {
					out.await(t, "a poll after the last hang-up", func(b []headend.Batch) bool { return len(of(b, "m")) > n+1 })
				}
			}
			stop()
			if n := d.Counts().Missed["failed"]; n > 0 && tr.window == 1 {
				t.Errorf("%d polls failed", n)
			}
			if n := d.Counts().Connected; n < 5 {
				t.Errorf("%d connections, want one for each hang-up", n)
			}
			onlyTruth(t, out, map[headend.DeviceID]byte{"m": 1})
		})
	}
}
