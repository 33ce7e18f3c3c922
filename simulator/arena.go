package simulator

import (
	"strconv"
	"unsafe"
)

// arena joins many short texts into few large blocks, so that 400,000 usage points are not a million
// small allocations.
type arena struct{ block []byte }

// text is the parts joined.
func (a *arena) text(parts ...string) string {
	length := 0
	for _, p := range parts {
		length += len(p)
	}
	if cap(a.block)-len(a.block) < length {
		a.block = make([]byte, 0, max(64<<10, length))
	}
	from := len(a.block)
	for _, p := range parts {
		a.block = append(a.block, p...)
	}
	return stringOf(a.block[from:])
}

// d2, d8 and dn print a number with two digits, with eight, as it is.
func d2(n int) string { return padded(n, 2) }
func d8(n int) string { return padded(n, 8) }
func dn(n int) string { return strconv.Itoa(n) }

func padded(n, width int) string {
	s := strconv.Itoa(n)
	if len(s) >= width {
		return s
	}
	return "00000000"[:width-len(s)] + s
}

// stringOf is b as a string without a copy. The arena never writes to b again.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
