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

// HalfHours stores a register of so many meters each half hour of a time, with the usage points they are at, straight into
// the tables, in the order in which they would have come. It returns how many there are.
func HalfHours(ctx context.Context, url string, meters int, from, to time.Time) (rows int, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, fmt.Errorf("half hours: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, sql := range []string{
		"INSERT INTO usage_point (id) SELECT 'PC' || to_char(i, 'FM000000000') FROM generate_series(1, $1::int) i",
		"INSERT INTO device (id, kind, state) SELECT 'M' || to_char(i, 'FM0000000'), 'meter', 'active' FROM generate_series(1, $1::int) i",
		"INSERT INTO installation (device, usage_point, valid_from) SELECT d.number, u.number, '2020-01-01' FROM device d JOIN usage_point u ON substr(u.id, 3)::int = substr(d.id, 2)::int WHERE d.number <= $1::int",
	} {
		if _, err := conn.Exec(ctx, sql, meters); err != nil {
			return 0, fmt.Errorf("half hours: %w", err)
		}
	}
	for at := from; at.Before(to); at = at.Add(30 * time.Minute) {
		if _, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(registers(meters, at)), "COPY reading (meter, time, received, quality, import_wh) FROM STDIN BINARY"); err != nil {
			return rows, fmt.Errorf("half hours: %w", err)
		}
		rows += meters
	}
	if _, err := conn.Exec(ctx, "VACUUM ANALYZE reading"); err != nil {
		return rows, fmt.Errorf("half hours: %w", err)
	}
	return rows, nil
}

func registers(meters int, at time.Time) []byte {
	b := []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	micros := uint64(at.Sub(epoch).Microseconds())
	for i := range meters {
		b = binary.BigEndian.AppendUint16(b, 5)
		b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, 4), uint32(1+i))
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, 8), micros)
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, 8), micros+uint64(i*7919%60_000_000))
		b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint32(b, 2), 0)
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, 8), uint64(i)*100_000+micros/1_800_000_000%1488*uint64(100+i%311))
	}
	return binary.BigEndian.AppendUint16(b, math.MaxUint16)
}

// Compress turns every chunk of readings into columns, as a policy does after a week; TimescaleDB only.
func Compress(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, sql := range []string{"SELECT compress_chunk(c) FROM show_chunks('reading') c", "VACUUM ANALYZE reading"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("compress: %w", err)
		}
	}
	return nil
}

// counter counts bytes and keeps none.
type counter int64

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// CopyOut reads the registers of a time by COPY TO STDOUT in binary, in whatever order the server likes, and returns rows and bytes
// a second.
func CopyOut(ctx context.Context, url string, from, to time.Time) (rows, bytes float64, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, 0, fmt.Errorf("raw COPY: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	const layout = "2006-01-02 15:04:05Z07:00"
	var n counter
	began := time.Now()
	tag, err := conn.PgConn().CopyTo(ctx, &n, "COPY (SELECT meter, time, received, quality, import_wh FROM reading WHERE time >= '"+from.UTC().Format(layout)+"' AND time < '"+to.UTC().Format(layout)+
		"') TO STDOUT (FORMAT binary)")
	if err != nil {
		return 0, 0, fmt.Errorf("raw COPY: %w", err)
	}
	took := time.Since(began).Seconds()
	return float64(tag.RowsAffected()) / took, float64(n) / took, nil
}
