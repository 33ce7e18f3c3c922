package timeseries_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
	"lastgasp/headend/importer"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

func importPlans(t *testing.T, s *timeseries.Store, lines string) headend.Imported {
	t.Helper()
	result, err := s.ImportPlans(t.Context(), importer.Plans(strings.NewReader("id,kind,node,usage_points,from,to,reason,notice,status\n"+lines), importer.Format{Zone: hanoi}), timeseries.ImportOptions{SkipRefused: true})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func importInterruptions(t *testing.T, s *timeseries.Store, skip bool, lines string) headend.Imported {
	t.Helper()
	result, err := s.ImportInterruptions(t.Context(), importer.Interruptions(strings.NewReader("usage_point,start,end,outage,cause,phases,planned\n"+lines), importer.Format{Zone: hanoi}), timeseries.ImportOptions{SkipRefused: skip})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestPlansAreImported(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		_, cursor := replay(t, s, noon)
		const lines = "W1,cut,T1,,2026-12-01 08:00,2026-12-01 10:00,pole,2026-11-21,\nW2,exchange,,U2;U1,2026-12-01,2026-12-02,,,\n"
		expectImport(t, importPlans(t, s, lines), headend.Imported{Lines: 2, New: 2, Written: true})
		f := &fed{}
		cursor = f.feed(t, s, cursor)
		if len(f.plans) != 2 || f.plans[0].By != "import" || strings.Join(f.plans[1].UsagePoints, " ") != "U2 U1" || !f.plans[0].From.Equal(time.Date(2026, 12, 1, 1, 0, 0, 0, time.UTC)) {
			t.Errorf("fed %+v", f.plans)
		}
		expectImport(t, importPlans(t, s, lines), headend.Imported{Lines: 2, Unchanged: 2, Written: true})
		expectImport(t, importPlans(t, s, strings.Replace(lines, ",2026-11-21,", ",2026-11-21,cancelled", 1)+"W1,cut,T1,,2026-12-01,2026-12-02,,,\nW3,cut,T9,,2026-12-01,2026-12-02,,,\nW4,cut,,U1;U9;U8,2026-12-01,2026-12-02,,,\n"),
			headend.Imported{Lines: 5, Changed: 1, Unchanged: 1, Written: true, Refused: []headend.RefusedLine{{Line: 4, ID: "W1", Reason: "W1 is in line 2 already"},
				{Line: 5, ID: "W3", Reason: "unknown node T9"}, {Line: 6, ID: "W4", Reason: "unknown usage point U9"}}})
		f = &fed{}
		f.feed(t, s, cursor)
		if len(f.plans) != 1 || !f.plans[0].Dropped {
			t.Errorf("fed %+v", f.plans)
		}
	})
}

// A clock that was ahead, or somebody who revised it while the import ran, does not make of an imported entry one that the detector
// takes for the older.
func TestAnImportedPlanIsTheLatest(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		ahead := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
		if err := s.PutPlans(t.Context(), []headend.Plan{{ID: "W1", Kind: headend.PlanCut, Node: "T1", From: noon, To: noon.Add(time.Hour), Revised: ahead}}); err != nil {
			t.Fatal(err)
		}
		importPlans(t, s, "W1,cut,T1,,2026-12-01 08:00,2026-12-01 10:00,,,cancelled\n")
		f, _ := replay(t, s, noon)
		if len(f.plans) != 1 || !f.plans[0].Dropped || !f.plans[0].Revised.After(ahead) {
			t.Errorf("%+v", f.plans)
		}
	})
}

func TestHistoryIsImportedIntoTheLedger(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		usagePoints("U3,,,T2,D1,,2020-01-01,").load(t, s, false)
		const lines = "U1,2025-03-01 08:00,2025-03-01 09:00,O-7,tree,,\nU3,2025-03-01 08:00,2025-03-01 09:30,O-7,tree,,\nU2,2025-04-01 08:00,2025-04-01 09:00,O-8,work,L1,yes\nU1,2025-03-01 09:00,2025-03-01 09:10,,,,\n"
		expectImport(t, importInterruptions(t, s, false, lines), headend.Imported{Lines: 4, New: 4, Written: true})
		const ledger = "SELECT usage_point, id < 0, revision, outage, to_char(started AT TIME ZONE 'UTC', 'HH24:MI'), to_char(ended AT TIME ZONE 'UTC', 'HH24:MI'), start_by, cause, planned, reason FROM interruption ORDER BY started, 1"
		first := []string{"1 true 1 -1 01:00 02:00 8 tree false ", "3 true 1 -1 01:00 02:30 8 tree false ", "1 true 1 0 02:00 02:10 8  false ", "2 true 1 -2 01:00 02:00 8 work true "}
		expectRows(t, s, ledger, first...)
		const outages = "SELECT o.number, reference, state, coalesce(n.id, '-'), coalesce(o.usage_point, 0), to_char(ended - started, 'HH24:MI'), customers, cause, planned, phases, revision FROM outage o LEFT JOIN node n ON n.number = o.node ORDER BY 1 DESC"
		expectRows(t, s, outages, "-1 O-7 closed F1 0 01:30 2 tree false 0 1", "-2 O-8 closed - 2 01:00 1 work true 1 1")
		before, err := s.Ledger(t.Context(), headend.LedgerFilter{}, nil, 10)
		if err != nil {
			t.Fatal(err)
		}
		expectImport(t, importInterruptions(t, s, false, lines), headend.Imported{Lines: 4, Unchanged: 4, Written: true})
		expectRows(t, s, "SELECT revision, author FROM ledger_revision", "1 import")

		changed := strings.Replace(lines, "09:30,O-7", "10:00,O-8", 1)
		future := time.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339)
		bad := changed + "U9,2025-03-01 08:00,2025-03-01 09:00,,,,\nU2,2025-03-01 08:00," + future + ",,,,\nU1,2025-03-01 08:00:00,2025-03-02,,,,\nU2,2025-03-01,2025-02-01,,,,\n"
		refused := importInterruptions(t, s, false, bad)
		if refused.Written || len(refused.Refused) != 4 {
			t.Errorf("%+v", refused)
		}
		expectRows(t, s, ledger, first...)
		got := importInterruptions(t, s, true, bad)
		want := []headend.RefusedLine{{Line: 6, ID: "U9", Reason: "unknown usage point U9"}, {Line: 7, ID: "U2", Reason: "its end"}, {Line: 8, ID: "U1", Reason: "U1 from 2025-03-01 08:00 on is in line 2 already"},
			{Line: 9, ID: "U2", Reason: "end 2025-02-01 is not after start 2025-03-01"}}
		if got.Refused[1].Reason = got.Refused[1].Reason[:7]; cmp.Diff(want, got.Refused) != "" {
			t.Errorf("refused: %+v", got.Refused)
		}
		got.Refused = nil
		expectImport(t, got, headend.Imported{Lines: 8, Changed: 1, Unchanged: 3, Written: true})
		first[1] = "3 true 2 -2 01:00 03:00 8 tree false imported again"
		expectRows(t, s, ledger, first...)
		expectRows(t, s, outages, "-1 O-7 closed - 1 01:00 1 tree false 0 2", "-2 O-8 closed F1 0 01:00 2 tree true 0 2")
		then, err := s.Ledger(t.Context(), headend.LedgerFilter{Revision: 1}, nil, 10)
		if diff := cmp.Diff(before, then); diff != "" || err != nil {
			t.Errorf("as of the first revision: %v (-want +got):\n%s", err, diff)
		}
		d, err := s.Detection(t.Context(), time.Now())
		if err != nil || len(d.Outages)+len(d.Rows) > 0 {
			t.Errorf("imported history is among the detector's own: %+v, %v", d, err)
		}
		epoch, _, _ := lease(t, s, "a")
		if revision := record(t, s, epoch, headend.Detection{Rows: []headend.LedgerRow{row(1, 1, noon, time.Time{})}}); revision != 3 {
			t.Errorf("the detector's revision %d", revision)
		}
	})
}

// Two lines that cannot both be true are both refused; what only touches, or takes the place of what was in the way, goes in.
func TestHistoryThatOverlapsIsRefused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		const ledger = "SELECT usage_point, to_char(started AT TIME ZONE 'UTC', 'HH24:MI'), to_char(ended AT TIME ZONE 'UTC', 'HH24:MI') FROM interruption ORDER BY 1, started"
		got := importInterruptions(t, s, true, "U1,2025-03-01 08:00,2025-03-01 12:00,,,,\n"+ // 2: a long one
			"U1,2025-03-01 09:00,2025-03-01 10:00,,,,\n"+ // 3: within it
			"U1,2025-03-01 11:00,2025-03-01 12:30,,,,\n"+ // 4: over its end, and not beside line 3
			"U1,2025-03-01 12:30,2025-03-01 13:00,,,,\n"+ // 5: touches
			"U1,2025-03-01 13:00,2025-03-01 13:10,,,,\n"+ // 6: touches
			"U2,2025-03-01 09:00,2025-03-01 10:00,,,,\n"+ // 7: somebody else
			"U2,2025-03-01 09:30,2999-03-01,,,,\n") // 8: wrong for itself, which is not held against line 7
		want := []headend.RefusedLine{{Line: 2, ID: "U1", Reason: "overlaps line 3"}, {Line: 3, ID: "U1", Reason: "overlaps line 2"}, {Line: 4, ID: "U1", Reason: "overlaps line 2"},
			{Line: 8, ID: "U2", Reason: `end 2999-03-01 lies before 1970 or after 2200`}}
		if len(got.Refused) == 4 {
			got.Refused[3].Reason = want[3].Reason
		}
		if diff := cmp.Diff(want, got.Refused); diff != "" || got.New != 3 {
			t.Errorf("%+v\n%s", got, diff)
		}
		stood := []string{"1 05:30 06:00", "1 06:00 06:10", "2 02:00 03:00"}
		expectRows(t, s, ledger, stood...)

		// Against what is stored: the same again, touching, overlapping, and one whose way another line clears.
		again := importInterruptions(t, s, true, "U1,2025-03-01 12:30,2025-03-01 13:00,,,,\n"+
			"U1,2025-03-01 13:05,2025-03-01 13:20,,,,\n"+
			"U1,2025-03-01 12:00,2025-03-01 12:30,,,,\n"+
			"U2,2025-03-01 09:00,2025-03-01 09:30,,,,\n"+
			"U2,2025-03-01 09:30,2025-03-01 10:00,,,,\n")
		expectImport(t, again, headend.Imported{Lines: 5, New: 2, Changed: 1, Unchanged: 1, Written: true,
			Refused: []headend.RefusedLine{{Line: 3, ID: "U1", Reason: "overlaps the imported interruption from 2025-03-01 13:00 to 2025-03-01 13:10"}}})
		stood = []string{"1 05:00 05:30", "1 05:30 06:00", "1 06:00 06:10", "2 02:00 02:30", "2 02:30 03:00"}
		expectRows(t, s, ledger, stood...)

		// A line that would clear the way but is refused itself clears nothing.
		stuck := importInterruptions(t, s, true, "U1,2025-03-01 13:00,2025-03-01 13:05,,,,\nU1,2025-03-01 13:04,2025-03-01 13:05,,,,\nU1,2025-03-01 13:06,2025-03-01 13:07,,,,\n")
		expectImport(t, stuck, headend.Imported{Lines: 3, Written: true, Refused: []headend.RefusedLine{{Line: 2, ID: "U1", Reason: "overlaps line 3"}, {Line: 3, ID: "U1", Reason: "overlaps line 2"},
			{Line: 4, ID: "U1", Reason: "overlaps the imported interruption from 2025-03-01 13:00 to 2025-03-01 13:10"}}})
		expectRows(t, s, ledger, stood...)
	})
}

// A connected load comes back as it went in, the same file changes nothing, another load is another version or replaces one.
func TestConnectedLoadIsImported(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		load := func(lines string) headend.Imported {
			t.Helper()
			result, err := s.ImportUsagePoints(t.Context(), importer.UsagePoints(strings.NewReader("id,name,address,node,organisation,phases,from,to,connected_kva\n"+lines), importer.Format{Zone: hanoi}), timeseries.ImportOptions{})
			if err != nil {
				t.Fatal(err)
			}
			return result
		}
		const lines = "U7,,,T1,D1,,2020-01-01,,2.2\nU8,,,T1,D1,,2020-01-01,,\nU7,,,T1,D1,,2024-01-01,,1000000\n"
		expectImport(t, load(lines), headend.Imported{Lines: 3, New: 3, Written: true})
		expectImport(t, load(lines), headend.Imported{Lines: 3, Unchanged: 3, Written: true})
		loads := func(id string) (found []float64) {
			t.Helper()
			h, err := s.UsagePoint(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range h.Versions {
				found = append(found, v.ConnectedKVA)
			}
			return found
		}
		if diff := cmp.Diff([][]float64{{2.2, 1e6}, {0}, {0}}, [][]float64{loads("U7"), loads("U8"), loads("U1")}); diff != "" {
			t.Error(diff)
		}
		expectImport(t, load("U8,,,T1,D1,,2020-01-01,,3.3\n"), headend.Imported{Lines: 1, Changed: 1, Written: true})
		list, err := s.UsagePoints(t.Context(), headend.UsagePointFilter{}, "U7", 1)
		if err != nil || len(list) != 1 || list[0].ConnectedKVA != 3.3 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}
