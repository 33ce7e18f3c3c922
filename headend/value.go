package headend

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Value is the number of a Reading: a whole number for energy registers and counters, a real number
// for everything else. The zero Value is whole 0.
type Value struct {
	bits uint64
	real bool
}

// Whole is a value that is exact by nature: Wh, varh, a count.
func Whole(n int64) Value { return Value{bits: uint64(n)} }

// Real is a measured quantity in its base unit. Callers make sure f is finite: a device that sent
// NaN or an infinity has measured nothing, so there is no reading.
func Real(f float64) Value { return Value{bits: math.Float64bits(f), real: true} }

// IsWhole tells which of the two kinds the value is.
func (v Value) IsWhole() bool { return !v.real }

// Int64 is the whole number; for a real value it is the value truncated toward minus infinity.
func (v Value) Int64() int64 {
	if v.real {
		return int64(math.Floor(math.Float64frombits(v.bits)))
	}
	return int64(v.bits)
}

// Float64 is the value as a real number. Whole numbers are exact up to 2^53.
func (v Value) Float64() float64 {
	if v.real {
		return math.Float64frombits(v.bits)
	}
	return float64(int64(v.bits))
}

// String prints the shortest decimal that is the value.
func (v Value) String() string {
	if v.real {
		return strconv.FormatFloat(math.Float64frombits(v.bits), 'f', -1, 64)
	}
	return strconv.FormatInt(int64(v.bits), 10)
}

// AppendJSON appends the value as a JSON number.
func (v Value) AppendJSON(b []byte) []byte {
	if v.real {
		return strconv.AppendFloat(b, math.Float64frombits(v.bits), 'g', -1, 64)
	}
	return strconv.AppendInt(b, int64(v.bits), 10)
}

// MarshalJSON writes a JSON number.
func (v Value) MarshalJSON() ([]byte, error) { return v.AppendJSON(nil), nil }

// Decimal is a number as a device wrote it: Coefficient × 10^Exponent, exact. Registers arrive as
// decimal text in kWh or Wh; scaling a Decimal moves the point and rounds nothing.
type Decimal struct {
	Coefficient int64
	Exponent    int
}

// ErrNotANumber says a text is no decimal number: empty, NaN, an infinity or other characters.
var ErrNotANumber = errors.New("not a number")

// ErrNumberRange says a number has more digits than an int64 holds, or an exponent beyond ±64.
var ErrNumberRange = errors.New("number out of range")

// ParseDecimal reads an optional sign, digits with an optional point, and an optional exponent, as
// JSON, P1 telegrams and plain-text topics write numbers. Leading zeros are allowed.
// It returns ErrNotANumber or ErrNumberRange, with the text.
func ParseDecimal[T ~string | ~[]byte](text T) (Decimal, error) {
	i, n := 0, len(text)
	negative := false
	if i < n && (text[i] == '-' || text[i] == '+') {
		negative = text[i] == '-'
		i++
	}
	var coefficient uint64
	exponent, digits, point := 0, 0, false
	for ; i < n; i++ {
		c := text[i]
		if c == '.' && !point {
			point = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		digits++
		if coefficient > (math.MaxInt64-9)/10 {
			if point { // digits below an int64's reach cannot change a stored value
				continue
			}
			return Decimal{}, fmt.Errorf("%q: %w", clip(string(text)), ErrNumberRange)
		}
		coefficient = coefficient*10 + uint64(c-'0')
		if point {
			exponent--
		}
	}
	if digits == 0 {
		return Decimal{}, fmt.Errorf("%q: %w", clip(string(text)), ErrNotANumber)
	}
	if i < n && (text[i] == 'e' || text[i] == 'E') {
		e, err := strconv.Atoi(string(text[i+1:]))
		if err != nil {
			return Decimal{}, fmt.Errorf("%q: %w", clip(string(text)), ErrNotANumber)
		}
		if e > 64 || e < -64 {
			return Decimal{}, fmt.Errorf("%q: %w", clip(string(text)), ErrNumberRange)
		}
		exponent += e
		i = n
	}
	if i != n {
		return Decimal{}, fmt.Errorf("%q: %w", clip(string(text)), ErrNotANumber)
	}
	d := Decimal{Coefficient: int64(coefficient), Exponent: exponent}
	if negative {
		d.Coefficient = -d.Coefficient
	}
	return d, nil
}

// Scale multiplies by 10^power, exactly: kWh to Wh is Scale(3).
func (d Decimal) Scale(power int) Decimal {
	d.Exponent += power
	return d
}

// Floor is the largest whole number not above d: what a register has counted in full. It returns
// ErrNumberRange where that does not fit an int64.
func (d Decimal) Floor() (int64, error) {
	n := d.Coefficient
	for e := d.Exponent; e > 0 && n != 0; e-- {
		if n > math.MaxInt64/10 || n < math.MinInt64/10 {
			return 0, fmt.Errorf("%de%d: %w", d.Coefficient, d.Exponent, ErrNumberRange)
		}
		n *= 10
	}
	for e := d.Exponent; e < 0 && n != 0; e++ {
		q := n / 10
		if n%10 < 0 {
			q--
		}
		if q == n { // -1 stays -1: the floor of any small negative
			break
		}
		n = q
	}
	return n, nil
}

// Float64 is the nearest float64.
func (d Decimal) Float64() float64 {
	if d.Exponent == 0 {
		return float64(d.Coefficient)
	}
	const exact = 1 << 53
	if d.Coefficient < exact && d.Coefficient > -exact {
		switch {
		case d.Exponent < 0 && d.Exponent >= -22: // both operands exact, so one rounding: the nearest
			return float64(d.Coefficient) / powersOfTen[-d.Exponent]
		case d.Exponent > 0 && d.Exponent <= 22:
			return float64(d.Coefficient) * powersOfTen[d.Exponent]
		}
	}
	f, err := strconv.ParseFloat(strconv.FormatInt(d.Coefficient, 10)+"e"+strconv.Itoa(d.Exponent), 64)
	if err != nil { // beyond float64: ParseFloat gave ±Inf or 0, which is what the caller must see
		return f
	}
	return f
}

var powersOfTen = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// clip bounds what an error repeats of hostile input.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
