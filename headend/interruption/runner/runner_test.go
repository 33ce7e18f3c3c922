package runner

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// From the first gasp to a closed outage, through a restart, a late log and an operator's word.
func TestAnOutageFromGaspToLateLog(t *testing.T) {
	storetest.Each(t, func(t *testing.T, store *timeseries.Store) {
		w := newWorld(t, store, 2, 12)
		watch, release := w.begin()
		w.step(watch)
		if list := w.outages(headend.OutageFilter{}); len(list) > 0 {
			t.Fatalf("an outage before anything happened: %+v", list)
		}

		lost := noon.Add(2 * time.Minute)
		w.now = lost.Add(40 * time.Second)
		for p := range 9 {
			w.says(meter(1, p), headend.EventPowerDown, lost, 0)
		}
		w.now = lost.Add(90 * time.Second)
		w.step(watch)
		list := w.outages(headend.OutageFilter{States: []headend.OutageState{headend.OutageConfirmed}})
		if len(list) != 1 || list[0].Node != "T1" || list[0].Out != 12 || list[0].Customers != 12 || !list[0].Start.Equal(lost) || list[0].Summary == "" || len(list[0].Trail) == 0 {
			t.Fatalf("outages %+v", list)
		}
		number := list[0].Number
		rows := w.rows(headend.LedgerFilter{Outage: number})
		inferred := 0
		for _, r := range rows {
			if r.Inferred {
				inferred++
			}
			if !r.Start.Equal(lost) || !r.End.IsZero() || !strings.HasPrefix(r.Point, "U1-") {
				t.Errorf("row %+v", r)
			}
		}
		if len(rows) != 12 || inferred != 3 {
			t.Fatalf("%d rows, %d inferred", len(rows), inferred)
		}
		revision := list[0].Revision

		release() // another head-end takes over: it has nothing new to tell
		watch, release = w.begin()
		w.step(watch)
		w.step(watch)
		if again := w.outages(headend.OutageFilter{}); len(again) != 1 || again[0].Revision != revision {
			t.Errorf("after a restart %s", cmp.Diff(list, again))
		}
		if diff := cmp.Diff(rows, w.rows(headend.LedgerFilter{Outage: number})); diff != "" {
			t.Error("rows after a restart", diff)
		}

		back := lost.Add(30 * time.Minute)
		w.now = back.Add(time.Minute)
		for p := range 12 {
			if p != 3 { // that one was back earlier, as its log will tell
				w.says(meter(1, p), headend.EventPowerUp, back, 0)
			}
		}
		w.step(watch)
		if list = w.outages(headend.OutageFilter{}); len(list) != 1 || list[0].State != headend.OutageRestored || list[0].Out != 0 || !list[0].End.Equal(back) {
			t.Fatalf("after the power-ups %+v", list)
		}
		w.now = back.Add(20 * time.Minute)
		w.step(watch)
		if list = w.outages(headend.OutageFilter{}); list[0].State != headend.OutageClosed {
			t.Fatalf("20 minutes later %+v", list[0])
		}

		if _, err := w.store.Decide(t.Context(), headend.Decision{Kind: headend.DecideCause, Made: w.now, By: "An", Outage: number, Node: "T1",
			Moment: lost.Add(time.Minute), Cause: "tree"}); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(time.Minute)
		w.step(watch)
		for _, r := range w.rows(headend.LedgerFilter{Outage: number}) {
			if r.Cause != "tree" || r.Reason == "" {
				t.Errorf("row after the decision %+v", r)
			}
		}
		before := w.outages(headend.OutageFilter{})[0].Revision

		// The log of one meter, read hours later, says that it was out for four minutes only.
		w.now = back.Add(5 * time.Hour)
		w.says(meter(1, 3), headend.EventPowerFailure, lost.Add(4*time.Minute), 4*time.Minute)
		w.step(watch)
		w.now = w.now.Add(2 * time.Minute) // late logs are gathered
		w.step(watch)
		short := w.rows(headend.LedgerFilter{UsagePoint: "U1-3"})
		if len(short) != 1 || short[0].End.Sub(short[0].Start) != 4*time.Minute || short[0].EndBy != headend.ByLog || short[0].Revision <= before {
			t.Errorf("after the log %+v", short)
		}
		then := w.rows(headend.LedgerFilter{UsagePoint: "U1-3", Revision: before})
		if len(then) != 1 || then[0].End.Sub(then[0].Start) != 30*time.Minute {
			t.Errorf("as the ledger stood before the log %+v", then)
		}
		release()
	})
}

// A head-end that has lost the lease without knowing writes nothing.
func TestAnOldEpochWritesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, store *timeseries.Store) {
		w := newWorld(t, store, 1, 10)
		old, release := w.begin()
		release()
		current, release := w.begin()
		defer release()
		w.now = noon.Add(2 * time.Minute)
		for p := range 8 {
			w.says(meter(0, p), headend.EventPowerDown, noon.Add(time.Minute), 0)
		}
		if err := old.step(t.Context()); !errors.Is(err, headend.ErrLeaseLost) {
			t.Fatalf("the old one: %v", err)
		}
		if list := w.outages(headend.OutageFilter{}); len(list) > 0 {
			t.Fatalf("the old one wrote %+v", list)
		}
		w.step(current)
		if list := w.outages(headend.OutageFilter{}); len(list) != 1 {
			t.Fatalf("the current one found %+v", list)
		}
	})
}

// However often and wherever the runner is killed, between any two statements of a storm, the ledger is the one of a
// runner nobody disturbed.
func TestKilledAnywhere(t *testing.T) {
	storetest.Each(t, func(t *testing.T, store *timeseries.Store) {
		var want []string
		for seed := range uint64(3) {
			s := store
			if seed > 0 { // each run has a database of its own
				s = storetest.Open(t, store.Engine())
			}
			got := stormLedger(t, newWorld(t, s, 8, 10), seed)
			if seed == 0 {
				want = got
				if len(want) < 40 {
					t.Fatalf("only %d rows in the storm", len(want))
				}
			} else if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("seed %d: killed, the ledger is another one:\n%s", seed, diff)
			}
		}
	})
}

// stormLedger plays a storm, always the same, and kills the runner at random moments unless kills is 0.
func stormLedger(t *testing.T, w *world, kills uint64) []string {
	t.Helper()
	chance := rand.New(rand.NewPCG(kills, 1))
	watch, release := w.begin()
	story := rand.New(rand.NewPCG(7, 7))
	for minute := range 60 {
		w.now = noon.Add(time.Duration(minute+1) * time.Minute)
		w.storm(story, minute)
		if kills > 0 && chance.IntN(3) == 0 {
			if chance.IntN(2) == 0 { // fed and derived, nothing recorded
				if _, err := w.store.Feed(t.Context(), watch.cursor, watch.feeder); err != nil {
					t.Fatal(err)
				}
				watch.detector.Advance(w.now)
			}
			release()
			watch, release = w.begin()
		}
		w.step(watch)
	}
	w.now = noon.Add(6 * time.Hour)
	w.step(watch)
	release()
	var lines []string
	for _, r := range w.rows(headend.LedgerFilter{}) {
		lines = append(lines, fmt.Sprint(r.Point, r.Start.UTC(), r.End.UTC(), r.Inferred, r.StartBy, r.EndBy))
	}
	slices.Sort(lines)
	return lines
}

// storm is what meters say in one minute: now and then a transformer goes or comes back.
func (w *world) storm(story *rand.Rand, minute int) {
	tr := story.IntN(8)
	what, share := headend.EventPowerDown, 7
	if minute%3 == 2 {
		what, share = headend.EventPowerUp, 9
	}
	at := w.now.Add(-40 * time.Second)
	for p := range 10 {
		if story.IntN(10) < share && minute < 58 && minute%3 != 1 {
			w.says(meter(tr, p), what, at.Add(time.Duration(story.IntN(3))*time.Second), 0)
		}
	}
}

// A phase that stays dead for hours is one interruption, though the meter lives and is heard; it ends with the voltage.
func TestAPhaseStaysDead(t *testing.T) {
	storetest.Each(t, func(t *testing.T, store *timeseries.Store) {
		w := newWorld(t, store, 1, 12)
		w.threePhases("U0-0", "T0")
		watch, release := w.begin()
		defer release()
		w.step(watch)
		lost, back := noon.Add(5*time.Minute), noon.Add(100*time.Minute)
		for at := noon.Add(5 * time.Minute); at.Before(noon.Add(2 * time.Hour)); at = at.Add(5 * time.Minute) {
			w.now = at.Add(time.Second)
			for p := 1; p < 12; p++ {
				w.volts(meter(0, p), at, 230)
			}
			if at.Before(back) {
				w.volts(meter(0, 0), at, 0, 230, 230)
			} else {
				w.volts(meter(0, 0), at, 230, 230, 230)
			}
			w.step(watch)
			if at.After(lost) && at.Before(back) {
				if rows := w.rows(headend.LedgerFilter{Open: true}); len(rows) != 1 || rows[0].Phases != headend.L1 || rows[0].Point != "U0-0" {
					t.Fatalf("at %s %+v", at, rows)
				}
			}
		}
		rows := w.rows(headend.LedgerFilter{})
		if len(rows) != 1 || rows[0].Start.After(lost) || lost.Sub(rows[0].Start) > 5*time.Minute || rows[0].End.After(back) || back.Sub(rows[0].End) > 5*time.Minute {
			t.Errorf("rows %+v", rows)
		}
	})
}
