package modbus

import (
	"math/bits"

	"go.yaml.in/yaml/v3"

	"lastgasp/headend"
)

// bits reads which bits of the raw value count.
func (r *reader) bits(m section, reg *Register) {
	if m["bit"] != nil {
		if m["mask"] != nil || m["shift"] != nil {
			r.fault(m["bit"], "bit and mask exclude each other")
		}
		if reg.Type != U16 && reg.Type != Bits || reg.Function <= readInputs {
			r.fault(m["bit"], "bit picks one bit of a register of type u16, read with function 3 or 4")
		}
		reg.Type, reg.Shift = U16, uint8(r.number(m["bit"], 0, 0, 15))
		reg.Mask = 1 << reg.Shift
		return
	}
	if m["mask"] == nil {
		if m["shift"] != nil {
			r.fault(m["shift"], "shift without mask")
		}
		return
	}
	if reg.Type.float() || reg.Type.signed() || reg.Type == Text {
		r.fault(m["mask"], "mask needs an unsigned type, this is %s", reg.Type)
		return
	}
	reg.Mask = r.raw(m["mask"])
	width := 16 * int(reg.Count)
	if reg.Type == Bits {
		width = int(reg.Count)
	}
	if reg.Mask == 0 || width < 64 && reg.Mask>>width != 0 {
		r.fault(m["mask"], "mask 0x%X; it picks among %d bits", reg.Mask, width)
		return
	}
	reg.Shift = uint8(r.number(m["shift"], bits.TrailingZeros64(reg.Mask), 0, width-1))
}

// value reads scale, offset, unit and the raw values that mean "not measured".
func (r *reader) value(n *yaml.Node, m section, reg *Register, d standards) {
	decimal := func(key string, into *headend.Decimal) {
		if m[key] == nil {
			return
		}
		if reg.Type == Text || reg.Role == Factor {
			r.fault(m[key], "%s of a %s", key, reg.Type)
		}
		v, err := headend.ParseDecimal(m[key].Value)
		if err != nil {
			r.fault(m[key], "%s: %v", key, err)
			return
		}
		*into = v
	}
	decimal("scale", &reg.Scale)
	decimal("offset", &reg.Offset)
	if reg.Scale.Coefficient == 0 || reg.Scale.Exponent > 30 || reg.Scale.Exponent < -30 {
		r.fault(m["scale"], "scale %s", m["scale"].Value)
	}
	for reg.Scale.Coefficient%10 == 0 && reg.Scale.Coefficient != 0 { // 1000 is 1e3, so that scaling moves the point
		reg.Scale.Coefficient /= 10
		reg.Scale.Exponent++
	}
	reg.Unit = r.text(m["unit"])
	if m["unit"] == nil && reg.Role == Quantity {
		r.fault(n, "unit is missing; write 1 for a plain number")
	}
	u, known := units[reg.Unit]
	if !known {
		r.fault(m["unit"], "unknown unit %q", reg.Unit)
	}
	reg.Base, reg.Power = u.base, u.power
	if base := baseOf(reg.Quantity); reg.Role == Quantity && base != "?" && known && base != u.base {
		if reg.Quantity != headend.PF || u.base != "%" {
			r.fault(m.at("unit", n), "%s is in %s, not in %q", reg.Quantity, named(base), reg.Unit)
		}
		reg.Base, reg.Power = "", -2 // a power factor in per cent
	}
	var said bool
	if reg.NotThere, said = d.notThere[reg.Type]; !said && reg.Role != Info && reg.Mask == 0 && m["enum"] == nil {
		reg.NotThere = usuallyNotThere[reg.Type]
	}
	if m["not_there"] != nil {
		reg.NotThere = r.raws(m["not_there"])
	}
	plain := !reg.Type.float() && m["factor"] == nil && reg.Scale.Exponent >= 0 && reg.Offset.Coefficient == 0 && reg.Base == "" && reg.Power >= 0
	reg.whole = energy(reg.Base) || plain
}

// usuallyNotThere is what stands for "not measured" where a profile does not say: the lowest signed and the highest
// unsigned number, which most makers put there and no measured value reaches; a counter passes through once, and has the
// next value a moment later.
var usuallyNotThere = map[Type][]uint64{I16: {1 << 15}, I32: {1 << 31}, I64: {1 << 63}, U16: {1<<16 - 1}, U32: {1<<32 - 1}, U64: {1<<64 - 1}}

func named(unit string) string {
	if unit == "" {
		return "plain numbers (1)"
	}
	return unit
}

// meaning reads what values stand for.
func (r *reader) meaning(n *yaml.Node, m section, reg *Register) {
	names, values := r.pairs(m["enum"])
	for i, name := range names {
		raw, ok := parseRaw(name)
		if !ok {
			r.fault(values[i], "enum: %q is no number", name)
			continue
		}
		if reg.Role != State {
			if reg.Names == nil {
				reg.Names = map[uint64]string{}
			}
			reg.Names[raw] = r.text(values[i])
			continue
		}
		position, ok := positionsOf[reg.Thing][values[i].Value]
		if !ok {
			r.fault(values[i], "%q is no position of this state; %v are", values[i].Value, keys(positionsOf[reg.Thing]))
			continue
		}
		if reg.Positions == nil {
			reg.Positions = map[uint64]Position{}
		}
		reg.Positions[raw] = position
	}
	if m["above"] != nil || m["below"] != nil {
		r.threshold(n, m, reg)
	}
	if reg.Role == State && reg.Positions == nil && !reg.Threshold {
		r.fault(n, "a state needs enum (which value means what), or above and below for a supply told by a voltage")
	}
	if reg.Role == State && reg.Positions != nil && reg.Type.float() {
		r.fault(n, "a state with enum needs a whole number, this is %s", reg.Type)
	}
}

func (r *reader) threshold(n *yaml.Node, m section, reg *Register) {
	if reg.Thing != Supply || m["enum"] != nil || m["above"] == nil || m["below"] == nil {
		r.fault(n, "above and below go together, on a supply state without enum")
		return
	}
	above, err := headend.ParseDecimal(m["above"].Value)
	if err != nil {
		r.fault(m["above"], "above: %v", err)
	}
	below, err := headend.ParseDecimal(m["below"].Value)
	if err != nil {
		r.fault(m["below"], "below: %v", err)
	}
	reg.Above, reg.Below, reg.Threshold = above.Float64(), below.Float64(), true
	if reg.Below > reg.Above {
		r.fault(m["below"], "below %v lies over above %v", reg.Below, reg.Above)
	}
}
