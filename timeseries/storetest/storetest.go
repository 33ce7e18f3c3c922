// Package storetest opens real stores for tests: a private PostgreSQL for the test binary, and in it a
// fresh database for each test and engine.
//
// Where the server has no TimescaleDB, the Timescale half of Each is skipped, and says so.
package storetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/timeseries"
	"lastgasp/timeseries/cluster"
)

// Server is the private PostgreSQL of a test binary.
type Server struct {
	*cluster.Cluster
	dir string
}

var (
	server    *Server
	databases atomic.Int64
	templates = struct {
		sync.Mutex
		made map[timeseries.Engine]bool
	}{made: map[timeseries.Engine]bool{}}
)

// Main runs a package's tests with a server, and stops it afterwards. Call it from TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }
func Main(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var err error
	if server, err = Start(ctx, nil); err != nil {
		fmt.Fprintln(os.Stderr, "store for tests:", err)
		return 1
	}
	code := m.Run()
	if err := server.Remove(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "store for tests:", err)
		return 1
	}
	return code
}

// Start starts a server of one's own, for a test that kills it. Settings are added to the ones for
// tests. Call Remove at the end.
func Start(ctx context.Context, settings map[string]string) (*Server, error) {
	dir, err := os.MkdirTemp("", "lastgasp-test-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // the server's account must walk through
		return nil, err
	}
	all := map[string]string{
		"shared_buffers": "128MB", "max_wal_size": "2GB", "max_connections": "60",
		"fsync":                              "off", // a killed process loses nothing by it, only a power cut does
		"timescaledb.max_background_workers": "0",   // its scheduler holds template databases open; tests call policies by hand
	}
	for name, value := range settings {
		all[name] = value
	}
	c, err := cluster.Start(ctx, cluster.Options{Dir: filepath.Join(dir, "postgres"), Settings: all})
	if err != nil {
		return nil, err
	}
	return &Server{Cluster: c, dir: dir}, nil
}

// Remove stops the server and deletes its files.
func (s *Server) Remove(ctx context.Context) error {
	if err := s.Kill(ctx); err != nil { // its files go anyway
		return err
	}
	return os.RemoveAll(s.dir)
}

// Engines are the engines this machine's server can run.
func Engines() []timeseries.Engine {
	programs, err := cluster.Find()
	if err == nil && programs.Timescale {
		return []timeseries.Engine{timeseries.Timescale, timeseries.Postgres}
	}
	return []timeseries.Engine{timeseries.Postgres}
}

// Each runs a test on both engines.
func Each(t *testing.T, test func(t *testing.T, s *timeseries.Store)) {
	t.Helper()
	EachEngine(t, func(t *testing.T, engine timeseries.Engine) { test(t, Open(t, engine)) })
}

// EachEngine runs a test once for each engine; without TimescaleDB on the server that half is skipped.
func EachEngine(t *testing.T, test func(t *testing.T, engine timeseries.Engine)) {
	t.Helper()
	for _, engine := range []timeseries.Engine{timeseries.Timescale, timeseries.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			if engine == timeseries.Timescale && len(Engines()) == 1 {
				t.Skip("THE TIMESCALE HALF DID NOT RUN: this server has no TimescaleDB")
			}
			test(t, engine)
		})
	}
}

// URL makes a fresh database on the binary's server and returns its URL.
func URL(t testing.TB) string {
	t.Helper()
	return server.Database(t)
}

// Database makes a fresh database and returns its URL.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", databases.Add(1))
	if err := s.CreateDatabase(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return s.URL(name)
}

// Open opens a store in a fresh database and closes it when the test ends.
func Open(t testing.TB, engine timeseries.Engine) *timeseries.Store {
	t.Helper()
	return OpenURL(t, migrated(t, engine), timeseries.Options{Engine: engine})
}

// migrated makes a fresh database whose migrations have run, and returns its URL: a copy of the one that ran them. To run them for each test
// takes twice to four times as long.
func migrated(t testing.TB, engine timeseries.Engine) string {
	t.Helper()
	templates.Lock()
	defer templates.Unlock()
	template := "template_" + string(engine)
	if !templates.made[engine] {
		if err := server.CreateDatabase(t.Context(), template); err != nil {
			t.Fatal(err)
		}
		s, err := timeseries.Open(t.Context(), server.URL(template), timeseries.Options{Engine: engine})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		templates.made[engine] = true
	}
	name := fmt.Sprintf("test_%d", databases.Add(1))
	if err := server.copyDatabase(t.Context(), template, name); err != nil {
		t.Fatal(err)
	}
	return server.URL(name)
}

// copyDatabase makes a database like another, which nobody may be connected to.
func (s *Server) copyDatabase(ctx context.Context, from, name string) error {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return fmt.Errorf("private PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+from+" STRATEGY = FILE_COPY"); err != nil {
		return fmt.Errorf("copy database %s: %w", from, err)
	}
	return nil
}

// OpenURL opens a store and closes it when the test ends.
func OpenURL(t testing.TB, url string, options timeseries.Options) *timeseries.Store {
	t.Helper()
	s, err := timeseries.Open(t.Context(), url, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}
