package timeseries

import (
	"context"
	_ "embed" // statements
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

var (
	//go:embed sql/request_begin.sql
	sqlRequestBegin string
	//go:embed sql/request_former.sql
	sqlRequestFormer string
	//go:embed sql/request_answer.sql
	sqlRequestAnswer string
	//go:embed sql/request_forget.sql
	sqlRequestForget string
	//go:embed sql/request_drop.sql
	sqlRequestDrop string
)

// BeginRequest says whether a request is to be carried out (ours), or what came of it when it was sent before.
// Of several that send it at once, to one it is ours.
func (s *Store) BeginRequest(ctx context.Context, r headend.Request) (ours bool, former headend.Answered, err error) {
	err = s.transact(ctx, func(tx pgx.Tx) error {
		switch err := tx.QueryRow(ctx, sqlRequestBegin, r.Scope, r.Key, r.Fingerprint, headend.RequestKept.Microseconds(), headend.RequestTaken.Microseconds()).Scan(&ours); {
		case err == nil:
			return nil
		case !errors.Is(err, pgx.ErrNoRows):
			return err
		}
		return tx.QueryRow(ctx, sqlRequestFormer, r.Scope, r.Key, r.Fingerprint).Scan(&former.Same, &former.Status, &former.Kind, &former.Sealed)
	})
	if err != nil {
		return false, headend.Answered{}, fmt.Errorf("request: %w", err)
	}
	return ours, former, nil
}

// EndRequest stores what came of a request; without a status nothing did, and it may be sent again.
func (s *Store) EndRequest(ctx context.Context, r headend.Request, a headend.Answered) (err error) {
	if a.Status == 0 {
		_, err = s.pool.Exec(ctx, sqlRequestForget, r.Scope, r.Key)
	} else {
		_, err = s.pool.Exec(ctx, sqlRequestAnswer, r.Scope, r.Key, a.Status, a.Kind, a.Sealed)
	}
	if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	return nil
}

// dropRequests forgets requests that are kept until before a time.
func (s *Store) dropRequests(ctx context.Context, before time.Time) error {
	if _, err := s.pool.Exec(ctx, sqlRequestDrop, before); err != nil {
		return fmt.Errorf("requests: %w", err)
	}
	return nil
}
