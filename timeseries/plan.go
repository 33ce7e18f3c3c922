package timeseries

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// PutPlans stores entries of the calendar. An entry that is there is replaced unless it was revised later; one without
// Revised is revised now. It returns *headend.Unknown for a node or usage point the registry does not have; nothing is
// stored then.
func (s *Store) PutPlans(ctx context.Context, plans []headend.Plan) error {
	var nodes, points []string
	for i := range plans {
		nodes, points = append(nodes, plans[i].Node), append(points, plans[i].UsagePoints...)
	}
	plans = slices.Clone(plans)
	slices.SortStableFunc(plans, func(a, b headend.Plan) int { return cmp.Compare(a.ID, b.ID) }) // so that two writers never wait for each other
	err := s.change(ctx, func(tx pgx.Tx) error {
		if err := known(ctx, tx, sqlPlaceUnknown, nodes, points, []int64{}); err != nil {
			return err
		}
		for i := range plans {
			if err := putPlan(ctx, tx, &plans[i]); err != nil {
				return fmt.Errorf("%s: %w", plans[i].ID, err)
			}
		}
		_, err := tx.Exec(ctx, sqlNotify, "evidence")
		return err
	})
	if err != nil {
		return fmt.Errorf("plans: %w", err)
	}
	return nil
}

func putPlan(ctx context.Context, tx pgx.Tx, p *headend.Plan) error {
	points := p.UsagePoints
	if points == nil {
		points = []string{}
	}
	_, err := tx.Exec(ctx, sqlPlanPut, p.ID, string(p.Kind), p.Node, points, p.From, p.To, p.Reason, orNull(p.Notice), orNull(p.Revised), p.Dropped, p.By)
	return err
}

// Plans lists at most so many entries of the calendar in the order of their ids, after one. Those called off are among
// them and say so.
func (s *Store) Plans(ctx context.Context, f headend.PlanFilter, after string, limit int) (found []headend.Plan, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		found, err = list(ctx, tx, scanPlan, picked(sqlPlanSelect, pick{"list", sqlQueryPlanList}), orNull(f.From), orNull(f.To), string(f.Kind), after, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("plans: %w", err)
	}
	return found, nil
}

func scanPlan(row pgx.CollectableRow) (p headend.Plan, err error) {
	var notice *time.Time
	err = row.Scan(&p.ID, &p.Kind, &p.Node, &p.UsagePoints, &p.From, &p.To, &p.Reason, &notice, &p.Revised, &p.Dropped, &p.By)
	p.From, p.To, p.Notice, p.Revised = p.From.UTC(), p.To.UTC(), end(notice), p.Revised.UTC()
	return p, err
}
