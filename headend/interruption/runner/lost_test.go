package runner

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// A runner that waits for the database when the lease is lost does not wait on: it takes the lease again.
func TestALostLeaseEndsTheWaiting(t *testing.T) {
	url := storetest.URL(t)
	store := storetest.OpenURL(t, url, timeseries.Options{Engine: timeseries.Postgres})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	tx, err := conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, "LOCK TABLE event"); err != nil { // whoever asks for evidence waits
		t.Fatal(err)
	}
	r := New(store, Options{Holder: "test", Log: slog.New(slog.DiscardHandler)})
	ended := make(chan error, 1)
	running, stop := context.WithCancel(ctx)
	go func() { ended <- r.Run(running) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	until := func(what, sql string) {
		t.Helper()
		for done := false; !done; {
			if err := tx.QueryRow(ctx, sql).Scan(&done); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
	}
	until("it never waited", "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'event'::regclass)")
	if _, err := tx.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"); err != nil {
		t.Fatal(err)
	}
	until("it waits on", "SELECT epoch > 1 FROM detection")
}
