package billing

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"lastgasp/headend"
)

// A month of half-hourly registers of usage points to which everything happens, with the truth beside them.
type world struct {
	month  Period
	points []*worldPoint
}

type worldPoint struct {
	id     string
	supply Supply
	rows   []headend.Interruption
	truth  map[time.Time]int64 // Wh used up to each half hour, after the multiplier; from the beginning of the world
	all    map[headend.DeviceID][]Point
	lost   map[headend.DeviceID]map[time.Time]bool
}

var halfHourly = Schedule{Every: 30 * time.Minute, Zone: hanoi}

// makeWorld runs meters from two weeks before the month to a day after it.
func makeWorld(seed uint64, n int) *world {
	rnd := rand.New(rand.NewPCG(seed, 1))
	w := &world{month: Month(hanoi, 2026, 3)}
	begin := w.month.From.AddDate(0, 0, -14)
	for i := range n {
		p := &worldPoint{id: fmt.Sprintf("U%04d", i), truth: map[time.Time]int64{}, all: map[headend.DeviceID][]Point{}, lost: map[headend.DeviceID]map[time.Time]bool{}}
		ratio := int64(1)
		if i%7 == 3 {
			ratio = 40
		}
		p.supply = Supply{UsagePoint: p.id, Multipliers: []Multiplier{{Numerator: ratio, Denominator: 1}}}
		dial := Dial{Digits: 8, UnitWh: 1, MaxW: 20_000}
		fit := func(device headend.DeviceID, from time.Time, first int64) {
			p.supply.Fittings = append(p.supply.Fittings, Fitting{Device: device, From: from, First: noted(first), Dials: map[headend.Quantity]Dial{headend.ImportWh: dial}})
		}
		register := rnd.Int64N(90_000_000)
		if i%5 == 2 { // goes through zero within the month
			register = 100_000_000 - 400_000 - rnd.Int64N(300_000)
		}
		device := headend.DeviceID("M" + p.id)
		fit(device, begin, register)
		exchange, outage, outageEnd := time.Time{}, time.Time{}, time.Time{}
		if i%4 == 1 {
			exchange = w.month.From.Add(time.Duration(5+rnd.IntN(600)) * time.Hour)
		}
		if i%3 == 0 {
			outage = w.month.From.Add(time.Duration(rnd.IntN(600*60)) * time.Minute)
			outageEnd = outage.Add(time.Duration(20+rnd.IntN(600)) * time.Minute)
			p.rows = []headend.Interruption{{ID: 1, Start: outage, End: outageEnd}}
		}
		used := int64(0)
		p.truth[begin] = 0
		p.all[device] = []Point{{Time: begin, Wh: register}}
		p.lost[device] = map[time.Time]bool{}
		losing := 0
		for t := begin.Add(30 * time.Minute); !t.After(w.month.To.AddDate(0, 0, 1)); t = t.Add(30 * time.Minute) {
			lit := 30 * time.Minute
			if in, ok := (Period{t.Add(-lit), t}).Clip(Period{outage, outageEnd}); ok && !outage.IsZero() {
				lit -= in.Length()
			}
			wh := int64(0)
			if lit > 0 {
				wh = rnd.Int64N(800) * int64(lit/time.Minute) / 30
			}
			register = (register + wh) % 100_000_000
			used += wh * ratio
			p.truth[t] = used
			if t.Equal(exchange) {
				old := &p.supply.Fittings[0]
				old.To = t
				if i%8 == 1 { // otherwise nobody noted it, and the meter's own last read must do
					old.Final = noted(register)
				}
				device, register = device+"b", rnd.Int64N(1000)
				fit(device, t, register)
				p.lost[device] = map[time.Time]bool{}
			}
			stays := !outage.IsZero() && t.After(outage) && t.Before(outageEnd) // no supply: nothing is sent, nor stored
			if losing == 0 && rnd.IntN(300) == 0 {
				losing = 1 + rnd.IntN(40)
			}
			if losing > 0 || rnd.IntN(50) == 0 {
				losing = max(0, losing-1)
				p.lost[device][t] = true
			}
			// A meter that loses its count, in sight: where the reads before and after are lost nobody could know.
			if broken := w.month.From.Add(300 * time.Hour); i%11 == 5 && !t.After(broken) && !t.Before(broken.Add(-30*time.Minute)) {
				delete(p.lost[device], t)
				if t.Equal(broken) {
					register -= min(register, 5000)
				}
			}
			read := Point{Time: t, Wh: register}
			if !stays {
				p.all[device] = append(p.all[device], read)
			}
		}
		w.points = append(w.points, p)
	}
	return w
}

// sent is what came in: all but what was lost, or all of it.
func (p *worldPoint) sent(late bool) map[headend.DeviceID][]Point {
	got := map[headend.DeviceID][]Point{}
	for device, list := range p.all {
		for _, point := range list {
			if late || !p.lost[device][point.Time] {
				got[device] = append(got[device], point)
			}
		}
	}
	return got
}

// run makes the snapshot of the month.
func (w *world) run(t *testing.T, late bool, look func(*worldPoint, Line)) (snapshot []byte, id string) {
	t.Helper()
	var out bytes.Buffer
	s, err := NewSnapshot(&out, Header{Period: w.month, Zone: hanoi.String(), Gate: DefaultGate})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range w.points {
		m, err := NewMetering(p.supply, headend.ImportWh, p.sent(late), CutOff{Interpolate: 6 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		history, err := m.Series(halfHourly, Period{w.month.From.AddDate(0, 0, -14), w.month.From})
		if err != nil {
			t.Fatal(err)
		}
		values, err := m.Series(halfHourly, w.month)
		if err != nil {
			t.Fatal(err)
		}
		values = DefaultEstimation.Fill(values, Basis{Schedule: halfHourly, Register: m, Interruptions: p.rows, LikeDays: LikeDays(history, hanoi, Week(hanoi))})
		c, err := m.Consumption(w.month)
		if err != nil {
			t.Fatal(err)
		}
		verdicts := Mark(values, DefaultRules().Check(Evidence{Period: w.month, Zone: hanoi, Values: values, Register: m, Interruptions: p.rows}))
		line := NewLine(p.id, c, values, verdicts, DefaultGate)
		if look != nil {
			look(p, line)
		}
		if err := s.Add(line); err != nil {
			t.Fatal(err)
		}
	}
	id, _, err = s.Close()
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), id
}

// Loss, exchange, roll-over and outage: what is measured is the truth, and everything else says how it was made.
func TestSimulatedMonth(t *testing.T) {
	w := makeWorld(20260301, 44)
	seen := map[string]int{}
	w.run(t, false, func(p *worldPoint, l Line) {
		c := l.Consumption
		switch {
		case c.Absent != "":
			seen["consumption absent: "+string(c.Absent)]++
		case c.How == Exact:
			seen["consumption exact"]++
			if truth := p.truth[w.month.To] - p.truth[w.month.From]; c.Wh != truth {
				t.Errorf("%s: %d Wh, truth is %d", p.id, c.Wh, truth)
			}
		default:
			seen["consumption "+c.How.String()]++
		}
		for _, part := range c.Parts {
			if part.Rolled {
				seen["roll-over"]++
			}
			if part.Absent == "" && part.Start.Noted {
				seen["noted register used"]++
			}
		}
		for _, v := range l.Values {
			truth := p.truth[v.Period.To] - p.truth[v.Period.From]
			switch v.State {
			case Measured:
				seen["measured"]++
				if v.Wh != truth {
					t.Errorf("%s %s: measured %d Wh, truth is %d", p.id, v.Period.From, v.Wh, truth)
				}
			case Estimated:
				seen["estimated: "+string(v.Method)]++
				if v.Method == "" || v.Absent == "" {
					t.Errorf("%s %s: an estimate that does not say how and why: %+v", p.id, v.Period.From, v)
				}
				if v.Method == ByInterruption && truth != 0 {
					t.Errorf("%s %s: zero, truth is %d", p.id, v.Period.From, truth)
				}
			default:
				seen["missing: "+string(v.Absent)]++
				if v.Absent == "" || v.Wh != 0 {
					t.Errorf("%s %s: missing without a reason: %+v", p.id, v.Period.From, v)
				}
			}
		}
		checkSums(t, p, l.Values)
	})
	for _, must := range []string{"consumption exact", "consumption interpolated", "consumption absent: backwards", "consumption absent: no_register",
		"roll-over", "noted register used", "measured", "estimated: zero_in_interruption", "estimated: linear", "estimated: like_days"} {
		if seen[must] == 0 {
			t.Errorf("the month has no %q: %v", must, seen)
		}
	}
	t.Logf("%v", seen)
}

// checkSums: a run of estimates that add up to the register difference is the truth in sum.
func checkSums(t *testing.T, p *worldPoint, values []Value) {
	t.Helper()
	for i := 0; i < len(values); i++ {
		if values[i].State != Estimated || !values[i].Summed {
			continue
		}
		start, total := i, int64(0)
		for ; i < len(values) && values[i].State == Estimated && values[i].Summed; i++ {
			total += values[i].Wh
		}
		if truth := p.truth[values[i-1].Period.To] - p.truth[values[start].Period.From]; total != truth {
			t.Errorf("%s from %s: estimates make %d Wh, truth is %d", p.id, values[start].Period.From, total, truth)
		}
	}
}

// A late read takes the place of an estimate, the feed tells it, and the former snapshot still gives its bytes.
func TestLateReadsShowInTheFeed(t *testing.T) {
	w := makeWorld(7, 12)
	first, firstID := w.run(t, false, nil)
	again, againID := w.run(t, false, nil)
	if !bytes.Equal(first, again) || firstID != againID {
		t.Fatal("the same inputs made other bytes")
	}
	kept := bytes.Clone(first)
	second, secondID := w.run(t, true, nil)
	if secondID == firstID || !bytes.Equal(first, kept) {
		t.Fatal("late reads changed nothing, or the former snapshot")
	}
	open := func(b []byte) *SnapshotReader {
		s, err := OpenSnapshot(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	byID := map[string]*worldPoint{}
	for _, p := range w.points {
		byID[p.id] = p
	}
	replaced := 0
	older, newer := open(first), open(second)
	err := Compare(older, newer, func(c Change) error {
		if c.Kind != LineChanged {
			t.Errorf("%s was %s", c.UsagePoint, c.Kind)
		}
		for _, v := range c.Values {
			if v.Before == nil || v.After == nil {
				t.Fatalf("%s %s: an interval came or went", c.UsagePoint, v.Period.From)
			}
			if v.Before.State == Measured && v.After.State != Measured {
				t.Errorf("%s %s: a measured value became %s", c.UsagePoint, v.Period.From, v.After.State)
			}
			if v.Before.State == Estimated && v.After.State == Measured {
				replaced++
				if p := byID[c.UsagePoint]; v.After.Wh != p.truth[v.Period.To]-p.truth[v.Period.From] {
					t.Errorf("%s %s: replaced by what is not the truth", c.UsagePoint, v.Period.From)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if replaced == 0 {
		t.Error("no estimate was replaced")
	}
	if id, _ := older.ID(); id != firstID {
		t.Error("the id of the older snapshot is not the hash of its bytes")
	}
	if err := Compare(open(first), open(again), func(c Change) error { return fmt.Errorf("a change between equals: %+v", c) }); err != nil {
		t.Error(err)
	}
}
