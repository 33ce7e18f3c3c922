package simulator

import (
	"encoding/binary"
	"math"

	"lastgasp/headend"
)

// modbusModel is the register map of one model, as far as a unit fills it. The maps below are written from
// the makers' documents and are the simulator's own: the head-end's profiles are never looked at, so that both
// cannot agree on the same mistake. Words and bytes are big-endian throughout.
type modbusModel struct {
	name      string
	kind      headend.DeviceKind
	functions []byte  // that read its registers: 3, 4 or both
	areas     []area  // readable registers, ascending; what no register below fills reads 0
	registers []field // ascending
	inputs    area    // discrete inputs, function 2
	coils     area    // function 1, all off
	bits      func(s unitState, bits *[16]byte)
	absent    bool   // the maker documents what stands where there is no value
	signed    uint16 // first word of a signed integer that is none; the others are 0xFFFF, or 0 after 0x8000
}

// area is addresses from (included) up to to (not).
type area struct{ from, to int }

func (a area) holds(from, to int) bool { return from >= a.from && to <= a.to }

// form is how a number lies in registers.
type form uint8

const (
	u16 form = iota + 1
	i16
	u32
	i32
	u64
	i64
	f32
)

func (f form) bytes() int {
	switch f {
	case u16, i16:
		return 2
	case u64, i64:
		return 8
	}
	return 4
}

// field is one value in a map. Either real and per are given, and what is sent is real·per, rounded where it is an
// integer; or whole and by, and what is sent is the floor of whole/by.
type field struct {
	address int
	form    form
	real    func(*unitView) float64
	per     float64
	whole   func(*unitView) int64
	by      int64
}

// encode writes the value into b. A value the form cannot hold is written as the absent one.
func (f *field) encode(b []byte, v *unitView, m *modbusModel) {
	if v.none {
		f.none(b, m)
		return
	}
	if f.form == f32 {
		binary.BigEndian.PutUint32(b, math.Float32bits(float32(f.real(v)*f.per)))
		return
	}
	var n int64
	if f.whole != nil {
		n = f.whole(v) / f.by
	} else {
		n = int64(math.Round(f.real(v) * f.per))
	}
	bits := 8 * f.form.bytes()
	low, high := int64(0), int64(math.MaxInt64)
	switch f.form {
	case i16, i32, i64:
		low, high = -1<<(bits-1), 1<<(bits-1)-1
	case u16, u32:
		high = 1<<bits - 1
	}
	if n < low || n > high {
		f.none(b, m)
		return
	}
	switch f.form.bytes() {
	case 2:
		binary.BigEndian.PutUint16(b, uint16(n))
	case 4:
		binary.BigEndian.PutUint32(b, uint32(n))
	case 8:
		binary.BigEndian.PutUint64(b, uint64(n))
	}
}

// none writes what stands where there is no value.
func (f *field) none(b []byte, m *modbusModel) {
	if f.form == f32 {
		binary.BigEndian.PutUint32(b, 0x7FC00000)
		return
	}
	b = b[:f.form.bytes()]
	for i := range b {
		b[i] = 0xFF
	}
	if f.form == i16 || f.form == i32 || f.form == i64 {
		binary.BigEndian.PutUint16(b, m.signed)
		if m.signed == 0x8000 {
			clear(b[2:])
		}
	}
}

// unitView is what a unit measures and reports at one moment.
type unitView struct {
	volts, amps, watts [3]float64 // volts of each phase to neutral
	importWh, exportWh int64      // towards the customers, and back
	hertz              float64
	state              unitState
	none               bool // every register shows the absent value
}

func (v *unitView) power() float64 { return v.watts[0] + v.watts[1] + v.watts[2] }

// Reactive power of a unit is a fixed part of its active power, and so are the counters.
const (
	unitPF  = 0.93
	unitTan = 0.3952 // √(1/unitPF² − 1)
)

// Getters for the maps.
func volt(i int) func(*unitView) float64 { return func(v *unitView) float64 { return v.volts[i] } }
func amp(i int) func(*unitView) float64  { return func(v *unitView) float64 { return v.amps[i] } }
func watt(i int) func(*unitView) float64 { return func(v *unitView) float64 { return v.watts[i] } }
func power(v *unitView) float64          { return v.power() }
func reactive(v *unitView) float64       { return v.power() * unitTan }
func apparent(v *unitView) float64       { return math.Abs(v.power()) / unitPF }
func hertz(v *unitView) float64          { return v.hertz }
func meanVolt(v *unitView) float64       { return (v.volts[0] + v.volts[1] + v.volts[2]) / 3 }
func meanAmp(v *unitView) float64        { return (v.amps[0] + v.amps[1] + v.amps[2]) / 3 }
func imported(v *unitView) int64         { return v.importWh }
func exported(v *unitView) int64         { return v.exportWh }
func importedVarh(v *unitView) int64     { return varh(v.importWh) }
func exportedVarh(v *unitView) int64     { return varh(v.exportWh) }
func apparentEnergy(v *unitView) int64   { return int64(float64(v.importWh+v.exportWh) / unitPF) }
func varh(wh int64) int64                { return int64(float64(wh) * unitTan) }
func factor(i int) func(*unitView) float64 {
	return func(v *unitView) float64 {
		if v.watts[i] < 0 {
			return -unitPF
		}
		return unitPF
	}
}

func totalFactor(v *unitView) float64 {
	if v.power() < 0 {
		return -unitPF
	}
	return unitPF
}

// line is the voltage between phases i and j: exact for a star in balance, and what is left of it when a
// phase is gone.
func line(i, j int) func(*unitView) float64 {
	return func(v *unitView) float64 {
		a, b := v.volts[i], v.volts[j]
		return math.Sqrt(a*a + b*b + a*b) // 120° between them
	}
}

// headModel: Schneider iEM3000 series, user guide DOCA0005DE. Its register numbers count from 1; these are
// addresses on the wire, one less. Powers in kW, energies in whole Wh.
var headModel = &modbusModel{
	name: "schneider_iem3000", kind: headend.KindMeter, functions: []byte{3}, absent: true, signed: 0x8000,
	areas: []area{{2999, 3111}, {3203, 3227}, {3517, 3529}},
	registers: []field{
		{address: 2999, form: f32, real: amp(0), per: 1}, {address: 3001, form: f32, real: amp(1), per: 1}, {address: 3003, form: f32, real: amp(2), per: 1},
		{address: 3009, form: f32, real: meanAmp, per: 1},
		{address: 3027, form: f32, real: volt(0), per: 1}, {address: 3029, form: f32, real: volt(1), per: 1}, {address: 3031, form: f32, real: volt(2), per: 1},
		{address: 3035, form: f32, real: meanVolt, per: 1},
		{address: 3053, form: f32, real: watt(0), per: 1e-3}, {address: 3055, form: f32, real: watt(1), per: 1e-3}, {address: 3057, form: f32, real: watt(2), per: 1e-3},
		{address: 3059, form: f32, real: power, per: 1e-3}, {address: 3067, form: f32, real: reactive, per: 1e-3}, {address: 3075, form: f32, real: apparent, per: 1e-3},
		{address: 3109, form: f32, real: hertz, per: 1},
		{address: 3203, form: i64, whole: imported, by: 1}, {address: 3207, form: i64, whole: exported, by: 1},
		{address: 3219, form: i64, whole: importedVarh, by: 1}, {address: 3223, form: i64, whole: exportedVarh, by: 1},
		{address: 3517, form: i64, whole: third(0), by: 1}, {address: 3521, form: i64, whole: third(1), by: 1}, {address: 3525, form: i64, whole: third(2), by: 1},
	},
}

// third deals an energy out to the phases in equal parts, exact in sum: what the meter counted by phase is not simulated.
func third(i int64) func(*unitView) int64 {
	return func(v *unitView) int64 { return (v.importWh + i) / 3 }
}

// transformerModel: ABB B23, manual of the B series. Energies count in 0.01 kWh; a value that is not there has
// all bits set, or all but the first where it has a sign.
var transformerModel = &modbusModel{
	name: "abb_b23", kind: headend.KindMeter, functions: []byte{3}, absent: true, signed: 0x7FFF,
	areas: []area{{0x5000, 0x5008}, {0x5460, 0x5478}, {0x5B00, 0x5B44}},
	registers: []field{
		{address: 0x5000, form: u64, whole: imported, by: 10}, {address: 0x5004, form: u64, whole: exported, by: 10},
		{address: 0x5460, form: u64, whole: third(0), by: 10}, {address: 0x5464, form: u64, whole: third(1), by: 10}, {address: 0x5468, form: u64, whole: third(2), by: 10},
		{address: 0x5B00, form: u32, real: volt(0), per: 10}, {address: 0x5B02, form: u32, real: volt(1), per: 10}, {address: 0x5B04, form: u32, real: volt(2), per: 10},
		{address: 0x5B0C, form: u32, real: amp(0), per: 100}, {address: 0x5B0E, form: u32, real: amp(1), per: 100}, {address: 0x5B10, form: u32, real: amp(2), per: 100},
		{address: 0x5B14, form: i32, real: power, per: 100},
		{address: 0x5B16, form: i32, real: watt(0), per: 100}, {address: 0x5B18, form: i32, real: watt(1), per: 100}, {address: 0x5B1A, form: i32, real: watt(2), per: 100},
		{address: 0x5B2C, form: u16, real: hertz, per: 100},
		{address: 0x5B3A, form: i16, real: totalFactor, per: 1000},
		{address: 0x5B3B, form: i16, real: factor(0), per: 1000}, {address: 0x5B3C, form: i16, real: factor(1), per: 1000}, {address: 0x5B3D, form: i16, real: factor(2), per: 1000},
	},
}

// relayModel: SEL-751A, instruction manual of 2010, tables E.7 and E.32. "Out" is what leaves the bus towards
// the customers. Inputs stand in rows of eight, lowest first; the rows can be read as registers from 1805 on too.
var relayModel = &modbusModel{
	name: "sel_751a", kind: headend.KindRTU, functions: []byte{3, 4}, signed: 0x8000,
	areas: []area{{650, 706}, {740, 744}, {1805, 1819}}, inputs: area{0, 112}, bits: relayBits,
	registers: []field{
		{address: 650, form: u16, real: amp(0), per: 1}, {address: 651, form: i16, real: constant(-22), per: 10},
		{address: 652, form: u16, real: amp(1), per: 1}, {address: 653, form: i16, real: constant(-142), per: 10},
		{address: 654, form: u16, real: amp(2), per: 1}, {address: 655, form: i16, real: constant(98), per: 10},
		{address: 660, form: u16, real: meanAmp, per: 1},
		{address: 664, form: u16, real: volt(0), per: 1},
		{address: 666, form: u16, real: constant(125), per: 10}, // VDC: the station battery
		{address: 667, form: u16, real: line(0, 1), per: 1}, {address: 668, form: i16, real: constant(30), per: 10},
		{address: 669, form: u16, real: line(1, 2), per: 1}, {address: 670, form: i16, real: constant(-90), per: 10},
		{address: 671, form: u16, real: line(2, 0), per: 1}, {address: 672, form: i16, real: constant(150), per: 10},
		{address: 673, form: u16, real: func(v *unitView) float64 { return (line(0, 1)(v) + line(1, 2)(v) + line(2, 0)(v)) / 3 }, per: 1},
		{address: 674, form: u16, real: volt(0), per: 1},
		{address: 676, form: u16, real: volt(1), per: 1}, {address: 677, form: i16, real: constant(-120), per: 10},
		{address: 678, form: u16, real: volt(2), per: 1}, {address: 679, form: i16, real: constant(120), per: 10},
		{address: 682, form: u16, real: meanVolt, per: 1},
		{address: 685, form: i16, real: power, per: 1e-3}, {address: 686, form: i16, real: reactive, per: 1e-3}, {address: 687, form: i16, real: apparent, per: 1e-3},
		{address: 688, form: i16, real: totalFactor, per: 100}, {address: 689, form: u16, real: hertz, per: 100},
		{address: 690, form: u32, whole: imported, by: 1000}, {address: 692, form: u32, whole: exportedVarh, by: 1000},
		{address: 694, form: u32, whole: importedVarh, by: 1000}, {address: 696, form: u32, whole: apparentEnergy, by: 1000},
		{address: 704, form: u32, whole: exported, by: 100_000},
		{address: 740, form: u16, real: amp(0), per: 1}, {address: 741, form: u16, real: amp(1), per: 1}, {address: 742, form: u16, real: amp(2), per: 1},
		{address: 1805, form: u16, whole: row(0), by: 1}, {address: 1806, form: u16, whole: row(1), by: 1}, {address: 1813, form: u16, whole: row(8), by: 1},
		{address: 1814, form: u16, whole: row(9), by: 1}, {address: 1815, form: u16, whole: row(10), by: 1}, {address: 1817, form: u16, whole: row(12), by: 1},
		{address: 1818, form: u16, whole: row(13), by: 1},
	},
}

func constant(value float64) func(*unitView) float64 {
	return func(*unitView) float64 { return value }
}

// row is a row of relay elements as a register.
func row(n int) func(*unitView) int64 {
	return func(v *unitView) int64 {
		var bits [16]byte
		relayBits(v.state, &bits)
		return int64(bits[n])
	}
}

// relayBits are the relay's elements, row after row.
func relayBits(s unitState, bits *[16]byte) {
	const (
		trip, enabled     = 6, 7
		contact52A        = 8 // closed
		ored50T           = 11
		pickupC           = 13 // 50C1P; B and A follow
		under1T, under1   = 72, 73
		allUnder          = 80
		fault, tsok, link = 104, 106, 111
	)
	setBit(bits, trip, s.open())
	setBit(bits, enabled, true)
	setBit(bits, contact52A, !s.open())
	setBit(bits, ored50T, s.passage())
	setBit(bits, under1T, s.above() != 0)
	setBit(bits, under1, s.above() != 0)
	setBit(bits, allUnder, s.above() == allPhases)
	setBit(bits, fault, s.passage())
	setBit(bits, tsok, true)
	setBit(bits, link, true)
	for i := range 3 {
		setBit(bits, pickupC+2-i, s.passage() && s.faulted()&(headend.L1<<i) != 0)
	}
}

func setBit(bits *[16]byte, number int, on bool) {
	if on {
		bits[number/8] |= 1 << (number % 8)
	}
}

// indicatorModel: Siemens SICAM FCM, manual of 2019, appendix B, with the 230 V sensor at the low-voltage side.
// Addresses as printed there. The word order of its counters is not documented; the high word comes first here.
var indicatorModel = &modbusModel{
	name: "siemens_sicam_fcm", kind: headend.KindRTU, functions: []byte{4}, signed: 0x8000,
	areas: []area{{301, 500}, {1000, 1062}}, inputs: area{1, 35}, coils: area{1, 13}, bits: indicatorBits,
	registers: []field{
		{address: 1000, form: u16, real: amp(0), per: 1}, {address: 1001, form: u16, real: amp(1), per: 1}, {address: 1002, form: u16, real: amp(2), per: 1},
		{address: 1004, form: u16, real: line(0, 1), per: 10}, {address: 1005, form: u16, real: line(1, 2), per: 10}, {address: 1006, form: u16, real: line(2, 0), per: 10},
		{address: 1007, form: u16, real: volt(0), per: 10}, {address: 1008, form: u16, real: volt(1), per: 10}, {address: 1009, form: u16, real: volt(2), per: 10},
		{address: 1015, form: u16, real: constant(30), per: 10}, {address: 1016, form: u16, real: constant(270), per: 10}, {address: 1017, form: u16, real: constant(150), per: 10},
		{address: 1019, form: u16, real: constant(240), per: 10}, {address: 1020, form: u16, real: constant(120), per: 10},
		{address: 1022, form: u16, real: part(0, 1/unitPF), per: 1e-2}, {address: 1023, form: i16, real: watt(0), per: 1e-2}, {address: 1024, form: i16, real: part(0, unitTan), per: 1e-2}, {address: 1025, form: i16, real: factor(0), per: 1000},
		{address: 1026, form: u16, real: hertz, per: 100},
		{address: 1027, form: u16, real: part(1, 1/unitPF), per: 1e-2}, {address: 1028, form: i16, real: watt(1), per: 1e-2}, {address: 1029, form: i16, real: part(1, unitTan), per: 1e-2}, {address: 1030, form: i16, real: factor(1), per: 1000},
		{address: 1031, form: u16, real: part(2, 1/unitPF), per: 1e-2}, {address: 1032, form: i16, real: watt(2), per: 1e-2}, {address: 1033, form: i16, real: part(2, unitTan), per: 1e-2}, {address: 1034, form: i16, real: factor(2), per: 1000},
		{address: 1038, form: i16, real: power, per: 1e-2}, {address: 1039, form: i16, real: reactive, per: 1e-2}, {address: 1040, form: u16, real: apparent, per: 1e-2},
		{address: 1041, form: i16, real: totalFactor, per: 1000}, {address: 1042, form: i16, real: power, per: 1e-2}, {address: 1043, form: i16, real: reactive, per: 1e-2},
		{address: 1044, form: u16, real: apparent, per: 1e-2},
		{address: 1045, form: u32, whole: imported, by: 1000}, {address: 1047, form: u32, whole: exported, by: 1000},
		{address: 1049, form: u32, whole: importedVarh, by: 1000}, {address: 1051, form: u32, whole: exportedVarh, by: 1000},
		{address: 1058, form: u16, real: amp(0), per: 10}, {address: 1059, form: u16, real: amp(1), per: 10}, {address: 1060, form: u16, real: amp(2), per: 10},
	},
}

// part is a phase's active power times a factor: reactive with the sign of the active, apparent without.
func part(i int, times float64) func(*unitView) float64 {
	return func(v *unitView) float64 {
		if times > 1 {
			return math.Abs(v.watts[i]) * times
		}
		return v.watts[i] * times
	}
}

// indicatorBits are the indicator's status, as numbered in the manual.
func indicatorBits(s unitState, bits *[16]byte) {
	const (
		available, ground, underAlarm = 1, 4, 8
		phaseForward, groundForward   = 9, 11
		flowForward                   = 13 // and 15, 17 for L2, L3
		phaseFault, healthy           = 23, 25
		groundPhase                   = 29 // and 30, 31
		clockwise                     = 33
	)
	earth := s.passage() && s.ground()
	short := s.passage() && !s.ground()
	setBit(bits, available, s.passage() || s.lost() != 0)
	setBit(bits, ground, earth)
	setBit(bits, underAlarm, s.lost() != 0)
	setBit(bits, phaseForward, short)
	setBit(bits, groundForward, earth)
	setBit(bits, phaseFault, short)
	setBit(bits, healthy, true)
	setBit(bits, clockwise, s.lost() == 0)
	for i := range 3 {
		setBit(bits, groundPhase+i, earth && s.faulted()&(headend.L1<<i) != 0)
		setBit(bits, flowForward+2*i, s.lost()&(headend.L1<<i) == 0)
	}
}

var modbusModels = map[string]*modbusModel{headModel.name: headModel, transformerModel.name: transformerModel,
	relayModel.name: relayModel, indicatorModel.name: indicatorModel}
