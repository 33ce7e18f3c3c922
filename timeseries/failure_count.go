package timeseries

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// changedCounts are those of the counts that say something else than what is stored.
func changedCounts(ctx context.Context, tx pgx.Tx, counts []headend.CountedFailures) ([]headend.CountedFailures, error) {
	if len(counts) == 0 {
		return nil, nil
	}
	lines, err := list(ctx, tx, pgx.RowTo[int32], sqlRecordFailureChanged, countColumns(counts)...)
	if err != nil {
		return nil, fmt.Errorf("%d counts of failures: %w", len(counts), err)
	}
	changed := make([]headend.CountedFailures, len(lines))
	for i, line := range lines {
		changed[i] = counts[line]
	}
	return changed, nil
}

// writeCounts writes changed counts as a part of a revision.
func writeCounts(ctx context.Context, tx pgx.Tx, revision int64, counts []headend.CountedFailures) error {
	if len(counts) == 0 {
		return nil
	}
	columns := countColumns(counts)
	err := known(ctx, tx, sqlRecordFailureUnknown, columns[0])
	if err == nil {
		_, err = tx.Exec(ctx, sqlRecordFailureWrite, append(columns, revision)...)
	}
	if err != nil {
		return fmt.Errorf("%d counts of failures: %w", len(counts), err)
	}
	return nil
}

func countColumns(counts []headend.CountedFailures) []any {
	n := len(counts)
	points, from, to := make([]string, n), make([]time.Time, n), make([]time.Time, n)
	failures, known := make([]int, n), make([]int, n)
	short, overflow, withdrawn := make([]bool, n), make([]bool, n), make([]bool, n)
	for i, c := range counts {
		points[i], from[i], to[i], failures[i], known[i] = c.UsagePoint, c.From, c.To, c.Failures, c.Known
		short[i], overflow[i], withdrawn[i] = c.Short, c.Overflow, c.Withdrawn
	}
	return []any{points, from, to, short, failures, known, overflow, withdrawn}
}

func scanCount(row pgx.CollectableRow) (c headend.CountedFailures, err error) {
	err = row.Scan(&c.UsagePoint, &c.From, &c.To, &c.Failures, &c.Known, &c.Short, &c.Overflow)
	c.From, c.To = c.From.UTC(), c.To.UTC()
	return c, err
}

// Failures implements headend.BookSnapshot.
func (b *bookSnapshot) Failures(ctx context.Context, revision int64, from, to time.Time) ([]headend.BookFailures, error) {
	return list(ctx, b.tx, func(row pgx.CollectableRow) (f headend.BookFailures, err error) {
		var point int32
		err = row.Scan(&point, &f.From, &f.To, &f.Count, &f.AtLeast)
		f.UsagePoint, f.From, f.To = uint32(point), f.From.UTC(), f.To.UTC()
		return f, err
	}, sqlBooksFailure, from, to, revision)
}
