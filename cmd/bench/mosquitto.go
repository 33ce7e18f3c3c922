package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// mosquitto is a running broker that takes everybody and drops nothing.
type mosquitto struct {
	command *exec.Cmd
	address string
}

func startMosquitto(ctx context.Context, dir string) (*mosquitto, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	host, port, _ := strings.Cut(address, ":")
	config := filepath.Join(dir, "mosquitto.conf")
	text := fmt.Sprintf("listener %s %s\nallow_anonymous true\nmax_inflight_messages 0\nmax_queued_messages 0\nset_tcp_nodelay true\nlog_dest none\n", port, host)
	if os.Getuid() == 0 {
		text += "user root\n"
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	m := &mosquitto{command: exec.CommandContext(ctx, "/usr/sbin/mosquitto", "-c", config), address: address}
	if err := m.command.Start(); err != nil {
		return nil, fmt.Errorf("start mosquitto: %w", err)
	}
	for range 200 {
		if c, err := net.Dial("tcp", address); err == nil {
			return m, c.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil, fmt.Errorf("mosquitto does not listen on %s", address)
}

func (m *mosquitto) stop() {
	if err := m.command.Process.Kill(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	if err := m.command.Wait(); err != nil && m.command.ProcessState == nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}
