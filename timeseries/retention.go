package timeseries

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// ShortestRetention is the least time readings are kept: the roll-ups of late data are made from them.
const ShortestRetention = 90 * 24 * time.Hour

// settingDropped names the setting that holds the time before which readings have been dropped.
const settingDropped = "dropped_before"

// DropBefore settles the roll-ups and then drops what lies wholly before the time: chunks or partitions of
// readings and events. Roll-ups, history and the ledgers made from readings stay. It returns how many
// chunks or partitions it dropped.
func (s *Store) DropBefore(ctx context.Context, before time.Time) (int, error) {
	if err := s.Settle(ctx); err != nil {
		return 0, err
	}
	before = before.UTC().Truncate(time.Hour)
	if s.engine == Postgres { // whole months only
		before = time.Date(before.Year(), before.Month(), 1, 0, 0, 0, 0, time.UTC)
	}
	if _, err := s.pool.Exec(ctx, sqlSettingWrite, settingDropped, before.Format(time.RFC3339)); err != nil {
		return 0, fmt.Errorf("note what is dropped: %w", err)
	}
	if s.engine == Timescale {
		var dropped int
		if err := s.pool.QueryRow(ctx, sqlChunkDrop, before).Scan(&dropped); err != nil {
			return 0, fmt.Errorf("drop chunks before %s: %w", before.Format(time.RFC3339), err)
		}
		return dropped, nil
	}
	rows, err := s.pool.Query(ctx, sqlPartitionBefore, before)
	if err != nil {
		return 0, fmt.Errorf("partitions before %s: %w", before.Format(time.RFC3339), err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, fmt.Errorf("partitions before %s: %w", before.Format(time.RFC3339), err)
	}
	defer s.partitions.forget()
	for i, name := range names {
		if _, err := s.pool.Exec(ctx, "DROP TABLE "+pgx.Identifier{name}.Sanitize()); err != nil {
			return i, fmt.Errorf("drop partition %s: %w", name, err)
		}
	}
	return len(names), nil
}

// dropQuarantine forgets messages set aside before the time.
func (s *Store) dropQuarantine(ctx context.Context, before time.Time) error {
	if _, err := s.pool.Exec(ctx, sqlQuarantineDrop, before); err != nil {
		return fmt.Errorf("drop quarantine before %s: %w", before.Format(time.RFC3339), err)
	}
	return nil
}

// lifeSignsKept is how long signs of life can be replayed: the detector looks back 72 h, by the devices' time, and
// then some. While an outage lasts it looks back to before that began: without the signs of life from then, a
// restart would find other customers in it. A month more is what such an outage can keep.
const (
	lifeSignsKept = 6 * 24 * time.Hour
	lifeSignsMore = 30 * 24 * time.Hour
)

// dropLifeSigns forgets signs of life that came in before the time and are not replayed any more. Plans and decisions
// are never dropped.
func (s *Store) dropLifeSigns(ctx context.Context, before time.Time) error {
	if _, err := s.pool.Exec(ctx, sqlLifeSignDrop, before, before.Add(-lifeSignsMore)); err != nil {
		return fmt.Errorf("drop signs of life before %s: %w", before.Format(time.RFC3339), err)
	}
	return nil
}
