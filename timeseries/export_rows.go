package timeseries

import (
	"encoding/binary"
	"errors"
	"fmt"

	"lastgasp/headend"
)

// copyRows takes what COPY TO STDOUT (FORMAT binary) sends and gathers it in columns. Numbers go from the bytes into their
// column: a row of one quantity costs some 50 ns, through pgx's scanning of values ten times that.
type copyRows struct {
	block   headend.ReadingBlock
	full    func() error // gives the block and clears it
	refused error        // what full said
	most    int          // rows of a block

	devices []exportDevice // in the order of rows
	at      int            // of the device of the last row
	placed  bool
	slice   int64 // of the rows, µs since 1970

	last      *exportDevice // of the last row in the block
	run       string        // its usage point
	lastSlice int64

	bounded bool
	left    int  // rows that may be gathered, where bounded
	more    bool // there was one more than that
	read    int  // rows that came
	meter   int32
	time    int64 // of the last row that came, µs since 2000

	values []uint64
	known  []bool
	rest   []byte // of a row that has not come whole
	begun  bool
	done   bool
}

// errCopy says that the server sent something else than was asked for.
var errCopy = errors.New("the rows of COPY cannot be read")

// begin makes the columns.
func (r *copyRows) begin(quantities []headend.Quantity) {
	n := len(quantities)
	r.values, r.known = make([]uint64, n), make([]bool, n)
	r.most = blockBytes / (8 + 8 + 2 + 9*n)
	r.block.Columns = make([]headend.ReadingColumn, n)
	for i, q := range quantities {
		r.block.Columns[i].Quantity = q
	}
}

// expect says whose rows come next.
func (r *copyRows) expect(devices []exportDevice, placed bool, slice int64) {
	r.devices, r.placed, r.slice = devices, placed, slice
}

// start is the beginning of a COPY.
func (r *copyRows) start() { r.at, r.begun, r.done, r.rest = 0, false, false, r.rest[:0] }

// ended tells whether a COPY came to its end.
func (r *copyRows) ended() error {
	if !r.done || len(r.rest) > 0 {
		return fmt.Errorf("%w: they end in the middle", errCopy)
	}
	return nil
}

// clear makes room for the next block.
func (r *copyRows) clear() {
	b := &r.block
	b.Runs, b.Time, b.Received, b.Quality = b.Runs[:0], b.Time[:0], b.Received[:0], b.Quality[:0]
	for i := range b.Columns {
		c := &b.Columns[i]
		c.Whole, c.Real, c.Known, c.Unknown = c.Whole[:0], c.Real[:0], c.Known[:0], 0
	}
}

// Write takes bytes of the stream, which may be cut anywhere.
func (r *copyRows) Write(p []byte) (int, error) {
	n := len(p)
	if len(r.rest) > 0 {
		r.rest = append(r.rest, p...)
		p = r.rest
	}
	for {
		used, err := r.piece(p)
		if err != nil {
			return 0, err
		}
		if used == 0 {
			r.rest = append(r.rest[:0], p...)
			return n, nil
		}
		p = p[used:]
	}
}

// piece reads the header, a row or the end, and tells how long it was; 0 where it is not whole.
func (r *copyRows) piece(p []byte) (int, error) {
	if !r.begun {
		if len(p) < len(copySignature) {
			return 0, nil
		}
		if string(p[:len(copySignature)]) != string(copySignature) {
			return 0, fmt.Errorf("%w: they do not begin with the signature", errCopy)
		}
		r.begun = true
		return len(copySignature), nil
	}
	if len(p) < 2 {
		return 0, nil
	}
	switch n := binary.BigEndian.Uint16(p); {
	case r.done:
		return 0, fmt.Errorf("%w: something follows their end", errCopy)
	case n == 0xffff:
		r.done = true
		return 2, nil
	case int(n) != 4+len(r.values):
		return 0, fmt.Errorf("%w: a row of %d fields, not %d", errCopy, n, 4+len(r.values))
	}
	return r.row(p)
}

// keyBytes is the part of a row before the quantities: number of fields; meter, time, received, quality with their lengths.
const keyBytes = 2 + 4 + 4 + 4 + 8 + 4 + 8 + 4 + 2

func (r *copyRows) row(p []byte) (int, error) {
	if len(p) < keyBytes {
		return 0, nil
	}
	if binary.BigEndian.Uint32(p[2:]) != 4 || binary.BigEndian.Uint32(p[10:]) != 8 || binary.BigEndian.Uint32(p[22:]) != 8 || binary.BigEndian.Uint32(p[34:]) != 2 {
		return 0, fmt.Errorf("%w: lengths of a key are not 4, 8, 8 and 2", errCopy)
	}
	at := keyBytes
	for i := range r.values {
		if len(p) < at+4 {
			return 0, nil
		}
		length := binary.BigEndian.Uint32(p[at:])
		at += 4
		switch {
		case length == 0xffffffff:
			r.values[i], r.known[i] = 0, false
		case length != 8:
			return 0, fmt.Errorf("%w: a value of %d bytes", errCopy, length)
		case len(p) < at+8:
			return 0, nil
		default:
			r.values[i], r.known[i] = binary.BigEndian.Uint64(p[at:]), true
			at += 8
		}
	}
	r.meter, r.time = int32(binary.BigEndian.Uint32(p[6:])), int64(binary.BigEndian.Uint64(p[14:]))
	r.read++
	return at, r.take(int64(binary.BigEndian.Uint64(p[26:])), headend.Quality(binary.BigEndian.Uint16(p[38:])))
}

// take puts the row into the block, if it is one of the selection.
func (r *copyRows) take(received int64, quality headend.Quality) error {
	point, is := r.find()
	if !is || r.more {
		return nil
	}
	if r.bounded && r.left == r.block.Rows() {
		r.more = true
		return nil
	}
	d, b := &r.devices[r.at], &r.block
	if n := len(b.Runs); n > 0 && r.last == d && r.run == point {
		b.Runs[n-1].Rows++
	} else {
		b.Runs = append(b.Runs, headend.ReadingRun{Device: d.id, UsagePoint: point, Rows: 1})
		r.last, r.run = d, point
	}
	r.lastSlice = r.slice
	b.Time = append(b.Time, r.time+epochUnixMicro)
	b.Received = append(b.Received, received+epochUnixMicro)
	b.Quality = append(b.Quality, quality)
	for i := range b.Columns {
		b.Columns[i].Append(r.values[i], r.known[i])
	}
	if len(b.Time) < r.most {
		return nil
	}
	if r.bounded {
		r.left -= len(b.Time)
	}
	return r.full()
}

// find goes to the device of the row; false where it is none of the selection at that time.
func (r *copyRows) find() (point string, is bool) {
	for r.at < len(r.devices) && r.devices[r.at].number < r.meter {
		r.at++
	}
	if r.at == len(r.devices) || r.devices[r.at].number != r.meter {
		return "", false
	}
	for _, s := range r.devices[r.at].spans {
		if s.from <= r.time && r.time < s.to {
			return s.point, true
		}
	}
	return "", !r.placed
}
