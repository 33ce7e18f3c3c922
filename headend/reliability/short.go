package reliability

import (
	"cmp"
	"slices"
	"time"

	"lastgasp/headend"
)

// ShortFailures are failures that a meter only counted.
type ShortFailures struct {
	UsagePoint uint32
	From, To   time.Time // when the counter was read
	Count      int64
	AtLeast    bool // the log overflowed in between, so there may have been more
}

// CounterReading is a meter's count of power failures.
type CounterReading struct {
	Device   headend.DeviceID
	Time     time.Time
	Count    int64
	Overflow bool // the meter says its log has overflowed since the last reading
}

// CounterDifferences makes of the counter readings of one usage point, in any order, the failures that nobody logged:
// the difference between two readings of the same meter, less the interruptions the ledger has from that time. A
// negative difference, and another meter, are a new baseline.
func CounterDifferences(usagePoint uint32, readings []CounterReading, ledger []Merged) []ShortFailures {
	readings = slices.Clone(readings)
	slices.SortFunc(readings, func(a, b CounterReading) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), a.Time.Compare(b.Time), cmp.Compare(a.Count, b.Count))
	})
	var out []ShortFailures
	for i := 1; i < len(readings); i++ {
		a, b := &readings[i-1], &readings[i]
		count := b.Count - a.Count
		if a.Device != b.Device || count < 0 {
			continue
		}
		for k := range ledger {
			if start := ledger[k].Start; start.After(a.Time) && !start.After(b.Time) {
				count--
			}
		}
		if count > 0 || b.Overflow {
			out = append(out, ShortFailures{UsagePoint: usagePoint, From: a.Time, To: b.Time, Count: max(count, 0), AtLeast: b.Overflow})
		}
	}
	return out
}
