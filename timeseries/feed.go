package timeseries

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// Feed gives the detector all evidence that was committed since the cursor, and returns the cursor behind it. Each
// committed row is given once, whatever order transactions commit in and however long some run: a cursor is a
// snapshot, and what is visible now and was not then is new. On an error a part may have been given; the old cursor
// holds then. headend.ErrCursor says that the cursor is "" or of another database.
func (s *Store) Feed(ctx context.Context, cursor string, to headend.Feed) (next string, err error) {
	if cursor == "" {
		return "", fmt.Errorf("feed: %w", headend.ErrCursor)
	}
	err = s.read(ctx, func(tx pgx.Tx) error {
		var known bool
		if err := tx.QueryRow(ctx, sqlFeedBegin, cursor).Scan(&next, &known, nil); err != nil {
			if sqlState(err) == codeNotRepresentable {
				return fmt.Errorf("%w: %w", headend.ErrCursor, err)
			}
			return err
		}
		if !known {
			return headend.ErrCursor
		}
		f := feeding{store: s, ctx: ctx, tx: tx, to: to}
		if err := f.plans(picked(sqlPlanSelect, pick{cursor, sqlFeedSince}), cursor); err != nil {
			return err
		}
		if err := f.decisions(picked(sqlDecisionSelect, pick{cursor, sqlFeedSince}), cursor); err != nil {
			return err
		}
		if err := f.events(sqlFeedEvent, cursor); err != nil {
			return err
		}
		return f.lifeSigns(sqlFeedLifeSign, cursor)
	})
	if err != nil {
		return "", fmt.Errorf("feed: %w", err)
	}
	return next, nil
}

// Replay gives the detector all evidence since a time by the devices' clocks, and all plans and decisions. It returns
// the cursor behind what it gave.
func (s *Store) Replay(ctx context.Context, from time.Time, to headend.Feed) (cursor string, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, sqlReplayBegin).Scan(&cursor); err != nil {
			return err
		}
		f := feeding{store: s, ctx: ctx, tx: tx, to: to, from: (micros(from) - mod(micros(from), minuteMicros)) / minuteMicros, cut: true}
		minute := fromMicros(f.from * minuteMicros)
		if err := f.plans(sqlPlanSelect); err != nil {
			return err
		}
		if err := f.decisions(sqlDecisionSelect); err != nil {
			return err
		}
		if err := f.events(sqlReplayEvent, from); err != nil {
			return err
		}
		return f.lifeSigns(sqlReplayLifeSign, minute)
	})
	if err != nil {
		return "", fmt.Errorf("replay since %s: %w", from.UTC().Format(time.RFC3339), err)
	}
	return cursor, nil
}

// feeding reads evidence row by row; nothing is collected.
type feeding struct {
	store *Store
	ctx   context.Context
	tx    pgx.Tx
	to    headend.Feed
	from  int64 // signs of earlier minutes are left out, where cut says so
	cut   bool
}

func (f *feeding) events(sql string, args ...any) error {
	rows, err := f.tx.Query(f.ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("events: %w", err)
	}
	defer rows.Close()
	names := eventNames{}
	for rows.Next() {
		raw := rows.RawValues()
		e := headend.Event{
			Time:     fromMicros(int64(binary.BigEndian.Uint64(raw[2]))),
			Type:     names.of(raw[3]),
			Seq:      int64(binary.BigEndian.Uint64(raw[4])),
			Detail:   string(raw[5]),
			Duration: time.Duration(binary.BigEndian.Uint64(raw[6])) * time.Millisecond,
			Phases:   headend.Phases(binary.BigEndian.Uint16(raw[7])),
			Quality:  headend.Quality(binary.BigEndian.Uint16(raw[8])),
		}
		f.to.Event(int32(binary.BigEndian.Uint32(raw[0])), int32(binary.BigEndian.Uint32(raw[1])), fromMicros(int64(binary.BigEndian.Uint64(raw[9]))), &e)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("events: %w", err)
	}
	return nil
}

// eventNames keeps one string for each type that is met.
type eventNames map[string]headend.EventType

func (n eventNames) of(raw []byte) headend.EventType {
	if name, ok := n[string(raw)]; ok {
		return name
	}
	name := headend.EventType(raw)
	if len(n) < 1000 { // devices may invent names
		n[string(name)] = name
	}
	return name
}

// lifeSigns gives the signs of rows. A row that cannot be read is logged and left out: one spoiled row must not
// end detection.
func (f *feeding) lifeSigns(sql string, args ...any) error {
	rows, err := f.tx.Query(f.ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("signs of life: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		raw := rows.RawValues()
		received := fromMicros(int64(binary.BigEndian.Uint64(raw[0])))
		if err := decodeSigns(raw[1], func(s sign) {
			if !f.cut || s.minute >= f.from {
				f.to.LifeSign(received, s.lifeSign())
			}
		}); err != nil {
			f.store.log.Error("signs of life that cannot be read are left out", slog.Time("received", received), slog.Any("error", err))
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("signs of life: %w", err)
	}
	return nil
}

func (f *feeding) plans(sql string, args ...any) error {
	plans, err := list(f.ctx, f.tx, scanPlan, sql, args...)
	if err != nil {
		return fmt.Errorf("plans: %w", err)
	}
	for _, p := range plans {
		f.to.Plan(p)
	}
	return nil
}

func (f *feeding) decisions(sql string, args ...any) error {
	decisions, err := list(f.ctx, f.tx, scanDecision, sql, args...)
	if err != nil {
		return fmt.Errorf("decisions: %w", err)
	}
	for _, d := range decisions {
		f.to.Decision(d)
	}
	return nil
}
