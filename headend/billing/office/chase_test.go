package office_test

import (
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing/office"
	"lastgasp/timeseries/storetest"
)

// TestNoStormAfterTheNetworkWasAway: of all meters of a street that are missing at once only so many are asked at one time, the
// others follow when answers have expired; Modbus meters are never asked.
func TestNoStormAfterTheNetworkWasAway(t *testing.T) {
	store := storetest.Open(t, storetest.Engines()[0])
	f := newField(3, 10)
	for i, p := range f.points {
		p.dark, p.meters, p.exchange = f.period, p.meters[:1], time.Time{}
		p.dark.From, p.dark.To = time.Time{}, time.Time{}
		p.meters[0].to, p.meters[0].protocol = time.Time{}, "mqtt"
		if i == 0 {
			p.meters[0].protocol = "modbus"
		}
	}
	f.put(t, store)
	f.end = f.begin.Add(3 * time.Hour)
	f.now = f.end.Add(20 * time.Minute)
	f.send(t, time.Minute, func(_ *fieldPoint, r fieldRead) bool { return r.time.Before(f.begin.Add(time.Hour)) })
	var asked []office.Question
	o := f.office(t, func(options *office.Options) {
		options.Ask = func(q []office.Question) bool { asked = append(asked, q...); return true }
		options.Settings.Patience.AtOnce, options.Settings.Patience.First, options.Settings.Patience.Spread = 4, 0, 0
	})
	if err := o.Detect(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen := map[headend.DeviceID]int{}
	for round := range 4 {
		asked = nil
		if err := o.Chase(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(asked); n > 4 || round < 2 && n != 4 {
			t.Errorf("round %d: %d were asked at once", round, n)
		}
		for _, q := range asked {
			seen[q.Device]++
			if q.Device == f.points[0].meters[0].id {
				t.Error("a Modbus meter was asked")
			}
		}
		f.now = f.now.Add(11 * time.Minute) // answers have expired
	}
	if len(seen) != 9 {
		t.Errorf("%d meters were asked: %v", len(seen), seen)
	}
	for _, g := range f.allGaps(t, "") {
		if over := g.State == "estimated" || g.State == "given_up"; over != (g.UsagePoint == f.points[0].id) {
			t.Errorf("%s is %s", g.UsagePoint, g.State)
		}
	}
}
