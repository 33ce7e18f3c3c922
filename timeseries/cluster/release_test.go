package cluster

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestReleaseLeavesTheServerToOthers(t *testing.T) {
	ctx := t.Context()
	dir := filepath.Join(tempDir(t), "postgres")
	serving, err := Start(ctx, Options{Dir: dir, Settings: quick})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(ctx, serving.URL("postgres")) // the serving program
	if err != nil {
		t.Fatal(err)
	}
	importing, err := Start(ctx, Options{Dir: dir, Settings: quick}) // takes the running server over
	if err != nil {
		t.Fatal(err)
	}
	if err := importing.Release(ctx); err != nil {
		t.Fatal(err)
	}
	if err := conn.Ping(ctx); err != nil {
		t.Errorf("the server was taken away from who works with it: %v", err)
	}
	if err := conn.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if err := serving.Release(context.WithoutCancel(ctx)); err != nil {
		t.Fatal(err)
	}
	if err := serving.ping(ctx); err == nil {
		t.Error("the last one has gone and the server still answers")
	}
}
