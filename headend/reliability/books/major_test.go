package books_test

import (
	"fmt"
	"iter"
	"math"
	"strings"
	"testing"

	"lastgasp/headend"
	"lastgasp/headend/importer"
	"lastgasp/headend/reliability/books"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// Five years of imported days whose SAIDI is e and 1/e in turn: ln is ±1, so α = 0, β = √(1826/1825) and
// T_MED = exp(2.5 β) = 12.1908 minutes. Of 4 customers, 30 minutes for all are above it, 40 minutes for one are not.
func TestMajorEventDaysFromImportedHistory(t *testing.T) {
	s := storetest.Open(t, timeseries.Postgres)
	district(t, s, 4)
	history := strings.Builder{}
	history.WriteString("organisation,date,customers,ci,cmi\n")
	for i, day := 0, date("2021-01-01"); day.Before(date("2026-01-01")); i, day = i+1, day.AddDate(0, 0, 1) {
		fmt.Fprintf(&history, "EVN,%s,1000000,20000,%.3f\n", day.Format("2006-01-02"), 1e6*math.Exp(float64(1-2*(i%2))))
	}
	got := take(t, history.String(), func(r *strings.Reader) iter.Seq2[headend.Line[headend.DaySum], error] {
		return importer.DaySums(r, format)
	}, s.ImportDaySums)
	if got.New != 1826 || len(got.Refused) > 0 {
		t.Fatalf("%+v", got)
	}
	take(t, "organisation,year,index,value\nEVN,2026,saidi,80\n", func(r *strings.Reader) iter.Seq2[headend.Line[headend.Target], error] {
		return importer.Targets(r, format)
	}, s.ImportTargets)
	newRecorder(t, s).record(row(1, 1, "2026-10-05 10:00", "2026-10-05 10:30"), row(2, 1, "2026-10-05 10:00", "2026-10-05 10:30"), row(3, 1, "2026-10-05 10:00", "2026-10-05 10:30"),
		row(4, 1, "2026-10-05 10:00", "2026-10-05 10:30"), row(1, 2, "2026-10-06 10:00", "2026-10-06 10:40"))
	o := office(t, s, &clock{at: local("2026-11-05")}, nil)
	q := headend.ReportRequest{Unit: "EVN", Policy: "ieee1366", From: date("2026-10-01"), To: date("2026-11-01"), Customers: true}
	before := figures(t, o, q)
	settle(t, o)
	if after := figures(t, o, q); after != before {
		t.Errorf("%s\nis not\n%s", after, before)
	}
	r := report(t, o, q)
	x := r.Rows[0].Statement
	if math.Abs(x.Threshold.TMED-math.Exp(2.5*math.Sqrt(1826.0/1825))) > 1e-6 || x.Threshold.Provisional || x.Threshold.Days != 1826 {
		t.Errorf("%+v", x.Threshold)
	}
	if x.All.SAIDI.Decimal(6) != "40.000000" || x.WithoutMajor.SAIDI.Decimal(6) != "10.000000" || x.WithoutMajor.CN.Decimal(0) != "1" || len(x.MajorDays) != 1 || x.MajorDays[0].String() != "2026-10-05" {
		t.Errorf("%s with, %s without, %v", x.All.SAIDI, x.WithoutMajor.SAIDI, x.MajorDays)
	}
	if d := r.Rows[2]; d.ID != "A" || d.Statement.WithoutMajor.SAIDI.Decimal(1) != "20.0" || len(d.Statement.MajorDays) != 1 {
		t.Errorf("a district is reported without the days of its utility: %+v", d)
	}
	// October 2025: 31 days, and 1 October is the 274th of the year, the 1735th of the history: 15 or 16 days of each.
	last := r.Rows[0].LastYear
	if last == nil || !last.Imported || last.CI != 31*20000 {
		t.Fatalf("%+v", last)
	}
	if saidi, ok := last.SAIDI.Float64(); !ok || math.Abs(saidi-(15*math.E+16/math.E)) > 1e-4 && math.Abs(saidi-(16*math.E+15/math.E)) > 1e-4 {
		t.Error(saidi)
	}
	if target := r.Rows[0].Targets; len(target) != 1 || target[0].Used.Decimal(2) != "0.50" || target[0].Forecast.IsNone() {
		t.Errorf("%+v", target)
	}
	page, err := o.Interruptions(t.Context(), q, 0, 3)
	if err != nil || len(page.Items) != 3 || page.Next != 3 || page.Items[0].UsagePoint != "U1" || page.Items[0].Outage != 1 || page.Items[1].Minutes.Decimal(0) != "40" {
		t.Fatalf("%+v %v", page, err)
	}
	if page, err = o.Interruptions(t.Context(), q, page.Next, 3); err != nil || len(page.Items) != 2 || page.Next != 0 || page.Items[1].UsagePoint != "U4" {
		t.Fatalf("%+v %v", page, err)
	}
}

// figures are a report without the word where they come from.
func figures(t *testing.T, o *books.Office, q headend.ReportRequest) string {
	t.Helper()
	r := report(t, o, q)
	r.Stored = false
	return text(t, r)
}
