package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/headend/importer"
	"lastgasp/protocols/broker"
	"lastgasp/timeseries"
)

func TestAPatternForAllDevicesIsRefusedBeforeServing(t *testing.T) {
	for pattern, want := range map[string]string{"zigbee2mqtt/{device}": "", "zigbee2mqtt/#": "no level is {device}", "{device}/#/b": "last level"} {
		c := Defaults()
		c.Broker.Publish = []string{"x/{device}", pattern}
		_, err := newDrivers(c, nil, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "broker.publish[1]")) {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

// login connects to the broker and returns the connection; the CONNACK must be that of a success.
func login(t *testing.T, address, device, password string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	text := func(s string) string { return string([]byte{0, byte(len(s))}) + s }
	body := text("MQTT") + "\x04\xc2\x00\x00" + text(device) + text(device) + text(password)
	if _, err := conn.Write(append([]byte{0x10, byte(len(body))}, body...)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4)
	if _, err := io.ReadFull(conn, answer); err != nil || answer[3] != 0 {
		t.Fatalf("%s: CONNACK % x, %v", device, answer, err)
	}
	return conn
}

func TestADeviceWhoseRightEndsIsDisconnected(t *testing.T) {
	url := strings.TrimPrefix(ownDatabase(t)[0], "DATABASE_URL=")
	store, err := timeseries.Open(t.Context(), url, timeseries.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	file := func(lines string) {
		t.Helper()
		rows := importer.Devices(strings.NewReader("id,kind,protocol,address,profile,gateway,usage_point,password,from,to,node\n"+lines), importer.Format{})
		if done, err := store.ImportDevices(t.Context(), rows, timeseries.ImportOptions{}); err != nil || !done.Written {
			t.Fatalf("import: %+v %v", done, err)
		}
		if err := store.Reload(t.Context()); err != nil { // as the head-end does when the database tells it of an import
			t.Fatal(err)
		}
	}
	const password = "correct horse battery"
	file("M1,meter,mqtt,,,,," + password + ",2024-01-01,,\nM2,meter,mqtt,,,,," + password + ",2024-01-01,,\nM3,meter,mqtt,,,,," + password + ",2024-01-01,,\n")
	c := Defaults()
	c.Broker.Listen, c.Modbus.Enabled = "127.0.0.1:0", false
	made, err := newDrivers(c, store, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	g := made.named[0].driver.(*guarded)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx, &kept{}) }()
	<-g.broker.Started()
	stays := login(t, g.broker.Addr(), "M2", password)
	turns, retires := login(t, g.broker.Addr(), "M1", password), login(t, g.broker.Addr(), "M3", password)

	file("M1,gateway,mqtt,,,,,,2024-01-01,,\nM3,meter,mqtt,,,,,,2024-01-01,2025-01-01,\n")
	for what, conn := range map[string]net.Conn{"meter that became a gateway": turns, "retired meter": retires} {
		if n, err := conn.Read(make([]byte, 1)); err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a %s is still connected: %d bytes, %v", what, n, err)
		}
	}
	login(t, g.broker.Addr(), "M1", password)
	if _, err := stays.Write([]byte{0xc0, 0}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stays, make([]byte, 2)); err != nil {
		t.Errorf("a device with its right was disconnected: %v", err)
	}
	for _, c := range []struct {
		id   broker.Identity
		want bool
	}{{broker.Identity{Device: "M1", Gateway: true}, true}, {broker.Identity{Device: "M1"}, false}, {broker.Identity{Device: "M9"}, false}} {
		if g.access.allows(c.id) != c.want {
			t.Errorf("%+v allowed: %v is not what the registry says", c.id, !c.want)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
