package mqtt

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"lastgasp/protocols"
	"lastgasp/protocols/drivertest"
)

var testFilter = []string{"ami/v1/+/reads"}

// kill -9 of the broker while the head-end holds messages it has not stored, and on the way back.
func TestBrokerDies(t *testing.T) {
	h := heard{warnings: make(chan string, 1000), info: true}
	m := startMosquitto(t, "persistence true", "persistence_location DIR/", "autosave_on_changes true", "autosave_interval 1")
	s := runSession(t, Config{Servers: []string{m.url()}, ClientID: "test", Connections: 2, Shared: SharedOn, Filters: testFilter, RetryMost: 200 * time.Millisecond}, &drivertest.Decoder{}, WithLogger(slog.New(h)))
	h.await(t, "connected to the broker", 2)
	s.sink.Close()
	before, payloads := numbered(0, 200)
	if err := newSender(t, m.address, "a").publish(drivertest.Topic("m1"), payloads...); err != nil {
		t.Fatal(err)
	}
	s.sink.Await(t, "an Accept", func() bool { return len(s.sink.Waiting()) > 0 })
	m.kill()
	m.start()
	s.sink.Open()
	s.sink.AwaitStored(t, before...)
	h.await(t, "connected to the broker", 2) // and subscribed, whether or not the broker still knew the session
	after, payloads := numbered(1000, 200)
	if err := newSender(t, m.address, "b").publish(drivertest.Topic("m1"), payloads...); err != nil {
		t.Fatal(err)
	}
	s.sink.AwaitStored(t, after...)
}

// The head-end goes with messages taken and not stored: they are the next one's.
func TestHeadEndDies(t *testing.T) {
	m := startMosquitto(t)
	config := Config{Servers: []string{m.url()}, ClientID: "test", Connections: 2, Shared: SharedOn, Filters: testFilter}
	first := runSession(t, config, &drivertest.Decoder{})
	first.awaitStarted(t)
	first.sink.Fail(-1)
	messages, payloads := numbered(0, 100)
	sender := newSender(t, m.address, "a")
	if err := sender.publish(drivertest.Topic("m1"), payloads...); err != nil {
		t.Fatal(err)
	}
	first.sink.Await(t, "a failing Accept", func() bool { return first.sink.Failed() > 0 })
	first.stop()
	away, payloads := numbered(100, 100)
	if err := sender.publish(drivertest.Topic("m1"), payloads...); err != nil {
		t.Fatal(err)
	}
	second := runSession(t, config, &drivertest.Decoder{})
	second.sink.AwaitStored(t, append(messages, away...)...)
}

// Several connections and head-ends share the work: each message comes once.
func TestShared(t *testing.T) {
	m := startMosquitto(t)
	sink := drivertest.NewSink()
	var both [2]*drivertest.Decoder
	for i, id := range []string{"a", "b"} {
		both[i] = &drivertest.Decoder{}
		s := runSessionInto(t, sink, Config{Servers: []string{m.url()}, ClientID: id, Connections: 3, Shared: SharedAuto, Filters: testFilter}, both[i])
		s.awaitStarted(t)
		if len(s.links) != 3 {
			t.Fatalf("%d connections: shared subscriptions of Mosquitto were not found", len(s.links))
		}
	}
	messages, payloads := numbered(0, 600)
	if err := newSender(t, m.address, "x").publish(drivertest.Topic("m1"), payloads...); err != nil {
		t.Fatal(err)
	}
	sink.AwaitStored(t, messages...)
	for _, msg := range messages {
		if n := sink.Stored(msg); n != 1 {
			t.Fatalf("%v came %d times", msg, n)
		}
	}
	if both[0].Count("m1") == 0 || both[1].Count("m1") == 0 {
		t.Errorf("%d and %d messages: the work is not shared", both[0].Count("m1"), both[1].Count("m1"))
	}
}

// Sessions that the broker kept from an earlier configuration must not bring messages twice.
func TestFromSharedToUnshared(t *testing.T) {
	m := startMosquitto(t)
	config := Config{Servers: []string{m.url()}, ClientID: "a", Connections: 2, Shared: SharedOn, Filters: []string{"ami/v1/+/reads", "ami/v1/+/events"}}
	sender := newSender(t, m.address, "x")
	for i, shared := range []Shared{SharedOn, SharedOff, SharedOn} {
		config.Shared = shared
		s := runSession(t, config, &drivertest.Decoder{})
		s.awaitStarted(t)
		messages, payloads := numbered(1000*i, 50)
		if err := sender.publish(drivertest.Topic("m1"), payloads...); err != nil {
			t.Fatal(err)
		}
		last, payloads := numbered(1000*i+500, 50)
		if err := sender.publish("ami/v1/m1/events", payloads...); err != nil {
			t.Fatal(err)
		}
		s.sink.AwaitStored(t, append(messages, last...)...)
		s.stop()
		for _, msg := range append(messages, last...) {
			if n := s.sink.Stored(msg); n != 1 {
				t.Errorf("shared=%s: %v came %d times", shared, msg, n)
			}
		}
	}
}

func TestQoS2(t *testing.T) {
	m := startMosquitto(t)
	s := runSession(t, Config{Servers: []string{m.url()}, ClientID: "a", Shared: SharedOff, QoS: 2, Filters: testFilter}, &drivertest.Decoder{})
	s.awaitStarted(t)
	pub := exec.Command("mosquitto_pub", "-h", "127.0.0.1", "-p", port(t, m.address), "-q", "2", "-t", "ami/v1/m1/reads", "-l")
	pub.Stdin = strings.NewReader("n=1\nn=2\nn=3\n")
	if out, err := pub.CombinedOutput(); err != nil {
		drivertest.Missing(t, "mosquitto_pub: %v %s", err, out)
	}
	messages, _ := numbered(1, 3)
	s.sink.AwaitStored(t, messages...)
}

// Many devices in the field publish with QoS 0, and a subscription delivers with no more than that.
func TestQoS0(t *testing.T) {
	m := startMosquitto(t)
	s := runSession(t, Config{Servers: []string{m.url()}, ClientID: "a", Shared: SharedOff, Filters: testFilter, InFlight: 4}, &drivertest.Decoder{})
	s.awaitStarted(t)
	messages, payloads := numbered(1, 50) // more than may be in flight: each frees its place
	var packets []byte
	for _, p := range payloads {
		packets = append(packets, mqttPacket(0x30, mqttText(drivertest.Topic("m1")), p)...)
	}
	device := newSender(t, m.address, "x")
	if _, err := device.nc.Write(packets); err != nil {
		t.Fatal(err)
	}
	s.sink.AwaitStored(t, messages...)
	last, payloads := numbered(100, 1)
	if err := device.publish(drivertest.Topic("m1"), payloads...); err != nil {
		t.Fatal(err)
	}
	s.sink.AwaitStored(t, last...)
	if n := counted(t, s.metrics.lost); n != 0 {
		t.Errorf("the broker closed %v connections", n) // as it would for an acknowledgement of packet 0
	}
	s.metrics.mu.Lock()
	defer s.metrics.mu.Unlock()
	for topic := range s.metrics.seen {
		if !strings.HasPrefix(topic, "$SYS/") {
			t.Errorf("topic %s is taken for a count of losses", topic)
		}
	}
}

func counted(t *testing.T, c prometheus.Metric) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

func port(t *testing.T, address string) string {
	t.Helper()
	_, p, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// asker asks for a reply to each message.
type asker struct{ drivertest.Decoder }

func (d *asker) Decode(m protocols.Message, out *protocols.Decoded) {
	d.Decoder.Decode(m, out)
	out.Replies = append(out.Replies, protocols.Message{Topic: "ami/v1/m1/cmd", Payload: []byte("rebirth"), QoS: 1})
}

func TestPublishAndReplies(t *testing.T) {
	m := startMosquitto(t)
	s := runSession(t, Config{Servers: []string{m.url()}, ClientID: "a", Shared: SharedOff, Filters: testFilter}, &asker{})
	if err := s.Publish(t.Context(), "ami/v1/m1/cmd", []byte("too early"), false); err == nil && s.ReadyToPublish() != nil {
		t.Error("published without a connection")
	}
	s.awaitStarted(t)
	if err := s.Ready(); err != nil {
		t.Error(err)
	}
	device := newSender(t, m.address, "m1")
	if _, err := device.nc.Write(mqttPacket(0x82, []byte{0, 1}, mqttText("ami/v1/m1/cmd"), []byte{1})); err != nil {
		t.Fatal(err)
	}
	expect := func(first byte, end string) {
		t.Helper()
		got, body, err := readMQTT(device.br)
		if err != nil || got&0xf0 != first || !strings.HasSuffix(string(body), end) {
			t.Fatalf("got %x %q %v, want %x ... %q", got, body, err, first, end)
		}
	}
	expect(0x90, "\x01")
	if err := s.Publish(t.Context(), "ami/v1/m1/cmd", []byte("read"), false); err != nil {
		t.Fatal(err)
	}
	expect(0x30, "read")
	if err := newSender(t, m.address, "x").publish(drivertest.Topic("m1"), drivertest.Payload(1)); err != nil {
		t.Fatal(err)
	}
	expect(0x30, "rebirth")
	s.stop()
	if err := s.Publish(context.Background(), "ami/v1/m1/cmd", []byte("late"), false); err == nil {
		t.Error("published after the stop")
	}
	if s.Ready() == nil {
		t.Error("ready after the stop")
	}
}

// heard passes on warnings, and with info set all that is said.
type heard struct {
	slog.Handler
	warnings chan string
	info     bool
}

func (h heard) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
	select {
	case h.warnings <- text:
	default:
	}
	return nil
}
func (h heard) Enabled(_ context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn || h.info && l >= slog.LevelInfo
}
func (h heard) WithAttrs([]slog.Attr) slog.Handler { return h }

// await waits until something was said n times.
func (h heard) await(t *testing.T, what string, n int) {
	t.Helper()
	timeout := time.After(drivertest.Patience)
	for n > 0 {
		select {
		case w := <-h.warnings:
			if strings.Contains(w, what) {
				n--
			}
		case <-timeout:
			t.Fatalf("%q was not said", what)
		}
	}
}

func TestBrokerLossIsToldOf(t *testing.T) {
	m := startMosquitto(t, "max_queued_messages 10", "max_inflight_messages 10")
	h := heard{warnings: make(chan string, 100)}
	s := runSession(t, Config{Servers: []string{m.url()}, ClientID: "a", Shared: SharedOff, Filters: testFilter}, &drivertest.Decoder{}, WithLogger(slog.New(h)))
	s.awaitStarted(t)
	// A client that keeps its session and is away.
	nc, err := net.Dial("tcp", m.address)
	if err != nil {
		t.Fatal(err)
	}
	br := bufio.NewReader(nc)
	hello := mqttPacket(0x10, mqttText("MQTT"), []byte{4, 0, 0, 0}, mqttText("away"))
	if _, err := nc.Write(append(hello, mqttPacket(0x82, []byte{0, 1}, mqttText("x/y"), []byte{1})...)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, _, err := readMQTT(br); err != nil {
			t.Fatal(err)
		}
	}
	nc.Close()
	sender := newSender(t, m.address, "x")
	timeout := time.After(drivertest.Patience)
	for { // again, for what is lost before the broker's first count belongs to the past
		if err := sender.publish("x/y", make([][]byte, 50)...); err != nil {
			t.Fatal(err)
		}
		select {
		case w := <-h.warnings:
			if strings.Contains(w, "dropped") {
				return
			}
		case <-timeout:
			t.Fatal("no warning of the messages Mosquitto dropped")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func TestPasswordFile(t *testing.T) {
	tool, err := exec.LookPath("mosquitto_passwd")
	if err != nil {
		drivertest.Missing(t, "mosquitto_passwd is not installed")
	}
	dir := t.TempDir()
	users := filepath.Join(dir, "users")
	if out, err := exec.Command(tool, "-b", "-c", users, "headend", "correct horse").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	m := startMosquitto(t, "allow_anonymous false", "password_file "+users)
	file := filepath.Join(dir, "password")
	if err := os.WriteFile(file, []byte("wrong\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := heard{warnings: make(chan string, 100)}
	s := runSession(t, Config{Servers: []string{m.url()}, ClientID: "a", Username: "headend", PasswordFile: file, Filters: testFilter, RetryMost: 100 * time.Millisecond},
		&drivertest.Decoder{}, WithLogger(slog.New(h)))
	select {
	case w := <-h.warnings:
		if !strings.Contains(w, "not Authorized") || strings.Contains(w, "wrong") {
			t.Errorf("the warning is %q", w)
		}
	case <-time.After(drivertest.Patience):
		t.Fatal("no warning of the refused password")
	}
	if s.Ready() == nil {
		t.Error("ready although refused")
	}
	if err := os.WriteFile(file, []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.awaitStarted(t)

	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Servers: []string{m.url()}, PasswordFile: file}, &drivertest.Decoder{}); err == nil || !strings.Contains(err.Error(), "0644") {
		t.Errorf("a password file that others can read: %v", err)
	}
}

func TestSessionConfig(t *testing.T) {
	for name, c := range map[string]Config{
		"no server":        {},
		"no port":          {Servers: []string{"tcp://broker"}},
		"other scheme":     {Servers: []string{"http://broker:1883"}},
		"password in URL":  {Servers: []string{"tcp://me:secret@broker:1883"}},
		"odd shared":       {Servers: []string{"tcp://b:1883"}, Shared: "maybe"},
		"odd group":        {Servers: []string{"tcp://b:1883"}, Group: "a/b"},
		"$share in filter": {Servers: []string{"tcp://b:1883"}, Filters: []string{"$share/g/x"}},
		"QoS 3":            {Servers: []string{"tcp://b:1883"}, QoS: 3},
		"no CA":            {Servers: []string{"ssl://b:8883"}, TLS: SessionTLS{CA: "none"}},
		"two passwords":    {Servers: []string{"tcp://b:1883"}, Password: "a", PasswordFile: "b"},
	} {
		if _, err := New(c, &drivertest.Decoder{}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A broker that cannot be reached does not hold up a stop.
func TestStopWithoutBroker(t *testing.T) {
	for _, shared := range []Shared{SharedAuto, SharedOn} {
		s := runSession(t, Config{Servers: []string{"tcp://127.0.0.1:1"}, ClientID: "a", Shared: shared, RetryMost: time.Hour}, &drivertest.Decoder{})
		if err := s.Ready(); err == nil {
			t.Error("ready without a broker")
		}
		s.stop()
	}
}

func TestSessionTLS(t *testing.T) {
	dir := t.TempDir()
	issueCertificates(t, dir)
	m := startMosquitto(t, "cafile "+dir+"/ca.crt", "certfile "+dir+"/server.crt", "keyfile "+dir+"/server.key", "require_certificate true")
	config := Config{Servers: []string{"ssl://" + m.address}, ClientID: "a", Connections: 2, Filters: testFilter, RetryMost: 100 * time.Millisecond,
		TLS: SessionTLS{CA: dir + "/ca.crt", Certificate: dir + "/client.crt", Key: dir + "/client.key"}}
	s := runSession(t, config, &drivertest.Decoder{})
	s.awaitStarted(t)
	if err := s.Publish(t.Context(), "ami/v1/m1/reads", drivertest.Payload(1), false); err != nil {
		t.Fatal(err)
	}
	messages, _ := numbered(1, 1)
	s.sink.AwaitStored(t, messages...)

	config.TLS.CA, config.ClientID = "", "b" // the system does not know our authority
	h := heard{warnings: make(chan string, 100)}
	runSession(t, config, &drivertest.Decoder{}, WithLogger(slog.New(h)))
	select {
	case w := <-h.warnings:
		if !strings.Contains(w, "x509") {
			t.Errorf("the warning is %q", w)
		}
	case <-time.After(drivertest.Patience):
		t.Fatal("a server certificate of an unknown authority was accepted")
	}
}

// issueCertificates writes ca, server and client, each a .crt and a .key.
func issueCertificates(t *testing.T, dir string) {
	t.Helper()
	var ca *x509.Certificate
	var caKey *ecdsa.PrivateKey
	for i, name := range []string{"ca", "server", "client"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
			NotAfter: time.Now().Add(time.Hour), IsCA: i == 0, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
		if i == 0 {
			ca, caKey = c, key
		}
		der, err := x509.CreateCertificate(rand.Reader, c, ca, &key.PublicKey, caKey)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		for file, b := range map[string]*pem.Block{name + ".crt": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: private}} {
			if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(b), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// FuzzWire feeds a connection with what a broker might send: no panic, and what is delivered was sent.
func FuzzWire(f *testing.F) {
	f.Add(mqttPacket(0x32, mqttText("ami/v1/m1/reads"), []byte{0, 1}, []byte("n=1")))
	f.Add(append(mqttPacket(0x34, mqttText("t"), []byte{0, 1}), mqttPacket(0x62, []byte{0, 1})...))
	f.Add(append([]byte{0x20, 2, 0, 0, 0xd0, 0}, mqttPacket(0x30, mqttText("$SYS/x"), []byte("1"))...))
	f.Add(append(mqttPacket(0x31, mqttText("tele/m1/SENSOR"), []byte("n=1")), mqttPacket(0x30, mqttText("$S"))...))
	f.Add([]byte{0x32, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, b []byte) {
		ours, theirs := net.Pipe()
		w := &wire{Conn: ours, br: bufio.NewReader(ours), gone: make(chan struct{}), done: make(chan struct{}), timeout: time.Second}
		w.moved.L = &w.mu
		total := 0
		w.deliver = func(d delivery) error {
			if d.qos == 3 || d.qos == 0 && strings.HasPrefix(d.topic, "$SYS/") {
				t.Errorf("delivered with QoS %d: %q", d.qos, d.topic)
			}
			total += len(d.topic) + len(d.payload)
			return nil
		}
		var all sync.WaitGroup
		all.Go(w.flush)
		all.Go(func() {
			if _, err := theirs.Write(b); err == nil {
				theirs.Close()
			}
		})
		all.Go(func() { // whatever we answer
			p := make([]byte, 512)
			for {
				if _, err := theirs.Read(p); err != nil {
					return
				}
			}
		})
		p := make([]byte, 64)
		for {
			n, err := w.Read(p)
			total += n
			if err != nil {
				break
			}
		}
		theirs.Close()
		w.Close()
		all.Wait()
		if total > len(b) {
			t.Errorf("%d bytes out of %d", total, len(b))
		}
	})
}
