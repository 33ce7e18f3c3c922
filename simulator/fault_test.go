package simulator

import (
	"bytes"
	"encoding/csv"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
)

// lengths counts interruptions by how long they were, in whole seconds.
func lengths(list []Interruption) map[time.Duration]int {
	count := map[time.Duration]int{}
	for _, i := range list {
		count[i.End.Sub(i.Start).Round(time.Second)]++
	}
	return count
}

// one plays a timeline for two hours on the rough grid with a perfect channel.
func one(t *testing.T, grid *Grid, more, timeline string) (*Simulation, *MemoryTruth, *notebook) {
	t.Helper()
	return play(t, grid, "interval: 10m\nlength: 2h\n"+more+"\ntimeline:\n  - "+timeline)
}

func TestSubstationTakesAllBelow(t *testing.T) {
	grid := roughGrid(t)
	_, truth, _ := one(t, grid, "", "{at: 10m, fault: outage, where: substation, for: 20m}")
	node := grid.FindNode(truth.Damages()[0].Where)
	if grid.Nodes[node].Kind != NodeSubstation || lengths(truth.Interruptions())[20*time.Minute] != grid.Count(node) || len(truth.Interruptions()) != grid.Count(node) {
		t.Errorf("%+v, %v", truth.Damages(), lengths(truth.Interruptions()))
	}
}

// Two shots, then lockout: two short interruptions and one that lasts, each a fault of its own.
func TestLockout(t *testing.T) {
	grid := roughGrid(t)
	_, truth, _ := one(t, grid, "", "{at: 10m, fault: momentary, where: lateral, shots: 2, gap: 20s, for: 5s, lockout: 30m}")
	damages := truth.Damages()
	if len(damages) != 3 || damages[0].Kind != FaultMomentary || damages[1].Kind != FaultMomentary || damages[2].Kind != FaultOutage {
		t.Fatalf("%+v", damages)
	}
	for i := 1; i < 3; i++ {
		if gap := damages[i].Start.Sub(damages[i-1].End); gap != 20*time.Second || damages[i].Where != damages[0].Where {
			t.Errorf("%+v follows after %v", damages[i], gap)
		}
	}
	n := grid.Count(grid.FindNode(damages[0].Where))
	if got := lengths(truth.Interruptions()); got[5*time.Second] != 2*n || got[30*time.Minute] != n || len(truth.Interruptions()) != 3*n {
		t.Errorf("%d usage points, %v", n, got)
	}
	_, truth, _ = one(t, grid, "", "{at: 10m, fault: momentary, where: lateral, shots: 3, gap: 20s, for: 5s}")
	if got := lengths(truth.Interruptions()); len(got) != 1 || got[5*time.Second] != 3*n {
		t.Errorf("three shots that hold: %v", got)
	}
}

// The fault is cut off and the rest comes back; then a part of what is left is fed from elsewhere.
func TestStepRestoration(t *testing.T) {
	grid := roughGrid(t)
	_, truth, _ := one(t, grid, "", "{at: 10m, fault: outage, where: feeder, for: 60m, steps: [{after: 12m, but: lateral}, {after: 30m, where: transformer}]}")
	damage := truth.Damages()[0]
	all := grid.Count(grid.FindNode(damage.Where))
	got := lengths(truth.Interruptions())
	if got[12*time.Minute] == 0 || got[30*time.Minute] == 0 || got[60*time.Minute] == 0 || got[12*time.Minute]+got[30*time.Minute]+got[60*time.Minute] != all || len(got) != 3 {
		t.Errorf("%d usage points, %v", all, got)
	}
	// Those that came back late hang on one lateral, those of the second step on one transformer.
	transformers := map[time.Duration]map[int32]bool{}
	at := map[string]int32{}
	for i := range grid.Points {
		at[grid.Points[i].ID] = grid.Points[i].Node
	}
	for _, i := range truth.Interruptions() {
		d := i.End.Sub(i.Start)
		if transformers[d] == nil {
			transformers[d] = map[int32]bool{}
		}
		transformers[d][at[i.UsagePoint]] = true
	}
	above := map[int32]bool{}
	for _, d := range []time.Duration{30 * time.Minute, time.Hour} {
		for node := range transformers[d] {
			above[grid.Nodes[node].Parent] = true
		}
	}
	if len(transformers[30*time.Minute]) != 1 || len(above) != 1 {
		t.Errorf("late ones hang at %v below %v", transformers, above)
	}
	if damage.End.Sub(damage.Start) != time.Hour || grid.Nodes[grid.FindNode(damage.Where)].Kind != NodeFeeder {
		t.Errorf("%+v", damage)
	}
}

// A part is fed from a neighbour while the feeder's own breaker is open: it has supply, the relay says open.
func TestTieTransfer(t *testing.T) {
	grid := generated(t, GridSpec{UsagePoints: 700, TransformersPerFeeder: 14, Modbus: ModbusSpec{Listen: "127.0.0.1:0"}}, 4)
	feeder := grid.Nodes[grid.NodesOf(NodeFeeder)[0]].ID
	scenario := must(ParseScenario([]byte("interval: 10m\nstart: 2026-05-04T03:00:00Z\nlength: 30m\ntimeline:\n  - {at: 5m, fault: outage, where: " + feeder +
		", steps: [{after: 10m, where: recloser}]}")))
	truth := new(MemoryTruth)
	s, err := New(grid, scenario, new(notebook), Options{Truth: truth, Unpaced: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	tied, all := lengths(slices.DeleteFunc(truth.Interruptions(), func(i Interruption) bool { return i.End.IsZero() })), grid.Count(grid.FindNode(feeder))
	open := false
	for i := range grid.Units {
		if u := &grid.Units[i]; u.part() == placeRelay && grid.Nodes[u.Node].ID == feeder {
			view, err := s.Unit(u.ID)
			if err != nil {
				t.Fatal(err)
			}
			open = open || view.Open
		}
	}
	_, counts, _ := s.Status()
	if n := tied[10*time.Minute]; n == 0 || n == all || counts.Off != all-n || !open {
		t.Errorf("of %d usage points %v came back, %d are off, breaker open %v", all, tied, counts.Off, open)
	}
}

// A transformer is out; its feeder trips and returns; the transformer stays out: one interruption for its own, one for the
// others.
func TestNested(t *testing.T) {
	grid := roughGrid(t)
	_, truth, _ := one(t, grid, "", "{at: 10m, fault: outage, where: transformer, for: 60m, then: [{after: 10m, fault: outage, where: feeder, for: 8m}]}")
	damages := truth.Damages() // by their ends
	outer, inner := grid.FindNode(damages[0].Where), grid.FindNode(damages[1].Where)
	if len(damages) != 2 || grid.Nodes[outer].Kind != NodeFeeder || !grid.Upstream(outer, inner) {
		t.Fatalf("%+v", damages)
	}
	got, own := lengths(truth.Interruptions()), grid.Count(inner)
	if got[time.Hour] != own || got[8*time.Minute] != grid.Count(outer)-own || len(got) != 2 {
		t.Errorf("%d of %d usage points, %v", own, grid.Count(outer), got)
	}
	for _, i := range truth.Interruptions() {
		if want := map[time.Duration]string{time.Hour: damages[1].ID, 8 * time.Minute: damages[0].ID}[i.End.Sub(i.Start)]; i.Fault != want {
			t.Fatalf("%+v belongs to %s", i, want)
		}
	}
}

// It trips again during restoration: a new interruption for those already back only.
func TestTripsAgain(t *testing.T) {
	grid := roughGrid(t)
	_, truth, _ := one(t, grid, "", "{at: 10m, fault: outage, where: feeder, for: 60m, steps: [{after: 10m, where: lateral}], then: [{after: 20m, fault: outage, where: here, for: 7m}]}")
	twice, once := 0, 0
	for _, list := range byPoint(truth.Interruptions()) {
		got := lengths(list)
		switch {
		case len(list) == 2 && got[10*time.Minute] == 1 && got[7*time.Minute] == 1:
			twice++
		case len(list) == 1 && got[time.Hour] == 1:
			once++
		default:
			t.Fatalf("%+v", list)
		}
	}
	if all := grid.Count(grid.FindNode(truth.Damages()[0].Where)); twice == 0 || once == 0 || twice+once != all {
		t.Errorf("%d of %d twice, %d once", twice, all, once)
	}
}

// The calendar is known before anything is played, and says what was announced; the truth says what came of it.
func TestPlanned(t *testing.T) {
	grid := roughGrid(t)
	scenario := must(ParseScenario([]byte(`{interval: 10m, start: "2026-05-04T03:00:00Z", length: 12h, calm: 3h, timeline: [
		{every: 2h, fault: planned, where: transformer, window: 1h, delay: 3m, for: 80m, notice: 120h, reason: "new cable, east"},
		{at: 5h, fault: firmware, where: feeder, window: 30m, for: 10m}]}`)))
	truth := new(MemoryTruth)
	s, err := New(grid, scenario, new(notebook), Options{Truth: truth, Unpaced: true})
	if err != nil {
		t.Fatal(err)
	}
	calendar := slices.Clone(s.Calendar())
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := WriteCalendar(&file, calendar); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&file).ReadAll()
	if err != nil || len(rows) != len(calendar)+1 || strings.Join(rows[0], ",") != "id,kind,node,usage_points,from,to,reason,notice,status" {
		t.Fatalf("%v, %v", rows, err)
	}
	cuts := slices.DeleteFunc(truth.Damages(), func(d Damage) bool { return d.Kind != FaultPlanned })
	if len(cuts) != 4 || len(calendar) != 5 {
		t.Fatalf("%d cuts, %d entries", len(cuts), len(calendar))
	}
	for i, d := range cuts {
		w, row := calendar[i], rows[i+1]
		if w.Kind != "cut" || w.Node != d.Where || !d.Start.Equal(w.From.Add(3*time.Minute)) || d.End.Sub(d.Start) != 80*time.Minute || w.To.Sub(w.From) != time.Hour ||
			w.From.Sub(w.Notice) != 120*time.Hour || d.End.Before(w.To) {
			t.Errorf("%+v was %+v", w, d)
		}
		if row[0] != w.ID || row[1] != "cut" || row[2] != d.Where || row[4] != w.From.Format(time.RFC3339) || row[6] != "new cable, east" || row[7] != w.Notice.Format(time.RFC3339) {
			t.Errorf("line %v", row)
		}
	}
	if w := calendar[4]; w.Kind != "firmware" || !w.Notice.IsZero() || rows[5][7] != "" {
		t.Errorf("%+v, %v", w, rows[5])
	}
}

// A gateway loses its own supply: nobody is interrupted, it gasps, for its meters too where it is made so, and falls silent.
func TestGatewayDark(t *testing.T) {
	grid := roughGrid(t)
	for _, madeUp := range []string{"false", "true"} {
		_, truth, face := one(t, grid, "gasp: {made_up: "+madeUp+", backup: 5m}", "{at: 10m, fault: gateway_dark, where: gateway, for: 30m}")
		if len(truth.Interruptions()) != 0 || len(truth.Damages()) != 1 || truth.Damages()[0].Kind != FaultGatewayDark || len(face.links) != 2 {
			t.Fatalf("%+v, %+v, links %v", truth.Interruptions(), truth.Damages(), face.links)
		}
		happenings, _ := truth.Happenings()
		own, others := 0, 0
		for _, h := range happenings {
			switch {
			case h.UsagePoint == "" && string(h.Device) == truth.Damages()[0].Where:
				own++
			case h.MadeUp && h.Event == headend.EventPowerDown && h.Said.Sub(truth.Damages()[0].Start) < time.Minute:
				others++
			default:
				t.Fatalf("%+v", h)
			}
		}
		behind := 0
		for i := range grid.Points {
			if p := &grid.Points[i]; p.Gateway != None && p.Meter != "" && string(grid.Gateways[p.Gateway].ID) == truth.Damages()[0].Where {
				behind++
			}
		}
		if own != 2 || madeUp == "true" && others != behind || madeUp == "false" && others != 0 {
			t.Errorf("made up %s: the gateway spoke %d times, for %d of %d meters", madeUp, own, others, behind)
		}
	}
}

// A push silences a share of the meters for a time: they say nothing, whatever happens, and have supply.
func TestFirmwareSilence(t *testing.T) {
	grid := roughGrid(t)
	_, truth, _ := one(t, grid, "", "{at: 15m, fault: firmware, where: feeder, share: 0.8, for: 40m}")
	damage := truth.Damages()[0]
	readings, _ := truth.Readings()
	during, after := map[string]int{}, map[string]int{}
	for _, m := range readings {
		if m.At.After(damage.Start) && m.At.Before(damage.End) {
			during[m.UsagePoint]++
		} else if m.At.After(damage.End) {
			after[m.UsagePoint]++
		}
	}
	silent, meters := 0, 0
	grid.Below(grid.FindNode(damage.Where), func(p int32) {
		if grid.Points[p].Meter == "" {
			return
		}
		meters++
		if during[grid.Points[p].ID] == 0 {
			silent++
		} else if during[grid.Points[p].ID] != 4 {
			t.Errorf("%s was read %d times", grid.Points[p].ID, during[grid.Points[p].ID])
		}
		if after[grid.Points[p].ID] == 0 {
			t.Errorf("%s is silent afterwards", grid.Points[p].ID)
		}
	})
	if silent != damage.Points || math.Abs(float64(silent)/float64(meters)-0.8) > 0.1 || len(truth.Interruptions()) != 0 {
		t.Errorf("%d of %d silent, %d by the truth, %d interruptions", silent, meters, damage.Points, len(truth.Interruptions()))
	}
	if happenings, _ := truth.Happenings(); len(happenings) != 0 {
		t.Errorf("%+v", happenings[0])
	}
	// With supply gone meanwhile nothing is said either.
	_, truth, _ = one(t, grid, "", "{at: 15m, fault: firmware, where: substation, for: 60m}\n  - {at: 20m, fault: outage, where: transformer, for: 20m}")
	happenings, fates := truth.Happenings()
	said := 0
	for i, h := range happenings {
		if h.UsagePoint == "" { // the gateway itself
			continue
		}
		if said++; fates[i] != FateLost {
			t.Errorf("%+v", h)
		}
	}
	if said == 0 {
		t.Error("nothing was to be silenced")
	}
}

// Clocks jump: what the meters say then is off by that, until they are set right, which they tell.
func TestClockJump(t *testing.T) {
	grid := roughGrid(t)
	_, truth, _ := one(t, grid, "", "{at: 15m, fault: clock_jump, where: feeder, share: 0.5, by: -2h..3h, for: 40m}")
	damage := truth.Damages()[0]
	off := map[string]time.Duration{}
	readings, _ := truth.Readings()
	for _, m := range readings {
		ahead := m.Time.Sub(m.At)
		during := m.At.After(damage.Start) && m.At.Before(damage.End)
		if ahead != 0 && !during || ahead < -2*time.Hour || ahead > 3*time.Hour {
			t.Fatalf("%s at %v shows %v", m.Meter, m.At, m.Time)
		}
		if ahead != 0 {
			off[m.UsagePoint] = ahead
		}
	}
	happenings, _ := truth.Happenings()
	for _, h := range happenings {
		if h.Event != headend.EventClockSet || !h.At.Equal(damage.End) || h.Former.Sub(h.Time) != off[h.UsagePoint] {
			t.Errorf("%+v, it was off by %v", h, off[h.UsagePoint])
		}
	}
	if len(off) < damage.Points-1 || damage.Points != len(happenings) || len(truth.Interruptions()) != 0 {
		t.Errorf("%d meters off, %d by the truth, %d set", len(off), damage.Points, len(happenings))
	}
}

// Clocks that are set every day drift in between and never further.
func TestClocksAreSet(t *testing.T) {
	_, truth, face := play(t, roughGrid(t), "interval: 30m\nlength: 9h\nclocks: {drift_ppm: 3000, set_every: 3h}")
	readings, _ := truth.Readings()
	most := time.Duration(0)
	for _, m := range readings {
		most = max(most, m.Time.Sub(m.At).Abs())
	}
	if limit := 3 * time.Hour * 3 / 1000; most > limit+time.Second || most < limit/2 {
		t.Errorf("off by up to %v, drift allows %v", most, limit)
	}
	happenings, _ := truth.Happenings()
	set := map[string]int{}
	for _, h := range happenings {
		set[h.UsagePoint]++
		if d := h.Former.Sub(h.Time).Abs(); d > most+time.Second {
			t.Fatalf("%+v was off by %v", h, d)
		}
	}
	for point, n := range set {
		if n != 3 {
			t.Fatalf("%s was set %d times in nine hours", point, n)
		}
	}
	if !strings.Contains(face.messages[len(face.messages)/2].Payload+face.messages[0].Payload, "time") || !slices.ContainsFunc(face.messages, func(m noted) bool {
		return strings.Contains(m.Payload, `"event":"clock_set"`) && strings.Contains(m.Payload, `"former":"`)
	}) {
		t.Error("no clock_set was published with what the clock showed before")
	}
}

// Customers with solar live on: their meters do not gasp but measure no voltage, and say that supply is absent, and back.
func TestSolarLivesOn(t *testing.T) {
	grid := generated(t, GridSpec{UsagePoints: 300, TransformersPerFeeder: 6, Solar: 0.3, ThreePhase: 0.3}, 4)
	_, truth, _ := one(t, grid, "gasp: {solar_alive: 0.5, delivery: 1, logs: true}", "{at: 15m, fault: outage, where: substation, for: 40m}")
	damage := truth.Damages()[0]
	alive := map[string]bool{}
	happenings, _ := truth.Happenings()
	said := map[string][]headend.EventType{}
	for _, h := range happenings {
		said[h.UsagePoint] = append(said[h.UsagePoint], h.Event)
		alive[h.UsagePoint] = alive[h.UsagePoint] || h.Event == headend.EventSupplyAbsent
	}
	readings, _ := truth.Readings()
	register := map[string]int64{}
	measured := 0
	for _, m := range readings {
		if !m.At.After(damage.Start) || !m.At.Before(damage.End) {
			continue
		}
		measured++
		if !alive[m.UsagePoint] {
			t.Fatalf("%s measured without supply", m.UsagePoint)
		}
		for ph := range m.Phases {
			if m.DeciVolts[ph] > 20 || m.Watts[ph] != 0 {
				t.Fatalf("%+v", m)
			}
		}
		if before, known := register[m.UsagePoint]; known && before != m.ImportWh {
			t.Fatalf("%s counts without supply", m.UsagePoint)
		}
		register[m.UsagePoint] = m.ImportWh
	}
	solar, lives := 0, 0
	for i := range grid.Points {
		p := &grid.Points[i]
		want := []headend.EventType{headend.EventPowerDown, headend.EventPowerUp, headend.EventPowerFailure}
		if p.Customer == SolarHousehold {
			solar++
			if alive[p.ID] {
				lives++
				want = []headend.EventType{headend.EventSupplyAbsent, headend.EventSupplyPresent, headend.EventPowerFailure}
			}
		} else if alive[p.ID] {
			t.Errorf("%s lives on without solar", p.ID)
		}
		if !slices.Equal(said[p.ID], want) {
			t.Errorf("%s said %v", p.ID, said[p.ID])
		}
	}
	if lives == 0 || lives == solar || measured == 0 || len(truth.Interruptions()) != len(grid.Points) {
		t.Errorf("%d of %d with solar live on, %d readings, %d interruptions", lives, solar, measured, len(truth.Interruptions()))
	}
}

// Events are lost, late, doubled and overtaken as often as the scenario says; gasps and logs are not lost by that.
func TestEventsChannel(t *testing.T) {
	grid := roughGrid(t)
	_, truth, face := play(t, grid, `
interval: 30m
length: 12h
calm: 4h
events: {loss: 0.3, late: 0.2, late_up_to: 10m..1h, duplicate: 0.1}
gasp: {delivery: 1, logs: true, logs_within: 1m..3h}
timeline:
  - {every: 10m, fault: outage, where: transformer, for: 5m}`)
	happenings, fates := truth.Happenings()
	count := map[headend.EventType]map[Fate]int{}
	heard := 0
	for i, h := range happenings {
		if h.UsagePoint == "" {
			continue
		}
		if count[h.Event] == nil {
			count[h.Event] = map[Fate]int{}
		}
		count[h.Event][fates[i]]++
		if fates[i] != FateLost {
			heard++
		}
		if wait := h.Said.Sub(h.At); h.Event == headend.EventPowerUp && fates[i] == FateLate && (wait < 10*time.Minute || wait > 61*time.Minute) ||
			h.Event == headend.EventPowerFailure && (wait < time.Minute || wait > 4*time.Hour+time.Minute) {
			t.Fatalf("%+v was said after %v", h, wait)
		}
	}
	near := func(event headend.EventType, fate Fate, want float64) {
		t.Helper()
		all := count[event][FateSent] + count[event][FateLate] + count[event][FateLost]
		if got := float64(count[event][fate]) / float64(all); all < 500 || math.Abs(got-want) > 0.05 {
			t.Errorf("%s %s: %.2f of %d, want %.2f", event, fate, got, all, want)
		}
	}
	near(headend.EventPowerUp, FateLost, 0.3)
	near(headend.EventPowerUp, FateLate, 0.2)
	near(headend.EventPowerDown, FateLost, 0)
	near(headend.EventPowerFailure, FateLost, 0)
	published := 0
	for _, m := range face.messages {
		if strings.HasSuffix(m.Topic, "/events") && !strings.Contains(m.Payload[:min(len(m.Payload), 20)], `"time"`) {
			published++
		}
	}
	for _, d := range truth.Damages() {
		if d.Start.After(time.Date(2026, 5, 4, 11, 0, 0, 0, time.UTC)) {
			t.Errorf("%+v begins in the calm", d)
		}
	}
	copies := 0
	seen := map[string]bool{}
	for _, m := range face.messages {
		if !strings.HasSuffix(m.Topic, "/events") {
			continue
		}
		if seen[m.Topic+m.Payload] {
			copies++
		}
		seen[m.Topic+m.Payload] = true
	}
	if share := float64(copies) / float64(heard); math.Abs(share-0.1) > 0.03 || published == 0 {
		t.Errorf("%d copies of %d events", copies, heard)
	}
}

// scribe is a hearer that counts what it hears.
type scribe struct {
	readings map[headend.DeviceID]map[int64]int
	events   map[headend.DeviceID]map[int64]headend.Event
	links    int
}

func (s *scribe) Hear(now time.Time, _ int, batches []headend.Batch) error {
	for _, b := range batches {
		for _, r := range b.Readings {
			if s.readings[b.Device] == nil {
				s.readings[b.Device] = map[int64]int{}
			}
			s.readings[b.Device][r.Time.Unix()]++
		}
		for _, e := range b.Events {
			if s.events[b.Device] == nil {
				s.events[b.Device] = map[int64]headend.Event{}
			}
			s.events[b.Device][e.Seq] = e
		}
	}
	return nil
}

func (s *scribe) Link(time.Time, int, bool) { s.links++ }

// A hearer hears what a face publishes, and in a light simulation the same events and the same voltages.
func TestHearerHearsWhatAFacePublishes(t *testing.T) {
	_, truth, face := play(t, roughGrid(t), rough)
	scenario := must(ParseScenario([]byte(rough)))
	scenario.Start = "2026-05-04T03:00:00Z"
	for _, light := range []bool{false, true} {
		heard, again := &scribe{map[headend.DeviceID]map[int64]int{}, map[headend.DeviceID]map[int64]headend.Event{}, 0}, new(MemoryTruth)
		s, err := New(roughGrid(t), scenario, nil, Options{Truth: again, Unpaced: true, Hearer: heard, Light: light})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(truth.happenings, again.happenings) || !slices.Equal(truth.fates, again.fates) || !slices.Equal(truth.interruptions, again.interruptions) ||
			!slices.Equal(truth.damages, again.damages) || heard.links != len(face.links) {
			t.Errorf("light %v: another truth", light)
		}
		events := 0
		for i, h := range truth.happenings {
			if truth.fates[i] == FateLost {
				continue
			}
			events++
			if e := heard.events[h.Device][h.Seq]; e.Type != h.Event || !e.Time.Equal(h.Time) || e.Duration != h.Duration || e.Phases != h.Phases {
				t.Fatalf("light %v: %+v is heard as %+v", light, h, e)
			}
		}
		values := 0
		for i := range again.readings {
			m := &again.readings[i]
			want := len(m.Readings())
			if light {
				want = m.Phases
			}
			if n := heard.readings[m.Meter][m.Time.Unix()]; again.readingFates[i] == FateLost && n != 0 || n%want != 0 {
				t.Fatalf("light %v: %d values of %+v", light, n, m)
			} else if n > 0 {
				values++
			}
			if m.At != truth.readings[i].At || m.Meter != truth.readings[i].Meter || again.readingFates[i] != truth.readingFates[i] && !light {
				t.Fatalf("light %v: another reading: %+v", light, m)
			}
		}
		if values == 0 || events == 0 || len(again.readings) != len(truth.readings) {
			t.Errorf("light %v: %d readings and %d events were heard", light, values, events)
		}
	}
}

func TestSmallTransformers(t *testing.T) {
	grid := generated(t, GridSpec{UsagePoints: 10000, Small: 0.3}, 3)
	small, all := 0, grid.NodesOf(NodeTransformer)
	for _, node := range all {
		if n := grid.points[node][1] - grid.points[node][0]; n <= 9 {
			small++
		}
	}
	if share := float64(small) / float64(len(all)); math.Abs(share-0.3) > 0.1 || len(grid.Points) != 10000 {
		t.Errorf("%d of %d are small, %d usage points", small, len(all), len(grid.Points))
	}
}

func TestScenarioRefusesFaults(t *testing.T) {
	for _, c := range []struct{ timeline, want string }{
		{"{at: 1m, fault: planned, where: feeder, for: 1h}", "planned needs window"},
		{"{at: 1m, fault: outage, where: feeder, window: 1h}", "window belongs"},
		{"{at: 1m, fault: outage, where: feeder, lockout: 1h}", "lockout belongs"},
		{"{at: 1m, fault: clock_jump, where: feeder}", "clock_jump needs by"},
		{"{at: 1m, fault: clock_jump, where: feeder, by: 2h..1h}", "runs backwards"},
		{"{at: 1m, fault: outage, where: feeder, steps: [{after: 1m}]}", "step 1: one of where and but"},
		{"{at: 1m, fault: outage, where: feeder, then: [{fault: outage, where: here}]}", "then 1: "},
		{"{at: 1m, fault: outage, where: feeder, then: [{after: 1m, fault: gateway_lost, where: gateway}]}", "then 1: "},
		{"{at: 1m, fault: gateway_lost, where: gateway, then: [{after: 1m, fault: outage, where: here}]}", "then belongs"},
	} {
		if _, err := ParseScenario([]byte("timeline: [" + c.timeline + "]")); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want one with %q", c.timeline, err, c.want)
		}
	}
	if _, err := ParseScenario([]byte("length: 1h\ncalm: 2h")); err == nil || !strings.Contains(err.Error(), "calm") {
		t.Errorf("error is %v", err)
	}
}
