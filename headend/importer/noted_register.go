package importer

import (
	"io"
	"iter"
	"time"

	"lastgasp/headend"
)

var notedRegisterColumns = []string{"device", "time", "register", "wh"}

// NotedRegisters reads a file of registers that were read from the dial when meters came or went.
func NotedRegisters(r io.Reader, format Format) iter.Seq2[headend.Line[headend.NotedRegister], error] {
	lines := read(r, format, notedRegisterColumns, func(f *fields) headend.NotedRegister {
		n := headend.NotedRegister{Device: f.deviceID(0), Time: f.time(1), Quantity: headend.Quantity(f.values[2])}
		if n.Time.IsZero() {
			f.refuse("time is empty")
		}
		if !n.Quantity.IsEnergy() {
			f.refuse("%s %q is no energy register such as import_wh", f.columns[2], f.shown(2))
		}
		if f.values[3] == "" {
			f.refuse("wh is empty")
		}
		n.Wh = f.whole(3, 0, 1_000_000_000_000_000_000)
		return n
	})
	return func(yield func(headend.Line[headend.NotedRegister], error) bool) {
		for line, err := range lines {
			if err == nil && line.Refusal == "" {
				line.ID = string(line.Row.Device) + " " + line.Row.Time.Format(time.RFC3339) + " " + string(line.Row.Quantity)
			}
			if !yield(line, err) {
				return
			}
		}
	}
}
