package simulator

import (
	"math"
	"slices"
)

// solar is a roof. What it gives is constant for a quarter of an hour: a clear day's curve under the
// clouds of that quarter. Import and export of such a customer are not a closed form, so they are summed day by day
// from solarEpoch on; the sums of the current day are kept, which makes going forward cheap and
// jumping costs 4 µs a day.
type solar struct {
	peak             int64 // W
	seed             uint64
	latitude         float64 // how much the day's length changes over the year, hours from 12
	today            int64   // the day whose beginning importJ and exportJ belong to
	importJ, exportJ int64
}

// solarEpoch is the local day (2025-01-01) on which solar customers got the two-way meters: both registers
// were 0. Earlier times show 0.
const solarEpoch = 1827

func newSolar(d *draw, climate Climate) *solar {
	s := &solar{peak: 3000 + int64(d.below(6000)), seed: d.next(), latitude: 0.7, today: solarEpoch}
	if climate == Europe {
		s.latitude = 3.5
	}
	return s
}

const quarter = 900

// watts is what the roof gives in quarter hour q of day k.
func (s *solar) watts(k, q int64) int64 {
	season := math.Cos(2 * math.Pi * (float64(k) - 172) / 365.25) // 1 at midsummer
	half := 6 + s.latitude/2*season
	x := (float64(q)*0.25 + 0.125 - 12) / half
	if x <= -1 || x >= 1 {
		return 0
	}
	sky := 0.35 + 0.65*unit(mix2(s.seed, uint64(k))) // of the day
	cloud := sky + (1-sky)*0.5*unit(mix2(s.seed^uint64(k)<<20, uint64(q)))
	return int64(float64(s.peak) * math.Cos(x*math.Pi/2) * cloud * (0.8 + 0.15*season))
}

// step is a change of net power at a second of the day.
type step struct {
	second int32
	delta  int64
}

// steps lists the changes of net power (drawn less given) over day k, in order; the first stands at
// second 0.
func (s *solar) steps(k int64, d *day, list []step) []step {
	list = append(list[:0], step{0, d.standby})
	if d.fridge.watts > 0 && d.fridge.on > 0 {
		for begin := -(d.fridge.phase % d.fridge.period); begin < dayJ; begin += d.fridge.period {
			if end := begin + d.fridge.on; end > 0 {
				list = append(list, step{int32(max(begin, 0)), d.fridge.watts}, step{int32(min(end, dayJ)), -d.fridge.watts})
			}
		}
	}
	for _, u := range d.uses[:d.count] {
		end := u.start + u.length
		if end > dayJ {
			list = append(list, step{0, int64(u.watts)}, step{end - dayJ, -int64(u.watts)})
			end = dayJ
		}
		list = append(list, step{u.start, int64(u.watts)}, step{end, -int64(u.watts)})
	}
	former := int64(0)
	for q := range int64(dayJ / quarter) {
		if w := s.watts(k, q); w != former {
			list = append(list, step{int32(q * quarter), former - w})
			former = w
		}
	}
	slices.SortFunc(list, func(a, b step) int { return int(a.second) - int(b.second) })
	return list
}

// integrate sums what is drawn and given up to the second, and the net power in it.
func integrate(list []step, second int64) (importJ, exportJ, watts int64) {
	add := func(seconds int64) {
		if watts > 0 {
			importJ += watts * seconds
		} else {
			exportJ -= watts * seconds
		}
	}
	last := int64(0)
	for _, s := range list {
		if int64(s.second) > second {
			break
		}
		add(int64(s.second) - last)
		last = int64(s.second)
		watts += s.delta
	}
	add(second - last)
	return importJ, exportJ, watts
}

// at is the customer's instant in second of day k, whose uses are in d.
func (s *solar) at(l *Demand, k, second int64, d *day) Instant {
	var room [256]step
	if k < solarEpoch {
		_, _, watts := integrate(s.steps(k, d, room[:]), second)
		return Instant{Watts: watts}
	}
	if k < s.today {
		s.today, s.importJ, s.exportJ = solarEpoch, 0, 0
	}
	var past day
	for ; s.today < k; s.today++ {
		l.day(s.today, &past)
		importJ, exportJ, _ := integrate(s.steps(s.today, &past, room[:]), dayJ)
		s.importJ, s.exportJ = s.importJ+importJ, s.exportJ+exportJ
	}
	importJ, exportJ, watts := integrate(s.steps(k, d, room[:]), second)
	return Instant{Watts: watts, ImportJ: s.importJ + importJ, ExportJ: s.exportJ + exportJ}
}
