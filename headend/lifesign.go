package headend

import "time"

// LifeSign says that a device had supply, or measured that there was none, in the minute of one reading.
type LifeSign struct {
	Device  int32     // its number in the registry
	Time    time.Time // by the device's clock, cut to the minute, UTC
	Present Phases    // with voltage; 0 together with Absent 0: no voltage was measured, the device was alive
	Absent  Phases    // without voltage, though measured
	Counter Counter   // 0: Count says nothing
	Count   int64     // of the meter's power failures
}

// Counter is what a meter counts.
type Counter uint8

// Counters of power failures.
const (
	CountsAll   Counter = iota + 1 // every failure, however short
	CountsShort                    // only those too short for the meter's log
)

// Quantities that are counters of power failures.
const (
	QuantityFailures      Quantity = "power_failure_count"       // all, however short (OBIS 0-0:96.7.21)
	QuantityShortFailures Quantity = "short_power_failure_count" // only those too short for the log
)

// Bounds of what counts as voltage at a phase, in volts. 40 V is 0.7 times the 57.7 V of a voltage transformer's
// secondary side, the lowest nominal voltage in use; 20 V is more than what is induced in a dead line. Between them
// a voltage says nothing.
const (
	VoltagePresent = 40.0
	VoltageAbsent  = 20.0
)

// SaysNothing are the reservations under which a reading is no sign of life: nobody knows when it was made, or
// whether.
const SaysNothing = QualityReceivedTime | QualityClockDoubtful | QualityUncertain

// LifeSigns appends what readings of one device say about its supply: one sign for each minute that has a reading, and
// one for each value of a counter. It is the definition; the store makes the same signs from its own rows.
func LifeSigns(to []LifeSign, device int32, readings []Reading) []LifeSign {
	first := len(to)
	for i := range readings {
		r := &readings[i]
		if r.Quality&SaysNothing != 0 {
			continue
		}
		minute := r.Time.Truncate(time.Minute)
		sign := (*LifeSign)(nil)
		for j := len(to) - 1; j >= first && sign == nil; j-- {
			if to[j].Time.Equal(minute) {
				sign = &to[j]
			}
		}
		if sign == nil {
			to = append(to, LifeSign{Device: device, Time: minute})
			sign = &to[len(to)-1]
		}
		sign.take(r)
	}
	return to
}

func (s *LifeSign) take(r *Reading) {
	switch r.Quantity {
	case "v1", "v2", "v3":
		phase := L1 << (r.Quantity[1] - '1')
		switch v := r.Value.Float64(); {
		case v >= VoltagePresent:
			s.Present |= phase
			s.Absent &^= phase
		case v <= VoltageAbsent && s.Present&phase == 0:
			s.Absent |= phase
		}
	case QuantityFailures, QuantityShortFailures:
		counter := CountsAll
		if r.Quantity == QuantityShortFailures {
			counter = CountsShort
		}
		if s.Counter != 0 && s.Counter != counter {
			return // a meter that has both: the first one read holds
		}
		s.Counter, s.Count = counter, int64(r.Value.Float64())
	}
}
