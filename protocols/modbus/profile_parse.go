package modbus

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"lastgasp/headend"
)

// Bounds of a profile.
const (
	maxEntries = 4096
	maxGroups  = 32
)

// ParseProfile reads one profile. file is its name: the model is called as the file, and errors name file
// and line. All faults found are reported at once.
func ParseProfile(file string, text []byte) (*Profile, error) {
	r := &reader{file: file}
	if len(text) > maxProfile {
		return nil, fmt.Errorf("%s: more than %d bytes", file, maxProfile)
	}
	var document yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&document); err != nil {
		return nil, fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: more than one document", file)
	}
	if len(document.Content) != 1 {
		return nil, fmt.Errorf("%s: empty", file)
	}
	p := &Profile{File: file}
	r.profile(document.Content[0], p)
	if len(r.faults) == 0 {
		r.check(p)
	}
	if len(r.faults) > 0 {
		return nil, errors.Join(r.faults...)
	}
	return p, nil
}

// standards are what registers of a profile take where they do not say otherwise.
type standards struct {
	function   byte
	wordLittle bool
	byteLittle bool
	group      string
	notThere   map[Type][]uint64
}

func (r *reader) profile(n *yaml.Node, p *Profile) {
	m := r.mapping(n, "model", "maker", "description", "kind", "source", "addresses", "notes", "word_order", "byte_order", "function",
		"group", "max_registers", "max_bits", "gap", "window", "timeout", "missed", "not_there", "sunspec", "groups", "registers")
	if m == nil {
		return
	}
	p.Model = r.text(m["model"])
	if want := strings.TrimSuffix(path.Base(p.File), ".yaml"); p.Model != want {
		r.fault(m.at("model", n), "model %q; it must be called as its file, %q", p.Model, want)
	}
	if !validModel(p.Model) {
		r.fault(m.at("model", n), "model %q; 1 to 64 of a-z, 0-9 and _ are allowed", p.Model)
	}
	p.Maker, p.Description = r.text(m["maker"]), r.text(m["description"])
	p.Source, p.Addresses = r.text(m["source"]), r.text(m["addresses"])
	if p.Source == "" {
		r.fault(m.at("source", n), "source is missing: where are these facts from?")
	}
	for _, note := range r.list(m["notes"], 64) {
		p.Notes = append(p.Notes, r.text(note))
	}
	p.Kind = headend.KindMeter
	if m["kind"] != nil {
		p.Kind = headend.DeviceKind(r.oneOf(m["kind"], string(headend.KindMeter), string(headend.KindRTU), string(headend.KindGateway)))
	}
	p.MaxRegisters = r.number(m["max_registers"], 125, 1, 125)
	p.MaxBits = r.number(m["max_bits"], 2000, 1, 2000)
	p.Gap = r.number(m["gap"], 24, 0, 124)
	p.Window = r.number(m["window"], 1, 1, 16)
	p.Missed = r.number(m["missed"], 3, 1, 1000)
	p.Timeout = r.duration(m["timeout"], time.Second, 10*time.Millisecond, time.Minute)
	r.sunspec(m["sunspec"], p)
	r.groups(m.at("groups", n), m["groups"], p)
	d := standards{group: r.text(m["group"]), notThere: r.notThere(m["not_there"])}
	d.function = byte(r.number(m["function"], 0, 1, 4))
	d.wordLittle = m["word_order"] != nil && r.oneOf(m["word_order"], "big", "little") == "little"
	d.byteLittle = m["byte_order"] != nil && r.oneOf(m["byte_order"], "big", "little") == "little"
	if d.group != "" && p.group(d.group) < 0 {
		r.fault(m["group"], "there is no group %q", d.group)
		return
	}
	r.registers(m.at("registers", n), m["registers"], p, d)
}

func validModel(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

func (r *reader) sunspec(n *yaml.Node, p *Profile) {
	if n == nil {
		return
	}
	m := r.mapping(n, "model", "length", "bases")
	p.SunSpec = &SunSpec{Model: uint16(r.number(m["model"], 0, 1, 65534)), Length: uint16(r.number(m["length"], 0, 1, 65534))}
	if m["model"] == nil || m["length"] == nil {
		r.fault(n, "sunspec needs model and length")
	}
	for _, base := range r.list(m["bases"], 16) {
		p.SunSpec.Bases = append(p.SunSpec.Bases, uint16(r.number(base, 0, 0, 65530)))
	}
	if len(p.SunSpec.Bases) == 0 {
		p.SunSpec.Bases = []uint16{40000, 50000, 0} // where the specification lets a map begin
	}
}

func (r *reader) groups(place, n *yaml.Node, p *Profile) {
	names, values := r.pairs(n)
	for i, name := range names {
		m := r.mapping(values[i], "interval", "aligned", "stuck")
		g := Group{Name: name, Aligned: r.bool(m["aligned"]), Stuck: r.number(m["stuck"], 0, 2, 1_000_000)}
		switch {
		case m["interval"] == nil:
			r.fault(values[i], "group %s has no interval", name)
		case m["interval"].Value == "on demand":
			if g.Aligned {
				r.fault(m["aligned"], "group %s is only read on demand; there is nothing to align", name)
			}
		default:
			g.Interval = r.duration(m["interval"], 0, 100*time.Millisecond, 24*time.Hour)
		}
		p.Groups = append(p.Groups, g)
	}
	if len(p.Groups) == 0 || len(p.Groups) > maxGroups {
		r.fault(place, "%d groups; 1 to %d are needed", len(p.Groups), maxGroups)
	}
}

// notThere reads which raw values mean "not measured", by type.
func (r *reader) notThere(n *yaml.Node) map[Type][]uint64 {
	by := map[Type][]uint64{}
	names, values := r.pairs(n)
	for i, name := range names {
		t := typeNames[name]
		if t == 0 || t == Text {
			r.fault(values[i], "unknown type %q", name)
			continue
		}
		by[t] = r.raws(values[i])
	}
	return by
}

// registers reads the list, factors by name in a second pass.
func (r *reader) registers(place, n *yaml.Node, p *Profile, d standards) {
	entries := r.list(n, maxEntries)
	if len(entries) == 0 {
		r.fault(place, "registers is empty")
	}
	factors := make([]*yaml.Node, len(entries))
	for i, e := range entries {
		reg, factor := r.register(e, p, d)
		factors[i] = factor
		p.Registers = append(p.Registers, reg)
	}
	for i, factor := range factors {
		if factor == nil {
			continue
		}
		for j := range p.Registers {
			if p.Registers[j].Role == Factor && p.Registers[j].Name == factor.Value {
				p.Registers[i].Factor = j
			}
		}
		if p.Registers[i].Factor < 0 {
			r.fault(factor, "there is no register of type sunssf named %q", factor.Value)
		}
	}
}

// register reads one entry; the node of its scale factor's name is returned for later.
func (r *reader) register(n *yaml.Node, p *Profile, d standards) (Register, *yaml.Node) {
	reg := Register{Factor: -1, Group: -1, Line: n.Line, Scale: headend.Decimal{Coefficient: 1}, WordLittle: d.wordLittle, ByteLittle: d.byteLittle}
	m := r.mapping(n, "name", "quantity", "state", "info", "function", "address", "type", "count", "word_order", "byte_order", "bit", "mask",
		"shift", "scale", "offset", "unit", "factor", "not_there", "enum", "phases", "above", "below", "group", "note")
	if m == nil {
		return reg, nil
	}
	reg.Name, reg.Note = r.text(m["name"]), r.text(m["note"])
	if m["type"] == nil {
		r.fault(n, "type is missing")
		return reg, nil
	}
	reg.Type = typeNames[m["type"].Value]
	if reg.Type == 0 {
		r.fault(m["type"], "unknown type %q", m["type"].Value)
		return reg, nil
	}
	if m["word_order"] != nil {
		reg.WordLittle = r.oneOf(m["word_order"], "big", "little") == "little"
	}
	if m["byte_order"] != nil {
		reg.ByteLittle = r.oneOf(m["byte_order"], "big", "little") == "little"
	}
	r.place(n, m, &reg, d)
	if p.SunSpec != nil && reg.Address < 2 && (reg.Count > 1 || reg.Function != readHolding) {
		r.fault(m.at("address", n), "under sunspec, holding registers 0 and 1 are ID and length of the model")
	}
	r.role(n, m, &reg)
	r.group(n, m, &reg, p, d)
	r.bits(m, &reg)
	r.value(n, m, &reg, d)
	r.meaning(n, m, &reg)
	return reg, m["factor"]
}

func (r *reader) place(n *yaml.Node, m section, reg *Register, d standards) {
	reg.Function = d.function
	if m["function"] != nil {
		reg.Function = byte(r.number(m["function"], 0, 1, 4))
	}
	if reg.Function == 0 {
		r.fault(n, "function is missing: 1 coils, 2 discrete inputs, 3 holding registers, 4 input registers")
	}
	if m["address"] == nil {
		r.fault(n, "address is missing")
	}
	reg.Address = uint16(r.number(m["address"], 0, 0, 65535))
	bits := reg.Function == readCoils || reg.Function == readInputs
	most := 125
	switch size := reg.Type.registers(); {
	case bits != (reg.Type == Bits) && m["bit"] == nil && reg.Function != 0:
		r.fault(m["type"], "type %s with function %d; functions 1 and 2 read bits, 3 and 4 read registers (one bit of a register: bit: 0 to 15)", reg.Type, reg.Function)
	case m["bit"] != nil:
		reg.Count = 1
	case reg.Type == Bits:
		reg.Count = uint16(r.number(m["count"], 1, 1, 16))
		most = 16
	case size > 0:
		if m["count"] != nil && r.number(m["count"], size, 1, 125) != size {
			r.fault(m["count"], "count %s; type %s takes %d registers", m["count"].Value, reg.Type, size)
		}
		reg.Count = uint16(size)
	default:
		reg.Count = uint16(r.number(m["count"], 0, 1, most))
		if reg.Count == 0 {
			r.fault(n, "count is missing: how many registers does the text take?")
		}
	}
	if int(reg.Address)+int(reg.Count) > 65536 {
		r.fault(n, "address %d and count %d reach beyond 65535", reg.Address, reg.Count)
	}
}

func (r *reader) role(n *yaml.Node, m section, reg *Register) {
	roles := 0
	if m["quantity"] != nil {
		roles++
		reg.Role, reg.Quantity = Quantity, headend.Quantity(m["quantity"].Value)
		if !headend.ValidQuantityName(m["quantity"].Value) {
			r.fault(m["quantity"], "%q is no name for a quantity", m["quantity"].Value)
		}
	}
	if m["state"] != nil {
		roles++
		reg.Role, reg.Thing = State, thingNames[m["state"].Value]
		if reg.Thing == 0 {
			r.fault(m["state"], "state %q; breaker, fault and supply are known", m["state"].Value)
		}
	}
	if m["info"] != nil {
		roles++
		reg.Role = Info
		if reg.Name == "" {
			reg.Name = m["info"].Value
		}
		reg.Quantity = headend.Quantity(m["info"].Value)
	}
	if reg.Type == ScaleFactor {
		roles++
		reg.Role = Factor
		if reg.Name == "" {
			r.fault(n, "a scale factor needs a name")
		}
	}
	if roles != 1 {
		r.fault(n, "a register is exactly one of quantity, state, info, or a scale factor (type sunssf)")
	}
	if reg.Type == Text && reg.Role != Info {
		r.fault(n, "text can only be info")
	}
	for _, phase := range r.list(m["phases"], 3) {
		switch phase.Value {
		case "L1":
			reg.Phases |= headend.L1
		case "L2":
			reg.Phases |= headend.L2
		case "L3":
			reg.Phases |= headend.L3
		default:
			r.fault(phase, "phase %q; L1, L2 and L3 are known", phase.Value)
		}
	}
	if reg.Phases != 0 && reg.Role != State {
		r.fault(m["phases"], "phases belong to a state")
	}
}

func (r *reader) group(n *yaml.Node, m section, reg *Register, p *Profile, d standards) {
	name := d.group
	if m["group"] != nil {
		name = r.text(m["group"])
		if reg.Role == Factor {
			r.fault(m["group"], "a scale factor is read with what it scales; it has no group")
		}
	}
	if reg.Role == Factor {
		return
	}
	if name == "" && len(p.Groups) == 1 {
		name = p.Groups[0].Name
	}
	if reg.Group = p.group(name); reg.Group < 0 && len(p.Groups) > 0 {
		r.fault(n, "there is no group %q", name)
	}
	if reg.Role == State && reg.Group >= 0 && p.Groups[reg.Group].Interval == 0 {
		r.fault(n, "a state in group %s would never be polled", name)
	}
}
