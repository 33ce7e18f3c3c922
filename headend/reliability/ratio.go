package reliability

import (
	"math/big"
)

// Ratio is an exact figure, or none: an index whose denominator is 0 has no value. The zero Ratio is none.
// Nothing is rounded before it is printed.
type Ratio struct{ rat *big.Rat }

// None is a figure that has no value.
var None = Ratio{}

// RatioOf is a over b; None where b is 0.
func RatioOf(a, b int64) Ratio {
	if b == 0 {
		return None
	}
	return Ratio{big.NewRat(a, b)}
}

// Exactly is the figure r, which is copied; None for nil.
func Exactly(r *big.Rat) Ratio {
	if r == nil {
		return None
	}
	return Ratio{new(big.Rat).Set(r)}
}

// IsNone tells that there is no value.
func (r Ratio) IsNone() bool { return r.rat == nil }

// Rat is a copy of the exact value; nil for None.
func (r Ratio) Rat() *big.Rat {
	if r.rat == nil {
		return nil
	}
	return new(big.Rat).Set(r.rat)
}

// Float64 is the nearest float64; false for None.
func (r Ratio) Float64() (float64, bool) {
	if r.rat == nil {
		return 0, false
	}
	f, _ := r.rat.Float64()
	return f, true
}

// Decimal prints so many digits after the point, halves away from zero; "" for None.
func (r Ratio) Decimal(places int) string {
	if r.rat == nil {
		return ""
	}
	return r.rat.FloatString(places)
}

// String prints six digits after the point; "-" for None.
func (r Ratio) String() string {
	if r.rat == nil {
		return "-"
	}
	return r.rat.FloatString(6)
}

// jsonPlaces is how exact figures leave as JSON: more than any report shows, and sums of rounded parts still agree
// with the rounded total in every digit that is shown.
const jsonPlaces = 12

// MarshalJSON writes a number rounded to 12 digits after the point, or null.
func (r Ratio) MarshalJSON() ([]byte, error) {
	if r.rat == nil {
		return []byte("null"), nil
	}
	if r.rat.IsInt() {
		return []byte(r.rat.Num().String()), nil
	}
	return []byte(r.rat.FloatString(jsonPlaces)), nil
}

// Plus is the sum; None where either is.
func (r Ratio) Plus(o Ratio) Ratio {
	if r.rat == nil || o.rat == nil {
		return None
	}
	return Ratio{new(big.Rat).Add(r.rat, o.rat)}
}

// Minus is the difference; None where either is.
func (r Ratio) Minus(o Ratio) Ratio {
	if r.rat == nil || o.rat == nil {
		return None
	}
	return Ratio{new(big.Rat).Sub(r.rat, o.rat)}
}

// Over is the quotient; None where either is, or o is 0.
func (r Ratio) Over(o Ratio) Ratio {
	if r.rat == nil || o.rat == nil || o.rat.Sign() == 0 {
		return None
	}
	return Ratio{new(big.Rat).Quo(r.rat, o.rat)}
}

// Equal tells that both are the same value, or both none.
func (r Ratio) Equal(o Ratio) bool {
	if r.rat == nil || o.rat == nil {
		return r.rat == o.rat
	}
	return r.rat.Cmp(o.rat) == 0
}
