package timeseries_test

import (
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

func TestDroppedReadingsLeaveTheirRollUps(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		old := noon.AddDate(-1, 0, 0)
		gasp := headend.Batch{Device: "M1", Received: old, Events: []headend.Event{{Time: old, Type: headend.EventPowerDown, Seq: 1}}}
		appendAll(t, s, batch("M1", old, "import_wh", 5, "water", 1.0), gasp, batch("M1", noon, "import_wh", 9))
		dropped, err := s.DropBefore(t.Context(), noon.AddDate(0, -6, 0))
		if err != nil {
			t.Fatal(err)
		}
		if dropped != 3 {
			t.Errorf("%d chunks or partitions dropped, want one of each table", dropped)
		}
		expectRows(t, s, current, "M1 2026-11-21T12:00:00Z 9 - -")
		expectRows(t, s, "SELECT count(*) FROM event", "0")
		kept := []string{"2025-11-21T12:00:00Z 5", "2026-11-21T12:00:00Z 9"}
		expectRows(t, s, "SELECT bucket, import_wh_last FROM reading_hour ORDER BY 1", kept...)
		appendAll(t, s, batch("M1", noon.Add(time.Minute), "import_wh", 10)) // and life goes on
		if err := s.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		expectRows(t, s, "SELECT bucket, import_wh_last FROM reading_hour ORDER BY 1", kept[0], "2026-11-21T12:00:00Z 10")
		appendAll(t, s, batch("M1", old.Add(time.Minute), "import_wh", 6)) // late data for a dropped month lands
		expectRows(t, s, "SELECT count(*) FROM reading", "3")
		rollUps := []string{kept[0], "2026-11-21T12:00:00Z 10"} // and does not replace what was made of what is gone
		expectRows(t, s, "SELECT bucket, import_wh_last FROM reading_hour ORDER BY 1", rollUps...)
		if err := s.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		expectRows(t, s, "SELECT bucket, import_wh_last FROM reading_hour ORDER BY 1", rollUps...)
	})
}

func TestTooShortARetentionIsRefused(t *testing.T) {
	_, err := timeseries.Open(t.Context(), storetest.URL(t), timeseries.Options{Retain: 24 * time.Hour})
	if err == nil || !strings.Contains(err.Error(), "at least") {
		t.Errorf("error %v", err)
	}
}

func TestADatabaseKeepsItsEngineAndZone(t *testing.T) {
	url := storetest.URL(t)
	storetest.OpenURL(t, url, timeseries.Options{Engine: timeseries.Postgres})
	if s := storetest.OpenURL(t, url, timeseries.Options{}); s.Engine() != timeseries.Postgres {
		t.Errorf("opened again with engine %s", s.Engine())
	}
	for want, options := range map[string]timeseries.Options{
		"engine postgres":  {Engine: timeseries.Timescale},
		"Asia/Ho_Chi_Minh": {Zone: "Europe/Berlin"},
		"no/such":          {Zone: "no/such"},
		"not a name":       {Zone: "'; DROP TABLE reading; --"},
	} {
		_, err := timeseries.Open(t.Context(), url, options)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want one that says %q", options, err, want)
		}
	}
}

func TestErrorsHideThePassword(t *testing.T) {
	_, err := timeseries.Open(t.Context(), "postgres://user:hunter2-hunter2@127.0.0.1:1/none", timeseries.Options{})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %v", err)
	}
}
