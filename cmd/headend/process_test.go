package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lastgasp/simulator"
)

// buildOnce makes the real program: what is killed in these tests is a process of its own.
var buildOnce = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "headend-bin-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "headend")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// process is a running head-end.
type process struct {
	t       *testing.T
	path    string
	env     []string
	mqtt    string // host:port of its embedded broker
	http    string // host:port of its API
	mu      sync.Mutex
	command *exec.Cmd
	ended   chan struct{}
	logs    *lastLines
	secret  string // of a token
}

// newProcess prepares a head-end with free ports; start starts it.
func newProcess(t *testing.T, env ...string) *process {
	t.Helper()
	path, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, path: path, mqtt: freeAddress(t), http: freeAddress(t), logs: &lastLines{}}
	p.env = append(os.Environ(), append([]string{
		"LASTGASP_BROKER_LISTEN=" + p.mqtt, "LASTGASP_HTTP_LISTEN=" + p.http, "LASTGASP_DATABASE_PRIVATE_DIR=" + filepath.Join(t.TempDir(), "postgres")}, env...)...)
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("the head-end's last words:\n%s", p.logs)
		}
	})
	return p
}

// freeAddress is an address that nobody listens on, and that no connection is given either: those have ports above.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.N(20_000))
		if l, err := net.Listen("tcp", address); err == nil {
			defer l.Close()
			return address
		}
	}
	t.Fatal("no free port from 10000 to 29999")
	return ""
}

// run runs a subcommand to its end and returns what it printed.
func (p *process) run(args ...string) string {
	p.t.Helper()
	cmd := exec.Command(p.path, args...)
	cmd.Env = p.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("headend %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// token is a token that looks.
func (p *process) token() string {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.secret == "" {
		p.secret = strings.TrimSpace(p.run("token", "add", "test"))
	}
	return p.secret
}

// start starts `headend serve`.
func (p *process) start() {
	p.t.Helper()
	p.startAs("serve")
}

// private is the folder of its database.
func (p *process) private() string {
	for _, variable := range p.env {
		if dir, ok := strings.CutPrefix(variable, "LASTGASP_DATABASE_PRIVATE_DIR="); ok {
			return dir
		}
	}
	return ""
}

// startAs starts a subcommand that serves.
func (p *process) startAs(args ...string) {
	p.t.Helper()
	cmd := exec.Command(p.path, args...)
	cmd.Env = p.env
	pipe, err := cmd.StderrPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		p.logs.read(pipe)
		p.logs.add(fmt.Sprint("ended: ", cmd.Wait()))
		close(ended)
	}()
	p.mu.Lock()
	p.command, p.ended = cmd, ended
	p.mu.Unlock()
}

// waitReady returns when /readyz says so.
func (p *process) waitReady(ctx context.Context) {
	p.t.Helper()
	until(ctx, p.t, "the head-end is ready", func() bool {
		response, err := http.Get("http://" + p.http + "/readyz")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// kill ends it with -9 and waits until it has gone.
func (p *process) kill() { p.signal(syscall.SIGKILL) }

func (p *process) signal(signal syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.command == nil {
		return
	}
	if err := p.command.Process.Signal(signal); err != nil {
		p.t.Logf("signal: %v", err) // it had ended already
	}
	<-p.ended
	p.command = nil
}

// keepAlive starts it again whenever it ends, as a service manager does, until the returned function is
// called.
func (p *process) keepAlive() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			p.mu.Lock()
			ended := p.ended
			p.mu.Unlock()
			select {
			case <-ctx.Done():
				return
			case <-ended:
				p.start()
			}
		}
	}()
	return func() { cancel(); <-done }
}

// peakMemory is the most memory the process has held at once, in bytes.
func (p *process) peakMemory() int64 {
	p.t.Helper()
	return p.memory("VmHWM")
}

// memory is what /proc says of the process's memory: VmRSS now, VmHWM at most; in bytes.
func (p *process) memory(what string) int64 {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kb int64
		if n, err := fmt.Sscanf(line, what+": %d kB", &kb); err == nil && n == 1 {
			return kb << 10
		}
	}
	p.t.Fatal("no " + what + " in /proc")
	return 0
}

// lastLines keeps the end of a log.
type lastLines struct {
	mu    sync.Mutex
	lines []string
}

func (l *lastLines) read(r io.Reader) {
	for s := bufio.NewScanner(r); s.Scan(); {
		l.add(s.Text())
	}
}

func (l *lastLines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	if len(l.lines) > 40 {
		l.lines = l.lines[1:]
	}
}

func (l *lastLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// until looks again and again until a condition holds.
func until(ctx context.Context, t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s (%v)", what, ctx.Err())
		case <-tick.C:
		}
	}
}

// gatewaysFile writes devices.csv with the gateways of a flood, each with a password of its own.
func gatewaysFile(t *testing.T, senders []simulator.FloodSender) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "devices.csv")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := csv.NewWriter(file)
	rows := [][]string{strings.Split("id,kind,protocol,address,profile,gateway,usage_point,password,from,to", ",")}
	for i := range senders {
		s := &senders[i]
		s.Username, s.Password = string(s.Gateway), fmt.Sprintf("password-of-gateway-%04d", i)
		rows = append(rows, []string{string(s.Gateway), "gateway", "mqtt", "", "", "", "", s.Password, "", ""})
	}
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	return path
}
