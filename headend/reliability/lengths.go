package reliability

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
)

// lengths is milliseconds by usage point, in pages of 65,536 usage points as roaring has them: a page with few entries
// is a sorted list, one with many an array. Lengths can be added. Bit by bit, as in a tally, the same took ten times as
// long to add and four times the room: a length has a dozen bits set where a count has one.
type lengths struct{ pages map[uint16]*page }

// page is a sorted list in low and millis, or, when low is nil and millis is not, an array of all 65,536.
type page struct {
	low    []uint16
	millis []int64
}

const (
	pageSize  = 1 << 16
	sparseMax = 8192 // entries of a list; more make it an array, which adds faster
)

func (l *lengths) page(key uint16) *page {
	if l.pages == nil {
		l.pages = map[uint16]*page{}
	}
	p := l.pages[key]
	if p == nil {
		p = &page{}
		l.pages[key] = p
	}
	return p
}

// plus adds milliseconds, at least 1, to those of a usage point.
func (l *lengths) plus(usagePoint uint32, ms int64) {
	if ms > 0 {
		l.page(uint16(usagePoint>>16)).plus(uint16(usagePoint), ms)
	}
}

func (p *page) dense() bool { return p.low == nil && p.millis != nil }

func (p *page) plus(low uint16, ms int64) {
	if p.dense() {
		p.millis[low] += ms
		return
	}
	i := len(p.low)
	if i > 0 && p.low[i-1] >= low {
		var found bool
		if i, found = slices.BinarySearch(p.low, low); found {
			p.millis[i] += ms
			return
		}
	}
	if len(p.low) == sparseMax {
		p.spread()
		p.millis[low] += ms
		return
	}
	p.low, p.millis = slices.Insert(p.low, i, low), slices.Insert(p.millis, i, ms)
}

// spread makes a list an array.
func (p *page) spread() {
	all := make([]int64, pageSize)
	for i, low := range p.low {
		all[low] = p.millis[i]
	}
	p.low, p.millis = nil, all
}

// each calls yield for every entry, in order.
func (p *page) each(yield func(low uint16, ms int64)) {
	if !p.dense() {
		for i, low := range p.low {
			yield(low, p.millis[i])
		}
		return
	}
	for low, ms := range p.millis {
		if ms > 0 {
			yield(uint16(low), ms)
		}
	}
}

// add adds those of o, which stays as it is.
func (l *lengths) add(o *lengths) {
	for key, from := range o.pages {
		to := l.page(key)
		if !to.dense() && len(to.low) > 0 { // two lists in one pass cost more than an array that takes all that follow
			to.spread()
		}
		if !to.dense() && !from.dense() {
			to.low, to.millis = slices.Clone(from.low), slices.Clone(from.millis)
			continue
		}
		if !to.dense() {
			to.millis = slices.Clone(from.millis)
			continue
		}
		from.each(func(low uint16, ms int64) { to.millis[low] += ms })
	}
}

// atLeast is how many usage points have so many milliseconds or more; ms is at least 1.
func (l *lengths) atLeast(ms int64) (n int64) {
	for _, p := range l.pages {
		for _, x := range p.millis {
			if x >= ms {
				n++
			}
		}
	}
	return n
}

// write appends the pages in order: key, number of entries, then distances and milliseconds as varints.
func (l *lengths) write(b []byte) []byte {
	keys := make([]uint16, 0, len(l.pages))
	for key := range l.pages {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	b = binary.AppendUvarint(b, uint64(len(keys)))
	for _, key := range keys {
		n := 0
		l.pages[key].each(func(uint16, int64) { n++ })
		b = binary.LittleEndian.AppendUint16(b, key)
		b = binary.AppendUvarint(b, uint64(n))
		last := -1
		l.pages[key].each(func(low uint16, ms int64) {
			b = binary.AppendUvarint(b, uint64(int(low)-last))
			b = binary.AppendUvarint(b, uint64(ms))
			last = int(low)
		})
	}
	return b
}

var errLengths = errors.New("bad lengths")

// read takes what write wrote; anything else is refused.
func (l *lengths) read(r *bytes.Reader) error {
	pages, err := binary.ReadUvarint(r)
	if err != nil || pages > pageSize {
		return errLengths
	}
	before := -1
	for range pages {
		var key [2]byte
		if _, err := io.ReadFull(r, key[:]); err != nil {
			return errLengths
		}
		k := binary.LittleEndian.Uint16(key[:])
		n, err := binary.ReadUvarint(r)
		if err != nil || int(k) <= before || n > pageSize || n > uint64(r.Len()) {
			return errLengths
		}
		before = int(k)
		if err := l.page(k).read(r, int(n)); err != nil {
			return err
		}
	}
	return nil
}

func (p *page) read(r *bytes.Reader, n int) error {
	low := -1
	for range n {
		distance, err := binary.ReadUvarint(r)
		if err != nil || distance == 0 || distance > pageSize || low+int(distance) >= pageSize {
			return errLengths
		}
		ms, err := binary.ReadUvarint(r)
		if err != nil || ms == 0 || ms > math.MaxInt64/pageSize {
			return errLengths
		}
		low += int(distance)
		p.plus(uint16(low), int64(ms))
	}
	return nil
}
