package timeseries_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lastgasp/headend"
	"lastgasp/headend/importer"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// lease takes the lease, which nobody holds, until the test ends.
func lease(t *testing.T, s *timeseries.Store, holder string) (epoch int64, lost <-chan struct{}, release func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	epoch, lost, release, err := s.Lease(ctx, holder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return epoch, lost, release
}

func expectClosed(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(20 * time.Second):
		t.Fatal(what)
	}
}

func outage(number int64, state headend.OutageState) headend.Outage {
	return headend.Outage{Number: number, State: state, Node: "T1", Part: true, Phases: headend.L2, Start: noon, Odds: 4.25, Cause: "tree", Plan: "W1", Notice: noon.AddDate(0, 0, -2),
		Overrun: 90 * time.Second, Customers: 2, Out: 1, Seen: 1, Summary: "2 of 2", Trail: []string{"M1: last gasp", "M2: silent"},
		Steps: []headend.OutageStep{{At: noon.Add(time.Minute), Back: 1, Still: 1, Node: "T1"}}}
}

func row(point uint32, id int64, from, to time.Time) headend.LedgerRow {
	return headend.LedgerRow{Interruption: headend.Interruption{UsagePoint: point, ID: id, Outage: 1, Start: from, End: to, Phases: headend.L1, Cause: "tree", Inferred: true},
		Point: fmt.Sprintf("U%d", point), StartBy: headend.ByDevice, EndBy: headend.ByNeighbour}
}

func record(t *testing.T, s *timeseries.Store, epoch int64, d headend.Detection) int64 {
	t.Helper()
	revision, err := s.Record(t.Context(), epoch, d)
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

var whenWritten = cmp.Options{cmpopts.IgnoreFields(headend.LedgerRow{}, "Written"), cmpopts.IgnoreFields(headend.Outage{}, "Changed")}

func TestWhatIsRecordedIsThereAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		epoch, _, _ := lease(t, s, "a")
		open, withdrawn := row(1, 1, noon, time.Time{}), row(2, 2, noon, noon.Add(time.Minute))
		unknown := row(2, 3, time.Time{}, noon.Add(time.Hour))
		unknown.NotBefore, unknown.StartBy, withdrawn.Withdrawn = noon.Add(-time.Hour), headend.ByLifeSign, true
		d := headend.Detection{Cursor: "100:100:", ReplayFrom: noon.Add(-time.Hour), Now: noon, NextOutage: 7, NextRow: 9, Storm: []byte(`{"since": 1}`), Settings: "as is",
			Outages: []headend.Outage{outage(1, headend.OutageConfirmed), outage(2, headend.OutageClosed), outage(3, headend.OutageWithdrawn)},
			Rows:    []headend.LedgerRow{open, withdrawn, unknown}, Tallies: []headend.SegmentTally{{Day: noon.Truncate(24 * time.Hour), Segment: "T1", Proven: 5, Gasped: 4, Logged: 3, Returned: 2, False: 1, MeterDays: 80.5}},
			Topology: []headend.TopologyFault{{UsagePoint: "U1", Node: "T2", Against: 3}}}
		d.Outages[1].End = noon.Add(-2 * time.Hour) // before what is replayed
		revision := record(t, s, epoch, d)
		if revision != 1 {
			t.Errorf("revision %d", revision)
		}
		got, err := s.Detection(t.Context(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		want := d
		want.Outages, want.Rows = []headend.Outage{d.Outages[0], d.Outages[2]}, []headend.LedgerRow{open, unknown}
		want.Tallies, want.Topology, want.Counted = nil, nil, []headend.CountedFailures{}
		for i := range want.Outages {
			want.Outages[i].Revision = revision
		}
		for i := range want.Rows {
			want.Rows[i].Revision = revision
		}
		if diff := cmp.Diff(want, got, whenWritten); diff != "" {
			t.Errorf("state of the detector (-want +got):\n%s", diff)
		}
		tallies, err := s.LastTallies(t.Context(), noon.AddDate(0, 0, -1))
		if diff := cmp.Diff(d.Tallies, tallies); diff != "" || err != nil {
			t.Errorf("tallies: %v (-want +got):\n%s", err, diff)
		}
		if again := record(t, s, epoch, headend.Detection{Cursor: "200:200:"}); again != revision {
			t.Errorf("a record of the cursor alone made revision %d", again)
		}
		expectRows(t, s, "SELECT cursor, revision, holder FROM detection", "200:200: 1 a")
		expectRows(t, s, "SELECT author, revision FROM ledger_revision", "detector 1")
		expectRows(t, s, "SELECT usage_point, against FROM topology_fault", "1 3")
	})
}

func TestARecordIsAllOrNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		first, _, release := lease(t, s, "a")
		nowhere := outage(1, headend.OutageConfirmed)
		nowhere.Node = "T9"
		var unknown *headend.Unknown
		if _, err := s.Record(t.Context(), first, headend.Detection{Cursor: "1:1:", Outages: []headend.Outage{nowhere}}); !errors.As(err, &unknown) || unknown.ID != "T9" {
			t.Errorf("an unknown node: %v", err)
		}
		if _, err := s.Record(t.Context(), first, headend.Detection{Cursor: "1:1:", Outages: []headend.Outage{outage(1, headend.OutageConfirmed)}, Rows: []headend.LedgerRow{row(99, 1, noon, noon)}}); !errors.As(err, &unknown) {
			t.Errorf("an unknown usage point: %v", err)
		}
		release()
		second, _, _ := lease(t, s, "b")
		if second <= first {
			t.Errorf("epoch %d after %d", second, first)
		}
		_, err := s.Record(t.Context(), first, headend.Detection{Cursor: "1:1:", Outages: []headend.Outage{outage(1, headend.OutageConfirmed)}, Rows: []headend.LedgerRow{row(1, 1, noon, noon)},
			Tallies: []headend.SegmentTally{{Day: noon, Segment: "T1"}}})
		if !errors.Is(err, headend.ErrLeaseLost) || errors.Is(err, headend.ErrAway) {
			t.Errorf("a record under an old epoch: %v", err)
		}
		expectRows(t, s, `SELECT (SELECT count(*) FROM outage) + (SELECT count(*) FROM outage_change) + (SELECT count(*) FROM interruption) + (SELECT count(*) FROM ledger_revision) + (SELECT count(*) FROM segment_tally), cursor, revision FROM detection`, "0  0")
	})
}

func TestTheLedgerStandsAsItStood(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		epoch, _, _ := lease(t, s, "a")
		versions := [][]headend.LedgerRow{
			{row(1, 1, noon, time.Time{}), row(2, 2, noon, time.Time{})},
			{row(1, 1, noon, noon.Add(time.Hour))},
			{row(1, 1, noon, noon.Add(time.Hour)), row(2, 2, noon, noon.Add(time.Hour))}, // the first says nothing new
			{row(1, 1, noon.Add(-time.Minute), noon.Add(time.Hour)), row(1, 3, noon.AddDate(0, 0, 1), time.Time{})},
			{row(2, 2, noon, noon.Add(time.Hour))},
		}
		versions[3][0].Reason, versions[4][0].Withdrawn = "the meter's log came", true
		standing := [][]headend.LedgerRow{nil}
		for i, rows := range versions {
			if revision := record(t, s, epoch, headend.Detection{Rows: rows}); revision != int64(i+1) {
				t.Fatalf("revision %d, want %d", revision, i+1)
			}
			now, err := s.Ledger(t.Context(), headend.LedgerFilter{}, nil, 100)
			if err != nil {
				t.Fatal(err)
			}
			standing = append(standing, now)
			for r, want := range standing {
				if r == 0 {
					continue
				}
				got, err := s.Ledger(t.Context(), headend.LedgerFilter{Revision: int64(r)}, nil, 100)
				if diff := cmp.Diff(want, got); diff != "" || err != nil {
					t.Errorf("as of revision %d, after revision %d: %v (-want +got):\n%s", r, i+1, err, diff)
				}
			}
		}
		for i := range versions[3] {
			versions[3][i].Revision = 4
		}
		versions[4][0].Revision = 5
		want := []headend.LedgerRow{versions[3][0], versions[4][0], versions[3][1]}
		if diff := cmp.Diff(want, standing[5], whenWritten); diff != "" {
			t.Errorf("at last (-want +got):\n%s", diff)
		}
		expectRows(t, s, "SELECT usage_point, id, revision, until FROM interruption_former ORDER BY 1, 2, 3", "1 1 1 2", "1 1 2 4", "2 2 1 3", "2 2 3 5")
	})
}

func TestTheLedgerIsListedByFilters(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		usagePoints(`U1,Ông An,"Số 1, Tam Kỳ",T2,D1,L1,2026-11-22T12:00:00Z,`).load(t, s, false) // moved a day after noon
		epoch, _, _ := lease(t, s, "a")
		unknown := row(2, 4, time.Time{}, noon.Add(30*time.Minute))
		rows := []headend.LedgerRow{row(1, 1, noon, noon.Add(time.Hour)), row(2, 2, noon, time.Time{}), row(1, 3, noon.AddDate(0, 0, 2), time.Time{}), unknown}
		rows[2].Outage = 2
		record(t, s, epoch, headend.Detection{Rows: rows})
		for name, c := range map[string]struct {
			f    headend.LedgerFilter
			want string
		}{
			"all":           {headend.LedgerFilter{}, "4 1 2 3 "},
			"of one":        {headend.LedgerFilter{UsagePoint: "U1"}, "1 3 "},
			"of an outage":  {headend.LedgerFilter{Outage: 2}, "3 "},
			"open":          {headend.LedgerFilter{Open: true}, "2 3 "},
			"since":         {headend.LedgerFilter{From: noon.Add(time.Hour)}, "2 3 "},
			"until":         {headend.LedgerFilter{To: noon}, "4 "},
			"at T1":         {headend.LedgerFilter{Node: "T1"}, "4 1 2 "},
			"at T2":         {headend.LedgerFilter{Node: "T2"}, "3 "},
			"below S1":      {headend.LedgerFilter{Node: "S1"}, "4 1 2 3 "},
			"at S1, then":   {headend.LedgerFilter{Node: "S1", Revision: 1, From: noon.AddDate(0, 0, 1), Outage: 2}, "3 "},
			"unknown place": {headend.LedgerFilter{Node: "T9"}, ""},
		} {
			var got string
			var after *headend.LedgerRow
			for { // one a page
				page, err := s.Ledger(t.Context(), c.f, after, 1)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if len(page) == 0 {
					break
				}
				after = &page[0]
				got += fmt.Sprint(after.ID, " ")
			}
			if got != c.want {
				t.Errorf("%s: rows %q, want %q", name, got, c.want)
			}
		}
	})
}

func TestOutagesAreListedByFilters(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		epoch, _, _ := lease(t, s, "a")
		changed, cancel := s.OutagesChanged()
		defer cancel()
		runUntilDone(t, s)
		expectClosed(t, changed, "not told that it is listened now")
		planned := outage(3, headend.OutageClosed)
		planned.Planned, planned.Start, planned.End = true, noon.AddDate(0, 0, -1), noon.AddDate(0, 0, -1).Add(time.Hour)
		alone := outage(4, headend.OutageSuspected)
		alone.Node, alone.UsagePoint, alone.Start = "", "U2", noon.Add(time.Hour)
		elsewhere := outage(5, headend.OutageRestored)
		elsewhere.Node, elsewhere.End = "T2", noon.Add(time.Minute)
		record(t, s, epoch, headend.Detection{Outages: []headend.Outage{outage(1, headend.OutageConfirmed), outage(2, headend.OutageWithdrawn), planned}})
		record(t, s, epoch, headend.Detection{Outages: []headend.Outage{alone, elsewhere}})
		expectClosed(t, changed, "not told of outages")
		yes := true
		for name, c := range map[string]struct {
			f    headend.OutageFilter
			want string
		}{
			"all":         {headend.OutageFilter{}, "4 5 1 3 "},
			"withdrawn":   {headend.OutageFilter{States: []headend.OutageState{headend.OutageWithdrawn, headend.OutageClosed}}, "2 3 "},
			"planned":     {headend.OutageFilter{Planned: &yes}, "3 "},
			"at T1":       {headend.OutageFilter{Node: "T1"}, "4 1 3 "},
			"below F1":    {headend.OutageFilter{Node: "F1"}, "4 5 1 3 "},
			"since":       {headend.OutageFilter{From: noon.Add(time.Minute)}, "4 1 "},
			"until":       {headend.OutageFilter{To: noon}, "3 "},
			"by revision": {headend.OutageFilter{Revision: 1}, "4 5 "},
			"one":         {headend.OutageFilter{Number: 5}, "5 "},
		} {
			var got string
			var after *headend.Outage
			for {
				page, err := s.Outages(t.Context(), c.f, after, 1)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if len(page) == 0 {
					break
				}
				after = &page[0]
				got += fmt.Sprint(after.Number, " ")
			}
			if got != c.want {
				t.Errorf("%s: outages %q, want %q", name, got, c.want)
			}
		}
	})
}

func TestAnOutageTellsItsHistory(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		epoch, _, _ := lease(t, s, "a")
		o := outage(1, headend.OutageSuspected)
		record(t, s, epoch, headend.Detection{Outages: []headend.Outage{o}})
		o.Trail = append(o.Trail, "nothing that shows outside")
		record(t, s, epoch, headend.Detection{Outages: []headend.Outage{o}})
		o.State, o.Node, o.Customers, o.Out = headend.OutageConfirmed, "F1", 40, 40
		record(t, s, epoch, headend.Detection{Outages: []headend.Outage{outage(1, headend.OutageSuspected), o}}) // the later of two holds
		decided, err := s.Decide(t.Context(), headend.Decision{Kind: headend.DecideCause, By: "an", Outage: 1, Node: "F1", Moment: noon, Cause: "storm"})
		if err != nil || decided.Made.IsZero() {
			t.Fatal(decided, err)
		}
		got, changes, decisions, err := s.Outage(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		o.Revision = 3
		if diff := cmp.Diff(o, got, whenWritten); diff != "" {
			t.Errorf("outage (-want +got):\n%s", diff)
		}
		want := []headend.OutageChange{{Revision: 1, State: headend.OutageSuspected, Node: "T1", Customers: 2, Out: 1, Summary: "2 of 2"},
			{Revision: 3, State: headend.OutageConfirmed, Node: "F1", Customers: 40, Out: 40, Summary: "2 of 2"}}
		if diff := cmp.Diff(want, changes, cmpopts.IgnoreFields(headend.OutageChange{}, "At")); diff != "" {
			t.Errorf("changes (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]headend.Decision{decided}, decisions); diff != "" {
			t.Errorf("decisions (-want +got):\n%s", diff)
		}
		var unknown *headend.Unknown
		if _, _, _, err := s.Outage(t.Context(), 99); !errors.As(err, &unknown) {
			t.Errorf("an unknown outage: %v", err)
		}
		for _, d := range []headend.Decision{{Outage: 99}, {Outage: 1, Node: "T9"}, {Outage: 1, OtherPoint: "U9"}} {
			if _, err := s.Decide(t.Context(), d); !errors.As(err, &unknown) {
				t.Errorf("%+v: %v", d, err)
			}
		}
	})
}

func TestAPlanRevisedLaterHolds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		plan := headend.Plan{ID: "W1", Kind: headend.PlanCut, Node: "T1", UsagePoints: []string{}, From: noon, To: noon.Add(time.Hour), Revised: noon}
		put := func(p headend.Plan) {
			t.Helper()
			if err := s.PutPlans(t.Context(), []headend.Plan{p}); err != nil {
				t.Fatal(err)
			}
		}
		put(plan)
		_, cursor := replay(t, s, noon)
		put(plan) // the same: no evidence
		older := plan
		older.Revised, older.Reason = noon.Add(-time.Minute), "older"
		put(older)
		if f := (&fed{}); f.feed(t, s, cursor) == "" || len(f.plans) != 0 {
			t.Errorf("fed %+v", f.plans)
		}
		plan.Revised, plan.Dropped, plan.UsagePoints = noon.Add(time.Minute), true, []string{"U1"}
		put(plan)
		f := &fed{}
		f.feed(t, s, cursor)
		if diff := cmp.Diff([]headend.Plan{plan}, f.plans); diff != "" {
			t.Errorf("fed (-want +got):\n%s", diff)
		}
		var unknown *headend.Unknown
		plan.UsagePoints = []string{"U1", "U9"}
		if err := s.PutPlans(t.Context(), []headend.Plan{plan}); !errors.As(err, &unknown) || unknown.ID != "U9" {
			t.Errorf("an unknown usage point: %v", err)
		}
		put(headend.Plan{ID: "W2", Kind: headend.PlanExchange, UsagePoints: []string{"U2"}, From: noon.AddDate(0, 0, 1), To: noon.AddDate(0, 0, 2)})
		for name, c := range map[string]struct {
			f     headend.PlanFilter
			after string
			want  string
		}{
			"all": {headend.PlanFilter{}, "", "W1 W2 "}, "after": {headend.PlanFilter{}, "W1", "W2 "}, "kind": {headend.PlanFilter{Kind: headend.PlanCut}, "", "W1 "},
			"since": {headend.PlanFilter{From: noon.Add(time.Hour)}, "", "W2 "}, "until": {headend.PlanFilter{To: noon.Add(time.Hour)}, "", "W1 "},
		} {
			found, err := s.Plans(t.Context(), c.f, c.after, 10)
			got := ""
			for _, p := range found {
				got += p.ID + " "
			}
			if got != c.want || err != nil {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
	})
}

func TestTheGridIsTheWholeRegistry(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		if _, err := s.ImportUsagePoints(t.Context(), generating("U1,Ông An,,T2,D1,L1,2025-01-01,,yes"), timeseries.ImportOptions{}); err != nil {
			t.Fatal(err)
		}
		g, err := s.Grid(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i, p := range g.Points {
			got = append(got, fmt.Sprint(g.PointNumbers[i], " ", p.ID, " ", p.Node, " ", p.Phases, " ", p.Generation, " ", p.From.Format(time.DateOnly), " ", p.To.Format(time.DateOnly)))
		}
		want := []string{"1 U1 T1 L1 false 2019-12-31 2024-12-31", "1 U1 T2 L1 true 2024-12-31 0001-01-01", "2 U2 T1 L1,L2,L3 false 2019-12-31 0001-01-01"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("usage points (-want +got):\n%s", diff)
		}
		if len(g.Nodes) != 4 || len(g.Devices) != 2 || len(g.Installations) != 1 || g.Devices[1].ID != "M1" || g.Devices[1].Gateway != "G1" || g.DeviceNumbers[1] != 2 {
			t.Errorf("%+v", g)
		}
		points, err := s.UsagePoints(t.Context(), headend.UsagePointFilter{Text: "U1"}, "", 10)
		if err != nil || len(points) != 1 || !points[0].Generation {
			t.Errorf("%+v, %v", points, err)
		}
	})
}

func TestTheLeasePassesOn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		first, lost, _ := lease(t, s, "a")
		type taken struct {
			epoch   int64
			release func()
			err     error
		}
		second := make(chan taken, 1)
		go func() {
			epoch, _, release, err := s.Lease(t.Context(), "b")
			second <- taken{epoch, release, err}
		}()
		tag, err := timeseries.Pool(s).Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
		if err != nil || tag.RowsAffected() != 1 {
			t.Fatal(tag, err)
		}
		expectClosed(t, lost, "the first was not told that its lease is lost")
		got := <-second
		if got.err != nil || got.epoch <= first {
			t.Fatalf("%+v after epoch %d", got, first)
		}
		defer got.release()
		if _, err := s.Record(t.Context(), first, headend.Detection{}); !errors.Is(err, headend.ErrLeaseLost) {
			t.Errorf("the first records: %v", err)
		}
		record(t, s, got.epoch, headend.Detection{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, _, err := s.Lease(ctx, "c"); !errors.Is(err, context.Canceled) {
			t.Errorf("one that gave up: %v", err)
		}
	})
}

func TestAKilledServerEndsTheLease(t *testing.T) {
	storetest.EachEngine(t, func(t *testing.T, engine timeseries.Engine) {
		server, err := storetest.Start(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := server.Remove(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		s, err := timeseries.Open(t.Context(), server.Database(t), timeseries.Options{Engine: engine})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		first, lost, release := lease(t, s, "a")
		if err := server.Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
		expectClosed(t, lost, "the lease outlived its server")
		release()
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		second, _, release := lease(t, s, "a")
		defer release()
		if second <= first {
			t.Errorf("epoch %d after %d", second, first)
		}
	})
}

// A storm over forty thousand usage points is recorded in one call, and again with an end each; with LEDGER_ROWS_LONG=1
// over half a million.
func TestAStormIsRecordedInSeconds(t *testing.T) {
	many := 40_000
	if os.Getenv("LEDGER_ROWS_LONG") != "" {
		many = 500_000
	}
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		if _, err := timeseries.Pool(s).Exec(t.Context(), "INSERT INTO usage_point (id) SELECT 'X' || g FROM generate_series(1, $1::int) g", many); err != nil {
			t.Fatal(err)
		}
		epoch, _, _ := lease(t, s, "a")
		rows := make([]headend.LedgerRow, many)
		for i := range rows {
			rows[i] = row(uint32(i+3), int64(i+1), noon, time.Time{})
		}
		began := time.Now()
		record(t, s, epoch, headend.Detection{Outages: []headend.Outage{outage(1, headend.OutageConfirmed)}, Rows: rows})
		first := time.Since(began)
		for i := range rows {
			rows[i].End = noon.Add(time.Hour)
		}
		began = time.Now()
		record(t, s, epoch, headend.Detection{Outages: []headend.Outage{outage(1, headend.OutageRestored)}, Rows: rows})
		second := time.Since(began)
		began = time.Now()
		d, err := s.Detection(t.Context(), time.Now())
		if err != nil || len(d.Rows) != many {
			t.Fatal(len(d.Rows), err)
		}
		t.Logf("%d rows: recorded in %s, again with another end in %s, read in %s", many, first.Round(time.Millisecond), second.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		expectRows(t, s, "SELECT (SELECT count(*) FROM interruption), (SELECT count(*) FROM interruption_former)", fmt.Sprint(many, " ", many))
		if first > 30*time.Second || second > 60*time.Second {
			t.Errorf("recorded in %s and %s", first, second)
		}
	})
}

// runUntilDone runs the store's maintenance until the test ends.
func runUntilDone(t *testing.T, s *timeseries.Store) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func generating(line string) iter.Seq2[headend.Line[headend.UsagePoint], error] {
	return importer.UsagePoints(strings.NewReader("id,name,address,node,organisation,phases,from,to,generation\n"+line+"\n"), importer.Format{Zone: hanoi})
}
