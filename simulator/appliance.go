package simulator

// appliance is a sort of use: how much it draws, for how long, and at what time of day it is begun.
type appliance struct {
	watts, seconds [2]int64 // from, to
	starts         [257]int32
}

// use draws one from 56 random bits.
func (a *appliance) use(h uint64) use {
	slot := h & 255
	from, to := a.starts[slot], a.starts[slot+1]
	between := func(r [2]int64, bits uint64) int32 { return int32(r[0] + (r[1]-r[0])*int64(bits)>>12) }
	return use{
		start:  (from + int32(int64(to-from)*int64(h>>8&0xfff)>>12)) % dayJ,
		watts:  between(a.watts, h>>20&0xfff),
		length: between(a.seconds, h>>32&0xfff),
	}
}

// window is a time of day in hours and how often an appliance is begun in it. To may be above 24.
type window struct{ from, to, weight float64 }

// newAppliance spreads 256 equally likely starts over the windows, which stand in the order of the day.
func newAppliance(watts, minutes [2]float64, windows ...window) *appliance {
	a := &appliance{watts: [2]int64{int64(watts[0]), int64(watts[1])}, seconds: [2]int64{int64(minutes[0] * 60), int64(minutes[1] * 60)}}
	total := 0.0
	for _, w := range windows {
		total += w.weight
	}
	slot := 0
	sum := 0.0
	for _, w := range windows {
		for ; slot <= 256 && float64(slot)/256*total <= sum+w.weight+1e-9; slot++ {
			a.starts[slot] = int32((w.from + (w.to-w.from)*(float64(slot)/256*total-sum)/w.weight) * 3600)
		}
		sum += w.weight
	}
	return a
}

// share says how many of a customer's uses are of one appliance.
type share struct {
	weight    float64
	appliance *appliance
}

// table deals 256 entries out by weight.
func table(shares ...share) (t [256]*appliance) {
	total := 0.0
	for _, s := range shares {
		total += s.weight
	}
	slot, sum := 0, 0.0
	for _, s := range shares {
		sum += s.weight
		for ; slot < 256 && float64(slot)+0.5 < sum/total*256; slot++ {
			t[slot] = s.appliance
		}
	}
	return t
}

// loadModels are the numbers behind the loads. The European household is fitted to the IEEE European LV
// feeder's 100 one-minute profiles and three British houses (demand_calibration_test.go has the tolerances). For
// Vietnam no measured profiles are at hand: appliances, hours of use and a mean near 200 kWh a month
// are assumptions.
var loadModels = [...][4]*loadModel{
	Vietnam: {Household: vietnamHousehold(), SolarHousehold: vietnamHousehold(), Trade: trade(7*3600, 22000, 196)},
	Europe:  {Household: europeHousehold(), SolarHousehold: europeHousehold(), Trade: trade(0, 18000, 15)},
}

// week makes the running sum of the days' factors, Monday first, scaled to a mean of 1.
func week(factors ...float64) (sums [7]float64) {
	total := 0.0
	for _, f := range factors {
		total += f
	}
	sum := 0.0
	for i, f := range factors {
		sums[i] = sum
		sum += f / total * 7
	}
	return sums
}

func europeHousehold() *loadModel {
	meals := []window{{6, 8, 1.8}, {8, 10, 2.2}, {10, 11.5, 1.4}, {11.5, 13.5, 2.6}, {13.5, 16, 2}, {16, 19.5, 4.2}, {19.5, 23, 3.4}}
	kettle := newAppliance([2]float64{2300, 2900}, [2]float64{2, 4.5}, meals...)
	cooking := newAppliance([2]float64{1000, 2300}, [2]float64{6, 24}, window{7, 9.5, 2}, window{11.5, 13.5, 3}, window{15.5, 20.5, 6})
	washing := newAppliance([2]float64{1900, 2300}, [2]float64{10, 26}, window{7, 12, 4}, window{12, 17, 3}, window{17, 23, 3})
	screen := newAppliance([2]float64{60, 220}, [2]float64{50, 200}, window{7, 12, 2.2}, window{12, 17, 2.8}, window{17, 23.5, 5})
	light := newAppliance([2]float64{50, 260}, [2]float64{40, 200}, window{6, 8.5, 1.4}, window{14.5, 17.5, 2}, window{17.5, 24, 5})
	small := newAppliance([2]float64{250, 1300}, [2]float64{2, 12}, meals...)
	shower := newAppliance([2]float64{7200, 9800}, [2]float64{3, 8}, window{6, 9, 5}, window{9, 16, 3}, window{16, 23.5, 5})
	common := []share{{6, kettle}, {2.2, cooking}, {0.7, washing}, {4, screen}, {4.2, light}, {4, small}}
	m := &loadModel{medianWh: 7500, spread: 0.42, season: 0.22, peakDay: 15, week: week(0.96, 0.96, 0.96, 0.97, 0.98, 1.07, 1.10),
		jitter: 0.55, heaters: 0.3, base: 0.25}
	m.uses[useCool] = table(common...)
	m.uses[useHot] = m.uses[useCool] // the crest of the year is the winter's: the same uses, more of them
	m.uses[useCool+useHeater] = table(append(common, share{0.8, shower})...)
	m.uses[useHot+useHeater] = m.uses[useCool+useHeater]
	return m
}

func vietnamHousehold() *loadModel {
	rice := newAppliance([2]float64{500, 800}, [2]float64{18, 32}, window{5.5, 6.5, 1}, window{10, 11.5, 4}, window{16.5, 18.5, 5})
	hob := newAppliance([2]float64{1000, 2000}, [2]float64{6, 22}, window{5.5, 7, 2}, window{10, 12, 3}, window{17, 19, 5})
	kettle := newAppliance([2]float64{1500, 2000}, [2]float64{3, 6}, window{5, 8, 3}, window{11, 14, 2}, window{17, 21, 3})
	screen := newAppliance([2]float64{60, 180}, [2]float64{50, 220}, window{6, 11, 2}, window{11, 17, 3}, window{17, 21.5, 7})
	light := newAppliance([2]float64{30, 160}, [2]float64{90, 260}, window{4.5, 6, 1}, window{17, 20, 7})
	fan := newAppliance([2]float64{40, 120}, [2]float64{120, 420}, window{6, 10, 1.5}, window{10, 14, 4}, window{18, 22, 4})
	pump := newAppliance([2]float64{600, 1100}, [2]float64{6, 20}, window{5, 8, 3}, window{15, 19, 3})
	washing := newAppliance([2]float64{250, 500}, [2]float64{30, 60}, window{6, 10, 4}, window{18, 21, 3})
	cooling := newAppliance([2]float64{450, 1100}, [2]float64{90, 400}, window{11, 14, 3}, window{19, 23.5, 7})
	heater := newAppliance([2]float64{1900, 2600}, [2]float64{7, 18}, window{5.5, 7.5, 2}, window{17, 22, 7})
	common := []share{{1.8, rice}, {2.2, hob}, {1.5, kettle}, {4, screen}, {3, light}, {1, pump}, {0.6, washing}}
	hot := append([]share{{4, fan}, {0.7, cooling}}, common...)
	cool := append([]share{{1, fan}}, common...)
	m := &loadModel{medianWh: 6300, spread: 0.5, zone: 7 * 3600, season: 0.28, peakDay: 181, week: week(0.98, 0.98, 0.98, 0.98, 0.99, 1.03, 1.06),
		jitter: 0.38, heaters: 0.55, base: 0.2}
	m.uses[useCool], m.uses[useHot] = table(cool...), table(hot...)
	m.uses[useCool+useHeater], m.uses[useHot+useHeater] = table(append(cool, share{1.2, heater})...), table(append(hot, share{0.3, heater})...)
	return m
}

func trade(zone int64, medianWh, peakDay float64) *loadModel {
	open := newAppliance([2]float64{150, 900}, [2]float64{120, 420}, window{6.5, 9, 4}, window{9, 13, 3}, window{13, 16, 2})
	machine := newAppliance([2]float64{800, 3500}, [2]float64{5, 40}, window{7, 12, 4.6}, window{12, 18, 5}, window{18, 21, 0.7})
	evening := newAppliance([2]float64{150, 600}, [2]float64{60, 200}, window{16, 20, 1})
	m := &loadModel{medianWh: medianWh, spread: 0.6, zone: zone, season: 0.15, peakDay: peakDay,
		week: week(1.08, 1.08, 1.08, 1.08, 1.1, 0.98, 0.6), jitter: 0.25, base: 0.35}
	for i := range m.uses {
		m.uses[i] = table(share{4, open}, share{5, machine}, share{1, evening})
	}
	return m
}
