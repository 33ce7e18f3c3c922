package books_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
	"lastgasp/headend/importer"
	"lastgasp/headend/reliability/books"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

var zone = time.FixedZone("+07", 7*3600)

func local(text string) time.Time {
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t.UTC()
		}
	}
	panic(text)
}

func date(text string) time.Time {
	t, err := time.Parse("2006-01-02", text)
	if err != nil {
		panic(err)
	}
	return t
}

// clock is a clock that tests set.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func take[Row any](t *testing.T, text string, read func(r *strings.Reader) iter.Seq2[headend.Line[Row], error],
	store func(context.Context, iter.Seq2[headend.Line[Row], error], timeseries.ImportOptions) (headend.Imported, error)) headend.Imported {
	t.Helper()
	got, err := store(t.Context(), read(strings.NewReader(text)), timeseries.ImportOptions{SkipRefused: true})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

var format = importer.Format{Zone: zone}

// district is a corporation with a company and two districts, each with a feeder and a transformer.
func district(t *testing.T, s *timeseries.Store, points int) {
	t.Helper()
	must := func(r headend.Imported) {
		t.Helper()
		if len(r.Refused) > 0 {
			t.Fatal(r.Refused)
		}
	}
	must(take(t, "id,name,kind,parent,from,to\nEVN,Tổng công ty,corporation,,,\nPC,Công ty,company,EVN,,\nA,Điện lực A,district,PC,,\nB,Điện lực B,district,PC,,\n",
		func(r *strings.Reader) iter.Seq2[headend.Line[headend.Organisation], error] {
			return importer.Organisations(r, format)
		}, s.ImportOrganisations))
	must(take(t, "id,name,kind,parent,organisation,rated_kva,from,to\nSS,,substation,,,,,\nFA,,feeder,SS,,,,\nFB,,feeder,SS,,,,\nTA,,transformer,FA,A,,,\nTB,,transformer,FB,B,,,\n",
		func(r *strings.Reader) iter.Seq2[headend.Line[headend.Node], error] { return importer.Nodes(r, format) }, s.ImportNodes))
	text := "id,name,address,node,organisation,phases,from,to\n"
	for i := range points {
		text += fmt.Sprintf("U%d,,,%s,,,,\n", i+1, []string{"TA", "TB"}[i%2])
	}
	must(take(t, text, func(r *strings.Reader) iter.Seq2[headend.Line[headend.UsagePoint], error] {
		return importer.UsagePoints(r, format)
	}, s.ImportUsagePoints))
}

func usagePoints(t *testing.T, s *timeseries.Store, lines string) {
	t.Helper()
	got := take(t, "id,name,address,node,organisation,phases,from,to\n"+lines,
		func(r *strings.Reader) iter.Seq2[headend.Line[headend.UsagePoint], error] {
			return importer.UsagePoints(r, format)
		}, s.ImportUsagePoints)
	if len(got.Refused) > 0 {
		t.Fatal(got.Refused)
	}
}

func office(t testing.TB, s *timeseries.Store, c *clock, views []string) *books.Office {
	t.Helper()
	o, err := books.New(s, books.Options{Now: c.now, Views: views})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// recorder writes the ledger as the detector does.
type recorder struct {
	t     *testing.T
	s     *timeseries.Store
	epoch int64
}

func newRecorder(t *testing.T, s *timeseries.Store) *recorder {
	t.Helper()
	epoch, _, release, err := s.Lease(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return &recorder{t, s, epoch}
}

func (r *recorder) record(rows ...headend.LedgerRow) int64 {
	r.t.Helper()
	for i := range rows {
		rows[i].Point = fmt.Sprint("U", rows[i].UsagePoint)
		rows[i].StartBy, rows[i].EndBy = headend.ByDevice, headend.ByDevice
	}
	revision, err := r.s.Record(r.t.Context(), r.epoch, headend.Detection{Rows: rows})
	if err != nil {
		r.t.Fatal(err)
	}
	return revision
}

// count records failures that only counters know of.
func (r *recorder) count(counts ...headend.CountedFailures) int64 {
	r.t.Helper()
	revision, err := r.s.Record(r.t.Context(), r.epoch, headend.Detection{Counted: counts})
	if err != nil {
		r.t.Fatal(err)
	}
	return revision
}

func row(point uint32, id int64, start, end string) headend.LedgerRow {
	r := headend.LedgerRow{Interruption: headend.Interruption{UsagePoint: point, ID: id, Outage: 1, Start: local(start), Cause: "tree"}}
	if end != "" {
		r.End = local(end)
	}
	return r
}

func settle(t *testing.T, o *books.Office) {
	t.Helper()
	if err := o.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func report(t *testing.T, o *books.Office, q headend.ReportRequest) *books.Report {
	t.Helper()
	got, err := o.Report(t.Context(), q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	return got
}

// Whatever is written, corrected, withdrawn and left open, in whatever order sums are settled and questions asked: an
// answer from stored sums is the answer from the ledger.
func TestSumsAreAlwaysTheLedger(t *testing.T) {
	const points = 9
	s := storetest.Open(t, timeseries.Postgres)
	district(t, s, points)
	usagePoints(t, s, "U7,,,TB,,,2026-10-10,\nU8,,,TB,,,,2026-10-20\n")
	c := &clock{at: local("2026-11-05")}
	o, plain := office(t, s, c, nil), office(t, s, c, []string{})
	ledger := newRecorder(t, s)
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	served := 0
	for round := range 12 {
		var rows []headend.LedgerRow
		for range random.IntN(12) {
			start := local("2026-08-30").Add(time.Duration(random.IntN(66*24*12)) * 5 * time.Minute).Add(time.Duration(random.IntN(2)) * time.Millisecond)
			r := headend.LedgerRow{Interruption: headend.Interruption{UsagePoint: uint32(1 + random.IntN(points)), ID: int64(1 + random.IntN(8)), Outage: int64(round + 1), Start: start,
				End:   start.Add([]time.Duration{time.Minute, 5 * time.Minute, 20 * time.Minute, 26 * time.Hour, 40 * 24 * time.Hour}[random.IntN(5)]),
				Cause: []string{"", "tree", "maintenance", "kite", "non_payment"}[random.IntN(5)], Planned: random.IntN(3) == 0, Inferred: random.IntN(2) == 0, Withdrawn: random.IntN(6) == 0}}
			switch random.IntN(8) {
			case 0:
				r.End = time.Time{}
			case 1:
				r.Start, r.NotBefore = time.Time{}, start
			}
			rows = append(rows, r)
		}
		if len(rows) > 0 {
			ledger.record(rows...)
		}
		if random.IntN(2) == 0 {
			at := local("2026-08-30").Add(time.Duration(random.IntN(66*24)) * time.Hour)
			ledger.count(headend.CountedFailures{UsagePoint: fmt.Sprint("U", 1+random.IntN(points)), From: at, To: at.Add(time.Duration(1+random.IntN(40)) * time.Hour),
				Failures: 1 + random.IntN(5), Short: random.IntN(2) == 0, Overflow: random.IntN(9) == 0})
		}
		c.at = c.at.Add(time.Duration(random.IntN(100)) * time.Minute)
		if random.IntN(2) == 0 {
			settle(t, o)
		}
		if round == 6 { // a customer is moved in hindsight
			usagePoints(t, s, "U1,,,TB,,,2026-09-15,\n")
		}
		for _, q := range []headend.ReportRequest{
			{Policy: "vn", From: date("2026-09-01"), To: date("2026-11-01")},
			{Policy: "ieee1366", From: date("2026-01-01"), To: date("2026-12-01"), Customers: true},
			{Policy: "ieee1366", By: "feeder", From: date("2026-09-07"), To: date("2026-10-03"), Customers: true},
			{Policy: "vn", By: "month", Unit: "PC", From: date("2026-08-01"), To: date("2026-12-01"), Customers: true},
			{Policy: "vn", By: "month", Unit: "FB", From: date("2026-08-11"), To: date("2026-10-12")},
		} {
			got, want := report(t, o, q), report(t, plain, q)
			if got.Stored {
				served++
			}
			if want.Stored {
				t.Fatal("the other was to be made from the ledger")
			}
			got.Stored = false
			if diff := cmp.Diff(text(t, want), text(t, got)); diff != "" {
				t.Fatalf("round %d, %+v:\n%s", round, q, diff)
			}
		}
	}
	if served < 12 {
		t.Errorf("only %d answers came from stored sums", served)
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	out, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
