package modbus

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"testing"

	"lastgasp/headend"
)

// vectors are raw registers and the values independent software made of them, in W, V, A, kWh and kvarh.
type vectors struct {
	Vectors []struct {
		Type    string `json:"mbmd_type"`
		Name    string
		FC      int
		Address int
		Count   int
		Cases   []struct {
			Raw   string `json:"raw_hex"`
			Value float64
		}
	}
}

// modelOf names the profile for the models of the vectors that have one.
var modelOf = map[string]string{"SDM72": "eastron_sdm72dm_v2", "ABB": "abb_b23", "CGEM24_E1": "carlogavazzi_em330_em340", "DZG": "dzg_dvh4013",
	"INEPRO": "inepro_pro380", "SDM120": "eastron_sdm120", "SDM230": "eastron_sdm120",
	"ORNO3p": "orno_we516_we517", "FIND7M38": "finder_7m38"}

func TestVectors(t *testing.T) {
	text, err := os.ReadFile(shared(t, "devices", "modbus", "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	all := profiles(t)
	cases, byProfile := 0, 0
	for _, vector := range v.Vectors {
		reg := profileRegister(t, all, modelOf[vector.Type], vector.FC, vector.Address)
		for _, c := range vector.Cases {
			cases++
			data, err := hex.DecodeString(c.Raw)
			if err != nil {
				t.Fatal(err)
			}
			if reg != nil {
				byProfile++
				sameValue(t, vector.Type+" "+vector.Name, reg, data, c.Value)
			}
		}
		if reg == nil { // a model without a profile: one definition must explain all its cases
			explained := false
			for _, candidate := range candidates(vector.Count) {
				fits := true
				for _, c := range vector.Cases {
					data, err := hex.DecodeString(c.Raw)
					if err != nil {
						t.Fatal(err)
					}
					got, _, absent := candidate.value(candidate.raw(data), 0)
					fits = fits && absent == 0 && got.Float64() == c.Value
				}
				explained = explained || fits
			}
			if !explained {
				t.Errorf("%s %s: no type, order and scale gives %+v", vector.Type, vector.Name, vector.Cases)
			}
		}
	}
	if cases < 1000 || byProfile < 700 {
		t.Errorf("%d cases, %d by profiles: the vectors have changed", cases, byProfile)
	}
	t.Logf("%d cases, %d of them by the shipped profiles", cases, byProfile)
}

func profileRegister(t *testing.T, all *Profiles, model string, fc, address int) *Register {
	if model == "" {
		return nil
	}
	p, err := all.Get(model)
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.Registers {
		if reg := &p.Registers[i]; int(reg.Function) == fc && int(reg.Address) == address {
			return reg
		}
	}
	if model == "eastron_sdm120" && address == 36 { // phase angle, which the SDM230 has beyond the SDM120
		return nil
	}
	t.Fatalf("%s has no register %d", model, address)
	return nil
}

// candidates are the definitions tried for a model without a profile.
func candidates(count int) []*Register {
	types := map[int][]Type{1: {U16, I16}, 2: {U32, I32, F32}, 4: {U64, I64, F64}}[count]
	var out []*Register
	for _, typ := range types {
		for _, little := range []bool{false, true} {
			for exponent := -3; exponent <= 3; exponent++ {
				out = append(out, &Register{Type: typ, Count: uint16(count), WordLittle: little, Scale: headend.Decimal{Coefficient: 1, Exponent: exponent}, Factor: -1})
			}
		}
	}
	return out
}

// sameValue compares a register's value with that of a vector: measured values to the last bit; energy, which
// we keep as whole Wh, with the floor of the vector's kWh.
func sameValue(t *testing.T, name string, reg *Register, data []byte, want float64) {
	t.Helper()
	got, _, absent := reg.value(reg.raw(data), 0)
	if !energy(reg.Base) {
		if absent != 0 || got.Float64() != want {
			t.Errorf("%s %x: %v (%v), want %v", name, data, got, absent, want)
		}
		return
	}
	inKWh := *reg // the same register, not rounded to whole Wh
	inKWh.whole, inKWh.Power = false, 0
	exact, _, fault := inKWh.value(reg.raw(data), 0)
	if fault != 0 || math.Abs(exact.Float64()-want) > ulp(want) { // the vectors multiply by a float
		t.Errorf("%s %x: %v kWh (%v), want %v", name, data, exact, fault, want)
	}
	wh := math.Floor(math.Nextafter(want*1000, math.Inf(1)))
	switch {
	case want*1000 > math.MaxInt64 || want < 0 && reg.counts():
		if absent == 0 {
			t.Errorf("%s %x: %v kWh was taken as %v", name, data, want, got)
		}
	case absent != 0 || math.Abs(got.Float64()-wh) > ulp(wh):
		t.Errorf("%s %x: %v Wh (%v), want %v", name, data, got, absent, wh)
	}
}

func ulp(f float64) float64 {
	f = math.Abs(f)
	return math.Nextafter(f, math.Inf(1)) - f
}

// reg makes a register the way a profile's line does.
func reg(t testing.TB, line string) *Register {
	t.Helper()
	text := "model: own\nsource: test\nfunction: 3\nnot_there: {i16: 0x8000, u16: 0xFFFF, sunssf: 0x8000}\ngroups: {g: {interval: 1s}}\nregisters:\n  - {name: SF, address: 900, type: sunssf}\n  - {quantity: only, address: 901, type: u16, unit: 1}\n  - {" + line + "}\n"
	p, err := ParseProfile("own.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return &p.Registers[2]
}

func registers(words ...uint16) []byte {
	var b []byte
	for _, w := range words {
		b = binary.BigEndian.AppendUint16(b, w)
	}
	return b
}

func f32(f float32) []byte {
	return binary.BigEndian.AppendUint32(nil, math.Float32bits(f))
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		name, line string
		data       []byte
		exponent   int
		want       headend.Value
		quality    headend.Quality
		absent     Absence
	}{
		{"u16", "quantity: v1, address: 0, type: u16, scale: 0.1, unit: V", registers(2301), 0, headend.Real(230.1), 0, 0},
		{"i16 negative", "quantity: p, address: 0, type: i16, unit: kW", registers(0xFFFE), 0, headend.Real(-2000), 0, 0},
		{"u32 energy in 0.01 kWh", "quantity: import_wh, address: 0, type: u32, scale: 0.01, unit: kWh", registers(1, 2), 0, headend.Whole(655380), 0, 0},
		{"energy is floored", "quantity: import_wh, address: 0, type: u16, scale: 0.7, unit: Wh", registers(3), 0, headend.Whole(2), 0, 0},
		{"little words", "quantity: import_wh, address: 0, type: u32, unit: Wh, word_order: little", registers(2, 1), 0, headend.Whole(65538), 0, 0},
		{"little words of 64 bits", "quantity: import_wh, address: 0, type: u64, unit: Wh, word_order: little", registers(4, 3, 2, 1), 0, headend.Whole(0x0001000200030004), 0, 0},
		{"little bytes", "quantity: import_wh, address: 0, type: u32, unit: Wh, byte_order: little", registers(0x0100, 0x0200), 0, headend.Whole(65538), 0, 0},
		{"i64", "quantity: net_wh, address: 0, type: i64, unit: Wh", registers(0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE), 0, headend.Whole(-2), 0, 0},
		{"u64 too large", "quantity: import_wh, address: 0, type: u64, unit: Wh", registers(0xFFFF, 0, 0, 0), 0, headend.Value{}, 0, OutOfRange},
		{"u64 too large once scaled", "quantity: import_wh, address: 0, type: u64, unit: MWh", registers(0x0FFF, 0, 0, 0), 0, headend.Value{}, 0, OutOfRange},
		{"energy below zero", "quantity: import_wh, address: 0, type: i32, unit: Wh", registers(0xFFFF, 0xFFFF), 0, headend.Value{}, 0, NegativeTotal},
		{"2.3 kWh as a float", "quantity: import_wh, address: 0, type: f32, unit: kWh", f32(2.3), 0, headend.Whole(2300), 0, 0},
		{"last exact kWh float", "quantity: import_wh, address: 0, type: f32, unit: kWh", f32(16383.999), 0, headend.Whole(16383999), 0, 0},
		{"coarse kWh float", "quantity: import_wh, address: 0, type: f32, unit: kWh", f32(16384), 0, headend.Whole(16384000), headend.QualityCoarse, 0},
		{"Wh float", "quantity: import_wh, address: 0, type: f32, unit: Wh", f32(8388608), 0, headend.Whole(8388608), 0, 0},
		{"coarse Wh float", "quantity: import_wh, address: 0, type: f32, unit: Wh", f32(16777216), 0, headend.Whole(16777216), headend.QualityCoarse, 0},
		{"f64 Wh", "quantity: import_wh, address: 0, type: f64, unit: Wh", binary.BigEndian.AppendUint64(nil, math.Float64bits(1e12+0.5)), 0, headend.Whole(1e12), 0, 0},
		{"NaN", "quantity: v1, address: 0, type: f32, unit: V", []byte{0x7F, 0xC0, 0, 0}, 0, headend.Value{}, 0, NotANumber},
		{"infinity", "quantity: import_wh, address: 0, type: f32, unit: kWh", []byte{0x7F, 0x80, 0, 0}, 0, headend.Value{}, 0, NotANumber},
		{"float beyond all", "quantity: import_wh, address: 0, type: f32, unit: kWh", f32(3e38), 0, headend.Value{}, 0, OutOfRange},
		{"0x8000", "quantity: p, address: 0, type: i16, unit: W", registers(0x8000), 0, headend.Value{}, 0, NotMeasured},
		{"0xFFFF", "quantity: v1, address: 0, type: u16, unit: V", registers(0xFFFF), 0, headend.Value{}, 0, NotMeasured},
		{"0xFFFF where it is a value", "quantity: v1, address: 0, type: u16, unit: V, not_there: []", registers(0xFFFF), 0, headend.Real(65535), 0, 0},
		{"scale factor", "quantity: import_wh, address: 0, type: u32, unit: Wh, factor: SF", registers(0, 123), 2, headend.Whole(12300), 0, 0},
		{"negative scale factor", "quantity: v1, address: 0, type: u16, unit: V, factor: SF", registers(2301), -1, headend.Real(230.1), 0, 0},
		{"power factor in per cent", "quantity: pf, address: 0, type: i16, unit: '%'", registers(0xFFA1), 0, headend.Real(-0.95), 0, 0},
		{"offset", "quantity: temperature, address: 0, type: u16, unit: C, scale: 0.1, offset: -40", registers(605), 0, headend.Real(20.5), 0, 0},
		{"offset in the device's unit", "quantity: import_wh, address: 0, type: u16, unit: kWh, offset: 0.5", registers(1), 0, headend.Whole(1500), 0, 0},
		{"field", "quantity: tap, address: 0, type: u16, unit: 1, mask: 0x0F00", registers(0xA5FF), 0, headend.Whole(5), 0, 0},
		{"one bit", "quantity: alarm, address: 0, type: u16, unit: 1, bit: 3", registers(8), 0, headend.Whole(1), 0, 0},
		{"counter", "quantity: trips, address: 0, type: u16, unit: count", registers(7), 0, headend.Whole(7), 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := reg(t, c.line)
			got, quality, absent := r.value(r.raw(c.data), c.exponent)
			if got != c.want || quality != c.quality || absent != c.absent {
				t.Errorf("%v whole=%v (%v, %v), want %v whole=%v (%v, %v)", got, got.IsWhole(), quality, absent, c.want, c.want.IsWhole(), c.quality, c.absent)
			}
		})
	}
}

// Sentinels are absent in every profile that does not say otherwise, and nothing beside them is.
func TestUsualSentinels(t *testing.T) {
	p, err := ParseProfile("s.yaml", []byte(`model: s
source: test
function: 3
not_there: {i32: 0x7FFFFFFF, u64: []}
groups: {live: {interval: 1s}}
registers:
  - {quantity: a, address: 0, type: u16, unit: V}
  - {quantity: b, address: 1, type: i16, unit: V}
  - {quantity: c, address: 2, type: u32, unit: V}
  - {quantity: d, address: 4, type: i64, unit: V}
  - {quantity: e, address: 8, type: i32, unit: V}
  - {quantity: g, address: 10, type: u16, unit: V, not_there: 0}
  - {quantity: h, address: 11, type: u16, unit: 1, mask: 0xFF00}
  - {state: supply, address: 0, type: u16, unit: V, above: 150, below: 60}
  - {state: breaker, address: 12, type: u16, enum: {0xFFFF: closed, 0: open}}
  - {quantity: import_wh_l1, address: 20, type: i32, unit: Wh}
  - {quantity: j, address: 30, type: u64, unit: V}
`))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []map[uint64]Absence{
		{0xFFFF: NotMeasured, 0xFFFE: 0, 0x8000: 0}, {0x8000: NotMeasured, 0x8001: 0, 0xFFFF: 0}, {0xFFFFFFFF: NotMeasured, 0x80000000: 0},
		{1 << 63: NotMeasured, 1<<64 - 1: 0}, {0x7FFFFFFF: NotMeasured, 0x80000000: 0}, {0: NotMeasured, 0xFFFF: 0}, {0xFFFF: 0},
	} {
		for raw, absence := range want {
			if v, _, got := p.Registers[i].value(raw, 0); got != absence {
				t.Errorf("%s: %#x is %v, %s; want %d", p.Registers[i].Quantity, raw, v, got, absence)
			}
		}
	}
	if v, _, got := p.Registers[10].value(1<<64-1, 0); got != 0 {
		t.Errorf("with [] no number is absent, but %v is: %s", v, got)
	}
	if got := p.Registers[7].position(0xFFFF, 0); got != Unknown {
		t.Errorf("supply of 0xFFFF is %s", got)
	}
	if got := p.Registers[8].position(0xFFFF, 0); got != Closed {
		t.Errorf("a breaker whose profile names 0xFFFF is %s", got)
	}
	if _, _, got := p.Registers[9].value(0xFFFFFFFE, 0); got != NegativeTotal {
		t.Errorf("import of a phase below zero: %s", got)
	}
}

func TestPositions(t *testing.T) {
	double := "state: breaker, address: 8, function: 2, type: bit, count: 2, enum: {1: open, 2: closed}"
	for _, c := range []struct {
		name, line string
		data       []byte
		offset     int
		want       Position
	}{
		{"double point 00", double, []byte{0b0000}, 1, Unknown},
		{"double point 01", double, []byte{0b0010}, 1, Open},
		{"double point 10", double, []byte{0b0100}, 1, Closed},
		{"double point 11", double, []byte{0b0110}, 1, Unknown},
		{"double point over a byte", double, []byte{0, 1}, 7, Closed},
		{"enumeration", "state: breaker, address: 0, type: u16, mask: 0x30, enum: {0: unknown, 1: open, 2: closed}", registers(0x2F), 0, Closed},
		{"enumeration, not listed", "state: breaker, address: 0, type: u16, enum: {1: open, 2: closed}", registers(3), 0, Unknown},
		{"sentinel", "state: breaker, address: 0, type: u16, enum: {1: open, 0xFFFF: closed}", registers(0xFFFF), 0, Unknown},
		{"supply there", "state: supply, address: 0, type: u16, scale: 0.1, unit: V, above: 150, below: 60", registers(2301), 0, Present},
		{"supply gone", "state: supply, address: 0, type: u16, scale: 0.1, unit: V, above: 150, below: 60", registers(30), 0, Absent},
		{"supply between", "state: supply, address: 0, type: u16, scale: 0.1, unit: V, above: 150, below: 60", registers(1000), 0, undecided},
		{"supply not measured", "state: supply, address: 0, type: f32, unit: V, above: 150, below: 60", []byte{0x7F, 0xC0, 0, 0}, 0, Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := reg(t, c.line)
			raw := uint64(0)
			if r.Type == Bits {
				raw = r.bits(c.data, c.offset)
			} else {
				raw = r.raw(c.data)
			}
			if got := r.position(raw, 0); got != c.want {
				t.Errorf("position %d, want %d", got, c.want)
			}
		})
	}
}

// Whatever a device answers: no panic, no NaN, no infinity, no negative energy register.
func FuzzValue(f *testing.F) {
	all, err := LoadProfiles("")
	if err != nil {
		f.Fatal(err)
	}
	models := all.All()
	f.Add(0, []byte{0x7F, 0xC0, 0, 0, 0, 1, 0, 2}, int16(-3))
	f.Add(3, []byte{0xFF, 0xFF, 0x80, 0, 0x43, 0x66, 0, 0}, int16(10))
	f.Fuzz(func(t *testing.T, n int, data []byte, factor int16) {
		if n < 0 || len(data) < 8 {
			return
		}
		p := models[n%len(models)]
		for i := range p.Registers {
			r := &p.Registers[i]
			if r.Type == Text || r.Type == Bits {
				continue
			}
			exponent, absent := reg10.exponent(uint64(uint16(factor)))
			if absent != 0 {
				exponent = 0
			}
			raw := r.raw(data[:2*r.Count])
			v, _, absent := r.value(raw, exponent)
			if absent != 0 {
				continue
			}
			if f := v.Float64(); math.IsNaN(f) || math.IsInf(f, 0) || r.Quantity.IsEnergy() && (f < 0 || !v.IsWhole()) {
				t.Errorf("%s %s: %x gives %v", p.Model, r.label(), data, v)
			}
			if r.Role == State {
				r.position(raw, exponent)
			}
		}
	})
}

var reg10 = &Register{Type: ScaleFactor, NotThere: []uint64{0x8000}}
