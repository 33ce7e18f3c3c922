package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"lastgasp/timeseries"
	"lastgasp/timeseries/cluster"
)

// database is the open store and, where the configuration names no server, the private server below it.
type database struct {
	Store  *timeseries.Store
	server *cluster.Cluster // nil: somebody else's
}

// privateDatabase is the database's name on a private server.
const privateDatabase = "lastgasp"

// openDatabase opens what the configuration names. say gets progress in words.
func openDatabase(ctx context.Context, c Config, log *slog.Logger, say io.Writer) (*database, error) {
	d := &database{}
	url := c.Database.URL
	if url == "" {
		server, err := cluster.Start(ctx, cluster.Options{Dir: c.Database.PrivateDir, Port: c.Database.PrivatePort, Log: say})
		if err != nil {
			return nil, fmt.Errorf("private PostgreSQL in %s: %w\nSet database.url to use a server of your own", c.Database.PrivateDir, err)
		}
		d.server = server
		if err := server.CreateDatabase(ctx, privateDatabase); err != nil {
			return nil, errors.Join(err, d.Close())
		}
		url = server.URL(privateDatabase)
	}
	store, err := timeseries.Open(ctx, url, timeseries.Options{
		Engine:      timeseries.Engine(c.Database.Engine),
		Zone:        c.Zone,
		Chunk:       c.Database.Chunk,
		Connections: c.Database.Connections,
		MaxNew:      c.Database.MaxUnassigned,
		Retain:      c.Database.Retain,
		Quarantine:  c.Database.RetainQuarantine,
		Log:         log,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w\nThe database is %s (database.url)", err, whichDatabase(c)), d.Close())
	}
	d.Store = store
	return d, nil
}

// stages keep the private server running; none where the database is somebody else's.
func (d *database) stages(log *slog.Logger) []stage {
	if d.server == nil {
		return nil
	}
	return []stage{{"private PostgreSQL", func(ctx context.Context) error { return d.server.Watch(ctx, log) }}}
}

func whichDatabase(c Config) string {
	if c.Database.URL == "" {
		return "the private one in " + c.Database.PrivateDir
	}
	return mask(c.Database.URL, "url")
}

// Close closes the store. The private server is stopped too, unless another of our programs still works
// with it: an import beside a running head-end must not take its database away.
func (d *database) Close() error {
	if d.Store != nil {
		d.Store.Close()
	}
	if d.server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := d.server.Release(ctx); err != nil {
		return fmt.Errorf("stop the private PostgreSQL: %w", err)
	}
	return nil
}
