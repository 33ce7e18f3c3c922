package timeseries

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// Events lists at most so many events, oldest first; after, when set, is the event that came before.
func (s *Store) Events(ctx context.Context, f headend.EventFilter, after *headend.StoredEvent, limit int) (found []headend.StoredEvent, err error) {
	var last headend.StoredEvent
	var since *time.Time
	if after != nil {
		last, since = *after, &after.Time
	}
	err = s.read(ctx, func(tx pgx.Tx) error {
		found, err = list(ctx, tx, scanEvent, sqlQueryEventList, f.From, f.To, limit, f.Device, f.Type,
			since, last.Device, last.Type, last.Seq, last.Detail, f.Node)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	return found, nil
}

func scanEvent(row pgx.CollectableRow) (e headend.StoredEvent, err error) {
	var milliseconds int64
	var phases, quality int16
	err = row.Scan(&e.Device, &e.Gateway, &e.Time, &e.Type, &e.Seq, &e.Detail, &milliseconds, &phases, &quality, &e.Received)
	e.Time, e.Received = e.Time.UTC(), e.Received.UTC()
	e.Duration, e.Phases, e.Quality = time.Duration(milliseconds)*time.Millisecond, headend.Phases(phases), headend.Quality(quality)
	return e, err
}
