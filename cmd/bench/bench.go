package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"lastgasp/simulator"
	"lastgasp/timeseries/cluster"
)

// bench is what all measurements share: a private database and the program as `make build` made it.
type bench struct {
	dir      string
	server   *cluster.Cluster
	program  string
	database int
}

func newBench(ctx context.Context) (*bench, error) {
	program, err := filepath.Abs("bin/headend")
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("%w: run make build first", err)
	}
	dir, err := os.MkdirTemp("", "lastgasp-bench-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	server, err := cluster.Start(ctx, cluster.Options{Dir: filepath.Join(dir, "postgres"), Log: os.Stderr,
		Settings: map[string]string{"timescaledb.max_background_workers": "0"}})
	if err != nil {
		return nil, err
	}
	return &bench{dir: dir, server: server, program: program}, nil
}

func (b *bench) close() {
	if err := b.server.Kill(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	if err := os.RemoveAll(b.dir); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}

// subject is a running head-end with a database of its own.
type subject struct {
	command *exec.Cmd
	url     string
	mqtt    string
	http    string
	env     []string
}

// start starts the program with an empty database; gateways get accounts at its broker.
func (b *bench) start(ctx context.Context, senders []simulator.FloodSender, config string) (*subject, error) {
	b.database++
	name := fmt.Sprintf("bench_%d", b.database)
	if err := b.server.CreateDatabase(ctx, name); err != nil {
		return nil, err
	}
	mqtt, err := freeAddress()
	if err != nil {
		return nil, err
	}
	web, err := freeAddress()
	if err != nil {
		return nil, err
	}
	h := &subject{url: b.server.URL(name), mqtt: mqtt, http: web}
	file := filepath.Join(b.dir, name+".yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	h.env = append(os.Environ(), "LASTGASP_DATABASE_URL="+h.url, "LASTGASP_BROKER_LISTEN="+mqtt, "LASTGASP_HTTP_LISTEN="+web,
		"LASTGASP_CONFIG="+file, "LASTGASP_LOG_LEVEL=warn")
	devices := filepath.Join(b.dir, name+".csv")
	if err := writeGateways(devices, senders); err != nil {
		return nil, err
	}
	imported := exec.CommandContext(ctx, b.program, "import", "devices", devices)
	imported.Env = h.env
	if out, err := imported.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("import gateways: %w\n%s", err, out)
	}
	h.command = exec.CommandContext(ctx, b.program, "serve")
	h.command.Env = h.env
	h.command.Stderr = os.Stderr
	if err := h.command.Start(); err != nil {
		return nil, err
	}
	return h, h.waitReady(ctx)
}

func (h *subject) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.http+"/readyz", nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			err = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the head-end is not ready: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (h *subject) stop() error {
	if err := h.command.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return h.command.Wait()
}

// stored is how many readings the head-end says it has committed.
func (h *subject) stored(ctx context.Context) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.http+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	for s := bufio.NewScanner(response.Body); s.Scan(); {
		if text, ok := strings.CutPrefix(s.Text(), `lastgasp_readings_total{result="stored"} `); ok {
			return strconv.ParseFloat(text, 64)
		}
	}
	return 0, nil // a counter with a label is not there before it counts
}

// waitStored returns when n readings are committed.
func (h *subject) waitStored(ctx context.Context, n float64) error {
	for {
		got, err := h.stored(ctx)
		if err != nil {
			return err
		}
		if got >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%.0f of %.0f readings stored: %w", got, n, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func writeGateways(path string, senders []simulator.FloodSender) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	rows := [][]string{strings.Split("id,kind,protocol,address,profile,gateway,usage_point,password,from,to", ",")}
	for i := range senders {
		s := &senders[i]
		s.Username, s.Password = string(s.Gateway), fmt.Sprintf("password-of-gateway-%04d", i)
		rows = append(rows, []string{s.Username, "gateway", "mqtt", "", "", "", "", s.Password, "", ""})
	}
	return errors.Join(csv.NewWriter(io.Writer(file)).WriteAll(rows), file.Close())
}
