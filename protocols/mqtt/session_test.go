package mqtt

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lastgasp/headend"
	"lastgasp/protocols"
	"lastgasp/protocols/drivertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mosquitto is a real broker on a free port.
type mosquitto struct {
	t       testing.TB
	program string
	config  string
	address string // host:port
	process *exec.Cmd
}

func startMosquitto(t testing.TB, extra ...string) *mosquitto {
	t.Helper()
	program := "/usr/sbin/mosquitto"
	if found, err := exec.LookPath("mosquitto"); err == nil {
		program = found
	}
	if _, err := os.Stat(program); err != nil {
		drivertest.Missing(t, "mosquitto is not installed")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	m := &mosquitto{t: t, program: program, config: filepath.Join(dir, "mosquitto.conf"), address: address}
	lines := append([]string{"listener " + port + " 127.0.0.1", "max_queued_messages 0", "max_inflight_messages 0", "log_type error",
		"set_tcp_nodelay true", "sys_interval 1"}, extra...)
	if !strings.Contains(strings.Join(extra, "\n"), "password_file") {
		lines = append(lines, "allow_anonymous true")
	}
	if os.Getuid() == 0 {
		lines = append(lines, "user root")
	}
	if err := os.WriteFile(m.config, []byte(strings.ReplaceAll(strings.Join(lines, "\n"), "DIR", dir)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m.start()
	t.Cleanup(m.kill)
	return m
}

// start returns once the broker takes connections.
func (m *mosquitto) start() {
	m.t.Helper()
	m.process = exec.Command(m.program, "-c", m.config)
	if err := m.process.Start(); err != nil {
		m.t.Fatal(err)
	}
	for end := time.Now().Add(drivertest.Patience); time.Now().Before(end); {
		if nc, err := net.Dial("tcp", m.address); err == nil {
			nc.Close()
			return
		}
	}
	m.t.Fatal("mosquitto does not take connections")
}

// kill is kill -9.
func (m *mosquitto) kill() {
	if m.process.ProcessState != nil {
		return
	}
	if err := m.process.Process.Signal(syscall.SIGKILL); err != nil {
		m.t.Error(err)
	}
	if _, err := m.process.Process.Wait(); err != nil {
		m.t.Error(err)
	}
	m.process.ProcessState = new(os.ProcessState)
}

func (m *mosquitto) url() string { return "tcp://" + m.address }

func mqttText(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

func mqttPacket(first byte, parts ...[]byte) []byte {
	var body []byte
	for _, p := range parts {
		body = append(body, p...)
	}
	return append(binary.AppendUvarint([]byte{first}, uint64(len(body))), body...)
}

func readMQTT(br *bufio.Reader) (first byte, body []byte, err error) {
	if first, err = br.ReadByte(); err != nil {
		return 0, nil, err
	}
	n, err := binary.ReadUvarint(br)
	if err != nil {
		return 0, nil, err
	}
	body = make([]byte, n)
	_, err = io.ReadFull(br, body)
	return first, body, err
}

// sender publishes to a broker with QoS 1 and waits for each batch's acknowledgements.
type sender struct {
	t  testing.TB
	nc net.Conn
	br *bufio.Reader
	id uint16
}

func newSender(t testing.TB, address, id string) *sender {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	s := &sender{t: t, nc: nc, br: bufio.NewReader(nc)}
	if _, err := nc.Write(mqttPacket(0x10, mqttText("MQTT"), []byte{4, 2, 0, 0}, mqttText(id))); err != nil {
		t.Fatal(err)
	}
	if first, body, err := readMQTT(s.br); err != nil || first != 0x20 || body[1] != 0 {
		t.Fatalf("CONNACK: % x % x %v", first, body, err)
	}
	return s
}

// publish returns when the broker has acknowledged all, or an error of the connection.
func (s *sender) publish(topic string, payloads ...[]byte) error {
	for len(payloads) > 0 {
		n := min(len(payloads), 500)
		var out []byte
		for _, p := range payloads[:n] {
			if s.id++; s.id == 0 {
				s.id = 1
			}
			out = append(out, mqttPacket(0x32, mqttText(topic), binary.BigEndian.AppendUint16(nil, s.id), p)...)
		}
		if _, err := s.nc.Write(out); err != nil {
			return err
		}
		for range n {
			if first, _, err := readMQTT(s.br); err != nil || first != 0x40 {
				return fmt.Errorf("PUBACK: %x, %w", first, err)
			}
		}
		payloads = payloads[n:]
	}
	return nil
}

// tap passes a head-end's connections on to a broker, and tells which messages are acknowledged.
type tap struct {
	t      *testing.T
	ln     net.Listener
	broker string
	acked  func(drivertest.Message)

	mu    sync.Mutex
	open  map[net.Conn]bool
	shut  bool
	pipes sync.WaitGroup
}

func newTap(t *testing.T, broker string, acked func(drivertest.Message)) *tap {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{t: t, ln: ln, broker: broker, acked: acked, open: map[net.Conn]bool{}}
	p.pipes.Go(p.accept)
	t.Cleanup(func() {
		ln.Close()
		p.cut(true)
		p.pipes.Wait()
	})
	return p
}

func (p *tap) accept() {
	for {
		down, err := p.ln.Accept()
		if err != nil {
			return
		}
		up, err := net.Dial("tcp", p.broker)
		p.mu.Lock()
		if err != nil || p.shut {
			down.Close()
			if err == nil {
				up.Close()
			}
			p.mu.Unlock()
			continue
		}
		p.open[down], p.open[up] = true, true
		p.mu.Unlock()
		var mu sync.Mutex
		messages := map[uint16]drivertest.Message{}
		p.pipes.Go(func() {
			p.pipe(up, down, func(first byte, body []byte) {
				if first>>4 != 3 || first>>1&3 == 0 {
					return
				}
				n := int(binary.BigEndian.Uint16(body))
				_, number, _ := strings.Cut(string(body[2+n+2:]), "=")
				i, err := strconv.Atoi(number)
				if err != nil {
					return
				}
				mu.Lock()
				messages[binary.BigEndian.Uint16(body[2+n:])] = drivertest.Message{Device: headend.DeviceID(strings.Split(string(body[2:2+n]), "/")[2]), N: i}
				mu.Unlock()
			})
		})
		p.pipes.Go(func() {
			p.pipe(down, up, func(first byte, body []byte) {
				if first != 0x40 {
					return
				}
				mu.Lock()
				m, ok := messages[binary.BigEndian.Uint16(body)]
				mu.Unlock()
				if ok {
					p.acked(m)
				}
			})
		})
	}
}

// pipe copies packets, showing each before it is passed on.
func (p *tap) pipe(from, to net.Conn, see func(byte, []byte)) {
	defer from.Close()
	defer to.Close()
	br := bufio.NewReaderSize(from, 64<<10)
	var out []byte
	for {
		first, body, err := readMQTT(br)
		if err != nil {
			return
		}
		see(first, body)
		out = append(out, mqttPacket(first, body)...)
		if br.Buffered() > 0 && len(out) < 32<<10 {
			continue
		}
		if _, err := to.Write(out); err != nil {
			return
		}
		out = out[:0]
	}
}

// cut breaks all connections, and takes no more while shut.
func (p *tap) cut(shut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = shut
	for c := range p.open {
		c.Close()
		delete(p.open, c)
	}
}

// fieldDevice publishes to the broker; the connection it breaks is that between broker and head-end.
type fieldDevice struct {
	f      *drivertest.Field
	id     headend.DeviceID
	sender *sender
	tap    *tap
}

func (d *fieldDevice) Send(payloads ...[]byte) {
	if err := d.sender.publish(drivertest.Topic(d.id), payloads...); err != nil {
		d.f.T.Error(err)
	}
}
func (d *fieldDevice) Break()  { d.tap.cut(true) }
func (d *fieldDevice) Resume() { d.tap.cut(false) }

func started(s *Session) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-s.Started():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func TestSessionContract(t *testing.T) {
	for _, shared := range []Shared{SharedOn, SharedOff} {
		t.Run("shared="+string(shared), func(t *testing.T) {
			drivertest.Run(t, func(f *drivertest.Field) drivertest.Setup {
				m := startMosquitto(f.T)
				p := newTap(f.T, m.address, f.Acked)
				s, err := New(Config{Servers: []string{"tcp://" + p.ln.Addr().String()}, ClientID: "test", Connections: 1, Shared: shared,
					Filters: []string{"ami/v1/+/reads"}, InFlight: 64, BatchMessages: 100}, f.Decoder)
				if err != nil {
					f.T.Fatal(err)
				}
				return drivertest.Setup{Driver: s, Ready: started(s), InFlight: 64,
					Device: func(id headend.DeviceID) drivertest.Device {
						return &fieldDevice{f, id, newSender(f.T, m.address, string(id)), p}
					}}
			}, drivertest.AFloodStarvesNobody)
		})
	}
}

// runningSession is a session under test.
type runningSession struct {
	*Session
	sink *drivertest.Sink
	stop func()
}

func runSession(t testing.TB, config Config, decoder protocols.Decoder, opts ...Option) runningSession {
	t.Helper()
	return runSessionInto(t, drivertest.NewSink(), config, decoder, opts...)
}

func runSessionInto(t testing.TB, sink *drivertest.Sink, config Config, decoder protocols.Decoder, opts ...Option) runningSession {
	t.Helper()
	s, err := New(config, decoder, opts...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, sink) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() {
		sink.Open()
		stop()
	})
	return runningSession{s, sink, stop}
}

func (r runningSession) awaitStarted(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), drivertest.Patience)
	defer cancel()
	if err := started(r.Session)(ctx); err != nil {
		t.Fatalf("the session did not start: %v", err)
	}
}

func numbered(from, n int) (messages []drivertest.Message, payloads [][]byte) {
	for i := from; i < from+n; i++ {
		messages = append(messages, drivertest.Message{Device: "m1", N: i})
		payloads = append(payloads, drivertest.Payload(i))
	}
	return messages, payloads
}
