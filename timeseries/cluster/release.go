package cluster

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Release stops the server unless other programs are still connected to it; then it is left to them. A
// server that has ended already is nothing to stop.
func (c *Cluster) Release(ctx context.Context) error {
	if c.hasEnded() {
		c.say("PostgreSQL had ended already")
		return nil
	}
	others, err := c.others(ctx)
	var starting *pgconn.PgError
	switch {
	case errors.As(err, &starting) && starting.Code == cannotConnectNow: // it is starting or stopping: nobody is connected
		return c.Stop(ctx)
	case err != nil && c.hasEnded():
		c.say("PostgreSQL had ended already")
		return nil
	case err != nil:
		return err
	}
	if others > 0 {
		c.say("PostgreSQL stays up for %d other connections", others)
		return nil
	}
	return c.Stop(ctx)
}

// cannotConnectNow is PostgreSQL's code for a server that is starting up, recovering or shutting down.
const cannotConnectNow = "57P03"

// others counts client connections but the one it asks with. Connections our own program has just
// closed may still be listed for a moment, so the server is asked for up to a second.
func (c *Cluster) others(ctx context.Context) (int, error) {
	conn, err := pgx.Connect(ctx, c.URL("postgres"))
	if err != nil {
		return 0, fmt.Errorf("private PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	const sql = `SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`
	const look = `SELECT pg_sleep(0.1)`
	count := 0
	for range 10 {
		if err := conn.QueryRow(ctx, sql).Scan(&count); err != nil {
			return 0, fmt.Errorf("private PostgreSQL: who is connected: %w", err)
		}
		if count == 0 {
			return 0, nil
		}
		if _, err := conn.Exec(ctx, look); err != nil {
			return 0, fmt.Errorf("private PostgreSQL: who is connected: %w", err)
		}
	}
	return count, nil
}
