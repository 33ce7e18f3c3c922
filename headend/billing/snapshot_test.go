package billing

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"lastgasp/headend"
)

func snapshot(t testing.TB, lines ...Line) ([]byte, string) {
	t.Helper()
	var out bytes.Buffer
	s, err := NewSnapshot(&out, Header{Period: Period{at(0, 0), at(24, 0)}, Zone: "Asia/Ho_Chi_Minh", Gate: DefaultGate, Inputs: []string{"ledger 7"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		if err := s.Add(l); err != nil {
			t.Fatal(err)
		}
	}
	id, _, err := s.Close()
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), id
}

func line(usagePoint string, values ...Value) Line {
	return NewLine(usagePoint, Consumption{Period: Period{at(0, 0).UTC(), at(24, 0).UTC()}, Quantity: headend.ImportWh, Wh: 10, How: Exact}, values, 0, DefaultGate)
}

func utcValues(values []Value) []Value {
	for i := range values {
		values[i].Period = values[i].Period.utc()
	}
	return values
}

func TestSnapshotRoundTrip(t *testing.T) {
	lines := []Line{line("U1", utcValues(lost(1, -1, 3))...), line("U2")}
	lines[0].Consumption.Absent, lines[0].Consumption.Wh = NoRegister, 0
	text, id := snapshot(t, lines...)
	if strings.Count(string(text), "\n") != 4 || len(id) != 64 {
		t.Fatalf("%s, %s", text, id)
	}
	if first := strings.Split(string(text), "\n")[1]; strings.Contains(first, `"wh":0`) {
		t.Errorf("what is not known has a number: %s", first)
	}
	s, err := OpenSnapshot(bytes.NewReader(text))
	if err != nil || s.Header.Zone != "Asia/Ho_Chi_Minh" || s.Header.Gate != DefaultGate {
		t.Fatalf("%+v, %v", s, err)
	}
	for _, want := range lines {
		got, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		if same, err := equal(got, want); !same || err != nil {
			t.Errorf("read\n%+v\nwritten\n%+v, %v", got, want, err)
		}
	}
	if _, err := s.Next(); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if got, totals := s.ID(); got != id || totals != (Totals{2, 1, 1}) {
		t.Errorf("%s, %+v", got, totals)
	}
}

func TestBrokenSnapshots(t *testing.T) {
	text, _ := snapshot(t, line("U1"), line("U2"))
	rows := strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
	for name, broken := range map[string]string{
		"nothing": "", "no json": "hello", "cut": string(text[:len(text)-20]), "without totals": strings.Join(rows[:3], ""),
		"a line less": rows[0] + rows[1] + rows[3], "out of order": rows[0] + rows[2] + rows[1] + rows[3], "without header": rows[1] + rows[2] + rows[3],
		"two of them": string(text) + string(text), "of another format": strings.Replace(string(text), `"lastgasp_billing":1`, `"lastgasp_billing":2`, 1),
		"with something unknown": strings.Replace(string(text), `"quantity"`, `"quantities"`, 1),
	} {
		s, err := OpenSnapshot(strings.NewReader(broken))
		for err == nil {
			_, err = s.Next()
		}
		if !errors.Is(err, ErrSnapshot) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, err := NewSnapshot(io.Discard, Header{Period: Period{at(0, 0), at(1, 0)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Add(line("U2")); err != nil {
		t.Fatal(err)
	}
	if err := s.Add(line("U1")); !errors.Is(err, ErrSnapshot) {
		t.Errorf("out of order: %v", err)
	}
	if err := s.Add(line("U2")); !errors.Is(err, ErrSnapshot) {
		t.Errorf("twice: %v", err)
	}
	if _, err := NewSnapshot(io.Discard, Header{Period: Period{at(1, 0), at(0, 0)}}); !errors.Is(err, ErrPeriod) {
		t.Errorf("upside down: %v", err)
	}
}

func TestCompareSnapshots(t *testing.T) {
	guess := utcValues(with(hours(1, 2), 1, estimated))
	old, _ := snapshot(t, line("U1"), line("U2", guess...), line("U3", guess...))
	now, _ := snapshot(t, line("U2", utcValues(hours(1, 5))...), line("U3", utcValues(hours(1, 2))...), line("U4"))
	a, err := OpenSnapshot(bytes.NewReader(old))
	if err != nil {
		t.Fatal(err)
	}
	b, err := OpenSnapshot(bytes.NewReader(now))
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	if err := Compare(a, b, func(c Change) error {
		kinds = append(kinds, c.UsagePoint+" "+string(c.Kind))
		if c.UsagePoint == "U2" && (len(c.Values) != 1 || c.Values[0].Before.Method != ByLine || c.Values[0].After.Wh != 5 || c.Held == nil || !c.Demand || c.Before != nil) {
			t.Errorf("%+v", c)
		}
		if c.UsagePoint == "U3" && (len(c.Values) != 1 || c.Values[0].Before.State != Estimated || c.Values[0].After.State != Measured) {
			t.Errorf("an estimate that turned out right: %+v", c)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"U1 removed", "U2 changed", "U3 changed", "U4 added"}; !slices.Equal(kinds, want) {
		t.Errorf("%v, want %v", kinds, want)
	}
}

func TestGate(t *testing.T) {
	gate := Gate{Estimated: 1000, Missing: 500, Failed: 0, Fails: VerdictSpike, Register: true, Worst: Nearest}
	if err := gate.Validate(); err != nil {
		t.Fatal(err)
	}
	c := Consumption{Quantity: headend.ImportWh, How: Exact}
	change := func(n int, f func(*Value)) []Value {
		return append(all(hours(repeated(n, 1)...), f), hours(repeated(20-n, 1)...)...)
	}
	for _, g := range []struct {
		name   string
		c      Consumption
		values []Value
		held   int
	}{
		{"clean", c, hours(repeated(20, 1)...), 0},
		{"as many estimates as allowed", c, change(2, estimated), 0},
		{"one more", c, change(3, estimated), 1},
		{"as many missing as allowed", c, change(1, notThere), 0},
		{"one more missing", c, change(2, notThere), 1},
		{"one failed", c, change(1, func(v *Value) { v.Verdicts = VerdictSpike | VerdictZero }), 1},
		{"a verdict that does not fail", c, change(20, func(v *Value) { v.Verdicts = VerdictZero }), 0},
		{"no register", Consumption{Absent: Backwards}, nil, 1},
		{"interpolated", Consumption{How: Interpolated}, nil, 1},
		{"nearest", Consumption{How: Nearest}, nil, 0},
	} {
		if l := NewLine("U1", g.c, g.values, 0, gate); len(l.Held) != g.held {
			t.Errorf("%s: held %q", g.name, l.Held)
		}
	}
	for _, bad := range []Gate{{Estimated: -1}, {Missing: 10_001}, {Failed: 10_001}, {Worst: 4}} {
		if bad.Validate() == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

// Whatever the bytes: an error or lines, no panic; what is whole has an id.
func FuzzSnapshot(f *testing.F) {
	text, _ := snapshot(f, line("U1", utcValues(lost(1, -1, 3))...), line("U2"))
	f.Add(text)
	f.Add(text[:len(text)/2])
	f.Add([]byte(`{"header":{"lastgasp_billing":1}}{"totals":{"lines":0}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := OpenSnapshot(bytes.NewReader(text))
		lines := 0
		for err == nil {
			if _, err = s.Next(); err == nil {
				lines++
			}
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, ErrSnapshot) {
			t.Fatal(err)
		}
		if errors.Is(err, io.EOF) {
			if id, totals := s.ID(); len(id) != 64 || totals.Lines != lines {
				t.Fatalf("%s, %+v of %d lines", id, totals, lines)
			}
		}
	})
}
