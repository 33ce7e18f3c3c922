package simulator

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lastgasp/headend"
)

// impaired breaks a unit or port and mends it at the end of f.
func impaired(t *testing.T, s *Simulation, where string, fault WireFault, f func()) {
	t.Helper()
	mend, err := s.Break(where, fault)
	if err != nil {
		t.Fatal(err)
	}
	f()
	if err := mend(); err != nil {
		t.Fatal(err)
	}
}

// nothing wants no byte for as long as a quick neighbour needs to answer on the same connection.
func (c *client) nothing(neighbour byte) {
	c.t.Helper()
	c.ask(neighbour, 3, 674, 1)
	id, unit, pdu, err := c.hear()
	if err != nil || id != c.id || unit != neighbour || pdu[0] != 3 {
		c.t.Errorf("first to come is a reply to %d from unit %d: % x, %v", id, unit, pdu, err)
	}
}

// Every fault shows on the wire as it is named, is gone once it is mended, and leaves the neighbour alone.
func TestModbusFaultsOnTheWire(t *testing.T) {
	grid := modbusGrid(t, "")
	s, face := serveModbus(t, grid, "", ModbusConfig{})
	head := grid.UnitsOf("head_meter")[0]
	relay := grid.UnitsOf("relay")[0]
	_, neighbour := dialUnit(t, grid, relay)
	shown := map[FaultKind]bool{}
	on := func(fault WireFault, f func(t *testing.T, c *client, unit byte)) {
		shown[fault.Kind] = true
		t.Run(string(fault.Kind), func(t *testing.T) {
			c, unit := dialUnit(t, grid, head)
			before := c.read(unit, 3, 3059, 2)
			impaired(t, s, string(head), fault, func() {
				f(t, c, unit)
				other, _ := dialUnit(t, grid, relay)
				other.read(neighbour, 3, 674, 1)
			})
			c, unit = dialUnit(t, grid, head)
			if after := c.read(unit, 3, 3059, 2); !bytes.Equal(before, after) {
				t.Errorf("after the fault the unit reads % x, before % x", after, before)
			}
		})
	}
	on(WireFault{Kind: FaultRTULost}, func(t *testing.T, c *client, unit byte) {
		if got := c.refused(unit, 3, 3059, 2); got != 0x0B {
			t.Errorf("exception %d, want 0x0B", got)
		}
	})
	on(WireFault{Kind: FaultLateReply, Delay: 200 * time.Millisecond}, func(t *testing.T, c *client, unit byte) {
		begin := time.Now()
		c.ask(unit, 3, 3059, 2)
		late := c.id
		c.nothing(neighbour)
		id, _, pdu, err := c.hear()
		if took := time.Since(begin); err != nil || id != late || len(pdu) != 6 || took < 200*time.Millisecond {
			t.Errorf("after %v: reply to %d, want %d: % x, %v", took, id, late, pdu, err)
		}
	})
	on(WireFault{Kind: FaultWrongID}, func(t *testing.T, c *client, unit byte) {
		c.ask(unit, 3, 3059, 2)
		if id, from, pdu, err := c.hear(); err != nil || id == c.id || from != unit || len(pdu) != 6 {
			t.Errorf("reply to %d, asked as %d: unit %d % x, %v", id, c.id, from, pdu, err)
		}
	})
	on(WireFault{Kind: FaultException}, func(t *testing.T, c *client, unit byte) {
		if got := c.refused(unit, 3, 3059, 2); got != 0x0B {
			t.Errorf("exception %d, want 0x0B", got)
		}
		impaired(t, s, string(head), WireFault{Kind: FaultException, Code: 6}, func() { // the later one goes first
			if got := c.refused(unit, 3, 3059, 2); got != 6 {
				t.Errorf("exception %d, want 6", got)
			}
		})
	})
	on(WireFault{Kind: FaultHalfFrame}, func(t *testing.T, c *client, unit byte) {
		c.ask(unit, 3, 3059, 2)
		half := make([]byte, 6) // of 13
		if _, err := io.ReadFull(c.conn, half); err != nil || binary.BigEndian.Uint16(half) != c.id {
			t.Fatalf("% x, %v", half, err)
		}
		c.nothing(neighbour)
	})
	on(WireFault{Kind: FaultReset}, func(t *testing.T, c *client, unit byte) {
		c.ask(unit, 3, 3059, 2)
		if _, _, _, err := c.hear(); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%v, want a reset", err)
		}
	})
	on(WireFault{Kind: FaultSilence}, func(t *testing.T, c *client, unit byte) {
		c.ask(unit, 3, 3059, 2)
		c.nothing(neighbour)
	})
	on(WireFault{Kind: FaultWrongLength}, func(t *testing.T, c *client, unit byte) {
		c.ask(unit, 3, 3059, 2)
		if id, _, pdu, err := c.hear(); err != nil || id != c.id || len(pdu) != 4 || pdu[1] != 2 {
			t.Errorf("% x, %v: want two bytes less", pdu, err)
		}
	})
	on(WireFault{Kind: FaultWrongHeader}, func(t *testing.T, c *client, unit byte) {
		c.ask(unit, 3, 3059, 2)
		frame := make([]byte, 13)
		if _, err := io.ReadFull(c.conn, frame); err != nil || frame[5] != 9 || frame[8] != 4 {
			t.Errorf("% x, %v: want a length of 9 instead of 7", frame, err)
		}
		c.nothing(neighbour)
	})
	on(WireFault{Kind: FaultOtherUnit}, func(t *testing.T, c *client, unit byte) {
		c.ask(unit, 3, 3059, 2)
		id, from, pdu, err := c.hear()
		if next := unit%byte(len(grid.Units)) + 1; err != nil || id != c.id || from != next {
			t.Errorf("reply to %d from unit %d: % x, %v; asked unit %d", id, from, pdu, err, unit)
		}
	})
	on(WireFault{Kind: FaultAbsentValues}, func(t *testing.T, c *client, unit byte) {
		if v := float(c.read(unit, 3, 3059, 2)); !math.IsNaN(v) {
			t.Errorf("power is %v", v)
		}
		meter := grid.UnitsOf("transformer_meter")[0]
		impaired(t, s, string(meter), WireFault{Kind: FaultAbsentValues}, func() {
			b, number := dialUnit(t, grid, meter)
			if got := b.read(number, 3, 20480, 4); !bytes.Equal(got, bytes.Repeat([]byte{0xFF}, 8)) {
				t.Errorf("B23 import is % x", got)
			}
			if got := b.read(number, 3, 23316, 2); !bytes.Equal(got, []byte{0x7F, 0xFF, 0xFF, 0xFF}) {
				t.Errorf("B23 power is % x", got)
			}
		})
		if _, err := s.Break(string(relay), WireFault{Kind: FaultAbsentValues}); err == nil {
			t.Error("a relay shows absent values its maker does not know")
		}
	})
	shown[FaultStuck] = true
	t.Run("stuck", func(t *testing.T) {
		c, unit := dialUnit(t, grid, head)
		impaired(t, s, string(head), WireFault{Kind: FaultStuck}, func() {
			first := c.read(unit, 3, 3203, 4)
			s.mu.Lock()
			s.now = s.now.Add(10 * time.Minute)
			s.mu.Unlock()
			if second := c.read(unit, 3, 3203, 4); !bytes.Equal(first, second) {
				t.Errorf("import goes on from % x to % x", first, second)
			}
			impaired(t, s, string(relay), WireFault{Kind: FaultStuck}, func() { c.read(neighbour, 2, 8, 1) })
		})
		truth, err := s.Unit(head)
		if err != nil {
			t.Fatal(err)
		}
		if got := int64(binary.BigEndian.Uint64(c.read(unit, 3, 3203, 4))); got != truth.ImportWh {
			t.Errorf("mended: %d Wh, want %d", got, truth.ImportWh)
		}
	})
	for _, kind := range WireFaultKinds() {
		if !shown[kind] {
			t.Errorf("%s was not looked at", kind)
		}
	}
	if counts := face.Counts(); counts.Spoilt < 11 || counts.Requests < counts.Replies || counts.Exceptions == 0 {
		t.Errorf("counts %+v", counts)
	}
	t.Run("port, share and count", func(t *testing.T) {
		c, unit := dialUnit(t, grid, head)
		impaired(t, s, grid.Ports[0].Address, WireFault{Kind: FaultException, Count: 2}, func() {
			if a, b := c.refused(unit, 3, 3059, 2), c.refused(neighbour, 3, 674, 1); a != 0x0B || b != 0x0B {
				t.Errorf("exceptions %d, %d", a, b)
			}
			c.read(unit, 3, 3059, 2)
		})
		impaired(t, s, string(head), WireFault{Kind: FaultException, Share: 0.3}, func() {
			refused := 0
			for range 200 {
				c.ask(unit, 3, 3059, 2)
				_, _, pdu, err := c.hear()
				if err != nil {
					t.Fatal(err)
				}
				if pdu[0] == 0x83 {
					refused++
				}
			}
			if refused < 40 || refused > 80 {
				t.Errorf("%d of 200 refused, a share of 0.3 was asked for", refused)
			}
		})
		for _, bad := range []struct{ where, kind string }{{"nowhere", "silence"}, {string(head), "outage"}, {"relay", "silence"}} {
			if _, err := s.Break(bad.where, WireFault{Kind: FaultKind(bad.kind)}); err == nil {
				t.Errorf("%s breaks %s", bad.kind, bad.where)
			}
		}
	})
}

// A timeline breaks units and ports as Break does.
func TestModbusFaultsByScenario(t *testing.T) {
	grid := modbusGrid(t, "")
	head := grid.UnitsOf("head_meter")[0]
	s, _ := serveModbus(t, grid, `timeline:
  - {at: 10m, fault: exception, where: `+string(head)+`, code: 4}
  - {at: 10m, fault: silence, where: relay, places: 2, for: 5m}
  - {at: 20m, fault: rtu_lost, where: transformer_meter, places: 3}
modbus: {mute: true}
`, ModbusConfig{})
	c, unit := dialUnit(t, grid, head)
	if got := c.refused(unit, 3, 3059, 2); got != 4 {
		t.Errorf("exception %d, want 4", got)
	}
	lost := 0
	for _, id := range grid.UnitsOf("transformer_meter") {
		if u, err := s.Unit(id); err != nil || !u.Reachable {
			lost++
			c.ask(grid.Units[grid.FindUnit(id)].Number, 3, 20480, 4) // mute: nothing comes back
		}
	}
	if lost != 3 {
		t.Errorf("%d units are lost, want 3", lost)
	}
	c.nothing(grid.Units[grid.FindUnit(grid.UnitsOf("relay")[0])].Number)
	for _, text := range []string{"{at: 1m, fault: silence, where: feeder}", "{at: 1m, fault: outage, where: relay}", "{at: 1m, fault: rtu_lost, where: port}", "{at: 1m, fault: absent_values, where: relay}"} {
		scenario, err := ParseScenario([]byte("timeline: [" + text + "]"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(grid, scenario, new(notebook), Options{}); err == nil || !strings.Contains(err.Error(), "timeline entry 1") {
			t.Errorf("%s: error is %v", text, err)
		}
	}
	for _, text := range []string{"code: 256", "share: 1.5"} {
		if _, err := ParseScenario([]byte("timeline: [{at: 1m, fault: exception, where: unit, " + text + "}]")); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
	plain := generated(t, GridSpec{UsagePoints: 60}, 1)
	scenario, err := ParseScenario([]byte("timeline: [{at: 1m, fault: rtu_lost, where: unit}]"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(plain, scenario, new(notebook), Options{}); err != nil {
		t.Errorf("a grid without units: %v", err)
	}
}

// RTU frames over TCP: sound ones are answered, damaged ones passed over, and so is noise.
func TestModbusRTUOverTCP(t *testing.T) {
	grid := modbusGrid(t, FramingRTU)
	s, _ := serveModbus(t, grid, "", ModbusConfig{})
	relay := grid.UnitsOf("relay")[0]
	conn := dial(t, grid.Ports[0].Address)
	unit := grid.Units[grid.FindUnit(relay)].Number
	// The checksums are another program's.
	request := []byte{unit, 2, 0, 8, 0, 1, 0x38, 0x08}
	if unit != 1 {
		t.Fatalf("the relay is unit %d", unit)
	}
	want := []byte{1, 2, 1, 1, 0x60, 0x48}
	exchange := func(send, want []byte) {
		t.Helper()
		if _, err := conn.Write(send); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("reply % x, want % x, %v", got, want, err)
		}
	}
	exchange(request, want)
	exchange(append(slices.Clone(request), request...), append(slices.Clone(want), want...))
	impaired(t, s, string(relay), WireFault{Kind: FaultWrongID}, func() {
		exchange(request, []byte{1, 2, 1, 1, 0x60, 0x48 ^ 0x5A})
	})
	broken := slices.Clone(request)
	broken[7] ^= 1
	if _, err := conn.Write(broken); err != nil {
		t.Fatal(err)
	}
	// Whether the next frame is dropped with the damaged one depends on when it comes, so ask until there is an answer.
	deadline := time.Now().Add(10 * time.Second)
	for answered := false; !answered; {
		if _, err := conn.Write(request); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		_, err := io.ReadFull(conn, got)
		answered = err == nil && bytes.Equal(got, want)
		if time.Now().After(deadline) {
			t.Fatalf("no answer after a damaged frame: % x, %v", got, err)
		}
	}
}

func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Hostile clients: what is not Modbus ends its connection, too many connections are refused, one that says
// nothing is closed, and units answer others all the while.
func TestModbusHostileClients(t *testing.T) {
	grid := modbusGrid(t, "")
	_, face := serveModbus(t, grid, "", ModbusConfig{Connections: 3, Idle: 300 * time.Millisecond})
	for _, bytes := range []string{"GET / HTTP/1.1\r\n\r\n", "\x00\x01\x00\x00\x00\x01\x01", "\x00\x01\x00\x00\x01\x05\x01\x03", "\x00\x01\x00\x09\x00\x06\x01\x03\x00\x00\x00\x01"} {
		conn := dial(t, grid.Ports[0].Address)
		if _, err := conn.Write([]byte(bytes)); err != nil {
			t.Fatal(err)
		}
		if rest, err := io.ReadAll(conn); len(rest) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%q is answered % x, %v", bytes, rest, err)
		}
	}
	if n := face.Counts().Garbage; n != 4 {
		t.Errorf("%d connections closed for garbage, want 4", n)
	}
	idle := dial(t, grid.Ports[0].Address)
	if _, err := idle.Write([]byte{0, 1, 0, 0}); err != nil { // half a header
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(idle); len(rest) > 0 || err != nil {
		t.Errorf("an idle connection hears % x, %v", rest, err)
	}
	var clients []*client
	for range 3 {
		c, unit := dialUnit(t, grid, grid.UnitsOf("relay")[0])
		c.read(unit, 3, 674, 1)
		clients = append(clients, c)
	}
	more := dial(t, grid.Ports[0].Address)
	if _, err := io.ReadAll(more); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a fourth connection: %v", err)
	}
	clients[0].read(1, 3, 674, 1)
	if counts := face.Counts(); counts.Refused != 1 || counts.Connections != 3 {
		t.Errorf("counts %+v", counts)
	}
}

// A port that is taken, and one whose number nobody would know, are refused.
func TestModbusPorts(t *testing.T) {
	grid := modbusGrid(t, "")
	scenario, err := ParseScenario([]byte("seed: 1"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(grid, scenario, new(notebook), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewModbus(ModbusConfig{}, s); err == nil {
		t.Error("port 0 is taken without ListenModbus")
	}
	ports, err := ListenModbus(grid)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ListenModbus(grid); err == nil || !strings.Contains(err.Error(), "modbus port of") {
		t.Errorf("a port that is taken: %v", err)
	}
	face, err := NewModbus(ModbusConfig{}, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := face.Run(t.Context()); err == nil {
		t.Error("Run on a port that is taken returns nil")
	}
	if err := ports.Close(); err != nil {
		t.Fatal(err)
	}
	if id := headend.DeviceID("nobody"); face.Address(id) != "" {
		t.Error("a unit that is not there has an address")
	}
	if _, err := s.Unit("nobody"); !errors.Is(err, ErrNoUnit) {
		t.Errorf("error is %v, want ErrNoUnit", err)
	}
}
