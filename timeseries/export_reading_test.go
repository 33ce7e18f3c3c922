package timeseries_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// exported is a row of an export in words.
func exported(b *headend.ReadingBlock) (rows []string) {
	i := 0
	for _, run := range b.Runs {
		for range run.Rows {
			words := []string{string(run.Device), run.UsagePoint, time.UnixMicro(b.Time[i]).UTC().Format(time.RFC3339Nano), time.UnixMicro(b.Received[i]).UTC().Format(time.RFC3339Nano), b.Quality[i].String()}
			for _, c := range b.Columns {
				switch {
				case !c.Known[i]:
					words = append(words, "-")
				case c.Whole != nil:
					words = append(words, fmt.Sprint(c.Whole[i]))
				default:
					words = append(words, fmt.Sprint(c.Real[i]))
				}
			}
			rows = append(rows, strings.Join(words, " "))
			i++
		}
	}
	return rows
}

// pull exports a selection in pages of so many rows (0: in one), each from the place the one before told.
func pull(t *testing.T, s *timeseries.Store, of headend.ReadingSelection, limit int) (rows []string) {
	t.Helper()
	for place := (*headend.ReadingPlace)(nil); ; {
		n := len(rows)
		next, err := s.ExportReadings(t.Context(), of, place, limit, func(b *headend.ReadingBlock) error {
			rows = append(rows, exported(b)...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if next == nil {
			return rows
		}
		if len(rows)-n != limit {
			t.Fatalf("a page of %d rows with more behind it has %d", limit, len(rows)-n)
		}
		place = next
	}
}

func exchanged(t *testing.T, s *timeseries.Store) {
	t.Helper()
	for _, f := range []file{
		organisations("C,Company,company,,2020-01-01,", "D1,One,district,C,2020-01-01,", "D2,Two,district,C,2020-01-01,"),
		network("S,S,substation,,,,2020-01-01,", "T1,T1,transformer,S,,,2020-01-01,", "T2,T2,transformer,S,,,2020-01-01,"),
		usagePoints("U1,,,T1,D1,L1,2020-01-01,", "U2,,,T1,D2,L1,2020-01-01,", "U3,,,T2,D2,L1,2020-01-01,"),
		devices("M1,meter,mqtt,,,,U1,,2020-01-01,2026-11-03", "M2,meter,mqtt,,,,U2,,2020-01-01,", "M3,meter,mqtt,,,,U3,,2020-01-01,", "M4,meter,mqtt,,,,U1,,2026-11-03,"),
	} {
		if r := f.load(t, s, false); len(r.Refused) > 0 {
			t.Fatal(r.Refused)
		}
	}
	if err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// An export gives every reading of its selection once, whatever the engine, the page and the filters.
func TestExportOfReadings(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		exchanged(t, s)
		rng := rand.New(rand.NewPCG(7, 7))
		start := time.Date(2026, 11, 1, 0, 0, 0, 0, hanoi)
		type reading struct {
			device headend.DeviceID
			at     time.Time
			row    string // without its usage point
		}
		var all []reading
		var batches []headend.Batch
		for i, device := range []headend.DeviceID{"M1", "M2", "stranger", "M3", "M4"} {
			for at := start; at.Before(start.AddDate(0, 0, 4)); at = at.Add(time.Duration(20+rng.IntN(40)) * time.Minute) {
				b := batch(device, at)
				words := "measured"
				var wh, v, other string
				if wh = "-"; rng.IntN(4) > 0 {
					n := rng.Int64N(1 << 60)
					b.Readings = append(b.Readings, headend.Reading{Time: at, Quantity: headend.ImportWh, Value: headend.Whole(n), Quality: headend.QualityCoarse})
					wh, words = fmt.Sprint(n), "coarse"
				}
				if v = "-"; rng.IntN(3) > 0 {
					f := rng.Float64() * 240
					b.Readings = append(b.Readings, headend.Reading{Time: at, Quantity: headend.V1, Value: headend.Real(f)})
					v = fmt.Sprint(f)
				}
				if other = "-"; rng.IntN(3) > 0 {
					f := rng.Float64() * 30
					b.Readings = append(b.Readings, headend.Reading{Time: at, Quantity: "temperature", Value: headend.Real(f)})
					other = fmt.Sprint(f)
				}
				if i == 2 { // never asked for
					b.Readings = append(b.Readings, headend.Reading{Time: at, Quantity: headend.PF, Value: headend.Real(1)})
				}
				if len(b.Readings) == 0 {
					continue
				}
				batches = append(batches, b)
				if wh != "-" || v != "-" || other != "-" {
					all = append(all, reading{device, at, strings.Join([]string{at.UTC().Format(time.RFC3339Nano), at.Add(2 * time.Second).UTC().Format(time.RFC3339Nano), words, wh, v, other}, " ")})
				}
			}
		}
		rng.Shuffle(len(batches), func(i, j int) { batches[i], batches[j] = batches[j], batches[i] })
		for part := range slices.Chunk(batches, 50) {
			appendAll(t, s, part...)
		}
		exchange := time.Date(2026, 11, 3, 0, 0, 0, 0, hanoi)
		point := func(r reading) string {
			switch {
			case r.device == "M1" && r.at.Before(exchange), r.device == "M4" && !r.at.Before(exchange):
				return "U1"
			case r.device == "M2":
				return "U2"
			case r.device == "M3":
				return "U3"
			}
			return ""
		}
		from, to := start.Add(90*time.Minute), start.AddDate(0, 0, 3).Add(7*time.Hour)
		want := func(is func(r reading, point string) bool) (rows []string) {
			for _, r := range all {
				if p := point(r); is(r, p) && !r.at.Before(from) && r.at.Before(to) {
					rows = append(rows, string(r.device)+" "+p+" "+r.row)
				}
			}
			slices.Sort(rows)
			return rows
		}
		of := headend.ReadingSelection{From: from, To: to, Quantities: []headend.Quantity{headend.ImportWh, headend.V1, "temperature"}}
		for name, c := range map[string]struct {
			change func(*headend.ReadingSelection)
			is     func(r reading, point string) bool
		}{
			"all":          {func(*headend.ReadingSelection) {}, func(reading, string) bool { return true }},
			"devices":      {func(s *headend.ReadingSelection) { s.Devices = []headend.DeviceID{"M1", "stranger"} }, func(r reading, _ string) bool { return r.device == "M1" || r.device == "stranger" }},
			"usage points": {func(s *headend.ReadingSelection) { s.UsagePoints = []string{"U1", "U3"} }, func(_ reading, p string) bool { return p == "U1" || p == "U3" }},
			"organisation": {func(s *headend.ReadingSelection) { s.Organisation = "D2" }, func(_ reading, p string) bool { return p == "U2" || p == "U3" }},
			"company":      {func(s *headend.ReadingSelection) { s.Organisation = "C" }, func(_ reading, p string) bool { return p != "" }},
			"node":         {func(s *headend.ReadingSelection) { s.Node = "T1" }, func(_ reading, p string) bool { return p == "U1" || p == "U2" }},
			"both":         {func(s *headend.ReadingSelection) { s.Node, s.Organisation = "T1", "D2" }, func(_ reading, p string) bool { return p == "U2" }},
			"a device at a point": {func(s *headend.ReadingSelection) { s.Devices, s.UsagePoints = []headend.DeviceID{"M4"}, []string{"U1"} },
				func(r reading, p string) bool { return r.device == "M4" && p == "U1" }},
			"nothing": {func(s *headend.ReadingSelection) { s.Node, s.Organisation = "T2", "D1" }, func(reading, string) bool { return false }},
		} {
			selection := of
			c.change(&selection)
			wanted := want(c.is)
			if len(wanted) == 0 && name != "nothing" {
				t.Fatalf("%s: the test compares nothing", name)
			}
			whole := pull(t, s, selection, 0)
			sorted := slices.Sorted(slices.Values(whole))
			if diff := cmp.Diff(wanted, sorted); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
			limits := []int{1 + len(whole)/3}
			if name == "usage points" {
				limits = []int{17, len(whole) - 1, len(whole), len(whole) + 1}
			}
			for _, limit := range limits {
				if diff := cmp.Diff(whole, pull(t, s, selection, limit)); diff != "" {
					t.Errorf("%s in pages of %d (-whole +pages):\n%s", name, limit, diff)
				}
			}
		}
		// One quantity, of those with a column or of the others: rows without it are not there.
		for column, q := range of.Quantities {
			selection := of
			selection.Quantities = []headend.Quantity{q}
			n := 0
			for _, row := range want(func(reading, string) bool { return true }) {
				if strings.Fields(row)[len(strings.Fields(row))-3+column] != "-" {
					n++
				}
			}
			if got := pull(t, s, selection, 100); len(got) != n || n == 0 {
				t.Errorf("%s: %d rows, want %d", q, len(got), n)
			}
		}
	})
}

func TestExportRefusesWhatThereIsNot(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		exchanged(t, s)
		appendAll(t, s, batch("M1", noon, "import_wh", 1))
		of := headend.ReadingSelection{From: noon.Add(-time.Hour), To: noon.Add(time.Hour), Quantities: []headend.Quantity{headend.ImportWh}}
		for what, change := range map[string]func(*headend.ReadingSelection){
			"device":       func(s *headend.ReadingSelection) { s.Devices = []headend.DeviceID{"M1", "M9"} },
			"usage point":  func(s *headend.ReadingSelection) { s.UsagePoints = []string{"U9"} },
			"organisation": func(s *headend.ReadingSelection) { s.Organisation = "'; DROP TABLE reading; --" },
			"node":         func(s *headend.ReadingSelection) { s.Node = "S9" },
			"quantity":     func(s *headend.ReadingSelection) { s.Quantities = []headend.Quantity{"humidity"} },
		} {
			selection := of
			change(&selection)
			_, err := s.ExportReadings(t.Context(), selection, nil, 0, func(*headend.ReadingBlock) error { return nil })
			var unknown *headend.Unknown
			if !errors.As(err, &unknown) || unknown.What != what {
				t.Errorf("%s: %v", what, err)
			}
		}
		for name, p := range map[string]headend.ReadingPlace{
			"no slice":  {Device: 1},
			"between":   {Slice: 86400e6, From: 5, Time: 6},
			"elsewhere": {Slice: 86400e6, From: 86400e6, Time: 86400e6},
			"beyond":    {Slice: 86400e6, From: noon.Truncate(24 * time.Hour).UnixMicro(), Time: 1 << 62},
		} {
			if _, err := s.ExportReadings(t.Context(), of, &p, 0, func(*headend.ReadingBlock) error { return nil }); !errors.Is(err, headend.ErrCursor) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A receiver that gives up ends the export, frees its connection, and is told where it stood; from there it goes on.
func TestExportThatIsGivenUp(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *timeseries.Store) {
		exchanged(t, s)
		var batches []headend.Batch
		for i := range 200 {
			batches = append(batches, batch("M1", noon.Add(time.Duration(i)*time.Minute), "import_wh", i), batch("M3", noon.Add(time.Duration(i)*time.Minute), "import_wh", i))
		}
		appendAll(t, s, batches...)
		timeseries.BlocksOf(t, 60)
		of := headend.ReadingSelection{From: noon, To: noon.Add(24 * time.Hour), Quantities: []headend.Quantity{headend.ImportWh}}
		enough := errors.New("enough")
		var got []string
		place, err := s.ExportReadings(t.Context(), of, nil, 0, func(b *headend.ReadingBlock) error {
			if len(got) >= 120 {
				return enough
			}
			got = append(got, exported(b)...)
			return nil
		})
		if !errors.Is(err, enough) || place == nil || len(got) != 120 {
			t.Fatalf("%d rows, %v, %v", len(got), place, err)
		}
		if _, err := s.ExportReadings(t.Context(), of, place, 0, func(b *headend.ReadingBlock) error {
			got = append(got, exported(b)...)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if whole := pull(t, s, of, 0); !slices.Equal(whole, got) || len(whole) != 400 {
			t.Errorf("%d rows after going on, %d in one go", len(got), len(whole))
		}
		// The pool has lost no place: more exports than it has connections are given up one after the other.
		for range 20 {
			if _, err := s.ExportReadings(t.Context(), of, nil, 0, func(*headend.ReadingBlock) error { return enough }); !errors.Is(err, enough) {
				t.Fatal(err)
			}
		}
		if err := s.Ready(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// What COPY sends is read the same wherever it is cut, and a stream that is not one is an error.
func TestRowsOfCopy(t *testing.T) {
	stream := timeseries.CopyStream()
	want, err := timeseries.ReadCopy(stream)
	if err != nil || len(exported(want)) != 3 {
		t.Fatal(want, err)
	}
	for cut := range stream {
		for second := cut; second < len(stream); second += 7 {
			got, err := timeseries.ReadCopy(stream[:cut], stream[cut:second], stream[second:])
			if err != nil {
				t.Fatalf("cut at %d and %d: %v", cut, second, err)
			}
			if diff := cmp.Diff(exported(want), exported(got)); diff != "" {
				t.Fatalf("cut at %d and %d: %s", cut, second, diff)
			}
		}
		if _, err := timeseries.ReadCopy(stream[:cut]); err == nil {
			t.Errorf("a stream of %d bytes of %d passed for a whole one", cut, len(stream))
		}
	}
	if _, err := timeseries.ReadCopy(stream, stream); err == nil {
		t.Error("something behind the end passed")
	}
}

func FuzzRowsOfCopy(f *testing.F) {
	f.Add(timeseries.CopyStream(), 30)
	f.Fuzz(func(t *testing.T, stream []byte, cut int) {
		cut = max(0, min(cut, len(stream)))
		whole, err := timeseries.ReadCopy(stream)
		parts, err2 := timeseries.ReadCopy(stream[:cut], stream[cut:])
		if (err == nil) != (err2 == nil) || err == nil && !slices.Equal(exported(whole), exported(parts)) {
			t.Errorf("in one go %v, in two %v", err, err2)
		}
	})
}
