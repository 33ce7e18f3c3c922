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
		before, err := auditedPlans(ctx, tx, plans)
		if err != nil {
			return err
		}
		for i := range plans {
			if err := putPlan(ctx, tx, &plans[i]); err != nil {
				return fmt.Errorf("%s: %w", plans[i].ID, err)
			}
		}
		if _, err := tx.Exec(ctx, sqlNotify, "evidence"); err != nil {
			return err
		}
		after, err := auditedPlans(ctx, tx, plans)
		if err != nil || after == nil {
			return err
		}
		return audit(ctx, tx, "plans/"+plans[0].ID, before, after)
	})
	if err != nil {
		return fmt.Errorf("plans: %w", err)
	}
	return nil
}

// auditedPlan is what the trail shows of an entry of the calendar.
type auditedPlan struct {
	ID          string     `json:"id"`
	Kind        string     `json:"kind"`
	Node        string     `json:"node,omitempty"`
	UsagePoints []string   `json:"usage_points"`
	From        time.Time  `json:"from"`
	To          time.Time  `json:"to"`
	Reason      string     `json:"reason,omitempty"`
	Notice      *time.Time `json:"notice,omitempty"`
	Revised     time.Time  `json:"revised"`
	Dropped     bool       `json:"dropped"`
	By          string     `json:"by"`
}

// auditedPlans are entries as they stand now: one as it is, several as a list; nil where nobody acts, or none is there.
func auditedPlans(ctx context.Context, tx pgx.Tx, plans []headend.Plan) (any, error) {
	if headend.ActOf(ctx) == nil {
		return nil, nil
	}
	var out []auditedPlan
	for i := range plans {
		found, err := list(ctx, tx, scanPlan, picked(sqlPlanSelect, pick{"one", sqlQueryPlan}), plans[i].ID)
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			out = append(out, auditedPlan{ID: p.ID, Kind: string(p.Kind), Node: p.Node, UsagePoints: ofNames(p.UsagePoints), From: p.From, To: p.To,
				Reason: p.Reason, Notice: orNull(p.Notice), Revised: p.Revised, Dropped: p.Dropped, By: p.By})
		}
	}
	switch len(out) {
	case 0:
		return nil, nil
	case 1:
		return out[0], nil
	}
	return out, nil
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
