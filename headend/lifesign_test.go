package headend_test

import (
	"slices"
	"testing"
	"time"

	"lastgasp/headend"
)

func TestLifeSigns(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 30, 20, 0, time.UTC)
	minute := at.Truncate(time.Minute)
	read := func(offset time.Duration, q headend.Quantity, v float64, quality headend.Quality) headend.Reading {
		return headend.Reading{Time: at.Add(offset), Quantity: q, Value: headend.Real(v), Quality: quality}
	}
	cases := map[string]struct {
		readings []headend.Reading
		want     []headend.LifeSign
	}{
		"alive, no voltage":   {[]headend.Reading{read(0, "p", 100, 0)}, []headend.LifeSign{{Device: 7, Time: minute}}},
		"two in a minute":     {[]headend.Reading{read(0, "p", 1, 0), read(time.Second, "v1", 229, 0)}, []headend.LifeSign{{Device: 7, Time: minute, Present: headend.L1}}},
		"two minutes":         {[]headend.Reading{read(0, "p", 1, 0), read(time.Minute, "p", 1, 0)}, []headend.LifeSign{{Device: 7, Time: minute}, {Device: 7, Time: minute.Add(time.Minute)}}},
		"one phase dead":      {[]headend.Reading{read(0, "v1", 229, 0), read(0, "v2", 3, 0), read(0, "v3", 230, 0)}, []headend.LifeSign{{Device: 7, Time: minute, Present: headend.L1 | headend.L3, Absent: headend.L2}}},
		"between":             {[]headend.Reading{read(0, "v1", 30, 0)}, []headend.LifeSign{{Device: 7, Time: minute}}},
		"back in the minute":  {[]headend.Reading{read(0, "v1", 0, 0), read(20*time.Second, "v1", 230, 0)}, []headend.LifeSign{{Device: 7, Time: minute, Present: headend.L1}}},
		"counter":             {[]headend.Reading{read(0, headend.QuantityFailures, 5, 0)}, []headend.LifeSign{{Device: 7, Time: minute, Counter: headend.CountsAll, Count: 5}}},
		"received time":       {[]headend.Reading{read(0, "v1", 230, headend.QualityReceivedTime)}, nil},
		"read back is a sign": {[]headend.Reading{read(0, "v1", 230, headend.QualityHistorical)}, []headend.LifeSign{{Device: 7, Time: minute, Present: headend.L1}}},
	}
	for name, c := range cases {
		if got := headend.LifeSigns(nil, 7, c.readings); !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
