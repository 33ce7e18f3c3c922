package timeseries

import (
	"context"
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"lastgasp/headend"
)

// Pool lets tests look at the tables.
func Pool(s *Store) *pgxpool.Pool { return s.pool }

// AnswerWithin has who waits for the lease wait so long for an answer, until the test ends.
func AnswerWithin(t testing.TB, d time.Duration) {
	former := leaseAnswer
	leaseAnswer = d
	t.Cleanup(func() { leaseAnswer = former })
}

// Hourly does what Run does each hour.
func Hourly(ctx context.Context, s *Store, now time.Time) { s.refreshLate(ctx, now) }

// Wire is what Append would stream for the batches, and the statement it belongs to.
func Wire(ctx context.Context, t testing.TB, s *Store, batches []headend.Batch) ([]byte, string) {
	p := &pivot{}
	p.reset()
	if err := s.fill(ctx, p, batches); err != nil {
		t.Fatal(err)
	}
	union := uint64(0)
	for i := range p.rows {
		union |= p.rows[i].mask
	}
	return p.encodeRows(p.rows, union), copyReading(union)
}

// Forget drops what is older than it is to be kept, as Run does each hour.
func Forget(ctx context.Context, s *Store, now time.Time) { s.forget(ctx, now) }

// BlocksOf has exports give blocks of so many rows, until the test ends.
func BlocksOf(t testing.TB, rows int) {
	former := blockBytes
	blockBytes = rows * 27 // of one quantity
	t.Cleanup(func() { blockBytes = former })
}

// CopyStream is what COPY sends for three rows of two quantities, the second of which may be NULL.
func CopyStream() []byte {
	b := append([]byte{}, copySignature...)
	for i := range int64(3) {
		b = binary.BigEndian.AppendUint16(b, 6)
		b = appendInt32(b, int32(7+i/2))
		b = appendInt64(b, i)
		b = appendInt64(b, i+5)
		b = appendInt16(b, int16(i))
		b = appendInt64(b, 1000+i)
		if i == 1 {
			b = binary.BigEndian.AppendUint32(b, 0xffffffff)
		} else {
			b = appendInt64(b, int64(math.Float64bits(229.5)))
		}
	}
	return binary.BigEndian.AppendUint16(b, 0xffff)
}

// ReadCopy reads a stream that comes in pieces.
func ReadCopy(pieces ...[]byte) (*headend.ReadingBlock, error) {
	var r copyRows
	r.begin([]headend.Quantity{headend.ImportWh, headend.V1})
	r.full = func() error { return nil }
	r.expect([]exportDevice{{number: 7, id: "M7"}, {number: 8, id: "M8", spans: []exportSpan{{"U", 0, 10}}}}, false, 0)
	r.start()
	for _, p := range pieces {
		if _, err := r.Write(slices.Clone(p)); err != nil {
			return nil, err
		}
	}
	return &r.block, r.ended()
}

// Exec runs statements as somebody at the database itself would.
func (s *Store) Exec(ctx context.Context, sql string) error {
	_, err := s.pool.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	return err
}

// Note stores what Append notes of the batches beside their rows, and tells how long that alone took.
func Note(ctx context.Context, t testing.TB, s *Store, batches []headend.Batch) (took time.Duration) {
	p := &pivot{}
	p.reset()
	if err := s.fill(ctx, p, batches); err != nil {
		t.Fatal(err)
	}
	if err := s.transact(ctx, func(tx pgx.Tx) error {
		from := time.Now()
		err := p.insertArrivals(ctx, tx, p.rows)
		took = time.Since(from)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return took
}

// PackedNight are a note of arrivals and a block of members, and what reads each.
func PackedNight() (packed [][]byte, read []func([]byte) (int, error)) {
	var a arrivals
	a.take([]row{{meter: 7, time: 100, received: 200, mask: 1}, {meter: 900_000, time: microsAnHour - 1, received: -5, mask: 33, quality: headend.QualityUncertain, again: true}, {meter: 3, time: 5, received: 6, mask: 1 << 30}})
	var block []byte
	former := member{}
	for _, m := range []member{{device: 5, point: 6, part: 1, from: math.MinInt64, to: math.MaxInt64}, {device: 4, point: 9, part: 2, from: 17, to: math.MaxInt64}} {
		block, former = m.pack(block, &former), m
	}
	return [][]byte{a.all[0].reads, append([]byte{membersVersion}, block...)}, []func([]byte) (int, error){
		func(b []byte) (n int, err error) { err = readArrivals(0, b, func(*arrived) { n++ }); return n, err },
		func(b []byte) (n int, err error) { err = readMembers(b, func(*member) { n++ }); return n, err },
	}
}
