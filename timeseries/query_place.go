package timeseries

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// UsagePoints lists at most so many usage points as they are now, in the order of their ids, after one.
func (s *Store) UsagePoints(ctx context.Context, f headend.UsagePointFilter, after string, limit int) (found []headend.UsagePoint, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		sql := picked(sqlQueryUsagePointList, pick{f.Node, sqlQueryUsagePointByNode},
			pick{f.Organisation, sqlQueryUsagePointByOrganisation}, pick{f.Text, sqlQueryUsagePointByText})
		found, err = list(ctx, tx, scanUsagePoint, sql, after, limit, f.Node, f.Organisation, f.Text)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("usage points: %w", err)
	}
	return found, nil
}

// UsagePoint tells the history of one usage point, or returns *headend.Unknown.
func (s *Store) UsagePoint(ctx context.Context, id string) (h headend.UsagePointHistory, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		if h.Versions, err = list(ctx, tx, scanUsagePoint, sqlQueryUsagePoint, id); err != nil {
			return err
		}
		if len(h.Versions) == 0 {
			return &headend.Unknown{What: "usage point", ID: id}
		}
		h.Installations, err = list(ctx, tx, scanInstallation, sqlQueryInstallationOfUsagePoint, id)
		return err
	})
	if err != nil {
		return headend.UsagePointHistory{}, fmt.Errorf("usage point: %w", err)
	}
	return h, nil
}

func scanUsagePoint(row pgx.CollectableRow) (u headend.UsagePoint, err error) {
	var phases int16
	var va int64
	var to *time.Time
	err = row.Scan(&u.ID, &u.Name, &u.Address, &u.Node, &u.Organisation, &phases, &u.Generation, &va, &u.From, &to)
	u.Phases, u.ConnectedKVA, u.From, u.To = headend.Phases(phases), kva(va), u.From.UTC(), end(to)
	return u, err
}

// kva is a load that is stored in volt-amperes, which are whole.
func kva(va int64) float64 { return float64(va) / 1000 }

// Nodes lists at most so many nodes as they are now, in the order of their ids, after one.
func (s *Store) Nodes(ctx context.Context, f headend.NodeFilter, after string, limit int) (found []headend.Node, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		found, err = list(ctx, tx, scanNode, sqlQueryNodeList, after, limit, f.Parent, f.Kind, f.Text)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("nodes: %w", err)
	}
	return found, nil
}

// Node lists the versions of one node, oldest first, or returns *headend.Unknown.
func (s *Store) Node(ctx context.Context, id string) (versions []headend.Node, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		versions, err = list(ctx, tx, scanNode, sqlQueryNode, id)
		if err == nil && len(versions) == 0 {
			return &headend.Unknown{What: "node", ID: id}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	return versions, nil
}

func scanNode(row pgx.CollectableRow) (n headend.Node, err error) {
	var to *time.Time
	err = row.Scan(&n.ID, &n.Name, &n.Kind, &n.Parent, &n.Organisation, &n.RatedKVA, &n.From, &to)
	n.From, n.To = n.From.UTC(), end(to)
	return n, err
}

// Organisations lists at most so many organisations as they are now, in the order of their ids, after
// one.
func (s *Store) Organisations(ctx context.Context, after string, limit int) (found []headend.Organisation, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		found, err = list(ctx, tx, scanOrganisation, sqlQueryOrganisationList, after, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("organisations: %w", err)
	}
	return found, nil
}

func scanOrganisation(row pgx.CollectableRow) (o headend.Organisation, err error) {
	var to *time.Time
	err = row.Scan(&o.ID, &o.Name, &o.Kind, &o.Parent, &o.From, &to)
	o.From, o.To = o.From.UTC(), end(to)
	return o, err
}
