package importer

import (
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"lastgasp/headend"
)

var meterTypeColumns = []string{"model", "digits", "unit_wh", "max_w", "every", "tolerance", "registers", "nominal_v", "rated_a"}

// MeterTypes reads a file of meter models: how their registers are built, and what they owe how often.
func MeterTypes(r io.Reader, format Format) iter.Seq2[headend.Line[headend.MeterType], error] {
	return read(r, format, meterTypeColumns, func(f *fields) headend.MeterType {
		t := headend.MeterType{Model: f.text(0, maxText), Digits: int(f.whole(1, 0, 18)), UnitWh: max(1, f.whole(2, 1, 1_000_000_000)), MaxW: f.whole(3, 1, 1_000_000_000_000),
			NominalV: f.positive(7), RatedA: f.positive(8)}
		if t.Model == "" {
			f.refuse("model is empty; it is what devices have as profile")
		}
		f.schedule(4, 5, &t)
		f.registers(6, &t)
		return t
	})
}

// whole is a whole number within bounds; empty is 0.
func (f *fields) whole(i int, least, most int64) int64 {
	if f.values[i] == "" {
		return 0
	}
	n, err := strconv.ParseInt(f.values[i], 10, 64)
	if err != nil || n < least || n > most {
		f.refuse("%s %q is not a whole number from %d to %d", f.columns[i], f.shown(i), least, most)
	}
	return n
}

// schedule reads how often a register is owed, and how far from then it may be read.
func (f *fields) schedule(every, tolerance int, t *headend.MeterType) {
	const day = 24 * time.Hour
	switch text := f.values[every]; text {
	case "day", "month":
		t.Calendar = text
	default:
		d, err := time.ParseDuration(text)
		if err != nil || d < time.Minute || d > 12*time.Hour || day%d != 0 {
			f.refuse("%s %q is not a length such as 30m that divides a day, from 1m to 12h, nor day or month", f.columns[every], f.shown(every))
			return
		}
		t.Every = d
	}
	most := 6 * time.Hour
	if t.Every > 0 {
		most = t.Every/2 - time.Second
	}
	if f.values[tolerance] == "" {
		return
	}
	d, err := time.ParseDuration(f.values[tolerance])
	if err != nil || d < 0 || d > most || d%time.Second != 0 {
		f.refuse("%s %q is not a length in whole seconds from 0s to %s", f.columns[tolerance], f.shown(tolerance), most)
	}
	t.Tolerance = d
}

// registers reads what is owed; import_wh where nothing is said.
func (f *fields) registers(i int, t *headend.MeterType) {
	for name := range strings.FieldsSeq(strings.ReplaceAll(f.values[i], ",", " ")) {
		if !headend.Quantity(name).IsEnergy() {
			f.refuse("%s: %q is no energy register such as import_wh", f.columns[i], clip(name))
			return
		}
		t.Registers = append(t.Registers, headend.Quantity(name))
	}
	if t.Registers == nil {
		t.Registers = []headend.Quantity{headend.ImportWh}
	}
}
