package simulator

import (
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"lastgasp/headend"
	"lastgasp/protocols/drivertest"
)

// tool is an independent Modbus client; the test is skipped where it is not installed.
func tool(t *testing.T, name string, probe ...string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/bin/" + name} {
		if found, err := exec.LookPath(path); err == nil && exec.Command(found, probe...).Run() == nil {
			return found
		}
	}
	drivertest.Missing(t, "%s %s does not run: install mbpoll and python3-pymodbus to check frames against independent clients", name, strings.Join(probe, " "))
	return ""
}

// mbpoll (libmodbus) reads what the truth says.
func TestModbusMbpoll(t *testing.T) {
	mbpoll := tool(t, "mbpoll", "-V")
	grid := modbusGrid(t, "")
	s, _ := serveModbus(t, grid, "", ModbusConfig{})
	_, port, err := net.SplitHostPort(grid.Ports[0].Address)
	if err != nil {
		t.Fatal(err)
	}
	poll := func(unit uint8, sort string, address, count int) []string {
		t.Helper()
		out, err := exec.Command(mbpoll, "-m", "tcp", "-p", port, "-a", strconv.Itoa(int(unit)), "-0", "-B", "-1", "-q", "-t", sort,
			"-r", strconv.Itoa(address), "-c", strconv.Itoa(count), "127.0.0.1").CombinedOutput()
		if err != nil {
			return []string{strings.TrimSpace(string(out))}
		}
		var values []string
		for line := range strings.Lines(string(out)) {
			if place, value, ok := strings.Cut(line, "]:"); ok && strings.HasPrefix(place, "[") {
				values = append(values, strings.TrimSpace(value))
			}
		}
		return values
	}
	for _, part := range []string{"head_meter", "relay", "indicator", "transformer_meter"} {
		id := grid.UnitsOf(part)[0]
		unit := grid.Units[grid.FindUnit(id)].Number
		want, err := s.Unit(id)
		if err != nil {
			t.Fatal(err)
		}
		check := func(sort string, address, count int, text ...string) {
			t.Helper()
			if got := poll(unit, sort, address, count); strings.Join(got, " ") != strings.Join(text, " ") {
				t.Errorf("%s: -t %s -r %d is %q, want %q", id, sort, address, got, text)
			}
		}
		power := want.Watts[0] + want.Watts[1] + want.Watts[2]
		switch part {
		case "head_meter":
			check("4:float", 3027, 3, fmt.Sprintf("%g", round6(want.Volts[0])), fmt.Sprintf("%g", round6(want.Volts[1])), fmt.Sprintf("%g", round6(want.Volts[2])))
			check("4:float", 3059, 1, fmt.Sprintf("%g", round6(power/1000)))
			if got := poll(unit, "3", 3027, 1); len(got) != 1 || !strings.Contains(got[0], "Illegal function") {
				t.Errorf("input registers of an iEM3000: %q", got)
			}
		case "relay":
			check("1", 7, 2, "1", "1")
			check("4:int", 690, 1, strconv.FormatInt(want.ImportWh/1000, 10))
			check("3", 674, 1, strconv.Itoa(int(math.Round(want.Volts[0]))))
		case "indicator":
			check("1", 23, 1, "0")
			check("0", 3, 1, "0")
			check("3", 1007, 1, strconv.Itoa(int(math.Round(want.Volts[0]*10))))
		case "transformer_meter":
			check("4:int", 23316, 1, strconv.Itoa(int(math.Round(power*100))))
			if got := poll(unit, "4", 1, 1); len(got) != 1 || !strings.Contains(got[0], "Illegal data address") {
				t.Errorf("register 1 of a B23: %q", got)
			}
		}
	}
	impaired(t, s, string(grid.UnitsOf("relay")[0]), WireFault{Kind: FaultRTULost}, func() {
		if got := poll(1, "1", 8, 1); len(got) != 1 || !strings.Contains(got[0], "Target device failed to respond") {
			t.Errorf("a lost relay: %q", got)
		}
	})
}

// round6 is a float32 with the six digits mbpoll prints.
func round6(f float64) float64 {
	g, err := strconv.ParseFloat(strconv.FormatFloat(float64(float32(f)), 'g', 6, 64), 64)
	if err != nil {
		return math.NaN()
	}
	return g
}

// pymodbus reads what the truth says, in both framings.
func TestModbusPymodbus(t *testing.T) {
	python := tool(t, "python3", "-c", "import pymodbus")
	for _, framing := range []string{FramingTCP, FramingRTU} {
		t.Run(framing, func(t *testing.T) {
			grid := modbusGrid(t, framing)
			feeder := grid.Nodes[grid.NodesOf(NodeFeeder)[0]].ID
			s, _ := serveModbus(t, grid, "timeline: [{at: 10m, fault: outage, where: "+feeder+"}]", ModbusConfig{})
			var requests, want []string
			add := func(id headend.DeviceID, request, answer string) {
				requests = append(requests, fmt.Sprintf("%d %s", grid.Units[grid.FindUnit(id)].Number, request))
				want = append(want, answer)
			}
			truth := func(id headend.DeviceID) UnitTruth {
				u, err := s.Unit(id)
				if err != nil {
					t.Fatal(err)
				}
				return u
			}
			open, closed := grid.UnitsOf("relay")[0], headend.DeviceID("RTU-"+grid.Nodes[grid.NodesOf(NodeFeeder)[1]].ID)
			add(open, "2 0 16 bits", "0000001100000000") // TRIP and ENABLED, 52A off
			add(closed, "2 0 16 bits", "0000000110000000")
			add(closed, "4 690 2 >I", strconv.FormatInt(truth(closed).ImportWh/1000, 10))
			head := headend.DeviceID("HM-" + feeder)
			add(head, "3 3203 8 >qq", fmt.Sprintf("%d %d", truth(head).ImportWh, truth(head).ExportWh))
			add(head, "3 3059 2 >f", "0.0")
			add(head, "3 1 1 >H", "exception 2")
			add(head, "1 1 1 bits", "exception 1")
			var lit headend.DeviceID
			for _, id := range grid.UnitsOf("transformer_meter") {
				if u := truth(id); u.Reachable {
					lit = id
				} else if lit == "" {
					add(id, "3 20480 4 >Q", "exception 11") // it has no supply
				}
			}
			add(lit, "3 20480 8 >QQ", fmt.Sprintf("%d %d", truth(lit).ImportWh/10, truth(lit).ExportWh/10))
			host, port, err := net.SplitHostPort(grid.Ports[0].Address)
			if err != nil {
				t.Fatal(err)
			}
			name := map[string]string{FramingTCP: "tcp", FramingRTU: "rtu"}[framing]
			command := exec.Command(python, "testdata/read.py", name, host, port)
			command.Stdin = strings.NewReader(strings.Join(requests, "\n") + "\n")
			out, err := command.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			got := strings.Split(strings.TrimSpace(string(out)), "\n")
			if len(got) != len(want) {
				t.Fatalf("%d answers to %d requests:\n%s", len(got), len(want), out)
			}
			for i := range want {
				if got[i] != want[i] {
					t.Errorf("%s: %q, want %q", requests[i], got[i], want[i])
				}
			}
		})
	}
}

// In real time, a breaker that opens is read open at once, and its seconds go on.
func TestModbusFollowsTheClock(t *testing.T) {
	grid := modbusGrid(t, "")
	ports, err := ListenModbus(grid)
	if err != nil {
		t.Fatal(err)
	}
	feeder := grid.Nodes[grid.NodesOf(NodeFeeder)[0]].ID
	scenario, err := ParseScenario([]byte("start: -2s\ninterval: 1h\ntimeline: [{at: 2500ms, fault: momentary, where: " + feeder + ", shots: 2, gap: 400ms, for: 1s}]"))
	if err != nil {
		t.Fatal(err)
	}
	truth := new(MemoryTruth)
	s, err := New(grid, scenario, new(notebook), Options{Truth: truth})
	if err != nil {
		t.Fatal(err)
	}
	startModbus(t, s, ModbusConfig{Ports: ports})
	play := startSimulation(t, s)
	defer play()
	relay := headend.DeviceID("RTU-" + feeder)
	c, unit := dialUnit(t, grid, relay)
	var turns []byte
	var energies []int64
	head, number := dialUnit(t, grid, headend.DeviceID("HM-"+feeder))
	for len(turns) < 5 { // closed, open, closed, open, closed
		if bit := c.read(unit, 2, 8, 1)[0]; len(turns) == 0 || turns[len(turns)-1] != bit {
			turns = append(turns, bit)
			energies = append(energies, int64(binary.BigEndian.Uint64(head.read(number, 3, 3203, 4))))
		}
	}
	if string(turns) != "\x01\x00\x01\x00\x01" {
		t.Errorf("52A was read as % x", turns)
	}
	for i := 1; i < len(energies); i++ {
		if energies[i] < energies[i-1] {
			t.Errorf("energies fall: %d", energies)
		}
	}
	happenings, _ := truth.Happenings()
	opened := 0
	for _, h := range happenings {
		if h.Device == relay && h.Event == headend.EventBreakerOpen {
			opened++
		}
	}
	if opened != 2 {
		t.Errorf("the truth knows of %d openings", opened)
	}
}
