package interruption

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"lastgasp/headend"
)

// grid makes a network of substations with 6 feeders of 20 transformers of 50 customers.
func grid(t testing.TB, points int) *Network { return gridOf(t, points, 6) }

func gridOf(t testing.TB, points, feeders int) *Network {
	var s Spec
	add := func(kind, id, parent string) string {
		s.Nodes = append(s.Nodes, headend.Node{ID: id, Kind: kind, Parent: parent})
		return id
	}
	for p := 0; p < points; {
		sub := add("substation", fmt.Sprintf("S%d", p/(1000*feeders)), "")
		for f := 0; f < feeders && p < points; f++ {
			feeder := add("feeder", fmt.Sprintf("%s-F%d", sub, f), sub)
			for tr := 0; tr < 20 && p < points; tr++ {
				transformer := add("transformer", fmt.Sprintf("%s-T%d", feeder, tr), feeder)
				gateway := headend.DeviceID("G" + transformer)
				s.Devices = append(s.Devices, headend.Device{ID: gateway, Kind: headend.KindGateway})
				s.Placements = append(s.Placements, Placement{Device: gateway, Node: transformer})
				for k := 0; k < 50 && p < points; k++ {
					id := fmt.Sprintf("M%d", p)
					s.Points = append(s.Points, headend.UsagePoint{ID: id, Node: transformer, Phases: headend.L1 << (k % 3)})
					s.Devices = append(s.Devices, headend.Device{ID: headend.DeviceID(id), Kind: headend.KindMeter, Gateway: gateway})
					s.Installations = append(s.Installations, headend.Installation{Device: headend.DeviceID(id), UsagePoint: id})
					p++
				}
			}
		}
	}
	n, err := NewNetwork(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// meterOf is the device number of a usage point's meter.
func meterOf(n *Network, p int) DeviceNo { return n.points[p].device }

// read feeds quarter-hourly readings of all meters, one in lost of them lost.
func read(d *Detector, from time.Time, rounds, lost int) {
	for r := range rounds {
		for p := range d.net.points {
			if lost > 0 && (p*31+r*17)%lost == 0 {
				continue
			}
			e := Evidence{Kind: LifeSign, Device: meterOf(d.net, p), Gateway: NoDevice, Time: from.Add(time.Duration(r) * 15 * time.Minute), Seq: headend.NoSeq}
			d.Observe(&e)
		}
	}
}

// cpu is what this process has used: a loaded machine does not make the detector slower.
func cpu(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// Half a million last gasps in a minute: shown within five seconds, at most a gigabyte, single lights held back,
// pings bounded.
func TestStorm(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a grid of 720,000")
	}
	points := 720_000
	if underRace {
		points = 36_000
	}
	n := grid(t, points)
	before := heap()
	d := New(n, Settings{})
	read(d, noon.Add(-time.Hour), 5, 0)
	d.Advance(noon)
	var slowest, total time.Duration
	gasps, shown, singles, pings, storm := 0, 0, 0, 0, false
	for second := range 60 {
		now := noon.Add(time.Duration(second+38) * time.Second)
		begin := cpu(t)
		for p := second; p < points; p += 60 {
			feeder := p / 1000
			switch {
			case feeder%6 == 5: // one feeder of six lives, but for lies
				if p%500 != 0 {
					continue
				}
			case p%7 == 0: // lost
				continue
			}
			e := Evidence{Kind: PowerDown, Device: meterOf(n, p), Gateway: n.devices[meterOf(n, p)].gateway, Time: noon.Add(time.Duration(feeder%50) * time.Second), Received: now, Seq: 7}
			d.Observe(&e)
			gasps++
		}
		c := d.Advance(now)
		for _, o := range c.Outages {
			if o.Node != NoNode {
				shown++
			} else {
				singles++
			}
		}
		pings = max(pings, len(c.Pings))
		storm = storm || c.Storm != nil && c.Storm.On
		took := cpu(t) - begin
		slowest, total = max(slowest, took), total+took
	}
	grown := heap() - before
	feeders := 0
	for _, o := range d.Outages() {
		if o.Node != NoNode && n.nodes[o.Node].kind == "feeder" && o.State == Confirmed {
			feeders++
		}
	}
	t.Logf("%d gasps in %v of CPU, slowest second %v, %d MB (network aside), %d feeders out, %d outages told, %d single lights, %d held back", gasps, total, slowest, grown>>20, feeders, shown, singles, d.live.storm.Held)
	if !storm || feeders != points/1200 || slowest > 5*time.Second || total > 90*time.Second || grown > 1<<30 || pings > 50 {
		t.Errorf("storm %v, %d of %d feeders, slowest %v, %d MB, %d pings at once", storm, feeders, points/1200, slowest, grown>>20, pings)
	}
	if singles > points/1000 {
		t.Errorf("%d single lights were shown in the storm", singles)
	}
}

// Pings go where they tell most, never to those that spoke, and not again and again.
func TestPings(t *testing.T) {
	n := grid(t, 1000)
	d := New(n, Settings{Pings: 4})
	read(d, noon.Add(-2*time.Hour), 9, 0)
	for _, p := range []int{0, 1, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69} { // 2 of 50, and 20 of 50
		e := Evidence{Kind: PowerDown, Device: meterOf(n, p), Gateway: NoDevice, Time: noon.Add(time.Minute), Received: noon, Seq: 7}
		d.Observe(&e)
	}
	c := d.Advance(noon.Add(4 * time.Minute))
	if len(c.Pings) == 0 || len(c.Pings) > 4 {
		t.Fatalf("%d pings", len(c.Pings))
	}
	first, _ := n.Node("S0-F0-T0")
	for _, p := range c.Pings {
		if p.Node != first || p.Point < 2 || p.Point >= 50 {
			t.Errorf("asks %s about %s", n.PointID(p.Point), n.NodeID(p.Node))
		}
	}
	if again := d.Advance(noon.Add(5 * time.Minute)); len(again.Pings) != 0 {
		t.Errorf("asks again: %v", again.Pings)
	}
	e := Evidence{Kind: LifeSign, Device: c.Pings[0].Device, Gateway: NoDevice, Time: noon.Add(6 * time.Minute), Seq: headend.NoSeq}
	d.Observe(&e)
	d.Advance(noon.Add(9 * time.Minute))
	if s := d.Status(c.Pings[0].Point); s.Supply != Energised {
		t.Errorf("the one that answered is %v (%s)", s.Supply, s.Why)
	}
}

// What a day of quarter-hourly readings takes for each usage point at rest.
func TestMemoryAtRest(t *testing.T) {
	if underRace {
		t.Skip("the race detector changes nothing of what is held; make test runs this without it as well")
	}
	n := grid(t, 60_000)
	for _, lost := range []int{0, 100, 20} {
		before := heap()
		d := New(n, Settings{})
		read(d, noon.Add(-24*time.Hour), 97, lost)
		d.Advance(noon)
		each := float64(heap()-before) / 60_000
		t.Logf("one reading in %d lost: %.0f bytes of state a usage point, and 20 of the network without names", lost, each)
		if lost == 0 && each > 44 || each > 400 {
			t.Errorf("%.0f bytes", each)
		}
		runtime.KeepAlive(d)
	}
}

// Rates are measured from what logs prove, and what was known before fades.
func TestTallies(t *testing.T) {
	n := grid(t, 100)
	d := New(n, Settings{})
	read(d, noon.Add(-2*time.Hour), 9, 0)
	for p := range 50 {
		if p < 20 {
			e := Evidence{Kind: PowerDown, Device: meterOf(n, p), Gateway: NoDevice, Time: noon.Add(time.Minute), Received: noon, Seq: 7}
			d.Observe(&e)
		}
		e := Evidence{Kind: PowerFailure, Device: meterOf(n, p), Gateway: NoDevice, Time: noon.Add(31 * time.Minute), Duration: 30 * time.Minute, Seq: 8}
		d.Observe(&e)
	}
	e := Evidence{Kind: PowerDown, Device: meterOf(n, 70), Gateway: NoDevice, Time: noon.Add(time.Minute), Received: noon, Seq: 7}
	d.Observe(&e)
	read(d, noon.Add(45*time.Minute), 9, 0)
	d.Advance(noon.Add(6 * time.Hour))
	tally := d.Tallies(noon.Add(-time.Hour), noon.Add(23*time.Hour))["S0-F0"]
	if tally.Proven != 50 || tally.Gasped != 20 || tally.Logged != 50 || tally.False != 1 || tally.MeterDays != 100 {
		t.Errorf("%+v", tally)
	}
	r := tally.Rates(StatedRates)
	if r.Delivery < 0.4 || r.Delivery > 0.5 || r.False <= StatedRates.False {
		t.Errorf("%+v", r)
	}
}

func BenchmarkReadings(b *testing.B) {
	n := grid(b, 100_000)
	d := New(n, Settings{})
	read(d, noon.Add(-time.Hour), 5, 0)
	e := Evidence{Kind: LifeSign, Gateway: NoDevice, Seq: headend.NoSeq}
	i, begin := 0, cpu(b)
	for b.Loop() {
		e.Device, e.Time = meterOf(n, i%100_000), noon.Add(time.Duration(i/100_000)*15*time.Minute)
		d.Observe(&e)
		if i++; i%10_000 == 0 {
			d.Advance(e.Time)
		}
	}
	b.ReportMetric(float64(i)/(cpu(b)-begin).Seconds(), "events/core-s") // of processor time, garbage collection with it
}

func BenchmarkGasps(b *testing.B) {
	n := grid(b, 600_000)
	d := New(n, Settings{})
	read(d, noon.Add(-time.Hour), 5, 0)
	d.Advance(noon)
	i, begin := 0, cpu(b)
	for b.Loop() {
		p := i % 600_000
		e := Evidence{Kind: PowerDown, Device: meterOf(n, p), Gateway: NoDevice, Time: noon.Add(time.Duration(i/600_000) * 8 * time.Hour), Received: noon, Seq: int64(i)}
		d.Observe(&e)
		if i++; i%50_000 == 0 {
			d.Advance(noon.Add(time.Minute))
		}
	}
	b.ReportMetric(float64(i)/(cpu(b)-begin).Seconds(), "events/core-s") // of processor time, garbage collection with it
}

// Half a million usage points lose supply, spread over a minute, 25,000 below each substation. The metrics: how long the
// slowest Advance took, all of them together, how far the ledger was behind at worst (from the arrival of a gasp until its row
// is told), and what was allocated.
func BenchmarkStormOfSubstations(b *testing.B) {
	const points = 500_000
	n := gridOf(b, points, 25)
	for b.Loop() {
		d := New(n, Settings{})
		read(d, noon.Add(-time.Hour), 5, 0)
		d.Advance(noon)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var slowest, total time.Duration
		arrived := make([]int16, points) // the second in which its gasp did; 0: it did not, or was told
		told := make([]bool, points)
		behind, waiting, revisions, peak := 0, 0, 0, uint64(0)
		for second := 1; second <= 120 && (second <= 60 || waiting > 0); second++ {
			now := noon.Add(time.Duration(second+38) * time.Second)
			begin := cpu(b)
			for p := second - 1; p < points && second <= 60; p += 60 {
				e := Evidence{Kind: PowerDown, Device: meterOf(n, p), Gateway: n.devices[meterOf(n, p)].gateway, Time: noon.Add(time.Duration(second) * time.Second), Received: now, Seq: 7}
				d.Observe(&e)
				if !told[p] {
					arrived[p] = int16(second)
					waiting++
				}
			}
			c := d.Advance(now)
			took := cpu(b) - begin
			slowest, total = max(slowest, took), total+took
			for i := range c.Interruptions {
				p := c.Interruptions[i].Point
				told[p] = true
				revisions++
				if arrived[p] != 0 {
					behind = max(behind, second-int(arrived[p]))
					arrived[p] = 0
					waiting--
				}
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
		}
		runtime.ReadMemStats(&after)
		b.ReportMetric(slowest.Seconds(), "s-slowest")
		b.ReportMetric(total.Seconds(), "s-total")
		b.ReportMetric(float64(behind), "s-behind")
		b.ReportMetric(float64(waiting), "untold")
		b.ReportMetric(float64(revisions), "revisions")
		b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/(1<<20), "MB-allocated")
		b.ReportMetric(float64(peak)/(1<<20), "MB-peak")
	}
}
