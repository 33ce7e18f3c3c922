package timeseries

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
)

// signsOf is what Append would store for batches of devices 1, 2, …; each device has a number of its own.
func signsOf(t testing.TB, batches []headend.Batch, devices []int32) []headend.LifeSign {
	t.Helper()
	p := &pivot{}
	p.reset()
	numbers := map[headend.Quantity]int16{}
	for i := range batches {
		err := p.add(&registered{number: devices[i]}, &batches[i], func(q headend.Quantity) (int16, bool) {
			if _, ok := numbers[q]; !ok {
				numbers[q] = int16(len(numbers))
			}
			return numbers[q], q != "nameless"
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(p.signs.all) == 0 {
		return nil
	}
	code, first, last := p.signs.encode()
	var all []headend.LifeSign
	if err := decodeSigns(code, func(s sign) { all = append(all, s.lifeSign()) }); err != nil {
		t.Fatal(err)
	}
	low, high := all[0].Time, all[0].Time
	for _, s := range all {
		if s.Time.Before(low) {
			low = s.Time
		}
		if s.Time.After(high) {
			high = s.Time
		}
	}
	if !low.Equal(first) || !high.Equal(last) {
		t.Errorf("from %v to %v, the row says %v to %v", low, high, first, last)
	}
	return all
}

func sortSigns(signs []headend.LifeSign) []headend.LifeSign {
	slices.SortStableFunc(signs, func(a, b headend.LifeSign) int {
		if a.Device != b.Device {
			return int(a.Device - b.Device)
		}
		return a.Time.Compare(b.Time)
	})
	return slices.Compact(signs)
}

func randomReadings(rng *rand.Rand) []headend.Reading {
	start := time.Date(1999, 12, 31, 23, 57, 0, 0, time.UTC) // minutes before and after the store's zero
	if rng.IntN(2) == 0 {
		start = time.Date(2026, 11, 21, 10, 30, 0, 0, time.UTC)
	}
	names := []headend.Quantity{"v1", "v2", "v3", "p", "import_wh", headend.QuantityFailures, headend.QuantityShortFailures, "temperature", "nameless"}
	qualities := []headend.Quality{0, 0, 0, headend.QualityReceivedTime, headend.QualityClockDoubtful, headend.QualityUncertain, headend.QualityHistorical, headend.QualityCoarse | headend.QualityUncertain}
	var readings []headend.Reading
	at := start
	for range rng.IntN(30) {
		if rng.IntN(3) == 0 {
			at = start.Add(time.Duration(rng.Int64N(int64(6 * time.Minute))))
		}
		r := headend.Reading{Time: at, Quantity: names[rng.IntN(len(names))], Quality: qualities[rng.IntN(len(qualities))], Value: headend.Whole(rng.Int64N(5) - 1)}
		if r.Quantity[0] == 'v' {
			r.Value = headend.Real([]float64{0, 3, 20, 20.5, 39.9, 40, 57.7, 230, -1}[rng.IntN(9)])
		}
		readings = append(readings, r)
	}
	return readings
}

func TestSignsOfRowsAreThoseOfReadings(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 7))
	met := 0
	for round := range 3000 {
		var batches []headend.Batch
		var devices []int32
		var want []headend.LifeSign
		for range 1 + rng.IntN(4) {
			b := headend.Batch{Received: time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC), Readings: randomReadings(rng)}
			device := []int32{1, 2, 3, math.MaxInt32}[rng.IntN(4)]
			batches, devices = append(batches, b), append(devices, device)
			want = append(want, headend.LifeSigns(nil, device, b.Readings)...)
		}
		met += len(want)
		if diff := cmp.Diff(sortSigns(want), signsOf(t, batches, devices)); diff != "" {
			t.Fatalf("seed %d, round %d (-want +got):\n%s", seed, round, diff)
		}
	}
	if met < 3000 {
		t.Errorf("only %d signs were compared", met)
	}
}

func TestASignTakesFewBytes(t *testing.T) {
	var s signs
	s.reset()
	for device := range int32(1000) {
		s.all = append(s.all, sign{device: device + 1, minute: 14_000_000, flags: 1})
	}
	code, _, _ := s.encode()
	if len(code) > 3*1000+10 {
		t.Errorf("%d bytes for 1000 signs", len(code))
	}
}

// Whatever stands in the table: no panic, no more signs than bytes, and what is read is written the same.
func FuzzDecodeSigns(f *testing.F) {
	var s signs
	s.reset()
	s.all = append(s.all, sign{device: 7, minute: 14_000_000, flags: 1 | 2<<signAbsent}, sign{device: 7, minute: 13_000_000, flags: 1 << signCounter, count: 12},
		sign{device: math.MaxInt32, minute: -5, flags: 2<<signCounter | 7, count: math.MinInt64})
	code, _, _ := s.encode()
	f.Add(bytes.Clone(code))
	f.Add([]byte{})
	f.Add(binary.AppendUvarint(nil, math.MaxUint64))
	f.Add([]byte{1, 255, 255, 255, 255, 15, 0, 0})
	f.Fuzz(func(t *testing.T, code []byte) {
		var all []sign
		if err := decodeSigns(code, func(s sign) { all = append(all, s) }); err != nil || len(all) == 0 {
			return
		}
		if len(all) > len(code) {
			t.Fatalf("%d signs of %d bytes", len(all), len(code))
		}
		again := signs{all: slices.Clone(all)}
		code, _, _ = again.encode()
		var back []sign
		if err := decodeSigns(code, func(s sign) { back = append(back, s) }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(again.all, back) {
			t.Fatalf("%v became %v", again.all, back)
		}
	})
}

// BenchmarkSigns makes and encodes the signs of 5,000 rows: what Append does for them beside storing one row.
func BenchmarkSigns(b *testing.B) {
	var w wide
	for phase, column := range voltages {
		w.value[column] = math.Float64bits(230 + float64(phase))
		w.mask |= 1 << column
	}
	var s signs
	for b.Loop() {
		s.reset()
		for device := range int32(5000) {
			s.at(len(s.all), device+1, 845_000_000_000_000).take(&w)
		}
		code, _, _ := s.encode()
		b.SetBytes(int64(len(code)))
	}
}
