package books_test

import (
	"testing"

	"lastgasp/headend"
	"lastgasp/headend/reliability/books"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// Failures that were only counted are in MAIFI on the day of the later reading, where the customer was then, as the revision that is
// asked for had them, and in nothing else.
func TestCountedFailuresInReports(t *testing.T) {
	s := storetest.Open(t, timeseries.Postgres)
	district(t, s, 4)
	usagePoints(t, s, "U4,,,TB,,,,2026-10-10\n")
	c := &clock{at: local("2026-11-05")}
	o, plain := office(t, s, c, nil), office(t, s, c, []string{})
	ledger := newRecorder(t, s)
	counted := func(point, from, to string, failures, known int) headend.CountedFailures {
		return headend.CountedFailures{UsagePoint: point, From: local(from), To: local(to), Failures: failures, Known: known}
	}
	short := func(f headend.CountedFailures) headend.CountedFailures {
		f.Short = true
		return f
	}
	first := ledger.count(
		counted("U1", "2026-09-30 12:00", "2026-10-01 00:00", 3, 1), // two, on the first of October
		counted("U1", "2026-10-30", "2026-10-31 23:59", 9, 4),       // the short ones below say it better
		short(counted("U1", "2026-10-31", "2026-10-31 12:00", 2, 0)),
		counted("U2", "2026-10-15", "2026-10-16", 1, 0),
		counted("U2", "2026-10-31", "2026-11-01 00:01", 7, 0), // November's
		counted("U3", "2026-10-15", "2026-10-16", 4, 4),       // all known
		counted("U4", "2026-10-19", "2026-10-20", 5, 0))       // no customer any more
	type figures struct{ mi, counter, notServed int64 }
	check := func(what string, q headend.ReportRequest, unit string, want figures) {
		t.Helper()
		q.Policy = "ieee1366"
		for name, o := range map[string]*books.Office{"from sums": o, "from the ledger": plain} {
			got := report(t, o, q)
			for _, r := range got.Rows {
				x := r.Statement.All
				if is := (figures{x.MI, x.MICounter, got.NotServed}); r.ID == unit && (is != want || x.CI != 0 || x.CMI.String() != "0.000000" || x.ME.String() != "0.000000") {
					t.Errorf("%s, %s: %s has %+v, CI %d, CMI %s, ME %s; want %+v", what, name, unit, is, x.CI, x.CMI, x.ME, want)
				}
			}
		}
	}
	october := headend.ReportRequest{From: date("2026-10-01"), To: date("2026-11-01")}
	feeder, days := october, headend.ReportRequest{From: date("2026-10-02"), To: date("2026-10-31")}
	feeder.By = "feeder"
	settle(t, o)
	check("October", october, "PC", figures{5, 5, 5})
	check("October", october, "A", figures{4, 4, 5})
	check("October", feeder, "FB", figures{1, 1, 5})
	check("days of October", days, "PC", figures{1, 1, 5})

	second := ledger.count(
		counted("U2", "2026-10-15", "2026-10-16", 1, 0), // as it was
		func() headend.CountedFailures {
			f := counted("U1", "2026-09-30 12:00", "2026-10-01 00:00", 3, 1)
			f.Withdrawn = true
			return f
		}())
	if second != first+1 {
		t.Errorf("revision %d after %d", second, first)
	}
	if again := ledger.count(counted("U2", "2026-10-15", "2026-10-16", 1, 0)); again != second {
		t.Errorf("what is stored already makes revision %d", again)
	}
	check("withdrawn", october, "A", figures{2, 2, 5})
	settle(t, o)
	check("withdrawn and settled", october, "A", figures{2, 2, 5})
	october.Revision = first
	check("as it was", october, "A", figures{4, 4, 5})
}
