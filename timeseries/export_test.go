package timeseries

import (
	"context"
	"testing"
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
