package timeseries

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// Decide stores what an operator decided, and returns it with its number and, where it said none, the time. The detector
// takes it in like any evidence. It returns *headend.Unknown for a node, usage point or outage that is not there.
func (s *Store) Decide(ctx context.Context, d headend.Decision) (headend.Decision, error) {
	err := s.change(ctx, func(tx pgx.Tx) error {
		if err := known(ctx, tx, sqlPlaceUnknown, []string{d.Node, d.Part, d.OtherNode}, []string{d.UsagePoint, d.OtherPoint}, []int64{d.Outage, d.OtherOutage}); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, sqlDecisionInsert, string(d.Kind), orNull(d.Made), d.By, d.Note, d.Outage, d.Node, d.UsagePoint, orNull(d.Moment), d.Cause,
			d.Part, d.OtherOutage, d.OtherNode, d.OtherPoint, orNull(d.OtherMoment)).Scan(&d.Number, &d.Made); err != nil {
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

func scanDecision(row pgx.CollectableRow) (d headend.Decision, err error) {
	var moment, other *time.Time
	err = row.Scan(&d.Number, &d.Kind, &d.Made, &d.By, &d.Note, &d.Outage, &d.Node, &d.UsagePoint, &moment, &d.Cause, &d.Part,
		&d.OtherOutage, &d.OtherNode, &d.OtherPoint, &other)
	d.Made, d.Moment, d.OtherMoment = d.Made.UTC(), end(moment), end(other)
	return d, err
}
