package headend

import (
	"math"
	"time"
)

// ReadingSelection is what an export of readings is asked for. Empty lists and names pick all; what is given must hold
// together. Organisation and Node are taken as the tree is now, as lists do it; a usage point has the readings of each
// meter for as long as it was installed there.
type ReadingSelection struct {
	From, To     time.Time  // half-open, by the devices' clocks
	Quantities   []Quantity // at least one, none twice
	Devices      []DeviceID
	UsagePoints  []string
	Organisation string // at or below
	Node         string // at or below
}

// ReadingPlace is where an export of readings stands: the row after which it goes on. Rows are in the order of slices of
// time, in a slice by device, of a device by time. Slice is the length of all of them, counted from 1970.
type ReadingPlace struct {
	Slice  int64 `json:"s"` // length in µs
	From   int64 `json:"f"` // beginning of the slice, µs since 1970
	Device int32 `json:"d"` // the store's number of the device
	Time   int64 `json:"t"` // µs since 1970
}

// ReadingBlock is a number of rows of an export in columns, a row for all that one device measured at one time. What is
// in it is only valid until the call it is given to returns.
type ReadingBlock struct {
	Runs     []ReadingRun // one after the other they make all rows
	Time     []int64      // µs since 1970
	Received []int64      // µs since 1970
	Quality  []Quality
	Columns  []ReadingColumn // as the quantities of the selection
}

// ReadingRun is a number of rows that follow each other, of one device at one usage point.
type ReadingRun struct {
	Device     DeviceID
	UsagePoint string // "" where the device was at none
	Rows       int
}

// ReadingColumn is one quantity. Whole is used by energy registers, Real by all others; the other one is nil. A row that
// is not Known was not measured and its number says nothing.
type ReadingColumn struct {
	Quantity Quantity
	Whole    []int64
	Real     []float64
	Known    []bool
	Unknown  int // how many rows are not Known
}

// Rows is how many rows there are.
func (b *ReadingBlock) Rows() int { return len(b.Time) }

// Append puts a value behind the others, as the bits of the int64 or float64 that it is.
func (c *ReadingColumn) Append(bits uint64, known bool) {
	if c.Quantity.IsEnergy() {
		c.Whole = append(c.Whole, int64(bits))
	} else {
		c.Real = append(c.Real, math.Float64frombits(bits))
	}
	if c.Known = append(c.Known, known); !known {
		c.Unknown++
	}
}
