package simulator

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lastgasp/headend"
)

// modbusGrid is one feeder pair with every sort of unit.
func modbusGrid(t testing.TB, framing string) *Grid {
	t.Helper()
	return generated(t, GridSpec{UsagePoints: 320, PointsPerTransformer: 10, TransformersPerFeeder: 16, ThreePhase: 0.2, Solar: 0.002,
		Modbus: ModbusSpec{Listen: "127.0.0.1:0", Framing: framing, Indicators: 1, Transformers: 1}}, 4)
}

// serveModbus plays a scenario to its end as fast as it goes and then serves what it has come to; the clock stands.
func serveModbus(t testing.TB, grid *Grid, text string, config ModbusConfig) (*Simulation, *Modbus) {
	t.Helper()
	ports, err := ListenModbus(grid)
	if err != nil {
		t.Fatal(err)
	}
	scenario, err := ParseScenario([]byte("start: 2026-05-04T03:00:00Z\ninterval: 10m\nlength: 1h\n" + text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(grid, scenario, new(notebook), Options{Unpaced: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	config.Ports = ports
	return s, startModbus(t, s, config)
}

// startModbus runs the face until the test ends.
func startModbus(t testing.TB, s *Simulation, config ModbusConfig) *Modbus {
	t.Helper()
	face, err := NewModbus(config, s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() {
		if err := face.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); group.Wait() })
	<-face.Ready()
	return face
}

// client speaks Modbus TCP by hand.
type client struct {
	t    testing.TB
	conn net.Conn
	id   uint16
}

func dialUnit(t testing.TB, g *Grid, id headend.DeviceID) (*client, byte) {
	t.Helper()
	i := g.FindUnit(id)
	if i < 0 {
		t.Fatalf("no unit %s", id)
	}
	conn, err := net.Dial("tcp", g.Ports[g.Units[i].Port].Address)
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
	return &client{t: t, conn: conn}, g.Units[i].Number
}

// ask sends a request for reading.
func (c *client) ask(unit, function byte, address, count int) {
	c.t.Helper()
	if err := c.send(unit, function, address, count); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) send(unit, function byte, address, count int) error {
	c.id++
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 12), c.id)
	b = append(b, 0, 0, 0, 6, unit, function, byte(address>>8), byte(address), byte(count>>8), byte(count))
	_, err := c.conn.Write(b)
	return err
}

// poll asks and wants values, from any goroutine.
func (c *client) poll(unit, function byte, address, count int) error {
	if err := c.send(unit, function, address, count); err != nil {
		return err
	}
	id, from, pdu, err := c.hear()
	if err == nil && (id != c.id || from != unit || pdu[0] != function) {
		err = fmt.Errorf("unit %d answers % x", from, pdu)
	}
	return err
}

// hear reads one reply as its header says.
func (c *client) hear() (id uint16, unit byte, pdu []byte, err error) {
	var head [7]byte
	if _, err := io.ReadFull(c.conn, head[:]); err != nil {
		return 0, 0, nil, err
	}
	pdu = make([]byte, binary.BigEndian.Uint16(head[4:])-1)
	_, err = io.ReadFull(c.conn, pdu)
	return binary.BigEndian.Uint16(head[:]), head[6], pdu, err
}

// read asks and wants the values.
func (c *client) read(unit, function byte, address, count int) []byte {
	c.t.Helper()
	c.ask(unit, function, address, count)
	id, from, pdu, err := c.hear()
	if err != nil {
		c.t.Fatal(err)
	}
	if id != c.id || from != unit || pdu[0] != function || int(pdu[1]) != len(pdu)-2 {
		c.t.Fatalf("asked unit %d function %d as %d, reply is %d from unit %d: % x", unit, function, c.id, id, from, pdu)
	}
	return pdu[2:]
}

// refused asks and wants an exception.
func (c *client) refused(unit, function byte, address, count int) byte {
	c.t.Helper()
	c.ask(unit, function, address, count)
	_, _, pdu, err := c.hear()
	if err != nil || len(pdu) != 2 || pdu[0] != function|0x80 {
		c.t.Fatalf("no exception: % x, %v", pdu, err)
	}
	return pdu[1]
}

func float(b []byte) float64 { return float64(math.Float32frombits(binary.BigEndian.Uint32(b))) }

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance {
		t.Errorf("%s is %v, want %v ± %v", what, got, want, tolerance)
	}
}

// TestModbusRegisters reads a unit of each model and compares with the truth. Addresses and scales are written out
// from the makers' documents, not taken from the maps under test.
func TestModbusRegisters(t *testing.T) {
	grid := modbusGrid(t, "")
	s, face := serveModbus(t, grid, "", ModbusConfig{})
	truth := func(id headend.DeviceID) UnitTruth {
		u, err := s.Unit(id)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	sum := func(w [3]float64) float64 { return w[0] + w[1] + w[2] }

	head := grid.UnitsOf("head_meter")[0]
	c, unit := dialUnit(t, grid, head)
	want := truth(head)
	energy := c.read(unit, 3, 3203, 8)
	if got := int64(binary.BigEndian.Uint64(energy)); got != want.ImportWh || got < 1e6 {
		t.Errorf("iEM3000 import is %d Wh, want %d", got, want.ImportWh)
	}
	if got := int64(binary.BigEndian.Uint64(energy[8:])); got != want.ExportWh {
		t.Errorf("iEM3000 export is %d Wh, want %d", got, want.ExportWh)
	}
	near(t, "iEM3000 power, kW", float(c.read(unit, 3, 3059, 2)), sum(want.Watts)/1000, 0.001)
	near(t, "iEM3000 v1", float(c.read(unit, 3, 3027, 2)), want.Volts[0], 0.01)
	if want.Volts[0] < 12_000 || want.Volts[0] > 13_400 || sum(want.Watts) < 20_000 {
		t.Errorf("a 22 kV feeder of 160 customers in the forenoon: %+v", want)
	}
	near(t, "iEM3000 current × voltage × power factor", float(c.read(unit, 3, 3001, 2))*float(c.read(unit, 3, 3029, 2))*0.93, want.Watts[1], 1)

	tm := grid.UnitsOf("transformer_meter")[0]
	c, unit = dialUnit(t, grid, tm)
	want = truth(tm)
	if got := int64(binary.BigEndian.Uint64(c.read(unit, 3, 20480, 4))); got != want.ImportWh/10 {
		t.Errorf("B23 import is %d · 10 Wh, want %d Wh", got, want.ImportWh)
	}
	near(t, "B23 power, W", float64(int32(binary.BigEndian.Uint32(c.read(unit, 3, 23316, 2))))/100, sum(want.Watts), 0.01)
	near(t, "B23 v3", float64(binary.BigEndian.Uint32(c.read(unit, 3, 23300, 2)))/10, want.Volts[2], 0.06)
	near(t, "B23 frequency", float64(binary.BigEndian.Uint16(c.read(unit, 3, 23340, 1)))/100, 50, 0.03)

	relay := grid.UnitsOf("relay")[0]
	c, unit = dialUnit(t, grid, relay)
	want = truth(relay)
	near(t, "SEL VAN", float64(binary.BigEndian.Uint16(c.read(unit, 3, 674, 1))), want.Volts[0], 0.6)
	near(t, "SEL VAB", float64(binary.BigEndian.Uint16(c.read(unit, 4, 667, 1))), want.Volts[0]*math.Sqrt(3), 40)
	near(t, "SEL power, kW", float64(int16(binary.BigEndian.Uint16(c.read(unit, 3, 685, 1)))), sum(want.Watts)/1000, 0.6)
	if got := int64(binary.BigEndian.Uint32(c.read(unit, 3, 690, 2))); got != want.ImportWh/1000 {
		t.Errorf("SEL MWH3PO is %d kWh, want %d Wh", got, want.ImportWh)
	}
	if bits := c.read(unit, 2, 0, 9); bits[0]>>6 != 0b10 || bits[1] != 1 {
		t.Errorf("SEL inputs 0 to 8 are % x: want ENABLED and 52A", bits)
	}
	if row := binary.BigEndian.Uint16(c.read(unit, 3, 1806, 1)); row != 1 {
		t.Errorf("SEL row 1 is %04x, want 52A alone", row)
	}

	fpi := grid.UnitsOf("indicator")[0]
	c, unit = dialUnit(t, grid, fpi)
	want = truth(fpi)
	near(t, "FCM voltage", float64(binary.BigEndian.Uint16(c.read(unit, 4, 1007, 1)))/10, want.Volts[0], 0.06)
	near(t, "FCM power, kW", float64(int16(binary.BigEndian.Uint16(c.read(unit, 4, 1042, 1))))/10, sum(want.Watts)/1000, 0.06)
	if bits := c.read(unit, 2, 4, 1); bits[0] != 0 {
		t.Errorf("FCM shows a fault: % x", bits)
	}
	if address := face.Address(fpi); !strings.HasPrefix(address, "tcp://127.0.0.1:") || !strings.HasSuffix(address, fmt.Sprintf("?unit=%d", unit)) {
		t.Errorf("address is %q", address)
	}

	// What the specification says of requests that cannot be met.
	for _, r := range []struct {
		function       byte
		address, count int
		want           byte
	}{{3, 1000, 1, 1}, {5, 1, 0xFF00, 1}, {4, 2, 1, 2}, {4, 1061, 2, 2}, {4, 0xFFFF, 2, 2}, {4, 1000, 0, 3}, {4, 1000, 126, 3}, {2, 1, 0, 3}, {2, 1, 2001, 3}, {2, 30, 9, 2}} {
		if got := c.refused(unit, r.function, r.address, r.count); got != r.want {
			t.Errorf("function %d address %d count %d: exception %d, want %d", r.function, r.address, r.count, got, r.want)
		}
	}
	if got := c.refused(247, 3, 0, 1); got != 0x0B {
		t.Errorf("a unit that is not there: exception %d, want 0x0B", got)
	}
}

// below sums, customer by customer, what a node must carry at t: nothing of it is taken from the flows under test.
func below(s *Simulation, demands map[int32]*Demand, node int32, at time.Time) (netJ int64, watts float64) {
	g := s.grid
	var iron func(n int32)
	iron = func(n int32) {
		if g.Nodes[n].Kind == NodeTransformer {
			w := int64(100 + 0.8*g.Nodes[n].RatedKVA)
			netJ += w * (at.Unix() - 1577836800)
			watts += float64(w)
		}
		for _, c := range g.children[n] {
			iron(c)
		}
	}
	iron(node)
	g.Below(node, func(i int32) {
		p := &g.Points[i]
		if demands[i] == nil {
			d := NewDemand(s.scenario.Seed, p.ID, p.Customer, g.Climate)
			demands[i] = &d
		}
		in := demands[i].At(at)
		line := 5000 + int64(p.Length*80)
		both := in.ImportJ + in.ExportJ
		netJ += in.ImportJ - in.ExportJ + both*line/1e6 + both*23000/1e6
		watts += float64(in.Watts) + math.Abs(float64(in.Watts))*float64(line+23000)/1e6
	})
	return netJ, watts
}

// A head meter's energy is the sum of what is below and the losses, to the joule; its power is what its energy grows by;
// neither register ever falls, whatever happens to the grid.
func TestHeadMeterIntegrates(t *testing.T) {
	grid := generated(t, GridSpec{UsagePoints: 150, TransformersPerFeeder: 4, ThreePhase: 0.2, Solar: 0.2,
		Modbus: ModbusSpec{Listen: "127.0.0.1:0", Indicators: 1, Transformers: 1}}, 4)
	scenario, err := ParseScenario([]byte("start: 2026-05-04T03:00:00Z\ninterval: 10m"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(grid, scenario, new(notebook), Options{Unpaced: true})
	if err != nil {
		t.Fatal(err)
	}
	head := grid.UnitsOf("head_meter")[0]
	node := grid.Units[grid.FindUnit(head)].Node
	exported := int64(0)
	demands := map[int32]*Demand{}
	var last UnitTruth
	for i, step := range []time.Duration{0, time.Second, 15 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour} {
		s.now = s.start.Add(step)
		u, err := s.Unit(head)
		if err != nil {
			t.Fatal(err)
		}
		wantJ, watts := below(s, demands, node, s.now)
		if u.NetJ != wantJ {
			t.Errorf("after %v: net %d J, want %d", step, u.NetJ, wantJ)
		}
		near(t, "power", u.Watts[0]+u.Watts[1]+u.Watts[2], watts, 0.5)
		if i > 0 && (u.ImportWh < last.ImportWh || u.ExportWh < last.ExportWh) {
			t.Errorf("after %v: registers fall: %+v after %+v", step, u, last)
		}
		if step == time.Second {
			near(t, "energy of a second, J", float64(u.NetJ-last.NetJ), last.Watts[0]+last.Watts[1]+last.Watts[2], float64(len(grid.Points)))
		}
		exported, last = u.ExportWh, u
	}
	// Another start, later: its registers begin above those.
	again, err := New(grid, scenario, new(notebook), Options{Unpaced: true})
	if err != nil {
		t.Fatal(err)
	}
	again.now = s.now.Add(time.Second)
	u, err := again.Unit(head)
	if err != nil || u.ImportWh < last.ImportWh || u.ExportWh < exported {
		t.Errorf("after a restart: %+v, before %+v, %v", u, last, err)
	}
}

// breakAt plays a timeline step by step and looks at a unit each simulated second.
func breakAt(t *testing.T, grid *Grid, timeline string, seconds int, ids ...headend.DeviceID) (map[headend.DeviceID][]UnitTruth, *MemoryTruth) {
	t.Helper()
	scenario, err := ParseScenario([]byte("start: 2026-05-04T03:00:00Z\ninterval: 10m\nmodbus: {backup: 40s}\ngasp: {boot: 5s}\ntimeline:\n  - " + timeline))
	if err != nil {
		t.Fatal(err)
	}
	truth := new(MemoryTruth)
	s, err := New(grid, scenario, new(notebook), Options{Truth: truth, Unpaced: true})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[headend.DeviceID][]UnitTruth{}
	for i := range seconds {
		now := s.start.Add(time.Duration(i) * time.Second)
		for !s.agenda.entries[0].at.After(now) {
			s.now = s.agenda.entries[0].at
			if err := s.agenda.next().do(s.now); err != nil {
				t.Fatal(err)
			}
		}
		s.now = now
		for _, id := range ids {
			u, err := s.Unit(id)
			if err != nil {
				t.Fatal(err)
			}
			seen[id] = append(seen[id], u)
		}
	}
	for id, list := range seen {
		for i := 1; i < len(list); i++ {
			a, b := list[i-1], list[i]
			if b.ImportWh < a.ImportWh || b.ExportWh < a.ExportWh {
				t.Errorf("%s: registers fall in second %d: %+v then %+v", id, i, a, b)
			}
		}
	}
	return seen, truth
}

func runs(list []UnitTruth, of func(UnitTruth) bool) (text string) {
	for i, u := range list {
		if i == 0 && of(u) || i > 0 && of(u) != of(list[i-1]) {
			text += fmt.Sprintf("%d%s ", i, map[bool]string{true: "on", false: "off"}[of(u)])
		}
	}
	return strings.TrimSpace(text)
}

func isOpen(u UnitTruth) bool     { return u.Open }
func showsFault(u UnitTruth) bool { return u.Passage }
func isGone(u UnitTruth) bool     { return !u.Reachable }
func watts(u UnitTruth) float64   { return u.Watts[0] + u.Watts[1] + u.Watts[2] }

// Breakers, passage of fault current, voltages and batteries follow what strikes the grid.
func TestModbusFollowsTheGrid(t *testing.T) {
	grid := modbusGrid(t, "")
	feeder := grid.Nodes[grid.NodesOf(NodeFeeder)[0]].ID
	relay, head := headend.DeviceID("RTU-"+feeder), headend.DeviceID("HM-"+feeder)
	recloser := headend.DeviceID("RTU-" + feeder + "-REC1")
	var lateral string // behind the recloser
	for _, n := range grid.Nodes {
		if n.Kind == NodeSwitch && n.Parent != None && grid.Nodes[n.Parent].ID == feeder+"-REC1" && strings.Contains(n.ID, "FCO") {
			lateral = n.ID
			break
		}
	}
	fpi := headend.DeviceID("FPI-" + lateral)
	tm := headend.DeviceID("TM-" + grid.Nodes[grid.children[grid.FindNode(lateral)][0]].ID)
	other := headend.DeviceID("RTU-" + grid.Nodes[grid.NodesOf(NodeFeeder)[1]].ID)
	ids := []headend.DeviceID{relay, head, recloser, fpi, tm, other}
	for _, id := range ids {
		if grid.FindUnit(id) < 0 {
			t.Fatalf("the grid has no %s", id)
		}
	}
	expect := func(t *testing.T, seen map[headend.DeviceID][]UnitTruth, id headend.DeviceID, what string, of func(UnitTruth) bool, want string) {
		t.Helper()
		if got := runs(seen[id], of); got != want {
			t.Errorf("%s %s: %q, want %q", id, what, got, want)
		}
	}
	t.Run("feeder", func(t *testing.T) {
		seen, truth := breakAt(t, grid, "{at: 10s, fault: outage, where: "+feeder+", for: 120s}", 210, ids...)
		expect(t, seen, relay, "open", isOpen, "10on 130off")
		expect(t, seen, relay, "fault", showsFault, "10on 15off")
		expect(t, seen, relay, "gone", isGone, "") // its battery is not needed: the bus is alive
		expect(t, seen, recloser, "open", isOpen, "")
		expect(t, seen, recloser, "gone", isGone, "50on 135off") // after 40 s of battery, until it has booted
		expect(t, seen, tm, "gone", isGone, "10on 135off")
		expect(t, seen, fpi, "fault", showsFault, "") // fault current does not pass beyond the fault
		expect(t, seen, other, "open", isOpen, "")
		dark, bright := seen[head][60], seen[head][5]
		if watts(dark) != 0 || dark.Volts[0] < 12_000 || watts(bright) < 10_000 || seen[head][128].NetJ != seen[head][11].NetJ || seen[head][140].NetJ <= dark.NetJ {
			t.Errorf("head meter: %+v, then %+v", bright, dark)
		}
		if v := seen[tm][60]; v.Volts != [3]float64{} || watts(v) != 0 {
			t.Errorf("transformer meter without supply: %+v", v)
		}
		happenings, fates := truth.Happenings()
		var told []string
		for i, h := range happenings {
			if h.Device == relay || h.Device == tm {
				told = append(told, fmt.Sprintf("%v %s %v %s", h.Device == relay, h.Event, h.At.Sub(seen[relay][0].At), fates[i]))
			}
		}
		want := []string{"true fault_passage 10s sent", "true breaker_open 10s sent", "false offline 10s lost", "true breaker_closed 2m10s sent", "false online 2m15s sent"}
		if !slices.Equal(told, want) {
			t.Errorf("the truth is told %q, want %q", told, want)
		}
	})
	t.Run("recloser", func(t *testing.T) {
		seen, _ := breakAt(t, grid, "{at: 10s, fault: momentary, where: "+feeder+"-REC1, shots: 3, gap: 10s, for: 5s}", 80, ids...)
		expect(t, seen, recloser, "open", isOpen, "10on 15off 25on 30off 40on 45off")
		expect(t, seen, relay, "open", isOpen, "")
		expect(t, seen, relay, "fault", showsFault, "10on 15off 25on 30off 40on 45off")
		expect(t, seen, recloser, "gone", isGone, "")
		if before, during := watts(seen[head][9]), watts(seen[head][12]); during <= 0 || during >= before {
			t.Errorf("head meter: %v W with the recloser closed, %v W with it open", before, during)
		}
	})
	t.Run("lateral", func(t *testing.T) {
		seen, _ := breakAt(t, grid, "{at: 10s, fault: outage, where: "+lateral+", for: 60s}", 140, ids...)
		expect(t, seen, fpi, "fault", showsFault, "10on 130off")
		expect(t, seen, recloser, "fault", showsFault, "10on 15off")
		expect(t, seen, recloser, "open", isOpen, "")
		expect(t, seen, tm, "gone", isGone, "10on 75off")
		expect(t, seen, fpi, "gone", isGone, "") // the line before it is alive
	})
	t.Run("phase", func(t *testing.T) {
		seen, _ := breakAt(t, grid, "{at: 10s, fault: phase_lost, where: "+feeder+", phase: L2, for: 60s}", 90, ids...)
		expect(t, seen, relay, "open", isOpen, "")
		expect(t, seen, tm, "gone", isGone, "")
		if u := seen[tm][30]; u.Lost != headend.L2 || u.Volts[1] != 0 || u.Volts[0] < 200 || u.Watts[1] != 0 || u.Watts[2] <= 0 {
			t.Errorf("transformer meter with L2 lost: %+v", u)
		}
	})
	t.Run("tie", func(t *testing.T) { // a part comes back early, fed from elsewhere: the head meter does not see it
		seen, _ := breakAt(t, grid, "{at: 10s, fault: outage, where: "+feeder+", for: 100s, steps: [{after: 30s, where: "+feeder+"-REC1}]}", 150, ids...)
		expect(t, seen, relay, "open", isOpen, "10on 110off")
		if a, b := seen[head][12], seen[head][108]; a.NetJ != b.NetJ || watts(b) != 0 || a.ImportWh != b.ImportWh {
			t.Errorf("head meter counts what does not pass it: %+v then %+v", a, b)
		}
		if a, b := seen[tm][60], seen[tm][108]; b.NetJ <= a.NetJ {
			t.Errorf("transformer meter behind the tie stands still: %+v then %+v", a, b)
		}
		if a, b := seen[head][115], seen[head][112]; a.NetJ <= b.NetJ || a.NetJ-b.NetJ > int64(5*watts(a)) {
			t.Errorf("head meter after the tie: %+v then %+v", b, a)
		}
	})
	t.Run("rtu lost", func(t *testing.T) {
		seen, truth := breakAt(t, grid, "{at: 10s, fault: rtu_lost, where: "+string(relay)+", for: 30s}", 60, ids...)
		expect(t, seen, relay, "gone", isGone, "10on 40off")
		expect(t, seen, relay, "open", isOpen, "")
		if d := truth.Damages(); len(d) != 1 || d[0].Kind != FaultRTULost || d[0].Where != string(relay) || d[0].End.Sub(d[0].Start) != 30*time.Second {
			t.Errorf("damages %+v", d)
		}
	})
}

// Units written to CSV come back, and only those this package can play.
func TestModbusCSVRoundTrip(t *testing.T) {
	spec := GridSpec{UsagePoints: 3000, PointsPerTransformer: 5, Modbus: ModbusSpec{Listen: "127.0.0.1:1502", Framing: FramingRTU, Indicators: 0.5, Transformers: 0.5}}
	g := generated(t, spec, 3)
	if len(g.Units) < 400 || len(g.Ports) < 2 || g.Units[247].Port != 1 || g.Units[247].Number != 1 {
		t.Fatalf("%d units behind %d ports", len(g.Units), len(g.Ports))
	}
	dir := filepath.Join(t.TempDir(), "grid")
	if err := g.WriteCSV(dir); err != nil {
		t.Fatal(err)
	}
	back, err := Load(dir, GridSpec{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(g, back, cmp.AllowUnexported(Grid{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("written and read again (-written +read):\n%s", diff)
	}
	data, err := os.ReadFile(filepath.Join(dir, DevicesFile))
	if err != nil {
		t.Fatal(err)
	}
	row := fmt.Sprintf("RTU-%s,rtu,modbus,rtutcp://127.0.0.1:1502?unit=1,sel_751a,,,,", g.Nodes[g.NodesOf(NodeFeeder)[0]].ID)
	if !strings.Contains(string(data), row) {
		t.Errorf("%s lacks %q", DevicesFile, row)
	}
	more := "RTU-nowhere,rtu,modbus,tcp://10.0.0.1:502?unit=1,sel_751a,,,,,,\nRTU-x,rtu,modbus,tcp://10.0.0.1:502?unit=2,basler_be1_851,,,,,,\n"
	if err := os.WriteFile(filepath.Join(dir, DevicesFile), append(data, more...), 0o600); err != nil {
		t.Fatal(err)
	}
	if back, err = Load(dir, GridSpec{}); err != nil || len(back.Units) != len(g.Units) {
		t.Errorf("with foreign devices: %v", err)
	}
	twice := strings.Replace(string(data), "unit=2,", "unit=1,", 1)
	if err := os.WriteFile(filepath.Join(dir, DevicesFile), []byte(twice), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = Load(dir, GridSpec{}); err == nil || !strings.Contains(err.Error(), "have one address") {
		t.Errorf("two units with one address: %v", err)
	}
	for _, listen := range []string{"here", "127.0.0.1:99999", "127.0.0.1:65535"} {
		if err := g.AddModbus(ModbusSpec{Listen: listen, Transformers: 1}, 1); err == nil {
			t.Errorf("listen %q is taken", listen)
		}
	}
}

// startSimulation plays until what it returns is called.
func startSimulation(t testing.TB, s *Simulation) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	return func() { cancel(); group.Wait() }
}

// FuzzModbusRequests throws a stream at both framings: whatever comes, what goes back is bounded, frames are
// whole, and nothing panics.
func FuzzModbusRequests(f *testing.F) {
	for _, seed := range [][]byte{
		{0, 1, 0, 0, 0, 6, 1, 3, 0x0B, 0xF3, 0, 2}, {0, 1, 0, 0, 0, 6, 1, 2, 0, 8, 0, 1}, {0, 1, 0, 0, 0, 2, 1, 3}, {0, 1, 0, 0, 0, 6, 1, 4, 0xFF, 0xFF, 0, 125},
		{1, 2, 0, 8, 0, 1, 0x38, 0x08}, {1, 3, 2, 138, 0, 2, 0xE4, 0x51}, {1, 16, 0, 1, 0, 1, 255, 0}, {1, 43, 14, 1, 0}, {0, 1, 0, 0, 0, 9, 1, 16, 0, 1, 0, 1, 2, 0, 0},
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		for _, framing := range []framer{mbap{}, rtu{}} {
			r := bufio.NewReaderSize(bytes.NewReader(stream), 4096)
			var buffer, room [mostFrame]byte
			var pduRoom [mostPDU]byte
			for {
				q, err := framing.read(r, buffer[:])
				if err != nil {
					break
				}
				if len(q.pdu) < 1 || len(q.pdu) > mostPDU {
					t.Fatalf("request of %d bytes", len(q.pdu))
				}
				for _, m := range modbusModels {
					pdu := m.appendReply(pduRoom[:0], q.pdu, func() *unitView { return &unitView{importWh: math.MaxInt64, volts: [3]float64{math.MaxFloat64}} },
						func() unitState { return unitState(binary.BigEndian.Uint32(append(q.pdu[:1:1], 1, 2, 3))) })
					if len(pdu) < 2 || len(pdu) > mostPDU || pdu[0]&0x7F != q.pdu[0]&0x7F || pdu[0]&0x80 == 0 && len(pdu) != 2+int(pdu[1]) {
						t.Fatalf("%s answers % x with % x", m.name, q.pdu, pdu)
					}
					if frame := framing.frame(room[:0], q.transaction, q.unit, pdu); len(frame) > mostFrame {
						t.Fatalf("frame of %d bytes", len(frame))
					}
					if spoilt := shorten(slices.Clone(pdu)); len(spoilt) < 2 {
						t.Fatalf("% x is shortened to % x", pdu, spoilt)
					}
				}
			}
		}
	})
}

// BenchmarkModbusPolls polls thousands of units of a running grid over several connections, one request of a
// connection in flight: what a poller with a connection to each port would do.
func BenchmarkModbusPolls(b *testing.B) {
	grid := generated(b, GridSpec{UsagePoints: 100_000, Modbus: ModbusSpec{Listen: "127.0.0.1:0", Indicators: 0.5, Transformers: 1}}, 1)
	ports, err := ListenModbus(grid)
	if err != nil {
		b.Fatal(err)
	}
	scenario, err := ParseScenario([]byte("interval: 30m"))
	if err != nil {
		b.Fatal(err)
	}
	s, err := New(grid, scenario, new(notebook), Options{})
	if err != nil {
		b.Fatal(err)
	}
	startModbus(b, s, ModbusConfig{Ports: ports})
	defer startSimulation(b, s)()
	type target struct {
		c              *client
		unit, function byte
		address, count int
	}
	lists := make([][]target, len(grid.Ports))
	for i := range grid.Ports {
		var c *client
		for _, u := range grid.Units {
			if u.Port != int32(i) {
				continue
			}
			if c == nil {
				c, _ = dialUnit(b, grid, u.ID)
				if err := c.conn.SetDeadline(time.Time{}); err != nil {
					b.Fatal(err)
				}
			}
			p := target{c: c, unit: u.Number, function: 3}
			switch u.Model {
			case headModel.name:
				p.address, p.count = 3027, 50
			case relayModel.name:
				p.function, p.address, p.count = 2, 0, 16
			case indicatorModel.name:
				p.function, p.address, p.count = 4, 1000, 62
			default:
				p.address, p.count = 23296, 62
			}
			lists[i] = append(lists[i], p)
		}
	}
	for _, list := range lists { // registers begin
		for _, p := range list {
			if err := p.c.poll(p.unit, p.function, p.address, p.count); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ResetTimer()
	var group sync.WaitGroup
	for _, list := range lists {
		group.Go(func() {
			for n := range b.N / len(lists) {
				p := list[n%len(list)]
				if err := p.c.poll(p.unit, p.function, p.address, p.count); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(len(grid.Units)), "units")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "polls/s")
}
