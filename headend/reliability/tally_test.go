package reliability

import (
	"testing"

	"pgregory.net/rapid"
)

// Tallies and lengths are what maps of numbers are.
func TestTalliesAndLengthsAgreeWithMaps(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var sum tally
		var long lengths
		want, wantLong := map[uint32]uint64{}, map[uint32]int64{}
		for range rapid.IntRange(1, 5).Draw(rt, "parts") {
			var part tally
			var longPart lengths
			one := map[uint32]uint64{}
			many := rapid.IntRange(0, 30).Draw(rt, "many") == 0 // enough to make a page an array
			base := rapid.SampledFrom([]uint32{0, 60_000, 1 << 20}).Draw(rt, "base")
			n := rapid.IntRange(0, 40).Draw(rt, "n")
			if many {
				n = sparseMax + 5
			}
			for i := range n {
				point := base + uint32(i)
				if !many {
					point = base + uint32(rapid.IntRange(0, 10_000).Draw(rt, "point"))
				}
				if one[point] == 0 {
					one[point] = uint64(1 + i%9)
				}
			}
			for point, k := range one {
				part.set(point, k)
				longPart.plus(point, int64(k))
				want[point] += k
				wantLong[point] += int64(k)
			}
			sum.add(&part)
			long.add(&longPart)
			for point, k := range one { // what was added is as it was
				if part.of(point) != k {
					rt.Fatalf("adding changed what was added")
				}
			}
		}
		for bound := uint64(1); bound < 80; bound += 7 {
			n := uint64(0)
			for _, k := range want {
				if k >= bound {
					n++
				}
			}
			if got := sum.atLeast(bound).GetCardinality(); got != n {
				rt.Errorf("%d have %d or more, want %d", got, bound, n)
			}
			if got := long.atLeast(int64(bound)); got != int64(n) {
				rt.Errorf("%d have %d ms or more, want %d", got, bound, n)
			}
		}
		if got := sum.any().GetCardinality(); got != uint64(len(want)) {
			rt.Errorf("%d have any, want %d", got, len(want))
		}
	})
}
