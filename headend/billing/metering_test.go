package billing

import (
	"errors"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lastgasp/headend"
)

var hanoi = mustZone("Asia/Ho_Chi_Minh")

func mustZone(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return zone
}

// at is a time of 2026-03-01, local, in hours and minutes; hours above 23 are of the days after.
func at(hour, minute int) time.Time {
	return StartOfDay(hanoi, 2026, 3, 1).Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
}

func point(hour, minute int, wh int64) Point { return Point{Time: at(hour, minute), Wh: wh} }

var home = Dial{Digits: 9, UnitWh: 1, MaxW: 20_000} // 999,999,999 Wh

func oneMeter(d Dial) Supply {
	return Supply{UsagePoint: "U1", Fittings: []Fitting{{Device: "M1", From: at(-1000, 0),
		Dials: map[headend.Quantity]Dial{headend.ImportWh: d}}}}
}

func metering(t testing.TB, s Supply, points map[headend.DeviceID][]Point, policy CutOff) *Metering {
	t.Helper()
	m, err := NewMetering(s, headend.ImportWh, points, policy)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func consumed(t testing.TB, m *Metering, from, to time.Time) Consumption {
	t.Helper()
	c, err := m.Consumption(Period{from, to})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConsumptionOfOneMeter(t *testing.T) {
	kwh := Dial{Digits: 5, UnitWh: 1000, MaxW: 20_000}
	noLimit := Dial{Digits: 9, UnitWh: 1}
	for _, c := range []struct {
		name   string
		dial   Dial
		points []Point
		wh     int64
		absent Reason
		rolled bool
	}{
		{"plain", home, []Point{point(0, 0, 100), point(24, 0, 5100)}, 5000, "", false},
		{"nothing used", home, []Point{point(0, 0, 100), point(24, 0, 100)}, 0, "", false},
		{"roll-over", home, []Point{point(0, 0, 999_999_000), point(24, 0, 4000)}, 5000, "", true},
		{"roll-over to zero itself", home, []Point{point(0, 0, 999_999_999), point(24, 0, 0)}, 1, "", true},
		{"roll-over of whole kWh", kwh, []Point{point(0, 0, 99_999_000), point(24, 0, 4000)}, 5000, "", true},
		{"roll-over without limit", noLimit, []Point{point(0, 0, 999_999_000), point(24, 0, 4000)}, 0, RolloverDoubt, false},
		{"roll-over without digits", Dial{MaxW: 20_000}, []Point{point(0, 0, 999_999_000), point(24, 0, 4000)}, 0, RolloverDoubt, false},
		{"backwards by one", home, []Point{point(0, 0, 5000), point(24, 0, 4999)}, 0, Backwards, false},
		{"reset", home, []Point{point(0, 0, 500_000_000), point(24, 0, 10)}, 0, Backwards, false},
		{"back and forth within", home, []Point{point(0, 0, 5000), point(12, 0, 4000), point(24, 0, 6000)}, 0, Backwards, false},
		{"more than the connection carries", home, []Point{point(0, 0, 0), point(24, 0, 480_002)}, 0, Impossible, false},
		{"as much as the connection carries", home, []Point{point(0, 0, 0), point(24, 0, 480_001)}, 480_001, "", false},
		{"round and round", Dial{Digits: 5, UnitWh: 1, MaxW: 20_000}, []Point{point(0, 0, 10), point(24, 0, 20)}, 0, RolloverTwice, false},
		{"once round is just possible", Dial{Digits: 5, UnitWh: 1, MaxW: 4167}, []Point{point(0, 0, 10), point(24, 0, 19)}, 0, RolloverTwice, false},
		{"once round is just not possible", Dial{Digits: 5, UnitWh: 1, MaxW: 4167}, []Point{point(0, 0, 10), point(24, 0, 20)}, 10, "", false},
		{"often enough read for a short dial", Dial{Digits: 5, UnitWh: 1, MaxW: 20_000},
			[]Point{point(0, 0, 99_000), point(2, 0, 1000), point(4, 0, 30_000), point(8, 0, 40_000), point(12, 0, 50_000),
				point(16, 0, 60_000), point(20, 0, 70_000), point(24, 0, 80_000)}, 81_000, "", true},
		{"below zero", home, []Point{point(0, 0, -5), point(24, 0, 20)}, 0, Negative, false},
		{"more digits than the dial", kwh, []Point{point(0, 0, 99_999_000), point(24, 0, 100_000_000)}, 0, BeyondDial, false},
		{"nothing known of the dial", Dial{}, []Point{point(0, 0, 1), point(24, 0, 3)}, 2, "", false},
		{"largest number there is", Dial{}, []Point{point(0, 0, 0), point(24, 0, math.MaxInt64)}, math.MaxInt64, "", false},
		{"no register at the end", home, []Point{point(0, 0, 1), point(23, 59, 3)}, 0, NoRegister, false},
		{"none at all", home, nil, 0, NoRegister, false},
		{"uncertain", home, []Point{point(0, 0, 1), {Time: at(24, 0), Wh: 3, Quality: headend.QualityUncertain}}, 0, NoRegister, false},
		{"time of the head-end", home, []Point{point(0, 0, 1), {Time: at(24, 0), Wh: 3, Quality: headend.QualityReceivedTime}}, 0, NoRegister, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := consumed(t, metering(t, oneMeter(c.dial), map[headend.DeviceID][]Point{"M1": c.points}, CutOff{}), at(0, 0), at(24, 0))
			if got.Wh != c.wh || got.Absent != c.absent || got.Parts[0].Rolled != c.rolled {
				t.Errorf("got %d Wh, %q, rolled %v; want %d, %q, %v", got.Wh, got.Absent, got.Parts[0].Rolled, c.wh, c.absent, c.rolled)
			}
			if got.Absent == "" && got.How != Exact {
				t.Errorf("how %v", got.How)
			}
		})
	}
}

func TestRegisterAtCutOff(t *testing.T) {
	points := map[headend.DeviceID][]Point{"M1": {point(0, 0, 1000), point(10, 0, 2000), point(14, 0, 2401), point(30, 0, 2500), point(40, 0, 2400)}}
	hour := time.Hour
	for _, c := range []struct {
		name     string
		at       time.Time
		policy   CutOff
		wh       int64
		how      How
		distance time.Duration
		absent   Reason
	}{
		{"exact", at(10, 0), CutOff{}, 2000, Exact, 0, ""},
		{"exact goes before all", at(10, 0), CutOff{Interpolate: 9 * hour, Nearest: 9 * hour, Prefer: Interpolated}, 2000, Exact, 0, ""},
		{"none", at(11, 0), CutOff{}, 0, 0, 0, NoRegister},
		{"nearest before", at(11, 0), CutOff{Nearest: hour}, 2000, Nearest, -hour, ""},
		{"nearest after", at(13, 0), CutOff{Nearest: hour}, 2401, Nearest, hour, ""},
		{"as near: the earlier", at(12, 0), CutOff{Nearest: 2 * hour}, 2000, Nearest, -2 * hour, ""},
		{"too far", at(12, 0), CutOff{Nearest: 2*hour - 1}, 0, 0, 0, NoRegister},
		{"on the line, rounded down", at(13, 0), CutOff{Interpolate: 4 * hour}, 2300, Interpolated, hour, ""},
		{"reads too far apart", at(13, 0), CutOff{Interpolate: 4*hour - 1}, 0, 0, 0, NoRegister},
		{"line preferred", at(13, 0), CutOff{Interpolate: 4 * hour, Nearest: hour}, 2300, Interpolated, hour, ""},
		{"nearest preferred", at(13, 0), CutOff{Interpolate: 4 * hour, Nearest: hour, Prefer: Nearest}, 2401, Nearest, hour, ""},
		{"no line across a register that ran backwards", at(35, 0), CutOff{Interpolate: 20 * hour}, 0, 0, 0, NoRegister},
		{"after the last", at(41, 0), CutOff{Interpolate: 20 * hour}, 0, 0, 0, NoRegister},
		{"no meter yet", at(-2000, 0), CutOff{Nearest: hour}, 0, 0, 0, NoMeter},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := metering(t, oneMeter(home), points, c.policy).Register(c.at)
			if got.Wh != c.wh || got.How != c.how || got.Distance != c.distance || got.Absent != c.absent {
				t.Errorf("got %d Wh, %v, %v, %q", got.Wh, got.How, got.Distance, got.Absent)
			}
		})
	}
	rolling := map[headend.DeviceID][]Point{"M1": {point(0, 0, 999_999_900), point(2, 0, 100)}}
	if got := metering(t, oneMeter(home), rolling, CutOff{Interpolate: 2 * hour}).Register(at(1, 30)); got.Wh != 50 {
		t.Errorf("on the line through zero: %+v", got)
	}
}

func TestDoubtfulTimeIsNeverExact(t *testing.T) {
	points := map[headend.DeviceID][]Point{"M1": {{Time: at(0, 0), Wh: 7, Quality: headend.QualityReceivedTime}}}
	if got := metering(t, oneMeter(home), points, CutOff{Nearest: time.Hour}); got.Register(at(0, 0)).Absent != NoRegister || got.LeftOut() != 1 {
		t.Errorf("taken although the policy does not allow it: %+v", got.Register(at(0, 0)))
	}
	got := metering(t, oneMeter(home), points, CutOff{DoubtfulTime: true}).Register(at(0, 0))
	if got.Wh != 7 || got.How != Nearest || got.Quality != headend.QualityReceivedTime {
		t.Errorf("got %+v", got)
	}
}

func TestOneReadIsNoConsumption(t *testing.T) {
	points := map[headend.DeviceID][]Point{"M1": {point(12, 0, 1000)}}
	got := consumed(t, metering(t, oneMeter(home), points, CutOff{Nearest: 24 * time.Hour}), at(0, 0), at(24, 0))
	if got.Absent != SameRegister {
		t.Errorf("one read made a consumption of %d Wh", got.Wh)
	}
}

// exchange: M1 leaves at 10:00, M2 comes.
func exchange(final, first map[headend.Quantity]int64) Supply {
	dials := map[headend.Quantity]Dial{headend.ImportWh: home}
	return Supply{UsagePoint: "U1", Fittings: []Fitting{
		{Device: "M2", From: at(10, 0), Dials: dials, First: first},
		{Device: "M1", From: at(-100, 0), To: at(10, 0), Dials: dials, Final: final},
	}}
}

func noted(wh int64) map[headend.Quantity]int64 {
	return map[headend.Quantity]int64{headend.ImportWh: wh}
}

func TestMeterExchange(t *testing.T) {
	points := map[headend.DeviceID][]Point{
		"M1": {point(0, 0, 50_000), point(9, 0, 59_000), point(11, 0, 99_999)}, // 11:00: on the bench already
		"M2": {point(8, 0, 77_777), point(10, 30, 12_500), point(24, 0, 20_000)},
	}
	m := metering(t, exchange(noted(60_000), noted(12_000)), points, CutOff{})
	got := consumed(t, m, at(0, 0), at(24, 0))
	if got.Absent != "" || got.Wh != 10_000+8_000 || len(got.Parts) != 2 || got.Parts[0].Meter != "M1" || got.Parts[1].Meter != "M2" {
		t.Errorf("got %+v", got)
	}
	if !got.Parts[0].End.Noted || !got.Parts[1].Start.Noted {
		t.Error("the registers of the exchange were not those noted")
	}
	if r := m.Register(at(10, 0)); r.Meter != "M2" || r.Wh != 12_000 {
		t.Errorf("register at the exchange: %+v", r)
	}

	notNoted := metering(t, exchange(nil, noted(12_000)), points, CutOff{Nearest: 2 * time.Hour, Interpolate: 9 * time.Hour})
	got = consumed(t, notNoted, at(0, 0), at(24, 0))
	if got.Absent != NoRegister || got.Wh != 0 || got.AtLeast != 8_000 {
		t.Errorf("energy between the last read and the exchange is in no period, yet: %+v", got)
	}
	allowed := metering(t, exchange(nil, noted(12_000)), points, CutOff{Exchange: time.Hour})
	if got = consumed(t, allowed, at(0, 0), at(24, 0)); got.Wh != 17_000 || got.How != Nearest {
		t.Errorf("got %+v", got)
	}
}

func TestSupplyWithHoles(t *testing.T) {
	points := map[headend.DeviceID][]Point{"M1": {point(0, 0, 0), point(10, 0, 10)}, "M2": {point(12, 0, 0), point(24, 0, 5)}}
	s := exchange(nil, nil)
	s.Fittings[0].From = at(12, 0)
	if got := consumed(t, metering(t, s, points, CutOff{}), at(0, 0), at(24, 0)); got.Absent != NoMeter || got.AtLeast != 15 {
		t.Errorf("two hours without a meter: %+v", got)
	}
	s.Fittings[0].From = at(8, 0)
	if got := consumed(t, metering(t, s, points, CutOff{}), at(0, 0), at(24, 0)); got.Absent == "" {
		t.Errorf("two meters at once made %d Wh", got.Wh)
	}
	if r := metering(t, s, points, CutOff{}).Register(at(9, 0)); r.Absent != TwoMeters {
		t.Errorf("register of two meters: %+v", r)
	}
}

func TestMultipliers(t *testing.T) {
	points := map[headend.DeviceID][]Point{"M1": {point(0, 0, 1000), point(10, 0, 1100), point(24, 0, 1300)}}
	s := oneMeter(home)
	s.Multipliers = []Multiplier{{40, 1, at(10, 0), time.Time{}}, {20, 1, time.Time{}, at(10, 0)}}
	if got := consumed(t, metering(t, s, points, CutOff{}), at(0, 0), at(24, 0)); got.Wh != 100*20+200*40 || len(got.Parts) != 2 {
		t.Errorf("got %+v", got)
	}
	s.Multipliers = s.Multipliers[:1]
	if got := consumed(t, metering(t, s, points, CutOff{}), at(0, 0), at(24, 0)); got.Absent != NoMultiplier || got.AtLeast != 8000 {
		t.Errorf("time without a multiplier: %+v", got)
	}
	s.Multipliers = []Multiplier{{40, 1, at(9, 0), time.Time{}}, {20, 1, time.Time{}, at(9, 0)}}
	if got := consumed(t, metering(t, s, points, CutOff{}), at(0, 0), at(24, 0)); got.Absent != NoRegister {
		t.Errorf("no register at the change of the multiplier: %+v", got)
	}
	s.Multipliers = []Multiplier{{math.MaxInt64, 1, time.Time{}, time.Time{}}}
	if got := consumed(t, metering(t, s, points, CutOff{}), at(0, 0), at(24, 0)); got.Absent != Overflow {
		t.Errorf("beyond int64: %+v", got)
	}
	s.Multipliers = []Multiplier{{35_000, 110, time.Time{}, time.Time{}}} // 35 kV transformers
	m := metering(t, s, points, CutOff{})
	a, b, all := consumed(t, m, at(0, 0), at(10, 0)), consumed(t, m, at(10, 0), at(24, 0)), consumed(t, m, at(0, 0), at(24, 0))
	if a.Wh+b.Wh != all.Wh || all.Wh != 95_454 && all.Wh != 95_455 {
		t.Errorf("%d + %d is not %d Wh", a.Wh, b.Wh, all.Wh)
	}
}

func TestBadSupply(t *testing.T) {
	for name, s := range map[string]Supply{
		"multipliers overlap": {Multipliers: []Multiplier{{20, 1, time.Time{}, at(10, 0)}, {40, 1, at(9, 0), time.Time{}}}},
		"multiplier of zero":  {Multipliers: []Multiplier{{0, 1, time.Time{}, time.Time{}}}},
		"fitting upside down": {Fittings: []Fitting{{From: at(2, 0), To: at(1, 0)}}},
		"19 digits":           oneMeter(Dial{Digits: 19}),
		"beyond int64":        oneMeter(Dial{Digits: 18, UnitWh: 1000}),
		"noted below zero":    exchange(noted(-1), nil),
	} {
		if _, err := NewMetering(s, headend.ImportWh, nil, CutOff{}); !errors.Is(err, ErrSupply) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewMetering(oneMeter(home), headend.ImportWh, map[headend.DeviceID][]Point{"M1": {point(1, 0, 1), point(1, 0, 2)}}, CutOff{}); err == nil {
		t.Error("two registers at one time were taken")
	}
	var unknown *headend.Unknown
	if _, err := NewMetering(oneMeter(home), headend.V1, nil, CutOff{}); !errors.As(err, &unknown) {
		t.Errorf("consumption of volts: %v", err)
	}
	m := metering(t, oneMeter(home), nil, CutOff{})
	for _, p := range []Period{{at(2, 0), at(1, 0)}, {at(2, 0), at(2, 0)}, {at(2, 0), time.Time{}}} {
		if _, err := m.Consumption(p); !errors.Is(err, ErrPeriod) {
			t.Errorf("%v: %v", p, err)
		}
	}
	if err := (Period{at(0, 0), at(2, 0)}).Past(at(1, 0)); !errors.Is(err, ErrPeriod) {
		t.Errorf("in the future: %v", err)
	}
}

// Periods that meet add up, whatever the cut-offs were made of; and what is known lies between the registers around.
func TestPeriodsThatMeetAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dial := Dial{Digits: 6, UnitWh: 1, MaxW: 20_000}
		register, minute := rapid.Int64Range(0, 999_999).Draw(t, "first"), 0
		s := oneMeter(dial)
		s.Multipliers = []Multiplier{{Numerator: rapid.Int64Range(1, 400).Draw(t, "ratio"), Denominator: 1}}
		var points []Point
		truth := []int64{register}
		for range rapid.IntRange(1, 40).Draw(t, "n") {
			points = append(points, Point{Time: at(0, minute), Wh: register})
			gap := rapid.IntRange(1, 200).Draw(t, "gap")
			used := rapid.Int64Range(0, int64(gap)*20_000/60).Draw(t, "used")
			minute += gap
			register = (register + used) % 1_000_000
			truth = append(truth, truth[len(truth)-1]+used)
		}
		policy := CutOff{Nearest: time.Duration(rapid.IntRange(0, 120).Draw(t, "nearest")) * time.Minute,
			Interpolate: time.Duration(rapid.IntRange(0, 180).Draw(t, "interpolate")) * time.Minute,
			Prefer:      rapid.SampledFrom([]How{Nearest, Interpolated}).Draw(t, "prefer")}
		m, err := NewMetering(s, headend.ImportWh, map[headend.DeviceID][]Point{"M1": points}, policy)
		if err != nil {
			t.Fatal(err)
		}
		a := rapid.IntRange(-10, minute).Draw(t, "a")
		b := a + rapid.IntRange(1, 500).Draw(t, "ab")
		c := b + rapid.IntRange(1, 500).Draw(t, "bc")
		ask := func(from, to int) Consumption {
			c, err := m.Consumption(Period{at(0, from), at(0, to)})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		ab, bc, ac := ask(a, b), ask(b, c), ask(a, c)
		if ab.Absent == "" && bc.Absent == "" && (ac.Absent != "" || ab.Wh+bc.Wh != ac.Wh) {
			t.Fatalf("%d + %d is not %d %s", ab.Wh, bc.Wh, ac.Wh, ac.Absent)
		}
		if ac.Absent == "" && ac.How == Exact {
			want := int64(-1)
			for i, p := range points {
				if p.Time.Equal(at(0, a)) {
					want = truth[i]
				}
			}
			for i, p := range points {
				if p.Time.Equal(at(0, c)) {
					want = truth[i] - want
				}
			}
			if ac.Wh != want*s.Multipliers[0].Numerator {
				t.Fatalf("%d Wh, truth is %d × %d", ac.Wh, want, s.Multipliers[0].Numerator)
			}
		}
	})
}
