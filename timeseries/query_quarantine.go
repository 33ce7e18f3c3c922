package timeseries

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// QuarantineList lists at most so many quarantined messages, newest first, below a number; of each the
// beginning.
func (s *Store) QuarantineList(ctx context.Context, f headend.QuarantineFilter, before int64, limit int) (found []headend.Quarantined, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		found, err = list(ctx, tx, scanQuarantined, sqlQueryQuarantineList, before, limit, f.Replayed, f.Reason, f.Device)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	return found, nil
}

// Quarantined is one quarantined message, whole, or *headend.Unknown.
func (s *Store) Quarantined(ctx context.Context, number int64) (q headend.Quarantined, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlQueryQuarantine, number)
		if err != nil {
			return err
		}
		q, err = pgx.CollectExactlyOneRow(rows, scanQuarantined)
		if errors.Is(err, pgx.ErrNoRows) {
			return &headend.Unknown{What: "quarantined message", ID: strconv.FormatInt(number, 10)}
		}
		return err
	})
	if err != nil {
		return headend.Quarantined{}, fmt.Errorf("quarantine: %w", err)
	}
	return q, nil
}

// MarkReplayed notes that a quarantined message has been decoded and stored after all.
func (s *Store) MarkReplayed(ctx context.Context, number int64) error {
	err := s.change(ctx, func(tx pgx.Tx) error {
		before, err := auditedMessage(ctx, tx, number)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlQuarantineReplayed, number); err != nil {
			return err
		}
		after, err := auditedMessage(ctx, tx, number)
		if err != nil || after == nil {
			return err
		}
		return audit(ctx, tx, fmt.Sprintf("quarantine/%d", number), before, after)
	})
	return unlessNil("quarantine", err)
}

// auditedMessage is what the trail shows of a quarantined message; nil where nobody acts, or there is none.
func auditedMessage(ctx context.Context, tx pgx.Tx, number int64) (any, error) {
	if headend.ActOf(ctx) == nil {
		return nil, nil
	}
	found, err := list(ctx, tx, scanQuarantined, sqlQueryQuarantine, number)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	q := &found[0]
	return map[string]any{"device": q.Device, "protocol": q.Source.Protocol, "address": q.Source.Address, "received": q.Received, "reason": q.Refusal.Reason,
		"bytes": q.Bytes, "replayed": orNull(q.Replayed)}, nil
}

func scanQuarantined(row pgx.CollectableRow) (q headend.Quarantined, err error) {
	var replayed *time.Time
	err = row.Scan(&q.Number, &q.Received, &q.Device, &q.Source.Protocol, &q.Source.Address, &q.Raw, &q.Bytes, &q.Refusal.Reason, &q.Refusal.Detail, &replayed)
	q.Received, q.Replayed = q.Received.UTC(), end(replayed)
	return q, err
}
