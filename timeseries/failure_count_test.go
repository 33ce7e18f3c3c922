package timeseries_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// A count is stored once for each thing it said; only what is new makes a revision, and what was said stays.
func TestCountsOfFailuresAreRecorded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		grid(t, s)
		epoch, _, _ := lease(t, s, "a")
		a := headend.CountedFailures{UsagePoint: "U1", From: noon, To: noon.Add(time.Hour), Failures: 3, Known: 1, Overflow: true}
		b := headend.CountedFailures{UsagePoint: "U2", From: noon, To: noon.Add(time.Hour), Failures: 2, Short: true}
		never := b
		never.UsagePoint, never.Withdrawn = "U1", true
		twice := b
		twice.Known = 1
		steps := []struct {
			counts   []headend.CountedFailures
			revision int64
			holds    []headend.CountedFailures
		}{
			{[]headend.CountedFailures{never}, 0, []headend.CountedFailures{}},
			{[]headend.CountedFailures{a, twice, b}, 1, []headend.CountedFailures{a, b}},
			{[]headend.CountedFailures{a, b}, 1, []headend.CountedFailures{a, b}},
			{[]headend.CountedFailures{twice}, 2, []headend.CountedFailures{a, twice}},
		}
		for i, step := range steps {
			if revision := record(t, s, epoch, headend.Detection{ReplayFrom: noon, Counted: step.counts}); revision != step.revision {
				t.Errorf("step %d: revision %d, want %d", i, revision, step.revision)
			}
			d, err := s.Detection(t.Context(), time.Now())
			if diff := cmp.Diff(step.holds, d.Counted); diff != "" || err != nil {
				t.Errorf("step %d: %v\n%s", i, err, diff)
			}
		}
		gone := a
		gone.Withdrawn = true
		record(t, s, epoch, headend.Detection{ReplayFrom: noon, Counted: []headend.CountedFailures{gone}})
		record(t, s, epoch, headend.Detection{ReplayFrom: noon, Counted: []headend.CountedFailures{gone}})
		record(t, s, epoch, headend.Detection{ReplayFrom: noon, Counted: []headend.CountedFailures{a}})
		expectRows(t, s, "SELECT u.id, f.revision, failures, known, f.short, overflow, withdrawn FROM failure_count f JOIN usage_point u ON u.number = f.usage_point ORDER BY 2, 1",
			"U1 1 3 1 false true false", "U2 1 2 0 true false false", "U2 2 2 1 true false false", "U1 3 3 1 false true true", "U1 4 3 1 false true false")
		expectRows(t, s, "SELECT count(*) FROM ledger_revision", "4")

		var unknown *headend.Unknown
		if _, err := s.Record(t.Context(), epoch, headend.Detection{Counted: []headend.CountedFailures{{UsagePoint: "U9", From: noon, To: noon.Add(time.Minute), Failures: 1}}}); !errors.As(err, &unknown) {
			t.Errorf("an unknown usage point: %v", err)
		}
		if _, err := s.Record(t.Context(), epoch-1, headend.Detection{Counted: []headend.CountedFailures{twice, b}}); !errors.Is(err, headend.ErrLeaseLost) {
			t.Errorf("an old epoch: %v", err)
		}
		expectRows(t, s, "SELECT revision FROM detection", "4")
	})
}
