package timeseries

import (
	"context"
	_ "embed" // the statements
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

var (
	//go:embed sql/query_supply.sql
	sqlQuerySupply string
	//go:embed sql/query_place.sql
	sqlQueryPlace string
	//go:embed sql/query_counts.sql
	sqlQueryCounts string
)

// Supply lists a node and at most so many nodes with it that are below it, those nearer to the supply first, with what is known
// of supply at each: a meter counts as heard that measured or said something since a time. It returns *headend.Unknown for a
// node that is not there now.
func (s *Store) Supply(ctx context.Context, node string, since time.Time, limit int) (found []headend.SupplyNode, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		found, err = list(ctx, tx, scanSupplyNode, sqlQuerySupply, node, since, limit)
		if err == nil && len(found) == 0 {
			return &headend.Unknown{What: "node", ID: node}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("supply: %w", err)
	}
	return found, nil
}

func scanSupplyNode(row pgx.CollectableRow) (n headend.SupplyNode, err error) {
	var to, breaker *time.Time
	err = row.Scan(&n.ID, &n.Name, &n.Kind, &n.Parent, &n.Organisation, &n.RatedKVA, &n.From, &to, &n.Customers, &n.Out, &n.Heard, &n.Breaker, &breaker)
	n.From, n.To, n.BreakerAt = n.From.UTC(), end(to), end(breaker)
	return n, err
}

// Places tells what nodes and usage points are called and where they are. What the registry never had is not among them.
func (s *Store) Places(ctx context.Context, nodes, usagePoints []string) (found []headend.Place, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		found, err = list(ctx, tx, scanPlace, sqlQueryPlace, nodes, usagePoints)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("places: %w", err)
	}
	return found, nil
}

func scanPlace(row pgx.CollectableRow) (p headend.Place, err error) {
	err = row.Scan(&p.Node, &p.UsagePoint, &p.Name, &p.Feeder, &p.FeederName, &p.Organisation, &p.OrganisationName)
	return p, err
}

// Counts tells how much of everything there is.
func (s *Store) Counts(ctx context.Context) (c headend.Counts, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, sqlQueryCounts, headend.MostCounted).Scan(&c.UsagePoints, &c.Meters, &c.Gateways, &c.RTUs, &c.Unassigned, &c.Quarantined, &c.OpenOutages, &c.Out)
	})
	if err != nil {
		return headend.Counts{}, fmt.Errorf("counts: %w", err)
	}
	return c, nil
}
