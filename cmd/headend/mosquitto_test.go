package main

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
)

// mosquitto is a real broker that keeps its memory on disk.
type mosquitto struct {
	t       *testing.T
	config  string
	address string
	command *exec.Cmd
}

// startMosquitto starts one with the settings docs/brokers.md asks for.
func startMosquitto(t *testing.T) *mosquitto {
	t.Helper()
	dir := t.TempDir()
	m := &mosquitto{t: t, config: filepath.Join(dir, "mosquitto.conf"), address: freeAddress(t)}
	host, port, _ := strings.Cut(m.address, ":")
	text := fmt.Sprintf("listener %s %s\nallow_anonymous true\nmax_inflight_messages 0\nmax_queued_messages 0\nset_tcp_nodelay true\nlog_dest none\n"+
		"persistence true\npersistence_location %s/\nautosave_interval 1\n", port, host, dir)
	if os.Getuid() == 0 {
		text += "user root\n"
	}
	if err := os.WriteFile(m.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m.start()
	t.Cleanup(m.kill)
	return m
}

func (m *mosquitto) start() {
	m.t.Helper()
	m.command = exec.Command("/usr/sbin/mosquitto", "-c", m.config)
	if err := m.command.Start(); err != nil {
		m.t.Fatal(err)
	}
	until(context.Background(), m.t, "Mosquitto listens", func() bool {
		c, err := net.Dial("tcp", m.address)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
}

// kill ends it with -9.
func (m *mosquitto) kill() {
	if m.command == nil {
		return
	}
	if err := m.command.Process.Signal(syscall.SIGKILL); err != nil {
		m.t.Error(err)
	}
	if err := m.command.Wait(); err == nil {
		m.t.Error("Mosquitto ended by itself")
	}
	m.command = nil
}

// headendConfig writes the configuration of a head-end that listens to this broker alone.
func (m *mosquitto) headendConfig() string {
	m.t.Helper()
	path := filepath.Join(m.t.TempDir(), "lastgasp.yaml")
	text := fmt.Sprintf("broker: {enabled: false}\nmqtt: [{name: mosquitto, servers: ['tcp://%s'], client_id: chaos}]\n", m.address)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
	return path
}
