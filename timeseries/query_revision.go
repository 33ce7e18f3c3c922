package timeseries

import (
	"context"
	_ "embed" // statements
	"fmt"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

var (
	//go:embed sql/query_ledger_revision.sql
	sqlQueryLedgerRevision string
	//go:embed sql/query_plan.sql
	sqlQueryPlan string
)

// LedgerRevision is the last revision of the ledger; 0 before the first. When it is seen, all up to it can be seen.
func (s *Store) LedgerRevision(ctx context.Context) (revision int64, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error { return tx.QueryRow(ctx, sqlQueryLedgerRevision).Scan(&revision) })
	if err != nil {
		return 0, fmt.Errorf("revision of the ledger: %w", err)
	}
	return revision, nil
}

// Plan tells one entry of the calendar, or returns *headend.Unknown.
func (s *Store) Plan(ctx context.Context, id string) (p headend.Plan, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		found, err := list(ctx, tx, scanPlan, picked(sqlPlanSelect, pick{"one", sqlQueryPlan}), id)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return &headend.Unknown{What: "plan", ID: id}
		}
		p = found[0]
		return nil
	})
	if err != nil {
		return headend.Plan{}, fmt.Errorf("plan: %w", err)
	}
	return p, nil
}
