package timeseries

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strings"
	"time"

	"lastgasp/headend"
)

// The binary COPY format: PostgreSQL manual, COPY, "Binary Format". Encoding rows ourselves costs some
// 150 ns a row of ten values; going through pgx's CopyFrom, which boxes every value, ten times that.

var copySignature = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")

// copyReading names the columns some row has a value in; the others stay NULL.
func copyReading(union uint64) string {
	var sql strings.Builder
	sql.WriteString("COPY reading (meter, time, received, quality")
	for m := union; m != 0; m &= m - 1 {
		sql.WriteString(", ")
		sql.WriteString(string(headend.Columns[bits.TrailingZeros64(m)]))
	}
	sql.WriteString(") FROM STDIN BINARY")
	return sql.String()
}

const copyReadingOther = "COPY reading_other (meter, time, quantity, received, quality, value) FROM STDIN BINARY"

// encodeRows writes the rows for copyReading(union).
func (p *pivot) encodeRows(rows []row, union uint64) []byte {
	b := append(p.wire[:0], copySignature...)
	fields := uint16(4 + bits.OnesCount64(union))
	for i := range rows {
		r := &rows[i]
		b = binary.BigEndian.AppendUint16(b, fields)
		b = appendInt32(b, r.meter)
		b = appendInt64(b, r.time)
		b = appendInt64(b, r.received)
		b = appendInt16(b, int16(r.quality))
		next := r.first
		for m := union; m != 0; m &= m - 1 {
			if r.mask&(m&-m) == 0 {
				b = binary.BigEndian.AppendUint32(b, math.MaxUint32) // NULL
				continue
			}
			b = binary.BigEndian.AppendUint32(b, 8)
			b = binary.BigEndian.AppendUint64(b, p.values[next])
			next++
		}
	}
	p.wire = binary.BigEndian.AppendUint16(b, math.MaxUint16)
	return p.wire
}

// encodeOthers writes the rows for copyReadingOther.
func (p *pivot) encodeOthers(others []other) []byte {
	b := append(p.wire[:0], copySignature...)
	for i := range others {
		o := &others[i]
		b = binary.BigEndian.AppendUint16(b, 6)
		b = appendInt32(b, o.meter)
		b = appendInt64(b, o.time)
		b = appendInt16(b, o.quantity)
		b = appendInt64(b, o.received)
		b = appendInt16(b, int16(o.quality))
		b = appendInt64(b, int64(math.Float64bits(o.value)))
	}
	p.wire = binary.BigEndian.AppendUint16(b, math.MaxUint16)
	return p.wire
}

func appendInt16(b []byte, v int16) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint32(b, 2), uint16(v))
}

func appendInt32(b []byte, v int32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, 4), uint32(v))
}

func appendInt64(b []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, 8), uint64(v))
}

// appendTime writes NULL for the zero time.
func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return binary.BigEndian.AppendUint32(b, math.MaxUint32)
	}
	return appendInt64(b, micros(t))
}

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

func appendBool(b []byte, v bool) []byte {
	b = binary.BigEndian.AppendUint32(b, 1)
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}
