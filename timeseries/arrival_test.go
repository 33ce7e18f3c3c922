package timeseries_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// asOwed says by brute force of each register of a duty that is owed whether it came, and in time.
const asOwed = `SELECT u.id, extract(epoch FROM s.slot)::bigint, coalesce(bool_or(r.meter IS NOT NULL), false), coalesce(bool_or(r.received <= s.slot + $4::interval), false)
	FROM installation i JOIN device d ON d.number = i.device JOIN usage_point u ON u.number = i.usage_point
	JOIN unnest($1::timestamptz[]) AS s (slot) ON i.valid_from < s.slot AND s.slot <= i.valid_to
	LEFT JOIN reading r ON r.meter = i.device AND r.time BETWEEN s.slot - $2::interval AND s.slot + $2::interval AND r.%s IS NOT NULL AND r.quality & $3 = 0
	WHERE d.profile = $5 GROUP BY 1, 2, i.device ORDER BY 1, 2`

// asLooked is what was counted and what gaps were opened, by schedule and quantity.
const asLooked = `SELECT schedule, quantity, expected, in_time, late FROM read_success ORDER BY 1, 2, organisation, gateway, model`
const asGaps = `SELECT g.quantity, u.id, gap_from, gap_to FROM gap g JOIN usage_point u ON u.number = g.usage_point ORDER BY 1, 2, 3, 4`

// night is the hour before a local midnight, of which registers of half hours, of quarters, and of the day are owed.
var night = noon.Truncate(24 * time.Hour).Add(16 * time.Hour)

func nightDuties() []headend.Duty {
	duty := func(schedule, model string, every, tolerance time.Duration, q headend.Quantity) headend.Duty {
		d := headend.Duty{Hour: night, Tolerance: tolerance, Within: time.Hour, Schedule: schedule, Models: []string{model}, Quantity: q,
			Against: headend.QualityUncertain | headend.QualityClockDoubtful, Now: night.Add(2 * time.Hour), First: time.Hour}
		for end := night.Add(time.Hour); end.After(night); end = end.Add(-every) {
			d.Begins, d.Slots = append(d.Begins, end.Add(-every)), append(d.Slots, end)
		}
		slices.Reverse(d.Begins)
		slices.Reverse(d.Slots)
		return d
	}
	return []headend.Duty{duty("30m", "HALF", 30*time.Minute, 2*time.Minute, headend.ImportWh), duty("15m", "QUARTER", 15*time.Minute, 5*time.Minute, headend.ImportWh),
		duty("15m", "QUARTER", 15*time.Minute, 5*time.Minute, headend.ExportWh), duty("day", "DAY", 24*time.Hour, 6*time.Hour, headend.ImportWh)}
}

// storeNight stores what comes of a night in which everything happens: parts of a row in messages of their own, the same again, corrections,
// registers that come late or with a reservation, or off the slot, an exchange of a meter, devices nobody knows.
func storeNight(t *testing.T, s *timeseries.Store, rnd *rand.Rand) {
	t.Helper()
	grid(t, s)
	var points, meters []string
	for i := range 36 {
		model := []string{"HALF", "QUARTER", "DAY"}[i%3]
		points = append(points, fmt.Sprintf("P%02d,,,T1,D1,L1,2020-01-01,", i))
		exchange := ""
		if i%5 == 0 {
			exchange = night.Add(time.Duration(10+rnd.IntN(45)) * time.Minute).Format(time.RFC3339)
			meters = append(meters, fmt.Sprintf("N%02d,meter,mqtt,,%s,G1,P%02d,,%s,", i, model, i, exchange))
		}
		meters = append(meters, fmt.Sprintf("K%02d,meter,mqtt,,%s,G1,P%02d,,2020-01-01,%s", i, model, i, exchange))
	}
	for _, f := range []file{usagePoints(points...), devices(meters...)} {
		if r := f.load(t, s, false); !r.Written {
			t.Fatalf("%s: %+v", f.kind, r)
		}
	}
	if err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	var messages []headend.Batch
	for i := range 40 { // four of them are in no registry
		for _, prefix := range []string{"K", "N"} {
			for q := -28; q <= 5; q++ {
				if rnd.IntN(4) == 0 || i%3 == 2 && rnd.IntN(8) != 0 { // what owes a register a day says little
					continue
				}
				if i%3 < 2 && q < -1 && q%4 != 0 {
					continue
				}
				at := night.Add(time.Duration(q) * 15 * time.Minute)
				if rnd.IntN(3) == 0 {
					at = at.Add(time.Duration(rnd.IntN(14*60)-7*60) * time.Second)
				}
				messages = append(messages, nightMessages(rnd, headend.DeviceID(fmt.Sprintf("%s%02d", prefix, i)), at, 1000+q+28)...)
			}
		}
	}
	rnd.Shuffle(len(messages), func(i, j int) { messages[i], messages[j] = messages[j], messages[i] })
	for len(messages) > 0 {
		n := min(len(messages), 100+rnd.IntN(500))
		appendAll(t, s, messages[:n]...)
		messages = messages[n:]
	}
}

func nightMessages(rnd *rand.Rand, device headend.DeviceID, at time.Time, wh int) []headend.Batch {
	one := func(pairs ...any) headend.Batch {
		b := batch(device, at, pairs...)
		b.Received = at.Add(time.Duration(rnd.IntN(80)) * time.Minute)
		if rnd.IntN(8) == 0 {
			for i := range b.Readings {
				b.Readings[i].Quality = []headend.Quality{headend.QualityHistorical, headend.QualityUncertain, headend.QualityClockDoubtful}[rnd.IntN(3)]
			}
		}
		return b
	}
	switch rnd.IntN(6) {
	case 0:
		return []headend.Batch{one("v1", 230.5)}
	case 1:
		return []headend.Batch{one("v1", 230.5), one("import_wh", wh), one("export_wh", wh)}
	case 2:
		return []headend.Batch{one("import_wh", wh), one("import_wh", wh)}
	case 3:
		return []headend.Batch{one("import_wh", wh, "export_wh", wh), one("import_wh", wh+1)}
	default:
		return []headend.Batch{one("import_wh", wh, "export_wh", wh, "v1", 229.5)}
	}
}

// TestWhatCameIsKnownFromNotes looks at a night twice, by the notes of arrivals and by the readings, and compares both with brute force.
func TestWhatCameIsKnownFromNotes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		storeNight(t, s, rand.New(rand.NewPCG(seed, 1)))
		var wantCounts, wantGaps []string
		for _, d := range nightDuties() {
			counts, gaps := oweNight(t, s, d)
			wantCounts, wantGaps = append(wantCounts, counts), append(wantGaps, gaps...)
		}
		slices.Sort(wantCounts)
		slices.Sort(wantGaps)
		notes := table(t, s, "SELECT count(*), sum(again) > 0 FROM arrival")
		if notes[0] == "0 <nil>" || notes[0][len(notes[0])-4:] != "true" {
			t.Fatalf("notes: %v", notes)
		}
		for _, by := range []string{"notes", "readings"} {
			if by == "readings" { // what the notes say is not looked at any more
				if err := s.Exec(t.Context(), "UPDATE billing_state SET noted_since = 'infinity'; DELETE FROM read_success; DELETE FROM gap; DELETE FROM arrival"); err != nil {
					t.Fatal(err)
				}
			} else if err := s.Exec(t.Context(), "ALTER TABLE reading RENAME COLUMN import_wh TO unseen"); err != nil { // nor the readings before
				t.Fatal(err)
			}
			assess(t, s, nightDuties())
			if by == "notes" {
				if err := s.Exec(t.Context(), "ALTER TABLE reading RENAME COLUMN unseen TO import_wh"); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(wantCounts, table(t, s, asLooked)); diff != "" {
				t.Errorf("counted by %s (-want +got):\n%s", by, diff)
			}
			if diff := cmp.Diff(wantGaps, table(t, s, asGaps)); diff != "" {
				t.Errorf("gaps by %s (-want +got):\n%s", by, diff)
			}
		}
	})
}

func assess(t *testing.T, s *timeseries.Store, duties []headend.Duty) {
	t.Helper()
	kept, err := s.KeepBilling(t.Context(), func(k headend.BillingKeeper) error {
		_, err := k.Assess(t.Context(), duties)
		return err
	})
	if err != nil || !kept {
		t.Fatal(kept, err)
	}
}

// oweNight says by brute force what a look at a duty must count, and which gaps it must open.
func oweNight(t *testing.T, s *timeseries.Store, d headend.Duty) (counts string, gaps []string) {
	t.Helper()
	expected, inTime, late := 0, 0, 0
	lost := map[string]map[int64]bool{}
	rows, err := timeseries.Pool(s).Query(t.Context(), fmt.Sprintf(asOwed, d.Quantity), d.Slots, d.Tolerance, int16(d.Against), d.Within, d.Models[0])
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var point string
		var slot int64
		var came, soon bool
		if err := rows.Scan(&point, &slot, &came, &soon); err != nil {
			t.Fatal(err)
		}
		expected++
		switch {
		case soon:
			inTime++
		case came:
			late++
		default:
			if lost[point] == nil {
				lost[point] = map[int64]bool{}
			}
			lost[point][slot] = true
		}
	}
	if err := rows.Err(); err != nil || inTime == 0 || len(lost) == 0 {
		t.Fatalf("%s: %d in time, %d late, %d with a loss: %v", d.Schedule, inTime, late, len(lost), err)
	}
	for point, slots := range lost {
		for n := 0; n < len(d.Slots); n++ {
			if !slots[d.Slots[n].Unix()] {
				continue
			}
			from := d.Begins[n]
			for n+1 < len(d.Slots) && slots[d.Slots[n+1].Unix()] {
				n++
			}
			gaps = append(gaps, fmt.Sprintf("%s %s %s %s", d.Quantity, point, from.Format(time.RFC3339), d.Slots[n].Format(time.RFC3339)))
		}
	}
	return fmt.Sprintf("%s %s %d %d %d", d.Schedule, d.Quantity, expected, inTime, late), gaps
}

// TestNotesAreGoneWithAFailure: what is not stored is not noted, and what is noted once is not noted again.
func TestNotesAreGoneWithAFailure(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		appendAll(t, s, batch("M1", noon, "import_wh", 1000), batch("M2", noon.Add(time.Hour), "v1", 230.0))
		const notes = "SELECT count(*), sum(again), sum(octet_length(reads)) > 0 FROM arrival"
		expectRows(t, s, notes, "1 0 true") // a voltage is of no account
		bad := batch("M1", time.Date(300_000, 1, 1, 0, 0, 0, 0, time.UTC), "import_wh", 1001)
		if _, err := s.Append(t.Context(), []headend.Batch{batch("M2", noon, "import_wh", 1), bad}); err == nil {
			t.Fatal("a time that the database cannot keep was stored")
		}
		expectRows(t, s, notes, "1 0 true")
		appendAll(t, s, batch("M1", noon, "import_wh", 1000)) // the same again
		expectRows(t, s, notes, "1 0 true")
		appendAll(t, s, batch("M1", noon, "import_wh", 1001))
		expectRows(t, s, notes, "2 1 true")
	})
}

// TestNotesOfAnHourThatWasLookedAtAreDropped, and of one that nobody looks at, after which the readings are asked.
func TestNotesOfAnHourThatWasLookedAtAreDropped(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		appendAll(t, s, batch("M1", noon, "import_wh", 1000), batch("M1", noon.Add(30*time.Hour), "import_wh", 1001))
		kept, err := s.KeepBilling(t.Context(), func(k headend.BillingKeeper) error { return k.PutUpto(t.Context(), noon.Add(9*time.Hour)) })
		if err != nil || !kept {
			t.Fatal(kept, err)
		}
		expectRows(t, s, "SELECT hour FROM arrival", "2026-11-22T18:00:00Z")
		kept, err = s.KeepBilling(t.Context(), func(k headend.BillingKeeper) error {
			if err := k.PutUpto(t.Context(), noon.Add(48*time.Hour)); err != nil {
				return err
			}
			return errors.New("and then something failed")
		})
		if err == nil || kept {
			t.Fatal(kept, err)
		}
		expectRows(t, s, "SELECT hour FROM arrival", "2026-11-22T18:00:00Z")
		timeseries.Forget(t.Context(), s, noon.Add(90*time.Hour))
		expectRows(t, s, "SELECT (SELECT count(*) FROM arrival), noted_since FROM billing_state", "0 2026-11-23T07:00:00Z")
	})
}

// TestNotesThatAreCutAreRefused: whatever remains of a note, it is not read as something else.
func TestNotesThatAreCutAreRefused(t *testing.T) {
	packed, read := timeseries.PackedNight()
	for i, b := range packed {
		if n, err := read[i](b); n != 2 || err != nil {
			t.Fatalf("%d rows: %v", n, err)
		}
		whole := 0
		for cut := range b {
			if n, err := read[i](b[:cut]); err == nil {
				whole++
				if n > 1 {
					t.Errorf("%d of %d bytes are %d rows", cut, len(b), n)
				}
			}
		}
		if whole != 2 { // no row, one row
			t.Errorf("cut at %d places it was whole", whole)
		}
		if _, err := read[i](append([]byte{9}, b[1:]...)); err == nil {
			t.Error("another version was read")
		}
	}
}
