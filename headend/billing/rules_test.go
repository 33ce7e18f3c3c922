package billing

import (
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"lastgasp/headend"
)

// hours makes measured values from local midnight on, one an hour.
func hours(wh ...int64) []Value {
	values := make([]Value, len(wh))
	for i, n := range wh {
		values[i] = Value{Period: Period{at(i, 0), at(i+1, 0)}, State: Measured, Wh: n, Meter: "M1"}
	}
	return values
}

func repeated(n int, wh int64) []int64 {
	list := make([]int64, n)
	for i := range list {
		list[i] = wh
	}
	return list
}

func with(values []Value, i int, change func(*Value)) []Value {
	change(&values[i])
	return values
}

func dark(from, to time.Time) []headend.Interruption {
	return []headend.Interruption{{Start: from, End: to}}
}

func estimated(v *Value) { v.State, v.Method = Estimated, ByLine }
func notThere(v *Value)  { v.State, v.Wh, v.Absent = Missing, 0, NoRegister }
func all(list []Value, change func(*Value)) []Value {
	for i := range list {
		change(&list[i])
	}
	return list
}

// Each rule finds its fault, at its place, and nothing in the case beside it that is just in order.
func TestRules(t *testing.T) {
	day := Period{at(0, 0), at(24, 0)}
	tariff := func(quantity headend.Quantity, wh int64) *Metering {
		s := oneMeter(home)
		s.Fittings[0].Dials[quantity] = home
		m, err := NewMetering(s, quantity, map[headend.DeviceID][]Point{"M1": {point(0, 0, 10), point(24, 0, 10+wh)}}, CutOff{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	register := func(points ...Point) *Metering {
		return metering(t, oneMeter(home), map[headend.DeviceID][]Point{"M1": points}, CutOff{})
	}
	plain := repeated(24, 100)
	volts := func(v float64) []Sample { return []Sample{{at(5, 0), headend.V1, v}, {at(5, 0), headend.I1, 1e6}} }
	amps := func(v float64) []Sample { return []Sample{{at(5, 0), headend.I2, v}, {at(5, 0), headend.V1, 1e6}} }
	for _, c := range []struct {
		name      string
		verdict   Verdict
		bad, good Evidence
		at        time.Time // where the finding begins
	}{
		{"missing", VerdictMissing, Evidence{Values: with(hours(plain...), 3, notThere)}, Evidence{Values: with(hours(plain...), 3, estimated)}, at(3, 0)},
		{"duplicate", VerdictDuplicate, Evidence{Repeats: []Repeat{{at(2, 0), 5, 6}}}, Evidence{Repeats: []Repeat{{at(2, 0), 5, 5}}}, at(2, 0)},
		{"spike", VerdictSpike, Evidence{Zone: hanoi, Values: with(hours(repeated(24, 500)...), 7, func(v *Value) { v.Wh = 2001 })},
			Evidence{Zone: hanoi, Values: with(hours(repeated(24, 500)...), 7, func(v *Value) { v.Wh = 2000 })}, at(7, 0)},
		{"spike among three", VerdictSpike, Evidence{Zone: hanoi, Values: hours(append([]int64{9000, 2000}, plain...)...)},
			Evidence{Zone: hanoi, Values: hours(append([]int64{9000, 9000, 8000}, plain...)...)}, at(0, 0)},
		{"high", VerdictHigh, Evidence{Values: hours(repeated(24, 300)...), Past: Past{28, 28 * 2400}},
			Evidence{Values: hours(repeated(24, 299)...), Past: Past{28, 28 * 2400}}, at(0, 0)},
		{"high without a past", VerdictHigh, Evidence{Values: hours(repeated(24, 300)...), Past: Past{28, 28 * 2400}},
			Evidence{Values: hours(repeated(24, 300)...), Past: Past{27, 27 * 2400}}, at(0, 0)},
		{"low", VerdictLow, Evidence{Values: hours(repeated(24, 25)...), Past: Past{28, 28 * 2400}},
			Evidence{Values: hours(repeated(24, 26)...), Past: Past{28, 28 * 2400}}, at(0, 0)},
		{"low, with an outage", VerdictLow, Evidence{Values: hours(append(repeated(24, 25), repeated(24, 0)...)...), Past: Past{28, 28 * 2400}},
			Evidence{Values: hours(append(repeated(24, 26), repeated(24, 0)...)...), Past: Past{28, 28 * 2400}, Interruptions: dark(at(24, 0), at(48, 0))}, at(0, 0)},
		{"zero", VerdictZero, Evidence{Values: hours(repeated(168, 0)...)}, Evidence{Values: hours(repeated(167, 0)...)}, at(0, 0)},
		{"zero, with an outage", VerdictZero, Evidence{Values: hours(repeated(169, 0)...), Interruptions: dark(at(0, 0), at(1, 0))},
			Evidence{Values: hours(repeated(169, 0)...), Interruptions: dark(at(80, 0), at(81, 0))}, at(1, 0)},
		{"negative", VerdictNegative, Evidence{Values: hours(5, -1)}, Evidence{Values: hours(5, 0)}, at(1, 0)},
		{"decrease", VerdictDecrease, Evidence{Period: day, Register: register(point(1, 0, 5), point(2, 0, 4))},
			Evidence{Period: day, Register: register(point(1, 0, 5), point(2, 0, 5))}, at(1, 0)},
		{"impossible increase", VerdictDecrease, Evidence{Period: day, Register: register(point(1, 0, 5), point(2, 0, 50_000))},
			Evidence{Period: day, Register: register(point(1, 0, 5), point(2, 0, 20_000))}, at(1, 0)},
		{"roll-over", VerdictRollover, Evidence{Period: day, Register: register(point(1, 0, 999_999_990), point(2, 0, 5))},
			Evidence{Period: day, Register: register(point(1, 0, 999_999_990), point(2, 0, 999_999_999))}, at(1, 0)},
		{"sum", VerdictSum, Evidence{Values: hours(plain...), Register: register(point(0, 0, 0), point(24, 0, 2401))},
			Evidence{Values: hours(plain...), Register: register(point(0, 0, 0), point(24, 0, 2400))}, at(0, 0)},
		{"tariff sum", VerdictTariffSum,
			Evidence{Period: day, Register: register(point(0, 0, 0), point(24, 0, 2400)), Tariffs: []*Metering{tariff(headend.ImportWhT1, 1000), tariff(headend.ImportWhT2, 1395)}},
			Evidence{Period: day, Register: register(point(0, 0, 0), point(24, 0, 2400)), Tariffs: []*Metering{tariff(headend.ImportWhT1, 1000), tariff(headend.ImportWhT2, 1396)}}, at(0, 0)},
		{"low voltage", VerdictVoltage, Evidence{NominalV: 230, Samples: volts(183.9)}, Evidence{NominalV: 230, Samples: volts(184)}, at(5, 0)},
		{"high voltage", VerdictVoltage, Evidence{NominalV: 230, Samples: volts(276.1)}, Evidence{NominalV: 230, Samples: volts(276)}, at(5, 0)},
		{"current", VerdictCurrent, Evidence{RatedA: 60, Samples: amps(-90.1)}, Evidence{RatedA: 60, Samples: amps(90)}, at(5, 0)},
		{"clock ahead", VerdictClock, Evidence{Arrivals: []Arrival{{at(1, 3), at(1, 0)}}}, Evidence{Arrivals: []Arrival{{at(1, 2), at(1, 0)}, {at(2, 0), at(30, 0)}, {Time: at(3, 0)}}}, at(1, 3)},
		{"clock in doubt", VerdictClock, Evidence{Values: with(hours(1, 2), 1, func(v *Value) { v.Quality = headend.QualityClockDoubtful })},
			Evidence{Values: with(hours(1, 2), 1, func(v *Value) { v.Quality = headend.QualityCoarse })}, at(1, 0)},
		{"long estimate", VerdictLongEstimate, Evidence{Values: all(hours(repeated(73, 1)...), estimated)},
			Evidence{Values: with(all(hours(repeated(73, 1)...), estimated), 40, func(v *Value) { v.State = Measured })}, at(0, 0)},
		{"inactive", VerdictInactive, Evidence{Values: hours(11, 11), Active: []Period{{at(1, 0), at(9, 0)}}}, Evidence{Values: hours(10, 11), Active: []Period{{at(1, 0), at(9, 0)}}}, at(0, 0)},
		{"energy in an outage", VerdictOutage, Evidence{Values: hours(5, 2, 5), Interruptions: dark(at(1, 0), at(2, 0))},
			Evidence{Values: hours(5, 2, 5), Interruptions: dark(at(1, 0).Add(time.Second), at(2, 0))}, at(1, 0)},
		{"read in an outage", VerdictOutage, Evidence{Arrivals: []Arrival{{Time: at(1, 30)}}, Interruptions: dark(at(1, 0), at(2, 0))},
			Evidence{Arrivals: []Arrival{{Time: at(1, 2)}, {Time: at(1, 58)}}, Interruptions: dark(at(1, 0), at(2, 0))}, at(1, 30)},
		{"read with a battery", VerdictOutage, Evidence{Arrivals: []Arrival{{Time: at(1, 30)}}, Interruptions: dark(at(1, 0), at(2, 0))},
			Evidence{Arrivals: []Arrival{{Time: at(1, 30)}}, Interruptions: dark(at(1, 0), at(2, 0)), Generation: true}, at(1, 30)},
	} {
		t.Run(c.name, func(t *testing.T) {
			pick := func(e Evidence) (list []Finding) {
				for _, f := range DefaultRules().Check(e) {
					if f.Verdict == c.verdict {
						list = append(list, f)
					}
				}
				return list
			}
			found := pick(c.bad)
			if len(found) != 1 || !found[0].Period.From.Equal(c.at) || found[0].Detail == "" {
				t.Errorf("found %+v, want one at %s", found, c.at.UTC())
			}
			if found := pick(c.good); len(found) != 0 {
				t.Errorf("found in what is in order: %+v", found)
			}
			if found := (Rules{}).Check(c.bad); len(found) != 0 {
				t.Errorf("found although all rules are off: %+v", found)
			}
		})
	}
}

func TestEveryVerdictHasARule(t *testing.T) {
	seen := Verdict(0)
	for _, r := range table {
		if seen&r.verdict != 0 {
			t.Errorf("two rules give %s", r.verdict)
		}
		seen |= r.verdict
	}
	if want := Verdict(1)<<len(verdictNames) - 1; seen != want {
		t.Errorf("no rule gives %s", want&^seen)
	}
	var v Verdict
	if err := v.UnmarshalText([]byte(seen.String())); err != nil || v != seen {
		t.Errorf("%v, %v", v, err)
	}
	if v.UnmarshalText([]byte("spike,what")) == nil {
		t.Error("an unknown word was taken")
	}
}

func TestMark(t *testing.T) {
	values := hours(1, 2, 3)
	all := Mark(values, []Finding{{Verdict: VerdictSpike, Period: Period{at(1, 0), at(2, 0)}}, {Verdict: VerdictVoltage, Period: Period{at(2, 30), at(2, 30)}}})
	if values[0].Verdicts != 0 || values[1].Verdicts != VerdictSpike || values[2].Verdicts != VerdictVoltage || all != VerdictSpike|VerdictVoltage {
		t.Errorf("%v", values)
	}
}

func TestRulesFromYAML(t *testing.T) {
	r := DefaultRules()
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	read := func(text string) (Rules, error) {
		r := DefaultRules()
		d := yaml.NewDecoder(strings.NewReader(text))
		d.KnownFields(true)
		err := d.Decode(&r)
		return r, err
	}
	r, err := read("spike: {percent: 500}\nzero: {over: 240h}\nvoltage: {on: false}\nhigh: {percent: 150}\n")
	if err != nil || r.Spike.Percent != 500 || !r.Spike.On || r.Zero.Over != 240*time.Hour || r.Voltage.On || r.High.Days != 28 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err = read("spikes: {percent: 500}\n"); err == nil {
		t.Error("an unknown rule was taken")
	}
	for _, text := range []string{"spike: {percent: 0}", "high: {percent: 100}", "low: {percent: 100}", "zero: {over: 1s}", "sum: {wh: -1}",
		"voltage: {low_percent: 0}", "clock: {ahead: -1s}", "outage: {margin: 2h}", "current: {high_percent: 0}", "inactive: {wh: -1}", "missing: {tolerated: 1000h}"} {
		r, err := read(text)
		if err != nil {
			t.Fatal(err)
		}
		if err = r.Validate(); err == nil || !strings.Contains(err.Error(), strings.SplitN(text, ":", 2)[0]) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestProven(t *testing.T) {
	r := func(id, revision int64, from, to time.Time, change func(*headend.Interruption)) headend.Interruption {
		row := headend.Interruption{ID: id, Revision: revision, Start: from, End: to}
		if change != nil {
			change(&row)
		}
		return row
	}
	got := Proven([]headend.Interruption{
		r(1, 5, at(1, 0), at(2, 0), nil), r(1, 3, at(1, 0), at(9, 0), nil), // the later version holds, in whatever order
		r(2, 1, at(10, 0), at(11, 0), nil), r(2, 2, at(10, 0), at(11, 0), func(i *headend.Interruption) { i.Withdrawn = true }),
		r(3, 1, at(12, 0), at(13, 0), func(i *headend.Interruption) { i.Inferred = true }),
		r(4, 1, at(14, 0), at(15, 0), func(i *headend.Interruption) { i.Phases = headend.L1 }),
		r(5, 1, at(16, 0), time.Time{}, nil), r(6, 1, time.Time{}, at(18, 0), nil),
		r(7, 1, at(2, 0), at(3, 0), nil), r(0, 0, at(20, 0), at(21, 0), nil), r(0, 0, at(22, 0), at(23, 0), nil),
	})
	want := []Period{{at(1, 0), at(3, 0)}, {at(20, 0), at(21, 0)}, {at(22, 0), at(23, 0)}}
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i := range want {
		if !got[i].From.Equal(want[i].From) || !got[i].To.Equal(want[i].To) {
			t.Errorf("%v, want %v", got[i], want[i])
		}
	}
}
