package ingest

import (
	"strings"
	"sync"
	"time"

	"lastgasp/headend"
)

// registers remembers the latest energy registers of the meters heard, to flag one that runs
// backwards. It is a hint and bounded: a meter that is not in it is judged from its next reading on;
// the books are checked by billing's validation, on what is stored.
type registers struct {
	mu   sync.Mutex
	last map[headend.DeviceID]*mark
	most int // 0 is 500,000 meters, some 50 MB
}

type mark struct {
	time             time.Time
	imported, export int64 // -1: not seen
}

const defaultRegisters = 500_000

// judge sets QualityBackwards on registers lower than at an earlier time.
func (r *registers) judge(b *headend.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, known := r.last[b.Device]
	for i := range b.Readings {
		reading := &b.Readings[i]
		if reading.Quantity != headend.ImportWh && reading.Quantity != headend.ExportWh {
			continue
		}
		if !known {
			m, known = r.add(b.Device), true
		}
		if reading.Time.Before(m.time) {
			continue // late: says nothing about the present
		}
		last := &m.imported
		if reading.Quantity == headend.ExportWh {
			last = &m.export
		}
		v := reading.Value.Int64()
		if v < *last {
			reading.Quality |= headend.QualityBackwards
		}
		*last, m.time = v, reading.Time
	}
}

func (r *registers) add(id headend.DeviceID) *mark {
	if r.last == nil {
		r.last = map[headend.DeviceID]*mark{}
	}
	most := r.most
	if most == 0 {
		most = defaultRegisters
	}
	if len(r.last) >= most {
		for other := range r.last { // any: the map's order is as good as chance
			delete(r.last, other)
			break
		}
	}
	m := &mark{imported: -1, export: -1}
	r.last[headend.DeviceID(strings.Clone(string(id)))] = m // the id may point into a driver's buffer
	return m
}
