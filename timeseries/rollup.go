package timeseries

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Settle brings the stored roll-ups up to date with every reading committed so far. Queries do not
// need it: with engine Postgres the views compute changed hours themselves, with Timescale real-time
// aggregation covers what is not materialised yet; late readings of materialised hours show once the
// refresh policy or Settle has run.
func (s *Store) Settle(ctx context.Context) (err error) {
	if s.engine == Timescale {
		return s.refresh(ctx, time.Time{})
	}
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("settle roll-ups: %w", withoutSecret(err))
	}
	defer func() { err = rollbackAfter(ctx, tx, err) }()
	rows, err := tx.Query(ctx, sqlRollupTake)
	if err != nil {
		return fmt.Errorf("settle roll-ups: %w", err)
	}
	hours, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	if err != nil {
		return fmt.Errorf("settle roll-ups: %w", err)
	}
	for _, hour := range hours {
		if _, err := tx.Exec(ctx, sqlRollupClear, hour); err != nil {
			return fmt.Errorf("settle hour %s: %w", hour.Format(time.RFC3339), err)
		}
		if _, err := tx.Exec(ctx, sqlRollupSettle, hour); err != nil {
			return fmt.Errorf("settle hour %s: %w", hour.Format(time.RFC3339), err)
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("settle roll-ups: %w", err)
	}
	return nil
}

func rollbackAfter(ctx context.Context, tx pgx.Tx, err error) error {
	if err == nil {
		return nil
	}
	if undo := rollback(ctx, tx); undo != nil {
		return fmt.Errorf("%w (%w)", err, undo)
	}
	return err
}

// refresh covers all buckets that lie wholly after what has been dropped: refreshing one whose readings
// are gone would empty it.
// Only what changed since the last refresh is computed. until, unless zero, ends it: refreshing the bucket
// that still fills would hide its next readings until the next refresh.
func (s *Store) refresh(ctx context.Context, until time.Time) error {
	var end *time.Time
	if !until.IsZero() {
		end = &until
	}
	var dropped *string
	if err := s.pool.QueryRow(ctx, sqlSetting, settingDropped).Scan(&dropped); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("what has been dropped: %w", err)
	}
	for _, view := range []string{"reading_hour", "reading_day"} {
		if _, err := s.pool.Exec(ctx, "CALL refresh_continuous_aggregate('"+view+"', $1::text::timestamptz, $2::timestamptz)", dropped, end); err != nil {
			return fmt.Errorf("refresh %s: %w", view, err)
		}
	}
	return nil
}
