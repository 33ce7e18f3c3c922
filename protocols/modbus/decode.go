package modbus

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"

	"lastgasp/headend"
)

// Absence says why a register gave no value: few and fixed, for counting.
type Absence uint8

// Absences.
const (
	NotRead       Absence = iota + 1 // its request failed
	NotMeasured                      // the raw value that stands for "not measured" or "not implemented"
	NotANumber                       // NaN or an infinity
	OutOfRange                       // beyond what can be stored
	NoFactor                         // its scale factor is absent or impossible
	NegativeTotal                    // an energy register below zero
	absences
)

var absenceNames = [absences]string{"", "not_read", "not_measured", "not_a_number", "out_of_range", "no_factor", "negative_total"}

// String is the absence's name in metrics.
func (a Absence) String() string {
	if int(a) < len(absenceNames) {
		return absenceNames[a]
	}
	return fmt.Sprintf("absence %d", uint8(a))
}

// raw joins the registers of a value, in the device's word and byte order; for Bits the first bit is the
// lowest. data holds the value's registers, or for Bits is the reply's bits from the value's first on.
func (reg *Register) raw(data []byte) uint64 {
	n := 2 * int(reg.Count)
	var v uint64
	for i := range int(reg.Count) {
		at := 2 * i
		if reg.WordLittle {
			at = n - 2 - 2*i
		}
		word := binary.BigEndian.Uint16(data[at:])
		if reg.ByteLittle {
			word = word<<8 | word>>8
		}
		v = v<<16 | uint64(word)
	}
	return v
}

// bits joins count coils, from bit first of a reply on.
func (reg *Register) bits(data []byte, first int) uint64 {
	var v uint64
	for i := range int(reg.Count) {
		bit := first + i
		v |= uint64(data[bit/8]>>(bit%8)&1) << i
	}
	return v
}

// notThere tells whether a raw value means that there is none.
func (reg *Register) notThere(raw uint64) bool {
	for _, v := range reg.NotThere {
		if v == raw {
			return true
		}
	}
	return false
}

// field is the part of the raw value that the mask picks.
func (reg *Register) field(raw uint64) uint64 {
	if reg.Mask == 0 {
		return raw
	}
	return raw & reg.Mask >> reg.Shift
}

// factor reads a scale factor's exponent.
func (reg *Register) exponent(raw uint64) (int, Absence) {
	e := int(int16(raw))
	if reg.notThere(raw) || e < -10 || e > 10 {
		return 0, NoFactor
	}
	return e, 0
}

// value turns a raw value into what is stored, in base units. exponent is that of its scale factor, 0 where it
// has none. Whole numbers are scaled as decimals and so exact; energy is the floor: what has been counted
// in full.
func (reg *Register) value(raw uint64, exponent int) (headend.Value, headend.Quality, Absence) {
	if reg.notThere(raw) {
		return headend.Value{}, 0, NotMeasured
	}
	raw = reg.field(raw)
	power := reg.Power + exponent
	switch reg.Type {
	case F32:
		return reg.real(float64(math.Float32frombits(uint32(raw))), 32, power)
	case F64:
		return reg.real(math.Float64frombits(raw), 64, power)
	}
	negative := false
	if reg.Type.signed() {
		shift := 64 - 16*uint(reg.Count)
		if signed := int64(raw<<shift) >> shift; signed < 0 {
			negative, raw = true, uint64(-signed)
		}
	}
	return reg.scaled(negative, raw, 0, power)
}

// scaled is ±magnitude × 10^shift × Scale × 10^power + Offset × 10^Power.
func (reg *Register) scaled(negative bool, magnitude uint64, shift, power int) (headend.Value, headend.Quality, Absence) {
	coefficient := reg.Scale.Coefficient
	if coefficient < 0 {
		coefficient, negative = -coefficient, !negative
	}
	high, low := bits.Mul64(magnitude, uint64(coefficient))
	exponent := reg.Scale.Exponent + shift + power
	if high != 0 || low > math.MaxInt64 || reg.Offset.Coefficient != 0 {
		return reg.wide(negative, magnitude, exponent)
	}
	d := headend.Decimal{Coefficient: int64(low), Exponent: exponent}
	if negative {
		d.Coefficient = -d.Coefficient
	}
	if !reg.whole {
		return headend.Real(d.Float64()), 0, 0
	}
	n, err := d.Floor()
	if err != nil {
		return headend.Value{}, 0, OutOfRange
	}
	return reg.total(n)
}

// wide does the same with numbers of any size: offsets, and products beyond 63 bits.
func (reg *Register) wide(negative bool, magnitude uint64, exponent int) (headend.Value, headend.Quality, Absence) {
	v := new(big.Int).SetUint64(magnitude)
	coefficient := new(big.Int).Abs(big.NewInt(reg.Scale.Coefficient))
	v.Mul(v, coefficient)
	if negative {
		v.Neg(v)
	}
	exact := new(big.Rat).Mul(new(big.Rat).SetInt(v), powerOfTen(exponent))
	if reg.Offset.Coefficient != 0 {
		offset := new(big.Rat).Mul(new(big.Rat).SetInt64(reg.Offset.Coefficient), powerOfTen(reg.Offset.Exponent+reg.Power))
		exact.Add(exact, offset)
	}
	if !reg.whole {
		f, _ := exact.Float64() // rounded to the nearest; the second result only says whether it was
		return headend.Real(f), 0, 0
	}
	floor := new(big.Int).Div(exact.Num(), exact.Denom())
	if !floor.IsInt64() {
		return headend.Value{}, 0, OutOfRange
	}
	return reg.total(floor.Int64())
}

func powerOfTen(e int) *big.Rat {
	p := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(e, -e))), nil))
	if e < 0 {
		p.Inv(p)
	}
	return p
}

// counts tells whether the quantity only grows: a total of one direction. A net one may be negative.
func (reg *Register) counts() bool {
	name := string(reg.Quantity)
	return reg.Quantity.IsEnergy() || energy(reg.Base) && (strings.HasPrefix(name, "import_") || strings.HasPrefix(name, "export_"))
}

func (reg *Register) total(n int64) (headend.Value, headend.Quality, Absence) {
	if n < 0 && reg.counts() {
		return headend.Value{}, 0, NegativeTotal
	}
	return headend.Whole(n), 0, 0
}

// real turns a float register into what is stored. An energy is read as the shortest decimal that the float
// stands for, so that a meter's 2.3 kWh, which as a float32 is 2.2999999, stays 2300 Wh; where neighbouring
// floats lie more than 1 Wh apart the last digits are not the meter's and the value is coarse.
func (reg *Register) real(f float64, size, power int) (headend.Value, headend.Quality, Absence) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return headend.Value{}, 0, NotANumber
	}
	if !reg.whole {
		f = scaleFloat(f, reg.Scale, power)
		if reg.Offset.Coefficient != 0 {
			f += headend.Decimal{Coefficient: reg.Offset.Coefficient, Exponent: reg.Offset.Exponent + reg.Power}.Float64()
		}
		if math.IsInf(f, 0) {
			return headend.Value{}, 0, OutOfRange
		}
		return headend.Real(f), 0, 0
	}
	if math.Abs(f) < 1e-40 {
		f = 0 // nothing a meter has counted; and ParseDecimal reads exponents to -64 only
	}
	if math.Abs(f) > 1e25 {
		return headend.Value{}, 0, OutOfRange
	}
	var text [32]byte
	d, err := headend.ParseDecimal(strconv.AppendFloat(text[:0], f, 'e', -1, size))
	if err != nil {
		return headend.Value{}, 0, OutOfRange
	}
	negative := d.Coefficient < 0
	v, quality, absent := reg.scaled(negative, uint64(max(d.Coefficient, -d.Coefficient)), d.Exponent, power)
	if absent == 0 && scaleFloat(spacing(f, size), reg.Scale, power) > 1 {
		quality |= headend.QualityCoarse
	}
	return v, quality, absent
}

// spacing is how far the next float of a size lies from f.
func spacing(f float64, size int) float64 {
	f = math.Abs(f)
	if size == 32 {
		return float64(math.Nextafter32(float32(f), math.MaxFloat32)) - f
	}
	return math.Nextafter(f, math.MaxFloat64) - f
}

// scaleFloat is f × scale × 10^power, rounded once where the scale is a power of ten.
func scaleFloat(f float64, scale headend.Decimal, power int) float64 {
	f *= float64(scale.Coefficient)
	e := scale.Exponent + power
	for ; e > 22; e -= 22 {
		f *= 1e22
	}
	for ; e < -22; e += 22 {
		f /= 1e22
	}
	if e < 0 {
		return f / tens[-e]
	}
	return f * tens[e]
}

var tens = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// position is what a state register's raw value says.
func (reg *Register) position(raw uint64, exponent int) Position {
	if reg.notThere(raw) {
		return Unknown
	}
	if !reg.Threshold {
		return reg.Positions[reg.field(raw)] // what the profile does not list is Unknown
	}
	v, _, absent := reg.value(raw, exponent)
	switch f := v.Float64(); {
	case absent != 0:
		return Unknown
	case f >= reg.Above:
		return Present
	case f < reg.Below:
		return Absent
	}
	return undecided
}

// undecided is a voltage between the thresholds: the position stays what it was.
const undecided Position = 255

// text reads characters, the padding cut off and what does not print replaced.
func (reg *Register) text(data []byte) string {
	b := make([]byte, 0, len(data))
	for i := 0; i+1 < len(data); i += 2 {
		if reg.ByteLittle {
			b = append(b, data[i+1], data[i])
		} else {
			b = append(b, data[i], data[i+1])
		}
	}
	s, _, _ := strings.Cut(string(b), "\x00")
	return strings.TrimSpace(strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s))
}
