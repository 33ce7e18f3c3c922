package interruption

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"lastgasp/headend"
)

// world is a random small grid with random faults and what its devices said of them.
type world struct {
	net      *Network
	evidence []Evidence // in order of arrival
	plans    []Plan
	decided  []Decision
	dark     map[PointNo][]period // the truth
}

// drawWorld draws a substation with feeders, laterals and transformers, a day's faults, and lossy messages about it.
func drawWorld(t *rapid.T) *world {
	var s Spec
	var transformers []string
	s.Nodes = append(s.Nodes, headend.Node{ID: "S", Kind: "substation"})
	for f := range rapid.IntRange(1, 2).Draw(t, "feeders") {
		feeder := fmt.Sprintf("F%d", f)
		s.Nodes = append(s.Nodes, headend.Node{ID: feeder, Kind: "feeder", Parent: "S"})
		above := feeder
		for i := range rapid.IntRange(1, 4).Draw(t, "transformers") {
			if rapid.Bool().Draw(t, "switch") {
				above = fmt.Sprintf("%s-R%d", feeder, i)
				s.Nodes = append(s.Nodes, headend.Node{ID: above, Kind: "switch", Parent: feeder})
			}
			id := fmt.Sprintf("%s-T%d", feeder, i)
			s.Nodes = append(s.Nodes, headend.Node{ID: id, Kind: "transformer", Parent: above})
			transformers = append(transformers, id)
			s.Devices = append(s.Devices, headend.Device{ID: headend.DeviceID("G" + id), Kind: headend.KindGateway})
			s.Placements = append(s.Placements, Placement{Device: headend.DeviceID("G" + id), Node: id})
		}
	}
	s.Devices = append(s.Devices, headend.Device{ID: "RTU", Kind: headend.KindRTU})
	s.Placements = append(s.Placements, Placement{Device: "RTU", Node: "F0"})
	n := 0
	for _, id := range transformers {
		for range rapid.IntRange(1, 7).Draw(t, "customers") {
			meter := headend.DeviceID(fmt.Sprintf("M%d", n))
			s.Points = append(s.Points, headend.UsagePoint{ID: string(meter), Node: id, Phases: headend.Phases(rapid.SampledFrom([]int{0, 1, 2, 4, 7}).Draw(t, "phases"))})
			s.Devices = append(s.Devices, headend.Device{ID: meter, Kind: headend.KindMeter, Gateway: headend.DeviceID("G" + id)})
			s.Installations = append(s.Installations, headend.Installation{Device: meter, UsagePoint: string(meter)})
			n++
		}
	}
	net, err := NewNetwork(s)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{net: net, dark: map[PointNo][]period{}}
	w.strike(t)
	w.speak(t)
	return w
}

// strike draws faults.
func (w *world) strike(t *rapid.T) {
	tree := &w.net.trees[0]
	for range rapid.IntRange(0, 5).Draw(t, "faults") {
		v := NodeNo(rapid.IntRange(1, len(w.net.nodes)-1).Draw(t, "where"))
		from := at(noon) + moment(rapid.IntRange(0, 8*3600).Draw(t, "when"))*1000
		to := from + moment(rapid.IntRange(2, 7200).Draw(t, "length"))*1000
		for p := range w.net.points {
			if tree.below(v, w.net.points[p].node) {
				w.dark[PointNo(p)] = append(w.dark[PointNo(p)], period{from, to})
			}
		}
	}
	for p, list := range w.dark {
		slices.SortFunc(list, func(a, b period) int { return compare(a.from, b.from) })
		out := list[:0]
		for _, x := range list {
			if k := len(out); k > 0 && x.from <= out[k-1].to {
				out[k-1].to = max(out[k-1].to, x.to)
				continue
			}
			out = append(out, x)
		}
		w.dark[p] = out
	}
}

// speak draws what is said: readings in the light, gasps, power-ups, logs, and lies.
func (w *world) speak(t *rapid.T) {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 5))
	delivery, returns, logs := rapid.Float64Range(0, 1).Draw(t, "delivery"), rapid.Float64Range(0, 1).Draw(t, "returns"), rapid.Float64Range(0, 1).Draw(t, "logs")
	lies := rapid.Float64Range(0, 0.2).Draw(t, "lies")
	say := func(e Evidence, chance float64, delay int) {
		if r.Float64() < chance {
			e.Received = e.Time.Add(time.Duration(r.IntN(delay)) * time.Second)
			if e.Kind != PowerFailure && r.Float64() < 0.1 {
				e.Quality = headend.QualityReceivedTime
			}
			w.evidence = append(w.evidence, e)
		}
	}
	for p := range w.net.points {
		point := PointNo(p)
		base := Evidence{Device: w.net.points[p].device, Gateway: w.net.devices[w.net.points[p].device].gateway, Seq: headend.NoSeq}
		with := func(kind Kind, m moment) Evidence {
			e := base
			e.Kind, e.Time = kind, m.time()
			return e
		}
		for m := at(noon) - 120*minute; m < at(noon)+13*60*minute; m += 15 * minute {
			if !slices.ContainsFunc(w.dark[point], func(x period) bool { return x.from <= m && m <= x.to }) {
				say(with(LifeSign, m), 0.95, 3600)
			}
			if r.Float64() < 0.02 {
				say(with(PowerDown, m+moment(r.IntN(800))*1000), lies, 1800)
				say(with(PowerUp, m+moment(r.IntN(800))*1000), lies, 1800)
				say(with(PhaseLost, m), lies, 100)
				say(with(SupplyAbsent, m), lies, 100)
			}
		}
		for i, x := range w.dark[point] {
			if x.to-x.from > 40_000 {
				gasp := with(PowerDown, x.from)
				if r.IntN(2) == 0 {
					gasp.Seq = int64(100 + 2*i)
				}
				for range 1 + r.IntN(3) {
					say(gasp, delivery, 4000)
				}
				up := with(PowerUp, x.to)
				up.Seq = int64(101 + 2*i)
				say(up, returns, 600)
			}
			entry := with(PowerFailure, x.to)
			entry.Duration = (x.to - x.from).duration()
			say(entry, logs, 80_000)
		}
		count := with(FailureCount, at(noon)-60*minute)
		say(count, 0.2, 100)
		count.Time, count.Count = noon.Add(14*time.Hour), int64(len(w.dark[point])+r.IntN(3))
		say(count, 0.2, 100)
	}
	rtu, _ := w.net.Device("RTU")
	for range r.IntN(4) {
		e := Evidence{Device: rtu, Gateway: NoDevice, Seq: headend.NoSeq, Kind: []Kind{BreakerOpen, BreakerClosed, BreakerUnknown, FaultPassage}[r.IntN(4)], Time: noon.Add(time.Duration(r.IntN(8*3600)) * time.Second)}
		e.Received = e.Time
		w.evidence = append(w.evidence, e)
	}
	for g := range w.net.devices {
		if w.net.devices[g].kind == headend.KindGateway && r.IntN(3) == 0 {
			at := noon.Add(time.Duration(r.IntN(8*3600)) * time.Second)
			for i, kind := range []Kind{LinkLost, PowerDown, LinkBack, PowerUp} {
				if r.IntN(2) == 0 {
					e := Evidence{Device: DeviceNo(g), Gateway: NoDevice, Seq: headend.NoSeq, Kind: kind, Time: at.Add(time.Duration(i) * 10 * time.Minute)}
					e.Received = e.Time
					w.evidence = append(w.evidence, e)
				}
			}
		}
	}
	for i := range r.IntN(3) {
		from := noon.Add(time.Duration(r.IntN(8*3600)) * time.Second)
		w.plans = append(w.plans, Plan{ID: fmt.Sprint("P", i), Kind: PlanKind(1 + r.IntN(4)), Node: NodeNo(r.IntN(len(w.net.nodes))), From: from, To: from.Add(time.Hour)})
	}
	if r.IntN(3) == 0 {
		w.decided = append(w.decided, Decision{Kind: SetCause, Made: noon, Node: NodeNo(r.IntN(len(w.net.nodes))), Point: NoPoint, Part: NoNode, OtherNode: NoNode, OtherPoint: NoPoint,
			Moment: noon.Add(time.Hour), Cause: "tree"})
	}
	slices.SortStableFunc(w.evidence, func(a, b Evidence) int { return a.Received.Compare(b.Received) })
}

// play feeds the evidence in an order, Advancing as often as every says, and ends when all is in.
func (w *world) play(order []int, every int, twice bool) *Detector {
	d := New(w.net, Settings{})
	for i, k := range order {
		d.Observe(&w.evidence[k])
		if twice {
			d.Observe(&w.evidence[k])
		}
		if i%every == 0 {
			d.Advance(w.evidence[k].Received)
		}
		if i == len(order)/2 {
			for _, p := range w.plans {
				d.Plan(p)
			}
			for _, x := range w.decided {
				d.Decide(x)
			}
		}
	}
	if len(order) == 0 {
		return d
	}
	d.Advance(noon.Add(40 * time.Hour))
	d.Advance(noon.Add(42 * time.Hour))
	return d
}

// Guarantee 3, and that the ledger is one: no two rows of a usage point overlap, none ends before it begins, every row is
// in an outage that is there, what the logs say stands, and nobody who gave a sign of life is out without a log.
func TestLedgerIsAFunctionOfTheSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		forward := make([]int, len(w.evidence))
		for i := range forward {
			forward[i] = i
		}
		d := w.play(forward, 1+rapid.IntRange(0, 20).Draw(t, "every"), false)
		want := told(d)
		wholly(t, d)
		shuffled := rapid.Permutation(forward).Draw(t, "order")
		backward := slices.Clone(forward)
		slices.Reverse(backward)
		for name, order := range map[string][]int{"shuffled": shuffled, "backward": backward} {
			if diff := cmp.Diff(want, told(w.play(order, 1+rapid.IntRange(0, 50).Draw(t, "every"), rapid.Bool().Draw(t, "twice")))); diff != "" {
				t.Fatalf("%s: another ledger:\n%s", name, diff)
			}
		}
		w.sane(t, d)
	})
}

func (w *world) sane(t *rapid.T, d *Detector) {
	outages := map[uint64]bool{}
	for _, o := range d.Outages() {
		outages[o.ID] = true
	}
	rows := map[PointNo][]Interruption{}
	for _, r := range d.Interruptions() {
		if !outages[r.Outage] {
			t.Errorf("%s: outage %d is not there", w.net.PointID(r.Point), r.Outage)
		}
		if !r.Start.IsZero() && !r.End.IsZero() && r.End.Before(r.Start) {
			t.Errorf("%s: ends before it begins: %v", w.net.PointID(r.Point), r)
		}
		list := rows[r.Point]
		if k := len(list); k > 0 && !r.Start.IsZero() && (list[k-1].End.IsZero() || r.Start.Before(list[k-1].End)) {
			t.Errorf("%s: %v overlaps %v", w.net.PointID(r.Point), r, list[k-1])
		}
		rows[r.Point] = append(list, r)
	}
	margin := 3 * time.Minute
	for _, e := range w.evidence {
		p := w.net.devices[e.Device].point
		if p == NoPoint || e.Quality != 0 {
			continue
		}
		for _, r := range rows[p] {
			inside := !r.Start.IsZero() && e.Time.After(r.Start.Add(margin)) && (r.End.IsZero() || e.Time.Before(r.End.Add(-margin)))
			if e.Kind == LifeSign && inside && r.StartBy != ByLog && r.Phases == 0 && w.net.points[p].phases != headend.L1|headend.L2|headend.L3 {
				t.Errorf("%s lives at %v in the middle of %+v", w.net.PointID(p), e.Time, r)
			}
		}
	}
}
