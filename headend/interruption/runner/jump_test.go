package runner

import (
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// A clock that was a year ahead for a moment, and what was stored by it, does not blind the detector for a year: outages
// go on under their numbers, new ones are found, whether the runner lives through it or begins anew.
func TestAClockThatWasAheadIsForgotten(t *testing.T) {
	storetest.Each(t, func(t *testing.T, store *timeseries.Store) {
		w := newWorld(t, store, 3, 12)
		watch, release := w.begin()
		w.step(watch)
		lose := func(transformer int, lost time.Time) {
			w.now = lost.Add(40 * time.Second)
			for p := range 9 {
				w.says(meter(transformer, p), headend.EventPowerDown, lost, 0)
			}
			w.now = lost.Add(90 * time.Second)
			w.step(watch)
		}
		lose(0, noon.Add(2*time.Minute))
		for p := range 12 {
			w.says(meter(0, p), headend.EventPowerUp, noon.Add(12*time.Minute), 0)
		}
		w.now = noon.Add(20 * time.Minute)
		w.step(watch)
		lose(1, noon.Add(30*time.Minute))
		if before := w.outages(headend.OutageFilter{}); len(before) != 2 {
			t.Fatalf("before the jump %+v", before)
		}
		truth := w.now
		w.now = truth.Add(365 * 24 * time.Hour)
		w.step(watch)
		w.now = truth.Add(time.Minute)
		if err := watch.work(t.Context(), nil); err != nil { // it ends, as by a change of the registry
			t.Fatal(err)
		}
		release()
		watch, release = w.begin()
		defer release()
		w.step(watch)
		lose(2, noon.Add(40*time.Minute))
		want := map[string]headend.OutageState{"T0": headend.OutageClosed, "T1": headend.OutageConfirmed, "T2": headend.OutageConfirmed}
		after := w.outages(headend.OutageFilter{})
		for i, o := range after {
			if want[o.Node] != o.State || o.Number != int64(len(after)-i) {
				t.Errorf("after the jump %d at %s is %s", o.Number, o.Node, o.State)
			}
		}
		if rows := w.rows(headend.LedgerFilter{}); len(after) != 3 || len(rows) != 36 {
			t.Errorf("%d outages, %d rows", len(after), len(rows))
		}
	})
}
