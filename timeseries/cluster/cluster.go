package cluster

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNotOurs says a data directory holds something this package did not make or cannot run.
var ErrNotOurs = errors.New("not a data directory this program can use")

// Options say where the server lives and how it is set.
type Options struct {
	Dir      string            // data, password and log live below it; made when missing
	Port     int               // 0 picks a free one
	Settings map[string]string // server settings above the defaults, by their postgresql.conf names
	Log      io.Writer         // progress in words, a line each; nil for none
}

// Cluster is a running private server.
type Cluster struct {
	options  Options
	programs Programs
	account  *account
	data     string
	password string
	port     int
	pid      int
	process  *exec.Cmd     // nil when a running server was taken over
	ended    chan struct{} // closed when process has been waited for
}

// Start makes the data directory when there is none and starts the server in it, or takes over the
// one that already runs there. It returns when the server answers, or an error that says what to do.
func Start(ctx context.Context, options Options) (*Cluster, error) {
	programs, err := Find()
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(options.Dir)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", options.Dir, err)
	}
	c := &Cluster{options: options, programs: programs, data: filepath.Join(dir, "data")}
	c.account, err = serverAccount()
	if err != nil {
		return nil, err
	}
	fresh, err := c.prepareDir(dir)
	if err != nil {
		return nil, err
	}
	if fresh {
		if err := c.initialise(ctx); err != nil {
			return nil, err
		}
	}
	if c.takeOver(ctx) {
		c.say("PostgreSQL %d already runs in %s: using it", programs.Major, c.data)
		return c, nil
	}
	if err := c.Restart(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// URL is the connection string for a database of this server. It holds the password: do not log it.
func (c *Cluster) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword("lastgasp", c.password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)), Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// Port is the loopback port the server listens on.
func (c *Cluster) Port() int { return c.port }

// PID is the server's first process; its others are children of it.
func (c *Cluster) PID() int { return c.pid }

// CreateDatabase makes an empty database unless there is one of that name.
func (c *Cluster) CreateDatabase(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, c.URL("postgres"))
	if err != nil {
		return fmt.Errorf("private PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there); err != nil {
		return fmt.Errorf("look for database %s: %w", name, err)
	}
	if there {
		return nil
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()+" TEMPLATE template0"); err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

// Stop ends the server as fast as it can without losing anything (no new connections, running ones
// are cut, a checkpoint is written) and waits until it has gone.
func (c *Cluster) Stop(ctx context.Context) error {
	return c.end(ctx, syscall.SIGINT)
}

// Kill ends the server like a power cut: no checkpoint, no goodbye. Its child processes go with it, for
// while one of them lives the shared memory is in use and no server can be started. Tests use it.
func (c *Cluster) Kill(ctx context.Context) error {
	children := childrenOf(c.pid)
	if err := c.end(ctx, syscall.SIGKILL); err != nil {
		return err
	}
	for _, child := range children {
		if err := syscall.Kill(child, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("kill PostgreSQL's process %d: %w", child, err)
		}
	}
	for _, child := range children {
		if err := waitEnd(ctx, child); err != nil {
			return err
		}
	}
	return nil
}

// childrenOf lists the processes whose parent is pid.
func childrenOf(pid int) []int {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	var children []int
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		var state string
		var parent int
		after := text[bytes.LastIndexByte(text, ')')+1:] // the name before may hold anything
		if _, err := fmt.Sscan(string(after), &state, &parent); err != nil || parent != pid {
			continue
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			children = append(children, child)
		}
	}
	return children
}

// waitEnd waits until a process that is not our child has ended.
func waitEnd(ctx context.Context, pid int) error {
	for {
		if processEnded(pid) {
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL's process %d has not ended: %w", pid, ctx.Err())
		}
	}
}

func (c *Cluster) end(ctx context.Context, signal syscall.Signal) error {
	if c.pid == 0 {
		return nil
	}
	if err := syscall.Kill(c.pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal PostgreSQL (process %d): %w", c.pid, err)
	}
	if err := c.waitGone(ctx); err != nil {
		return err
	}
	c.pid, c.process = 0, nil
	return nil
}

func (c *Cluster) waitGone(ctx context.Context) error {
	if c.process != nil {
		select {
		case <-c.ended:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL (process %d) has not ended: %w", c.pid, ctx.Err())
		}
	}
	return waitEnd(ctx, c.pid) // taken over: not our child, so all we can do is look
}

// Restart starts the server again after Stop or Kill, on the same port.
func (c *Cluster) Restart(ctx context.Context) error {
	if c.port == 0 {
		port, err := c.choosePort()
		if err != nil {
			return err
		}
		c.port = port
	}
	args := []string{"-D", c.data, "-c", "port=" + strconv.Itoa(c.port)}
	for name, value := range c.settings() {
		args = append(args, "-c", name+"="+value)
	}
	log, err := os.OpenFile(filepath.Join(filepath.Dir(c.data), "postgres.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("server log: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(c.programs.path("postgres"), args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = c.data
	cmd.SysProcAttr = c.account.process()
	cmd.SysProcAttr.Setpgid = true // Ctrl-C is for us; the server must outlive our last commit
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", c.programs.path("postgres"), err)
	}
	c.process, c.pid, c.ended = cmd, cmd.Process.Pid, make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		defer close(ended)
		if err := cmd.Wait(); err != nil {
			c.say("PostgreSQL ended: %v", err)
		}
	}(cmd, c.ended)
	return c.waitReady(ctx)
}

func (c *Cluster) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute) // crash recovery of a large store takes its time
	defer cancel()
	var last error
	for {
		if last = c.ping(ctx); last == nil {
			return nil
		}
		select {
		case <-c.ended:
			c.pid = 0
			return fmt.Errorf("PostgreSQL ended at once; its last words:\n%s", c.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not answer: %w (%w)", last, ctx.Err())
		case <-time.After(30 * time.Millisecond):
		}
	}
}

func (c *Cluster) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.URL("postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// takeOver finds a server that still runs in the data directory and answers to our password.
func (c *Cluster) takeOver(ctx context.Context) bool {
	text, err := os.ReadFile(filepath.Join(c.data, "postmaster.pid"))
	if err != nil {
		return false
	}
	lines := strings.Split(string(text), "\n") // pid, directory, start, port, ...
	if len(lines) < 4 {
		return false
	}
	pid, errPID := strconv.Atoi(strings.TrimSpace(lines[0]))
	port, errPort := strconv.Atoi(strings.TrimSpace(lines[3]))
	if errPID != nil || errPort != nil || syscall.Kill(pid, 0) != nil {
		return false
	}
	c.port = port
	if c.ping(ctx) != nil {
		c.port = 0
		return false
	}
	c.pid = pid
	return true
}

func (c *Cluster) settings() map[string]string {
	settings := map[string]string{
		"listen_addresses":                   "127.0.0.1",
		"unix_socket_directories":            "",
		"max_connections":                    "100",
		"shared_buffers":                     "512MB",
		"max_wal_size":                       "4GB",
		"wal_compression":                    "on",
		"checkpoint_timeout":                 "15min",
		"timezone":                           "UTC",
		"log_timezone":                       "UTC",
		"log_min_messages":                   "warning",
		"log_min_error_statement":            "panic", // statements hold customers' data
		"max_locks_per_transaction":          "512",   // a statement over years of chunks locks each of them
		"timescaledb.telemetry_level":        "off",
		"timescaledb.max_background_workers": "8",
		"max_worker_processes":               "16",
	}
	if c.programs.Timescale {
		settings["shared_preload_libraries"] = "timescaledb"
	}
	for name, value := range c.options.Settings {
		settings[name] = value
	}
	return settings
}

func (c *Cluster) choosePort() (int, error) {
	if c.options.Port != 0 {
		return c.options.Port, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// check tells whether the data directory is still to be made, and refuses one it does not understand.
func (c *Cluster) check() (fresh bool, err error) {
	entries, err := os.ReadDir(c.data)
	if errors.Is(err, os.ErrNotExist) || (err == nil && len(entries) == 0) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("data directory %s: %w", c.data, err)
	}
	version, err := os.ReadFile(filepath.Join(c.data, "PG_VERSION"))
	if err != nil {
		return false, fmt.Errorf("%s: %w: it is not empty and has no PG_VERSION; move it away or name another directory", c.data, ErrNotOurs)
	}
	if got := strings.TrimSpace(string(version)); got != strconv.Itoa(c.programs.Major) {
		return false, fmt.Errorf("%s: %w: it was made by PostgreSQL %s and this machine has %d; install PostgreSQL %s, or dump it there and load it here",
			c.data, ErrNotOurs, got, c.programs.Major, got)
	}
	return false, nil
}

// secretBytes of randomness are written in hexadecimal as the server's password.
const secretBytes = 24

func isPassword(text string) bool {
	secret, err := hex.DecodeString(text)
	return err == nil && len(secret) == secretBytes
}

func (c *Cluster) initialise(ctx context.Context) error {
	secret := make([]byte, secretBytes)
	if _, err := rand.Read(secret); err != nil {
		return fmt.Errorf("password for the private server: %w", err)
	}
	c.password = hex.EncodeToString(secret)
	file := c.passwordFile()
	if err := os.WriteFile(file, []byte(c.password+"\n"), 0o600); err != nil {
		return fmt.Errorf("keep the server's password: %w", err)
	}
	if err := c.account.own(file); err != nil {
		return err
	}
	c.say("Making a private PostgreSQL %d in %s", c.programs.Major, c.data)
	cmd := exec.CommandContext(ctx, c.programs.path("initdb"), "-D", c.data, "-U", "lastgasp", "--pwfile="+file,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions")
	cmd.Dir = filepath.Dir(c.data)
	cmd.SysProcAttr = c.account.process()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("initdb in %s: %w\n%s", c.data, err, out.String())
	}
	return nil
}

func (c *Cluster) passwordFile() string { return filepath.Join(filepath.Dir(c.data), "password") }

func (c *Cluster) readPassword() error {
	text, err := os.ReadFile(c.passwordFile())
	if err != nil {
		return fmt.Errorf("%s: %w: its password is not beside it: %w", c.data, ErrNotOurs, err)
	}
	c.password = strings.TrimSpace(string(text))
	return nil
}

func (c *Cluster) lastWords() string {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(c.data), "postgres.log"))
	if err != nil {
		return err.Error()
	}
	const most = 2000
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return string(text)
}

func (c *Cluster) say(format string, args ...any) {
	if c.options.Log != nil {
		fmt.Fprintf(c.options.Log, format+"\n", args...)
	}
}
