package timeseries

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// Decide stores what an operator decided, and returns it with its number and, where it said none, the time. The detector
// takes it in like any evidence, as long as the outage lies in what it looks back on; to the rows of a closed outage, which
// may be older, cause, planned, own and declared are written here too, as a revision by "operator". It returns *headend.Unknown for a node, usage point or outage that is not there.
func (s *Store) Decide(ctx context.Context, d headend.Decision) (headend.Decision, error) {
	err := s.change(ctx, func(tx pgx.Tx) error {
		if err := known(ctx, tx, sqlPlaceUnknown, []string{d.Node, d.Part, d.OtherNode}, []string{d.UsagePoint, d.OtherPoint}, []int64{d.Outage, d.OtherOutage}); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, sqlDecisionInsert, string(d.Kind), orNull(d.Made), d.By, d.Note, d.Outage, d.Node, d.UsagePoint, orNull(d.Moment), d.Cause,
			d.Part, d.OtherOutage, d.OtherNode, d.OtherPoint, orNull(d.OtherMoment)).Scan(&d.Number, &d.Made); err != nil {
			return err
		}
		if err := applyDecision(ctx, tx, &d); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlNotify, "evidence"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, sqlNotify, "outage")
		return err
	})
	if err != nil {
		return headend.Decision{}, fmt.Errorf("decision: %w", err)
	}
	d.Made = d.Made.UTC()
	return d, nil
}

// applyDecision writes what is decided about a closed outage into the ledger. The detector, where it still has the outage,
// comes to the same rows, which make no further version.
func applyDecision(ctx context.Context, tx pgx.Tx, d *headend.Decision) error {
	if d.Kind == headend.DecideSplit || d.Kind == headend.DecideMerge { // only evidence tells what is left of each
		return nil
	}
	var closed bool
	if err := tx.QueryRow(ctx, sqlDecisionLock, d.Outage).Scan(&closed); err != nil || !closed {
		return err
	}
	if _, err := tx.Exec(ctx, sqlRecordInterruptionStage); err != nil {
		return err
	}
	kind, reason := string(d.Kind), decidedBy(d)
	staged, err := tx.Exec(ctx, sqlDecisionStage, d.Outage, kind, d.Cause, d.UsagePoint, orNull(d.Moment), reason)
	if err != nil || staged.RowsAffected() == 0 {
		return err
	}
	var revision int64
	if err := tx.QueryRow(ctx, sqlDecisionRevise, reason).Scan(&revision); err != nil {
		return err
	}
	for _, sql := range []string{sqlRecordInterruptionFormer, sqlRecordInterruptionWrite} {
		if _, err := tx.Exec(ctx, sql, revision); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, sqlDecisionOutage, d.Outage, revision, kind, d.Cause)
	return err
}

// decidedBy says in words why a row changed.
func decidedBy(d *headend.Decision) string {
	what := string(d.Kind)
	if d.Kind == headend.DecideCause {
		what = fmt.Sprintf("cause %q", d.Cause)
	}
	return what + ", decided by " + d.By
}

func scanDecision(row pgx.CollectableRow) (d headend.Decision, err error) {
	var moment, other *time.Time
	err = row.Scan(&d.Number, &d.Kind, &d.Made, &d.By, &d.Note, &d.Outage, &d.Node, &d.UsagePoint, &moment, &d.Cause, &d.Part,
		&d.OtherOutage, &d.OtherNode, &d.OtherPoint, &other)
	d.Made, d.Moment, d.OtherMoment = d.Made.UTC(), end(moment), end(other)
	return d, err
}
