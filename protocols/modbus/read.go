package modbus

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"time"

	"lastgasp/headend"
)

// Row is one register as it was read, for people.
type Row struct {
	Quantity string // the quantity, the state or the info's name
	Name     string // as the maker calls it
	Value    string // in Unit; "" when there is none
	Unit     string
	Function byte
	Address  uint16 // on the wire
	Raw      string // hexadecimal, as the device sent it
	Note     string // why there is no value, or what is to be said about it
}

// Read polls a device once, all groups of its profile, and returns a row for each register in the order of
// the profile. unit is NoUnit where the address names it. An error means that nothing was read: the address
// is wrong, or the device did not answer.
func Read(ctx context.Context, address string, unit int, profile *Profile) ([]Row, error) {
	a, m, c, stop, err := open(ctx, address, unit)
	if err != nil {
		return nil, err
	}
	defer stop()
	base, err := locate(ctx, m, byte(a.Unit), profile, profile.Timeout)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a, err)
	}
	rows := make([]Row, len(profile.Registers))
	var first error
	answered := 0
	for g := range profile.Groups {
		pl := newPlan(profile, profile.inGroup(g), base, profile.limits())
		var o outcome
		ask(ctx, m, byte(a.Unit), pl, profile.Timeout, &o, c)
		if o.refused && pl.bridged {
			l := profile.limits()
			l.gap = 0
			pl = newPlan(profile, profile.inGroup(g), base, l)
			ask(ctx, m, byte(a.Unit), pl, profile.Timeout, &o, c)
		}
		answered += o.answered
		if o.err != nil && first == nil {
			first = o.err
		}
		for _, it := range pl.items {
			if it.register >= 0 && rows[it.register].Raw == "" {
				rows[it.register] = profile.row(pl, &o, it, base)
			}
		}
	}
	if answered == 0 {
		return nil, fmt.Errorf("%s: %w", a, first)
	}
	return rows, nil
}

// open makes a master for one address; stop closes its connection.
func open(ctx context.Context, address string, unit int) (Address, *master, *counts, func(), error) {
	a, err := ParseAddress(address)
	switch {
	case err != nil:
		return a, nil, nil, nil, err
	case unit != NoUnit && a.Unit != NoUnit && unit != a.Unit:
		return a, nil, nil, nil, fmt.Errorf("unit %d, but the address says %d", unit, a.Unit)
	case unit != NoUnit:
		a.Unit = unit
	case a.Unit == NoUnit:
		return a, nil, nil, nil, errors.New("no unit: append ?unit=1 to the address, or name it beside")
	}
	if a.Unit < 0 || a.Unit > 255 {
		return a, nil, nil, nil, fmt.Errorf("unit %d; units are 0 to 255", a.Unit)
	}
	if err := a.checkUnit(); err != nil {
		return a, nil, nil, nil, err
	}
	c := new(counts)
	l := newLink(a, &net.Dialer{}, 1, 5*time.Second, c)
	interrupting := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		l.interrupt()
		close(interrupting)
	})
	return a, newMaster(l, a.Transport), c, func() {
		if !stop() {
			<-interrupting
		}
		l.close()
	}, nil
}

// row prints one register.
func (p *Profile) row(pl *plan, o *outcome, it item, base uint16) Row {
	reg := &p.Registers[it.register]
	r := Row{Quantity: string(reg.Quantity), Name: reg.Name, Unit: reg.Base, Function: reg.Function, Address: base + reg.Address, Note: reg.Note}
	if reg.Role == State {
		for name, thing := range thingNames {
			if thing == reg.Thing {
				r.Quantity = name
			}
		}
		if reg.Phases != 0 {
			r.Quantity += " " + reg.Phases.String()
		}
	}
	data, ok := o.data(p, pl, it)
	if !ok {
		r.Note = NotRead.String()
		if o.err != nil {
			r.Note += ": " + o.err.Error()
		}
		return r
	}
	if reg.Type == Bits {
		r.Raw = strconv.FormatUint(reg.bits(data, it.offset), 2)
	} else {
		r.Raw = hex.EncodeToString(data)
	}
	raw, exponent, absent := fetch(p, pl, o, it)
	switch {
	case absent != 0:
		r.Note = absent.String()
	case reg.Type == Text:
		r.Value = reg.text(data)
	case reg.Role == Factor:
		if e, none := reg.exponent(raw); none == 0 {
			r.Value, r.Note = strconv.Itoa(e), "power of ten"
		} else {
			r.Note = none.String()
		}
	case reg.Role == State:
		if position := reg.position(raw, exponent); position != undecided {
			r.Value = position.String()
		} else {
			r.Note = "between the thresholds"
		}
		r.Unit = ""
	default:
		r.value(reg, raw, exponent)
	}
	return r
}

func (r *Row) value(reg *Register, raw uint64, exponent int) {
	v, quality, absent := reg.value(raw, exponent)
	if absent != 0 {
		r.Note = absent.String()
		return
	}
	r.Value = v.String()
	if reg.Type == F32 && !v.IsWhole() {
		r.Value = digits7(v.Float64())
	}
	if name, ok := reg.Names[reg.field(raw)]; ok {
		r.Note = name
	}
	if quality&headend.QualityCoarse != 0 {
		r.Note = "coarse: the register's float cannot hold the last digits"
	}
}

// digits7 prints what a float32 tells: seven digits, as they stand on the device's display.
func digits7(v float64) string {
	text := strconv.FormatFloat(v, 'e', 6, 64)
	if size := math.Abs(v); size != 0 && (size < 1e-6 || size >= 1e15) {
		return text
	}
	rounded, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

// Found is a unit that answered a scan.
type Found struct {
	Unit   int
	Answer string // what it said: "registers", or the exception it sent
}

// Scan asks units from first to last whether they are there, each with a harmless read of one register, and
// calls found for those that answer in any way. Gateways that answer for units they do not reach (exceptions
// 0x0A and 0x0B) are not counted as units. progress, if not nil, is called before each unit. An error means
// that the line itself cannot be used, or ctx ended.
func Scan(ctx context.Context, address string, first, last int, timeout time.Duration, found func(Found), progress func(unit int)) error {
	if first < 0 || last > 255 || first > last {
		return fmt.Errorf("units %d to %d; units are 0 to 255", first, last)
	}
	a, m, _, stop, err := open(ctx, address, first)
	if err != nil {
		return err
	}
	defer stop()
	if a.Transport != TCP {
		last = min(last, 247)
	}
	for unit := first; unit <= last; unit++ {
		if progress != nil {
			progress(unit)
		}
		answer, err := probe(ctx, m, byte(unit), timeout)
		if err != nil {
			return fmt.Errorf("%s: %w", a.line(), err)
		}
		if answer != "" {
			found(Found{Unit: unit, Answer: answer})
		}
	}
	return nil
}

// probe asks a unit for one holding register, and where it does not have that function for an input register.
func probe(ctx context.Context, m *master, unit byte, timeout time.Duration) (string, error) {
	answer := ""
	for _, function := range []byte{readHolding, readInput} {
		_, err := m.read(ctx, unit, request{function, 0, 1}, timeout)
		if err == nil {
			return "registers", nil
		}
		switch fault := classify(err); fault.Fault {
		case FaultConnect, FaultStopped:
			return "", fault
		case FaultException:
			answer = fault.Cause.Error()
		default:
			return answer, nil
		}
	}
	return answer, nil
}
