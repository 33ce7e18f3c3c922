package cluster

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Release stops the server unless other programs are still connected to it; then it is left to them.
func (c *Cluster) Release(ctx context.Context) error {
	others, err := c.others(ctx)
	if err != nil {
		return err
	}
	if others > 0 {
		c.say("PostgreSQL stays up for %d other connections", others)
		return nil
	}
	return c.Stop(ctx)
}

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
