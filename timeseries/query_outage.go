package timeseries

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"lastgasp/headend"
)

// Outages lists at most so many outages, that with the latest start first (where the start is not known: when it was
// last written); after, when set, is the one that came before.
func (s *Store) Outages(ctx context.Context, f headend.OutageFilter, after *headend.Outage, limit int) (found []headend.Outage, err error) {
	states := make([]string, len(f.States))
	for i, state := range f.States {
		states[i] = string(state)
	}
	var at *time.Time
	var number int64
	if after != nil {
		at, number = orNull(after.Start), after.Number
		if at == nil {
			at = &after.Changed
		}
	}
	err = s.read(ctx, func(tx pgx.Tx) error {
		sql := picked(picked(sqlOutageSelect, pick{"list", sqlQueryOutageList}), pick{f.Node, sqlQueryOutageByNode})
		found, err = list(ctx, tx, scanOutage, sql, states, f.Planned, orNull(f.From), orNull(f.To), f.Revision, f.Number, at, number, limit, f.Node)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("outages: %w", err)
	}
	return found, nil
}

// Outage tells one outage, what it looked like before, oldest first, and what operators decided about it; or it
// returns *headend.Unknown.
func (s *Store) Outage(ctx context.Context, number int64) (o headend.Outage, changes []headend.OutageChange, decisions []headend.Decision, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		found, err := list(ctx, tx, scanOutage, picked(sqlOutageSelect, pick{"one", sqlQueryOutage}), number)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return &headend.Unknown{What: "outage", ID: strconv.FormatInt(number, 10)}
		}
		o = found[0]
		if changes, err = list(ctx, tx, scanOutageChange, sqlQueryOutageChange, number); err != nil {
			return err
		}
		decisions, err = list(ctx, tx, scanDecision, picked(sqlDecisionSelect, pick{"outage", sqlQueryDecision}), number)
		return err
	})
	if err != nil {
		return headend.Outage{}, nil, nil, fmt.Errorf("outage: %w", err)
	}
	return o, changes, decisions, nil
}

func scanOutageChange(row pgx.CollectableRow) (c headend.OutageChange, err error) {
	err = row.Scan(&c.Revision, &c.At, &c.State, &c.Node, &c.Customers, &c.Out, &c.Summary)
	c.At = c.At.UTC()
	return c, err
}

// Ledger lists at most so many rows of the ledger, as it is now or stood at a revision, by start (where that is not
// known: by the last sign of life), number of the usage point and id; after, when set, is the row that came before.
// Rows that were withdrawn are among them and say so.
func (s *Store) Ledger(ctx context.Context, f headend.LedgerFilter, after *headend.LedgerRow, limit int) (found []headend.LedgerRow, err error) {
	var begin pgtype.Timestamptz
	var point uint32
	var id int64
	if after != nil {
		begin, point, id = begins(after), after.UsagePoint, after.ID
	}
	sql := picked(picked(sqlInterruptionSelect, pick{"list", sqlQueryLedger}), pick{f.Node, sqlQueryLedgerByNode})
	if f.Revision != 0 {
		sql = strings.Replace(sql, "FROM interruption i ", "FROM ("+sqlLedgerAsOf+") i ", 1)
	}
	err = s.read(ctx, func(tx pgx.Tx) error {
		found, err = list(ctx, tx, scanLedgerRow, sql, f.UsagePoint, f.Outage, orNull(f.From), orNull(f.To), f.Open, begin, int32(point), id, limit, f.Node, f.Revision)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return found, nil
}

// begins is where a row stands in the order of the ledger.
func begins(r *headend.LedgerRow) pgtype.Timestamptz {
	switch {
	case !r.Start.IsZero():
		return pgtype.Timestamptz{Time: r.Start, Valid: true}
	case !r.NotBefore.IsZero():
		return pgtype.Timestamptz{Time: r.NotBefore, Valid: true}
	}
	return pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}
}

// OutagesChanged gives a channel that gets a value after any process has written outages, the ledger or a decision. A
// value that waits stands for all changes since; cancel ends it. Run passes them on.
func (s *Store) OutagesChanged() (changed <-chan struct{}, cancel func()) { return s.outages.add() }

// Evidence gives a channel that gets a value after any process has stored a plan or a decision, like OutagesChanged.
func (s *Store) Evidence() (stored <-chan struct{}, cancel func()) { return s.evidence.add() }
