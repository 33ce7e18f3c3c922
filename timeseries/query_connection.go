package timeseries

import (
	"context"
	_ "embed" // the statement
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

//go:embed sql/query_connection_list.sql
var sqlQueryConnectionList string

// Connections lists at most so many active gateways and RTUs in the order of their ids, after one.
func (s *Store) Connections(ctx context.Context, f headend.ConnectionFilter, after headend.DeviceID, limit int) (found []headend.Connection, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		found, err = list(ctx, tx, scanConnection, sqlQueryConnectionList, after, limit, string(f.Kind), f.State)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("connections: %w", err)
	}
	return found, nil
}

func scanConnection(row pgx.CollectableRow) (c headend.Connection, err error) {
	var link, heard *time.Time
	err = row.Scan(&c.ID, &c.Kind, &c.State, &c.Protocol, &c.Address, &c.Profile, &c.Node, &c.FirstSeen, &c.Behind, &c.Link, &link, &heard)
	c.FirstSeen, c.LinkAt, c.LastHeard = c.FirstSeen.UTC(), end(link), end(heard)
	return c, err
}
