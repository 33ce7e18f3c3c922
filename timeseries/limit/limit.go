// Package limit measures what the database alone can do, for benchmarks: every speed of the head-end is
// told as a ratio to such a limit taken in the same run.
package limit

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
)

// epoch is PostgreSQL's zero of time.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// Copy streams rows of ten values into the store's reading table by binary COPY over one connection, in
// transactions of 5,000 rows encoded beforehand, and returns rows per second. Meters are numbered from first,
// so that the rows meet no others.
func Copy(ctx context.Context, url string, rows, first int, from time.Time) (float64, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, fmt.Errorf("raw COPY: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	const each = 5000
	var streams [][]byte
	for n := 0; n < rows; n += each {
		streams = append(streams, encode(each, first, from.Add(time.Duration(n/each)*time.Minute)))
	}
	began := time.Now()
	for _, stream := range streams {
		if _, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(stream),
			"COPY reading (meter, time, received, quality, import_wh, import_varh, v1, v2, v3, i1, i2, i3, p, pf) FROM STDIN BINARY"); err != nil {
			return 0, fmt.Errorf("raw COPY: %w", err)
		}
	}
	return float64(len(streams)*each) / time.Since(began).Seconds(), nil
}

func encode(rows, first int, at time.Time) []byte {
	b := []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	micros := uint64(at.Sub(epoch).Microseconds())
	for i := range rows {
		b = binary.BigEndian.AppendUint16(b, 14)
		b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, 4), uint32(first+i))
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, 8), micros)
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, 8), micros)
		b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint32(b, 2), 0)
		for c := range 10 {
			value := uint64(100_000_000 + i)
			if c > 1 {
				value = math.Float64bits(float64(2200+i%255) / 10)
			}
			b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, 8), value)
		}
	}
	return binary.BigEndian.AppendUint16(b, math.MaxUint16)
}
