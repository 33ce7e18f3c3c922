package timeseries_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// What an operator decides about a closed outage reaches the ledger whether or not the detector still looks back on it; what
// was decided before stays, and the ledger can be had as it stood.
func TestADecisionReachesAClosedOutage(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		epoch, _, _ := lease(t, s, "a")
		end := noon.Add(time.Hour)
		record(t, s, epoch, headend.Detection{Outages: []headend.Outage{outage(1, headend.OutageClosed)},
			Rows: []headend.LedgerRow{row(1, 1, noon, end), row(2, 2, noon, noon.Add(time.Minute)), row(2, 3, noon.Add(2*time.Minute), end)}})
		before, err := s.Ledger(t.Context(), headend.LedgerFilter{}, nil, 10)
		if err != nil {
			t.Fatal(err)
		}
		decide := func(d headend.Decision) {
			t.Helper()
			d.By, d.Outage, d.Moment = "an", 1, noon.Add(10*time.Minute)
			if _, err := s.Decide(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
		decide(headend.Decision{Kind: headend.DecideCause, Node: "T1", Cause: "storm"})
		decide(headend.Decision{Kind: headend.DecideCause, Node: "T1", Cause: "storm"})
		decide(headend.Decision{Kind: headend.DecidePlanned, Node: "T1"})
		decide(headend.Decision{Kind: headend.DecideOwn, UsagePoint: "U2"})
		decide(headend.Decision{Kind: headend.DecideDeclared, Node: "T1"})
		decide(headend.Decision{Kind: headend.DecideUndeclared, Node: "T1"})
		decide(headend.Decision{Kind: headend.DecideMerge, Node: "T1", OtherNode: "T2"})
		expectRows(t, s, "SELECT id, revision, cause, planned, own, declared, reason FROM interruption ORDER BY id",
			"1 6 storm true false false undeclared, decided by an", "2 6 storm true false false undeclared, decided by an", "3 6 storm true true false undeclared, decided by an")
		expectRows(t, s, "SELECT revision, cause, planned, own, declared FROM outage", "6 storm true true false")
		expectRows(t, s, "SELECT revision, author, reason FROM ledger_revision WHERE revision < 4 ORDER BY revision",
			"1 detector ", `2 operator cause "storm", decided by an`, "3 operator planned, decided by an")
		then, err := s.Ledger(t.Context(), headend.LedgerFilter{Revision: 1}, nil, 10)
		if diff := cmp.Diff(before, then); diff != "" || err != nil {
			t.Errorf("as the ledger stood before: %v (-want +got):\n%s", err, diff)
		}
		// The detector, which may come to the same, makes no further version.
		now, err := s.Ledger(t.Context(), headend.LedgerFilter{}, nil, 10)
		if err != nil {
			t.Fatal(err)
		}
		record(t, s, epoch, headend.Detection{Rows: now})
		expectRows(t, s, "SELECT count(*) FROM interruption WHERE revision > 6", "0")

		open := outage(2, headend.OutageConfirmed)
		revision := record(t, s, epoch, headend.Detection{Outages: []headend.Outage{open}, Rows: []headend.LedgerRow{{Point: "U1",
			Interruption: headend.Interruption{UsagePoint: 1, ID: 4, Outage: 2, Start: end}}}})
		if _, err := s.Decide(t.Context(), headend.Decision{Kind: headend.DecideCause, By: "an", Outage: 2, Node: "T1", Moment: end, Cause: "storm"}); err != nil {
			t.Fatal(err)
		}
		if got, err := s.LedgerRevision(t.Context()); got != revision || err != nil {
			t.Errorf("what the detector has in its hands was written at revision %d, %v", got, err)
		}
	})
}
