package runner

import (
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
	"lastgasp/headend/reliability"
	"lastgasp/headend/reliability/books"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// counter stores what a meter's counter of failures shows.
func (w *world) counter(id headend.DeviceID, q headend.Quantity, at time.Time, value float64) {
	w.t.Helper()
	w.append(headend.Batch{Device: id, Received: w.now, Readings: []headend.Reading{{Time: at, Quantity: q, Value: headend.Real(value)}}})
}

// momentary is what a report of the feeder says of momentary interruptions, as the ledger stood at a revision.
func (w *world) momentary(o *books.Office, revision int64) *reliability.Indices {
	w.t.Helper()
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	r, err := o.Report(w.t.Context(), headend.ReportRequest{Policy: "ieee1366", By: "feeder", From: day, To: day.AddDate(0, 1, 0), Revision: revision})
	if err != nil || len(r.Rows) != 1 {
		w.t.Fatal(r, err)
	}
	return r.Rows[0].Statement.All
}

// From the readings of a counter to MAIFI: the difference less what is known, without times; what the log tells later leaves it.
func TestFailuresThatAreOnlyCounted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, store *timeseries.Store) {
		w := newWorld(t, store, 1, 4)
		o, err := books.New(store, books.Options{Now: func() time.Time { return w.now }})
		if err != nil {
			t.Fatal(err)
		}
		expect := func(what string, revision, mi, counter, ci int64, atLeast bool) {
			t.Helper()
			x := w.momentary(o, revision)
			if x.MI != mi || x.MICounter != counter || x.CI != ci || x.MIAtLeast != atLeast || x.MAIFI.IsNone() || x.MAIFI.Rat().Cmp(big.NewRat(mi, 4)) != 0 {
				t.Errorf("%s: MI %d, of them counted %d, MAIFI %s, CI %d, at least %v; want %d, %d, %d, %v", what, x.MI, x.MICounter, x.MAIFI, x.CI, x.MIAtLeast, mi, counter, ci, atLeast)
			}
		}
		watch, release := w.begin()
		w.counter(meter(0, 0), headend.QuantityFailures, noon, 10)
		w.counter(meter(0, 1), headend.QuantityShortFailures, noon, 5)
		w.counter(meter(0, 2), headend.QuantityShortFailures, noon, 900)
		w.step(watch)

		// An hour later: one of three failures is in the log, one lasted 20 minutes; two short ones; a counter that began anew.
		w.now = noon.Add(time.Hour)
		w.says(meter(0, 0), headend.EventPowerFailure, noon.Add(40*time.Minute), 20*time.Minute)
		w.counter(meter(0, 0), headend.QuantityFailures, w.now, 13)
		w.counter(meter(0, 1), headend.QuantityShortFailures, w.now, 7)
		w.counter(meter(0, 2), headend.QuantityShortFailures, w.now, 3)
		for range 3 { // late logs are gathered
			w.now = w.now.Add(2 * time.Minute)
			w.step(watch)
		}
		expect("counted", 0, 4, 4, 1, true)
		state, err := store.Detection(t.Context(), w.now)
		if err != nil {
			t.Fatal(err)
		}
		want := []headend.CountedFailures{{UsagePoint: "U0-0", From: noon, To: noon.Add(time.Hour), Failures: 3, Known: 1, Overflow: true},
			{UsagePoint: "U0-1", From: noon, To: noon.Add(time.Hour), Failures: 2, Short: true}}
		if diff := cmp.Diff(want, state.Counted); diff != "" {
			t.Error(diff)
		}
		if rows := w.rows(headend.LedgerFilter{}); len(rows) != 1 {
			t.Errorf("invented rows: %+v", rows)
		}
		revision := w.revision()

		// From stored sums, and after a restart, it is the same; nothing is told twice.
		if err := o.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		expect("from sums", 0, 4, 4, 1, true)
		release()
		watch, release = w.begin()
		defer func() { release() }()
		for range 3 {
			w.now = w.now.Add(time.Minute)
			w.step(watch)
		}
		if again := w.revision(); again != revision {
			t.Errorf("a restart made revision %d of %d", again, revision)
		}

		// The log, read again, tells of a short one of the two; then of the other.
		w.says(meter(0, 0), headend.EventPowerFailure, noon.Add(50*time.Minute), time.Minute)
		for range 3 {
			w.now = w.now.Add(2 * time.Minute)
			w.step(watch)
		}
		expect("one has become known", 0, 4, 3, 1, true)
		w.says(meter(0, 0), headend.EventPowerFailure, noon.Add(55*time.Minute), time.Minute)
		for range 3 {
			w.now = w.now.Add(2 * time.Minute)
			w.step(watch)
		}
		expect("all have become known", 0, 4, 2, 1, false)
		expect("as the ledger stood", revision, 4, 4, 1, true)
		if err := o.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		expect("from sums again", 0, 4, 2, 1, false)

		// A week on the detector has forgotten all that; the books have not.
		w.now = w.now.Add(7 * 24 * time.Hour)
		w.step(watch)
		w.counter(meter(0, 3), headend.QuantityFailures, w.now.Add(-time.Hour), 1)
		w.counter(meter(0, 3), headend.QuantityFailures, w.now, 2)
		w.step(watch)
		expect("a week on", 0, 5, 3, 1, false)
	})
}

// A reading that comes in between parts the count; the sum stays.
func TestACountIsParted(t *testing.T) {
	store := storetest.Open(t, timeseries.Postgres)
	w := newWorld(t, store, 1, 1)
	watch, release := w.begin()
	defer release()
	w.now = noon.Add(2 * time.Hour)
	w.counter(meter(0, 0), headend.QuantityFailures, noon, 10)
	w.counter(meter(0, 0), headend.QuantityFailures, noon.Add(2*time.Hour), 15)
	w.step(watch)
	w.now = w.now.Add(2 * time.Minute)
	w.counter(meter(0, 0), headend.QuantityFailures, noon.Add(time.Hour), 12)
	for range 3 {
		w.now = w.now.Add(2 * time.Minute)
		w.step(watch)
	}
	state, err := store.Detection(t.Context(), w.now)
	if err != nil {
		t.Fatal(err)
	}
	want := []headend.CountedFailures{{UsagePoint: "U0-0", From: noon, To: noon.Add(time.Hour), Failures: 2},
		{UsagePoint: "U0-0", From: noon.Add(time.Hour), To: noon.Add(2 * time.Hour), Failures: 3}}
	if diff := cmp.Diff(want, state.Counted); diff != "" {
		t.Error(diff)
	}
}

// revision is the last one of the ledger.
func (w *world) revision() int64 {
	w.t.Helper()
	var revision int64
	if err := w.store.ReadBooks(w.t.Context(), func(s headend.BookSnapshot) error {
		st, err := s.Standing(w.t.Context())
		revision = st.Revision
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return revision
}
