package mqtt

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"lastgasp/headend"
)

// quantityInfo is a quantity with what decoding needs to know of it.
type quantityInfo struct {
	quantity headend.Quantity
	whole    bool // a register or counter: a whole number, never a float
	column   int  // its position in headend.Columns, -1 without a column of its own
}

func infoOf(q headend.Quantity) quantityInfo {
	return quantityInfo{quantity: q, whole: isWhole(q), column: q.Column()}
}

var columns = func() map[string]quantityInfo {
	m := make(map[string]quantityInfo, len(headend.Columns))
	for _, q := range headend.Columns {
		m[string(q)] = infoOf(q)
	}
	return m
}()

// isWhole tells by the name whether a quantity is a register or a counter: its unit or "count" ends
// the name, but for a tariff, phase or channel after it.
func isWhole(q headend.Quantity) bool {
	if q.IsEnergy() {
		return true
	}
	name := string(q)
	for _, mark := range [...]string{"_wh", "_varh", "_vah", "_count"} {
		if i := strings.LastIndex(name, mark); i >= 0 {
			if rest := name[i+len(mark):]; rest == "" || rest[0] == '_' {
				return true
			}
		}
	}
	return false
}

// lookupQuantity finds the quantity a device named: by our name, by an OBIS code, or else under its
// own name if that can be stored.
func lookupQuantity[T ~string | ~[]byte](name T) (quantityInfo, bool) {
	if info, ok := columns[string(name)]; ok {
		return info, true
	}
	if len(name) > 0 && name[0] >= '0' && name[0] <= '9' {
		if code, ok := parseOBIS(name); ok {
			if info, ok := code.quantity(); ok {
				return info, true
			}
		}
	}
	if s := string(name); headend.ValidQuantityName(s) {
		return infoOf(headend.Quantity(s)), true
	}
	return quantityInfo{}, false
}

// errNotMeasured says a value stands for "nothing measured": null, NaN, an infinity, an empty text.
var errNotMeasured = errors.New("not measured")

// parseNumber reads a decimal number exactly. It returns errNotMeasured, or an error of
// headend.ParseDecimal.
func parseNumber[T ~string | ~[]byte](text T) (headend.Decimal, error) {
	if len(text) > 0 && text[0] >= '0' && text[0] <= '9' {
		return headend.ParseDecimal(text)
	}
	s := strings.TrimSpace(string(text))
	switch strings.ToLower(strings.TrimLeft(s, "+-")) {
	case "", "nan", "null", "inf", "infinity":
		if s == "-" || s == "+" {
			break
		}
		return headend.Decimal{}, errNotMeasured
	}
	return headend.ParseDecimal(s)
}

// value makes the number a reading's value: a register keeps what it has counted in full.
func (q quantityInfo) value(d headend.Decimal) (headend.Value, error) {
	if !q.whole {
		return headend.Real(d.Float64()), nil
	}
	n, err := d.Floor()
	if err != nil {
		return headend.Value{}, err
	}
	return headend.Whole(n), nil
}

// unit is a unit of measurement: base × 10^power / divisor.
type unit struct {
	base    string // Wh, varh, VAh, W, var, VA, V, A, Hz; "" for numbers without a unit
	power   int
	divisor int64 // 0: 1
}

// units lists the units devices write. Case matters (mW, MW), except as lookupUnit says.
var units = func() map[string]unit {
	m := map[string]unit{
		"": {}, "1": {}, "/": {},
		"%": {power: -2}, // a power factor in per cent
		"J": {base: "Wh", divisor: 3600}, "kJ": {base: "Wh", power: 3, divisor: 3600},
		"MJ": {base: "Wh", power: 6, divisor: 3600}, "GJ": {base: "Wh", power: 9, divisor: 3600},
		"Ws": {base: "Wh", divisor: 3600}, "Wmin": {base: "Wh", divisor: 60},
		"vars": {base: "varh", divisor: 3600},
		"VAR":  {base: "var"}, "kVAR": {base: "var", power: 3}, "MVAR": {base: "var", power: 6},
		"VARh": {base: "varh"}, "kVARh": {base: "varh", power: 3}, "MVARh": {base: "varh", power: 6},
	}
	for _, base := range [...]string{"Wh", "varh", "VAh", "W", "var", "VA", "V", "A", "Hz"} {
		for prefix, power := range map[string]int{"m": -3, "": 0, "k": 3, "M": 6, "G": 9} {
			m[prefix+base] = unit{base: base, power: power}
		}
	}
	return m
}()

func lookupUnit(name string) (unit, bool) {
	name = strings.TrimSpace(name)
	u, ok := units[name]
	if !ok { // KWH, kwh and KW are written too; there is no other reading of them
		switch strings.ToLower(name) {
		case "wh":
			return unit{base: "Wh"}, true
		case "kwh":
			return unit{base: "Wh", power: 3}, true
		case "mwh":
			return unit{base: "Wh", power: 6}, true
		case "kw":
			return unit{base: "W", power: 3}, true
		case "varh":
			return unit{base: "varh"}, true
		case "kvarh":
			return unit{base: "varh", power: 3}, true
		case "var":
			return unit{base: "var"}, true
		case "kvar":
			return unit{base: "var", power: 3}, true
		case "volt", "volts":
			return unit{base: "V"}, true
		case "amp", "amps", "ampere":
			return unit{base: "A"}, true
		case "watt", "watts":
			return unit{base: "W"}, true
		case "hertz":
			return unit{base: "Hz"}, true
		}
	}
	return u, ok
}

// baseUnit is the unit a quantity is stored in, "" where that is unknown or none. A value in a unit
// of another kind is refused rather than stored under a wrong name.
func baseUnit(q headend.Quantity) string {
	name := string(q)
	switch {
	case strings.Contains(name, "_varh"):
		return "varh"
	case strings.Contains(name, "_vah"):
		return "VAh"
	case strings.Contains(name, "_wh"):
		return "Wh"
	case strings.HasPrefix(name, "demand_p"):
		return "W"
	case strings.HasPrefix(name, "demand_s"):
		return "VA"
	}
	head, _, _ := strings.Cut(name, "_")
	switch strings.TrimRight(head, "123n") {
	case "v":
		return "V"
	case "i":
		return "A"
	case "p":
		return "W"
	case "q":
		return "var"
	case "s":
		return "VA"
	case "f":
		return "Hz"
	}
	return ""
}

// convert makes a number in unit u the value of quantity q in its base unit.
func (q quantityInfo) convert(d headend.Decimal, u unit) (headend.Value, error) {
	if want := baseUnit(q.quantity); u.base != "" && want != "" && u.base != want {
		return headend.Value{}, fmt.Errorf("%s is measured in %s, not in %s", q.quantity, want, u.base)
	}
	if u.base == "" && u.power == -2 && q.quantity == headend.THD { // THD is in per cent itself
		u.power = 0
	}
	d = d.Scale(u.power)
	if u.divisor == 0 {
		return q.value(d)
	}
	if !q.whole {
		return headend.Real(d.Float64() / float64(u.divisor)), nil
	}
	n, err := d.Floor()
	if err != nil {
		return headend.Value{}, err
	}
	quotient := n / u.divisor // the floor of a floor divided is the floor of the quotient
	if n%u.divisor < 0 {
		quotient--
	}
	return headend.Whole(quotient), nil
}

// fromFloat32 is the shortest decimal that a float32 stands for: 231.4, not 231.39999389648438.
func fromFloat32(f float32) (headend.Decimal, error) {
	return fromFloat(float64(f), 32)
}

func fromFloat64(f float64) (headend.Decimal, error) { return fromFloat(f, 64) }

func fromFloat(f float64, bits int) (headend.Decimal, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return headend.Decimal{}, errNotMeasured
	}
	var buffer [32]byte
	return headend.ParseDecimal(strconv.AppendFloat(buffer[:0], f, 'e', -1, bits))
}

// coarse tells whether neighbouring float32 numbers at f lie more than one Wh apart, so that the
// register lost its last digit on the way.
func coarse(f float32, u unit) bool {
	if math.IsInf(float64(f), 0) {
		return false
	}
	a := float32(math.Abs(float64(f)))
	gap := float64(math.Nextafter32(a, float32(math.Inf(1))) - a)
	gap *= math.Pow10(u.power)
	if u.divisor != 0 {
		gap /= float64(u.divisor)
	}
	return gap > 1
}
