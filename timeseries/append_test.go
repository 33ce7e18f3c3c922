package timeseries_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// batch is what a meter says at a time: pairs of quantity and value.
func batch(device headend.DeviceID, at time.Time, pairs ...any) headend.Batch {
	b := headend.Batch{Device: device, Received: at.Add(2 * time.Second), Source: headend.Source{Protocol: "mqtt", Address: "ami/v1/" + string(device) + "/reads"}}
	for i := 0; i < len(pairs); i += 2 {
		r := headend.Reading{Time: at, Quantity: headend.Quantity(pairs[i].(string))}
		switch v := pairs[i+1].(type) {
		case int:
			r.Value = headend.Whole(int64(v))
		case float64:
			r.Value = headend.Real(v)
		}
		b.Readings = append(b.Readings, r)
	}
	return b
}

func appendAll(t *testing.T, s *timeseries.Store, batches ...headend.Batch) headend.Appended {
	t.Helper()
	done, err := s.Append(t.Context(), batches)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// table runs a query and returns its rows as text, columns joined by spaces.
func table(t *testing.T, s *timeseries.Store, sql string, args ...any) []string {
	t.Helper()
	rows, err := timeseries.Pool(s).Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		values, err := row.Values()
		words := make([]string, len(values))
		for i, v := range values {
			if at, ok := v.(time.Time); ok {
				v = at.UTC().Format(time.RFC3339)
			}
			words[i] = fmt.Sprint(v)
		}
		return strings.Join(words, " "), err
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func expectRows(t *testing.T, s *timeseries.Store, sql string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, table(t, s, sql)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", sql, diff)
	}
}

func expectCounts(t *testing.T, got, want headend.Appended) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

const current = `SELECT d.id, r.time, coalesce(import_wh::text, '-'), coalesce(v1::text, '-'), coalesce(p::text, '-')
	FROM reading r JOIN device d ON d.number = r.meter ORDER BY d.id, r.time`

const history = `SELECT d.id, h.time, h.quantity, h.value::text FROM reading_history h JOIN device d ON d.number = h.meter ORDER BY 1, 2, 3, 4`

func TestTheSameAgainIsADuplicate(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		b := batch("M1", noon, "import_wh", 1000, "v1", 229.8, "temperature", 31.5)
		expectCounts(t, appendAll(t, s, b), headend.Appended{Readings: 3, NewDevices: 1, Unassigned: 3})
		expectCounts(t, appendAll(t, s, b), headend.Appended{Duplicates: 3, Unassigned: 3})
		expectCounts(t, appendAll(t, s, b, b), headend.Appended{Duplicates: 6, Unassigned: 6})
		expectRows(t, s, current, "M1 2026-11-21T12:00:00Z 1000 229.8 -")
		expectRows(t, s, "SELECT q.name, o.value FROM reading_other o JOIN quantity q ON q.number = o.quantity", "temperature 31.5")
		expectRows(t, s, "SELECT count(*) FROM reading_history", "0")
	})
}

func TestAnotherValueBecomesCurrentAndTheFormerStays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		appendAll(t, s, batch("M1", noon, "import_wh", 1000, "v1", 229.8, "temperature", 31.5))
		expectCounts(t, appendAll(t, s, batch("M1", noon, "import_wh", 1001, "v1", 229.8, "temperature", 32.0)),
			headend.Appended{Readings: 2, Duplicates: 1, Conflicts: 2, Unassigned: 3})
		expectRows(t, s, current, "M1 2026-11-21T12:00:00Z 1001 229.8 -")
		expectRows(t, s, history, "M1 2026-11-21T12:00:00Z import_wh 1000", "M1 2026-11-21T12:00:00Z temperature 31.5")
		// the first message comes again, late, because its acknowledgement was lost: it must not win
		expectCounts(t, appendAll(t, s, batch("M1", noon, "import_wh", 1000, "v1", 229.8, "temperature", 31.5)),
			headend.Appended{Duplicates: 3, Unassigned: 3})
		expectRows(t, s, current, "M1 2026-11-21T12:00:00Z 1001 229.8 -")
		expectRows(t, s, "SELECT count(*) FROM reading_history", "2")
	})
}

func TestPartsOfOneTimeFillOneRow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		appendAll(t, s, batch("M1", noon, "v1", 229.8))
		expectCounts(t, appendAll(t, s, batch("M1", noon, "import_wh", 7)), headend.Appended{Readings: 1, Unassigned: 1})
		expectCounts(t, appendAll(t, s, batch("M2", noon, "p", 5.0), batch("M2", noon, "v1", 1.5), batch("M2", noon, "p", 6.0)),
			headend.Appended{Readings: 2, Conflicts: 1, NewDevices: 1, Unassigned: 3})
		expectRows(t, s, current, "M1 2026-11-21T12:00:00Z 7 229.8 -", "M2 2026-11-21T12:00:00Z - 1.5 6")
		expectRows(t, s, history, "M2 2026-11-21T12:00:00Z p 5")
	})
}

func TestAConflictWithinOneCallIsHistoryOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		first, second := batch("M1", noon, "import_wh", 1), batch("M1", noon, "import_wh", 2)
		appendAll(t, s, first)
		appendAll(t, s, first, second)
		appendAll(t, s, first, second, first)
		expectRows(t, s, current, "M1 2026-11-21T12:00:00Z 2 - -")
		expectRows(t, s, history, "M1 2026-11-21T12:00:00Z import_wh 1")
	})
}

func TestEveryColumnComesBackAsItWent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		var b = headend.Batch{Device: "M1", Received: noon}
		for i, q := range headend.Columns {
			v := headend.Whole(int64(i + 1))
			if i >= headend.EnergyColumns {
				v = headend.Real(float64(i) + 0.25)
			}
			b.Readings = append(b.Readings, headend.Reading{Time: noon, Quantity: q, Value: v, Quality: headend.QualityCoarse})
		}
		appendAll(t, s, b)
		names := make([]string, len(headend.Columns))
		var want []string
		for i, q := range headend.Columns {
			names[i] = string(q)
			want = append(want, b.Readings[i].Value.String())
		}
		expectRows(t, s, "SELECT "+strings.Join(names, ", ")+" FROM reading", strings.Join(want, " "))
		expectRows(t, s, "SELECT quality FROM reading", fmt.Sprint(int(headend.QualityCoarse)))
		expectCounts(t, appendAll(t, s, b), headend.Appended{Duplicates: len(headend.Columns), Unassigned: len(headend.Columns)})
	})
}

func TestEventsAreStoredOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		b := headend.Batch{Device: "M1", Gateway: "G1", Received: noon, Events: []headend.Event{
			{Time: noon, Type: headend.EventPowerDown, Seq: 17},
			{Time: noon, Type: headend.EventPowerDown, Seq: 18},
			{Time: noon, Type: headend.EventPowerFailure, Seq: headend.NoSeq, Duration: 2_317_482_647 * time.Second, Phases: headend.L1 | headend.L3},
		}}
		expectCounts(t, appendAll(t, s, b), headend.Appended{Events: 3, NewDevices: 2})
		expectCounts(t, appendAll(t, s, b), headend.Appended{Repeats: 3})
		expectRows(t, s, "SELECT e.type, e.seq, e.duration, e.phases, g.id, g.kind FROM event e JOIN device g ON g.number = e.gateway ORDER BY e.seq",
			"power_failure -1 2317482647000 5 G1 gateway", "power_down 17 0 0 G1 gateway", "power_down 18 0 0 G1 gateway")
	})
}

func TestRefusalsAreKeptRaw(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		raw := []byte("{\x00\xff")
		b := headend.Refused("M\x001", noon, headend.Source{Protocol: "mqtt", Address: "ami/v1/\xff"}, raw, headend.ReasonMalformed, "not \x00 JSON")
		expectCounts(t, appendAll(t, s, b, batch("M2", noon, "v1", 1.0)), headend.Appended{Quarantined: 1, Readings: 1, NewDevices: 1, Unassigned: 1})
		expectRows(t, s, "SELECT encode(raw, 'hex'), reason, replayed IS NULL FROM quarantine", "7b00ff malformed true")
	})
}

func TestARowTheDatabaseRefusesIsADataFault(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		bad := headend.Batch{Device: "M1", Received: noon, Events: []headend.Event{{Time: noon, Type: "a\x00b", Seq: headend.NoSeq}}}
		for name, b := range map[string]headend.Batch{
			"NUL in an event":  bad,
			"energy as a real": batch("M1", noon, "import_wh", 1.5),
		} {
			_, err := s.Append(t.Context(), []headend.Batch{batch("M2", noon, "v1", 1.0), b})
			var fault *headend.DataFault
			if !errors.As(err, &fault) {
				t.Errorf("%s: error %v, want a *headend.DataFault", name, err)
			}
		}
		expectRows(t, s, "SELECT count(*) FROM reading", "0")
	})
}

func TestUnknownDevicesAreLimited(t *testing.T) {
	storetest.EachEngine(t, func(t *testing.T, engine timeseries.Engine) {
		s := storetest.OpenURL(t, storetest.URL(t), timeseries.Options{Engine: engine, MaxNew: 2})
		appendAll(t, s, batch("M1", noon, "v1", 1.0), batch("M2", noon, "v1", 1.0))
		expectCounts(t, appendAll(t, s, batch("M3", noon, "v1", 1.0), batch("M1", noon.Add(time.Hour), "v1", 1.0)),
			headend.Appended{Quarantined: 1, Readings: 1, Unassigned: 1})
		expectRows(t, s, "SELECT device, reason FROM quarantine", "M3 too_many_new")
	})
}

func TestLateRowsLandInCompressedChunks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		if s.Engine() == timeseries.Postgres {
			return // nothing is compressed there
		}
		old := noon.AddDate(0, -2, 0)
		for i := range 20 {
			appendAll(t, s, batch("M1", old.Add(time.Duration(i)*time.Minute), "import_wh", 100+i))
		}
		if n := len(table(t, s, "SELECT compress_chunk(c) FROM show_chunks('reading') c")); n == 0 {
			t.Fatal("no chunk was compressed")
		}
		expectCounts(t, appendAll(t, s, batch("M1", old, "import_wh", 100)), headend.Appended{Duplicates: 1, Unassigned: 1})
		expectCounts(t, appendAll(t, s, batch("M1", old, "import_wh", 99)), headend.Appended{Readings: 1, Conflicts: 1, Unassigned: 1})
		expectCounts(t, appendAll(t, s, batch("M1", old, "v1", 230.0)), headend.Appended{Readings: 1, Unassigned: 1})
		expectCounts(t, appendAll(t, s, batch("M1", old.Add(time.Second), "import_wh", 100)), headend.Appended{Readings: 1, Unassigned: 1})
		expectRows(t, s, current+" LIMIT 2", "M1 2026-09-21T12:00:00Z 99 230 -", "M1 2026-09-21T12:00:01Z 100 - -")
		expectRows(t, s, "SELECT count(*) FROM reading", "21")
	})
}

// TestAppendAgainstAModel plays random batches, repeated and conflicting, from several goroutines, and
// compares with a map.
func TestAppendAgainstAModel(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 1))
		want := map[string]bool{}
		var calls [][]headend.Batch
		for range 60 {
			var call []headend.Batch
			for range 1 + random.IntN(40) {
				device := headend.DeviceID(fmt.Sprintf("M%d", random.IntN(5)))
				at := noon.Add(time.Duration(random.IntN(40)) * time.Hour)
				value := int(at.Unix()%1000) + len(device) // what is read at a time is always the same
				call = append(call, batch(device, at, "import_wh", value, "water", float64(value)))
				want[fmt.Sprintf("%s %s %d", device, at.Format(time.RFC3339), value)] = true
			}
			calls = append(calls, call, call)
		}
		random.Shuffle(len(calls), func(i, j int) { calls[i], calls[j] = calls[j], calls[i] })
		var wait sync.WaitGroup
		work := make(chan []headend.Batch)
		for range 4 {
			wait.Go(func() {
				for call := range work {
					if _, err := s.Append(context.Background(), call); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for _, call := range calls {
			work <- call
		}
		close(work)
		wait.Wait()
		got := map[string]bool{}
		for _, line := range table(t, s, "SELECT d.id, r.time, r.import_wh FROM reading r JOIN device d ON d.number = r.meter") {
			got[line] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("stored readings (-want +got):\n%s", diff)
		}
		expectRows(t, s, "SELECT count(*) FROM reading_history", "0")
		expectRows(t, s, "SELECT count(*) FROM reading_other", fmt.Sprint(len(want)))
	})
}

// A registry that is read again while new devices report must not forget them: their readings would be
// taken for those of devices beyond the limit.
func TestReloadingBesideNewDevices(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		stop := make(chan struct{})
		var reloading sync.WaitGroup
		reloading.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if err := s.Reload(context.Background()); err != nil {
						t.Error(err)
					}
				}
			}
		})
		for i := range 150 {
			appendAll(t, s, batch(headend.DeviceID(fmt.Sprintf("M%d", i)), noon, "v1", 1.0))
		}
		close(stop)
		reloading.Wait()
		expectRows(t, s, "SELECT count(*) FROM reading", "150")
		expectRows(t, s, "SELECT count(*) FROM quarantine", "0")
	})
}

// A correction of one old value touches only its own meter's segment, however many meters the chunk holds.
func TestOneLateCorrectionAmongManyMeters(t *testing.T) {
	if len(storetest.Engines()) == 1 {
		t.Skip("THE TIMESCALE HALF DID NOT RUN: this server has no TimescaleDB")
	}
	s := storetest.Open(t, timeseries.Timescale)
	day := noon.AddDate(0, 0, -30).Truncate(24 * time.Hour)
	const meters, times = 600, 96
	for i := range times {
		var all []headend.Batch
		for m := range meters {
			all = append(all, batch(headend.DeviceID(fmt.Sprintf("M%d", m)), day.Add(time.Duration(i)*15*time.Minute), "import_wh", 1000+i))
		}
		appendAll(t, s, all...)
	}
	if n := len(table(t, s, "SELECT compress_chunk(c) FROM show_chunks('reading') c")); n != 1 {
		t.Fatalf("%d chunks", n)
	}
	expectCounts(t, appendAll(t, s, batch("M5", day, "import_wh", 1)), headend.Appended{Readings: 1, Conflicts: 1, Unassigned: 1})
	var many []headend.Batch
	for m := range meters {
		many = append(many, batch(headend.DeviceID(fmt.Sprintf("M%d", m)), day.Add(15*time.Minute), "import_wh", 2))
	}
	expectCounts(t, appendAll(t, s, many...), headend.Appended{Readings: meters, Conflicts: meters, Unassigned: meters})
	expectRows(t, s, "SELECT count(*), sum(import_wh)::text FROM reading", fmt.Sprintf("%d %d", meters*times, meters*(times*1000+times*(times-1)/2)-999-meters*999))
}

func TestOneDeviceCannotUseUpTheNamesOfQuantities(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		bad := headend.Batch{Device: "M1", Received: noon, Raw: []byte("raw")}
		for i := range 250 {
			bad.Readings = append(bad.Readings, headend.Reading{Time: noon, Quantity: headend.Quantity(fmt.Sprintf("invented_%d", i)), Value: headend.Real(1)})
		}
		expectCounts(t, appendAll(t, s, bad), headend.Appended{Readings: 200, Quarantined: 1, NewDevices: 1, Unassigned: 250})
		appendAll(t, s, batch("M2", noon, "water", 1.0))
		expectRows(t, s, "SELECT count(*) FROM quantity", "201")
		expectRows(t, s, "SELECT device, reason FROM quarantine", "M1 bad_quantity")
	})
}

func TestOldReadingsReachTheRollUps(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		old := noon.AddDate(0, 0, -60)
		appendAll(t, s, batch("M1", noon, "import_wh", 9))
		if err := s.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		appendAll(t, s, batch("M1", old, "import_wh", 5))
		timeseries.Hourly(t.Context(), s, noon.AddDate(0, 0, 1))
		expectRows(t, s, "SELECT bucket, import_wh_last FROM reading_hour ORDER BY 1", "2026-09-22T12:00:00Z 5", "2026-11-21T12:00:00Z 9")
	})
}

func TestOneGatewayCannotUseUpTheRoomForUnknownDevices(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		var many []headend.Batch
		for i := range 5_100 {
			b := batch(headend.DeviceID(fmt.Sprintf("made-up-%d", i)), noon, "v1", 1.0)
			b.Gateway = "G1"
			many = append(many, b)
		}
		done := appendAll(t, s, many...)
		if done.Quarantined != 100 || done.Readings != 5_000 {
			t.Errorf("%+v: want 5,000 stored and 100 set aside", done)
		}
		other := batch("M1", noon, "v1", 1.0)
		other.Gateway = "G2"
		expectCounts(t, appendAll(t, s, other), headend.Appended{Readings: 1, NewDevices: 2, Unassigned: 1})
	})
}
