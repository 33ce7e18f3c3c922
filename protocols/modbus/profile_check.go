package modbus

import (
	"fmt"
	"slices"

	"lastgasp/headend"
)

// check looks for definitions that contradict each other.
func (r *reader) check(p *Profile) {
	r.quantities(p)
	r.overlaps(p)
	used, measured := make([]bool, len(p.Groups)), make([]bool, len(p.Groups))
	for i := range p.Registers {
		if g := p.Registers[i].Group; g >= 0 {
			used[g] = true
			measured[g] = measured[g] || p.Registers[i].Role == Quantity
		}
	}
	for i, g := range p.Groups {
		switch {
		case !used[i]:
			r.faults = append(r.faults, fmt.Errorf("%s: group %s has no registers", p.File, g.Name))
		case g.Stuck > 0 && !measured[i]:
			r.faults = append(r.faults, fmt.Errorf("%s: group %s: stuck needs a quantity that never stands still; a breaker may stay closed for years", p.File, g.Name))
		}
	}
}

// quantities refuses two registers for one quantity: which of them is it?
func (r *reader) quantities(p *Profile) {
	first := map[headend.Quantity]int{}
	states := map[string]int{}
	factors := map[string]int{}
	for i := range p.Registers {
		reg := &p.Registers[i]
		clash := func(seen int, what string) {
			r.faultAt(reg.Line, "%s is defined in line %d already", what, seen)
		}
		switch reg.Role {
		case Quantity:
			if seen, ok := first[reg.Quantity]; ok {
				clash(seen, string(reg.Quantity))
				continue
			}
			first[reg.Quantity] = reg.Line
		case State:
			key := fmt.Sprint(reg.Thing, reg.Phases, reg.Name)
			if seen, ok := states[key]; ok {
				clash(seen, "a state of this kind, phase and name")
				continue
			}
			states[key] = reg.Line
		case Factor:
			if seen, ok := factors[reg.Name]; ok {
				clash(seen, "scale factor "+reg.Name)
				continue
			}
			factors[reg.Name] = reg.Line
		}
	}
}

// overlaps refuses registers that lie partly in each other, and two readings of the same ones. A quantity and
// a state may look at the same registers, and so may fields with masks that do not meet.
func (r *reader) overlaps(p *Profile) {
	order := make([]int, len(p.Registers))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := &p.Registers[a], &p.Registers[b]
		if x.Function != y.Function {
			return int(x.Function) - int(y.Function)
		}
		return int(x.Address) - int(y.Address)
	})
	for i, a := range order {
		x := &p.Registers[a]
		for _, b := range order[i+1:] {
			y := &p.Registers[b]
			if y.Function != x.Function || int(y.Address) >= int(x.Address)+int(x.Count) {
				break
			}
			if why := contradiction(x, y); why != "" {
				late, early := x, y
				if late.Line < early.Line {
					late, early = early, late
				}
				r.faultAt(late.Line, "%s at %d and %s at %d (line %d): %s", late.label(), late.Address, early.label(), early.Address, early.Line, why)
			}
		}
	}
}

func contradiction(x, y *Register) string {
	switch {
	case x.Address != y.Address || x.Count != y.Count:
		if x.Mask != 0 && y.Mask != 0 && x.Type == U16 && y.Type == U16 {
			return ""
		}
		return "they overlap"
	case x.Type.float() != y.Type.float() || x.WordLittle != y.WordLittle && x.Count > 1 || x.ByteLittle != y.ByteLittle:
		return "the same registers in two types or orders"
	case x.Mask != 0 && y.Mask != 0 && x.Mask&y.Mask == 0, x.Role != y.Role:
		return ""
	case x.Mask == 0 && y.Mask != 0 || x.Mask != 0 && y.Mask == 0: // the whole word, and a field of it
		return ""
	}
	return "the same registers twice"
}

// label is what to call a register.
func (reg *Register) label() string {
	switch {
	case reg.Name != "":
		return reg.Name
	case reg.Quantity != "":
		return string(reg.Quantity)
	}
	return fmt.Sprintf("register %d", reg.Address)
}
