package modbus

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/protocols/drivertest"
)

// memory map of a served unit: function code, address, value.
type served map[string]map[string]uint16

func (m served) put(function byte, address uint16, words ...uint16) {
	f := fmt.Sprint(function)
	if m[f] == nil {
		m[f] = map[string]uint16{}
	}
	for i, w := range words {
		m[f][fmt.Sprint(int(address)+i)] = w
	}
}

func words32(v uint32) []uint16 { return []uint16{uint16(v >> 16), uint16(v)} }

func words64(v uint64) []uint16 {
	return append(words32(uint32(v>>32)), words32(uint32(v))...)
}

// python is the interpreter that has Debian's pymodbus; without it the test skips.
func python(t *testing.T) string {
	t.Helper()
	const path = "/usr/bin/python3"
	if out, err := exec.Command(path, "-c", "import pymodbus").CombinedOutput(); err != nil {
		drivertest.Missing(t, "no independent Modbus server here (Debian package python3-pymodbus): %v %s", err, out)
	}
	return path
}

// pymodbus serves units until the test ends and returns host:port.
func pymodbus(t *testing.T, framing string, units map[string]served) string {
	t.Helper()
	interpreter := python(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	closeIt(t, free)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(units)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, interpreter, "testdata/server.py", framing, port)
	command.Stdin = bytes.NewReader(text)
	command.Stderr = t.Output()
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := command.Wait(); err == nil {
			t.Error("the server ended by itself")
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "ready\n" {
		t.Fatalf("pymodbus: %q (%v)", line, err)
	}
	return address
}

// What `headend modbus read` shows of shipped profiles, served by independent software, is what was put in.
func TestReadAgainstPymodbus(t *testing.T) {
	sdm := served{}
	sdm.put(4, 0, make([]uint16, 400)...)
	for address, v := range map[uint16]float32{0: 230.5, 2: 231.25, 4: 229.75, 6: 5.5, 52: 3805.125, 62: 0.985, 70: 49.98, 72: 1234.567, 74: 20000.5, 76: 12.3} {
		sdm.put(4, address, words32(math.Float32bits(v))...)
	}
	abb := served{}
	abb.put(3, 20480, words64(123456)...)
	abb.put(3, 20484, words64(math.MaxUint64)...)
	abb.put(3, 21600, make([]uint16, 24)...)
	abb.put(3, 23296, make([]uint16, 64)...)
	abb.put(3, 23296, words32(2304)...)
	abb.put(3, 23316, words32(uint32(0xFFFFFFFF-1233))...) // -1234
	abb.put(3, 23340, 4998)
	sel := served{}
	sel.put(2, 0, make([]uint16, 120)...)
	sel.put(2, 8, 1)
	sel.put(3, 650, make([]uint16, 100)...)
	sel.put(3, 650, 120)
	sel.put(3, 685, 0xFFFF)
	sel.put(3, 690, words32(1234567)...)
	sel.put(3, 1805, make([]uint16, 20)...)
	sun := served{}
	sun.put(3, 40000, 0x5375, 0x6E53, 1, 66)
	sun.put(3, 40004, make([]uint16, 66)...)
	sun.put(3, 40070, 203, 105)
	sun.put(3, 40072, make([]uint16, 105)...)
	sun.put(3, 40177, 0xFFFF, 0)
	sun.put(3, 40070+2, 105, 101, 102, 103, 0xFFFF)                // A .. A_SF = -1
	sun.put(3, 40070+7, 2301, 2301, 0x8000, 2303)                  // PhV, PhVphA, B not implemented, C
	sun.put(3, 40070+15, 0xFFFF)                                   // V_SF = -1
	sun.put(3, 40070+46, append(words32(123), words32(456)...)...) // TotWhImp and phase A
	sun.put(3, 40070+54, 2)                                        // TotWh_SF
	units := map[string]served{"1": sdm, "2": abb, "3": sel, "4": sun}
	for _, framing := range []string{"tcp", "rtutcp"} {
		address := framing + "://" + pymodbus(t, framing, units)
		for _, c := range []struct {
			unit    int
			profile string
			want    map[string]string // quantity: value unit, or the note where there is none
		}{
			{1, "eastron_sdm630", map[string]string{"v1": "230.5 V", "v2": "231.25 V", "v3": "229.75 V", "i1": "5.5 A", "p": "3805.125 W", "import_wh": "1234567 Wh", "export_wh": "20000500 Wh", "import_varh": "12300 varh"}},
			{2, "abb_b23", map[string]string{"import_wh": "1234560 Wh", "export_wh": "not_measured", "v1": "230.4 V", "p": "-12.34 W", "f": "49.98 Hz"}},
			{3, "sel_751a", map[string]string{"breaker": "closed ", "fault": "clear ", "i1": "120 A", "p": "-1000 W", "export_wh": "1234567000 Wh"}},
			{4, "sunspec_203", map[string]string{"i1": "10.1 A", "v1": "230.1 V", "v2": "not_measured", "v3": "230.3 V", "import_wh": "12300 Wh", "import_wh_l1": "45600 Wh", "import_wh_l2": "not_measured"}},
		} {
			t.Run(framing+" "+c.profile, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				rows, err := Read(ctx, address, c.unit, profileOf(t, c.profile))
				if err != nil {
					t.Fatal(err)
				}
				got := map[string]Row{}
				for _, r := range rows {
					got[r.Quantity] = r
				}
				for quantity, want := range c.want {
					r := got[quantity]
					if have := r.Value + " " + r.Unit; have != want && (r.Value != "" || r.Note != want) {
						t.Errorf("%s: %+v, want %s", quantity, r, want)
					}
				}
			})
		}
		var found []string
		if err := Scan(context.Background(), address, 1, 6, 300*time.Millisecond, func(f Found) { found = append(found, fmt.Sprint(f.Unit)) }, nil); err != nil {
			t.Error(err)
		}
		if got := strings.Join(found, " "); got != "1 2 3 4" {
			t.Errorf("%s: scan found %q", framing, got)
		}
	}
}

func TestSevenDigits(t *testing.T) {
	for want, f := range map[string]float32{"230.1": 230.1, "8399.99": 8399.99, "0": 0, "-0.25": -0.25, "16777220": 16777216, "5.900000e-39": 5.9e-39, "3.402823e+38": 3.4028235e38} {
		if got := digits7(float64(f)); got != want {
			t.Errorf("%v is printed as %s, want %s", f, got, want)
		}
	}
	if got := digits7(float64(float32(8.4)) * 1000); got != "8400" {
		t.Errorf("8.4 kW is %s W", got)
	}
}

func TestReadFails(t *testing.T) {
	s := newServer(false)
	s.unit(1)
	s.unit(2).does = silence
	address := "tcp://" + s.listen(t)
	p, err := ParseProfile("twins.yaml", []byte(twins))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		address string
		unit    int
		profile *Profile
		want    string
	}{
		{address, NoUnit, p, "no unit"}, {address + "?unit=1", 3, p, "the address says 1"}, {address, 2, p, "timeout"}, {"tcp://127.0.0.1:1", 1, p, "connect"},
		{address, 1, profileOf(t, "sunspec_203"), "no SunSpec map at [40000 50000 0]"}, {"modbus://x", 1, p, "scheme"}, {"serial:///dev/none", 1, p, "/dev/none"}, {address, 256, p, "unit 256"},
	} {
		if _, err := Read(context.Background(), c.address, c.unit, c.profile); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s unit %d: error %v, want %s", c.address, c.unit, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Read(ctx, address, 1, p); err == nil {
		t.Error("read with a context that had ended")
	}
	if err := Scan(context.Background(), "tcp://127.0.0.1:1", 1, 9, time.Second, nil, nil); err == nil {
		t.Error("scanned nothing")
	}
}

// A SunSpec block that moves, as after an update of firmware, is found again, and nothing of what lies where it was
// is taken for it.
func TestSunSpecMoves(t *testing.T) {
	s := newServer(false)
	base := uint16(40002)
	s.unit(1).value = func(_ byte, address uint16) uint16 {
		if address < 40002 {
			return binary.BigEndian.Uint16([]byte("SunS")[2*(address-40000):])
		}
		if base > 40002 && address < base { // another block before it
			return map[uint16]uint16{40002: 1, 40003: base - 40004}[address]
		}
		switch at := address - base; {
		case at == 0:
			return 203
		case at == 1:
			return 105
		case at == 107:
			return endModel
		case at == 15 || at == 6 || at == 22 || at == 54:
			return 0
		case at > 107:
			return 0xDEAD
		default:
			return at
		}
	}
	d := driver(t, Config{Devices: []Device{{ID: "m", Address: "tcp://" + s.listen(t), Unit: 1, Profile: "sunspec_203", Intervals: map[string]time.Duration{"live": 100 * time.Millisecond}}}}, own(t))
	out := newSink()
	stop := run(t, d, out)
	out.await(t, "readings", func(b []headend.Batch) bool { return len(of(b, "m")) > 1 })
	s.change(func() { base = 40100 })
	n := len(of(out.all(), "m"))
	out.await(t, "readings from the new place", func(b []headend.Batch) bool {
		all := of(b, "m")
		return len(all) > n+2 && strings.Contains(all[len(all)-1].Source.Address, "3:40100+")
	})
	stop()
	for _, b := range out.all() {
		for _, r := range b.Readings {
			if r.Quantity == headend.V1 && r.Value.Float64() != 8 {
				t.Errorf("v1 %v from %s", r.Value, b.Source.Address)
			}
		}
	}
}
