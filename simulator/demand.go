package simulator

import (
	"math"
	"time"
)

// Demand is what one customer draws. It is a pure function of its seed and the time, in whole watts for
// every second, so that energy is the exact sum of power and any instant can be computed without what
// came before.
//
// How that works: the energy E drawn before day k is a closed form (a line, a yearly wave, the days of
// the week, and a jitter smaller than a day's least energy), so what day k may draw is the budget
// E(k+1) − E(k). The day spends it on standing load, a refrigerator, and uses of appliances drawn one
// by one from the hash of customer and day; the last use is cut so that the budget comes out to the
// joule.
type Demand struct {
	seed    uint64
	model   *loadModel
	mean    float64 // J a day, averaged over the years
	standby int64   // W
	fridge  fridge
	heater  bool // has the large water heater or shower
	solar   *solar
}

// fridge is a compressor that runs on seconds of every period, as from phase.
type fridge struct{ watts, on, period, phase int64 }

// loadModel is what customers of one sort in one climate have in common.
type loadModel struct {
	medianWh float64 // of a day's energy among customers
	spread   float64 // sigma of its logarithm
	zone     int64   // seconds east of Greenwich
	season   float64 // amplitude of the yearly wave, relative
	peakDay  float64 // day of the year of its crest
	week     [7]float64
	jitter   float64 // of a day against the next, relative
	heaters  float64 // share of customers with the large heater
	uses     [4][256]*appliance
	base     float64 // share of the mean that is standing load and refrigerator
}

const (
	dayJ       = 86400
	loadEpoch  = 1577836800 // 2020-01-01T00:00Z: registers count from that local day
	mostUses   = 72
	useCool    = 0 // index into loadModel.uses: season of the day, plus useHeater
	useHot     = 1
	useHeater  = 2
	wattSecond = 3600 // J in a Wh
)

// NewDemand makes the load of the customer with this id.
func NewDemand(seed uint64, id string, customer Customer, climate Climate) Demand {
	model := loadModels[climate][customer]
	d := draw(mixText(seed, id))
	l := Demand{seed: d.next(), model: model}
	normal := (d.unit() + d.unit() + d.unit() + d.unit() - 2) * math.Sqrt(3)
	l.mean = model.medianWh * math.Exp(model.spread*normal) * wattSecond
	standing := model.base * l.mean / dayJ
	l.fridge = fridge{watts: 70 + int64(d.below(50)), period: 2400 + int64(d.below(2400)), phase: int64(d.below(4800))}
	share := min(0.45*standing/float64(l.fridge.watts), 0.45)
	l.fridge.on = int64(share * float64(l.fridge.period))
	l.standby = max(int64(standing)-l.fridge.watts*l.fridge.on/l.fridge.period, 1)
	l.heater = d.unit() < model.heaters
	if customer == SolarHousehold {
		l.solar = newSolar(&d, climate)
	}
	return l
}

// before is the energy drawn before local day k, J.
func (l *Demand) before(k int64) int64 {
	m := l.model
	const year = 365.25
	wave := m.season * year / (2 * math.Pi) * math.Sin(2*math.Pi*(float64(k)-m.peakDay)/year)
	weeks, day := floorDiv(k+2, 7) // 2020-01-01 was a Wednesday: day 0 of the week is Monday
	jitter := m.jitter * unit(mix2(l.seed, uint64(k)))
	return int64(l.mean * (float64(weeks*7-2) + m.week[day] + wave + jitter))
}

func floorDiv(a, b int64) (quotient, rest int64) {
	quotient, rest = a/b, a%b
	if rest < 0 {
		quotient, rest = quotient-1, rest+b
	}
	return quotient, rest
}

// use is one run of an appliance. One that runs past midnight ends at the beginning of the same day,
// so that a day keeps to its budget.
type use struct{ start, length, watts int32 }

// day is what a load does on one local day.
type day struct {
	standby int64
	fridge  fridge
	uses    [mostUses]use
	count   int
}

// day fills d with local day k.
func (l *Demand) day(k int64, d *day) {
	budget := l.before(k+1) - l.before(k)
	d.standby, d.fridge, d.count = l.standby, l.fridge, 0
	budget -= d.standby*dayJ + d.fridge.energy(dayJ)
	for budget < 0 { // only a customer with hardly any load on a day with hardly any: nothing but standby
		if d.fridge.watts > 0 {
			budget += d.fridge.energy(dayJ)
			d.fridge.watts = 0
			continue
		}
		d.standby--
		budget += dayJ
	}
	mix := useCool
	if wave := math.Cos(2 * math.Pi * (float64(k) - l.model.peakDay) / 365.25); wave > 0 {
		mix = useHot
	}
	if l.heater {
		mix += useHeater
	}
	kinds := &l.model.uses[mix]
	stream := draw(mix2(l.seed^0x75736573, uint64(k)))
	for budget > 0 && d.count < mostUses-2 {
		h := stream.next()
		u := kinds[h&255].use(h >> 8)
		if energy := int64(u.watts) * int64(u.length); energy > budget {
			u.length = int32(budget / int64(u.watts))
		}
		budget -= int64(u.watts) * int64(u.length)
		if u.length > 0 {
			d.uses[d.count] = u
			d.count++
		}
		if budget > 0 && budget < int64(u.watts) { // the last joules, in one second
			d.uses[d.count] = use{start: (u.start + u.length) % dayJ, length: 1, watts: int32(budget)}
			d.count++
			budget = 0
		}
	}
	if budget > 0 { // more than the largest number of uses can spend: the rest runs all day
		d.standby += budget / dayJ
		d.uses[d.count] = use{start: 0, length: int32(budget % dayJ), watts: 1}
		d.count++
	}
}

// energy is what the compressor draws in the first s seconds of a day, J.
func (f *fridge) energy(s int64) int64 {
	return f.watts * (f.ran(s+f.phase) - f.ran(f.phase))
}

func (f *fridge) ran(s int64) int64 { return s/f.period*f.on + min(s%f.period, f.on) }

// energy is what the day draws in its first s seconds, J.
func (d *day) energy(s int64) int64 {
	sum := d.standby*s + d.fridge.energy(s)
	t := int32(s)
	for i := range d.uses[:d.count] {
		u := &d.uses[i]
		ran := min(max(t-u.start, 0), u.length)
		if wrapped := u.start + u.length - dayJ; wrapped > 0 {
			ran = min(t, wrapped) + max(t-u.start, 0)
		}
		sum += int64(u.watts) * int64(ran)
	}
	return sum
}

// power is what the day draws in second s, W.
func (d *day) power(s int64) int64 {
	sum := d.standby
	if (s+d.fridge.phase)%d.fridge.period < d.fridge.on {
		sum += d.fridge.watts
	}
	t := int32(s)
	for i := range d.uses[:d.count] {
		u := &d.uses[i]
		if since := t - u.start; since >= 0 && since < u.length || since < 0 && t < u.start+u.length-dayJ {
			sum += int64(u.watts)
		}
	}
	return sum
}

// local is the local day of a time and the second in it.
func (l *Demand) local(unix int64) (k, second int64) {
	return floorDiv(unix-loadEpoch+l.model.zone, dayJ)
}

// Instant is a demand at one second.
type Instant struct {
	Watts   int64 // drawn from the network; negative: fed into it
	ImportJ int64 // drawn since the first day, J
	ExportJ int64 // fed in since then, J; 0 without solar
	Gross   int64 // what the appliances draw, W: Watts and what solar gives
}

// At is the load in the second that begins at t. The energies are up to that second: over any span
// ImportJ − ExportJ grows by the sum of Watts of its seconds, exactly.
func (l *Demand) At(t time.Time) Instant {
	k, second := l.local(t.Unix())
	var d day
	l.day(k, &d)
	watts := d.power(second)
	if l.solar != nil {
		in := l.solar.at(l, k, second, &d)
		in.Gross = watts
		return in
	}
	return Instant{Watts: watts, Gross: watts, ImportJ: l.before(k) + d.energy(second)}
}
