package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAKilledPrivateServerIsStartedAgain kills the first process of the private PostgreSQL below a serving
// head-end; it must become ready again by itself, and stop without a fault.
func TestAKilledPrivateServerIsStartedAgain(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "private-") // t.TempDir cannot be walked to by the server's user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	postgres := filepath.Join(dir, "postgres")
	p := newProcess(t, "DATABASE_URL=", "LASTGASP_DATABASE_PRIVATE_DIR="+postgres)
	p.start()
	p.waitReady(ctx)
	first := postmaster(t, postgres)
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// a first try may leave its number and end, while processes of the killed server hold the shared memory
	until(ctx, t, "another server runs", func() bool { return strings.Contains(p.logs.String(), "runs again") })
	if pid := postmaster(t, postgres); pid == 0 || pid == first {
		t.Errorf("the server's process is %d, the killed one was %d", pid, first)
	}
	p.waitReady(ctx)
	token, err := os.ReadFile(filepath.Join(dir, "operator.token")) // for commands of this machine
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.http+"/api/v1/meters", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("meters: %d", response.StatusCode)
	}
	second := postmaster(t, postgres)
	p.signal(syscall.SIGTERM)
	if log := p.logs.String(); !strings.Contains(log, "runs again") || !strings.Contains(log, "ended: <nil>") {
		t.Errorf("it did not stop well:\n%s", log)
	}
	if err := syscall.Kill(second, 0); err == nil {
		t.Errorf("PostgreSQL (process %d) was left behind", second)
	}
}

// postmaster is the first process of the server in dir; 0 while there is none.
func postmaster(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		return 0 // half written
	}
	return pid
}
