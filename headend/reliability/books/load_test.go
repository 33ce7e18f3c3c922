package books_test

import (
	"iter"
	"math/big"
	"strings"
	"testing"

	"lastgasp/headend"
	"lastgasp/headend/importer"
	"lastgasp/headend/reliability"
	"lastgasp/headend/reliability/books"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// loads imports usage points with their connected load.
func loads(t *testing.T, s *timeseries.Store, lines string) {
	t.Helper()
	got := take(t, "id,name,address,node,organisation,phases,from,to,connected_kva\n"+lines,
		func(r *strings.Reader) iter.Seq2[headend.Line[headend.UsagePoint], error] {
			return importer.UsagePoints(r, format)
		}, s.ImportUsagePoints)
	if len(got.Refused) > 0 {
		t.Fatal(got.Refused)
	}
}

// What the connected load makes of interruptions, by hand: A has 10, 2.5 and an unknown number of kVA, B has 4 and an unknown one.
// The answer is the same from stored sums and from the ledger, also after a load was corrected.
func TestConnectedLoadInReports(t *testing.T) {
	s := storetest.Open(t, timeseries.Postgres)
	district(t, s, 5)
	loads(t, s, "U1,,,TA,,,,,10\nU2,,,TB,,,,,4\nU3,,,TA,,,,,2.5\n")
	c := &clock{at: local("2026-11-05")}
	o, plain := office(t, s, c, nil), office(t, s, c, []string{})
	newRecorder(t, s).record(
		row(1, 1, "2026-10-02 10:00", "2026-10-02 11:00"), // 10 kVA for 60 min
		row(3, 2, "2026-10-02 10:00", "2026-10-02 10:30"), // 2.5 kVA for 30 min
		row(3, 3, "2026-10-20 10:00", "2026-10-20 10:02"), // momentary
		row(5, 4, "2026-10-02 10:00", "2026-10-02 10:45")) // nobody knows of how much
	q := headend.ReportRequest{Policy: "ieee1366", From: date("2026-10-01"), To: date("2026-11-01")}
	check := func(what string, want map[string][4]int64) {
		t.Helper()
		settle(t, o)
		for name, o := range map[string]*books.Office{"from sums": o, "from the ledger": plain} {
			got := report(t, o, q)
			if got.Stored != (name == "from sums") {
				t.Errorf("%s, %s: stored %v", what, name, got.Stored)
			}
			for _, r := range got.Rows {
				x := r.Statement.All
				if w, ok := want[r.ID]; ok && (!equal(x.ASIFI, w[0], w[1]) || !equal(x.ASIDI, w[2], w[3])) {
					t.Errorf("%s, %s: %s has ASIFI %s, ASIDI %s; want %d", what, name, r.ID, x.ASIFI, x.ASIDI, w)
				}
				if r.ID == "A" && (x.UnratedCI != 1 || !equal(x.UnratedCustomers, 1, 1)) {
					t.Errorf("%s, %s: %d interruptions of %s customers without a load", what, name, x.UnratedCI, x.UnratedCustomers)
				}
			}
		}
	}
	// A: (10 + 2.5) / 12.5 and (10·60 + 2.5·30) / 12.5; with B's 4: 12.5 / 16.5 and 675 / 16.5.
	check("first", map[string][4]int64{"A": {1, 1, 54, 1}, "B": {0, 1, 0, 1}, "PC": {125, 165, 6750, 165}})
	// Corrected, from ever on: 5 in place of 2.5.
	loads(t, s, "U3,,,TA,,,,,5\n")
	check("corrected", map[string][4]int64{"A": {1, 1, 50, 1}})
	// Twice as much from the 17th on: served are 15 kVA on 16 days and 25 on 15, the interruption was one of 10.
	loads(t, s, "U1,,,TA,,,2026-10-17,,20\n")
	check("grown", map[string][4]int64{"A": {465, 615, 23250, 615}})
}

func equal(r reliability.Ratio, a, b int64) bool {
	return !r.IsNone() && r.Rat().Cmp(big.NewRat(a, b)) == 0
}
