package timeseries_test

import (
	"testing"
	"time"

	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

const hours = `SELECT bucket, readings, import_wh_first, import_wh_last, import_first_time, import_last_time, p_count, p_sum, p_max
	FROM reading_hour ORDER BY meter, bucket`

const days = `SELECT bucket, readings, import_wh_first, import_wh_last, p_max, v1_min FROM reading_day ORDER BY meter, bucket`

// Both engines must give these very rows, before and after the roll-ups are settled, and after late,
// corrected and partial readings.
func TestRollUpsFollowTheReadings(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		at := func(hour, minute int) time.Time {
			return time.Date(2026, 11, 20, hour, minute, 0, 0, time.UTC)
		}
		appendAll(t, s,
			batch("M1", at(16, 0), "import_wh", 100, "p", 50.0, "v1", 230.0), // 23:00 in Asia/Ho_Chi_Minh
			batch("M1", at(16, 30), "import_wh", 130, "p", 70.0),
			batch("M1", at(17, 0), "import_wh", 150, "v1", 228.0), // 00:00 of the 21st there
			batch("M1", at(17, 30), "p", 10.0),
		)
		check := func(when string, wantHours, wantDays []string) {
			t.Helper()
			t.Log(when)
			expectRows(t, s, hours, wantHours...)
			expectRows(t, s, days, wantDays...)
		}
		first := []string{
			"2026-11-20T16:00:00Z 2 100 130 2026-11-20T16:00:00Z 2026-11-20T16:30:00Z 2 120 70",
			"2026-11-20T17:00:00Z 2 150 150 2026-11-20T17:00:00Z 2026-11-20T17:00:00Z 1 10 10",
		}
		firstDays := []string{
			"2026-11-19T17:00:00Z 2 100 130 70 230",
			"2026-11-20T17:00:00Z 2 150 150 10 228",
		}
		check("before settling", first, firstDays)
		settle := func() {
			t.Helper()
			if err := s.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		settle()
		check("settled", first, firstDays)

		appendAll(t, s, batch("M1", at(16, 15), "import_wh", 115), batch("M1", at(16, 0), "import_wh", 101, "p", 50.0))
		settle()
		check("a late reading and a correction", []string{
			"2026-11-20T16:00:00Z 3 101 130 2026-11-20T16:00:00Z 2026-11-20T16:30:00Z 2 120 70",
			first[1],
		}, []string{
			"2026-11-19T17:00:00Z 3 101 130 70 230",
			firstDays[1],
		})
		settle() // nothing changed: nothing changes
		expectRows(t, s, "SELECT count(*) FROM reading_hour", "2")
	})
}
