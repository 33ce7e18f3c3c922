package reliability

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// UnmarshalJSON reads a figure as MarshalJSON wrote it, with the digits that it wrote.
func (r *Ratio) UnmarshalJSON(text []byte) error {
	if bytes.Equal(text, []byte("null")) {
		*r = None
		return nil
	}
	const longest = 4096 // digits; 1e999999999 would fill the memory
	value, ok := new(big.Rat), false
	if len(text) <= longest && !bytes.ContainsAny(text, "eE/") {
		value, ok = value.SetString(string(text))
	}
	if !ok {
		return fmt.Errorf("%.50q is no figure", text)
	}
	r.rat = value
	return nil
}

// UnmarshalText reads 2026-11-21.
func (d *Day) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		return fmt.Errorf("%.20q is no date", text)
	}
	*d = DayOf(t.Date())
	return nil
}

// UnmarshalText reads a sign as it is written in policies.
func (s *Sign) UnmarshalText(text []byte) error {
	i := slices.Index(signNames[:], string(text))
	if i < 1 {
		return fmt.Errorf("%.5q is none of > >= <= <", text)
	}
	*s = Sign(i)
	return nil
}
