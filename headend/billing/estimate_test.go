package billing

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lastgasp/headend"
)

var hourly = Schedule{Every: time.Hour, Zone: hanoi}

func energies(values []Value) []int64 {
	list := make([]int64, len(values))
	for i, v := range values {
		list[i] = v.Wh
	}
	return list
}

// lost makes hours of which those with a negative number are missing.
func lost(wh ...int64) []Value {
	values := hours(wh...)
	for i := range values {
		if values[i].Wh < 0 {
			notThere(&values[i])
		}
	}
	return values
}

func TestWaysOfEstimation(t *testing.T) {
	registers := func(points ...Point) *Metering {
		return metering(t, oneMeter(home), map[headend.DeviceID][]Point{"M1": points}, CutOff{})
	}
	like := func(list ...int64) func(Period) []int64 { return func(Period) []int64 { return list } }
	profile := func(p Period) (int64, bool) { return int64(p.From.In(hanoi).Hour()) * 10, true }
	around := registers(point(1, 0, 0), point(4, 0, 1000)) // the hours 1, 2 and 3 made 1000 Wh
	for _, c := range []struct {
		name   string
		policy Estimation
		basis  Basis
		values []Value
		want   []int64
		method []Method // of the intervals 1 to 3; "" is missing
		reason Reason
		summed bool
	}{
		{"line", DefaultEstimation, Basis{}, lost(100, -1, 200, 1, 1), []int64{100, 150, 200, 1, 1}, []Method{ByLine}, "", false},
		{"line of two", DefaultEstimation, Basis{}, lost(100, -1, -1, 400, 1), []int64{100, 200, 300, 400, 1}, []Method{ByLine, ByLine}, "", false},
		{"too long for a line", DefaultEstimation, Basis{}, lost(100, -1, -1, -1, 400), []int64{100, 0, 0, 0, 400}, []Method{"", "", ""}, NotEnough, false},
		{"no line into the future", DefaultEstimation, Basis{}, lost(100, -1), []int64{100, 0}, []Method{""}, NotEnough, false},
		{"like days", DefaultEstimation, Basis{LikeDays: like(10, 20, 30, 40, 999)}, lost(100, -1, -1, -1, 400), []int64{100, 25, 25, 25, 400}, []Method{ByLikeDays, ByLikeDays, ByLikeDays}, "", false},
		{"too few like days, so the profile", DefaultEstimation, Basis{LikeDays: like(10), Profile: profile}, lost(100, -1, -1, -1, 400), []int64{100, 10, 20, 30, 400}, []Method{ByProfile, ByProfile, ByProfile}, "", false},
		{"longer than allowed", Estimation{Profile: true, Longest: 2 * time.Hour}, Basis{Profile: profile}, lost(100, -1, -1, -1, 400), []int64{100, 0, 0, 0, 400}, []Method{"", "", ""}, TooLong, false},
		{"difference alone", DefaultEstimation, Basis{Schedule: hourly, Register: around}, lost(100, -1, -1, -1, 400), []int64{100, 333, 333, 334, 400}, []Method{ByDifference, ByDifference, ByDifference}, "", true},
		{"difference not allowed", Estimation{}, Basis{Schedule: hourly, Register: around}, lost(100, -1, -1, -1, 400), []int64{100, 0, 0, 0, 400}, []Method{"", "", ""}, NotEnough, false},
		{"difference in the shape of the profile", DefaultEstimation, Basis{Schedule: hourly, Register: around, Profile: profile}, lost(100, -1, -1, -1, 400), []int64{100, 166, 334, 500, 400}, []Method{ByProfile, ByProfile, ByProfile}, "", true},
		{"a shape of nothing", DefaultEstimation, Basis{Schedule: hourly, Register: around, LikeDays: like(0, 0)}, lost(100, -1, -1, -1, 400), []int64{100, 333, 333, 334, 400}, []Method{ByDifference, ByDifference, ByDifference}, "", true},
		{"outage, difference known", DefaultEstimation, Basis{Schedule: hourly, Register: around, Interruptions: dark(at(1, 0), at(2, 30))}, lost(100, -1, -1, -1, 400), []int64{100, 0, 333, 667, 400}, []Method{ByInterruption, ByDifference, ByDifference}, "", true},
		{"outage, nothing else known", DefaultEstimation, Basis{Interruptions: dark(at(1, 0), at(3, 0))}, lost(100, -1, -1, -1, 400), []int64{100, 0, 0, 0, 400}, []Method{ByInterruption, ByInterruption, ""}, NotEnough, false},
		{"outage all the time", DefaultEstimation, Basis{Schedule: hourly, Register: registers(point(1, 0, 5), point(4, 0, 5)), Interruptions: dark(at(0, 30), at(5, 0))}, lost(100, -1, -1, -1, 400), []int64{100, 0, 0, 0, 400}, []Method{ByInterruption, ByInterruption, ByInterruption}, "", true},
		{"the register moved in an outage", DefaultEstimation, Basis{Schedule: hourly, Register: around, Interruptions: dark(at(0, 30), at(5, 0))}, lost(100, -1, -1, -1, 400), []int64{100, 0, 0, 0, 400}, []Method{"", "", ""}, MovedInOutage, false},
		{"no meter", DefaultEstimation, Basis{LikeDays: like(1, 1)}, with(lost(100, -1, 100), 1, func(v *Value) { v.Absent = NoMeter }), []int64{100, 0, 100}, []Method{""}, NoMeter, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.policy.Validate(); err != nil {
				t.Fatal(err)
			}
			before := slices.Clone(c.values)
			got := c.policy.Fill(c.values, c.basis)
			if !slices.Equal(c.values, before) {
				t.Error("the values given were changed")
			}
			if !slices.Equal(energies(got), c.want) {
				t.Errorf("got %v, want %v", energies(got), c.want)
			}
			for i, m := range c.method {
				v := got[i+1]
				if v.Method != m || (v.State == Estimated) != (m != "") || v.State == Missing && v.Absent != c.reason || v.Summed != (c.summed && m != "") {
					t.Errorf("interval %d: %+v, want %q, %q", i+1, v, m, c.reason)
				}
			}
		})
	}
}

func TestLikeDays(t *testing.T) {
	var history []Value
	for d := range 21 { // 2026-03-01 is a Sunday
		for h := range 24 {
			history = append(history, Value{Period: Period{at(24*d+h, 0), at(24*d+h+1, 0)}, State: Measured, Wh: int64(100*d + h)})
		}
	}
	history[15*24+7].State = Estimated // Monday the 16th, 07:00
	like := LikeDays(history, hanoi, Week(hanoi))
	if got, want := like(Period{at(21*24+7, 0), at(21*24+8, 0)}), []int64{1407, 707, 7}; !slices.Equal(got, want) {
		t.Errorf("Sunday at seven: %v, want %v", got, want)
	}
	if got, want := like(Period{at(17*24+7, 0), at(17*24+8, 0)})[:3], []int64{1607, 1207, 1107}; !slices.Equal(got, want) {
		t.Errorf("Wednesday at seven: %v, want %v; an estimate is like nothing, the future unknown", got, want)
	}
}

// Measured values stay; the estimates between two registers add up to their difference; dark hours are 0; the truth is
// kept in every sum.
func TestEstimatesAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 72
		var rows []headend.Interruption
		if rapid.Bool().Draw(t, "outage") {
			from := rapid.IntRange(0, 60*n-2).Draw(t, "from")
			rows = dark(at(0, from), at(0, rapid.IntRange(from+1, 60*n).Draw(t, "to")))
		}
		truth := make([]int64, n)
		register := rapid.Int64Range(0, 999_999_999).Draw(t, "register")
		points := []Point{{Time: at(0, 0), Wh: register}}
		runs := Proven(rows)
		for i := range n {
			if !within(Period{at(i, 0), at(i+1, 0)}, runs) {
				truth[i] = rapid.Int64Range(0, 5000).Draw(t, "wh")
			}
			register = (register + truth[i]) % 1_000_000_000
			if rapid.IntRange(0, 2).Draw(t, "lost") > 0 {
				points = append(points, Point{Time: at(i+1, 0), Wh: register})
			}
		}
		m, err := NewMetering(oneMeter(home), headend.ImportWh, map[headend.DeviceID][]Point{"M1": points}, CutOff{})
		if err != nil {
			t.Fatal(err)
		}
		series, err := m.Series(hourly, Period{at(0, 0), at(n, 0)})
		if err != nil {
			t.Fatal(err)
		}
		basis := Basis{Schedule: hourly, Register: m, Interruptions: rows}
		if rapid.Bool().Draw(t, "profile") {
			basis.Profile = func(p Period) (int64, bool) { return int64(p.From.Unix()/3600*7%13) * 100, true }
		}
		filled := DefaultEstimation.Fill(series, basis)
		var gap, real int64
		for i, v := range filled {
			switch {
			case series[i].State == Measured && v != series[i]:
				t.Fatalf("hour %d was measured and is now %+v", i, v)
			case v.State == Measured && v.Wh != truth[i]:
				t.Fatalf("hour %d: measured %d, truth %d", i, v.Wh, truth[i])
			case v.State == Estimated && v.Method == "":
				t.Fatalf("hour %d does not say how it was made", i)
			case v.State == Estimated && within(v.Period, runs) && (v.Wh != 0 || v.Method != ByInterruption):
				t.Fatalf("hour %d was dark: %+v", i, v)
			case v.State == Missing && v.Absent == "":
				t.Fatalf("hour %d is missing without a reason", i)
			}
			if v.State == Estimated && v.Summed {
				gap, real = gap+v.Wh, real+truth[i]
			} else if gap, real = 0, 0; v.State == Measured && i > 0 && filled[i-1].State == Missing {
				t.Fatalf("hour %d: a gap between two registers was not estimated: %s", i, filled[i-1].Absent)
			}
			if (i == n-1 || filled[i+1].State == Measured) && gap != real {
				t.Fatalf("the gap that ends with hour %d: estimates make %d Wh, the register %d", i, gap, real)
			}
		}
	})
}

func TestVersions(t *testing.T) {
	guess := with(hours(100), 0, estimated)[0]
	var v Versions
	append1 := func(value Value, hour int) error {
		var err error
		v, err = v.Append(value, at(hour, 0), "")
		return err
	}
	if _, ok := v.Current(); ok {
		t.Error("there is a version of nothing")
	}
	if err := append1(guess, 2); err != nil {
		t.Fatal(err)
	}
	if err := append1(guess, 3); err != nil || len(v) != 1 {
		t.Errorf("the same estimate again: %v, %v", v, err)
	}
	better := guess
	better.Wh = 120
	if err := append1(better, 4); err != nil || len(v) != 2 {
		t.Errorf("another estimate: %v, %v", v, err)
	}
	old := v
	if err := append1(hours(110)[0], 5); err != nil {
		t.Fatal(err)
	}
	if c, _ := v.Current(); c.Number != 3 || c.Value.Wh != 110 || c.Value.State != Measured || v[0].Value != guess || v[1].Value != better {
		t.Errorf("a late read: %v", v)
	}
	if err := append1(guess, 6); !errors.Is(err, ErrVersion) || len(v) != 3 {
		t.Errorf("an estimate after a measured value: %v", err)
	}
	if err := append1(hours(111)[0], 7); err != nil || len(v) != 4 {
		t.Errorf("another measured value: %v, %v", v, err)
	}
	if err := append1(lost(-1)[0], 8); !errors.Is(err, ErrVersion) {
		t.Errorf("nothing became a version: %v", err)
	}
	if err := append1(hours(1, 2)[1], 8); !errors.Is(err, ErrVersion) {
		t.Errorf("another interval: %v", err)
	}
	if c, _ := old.Current(); c.Value != better {
		t.Error("a list held before was changed")
	}
}

func TestEstimationBounds(t *testing.T) {
	for _, e := range []Estimation{{Line: -1}, {Line: 25 * time.Hour}, {LikeDays: 53, LeastDays: 1}, {LikeDays: 3}, {LikeDays: 3, LeastDays: 4}, {Longest: -1}} {
		if e.Validate() == nil {
			t.Errorf("%+v was taken", e)
		}
	}
}
