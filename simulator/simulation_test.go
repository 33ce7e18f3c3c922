package simulator

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
)

// notebook is a face that writes down what it is given.
type notebook struct {
	messages []noted
	links    []string
}

type noted struct{ Topic, Payload string }

func (n *notebook) Publish(_ context.Context, _ int, topic string, payload []byte) error {
	n.messages = append(n.messages, noted{topic, string(payload)})
	return nil
}

func (n *notebook) Link(account int, up bool) { n.links = append(n.links, fmt.Sprint(account, up)) }

// play runs a scenario as fast as it goes from a fixed time.
func play(t testing.TB, grid *Grid, text string) (*Simulation, *MemoryTruth, *notebook) {
	t.Helper()
	scenario, err := ParseScenario([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if scenario.Start == "" {
		scenario.Start = "2026-05-04T03:00:00Z"
	}
	truth, face := new(MemoryTruth), new(notebook)
	s, err := New(grid, scenario, face, Options{Truth: truth, Unpaced: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, truth, face
}

const rough = `
seed: 5
interval: 2m
length: 3h
channel: {loss: 0.02, late: 0.03, late_up_to: 10m..40m, duplicate: 0.02, reorder: 0.02}
clocks: {drift_ppm: 30, wrong: 0.01}
gasp: {delivery: 0.6, repeats: 2, every: 1m, logs: true, backup: 5m}
timeline:
  - {at: 10m, fault: outage, where: transformer, for: 20m}
  - {at: 30m, fault: momentary, where: feeder, shots: 3, gap: 20s, for: 4s..8s}
  - {at: 40m, fault: phase_lost, where: transformer, places: 2, for: 30m}
  - {at: 50m, fault: outage, where: feeder, for: 40m, steps: [{after: 15m, where: lateral}]}
  - {at: 100m, fault: gateway_lost, where: gateway, for: 10m}
  - {at: 170m, fault: outage, where: transformer, for: 2h}
`

func roughGrid(t testing.TB) *Grid {
	return generated(t, GridSpec{UsagePoints: 500, TransformersPerFeeder: 8, Direct: 20, Solar: 0.02, ThreePhase: 0.2, Unmetered: 0.05}, 4)
}

func TestSimulationIsDeterministic(t *testing.T) {
	_, truth, face := play(t, roughGrid(t), rough)
	_, truth2, face2 := play(t, roughGrid(t), rough)
	if !slices.Equal(truth.readings, truth2.readings) || !slices.Equal(truth.readingFates, truth2.readingFates) ||
		!slices.Equal(truth.happenings, truth2.happenings) || !slices.Equal(truth.fates, truth2.fates) ||
		!slices.Equal(truth.interruptions, truth2.interruptions) || !slices.Equal(truth.damages, truth2.damages) {
		t.Error("two runs tell different truths")
	}
	if !slices.Equal(face.messages, face2.messages) || !slices.Equal(face.links, face2.links) {
		t.Error("two runs publish different messages")
	}
	if len(truth.readings) == 0 || len(truth.happenings) == 0 || len(truth.interruptions) == 0 || len(face.links) == 0 {
		t.Error("nothing was compared")
	}
	_, truth3, _ := play(t, roughGrid(t), strings.Replace(rough, "seed: 5", "seed: 6", 1))
	if slices.Equal(truth.damages, truth3.damages) {
		t.Error("another seed strikes the same places at the same times")
	}
}

// off tells whether the point is without all supply at the time, by the truth.
func off(interruptions []Interruption, p *Point, at time.Time) bool {
	for _, i := range interruptions {
		if i.UsagePoint == p.ID && i.Lost == p.Phases && !at.Before(i.Start) && (i.End.IsZero() || at.Before(i.End)) {
			return true
		}
	}
	return false
}

// byPoint sorts the interruptions of each usage point.
func byPoint(list []Interruption) map[string][]Interruption {
	m := map[string][]Interruption{}
	for _, i := range list {
		m[i.UsagePoint] = append(m[i.UsagePoint], i)
	}
	for _, l := range m {
		sort.Slice(l, func(a, b int) bool { return l[a].Start.Before(l[b].Start) })
	}
	return m
}

// Registers are the energy drawn while there was supply, to the Wh; power is what the phases make of it; nothing is measured
// without supply; and every reading that was measured is one the meter's demand explains.
func TestReadingsAgreeWithDemandAndSupply(t *testing.T) {
	grid := roughGrid(t)
	_, truth, _ := play(t, grid, rough)
	readings, _ := truth.Readings()
	interruptions := byPoint(truth.Interruptions())
	points, first := map[string]*Point{}, map[string]Measurement{}
	for i := range grid.Points {
		points[grid.Points[i].ID] = &grid.Points[i]
	}
	scenario := must(ParseScenario([]byte(rough)))
	stood := 0
	demands := map[string]*Demand{}
	for i := range readings {
		m := &readings[i]
		p := points[m.UsagePoint]
		if off(interruptions[p.ID], p, m.At) {
			t.Fatalf("%s measured at %v without supply", m.Meter, m.At)
		}
		checkElectrical(t, m)
		begin, ok := first[m.UsagePoint]
		if !ok {
			first[m.UsagePoint] = *m
			continue
		}
		if phaseCount(p) == 3 { // one phase lost of three: the share is the simulation's own
			continue
		}
		demand := demands[p.ID]
		if demand == nil {
			made := NewDemand(scenario.Seed, p.ID, p.Customer, grid.Climate)
			demand = &made
			demands[p.ID] = demand
		}
		imported, exported := energyBetween(demand, begin.At, m.At)
		for _, x := range interruptions[p.ID] {
			if x.Start.Before(m.At) {
				darkImport, darkExport := energyBetween(demand, x.Start, x.End)
				imported, exported = imported-darkImport, exported-darkExport
				stood++
			}
		}
		if got, want := float64(m.ImportWh-begin.ImportWh), float64(imported)/3600; math.Abs(got-want) > 1 {
			t.Fatalf("%s from %v to %v: import register grew by %.0f Wh, demand with supply was %.2f", m.Meter, begin.At, m.At, got, want)
		}
		if got, want := float64(m.ExportWh-begin.ExportWh), float64(exported)/3600; math.Abs(got-want) > 1 {
			t.Fatalf("%s: export register grew by %.0f Wh, demand with supply was %.2f", m.Meter, got, want)
		}
	}
	if stood == 0 || len(first) < 400 {
		t.Fatalf("%d meters, %d readings behind an interruption: nothing was tested", len(first), stood)
	}
}

func energyBetween(d *Demand, from, to time.Time) (importJ, exportJ int64) {
	a, b := d.At(from), d.At(to)
	return b.ImportJ - a.ImportJ, b.ExportJ - a.ExportJ
}

// checkElectrical: p = Σ v·i·pf within half a milliampere of each phase, and plausible figures.
func checkElectrical(t *testing.T, m *Measurement) {
	t.Helper()
	sum, tolerance := 0.0, 0.0
	pf := float64(m.PFPermille) / 1000
	sign := 1.0
	for i := range m.Phases {
		v, a := float64(m.DeciVolts[i])/10, float64(m.MilliAmps[i])/1000
		if m.Watts[i] < 0 != (m.PFPermille < 0) && m.Watts[i] != 0 {
			sign = -1
		}
		sum += sign * v * a * pf
		tolerance += v*0.0005 + 1e-6
		if m.Watts[i] != 0 && (v < 190 || v > 250) || a < 0 || a > 200 {
			t.Fatalf("%s at %v: phase %d has %.1f V, %.3f A, %d W", m.Meter, m.At, i+1, v, a, m.Watts[i])
		}
	}
	if math.Abs(sum-float64(m.Power())) > tolerance {
		t.Fatalf("%s at %v: p is %d W, v·i·pf is %.2f W: %+v", m.Meter, m.At, m.Power(), sum, *m)
	}
}

// Each meter that loses supply for longer than the hold time gasps once, with the time supply went, after the hold time; it
// says power_up and the failure's length after the return; numbers grow by one.
func TestEventsFollowSupply(t *testing.T) {
	grid := roughGrid(t)
	_, truth, _ := play(t, grid, rough)
	happenings, fates := truth.Happenings()
	seqs := map[headend.DeviceID]map[int64]headend.EventType{}
	count := map[headend.EventType]int{}
	sent := map[headend.EventType]int{}
	downs := map[string][]time.Time{}
	for i, h := range happenings {
		if seqs[h.Device] == nil {
			seqs[h.Device] = map[int64]headend.EventType{}
		}
		if former, again := seqs[h.Device][h.Seq]; again && former != h.Event {
			t.Fatalf("%s gave number %d to %s and %s", h.Device, h.Seq, former, h.Event)
		} else if !again {
			count[h.Event]++
			if h.Event == headend.EventPowerDown && h.UsagePoint != "" {
				downs[h.UsagePoint] = append(downs[h.UsagePoint], h.At)
			}
		}
		seqs[h.Device][h.Seq] = h.Event
		if fates[i] == FateSent {
			sent[h.Event]++
		}
	}
	for device, numbers := range seqs {
		low := int64(math.MaxInt64)
		for n := range numbers {
			low = min(low, n)
		}
		for n := range int64(len(numbers)) {
			if _, ok := numbers[low+n]; !ok {
				t.Fatalf("%s left out event number %d", device, low+n)
			}
		}
	}
	interruptions := byPoint(truth.Interruptions())
	for i := range grid.Points {
		p := &grid.Points[i]
		var want []time.Time
		for _, x := range interruptions[p.ID] {
			if x.Lost == p.Phases && p.Meter != "" && (x.End.IsZero() || x.End.Sub(x.Start) > 45*time.Second) {
				want = append(want, x.Start)
			}
		}
		if diff := cmp.Diff(want, downs[p.ID]); diff != "" {
			t.Fatalf("%s gasps (-interruptions +gasps):\n%s", p.ID, diff)
		}
	}
	for _, e := range []headend.EventType{headend.EventPowerDown, headend.EventPowerUp, headend.EventPowerFailure, headend.EventPhaseLost, headend.EventPhaseBack} {
		if count[e] == 0 || sent[e] == 0 {
			t.Errorf("no %s was said (%d) or sent (%d)", e, count[e], sent[e])
		}
	}
	if count[headend.EventPowerUp] != count[headend.EventPowerFailure]+gatewayUps(happenings) {
		t.Errorf("%d power_up, %d log entries", count[headend.EventPowerUp], count[headend.EventPowerFailure])
	}
}

func gatewayUps(list []Happening) (n int) {
	for _, h := range list {
		if h.UsagePoint == "" && h.Event == headend.EventPowerUp {
			n++
		}
	}
	return n
}

// Who is interrupted, by kind of fault.
func TestFaultsInterruptWhomTheyShould(t *testing.T) {
	grid := roughGrid(t)
	feeder := grid.Nodes[grid.NodesOf(NodeFeeder)[0]].ID
	node := grid.FindNode(feeder)
	all := grid.Count(node)
	for _, c := range []struct {
		name, timeline string
		check          func(*testing.T, []Interruption)
	}{
		{"momentary", "{at: 1m, fault: momentary, where: " + feeder + ", shots: 3, gap: 20s, for: 5s}", func(t *testing.T, list []Interruption) {
			if len(list) != 3*all {
				t.Errorf("%d interruptions of %d points, want three each", len(list), all)
			}
			for _, i := range list {
				if i.End.Sub(i.Start) != 5*time.Second {
					t.Fatalf("%v lasted %v", i, i.End.Sub(i.Start))
				}
			}
		}},
		{"phase", "{at: 1m, fault: phase_lost, where: " + feeder + ", phase: L2, for: 10m}", func(t *testing.T, list []Interruption) {
			want := 0
			grid.Below(node, func(p int32) {
				if grid.Points[p].Phases&headend.L2 != 0 {
					want++
				}
			})
			if len(list) != want || want == all {
				t.Errorf("%d interruptions, %d of %d points have phase L2", len(list), want, all)
			}
			for _, i := range list {
				if i.Lost != headend.L2 {
					t.Fatalf("lost %v", i.Lost)
				}
			}
		}},
		{"steps", "{at: 1m, fault: outage, where: " + feeder + ", for: 30m, steps: [{after: 10m, where: lateral}]}", func(t *testing.T, list []Interruption) {
			early := 0
			for _, i := range list {
				switch i.End.Sub(i.Start) {
				case 10 * time.Minute:
					early++
				case 30 * time.Minute:
				default:
					t.Fatalf("lasted %v", i.End.Sub(i.Start))
				}
			}
			if len(list) != all || early == 0 || early == all {
				t.Errorf("%d interruptions of %d points, %d of them short", len(list), all, early)
			}
		}},
		{"nested", "{at: 1m, fault: outage, where: " + feeder + ", for: 30m}\n  - {at: 2m, fault: outage, where: " + grid.Nodes[grid.NodesOf(NodeTransformer)[0]].ID + ", for: 60m}", func(t *testing.T, list []Interruption) {
			long := 0
			for _, i := range list {
				if i.End.Sub(i.Start) == 61*time.Minute {
					long++
				}
			}
			if want := grid.Count(grid.NodesOf(NodeTransformer)[0]); len(list) != all || long != want {
				t.Errorf("%d interruptions of %d points, %d of 61 min, want %d", len(list), all, long, want)
			}
		}},
		{"gateway", "{at: 1m, fault: gateway_lost, where: gateway, for: 10m}", func(t *testing.T, list []Interruption) {
			if len(list) != 0 {
				t.Errorf("%d interruptions by a lost link", len(list))
			}
		}},
		{"open", "{at: 1m, fault: outage, where: " + feeder + "}", func(t *testing.T, list []Interruption) {
			if len(list) != all || !list[0].End.IsZero() {
				t.Errorf("%d interruptions of %d points, first %+v", len(list), all, list[0])
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, truth, face := play(t, grid, "interval: 15m\nlength: 2h\ntimeline:\n  - "+c.timeline)
			c.check(t, truth.Interruptions())
			_, counts, _ := s.Status()
			if open := len(truth.Interruptions()); c.name == "open" && counts.Off != open || c.name != "open" && counts.Off != 0 {
				t.Errorf("%d points are off at the end", counts.Off)
			}
			if c.name == "gateway" && len(face.links) != 2 {
				t.Errorf("links changed: %v", face.links)
			}
			if got := truth.Damages(); len(got) == 0 || got[0].Points == 0 && c.name != "gateway" {
				t.Errorf("damages %+v", got)
			}
		})
	}
}

// What is published is the truth that was sent, in the native format.
func TestPublishedIsTruth(t *testing.T) {
	_, truth, face := play(t, roughGrid(t), rough)
	comparePublished(t, truth, face.messages, true)
}

// comparePublished checks published messages against the truth. Nothing may be published that is not true; and where
// everything had time to arrive, whatever was sent is there. Messages still late at the end are missing rightly.
func comparePublished(t *testing.T, truth *MemoryTruth, messages []noted, allowLate bool) {
	t.Helper()
	type key struct {
		device headend.DeviceID
		at     int64
		what   string
	}
	published := map[key]map[string]json.Number{}
	copies := 0
	for _, m := range messages {
		level := strings.Split(m.Topic, "/")
		if level[3] == "status" {
			continue
		}
		text := m.Payload
		if text[0] != '[' {
			text = "[" + text + "]"
		}
		var objects []struct {
			Device headend.DeviceID
			Time   time.Time
			Event  string
			Seq    int64
			Values map[string]json.Number
		}
		if err := json.Unmarshal([]byte(text), &objects); err != nil {
			t.Fatalf("%s: %v in %s", m.Topic, err, m.Payload)
		}
		for _, o := range objects {
			if o.Device == "" {
				o.Device = headend.DeviceID(level[2])
			}
			k := key{o.Device, o.Time.Unix(), level[3]}
			if o.Event != "" {
				k.what = fmt.Sprint(o.Event, " ", o.Seq)
			}
			if _, again := published[k]; again {
				copies++
			}
			published[k] = o.Values
		}
	}
	explained := map[key]bool{}
	readings, fates := truth.Readings()
	missing, late := 0, 0
	for i := range readings {
		m := &readings[i]
		k := key{m.Meter, m.Time.Unix(), "reads"}
		values, ok := published[k]
		switch {
		case fates[i] == FateLost && ok:
			t.Fatalf("%v is lost and was published", k)
		case fates[i] != FateLost && !ok && (fates[i] == FateLate && allowLate):
			late++
			continue
		case fates[i] == FateSent && !ok:
			// The last rounds may be on their way still: gateways collect for a third of a round, and the channel
			// holds some back for three.
			if missing++; m.At.Before(readings[len(readings)-1].At.Add(-4 * 2 * time.Minute)) {
				t.Fatalf("%v was sent and is missing", k)
			}
			continue
		case !ok:
			continue
		}
		explained[k] = true
		for _, r := range m.Readings() {
			if got, err := values[string(r.Quantity)].Float64(); err != nil || got != r.Value.Float64() {
				t.Fatalf("%v: %s is %v, want %v (%v)", k, r.Quantity, values[string(r.Quantity)], r.Value, err)
			}
		}
		if len(values) != len(m.Readings()) {
			t.Fatalf("%v: %d values, want %d", k, len(values), len(m.Readings()))
		}
	}
	happenings, fates := truth.Happenings()
	for i, h := range happenings {
		k := key{h.Device, h.Time.Unix(), fmt.Sprint(h.Event, " ", h.Seq)}
		if _, ok := published[k]; ok {
			explained[k] = true
		} else if fates[i] != FateLost {
			t.Errorf("%v was sent and is missing", k)
		}
	}
	if len(explained) != len(published) {
		t.Errorf("%d readings and events were published, %d are true", len(published), len(explained))
	}
	t.Logf("%d readings and events, %d copies, %d late ones and %d others still on their way at the end", len(published), copies, late, missing)
}

func TestBuiltInScenarios(t *testing.T) {
	if len(ScenarioNames()) < 3 {
		t.Fatalf("built in: %v", ScenarioNames())
	}
	for _, name := range ScenarioNames() {
		scenario, err := LoadScenario(name)
		if err != nil {
			t.Fatal(err)
		}
		spec, err := scenario.Spec()
		if err != nil {
			t.Fatal(err)
		}
		spec.Solar /= 10 // their registers are summed up from 2025 on, 5 ms each
		truth := new(MemoryTruth)
		scenario.Start = "2026-05-04T03:00:00Z"
		scenario.Length = Span{From: 400 * time.Second, To: 400 * time.Second}
		s, err := New(generated(t, spec, scenario.Seed), scenario, new(notebook), Options{Truth: truth, Unpaced: true})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := s.Run(t.Context()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if name != "district" {
			continue
		}
		gasp := time.Time{}
		happenings, fates := truth.Happenings()
		for i, h := range happenings {
			if h.Event == headend.EventPowerDown && fates[i] == FateSent {
				gasp = h.At
				break
			}
		}
		first := truth.Damages()[0]
		if first.Start.Sub(s.Start()) > 90*time.Second || first.End.Sub(first.Start) != 3*time.Minute || gasp != first.Start || spec.UsagePoints != 2000 {
			t.Errorf("district: first fault %+v, first gasp of %v, started at %v", first, gasp, s.Start())
		}
	}
}

func TestScenarioRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"speeed: 3", "speeed"},
		{"climate: mars", `climate "mars"`},
		{"interval: 1500ms", "whole seconds"},
		{"interval: soon", `line 1: "soon"`},
		{"gasp: {hold: 45s..30s}", "runs backwards"},
		{"channel: {loss: 0.7, late: 0.7}", "loss and late together"},
		{"start: tomorrow", `start "tomorrow"`},
		{"timeline: [{fault: outage, where: feeder}]", "timeline entry 1: one of at and every"},
		{"timeline: [{at: 1m, fault: quake, where: feeder}]", `fault "quake"`},
		{"timeline: [{at: 1m, fault: outage}]", "where is missing"},
		{"timeline: [{every: 1m, fault: outage, where: feeder}]", "for is missing"},
		{"timeline: [{at: 1m, fault: phase_lost, where: feeder, phase: R}]", `phases "R"`},
		{"timeline: [{at: 1m, fault: momentary, where: feeder, steps: [{after: 1m, where: lateral}]}]", "steps belong"},
	} {
		if _, err := ParseScenario([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want one with %q", c.text, err, c.want)
		}
	}
	grid := generated(t, GridSpec{UsagePoints: 100}, 1)
	for _, timeline := range []string{"{at: 1m, fault: outage, where: X99}", "{at: 1m, fault: outage, where: gateway}", "{at: 1m, fault: gateway_lost, where: feeder}"} {
		scenario, err := ParseScenario([]byte("timeline: [" + timeline + "]"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(grid, scenario, new(notebook), Options{}); err == nil || !strings.Contains(err.Error(), "timeline entry 1") {
			t.Errorf("%s: error is %v", timeline, err)
		}
	}
	if _, err := LoadScenario("nonesuch"); err == nil || !strings.Contains(err.Error(), "district") {
		t.Errorf("error is %v, want one that lists the built-in ones", err)
	}
}

func BenchmarkSimulation(b *testing.B) {
	grid := generated(b, GridSpec{UsagePoints: 20000}, 1)
	scenario := must(ParseScenario([]byte("interval: 30m\nstart: 2026-05-04T03:00:00Z\nlength: 2h")))
	readings := 0
	for b.Loop() {
		s, err := New(grid, scenario, silence{}, Options{Unpaced: true})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Run(b.Context()); err != nil {
			b.Fatal(err)
		}
		readings += s.counts.Readings
	}
	b.ReportMetric(float64(readings)/b.Elapsed().Seconds(), "readings/s")
}

type silence struct{}

func (silence) Publish(context.Context, int, string, []byte) error { return nil }
func (silence) Link(int, bool)                                     {}
