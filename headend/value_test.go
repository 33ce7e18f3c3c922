package headend

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func TestParseDecimal(t *testing.T) {
	for _, c := range []struct {
		text  string
		scale int
		floor int64
		real  float64
	}{
		{"000004.426", 3, 4426, 4426},
		{"00052185.7825309", 3, 52185782, 52185782.5309},
		{"-0.5", 0, -1, -0.5},
		{"-202.7", 0, -203, -202.7},
		{"+7", 0, 7, 7},
		{"1.5e3", 0, 1500, 1500},
		{"25E-1", 0, 2, 2.5},
		{".5", 3, 500, 500},
		{"5.", 0, 5, 5},
		{"9223372036854775807", -3, 9223372036854775, 9223372036854775.807},
		{"0.00000000000000000000000000001", 0, 0, 0},
		{"-1e-60", 0, -1, -1e-60},
	} {
		d, err := ParseDecimal(c.text)
		if c.text == "9223372036854775807" {
			if !errors.Is(err, ErrNumberRange) {
				t.Errorf("%s: error %v, want ErrNumberRange for more than 18 digits", c.text, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		d = d.Scale(c.scale)
		if got, err := d.Floor(); err != nil || got != c.floor {
			t.Errorf("floor of %s·10^%d is %d (%v), want %d", c.text, c.scale, got, err, c.floor)
		}
		if got := d.Float64(); got != c.real && !(c.floor == 0 && math.Abs(got) < 1e-20) {
			t.Errorf("%s·10^%d is %v, want %v", c.text, c.scale, got, c.real)
		}
	}
}

func TestParseDecimalRefuses(t *testing.T) {
	for text, want := range map[string]error{
		"": ErrNotANumber, "-": ErrNotANumber, ".": ErrNotANumber, "nan": ErrNotANumber, "Infinity": ErrNotANumber,
		"1,5": ErrNotANumber, "0x10": ErrNotANumber, "1e": ErrNotANumber, "1.2.3": ErrNotANumber, "12kWh": ErrNotANumber,
		"1e999": ErrNumberRange, "99999999999999999999": ErrNumberRange,
	} {
		if _, err := ParseDecimal(text); !errors.Is(err, want) {
			t.Errorf("%q: error %v, want %v", text, err, want)
		}
	}
	if _, err := (Decimal{Coefficient: 5, Exponent: 30}).Floor(); !errors.Is(err, ErrNumberRange) {
		t.Errorf("5e30: error %v, want ErrNumberRange", err)
	}
}

// Decimal arithmetic agrees with the standard library's big rationals and its float parser.
func TestDecimalAgreesWithBigNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strconv.FormatInt(rapid.Int64Range(-1e17, 1e17).Draw(t, "digits"), 10) + "e" + strconv.Itoa(rapid.IntRange(-20, 0).Draw(t, "exponent"))
		d, err := ParseDecimal(text)
		if err != nil {
			t.Fatal(err)
		}
		exact, _ := new(big.Rat).SetString(text)
		floor := new(big.Int).Div(exact.Num(), exact.Denom()) // Euclidean: the floor, as the denominator is positive
		if got, err := d.Floor(); err != nil || got != floor.Int64() {
			t.Errorf("floor of %s is %d (%v), want %s", text, got, err, floor)
		}
		want, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Float64(); got != want {
			t.Errorf("%s is %v, want %v", text, got, want)
		}
	})
}

func FuzzParseDecimal(f *testing.F) {
	for _, text := range []string{"000004.426", "-1e-60", "9e64", "nan", "1.2.3", "+.5E+3"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDecimal(text)
		if err != nil {
			return
		}
		if _, err := strconv.ParseFloat(text, 64); err != nil && !errors.Is(err, strconv.ErrRange) {
			t.Errorf("%q was taken as %v, and the standard library says %v", text, d, err)
		}
		if n, err := d.Floor(); err == nil && math.Abs(float64(n)-d.Float64()) > 1+math.Abs(d.Float64())*1e-15 {
			t.Errorf("%q: floor %d of %v", text, n, d.Float64())
		}
	})
}
