package cluster

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tempDir is a directory an unprivileged server account can walk to, which t.TempDir is not for root.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cluster")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

var quick = map[string]string{"shared_buffers": "16MB", "fsync": "off"}

func query(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var answer string
	if err := conn.QueryRow(t.Context(), sql).Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestDataOutlivesAKillAndASecondStart(t *testing.T) {
	ctx := t.Context()
	dir := filepath.Join(tempDir(t), "postgres")
	c, err := Start(ctx, Options{Dir: dir, Settings: quick})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CreateDatabase(ctx, "grid"); err != nil {
		t.Fatal(err)
	}
	query(t, c.URL("grid"), "WITH made AS (SELECT 1) SELECT 'x' FROM made")
	conn, err := pgx.Connect(ctx, c.URL("grid"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(ctx, "CREATE TABLE kept AS SELECT 'there'::text AS word"); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(ctx); err != nil {
		t.Fatal(err)
	}

	second, err := Start(ctx, Options{Dir: dir, Settings: quick}) // its head-end was killed, the server runs on
	if err != nil {
		t.Fatal(err)
	}
	if second.Port() != c.Port() {
		t.Errorf("a second start listens on port %d, the running server on %d: it was not taken over", second.Port(), c.Port())
	}

	if err := c.Kill(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if got := query(t, c.URL("grid"), "SELECT word FROM kept"); got != "there" {
		t.Errorf("after a kill the table says %q", got)
	}
	if err := c.CreateDatabase(ctx, "grid"); err != nil {
		t.Errorf("making a database that is there: %v", err)
	}
	if err := c.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "password"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the password file has mode %v", info.Mode())
	}
}

func TestRefusesWhatItDoesNotUnderstand(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"no PG_VERSION":          {"letters.txt": "dear diary"},
		"made by PostgreSQL 9.6": {"PG_VERSION": "9.6\n", "base": "x"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tempDir(t)
			if err := os.Mkdir(filepath.Join(dir, "data"), 0o755); err != nil {
				t.Fatal(err)
			}
			for file, text := range files {
				if err := os.WriteFile(filepath.Join(dir, "data", file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Start(t.Context(), Options{Dir: dir})
			if !errors.Is(err, ErrNotOurs) || !strings.Contains(err.Error(), name) {
				t.Errorf("error %v, want one that says %q", err, name)
			}
			for file, text := range files {
				if got, err := os.ReadFile(filepath.Join(dir, "data", file)); err != nil || string(got) != text {
					t.Errorf("%s was touched: %q %v", file, got, err)
				}
			}
		})
	}
}

func TestADirectoryThatIsRefusedStaysAsItIs(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"somebody's files":      {"letters.txt": "dear diary"},
		"beside our own":        {"data/PG_VERSION": "15", "password": "x", "letters.txt": "dear diary"},
		"data of another":       {"data/letters.txt": "dear diary"},
		"data without password": {"data/PG_VERSION": "15"},
		"somebody's password":   {"password": "correct horse"},
		"a file data":           {"data": "dear diary"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tempDir(t)
			for file, text := range files {
				path := filepath.Join(dir, file)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			before, err := os.Stat(dir)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Start(t.Context(), Options{Dir: dir}); !errors.Is(err, ErrNotOurs) {
				t.Errorf("error %v", err)
			}
			after, err := os.Stat(dir)
			if err != nil {
				t.Fatal(err)
			}
			if before.Mode() != after.Mode() || before.Sys().(*syscall.Stat_t).Uid != after.Sys().(*syscall.Stat_t).Uid {
				t.Errorf("was %v of %+v, is %v of %+v", before.Mode(), before.Sys(), after.Mode(), after.Sys())
			}
			for file, text := range files {
				if got, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(got) != text {
					t.Errorf("%s was touched: %q %v", file, got, err)
				}
			}
		})
	}
}

// serverPID is the first process of the server that runs in dir.
func serverPID(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// answers waits until the server takes connections again.
func answers(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if conn, err := pgx.Connect(ctx, url); err == nil {
			if err := conn.Close(ctx); err != nil {
				t.Error(err)
			}
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal("the server does not answer again")
		case <-tick.C:
		}
	}
}

// The server is killed with -9, its first process alone; whoever watches starts it again, also one that it
// has taken over.
func TestAKilledServerIsStartedAgain(t *testing.T) {
	dir := filepath.Join(tempDir(t), "postgres")
	first, err := Start(t.Context(), Options{Dir: dir, Settings: quick})
	if err != nil {
		t.Fatal(err)
	}
	second, err := Start(t.Context(), Options{Dir: dir, Settings: quick})
	if err != nil {
		t.Fatal(err)
	}
	url := first.URL("postgres")
	for name, c := range map[string]*Cluster{"its own": first, "taken over": second} {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Watch(ctx, slog.New(slog.DiscardHandler)) }()
		for range 2 {
			killed := serverPID(t, dir)
			if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if err := waitEnd(t.Context(), killed); err != nil {
				t.Fatal(err)
			}
			answers(t, url)
			if serverPID(t, dir) == killed {
				t.Errorf("%s: the killed server answers", name)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A server that is gone already is nothing to stop.
	if err := syscall.Kill(serverPID(t, dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := waitEnd(t.Context(), serverPID(t, dir)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Cluster{first, second} {
		if err := c.Release(t.Context()); err != nil {
			t.Errorf("release: %v", err)
		}
	}
}

func TestADirectoryTheServersUserCannotReachIsLinked(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root runs the server as somebody else")
	}
	closed := tempDir(t)
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(closed, "postgres")
	var log bytes.Buffer
	c, err := Start(t.Context(), Options{Dir: dir, Settings: quick, Log: &log})
	if err != nil {
		t.Fatal(err)
	}
	target, err := os.Readlink(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(target); err != nil {
			t.Error(err)
		}
	})
	if err := c.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), target) {
		t.Errorf("nothing says where the data went: %q", log.String())
	}
}
