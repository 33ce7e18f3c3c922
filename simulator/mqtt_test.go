package simulator

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"lastgasp/protocols/drivertest"
)

// listener is a subscriber to everything under ami/v1.
type listener struct {
	mu       sync.Mutex
	messages []noted
	changed  chan struct{}
}

func listen(t *testing.T, broker string) *listener {
	t.Helper()
	l := &listener{changed: make(chan struct{}, 1)}
	options := paho.NewClientOptions().AddBroker(broker).SetClientID("listener").SetOrderMatters(true)
	options.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
		l.mu.Lock()
		l.messages = append(l.messages, noted{m.Topic(), string(m.Payload())})
		l.mu.Unlock()
		select {
		case l.changed <- struct{}{}:
		default:
		}
	})
	client := paho.NewClient(options)
	for _, token := range []func() paho.Token{client.Connect, func() paho.Token { return client.Subscribe("ami/v1/#", 1, nil) }} {
		if token := token(); token.Wait() && token.Error() != nil {
			t.Fatal(token.Error())
		}
	}
	t.Cleanup(func() { client.Disconnect(100) })
	return l
}

// until waits for a condition on what was heard.
func (l *listener) until(t *testing.T, what string, met func([]noted) bool) []noted {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		l.mu.Lock()
		heard := append([]noted(nil), l.messages...)
		l.mu.Unlock()
		if met(heard) {
			return heard
		}
		select {
		case <-l.changed:
		case <-deadline:
			t.Fatalf("%s: not within 30 s, %d messages heard", what, len(heard))
		}
	}
}

// hear waits until every message of the notebook has been heard.
func (l *listener) hear(t *testing.T, want []noted) []noted {
	t.Helper()
	return l.until(t, "every message", func(heard []noted) bool {
		have := map[noted]bool{}
		for _, m := range heard {
			have[m] = true
		}
		for _, m := range want {
			if !have[m] {
				return false
			}
		}
		return true
	})
}

// mended is rough without what is still broken at its end: devices without power cannot deliver.
var mended = rough[:strings.Index(rough, "  - {at: 170m")]

// tee writes down what goes to another face.
type tee struct {
	notebook
	next Face
}

func (n *tee) Publish(ctx context.Context, account int, topic string, payload []byte) error {
	if err := n.notebook.Publish(ctx, account, topic, payload); err != nil {
		return err
	}
	return n.next.Publish(ctx, account, topic, payload)
}

func (n *tee) Link(account int, up bool) {
	n.notebook.Link(account, up)
	n.next.Link(account, up)
}

// onBroker runs a scenario against a broker until every message is acknowledged.
func onBroker(t *testing.T, grid *Grid, text, broker string, meanwhile func(*MQTT)) (*MemoryTruth, *tee, *MQTT) {
	t.Helper()
	scenario, err := ParseScenario([]byte("start: 2026-05-04T03:00:00Z\n" + text))
	if err != nil {
		t.Fatal(err)
	}
	truth, face := new(MemoryTruth), new(tee)
	s, err := New(grid, scenario, face, Options{Truth: truth, Unpaced: true})
	if err != nil {
		t.Fatal(err)
	}
	mqtt := NewMQTT(MQTTConfig{Broker: broker, Block: true, MaxWaiting: 200}, s.Accounts())
	face.next = mqtt
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() {
		if err := mqtt.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	if meanwhile != nil {
		group.Go(func() { meanwhile(mqtt) })
	}
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	patience, done := context.WithTimeout(t.Context(), 60*time.Second)
	defer done()
	if err := mqtt.Drain(patience); err != nil {
		t.Fatal(err)
	}
	return truth, face, mqtt
}

// Truth against what a subscriber of a real broker hears.
func TestMosquittoHearsTheTruth(t *testing.T) {
	broker := startMosquitto(t)
	l := listen(t, broker.address)
	truth, face, mqtt := onBroker(t, roughGrid(t), mended, broker.address, nil)
	heard := l.hear(t, face.messages)
	comparePublished(t, truth, heard, true)
	if c := mqtt.Counts(); c.Acknowledged != int64(len(face.messages)) || c.Dropped != 0 || c.Waiting != 0 {
		t.Errorf("%d messages, counts %+v", len(face.messages), c)
	}
	online := 0
	for _, m := range heard {
		if strings.HasSuffix(m.Topic, "/status") && m.Payload == `{"online":true}` {
			online++
		}
	}
	if online < len(mqtt.accounts) {
		t.Errorf("%d accounts, %d said they are online", len(mqtt.accounts), online)
	}
}

// cutter stands between clients and a broker and breaks all connections on demand.
type cutter struct {
	listener net.Listener
	target   string
	group    sync.WaitGroup
	mu       sync.Mutex
	open     map[net.Conn]bool
	cuts     int
}

func startCutter(t *testing.T, broker string) *cutter {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{listener: inner, target: strings.TrimPrefix(broker, "tcp://"), open: map[net.Conn]bool{}}
	c.group.Go(func() {
		for {
			conn, err := inner.Accept()
			if err != nil {
				return
			}
			onward, err := net.Dial("tcp", c.target)
			if err != nil {
				t.Error(err)
				conn.Close()
				return
			}
			c.pipe(conn, onward)
			c.pipe(onward, conn)
		}
	})
	t.Cleanup(func() {
		if err := inner.Close(); err != nil {
			t.Error(err)
		}
		c.cut()
		c.group.Wait()
	})
	return c
}

func (c *cutter) pipe(from, to net.Conn) {
	c.mu.Lock()
	c.open[from] = true
	c.mu.Unlock()
	c.group.Go(func() {
		io.Copy(to, from) // ends with either side, or with a cut
		from.Close()
		to.Close()
		c.mu.Lock()
		delete(c.open, from)
		c.mu.Unlock()
	})
}

func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.open {
		conn.Close()
	}
	c.cuts++
}

// Connections that break again and again lose nothing.
func TestReconnectLosesNothing(t *testing.T) {
	broker := startMosquitto(t)
	l := listen(t, broker.address)
	cutter := startCutter(t, broker.address)
	_, face, mqtt := onBroker(t, roughGrid(t), mended, "tcp://"+cutter.listener.Addr().String(), func(m *MQTT) {
		for cut := int64(1); cut <= 5; cut++ { // spread over what is to come, and each while all are at work
			for m.Counts().Acknowledged < cut*300 {
				wait(t.Context(), time.Millisecond)
				if t.Context().Err() != nil {
					return
				}
			}
			cutter.cut()
		}
	})
	l.hear(t, face.messages)
	c := mqtt.Counts()
	if c.Broken < 5 || c.Dropped != 0 || c.Acknowledged != int64(len(face.messages)) {
		t.Errorf("%d messages, counts %+v", len(face.messages), c)
	}
	t.Logf("%d messages, %+v", len(face.messages), c)
}

// A device that loses power goes without a word: the broker publishes its will, and it says so itself when it is back, with
// what waited meanwhile.
func TestWill(t *testing.T) {
	broker := startMosquitto(t)
	l := listen(t, broker.address)
	mqtt := NewMQTT(MQTTConfig{Broker: broker.address, MaxWaiting: 3}, []Account{{ID: "G1"}})
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() {
		if err := mqtt.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	last := func(payload string, times int) func([]noted) bool {
		return func(heard []noted) bool {
			for _, m := range heard {
				if m == (noted{"ami/v1/G1/status", payload}) {
					times--
				}
			}
			return times <= 0
		}
	}
	l.until(t, "online", last(`{"online":true}`, 1))
	mqtt.Link(0, false)
	l.until(t, "will", last(`{"online":false}`, 1))
	for _, payload := range []string{"1", "2", "3", "4"} { // one more than are kept
		if err := mqtt.Publish(ctx, 0, "ami/v1/G1/reads", []byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
	mqtt.Link(0, true)
	l.until(t, "online again", last(`{"online":true}`, 2))
	heard := l.hear(t, []noted{{"ami/v1/G1/reads", "2"}, {"ami/v1/G1/reads", "3"}, {"ami/v1/G1/reads", "4"}})
	for _, m := range heard {
		if m.Payload == "1" {
			t.Error("the oldest message was not dropped")
		}
	}
	if err := mqtt.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	if c := mqtt.Counts(); c.Dropped != 1 || c.Acknowledged != 3 || c.Waiting != 0 {
		t.Errorf("counts %+v", c)
	}
}

// The broker is killed and started again: what it had not acknowledged is published again.
func TestBrokerRestart(t *testing.T) {
	broker := startMosquitto(t)
	_, face, mqtt := onBroker(t, roughGrid(t), mended, broker.address, func(m *MQTT) {
		for m.Counts().Acknowledged < 500 {
			if wait(t.Context(), time.Millisecond); t.Context().Err() != nil {
				return
			}
		}
		broker.restart()
	})
	if c := mqtt.Counts(); c.Broken == 0 || c.Acknowledged != int64(len(face.messages)) || c.Dropped != 0 {
		t.Errorf("%d messages, counts %+v", len(face.messages), c)
	}
}

// Credentials are the device's own.
func TestMosquittoPasswords(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "passwords")
	if !mosquittoPassword(t, path, "G1", "0123456789abcdef") {
		drivertest.Missing(t, "mosquitto_passwd is not installed")
	}
	broker := startMosquitto(t, "allow_anonymous false", "password_file "+path)
	mqtt := NewMQTT(MQTTConfig{Broker: broker.address}, []Account{{ID: "G1", Password: "0123456789abcdef"}, {ID: "G2", Password: "guess"}})
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() {
		if err := mqtt.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	for i := range 2 {
		if err := mqtt.Publish(ctx, i, "ami/v1/x/reads", []byte("1")); err != nil {
			t.Fatal(err)
		}
	}
	for mqtt.Counts().Acknowledged < 1 || mqtt.Counts().Broken < 1 {
		if wait(ctx, time.Millisecond); ctx.Err() != nil {
			t.Fatal(ctx.Err())
		}
	}
	if c := mqtt.Counts(); c.Acknowledged != 1 || c.Waiting != 1 {
		t.Errorf("counts %+v: G1 may speak, G2 may not", c)
	}
	_, err := Flood(ctx, FloodConfig{Broker: broker.address, Messages: 1,
		Senders: []FloodSender{{ClientID: "G2", Username: "G2", Password: "guess", Gateway: "G2", Meters: FloodSenders(1, 1, true)[0].Meters}}})
	if !errors.Is(err, ErrFloodRefused) {
		t.Errorf("flood with a wrong password: %v", err)
	}
	result, err := Flood(ctx, FloodConfig{Broker: broker.address, Messages: 1,
		Senders: []FloodSender{{ClientID: "G1f", Username: "G1", Password: "0123456789abcdef", Gateway: "G1", Meters: FloodSenders(1, 1, true)[0].Meters}}})
	if err != nil || result.Acknowledged != 1 {
		t.Errorf("flood with the right password: %v", err)
	}
}

func TestReplay(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("M1.csv", "time,import_wh,v1\n2026-01-01T00:00:00Z,00100,230.50\n2026-01-01T00:30:00Z,+101,\n")
	write("M2.csv", "time,import_wh\n2026-01-01T07:15:00+07:00,7.\n")
	r, err := NewReplay(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	face := new(notebook)
	if err := r.Run(t.Context(), face, ReplayOptions{ShiftTo: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)}); err != nil {
		t.Fatal(err)
	}
	want := []noted{
		{"ami/v1/M1/reads", `{"time":"2026-02-01T00:00:00Z","values":{"import_wh":100,"v1":230.50}}`},
		{"ami/v1/M2/reads", `{"time":"2026-02-01T00:15:00Z","values":{"import_wh":7}}`},
		{"ami/v1/M1/reads", `{"time":"2026-02-01T00:30:00Z","values":{"import_wh":101}}`},
	}
	if len(face.messages) != 3 || face.messages[0] != want[0] || face.messages[1] != want[1] || face.messages[2] != want[2] {
		t.Errorf("published %q", face.messages)
	}
	for _, c := range []struct{ text, want string }{
		{"when,import_wh\n", "it must be time"},
		{"time,Import\n", `"Import" is no name`},
		{"time,p\nyesterday,1\n", `line 2: time "yesterday"`},
		{"time,p\n2026-01-01T00:00:00Z,NaN\n", `line 2: p: "NaN"`},
		{"time,p\n2026-01-02T00:00:00Z,1\n2026-01-01T00:00:00Z,1\n", "line 3"},
		{"time,p\n2026-01-01T00:00:00Z\n", "wrong number of fields"},
	} {
		write("M2.csv", c.text)
		err := r.Run(t.Context(), new(notebook), ReplayOptions{})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "M2.csv") {
			t.Errorf("%q: error is %v, want one with %q", c.text, err, c.want)
		}
	}
	if _, err := NewReplay(dir, generated(t, GridSpec{UsagePoints: 10}, 1)); err == nil || !strings.Contains(err.Error(), "no meter") {
		t.Errorf("meters that the grid does not have: %v", err)
	}
	if _, err := NewReplay(t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "no .csv") {
		t.Errorf("empty folder: %v", err)
	}
}
