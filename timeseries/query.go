package timeseries

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"lastgasp/headend"
)

// read asks questions that belong together: one snapshot, read only. The server gives up when the
// deadline of ctx is reached, whatever becomes of the connection, and plans for the filters that are
// given instead of for all that might be.
//
// Where somebody asks who sees a part of the organisation alone, the answer is of that part: see part.go.
func (s *Store) read(ctx context.Context, ask func(tx pgx.Tx) error) (err error) {
	p := headend.PrincipalOf(ctx)
	if p == nil || !p.Limited() {
		return s.readAll(ctx, ask)
	}
	return s.readAll(ctx, func(tx pgx.Tx) error {
		if err := limit(ctx, tx, p.Organisations); err != nil {
			return err
		}
		return ask(tx)
	})
}

// readAll is read for what does not belong to any organisation.
func (s *Store) readAll(ctx context.Context, ask func(tx pgx.Tx) error) (err error) {
	tx, err := s.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return slow(ctx, withoutSecret(err))
	}
	if err := s.bound(ctx, tx); err != nil {
		return rollbackAfter(ctx, tx, slow(ctx, err))
	}
	if err := ask(tx); err != nil {
		return rollbackAfter(ctx, tx, slow(ctx, err))
	}
	return rollbackAfter(ctx, tx, tx.Commit(ctx))
}

func (s *Store) bound(ctx context.Context, tx pgx.Tx) error {
	left := time.Duration(0) // no limit
	if deadline, ok := ctx.Deadline(); ok {
		left = max(time.Until(deadline), time.Millisecond)
	}
	_, err := tx.Exec(ctx, sqlQueryBound, fmt.Sprintf("%dms", left.Milliseconds()))
	return err
}

// slow tells questions that were given up, and servers that do not answer, from what went wrong: it adds
// headend.ErrTooSlow or headend.ErrAway.
func slow(ctx context.Context, err error) error {
	var server *pgconn.PgError
	var unknown *headend.Unknown
	var taken *headend.Taken
	var bad *headend.BadRequest
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unknown), errors.As(err, &taken), errors.As(err, &bad), errors.Is(err, headend.ErrLeaseLost), errors.Is(err, headend.ErrCursor), errors.Is(ctx.Err(), context.Canceled):
		return err
	case errors.As(err, &server) && server.Code == "57014", errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", headend.ErrTooSlow, err)
	case server == nil, strings.HasPrefix(server.Code, "08"), strings.HasPrefix(server.Code, "53"), strings.HasPrefix(server.Code, "57"):
		return fmt.Errorf("%w: %w", headend.ErrAway, err)
	}
	return err
}

// list collects the rows of a statement.
func list[Row any](ctx context.Context, tx pgx.Tx, scan func(pgx.CollectableRow) (Row, error), sql string, args ...any) ([]Row, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}

// pick is a condition of a list that is there when a filter is.
type pick struct{ filter, condition string }

// picked puts the conditions of the filters that are given in place of the list's mark.
func picked(sql string, picks ...pick) string {
	var conditions strings.Builder
	for _, p := range picks {
		if p.filter != "" {
			conditions.WriteString(p.condition)
		}
	}
	return strings.Replace(sql, "/*picked*/", conditions.String(), 1)
}

// end is a time that may be none.
func end(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
