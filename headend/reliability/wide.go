package reliability

import (
	"fmt"
	"math/big"
	"math/bits"
)

// Wide is a whole number up to 2^128: volt-ampere-milliseconds of a country in a year do not fit 64 bits.
type Wide struct{ hi, lo uint64 }

// Add is the sum.
func (w Wide) Add(o Wide) Wide {
	lo, carry := bits.Add64(w.lo, o.lo, 0)
	hi, _ := bits.Add64(w.hi, o.hi, carry)
	return Wide{hi, lo}
}

// AddProduct adds a·b; both are at least 0.
func (w Wide) AddProduct(a, b int64) Wide {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	return w.Add(Wide{hi, lo})
}

// Big is the number without bounds.
func (w Wide) Big() *big.Int {
	n := new(big.Int).SetUint64(w.hi)
	return n.Add(n.Lsh(n, 64), new(big.Int).SetUint64(w.lo))
}

// MarshalText writes decimal digits, as a numeric column takes them.
func (w Wide) MarshalText() ([]byte, error) { return w.Big().Append(nil, 10), nil }

// UnmarshalText reads decimal digits.
func (w *Wide) UnmarshalText(text []byte) error {
	n, ok := new(big.Int).SetString(string(text), 10)
	if !ok || n.Sign() < 0 || n.BitLen() > 128 {
		return fmt.Errorf("%.50q is no whole number from 0 up to 2^128", text)
	}
	w.lo = new(big.Int).And(n, new(big.Int).SetUint64(^uint64(0))).Uint64()
	w.hi = new(big.Int).Rsh(n, 64).Uint64()
	return nil
}

// minus is the difference; o is at most w.
func (w Wide) minus(o Wide) Wide {
	lo, borrow := bits.Sub64(w.lo, o.lo, 0)
	hi, _ := bits.Sub64(w.hi, o.hi, borrow)
	return Wide{hi, lo}
}
