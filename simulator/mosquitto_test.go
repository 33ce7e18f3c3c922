package simulator

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lastgasp/protocols/drivertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mosquitto is a real broker on a free port.
type mosquitto struct {
	t       *testing.T
	config  string
	address string // tcp://127.0.0.1:port
	process *exec.Cmd
	log     *os.File
}

// startMosquitto starts one that takes anonymous clients, with extra lines of configuration; it ends with the test.
func startMosquitto(t *testing.T, extra ...string) *mosquitto {
	t.Helper()
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		if program = "/usr/sbin/mosquitto"; !exists(program) {
			drivertest.Missing(t, "mosquitto is not installed")
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	b := &mosquitto{t: t, config: filepath.Join(dir, "mosquitto.conf"), address: fmt.Sprintf("tcp://127.0.0.1:%d", port)}
	lines := append([]string{fmt.Sprintf("listener %d 127.0.0.1", port), "allow_anonymous true", "max_queued_messages 0",
		"max_inflight_messages 1000", "log_dest stderr", "log_type error", "set_tcp_nodelay true"}, extra...)
	if os.Getuid() == 0 {
		lines = append(lines, "user root")
	}
	if err := os.WriteFile(b.config, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if b.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		t.Fatal(err)
	}
	b.start(program)
	t.Cleanup(func() {
		b.kill()
		if err := b.log.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// start returns once the broker takes connections.
func (b *mosquitto) start(program string) {
	b.t.Helper()
	b.process = exec.Command(program, "-c", b.config)
	b.process.Stderr = b.log
	if err := b.process.Start(); err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		conn, err := dialBroker(ctx, b.address, nil)
		if err == nil {
			if err := conn.Close(); err != nil {
				b.t.Fatal(err)
			}
			return
		}
		if ctx.Err() != nil {
			b.t.Fatalf("mosquitto does not listen on %s: %v", b.address, err)
		}
		wait(ctx, 5*time.Millisecond)
	}
}

// restart kills the broker with SIGKILL and starts it again on the same port.
func (b *mosquitto) restart() {
	b.t.Helper()
	b.kill()
	b.start(b.process.Path)
}

func (b *mosquitto) kill() {
	if err := b.process.Process.Signal(syscall.SIGKILL); err != nil {
		b.t.Error(err)
	}
	if _, err := b.process.Process.Wait(); err != nil {
		b.t.Error(err)
	}
}

// mosquittoPassword adds an account to a password file; false where the tool is missing.
func mosquittoPassword(t *testing.T, path, user, password string) bool {
	t.Helper()
	tool, err := exec.LookPath("mosquitto_passwd")
	if err != nil {
		return false
	}
	flags := []string{"-b"}
	if !exists(path) {
		flags = append(flags, "-c")
	}
	if out, err := exec.Command(tool, append(flags, path, user, password)...).CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_passwd: %v: %s", err, out)
	}
	return true
}
