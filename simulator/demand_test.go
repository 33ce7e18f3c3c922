package simulator

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Energy is the sum of power, second by second, over midnights and seasons, for every sort of customer.
func TestEnergyIsTheSumOfPower(t *testing.T) {
	for _, climate := range []Climate{Vietnam, Europe} {
		for _, customer := range []Customer{Household, SolarHousehold, Trade} {
			for c := range 2 { // one span over local midnight or UTC's, one over noon, when the sun shines
				d := NewDemand(3, fmt.Sprint(c), customer, climate)
				begin := time.Date(2026, time.Month(1+5*c), 7+c, [...]int{16, 4}[c], 30, 0, 0, time.UTC)
				first := d.At(begin)
				importJ, exportJ, positive := first.ImportJ, first.ExportJ, false
				for s := range 2 * 3600 {
					in := d.At(begin.Add(time.Duration(s) * time.Second))
					if in.ImportJ != importJ || in.ExportJ != exportJ {
						t.Fatalf("%v customer %d/%d after %d s: import %d export %d J, sum of power %d %d", climate, customer, c, s, in.ImportJ, in.ExportJ, importJ, exportJ)
					}
					if in.Watts < 0 && customer != SolarHousehold || in.Gross < 0 {
						t.Fatalf("customer %d/%d draws %d W, appliances %d W", customer, c, in.Watts, in.Gross)
					}
					importJ += max(in.Watts, 0)
					exportJ += max(-in.Watts, 0)
					positive = positive || in.Watts < 0
				}
				if importJ == first.ImportJ && customer != SolarHousehold {
					t.Errorf("%v customer %d/%d drew nothing in 2 h", climate, customer, c)
				}
				if customer == SolarHousehold && c == 1 && climate == Vietnam && !positive {
					t.Errorf("%v solar customer %d never fed in", climate, c)
				}
			}
		}
	}
}

// Any instant can be asked in any order, for any year, and a day's budget is spent to the joule.
func TestDemandNeedsNoHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		customer := rapid.SampledFrom([]Customer{Household, Trade}).Draw(t, "customer")
		climate := rapid.SampledFrom([]Climate{Vietnam, Europe}).Draw(t, "climate")
		d := NewDemand(rapid.Uint64().Draw(t, "seed"), rapid.String().Draw(t, "id"), customer, climate)
		k := rapid.Int64Range(-4000, 20000).Draw(t, "day")
		var today day
		d.day(k, &today)
		if got, want := today.energy(dayJ), d.before(k+1)-d.before(k); got != want {
			t.Fatalf("day %d spends %d J of %d", k, got, want)
		}
		if today.standby < 0 {
			t.Fatalf("day %d: standby %d W", k, today.standby)
		}
		second := rapid.Int64Range(0, dayJ-1).Draw(t, "second")
		if got, want := today.energy(second+1)-today.energy(second), today.power(second); got != want {
			t.Fatalf("second %d of day %d: %d J at %d W", second, k, got, want)
		}
	})
}

// A solar customer's sums kept for the current day change nothing: asked backwards it says the same.
func TestSolarBackwards(t *testing.T) {
	begin := time.Date(2026, 5, 3, 3, 0, 0, 0, time.UTC)
	forwards, backwards := NewDemand(1, "a", SolarHousehold, Vietnam), NewDemand(1, "a", SolarHousehold, Vietnam)
	var list []Instant
	for h := range 100 {
		list = append(list, forwards.At(begin.Add(time.Duration(h)*time.Hour)))
	}
	for h := 99; h >= 0; h-- {
		if got := backwards.At(begin.Add(time.Duration(h) * time.Hour)); got != list[h] {
			t.Fatalf("hour %d: %+v backwards, %+v forwards", h, got, list[h])
		}
	}
}

func BenchmarkDemand(b *testing.B) {
	for name, customer := range map[string]Customer{"household": Household, "trade": Trade, "solar": SolarHousehold} {
		b.Run(name, func(b *testing.B) {
			demands := make([]Demand, 100)
			for i := range demands {
				demands[i] = NewDemand(1, fmt.Sprint(i), customer, Vietnam)
			}
			at := time.Date(2026, 5, 3, 3, 0, 0, 0, time.UTC)
			for i := range demands {
				demands[i].At(at)
			}
			for n := 0; b.Loop(); n++ {
				demands[n%100].At(at.Add(time.Duration(n/100) * time.Minute))
			}
		})
	}
}
