package runner

import (
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// A cause is often known only after weeks, when the detector has long let go of the outage: it is in the ledger all the
// same, and stays there when the detector begins anew.
func TestADecisionAboutAnOldOutageHolds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, store *timeseries.Store) {
		w := newWorld(t, store, 2, 12)
		watch, release := w.begin()
		w.step(watch)
		lost, back := noon.Add(2*time.Minute), noon.Add(30*time.Minute)
		w.now = lost.Add(40 * time.Second)
		for p := range 12 {
			w.says(meter(1, p), headend.EventPowerDown, lost, 0)
			w.says(meter(1, p), headend.EventPowerUp, back, 0)
		}
		w.step(watch)
		w.now = back.Add(20 * time.Minute)
		w.step(watch)
		w.now = back.Add(10 * 24 * time.Hour)
		w.step(watch)
		w.now = w.now.Add(2 * time.Hour) // what is over is let go of once an hour
		w.step(watch)
		list := w.outages(headend.OutageFilter{})
		if len(list) != 1 || list[0].State != headend.OutageClosed {
			t.Fatalf("%+v", list)
		}
		if _, err := w.store.Decide(t.Context(), headend.Decision{Kind: headend.DecideCause, Made: w.now, By: "An", Outage: list[0].Number,
			Node: "T1", Moment: lost.Add(time.Minute), Cause: "tree"}); err != nil {
			t.Fatal(err)
		}
		check := func(when string) {
			t.Helper()
			w.step(watch)
			if list := w.outages(headend.OutageFilter{}); len(list) != 1 || list[0].Cause != "tree" {
				t.Errorf("%s: %+v", when, list)
			}
			rows := w.rows(headend.LedgerFilter{})
			for _, r := range rows {
				if r.Cause != "tree" {
					t.Errorf("%s: %+v", when, r)
				}
			}
			if len(rows) != 12 {
				t.Errorf("%s: %d rows", when, len(rows))
			}
		}
		check("decided")
		release()
		watch, release = w.begin()
		defer release()
		check("after a restart")
	})
}

// What an operator said of an outage stays with it when evidence finds it further up.
func TestADecisionFollowsItsOutage(t *testing.T) {
	storetest.Each(t, func(t *testing.T, store *timeseries.Store) {
		w := newWorld(t, store, 3, 12)
		watch, release := w.begin()
		defer release()
		w.step(watch)
		lost := noon.Add(2 * time.Minute)
		w.now = lost.Add(40 * time.Second)
		for p := range 12 {
			w.says(meter(1, p), headend.EventPowerDown, lost, 0)
		}
		w.now = lost.Add(90 * time.Second)
		w.step(watch)
		o := w.outages(headend.OutageFilter{})[0]
		if o.Node != "T1" {
			t.Fatalf("first found at %s", o.Node)
		}
		if _, err := w.store.Decide(t.Context(), headend.Decision{Kind: headend.DecideCause, Made: w.now, By: "An", Outage: o.Number, Node: o.Node,
			Moment: lost.Add(30 * time.Second), Cause: "tree"}); err != nil {
			t.Fatal(err)
		}
		for p := range 12 {
			w.says(meter(0, p), headend.EventPowerDown, lost, 0)
			w.says(meter(2, p), headend.EventPowerDown, lost, 0)
		}
		w.now = lost.Add(2 * time.Minute)
		w.step(watch)
		if list := w.outages(headend.OutageFilter{States: []headend.OutageState{headend.OutageConfirmed}}); len(list) != 1 || list[0].Node != "F1" || list[0].Cause != "tree" {
			t.Errorf("found at the feeder: %+v", list)
		}
	})
}
