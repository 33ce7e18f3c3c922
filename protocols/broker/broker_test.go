package broker

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"lastgasp/headend"
	"lastgasp/protocols"
	"lastgasp/protocols/drivertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is a broker under test.
type running struct {
	*Broker
	sink *drivertest.Sink
	stop func()
}

func begin(t testing.TB, config Config, access Access, decoder protocols.Decoder, opts ...Option) running {
	t.Helper()
	if config.Listen == "" && config.TLS.Listen == "" {
		config.Listen = "127.0.0.1:0"
	}
	b, err := New(config, decoder, access, opts...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	sink := drivertest.NewSink()
	go func() { done <- b.Run(ctx, sink) }()
	select {
	case <-b.Started():
	case err := <-done:
		t.Fatalf("Run: %v", err)
	}
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(func() {
		sink.Open()
		stop()
	})
	return running{b, sink, stop}
}

func msg(d string, n int) drivertest.Message {
	return drivertest.Message{Device: headend.DeviceID(d), N: n}
}

func TestConnect(t *testing.T) {
	access := accessFunc(func(l Login) (Identity, error) {
		switch {
		case l.Username == "lost":
			return Identity{}, errors.New("database away")
		case l.Username == "odd":
			return Identity{Device: "a b"}, nil
		case string(l.Password) != "secret":
			return Identity{}, ErrDenied
		}
		return Identity{Device: headend.DeviceID(l.Username)}, nil
	})
	r := prometheus.NewRegistry()
	b := begin(t, Config{}, access, &drivertest.Decoder{}, WithRegisterer(r))
	for _, c := range []struct {
		name string
		h    hello
		want byte
	}{
		{"good", hello{id: "x", user: "m1", password: "secret"}, 0},
		{"no client id", hello{user: "m1", password: "secret"}, 0},
		{"wrong password", hello{id: "x", user: "m1", password: "guess"}, 5},
		{"no credential", hello{id: "x"}, 5},
		{"database away", hello{id: "x", user: "lost", password: "secret"}, 3},
		{"unusable device id", hello{id: "x", user: "odd", password: "secret"}, 5},
		{"foreign will", hello{id: "x", user: "m1", password: "secret", willTopic: "ami/v1/m2/status", will: "{}"}, 5},
		{"MQTT 5 good", hello{id: "x", user: "m1", password: "secret", v5: true}, 0},
		{"MQTT 5 wrong password", hello{id: "x", user: "m1", password: "guess", v5: true}, 0x86},
		{"MQTT 5 database away", hello{id: "x", user: "lost", password: "secret", v5: true}, 0x88},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := dial(t, b.Addr())
			if got := cl.connect(c.h); got != c.want {
				t.Errorf("CONNACK %#x, want %#x", got, c.want)
			}
			if c.want == 0 {
				cl.ping()
				return
			}
			cl.closed()
		})
	}
	if n := value(t, b.metrics.refused.WithLabelValues("denied")); n != 4 {
		t.Errorf("%v connections counted as denied, want 4", n)
	}
}

type accessFunc func(Login) (Identity, error)

func (f accessFunc) Authenticate(_ context.Context, l Login) (Identity, error) { return f(l) }

func TestGuessingIsCutShort(t *testing.T) {
	asked := 0
	b := begin(t, Config{}, accessFunc(func(Login) (Identity, error) { asked++; return Identity{}, ErrDenied }), &drivertest.Decoder{})
	for range failuresAllowed + 5 {
		cl := dial(t, b.Addr())
		if code := cl.connect(hello{id: "x", user: "m1", password: "guess"}); code != 5 {
			t.Fatalf("CONNACK %d, want 5", code)
		}
	}
	if asked != failuresAllowed {
		t.Errorf("the credentials were asked for %d times, want %d", asked, failuresAllowed)
	}
}

func TestQualityOfService(t *testing.T) {
	b := begin(t, Config{}, anybody{}, &drivertest.Decoder{})
	for _, v5 := range []bool{false, true} {
		t.Run(fmt.Sprintf("v5=%v", v5), func(t *testing.T) {
			publish := publishPacket
			if v5 {
				publish = func(topic string, payload []byte, qos byte, id uint16) []byte {
					if qos == 0 {
						return frame(0x30, text(topic), []byte{0}, payload)
					}
					return publishPacket5(topic, payload, qos, id)
				}
			}
			user := fmt.Sprintf("m-%v", v5)
			cl := dial(t, b.Addr())
			if code := cl.connect(hello{id: "x", user: user, password: "secret", v5: v5}); code != 0 {
				t.Fatal(code)
			}
			topic := drivertest.Topic(headend.DeviceID(user))
			cl.write(publish(topic, drivertest.Payload(0), 0, 0))
			b.sink.AwaitStored(t, msg(user, 0))
			cl.write(publish(topic, drivertest.Payload(1), 1, 7))
			cl.ack(4, 7)
			cl.write(publish(topic, drivertest.Payload(2), 2, 8))
			cl.ack(5, 8)
			if b.sink.Stored(msg(user, 2)) != 1 {
				t.Error("PUBREC before the message was stored")
			}
			cl.write([]byte{0x62, 2, 0, 8})
			cl.ack(7, 8)
		})
	}
}

// A message in many small pieces, and many messages in one piece.
func TestFraming(t *testing.T) {
	b := begin(t, Config{}, anybody{}, &drivertest.Decoder{})
	cl := dial(t, b.Addr())
	cl.connect(hello{id: "x", user: "m1", password: "secret"})
	one := publishPacket(drivertest.Topic("m1"), drivertest.Payload(1), 1, 1)
	for i := range one {
		cl.write(one[i : i+1])
	}
	cl.ack(4, 1)
	var many []byte
	for i := range 600 {
		many = append(many, publishPacket(drivertest.Topic("m1"), drivertest.Payload(2+i), 1, uint16(2+i))...)
	}
	cl.write(many)
	for i := range 600 {
		cl.ack(4, uint16(2+i)) // in the order of the publishes [MQTT-4.6.0-2]
	}
	big := append(drivertest.Payload(1000), bytes.Repeat([]byte(" "), 100<<10)...)
	cl.write(publishPacket(drivertest.Topic("m1"), big, 1, 9))
	cl.ack(4, 9)
	if reason := b.sink.Refused(msg("m1", 1000)); reason != headend.ReasonMalformed {
		t.Errorf("the long message came as %q, want it whole and refused by the decoder", reason)
	}
}

// backwards lets the first Accept return only after the second.
type backwards struct {
	mu     sync.Mutex
	calls  int
	second chan struct{}
}

func (s *backwards) Accept(context.Context, []headend.Batch) error {
	s.mu.Lock()
	s.calls++
	n := s.calls
	s.mu.Unlock()
	switch n {
	case 1:
		<-s.second
	case 2:
		close(s.second)
	}
	return nil
}

// Commits may end in any order, acknowledgements leave in that of the publishes [MQTT-4.6.0-2].
func TestAcknowledgementsKeepTheOrder(t *testing.T) {
	b, err := New(Config{Listen: "127.0.0.1:0", BatchMessages: 1, Accepts: 2}, &drivertest.Decoder{}, anybody{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx, &backwards{second: make(chan struct{})}) }()
	<-b.Started()
	cl := dial(t, b.Addr())
	cl.connect(hello{id: "x", user: "m1", password: "secret"})
	for i := range 3 {
		cl.write(publishPacket(drivertest.Topic("m1"), drivertest.Payload(i), 1, uint16(i+1)))
		if i == 0 {
			cl.ping() // so that the next is not read together with it, and comes in a batch of its own
		}
	}
	for i := range 3 {
		cl.ack(4, uint16(i+1))
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestHostilePackets(t *testing.T) {
	b := begin(t, Config{MaxPacketBytes: 10_000}, anybody{}, &drivertest.Decoder{})
	topic := drivertest.Topic("m1")
	for name, p := range map[string][]byte{
		"QoS 3":             frame(0x36, text(topic), []byte{0, 1}, drivertest.Payload(1)),
		"packet id 0":       publishPacket(topic, nil, 1, 0),
		"wildcard topic":    publishPacket("ami/v1/m1/#", nil, 1, 1),
		"empty topic":       publishPacket("", nil, 1, 1),
		"NUL in topic":      publishPacket("ami/v1/m1/\x00", nil, 1, 1),
		"not UTF-8":         publishPacket("ami/v1/m1/\xff", nil, 1, 1),
		"long topic":        publishPacket("ami/v1/m1/"+strings.Repeat("x", maxTopicBytes), nil, 1, 1),
		"topic beyond body": {0x32, 4, 0, 50, 'a', 'b'},
		"no body":           {0x32, 0},
		"too large":         frame(0x32, make([]byte, 10_100)),
		"endless length":    {0x32, 0xff, 0xff, 0xff, 0xff, 0xff},
		"second CONNECT":    hello{id: "x", user: "m1", password: "secret"}.packet(),
		"reserved type":     {0xf0, 0},
		"short PUBREL":      {0x62, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			cl := dial(t, b.Addr())
			cl.connect(hello{id: "x", user: "m1", password: "secret"})
			cl.write(p)
			cl.closed()
		})
	}
	t.Run("PUBLISH before CONNECT", func(t *testing.T) {
		cl := dial(t, b.Addr())
		cl.write(publishPacket(topic, drivertest.Payload(1), 1, 1))
		cl.closed()
	})
	t.Run("garbage", func(t *testing.T) {
		cl := dial(t, b.Addr())
		cl.write([]byte("GET / HTTP/1.1\r\n\r\n"))
		cl.closed()
	})
	t.Run("topic alias", func(t *testing.T) {
		cl := dial(t, b.Addr())
		cl.connect(hello{id: "x", user: "m1", password: "secret", v5: true})
		cl.write(frame(0x32, text(""), []byte{0, 1}, []byte{3, 35, 0, 1}, drivertest.Payload(1)))
		cl.closed()
	})
	if n := b.sink.Count("m1"); n != 0 {
		t.Errorf("%d messages stored from malformed packets", n)
	}
}

func TestForeignTopic(t *testing.T) {
	b := begin(t, Config{}, anybody{}, &drivertest.Decoder{})
	cl := dial(t, b.Addr())
	cl.connect(hello{id: "x", user: "m1", password: "secret"})
	cl.write(append(publishPacket(drivertest.Topic("m1"), drivertest.Payload(1), 1, 1),
		publishPacket(drivertest.Topic("m2"), drivertest.Payload(2), 1, 2)...))
	cl.ack(4, 1)
	cl.ack(4, 2) // set aside, so not to be sent for ever
	cl.closed()
	if reason := b.sink.Refused(msg("m1", 2)); reason != headend.ReasonForeignDevice {
		t.Errorf("m1's message on m2's topic: refused for %q", reason)
	}
	if b.sink.Count("m2") != 0 {
		t.Error("m1 spoke as m2")
	}

	cl = dial(t, b.Addr())
	cl.connect(hello{id: "x", user: "m3", password: "secret", v5: true})
	cl.write(publishPacket5(drivertest.Topic("m2"), drivertest.Payload(3), 1, 3))
	if p := cl.ack(4, 3); len(p.body) != 3 || p.body[2] != 0x87 {
		t.Errorf("MQTT 5: % x, want reason 0x87", p.body)
	}
	cl.closed()
}

// others says that every message is about device "other".
type others struct{}

func (others) Decode(m protocols.Message, out *protocols.Decoded) {
	out.Batches = append(out.Batches, headend.Batch{Device: "other", Received: m.Received, Raw: m.Payload,
		Readings: []headend.Reading{{Quantity: drivertest.NumberQuantity, Value: headend.Whole(1)}}})
}

func TestOnlyAGatewaySpeaksForOthers(t *testing.T) {
	b := begin(t, Config{}, passwords{"m1": {Device: "m1"}, "gw": {Device: "gw", Gateway: true}}, others{})
	cl := dial(t, b.Addr())
	cl.connect(hello{id: "x", user: "m1", password: "secret"})
	cl.write(publishPacket(drivertest.Topic("m1"), drivertest.Payload(5), 1, 1))
	cl.ack(4, 1)
	if reason := b.sink.Refused(msg("m1", 5)); reason != headend.ReasonForeignDevice || b.sink.Count("other") != 0 {
		t.Errorf("a meter spoke for another: refused for %q", reason)
	}
	cl = dial(t, b.Addr())
	cl.connect(hello{id: "x", user: "gw", password: "secret"})
	cl.write(publishPacket(drivertest.Topic("gw"), drivertest.Payload(5), 1, 1))
	cl.ack(4, 1)
	if b.sink.Count("other") != 1 {
		t.Error("a gateway could not speak for its meter")
	}
}

func TestPatterns(t *testing.T) {
	b := begin(t, Config{}, passwords{"n1": {Device: "n1", Publish: []string{"spBv1.0/plant/+/{device}/#"}, Subscribe: []string{"spBv1.0/plant/NCMD/{device}"}}}, others{})
	cl := dial(t, b.Addr())
	cl.connect(hello{id: "x", user: "n1", password: "secret"})
	cl.write(publishPacket("spBv1.0/plant/DDATA/n1/meter", drivertest.Payload(5), 1, 1))
	cl.ack(4, 1)
	if b.sink.Count("other") != 1 { // the pattern is the authority on who may be spoken for
		t.Error("a message under a pattern was not stored")
	}
	for filter, want := range map[string]byte{
		"spBv1.0/plant/NCMD/n1": 1, "spBv1.0/plant/NCMD/+": 0x80, "spBv1.0/plant/NCMD/n2": 0x80, "spBv1.0/#": 0x80, "ami/v1/n1/cmd": 1,
		"ami/v1/n1/#": 1, "ami/v1/+/cmd": 0x80, "ami/v1/n2/cmd": 0x80, "#": 0x80, "$SYS/#": 0x80, "$share/g/ami/v1/n1/cmd": 0x80, "+/v1/n1/cmd": 0x80,
	} {
		cl.write(frame(0x82, []byte{0, 9}, text(filter), []byte{1}))
		if p := cl.ack(9, 9); p.body[2] != want {
			t.Errorf("SUBSCRIBE %s: %#x, want %#x", filter, p.body[2], want)
		}
	}
}

// lost refuses every message before it knows of whom it is, as a router does where no codec is bound.
type lost struct{}

func (lost) Decode(m protocols.Message, out *protocols.Decoded) {
	out.Batches = append(out.Batches, headend.Refused("", m.Received, headend.Source{Protocol: "mqtt", Address: m.Topic}, m.Payload, headend.ReasonNoCodec, ""))
}

func TestWhatIsSetAsideBearsTheLogin(t *testing.T) {
	identities := passwords{"m1": {Device: "m1"}, "gw": {Device: "gw", Gateway: true}, "n1": {Device: "n1", Publish: []string{"x/{device}"}}}
	b := begin(t, Config{}, identities, lost{})
	for user, topic := range map[string]string{"m1": "ami/v1/m1/reads/x", "gw": "ami/v1/gw/reads/x", "n1": "x/n1"} {
		cl := dial(t, b.Addr())
		cl.connect(hello{id: "x", user: user, password: "secret"})
		cl.write(publishPacket(topic, drivertest.Payload(5), 1, 1))
		cl.ack(4, 1)
		if reason := b.sink.Refused(msg(user, 5)); reason != headend.ReasonNoCodec {
			t.Errorf("%s on %s: set aside under its id for %q", user, topic, reason)
		}
	}
}

func TestValidatePattern(t *testing.T) {
	for pattern, want := range map[string]string{
		"zigbee2mqtt/{device}": "", "spBv1.0/plant/+/{device}/#": "", "{device}": "", "+/{device}": "", "/{device}/": "",
		"": "empty", "#": "no level is {device}", "dsmr/#": "no level is {device}", "a/b": "no level is {device}",
		"x/p-{device}": "of its own", "{device}{device}": "of its own", "{device}/#/b": "last level", "a/#/{device}": "last level",
		"{device}/a+": "of their own", "{device}/##": "of their own", "$SYS/{device}": "begins with $", "$share/g/{device}": "begins with $",
		"{device}/\xff": "UTF-8", "{device}/\x00": "NUL", "{device}/" + strings.Repeat("x", maxTopicBytes): "bytes",
	} {
		err := ValidatePattern(pattern)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", pattern, err, want)
		}
		if _, made := newRights(Identity{Device: "m1", Publish: []string{pattern}}); (made == nil) != (err == nil) {
			t.Errorf("%.40q: as a right %v, as a pattern %v", pattern, made, err)
		}
	}
}

func TestSubscriptionsAreBounded(t *testing.T) {
	b := begin(t, Config{Subscriptions: 2}, anybody{}, &drivertest.Decoder{})
	cl := dial(t, b.Addr())
	cl.connect(hello{id: "x", user: "m1", password: "secret"})
	for i, want := range []byte{1, 1, 0x80, 0x80} {
		cl.write(frame(0x82, []byte{0, 9}, text(fmt.Sprintf("ami/v1/m1/%d", i)), []byte{1}))
		if p := cl.ack(9, 9); p.body[2] != want {
			t.Errorf("SUBSCRIBE %d: %#x, want %#x", i, p.body[2], want)
		}
	}
}

func subscribe(cl *client, filter string, id uint16) {
	cl.t.Helper()
	cl.write(frame(0x82, binary.BigEndian.AppendUint16(nil, id), text(filter), []byte{1}))
	if p := cl.ack(9, id); p.body[2] != 1 {
		cl.t.Fatalf("SUBSCRIBE %s refused: %#x", filter, p.body[2])
	}
}

// command waits for a publish of the head-end and returns its packet id.
func command(cl *client, topic, payload string) uint16 {
	cl.t.Helper()
	p := cl.read()
	want := publishPacket(topic, []byte(payload), 1, 0xffff)[2:]
	if p.kind() != 3 || len(p.body) != len(want) {
		cl.t.Fatalf("got % x, want %s on %s", p, payload, topic)
	}
	at := 2 + len(topic)
	id := binary.BigEndian.Uint16(p.body[at:])
	copy(p.body[at:], "\xff\xff")
	if !bytes.Equal(p.body, want) {
		cl.t.Fatalf("got %q, want %s on %s", p.body, payload, topic)
	}
	return id
}

func TestPublishToADevice(t *testing.T) {
	b := begin(t, Config{}, anybody{}, &drivertest.Decoder{})
	ctx := context.Background()
	if err := b.Publish(ctx, "ami/v1/m1/cmd", []byte("read"), false); !errors.Is(err, ErrNoSubscriber) {
		t.Errorf("nobody subscribes: %v", err)
	}
	if err := b.Publish(ctx, "ami/v1/+/cmd", []byte("read"), false); err == nil {
		t.Error("published to a wildcard")
	}
	cl := dial(t, b.Addr())
	cl.connect(hello{id: "x", user: "m1", password: "secret", persistent: true})
	subscribe(cl, "ami/v1/m1/cmd", 1)
	if err := b.Publish(ctx, "ami/v1/m1/cmd", []byte("read"), false); err != nil {
		t.Fatal(err)
	}
	id := command(cl, "ami/v1/m1/cmd", "read")
	// Not acknowledged yet: the device may use the same id for what it sends (mochi's issue 545).
	cl.write(publishPacket(drivertest.Topic("m1"), drivertest.Payload(1), 1, id))
	cl.ack(4, id)
	subscribe(cl, "ami/v1/m1/x", id)

	// The connection breaks: the command comes again, and one that was given meanwhile too.
	cl.nc.Close()
	if err := b.Publish(ctx, "ami/v1/m1/cmd", []byte("ping"), false); err != nil {
		t.Fatal(err)
	}
	cl = dial(t, b.Addr())
	cl.connect(hello{id: "x", user: "m1", password: "secret", persistent: true})
	got := map[string]bool{}
	for range 2 {
		p := cl.read()
		if p.kind() != 3 {
			t.Fatalf("got % x, want a command", p)
		}
		got[string(p.body[2+len("ami/v1/m1/cmd")+2:])] = true
		cl.write(append([]byte{0x40, 2}, p.body[2+len("ami/v1/m1/cmd"):][:2]...))
	}
	if !got["read"] || !got["ping"] {
		t.Errorf("commands after the reconnect: %v", got)
	}
	subscribe(cl, "ami/v1/m1/cmd", 1)
	if err := b.Publish(ctx, "ami/v1/m1/cfg", []byte("interval"), true); err != nil {
		t.Fatal(err)
	}
	subscribe2 := frame(0x82, []byte{0, 5}, text("ami/v1/m1/cfg"), []byte{1})
	cl.write(subscribe2)
	cl.ack(9, 5)
	command(cl, "ami/v1/m1/cfg", "interval")
}

// What a device publishes reaches no other client, retained or not.
func TestNothingIsForwarded(t *testing.T) {
	b := begin(t, Config{}, anybody{}, &drivertest.Decoder{})
	reader := dial(t, b.Addr())
	reader.connect(hello{id: "reader", user: "m1", password: "secret"})
	subscribe(reader, "ami/v1/m1/#", 1)
	cl := dial(t, b.Addr())
	cl.connect(hello{id: "x", user: "m1", password: "secret", willTopic: "ami/v1/m1/status", will: "n=9", willRetain: true})
	cl.write(frame(0x33, text(drivertest.Topic("m1")), []byte{0, 1}, drivertest.Payload(1)))
	cl.ack(4, 1)
	cl.nc.Close()
	b.sink.AwaitStored(t, msg("m1", 9))
	subscribe(reader, "ami/v1/m1/+", 2) // would bring what is retained, right after the SUBACK
	reader.ping()
}

func TestWill(t *testing.T) {
	b := begin(t, Config{}, anybody{}, &drivertest.Decoder{})
	login := func(t *testing.T, user, id, will string) *client {
		cl := dial(t, b.Addr())
		cl.connect(hello{id: id, user: user, password: "secret", willTopic: "ami/v1/" + user + "/status", will: will})
		return cl
	}
	t.Run("connection lost", func(t *testing.T) {
		login(t, "m1", "x", "n=1").nc.Close()
		b.sink.AwaitStored(t, msg("m1", 1))
	})
	t.Run("said goodbye", func(t *testing.T) {
		cl := login(t, "m2", "x", "n=1")
		cl.write([]byte{0xe0, 0})
		cl.closed()
		login(t, "m2", "y", "n=2").nc.Close()
		b.sink.AwaitStored(t, msg("m2", 2))
		if b.sink.Stored(msg("m2", 1)) != 0 {
			t.Error("the will of a client that said goodbye was stored")
		}
	})
	t.Run("taken over", func(t *testing.T) {
		old := login(t, "m3", "x", "n=1")
		b.sink.Close()
		cl := login(t, "m3", "x", "n=2")
		// The will stands before anything of the new connection.
		cl.write(publishPacket(drivertest.Topic("m3"), drivertest.Payload(3), 1, 1))
		old.closed()
		b.sink.Await(t, "the will", func() bool { return len(b.sink.Waiting()) > 0 })
		if got := b.sink.Waiting()[0]; got != msg("m3", 1) && len(b.sink.Waiting()) == 1 {
			t.Errorf("%v came before the will", got)
		}
		b.sink.Open()
		cl.ack(4, 1)
		if n := b.sink.Stored(msg("m3", 1)); n != 1 {
			t.Errorf("the will was stored %d times", n)
		}
	})
	t.Run("delayed and back in time", func(t *testing.T) {
		h := hello{id: "x", user: "m4", password: "secret", v5: true, persistent: true, expiry: 3600, willTopic: "ami/v1/m4/status", will: "n=1", willDelay: 3600}
		cl := dial(t, b.Addr())
		cl.connect(h)
		cl.nc.Close()
		h.willDelay, h.will = 0, "n=2"
		cl = dial(t, b.Addr())
		cl.connect(h)
		cl.nc.Close()
		b.sink.AwaitStored(t, msg("m4", 2))
		if b.delayed.drop("m4|x") != nil || b.sink.Stored(msg("m4", 1)) != 0 {
			t.Error("a will was stored before its delay was over")
		}
	})
	t.Run("delay over", func(t *testing.T) {
		cl := dial(t, b.Addr())
		cl.connect(hello{id: "x", user: "m5", password: "secret", v5: true, persistent: true, expiry: 3600, willTopic: "ami/v1/m5/status", will: "n=1", willDelay: 1})
		cl.nc.Close()
		b.sink.AwaitStored(t, msg("m5", 1))
	})
}

func TestStopSpeaksNoWills(t *testing.T) {
	b := begin(t, Config{}, anybody{}, &drivertest.Decoder{})
	cl := dial(t, b.Addr())
	cl.connect(hello{id: "x", user: "m1", password: "secret", willTopic: "ami/v1/m1/status", will: "n=1"})
	v5 := dial(t, b.Addr())
	v5.connect(hello{id: "x", user: "m2", password: "secret", v5: true})
	b.stop()
	if p, err := cl.tryRead(); err == nil {
		t.Errorf("MQTT 3 client got % x on stop, only clients say DISCONNECT there", p)
	}
	if p, err := v5.tryRead(); err != nil || p.first != 0xe0 || len(p.body) < 1 || p.body[0] != 0x8b {
		t.Errorf("MQTT 5 client got % x, %v on stop, want DISCONNECT, server shutting down", p, err)
	}
	if b.sink.Stored(msg("m1", 1)) != 0 {
		t.Error("the head-end's own stop was stored as the device's will")
	}
}

// A client id belongs to its device: another device with the same one takes nothing over.
func TestTakeover(t *testing.T) {
	b := begin(t, Config{}, anybody{}, &drivertest.Decoder{})
	first := dial(t, b.Addr())
	first.connect(hello{id: "same", user: "m1", password: "secret"})
	other := dial(t, b.Addr())
	other.connect(hello{id: "same", user: "m2", password: "secret"})
	first.ping()
	again := dial(t, b.Addr())
	again.connect(hello{id: "same", user: "m1", password: "secret"})
	first.closed()
	again.ping()
	other.ping()
}

func TestPersistentSessionsAreBounded(t *testing.T) {
	b := begin(t, Config{SessionsADevice: 2}, anybody{}, &drivertest.Decoder{})
	for i := range 10 {
		cl := dial(t, b.Addr())
		cl.connect(hello{id: fmt.Sprint(i), user: "m1", password: "secret", persistent: true})
		cl.write([]byte{0xe0, 0})
		cl.closed()
	}
	// mochi forgets a clean session a moment after its connection.
	cl := dial(t, b.Addr())
	cl.connect(hello{id: "last", user: "m2", password: "secret"})
	waitFor(t, "eight sessions to be forgotten", func() bool { return b.server.Clients.Len() <= 2+2 }, cl.ping)
}

// waitFor does a step that takes a while until ok; on a busy machine it may be a million of them.
func waitFor(t *testing.T, what string, ok func() bool, step func()) {
	t.Helper()
	for end := time.Now().Add(4 * drivertest.Patience); time.Now().Before(end); step() {
		if ok() {
			return
		}
	}
	t.Fatalf("waited in vain for %s", what)
}

// The sink stands still: pings are answered, and a client that leaves is noticed.
func TestPingWhileTheSinkBlocks(t *testing.T) {
	for name, config := range map[string]Config{"queue full": {BatchMessages: 1, Accepts: 1}, "client's limit": {InFlight: 1}} {
		t.Run(name, func(t *testing.T) {
			b := begin(t, config, anybody{}, &drivertest.Decoder{})
			b.sink.Close()
			cl := dial(t, b.Addr())
			cl.connect(hello{id: "x", user: "m1", password: "secret", keepAlive: 60})
			for i := range 5 {
				cl.write(publishPacket(drivertest.Topic("m1"), drivertest.Payload(i), 1, uint16(i+1)))
			}
			cl.ping()
			cl.write(append(publishPacket(drivertest.Topic("m1"), drivertest.Payload(5), 1, 6), 0xc0, 0))
			if p := cl.read(); p.kind() != 13 {
				t.Fatalf("got % x, want a PINGRESP", p)
			}
			gone := dial(t, b.Addr())
			gone.connect(hello{id: "x", user: "m2", password: "secret"})
			for i := range 5 {
				gone.write(publishPacket(drivertest.Topic("m2"), drivertest.Payload(i), 1, uint16(i+1)))
			}
			gone.ping()
			gone.nc.Close()
			waitFor(t, "the broker to notice a client that left", func() bool { return b.open.Load() == 1 }, cl.ping)
			b.sink.Open()
			for i := range 6 {
				cl.ack(4, uint16(i+1))
			}
		})
	}
}

func TestTimeouts(t *testing.T) {
	b := begin(t, Config{ConnectTimeout: 100 * time.Millisecond}, anybody{}, &drivertest.Decoder{})
	t.Run("no CONNECT", func(t *testing.T) { dial(t, b.Addr()).closed() })
	t.Run("half a packet", func(t *testing.T) {
		cl := dial(t, b.Addr())
		cl.connect(hello{id: "x", user: "m1", password: "secret"})
		cl.write(publishPacket(drivertest.Topic("m1"), drivertest.Payload(1), 1, 1)[:10])
		cl.closed()
	})
	t.Run("half a packet for mochi", func(t *testing.T) {
		cl := dial(t, b.Addr())
		cl.connect(hello{id: "x", user: "m1", password: "secret"})
		cl.write([]byte{0x82, 20, 0, 1})
		cl.closed()
	})
	t.Run("silence", func(t *testing.T) {
		cl := dial(t, b.Addr())
		cl.connect(hello{id: "x", user: "m1", password: "secret", keepAlive: 1, willTopic: "ami/v1/m1/status", will: "n=9"})
		cl.closed()
		b.sink.AwaitStored(t, msg("m1", 9))
	})
	t.Run("silence allowed", func(t *testing.T) {
		cl := dial(t, b.Addr())
		cl.connect(hello{id: "y", user: "m1", password: "secret"})
		dial(t, b.Addr()).closed() // a ConnectTimeout later
		cl.ping()
	})
}

// A client that never reads its acknowledgements is cut off, and holds up nobody.
func TestStalledReader(t *testing.T) {
	b := begin(t, Config{WriteTimeout: 200 * time.Millisecond}, anybody{}, &drivertest.Decoder{})
	cl := dial(t, b.Addr())
	if err := cl.nc.(*net.TCPConn).SetReadBuffer(1 << 10); err != nil {
		t.Fatal(err)
	}
	cl.connect(hello{id: "x", user: "m1", password: "secret"})
	var chunk []byte
	for i := range 1000 {
		chunk = append(chunk, publishPacket(drivertest.Topic("m1"), drivertest.Payload(i), 1, uint16(i+1))...)
	}
	writing := make(chan struct{})
	go func() {
		defer close(writing)
		for {
			if _, err := cl.nc.Write(chunk); err != nil {
				return
			}
		}
	}()
	other := dial(t, b.Addr())
	other.connect(hello{id: "x", user: "m2", password: "secret"})
	i := 0
	waitFor(t, "the stalled client to be cut off", func() bool { return value(t, b.metrics.disconnected.WithLabelValues("stalled")) > 0 }, func() {
		i = i%60000 + 1
		other.write(publishPacket(drivertest.Topic("m2"), drivertest.Payload(i), 1, uint16(i)))
		other.ack(4, uint16(i))
	})
	<-writing
}

// panicky panics at one message.
type panicky struct{ drivertest.Decoder }

func (d *panicky) Decode(m protocols.Message, out *protocols.Decoded) {
	if string(m.Payload) == "n=2" {
		out.Batches = append(out.Batches, headend.Batch{Device: "half done"})
		panic("index out of range")
	}
	d.Decoder.Decode(m, out)
}

func TestAPanickingDecoderCostsOneMessage(t *testing.T) {
	b := begin(t, Config{}, anybody{}, &panicky{})
	cl := dial(t, b.Addr())
	cl.connect(hello{id: "x", user: "m1", password: "secret"})
	for i := range 4 {
		cl.write(publishPacket(drivertest.Topic("m1"), drivertest.Payload(i), 1, uint16(i+1)))
	}
	for i := range 4 {
		cl.ack(4, uint16(i+1))
	}
	if got := b.sink.Refused(msg("m1", 2)); got != headend.ReasonMalformed || b.sink.Count("half done") != 0 {
		t.Errorf("the message was set aside for %q", got)
	}
	if b.sink.Count("m1") != 4 {
		t.Error("neighbours were lost")
	}
}

func TestMaxConnections(t *testing.T) {
	b := begin(t, Config{MaxConnections: 1}, anybody{}, &drivertest.Decoder{})
	first := dial(t, b.Addr())
	first.connect(hello{id: "x", user: "m1", password: "secret"})
	second := dial(t, b.Addr())
	second.closed()
	first.ping()
	if n := value(t, b.metrics.refused.WithLabelValues("too_many")); n != 1 {
		t.Errorf("%v connections counted as too many", n)
	}
}

func TestConnectionsOfADeviceAreBounded(t *testing.T) {
	b := begin(t, Config{ConnectionsADevice: 2}, anybody{}, &drivertest.Decoder{})
	login := func(user, id string, v5 bool, want byte) *client {
		t.Helper()
		cl := dial(t, b.Addr())
		if code := cl.connect(hello{id: id, user: user, password: "secret", v5: v5}); code != want {
			t.Fatalf("%s of %s: CONNACK %#x, want %#x", id, user, code, want)
		}
		return cl
	}
	first, second := login("m1", "a", false, 0), login("m1", "b", false, 0)
	login("m1", "c", false, 3).closed() // come again
	login("m1", "c", true, 0x97).closed()
	login("m2", "c", false, 0).ping() // the others have theirs
	if n := value(t, b.metrics.refused.WithLabelValues("too_many_of_device")); n != 2 {
		t.Errorf("%v connections counted as too many of one device, want 2", n)
	}
	again := login("m1", "a", false, 0) // whoever comes back needs no second place
	first.closed()
	again.ping()
	second.ping()
	second.nc.Close()
	waitFor(t, "the place of a connection that ended", func() bool { return len(b.present.connections("m1")) == 1 }, func() {})
	login("m1", "c", false, 0).ping()
	b.stop()
	if len(b.present.of) != 0 {
		t.Errorf("%d devices are present after the stop", len(b.present.of))
	}
}

func TestRecheck(t *testing.T) {
	identities := passwords{"m1": {Device: "m1"}, "m2": {Device: "m2"}, "gw": {Device: "gw", Gateway: true}}
	b := begin(t, Config{}, identities, &drivertest.Decoder{})
	clients := map[string]*client{}
	for _, user := range []string{"m1", "m2", "gw"} {
		clients[user] = dial(t, b.Addr())
		if code := clients[user].connect(hello{id: "x", user: user, password: "secret", willTopic: drivertest.Topic(headend.DeviceID(user)), will: "n=99"}); code != 0 {
			t.Fatalf("%s: CONNACK %d", user, code)
		}
	}
	if n := b.Recheck(func(Identity) bool { return true }); n != 0 {
		t.Errorf("%d connections closed though all are allowed", n)
	}
	if n := b.Recheck(func(id Identity) bool { return id.Device != "m1" && !id.Gateway }); n != 2 {
		t.Errorf("%d connections closed, want those of m1 and gw", n)
	}
	clients["m1"].closed()
	clients["gw"].closed()
	clients["m2"].write(publishPacket(drivertest.Topic("m2"), drivertest.Payload(1), 1, 1))
	clients["m2"].ack(4, 1)
	if n := value(t, b.metrics.disconnected.WithLabelValues("revoked")); n != 2 {
		t.Errorf("%v connections counted as revoked, want 2", n)
	}
	b.stop()
	if b.sink.Count("m1")+b.sink.Count("gw") != 0 {
		t.Error("the will of a device without rights was stored")
	}
}

// A right that ends between the look at it and the end of the login is noticed.
func TestRecheckDuringALogin(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan Identity)
	b := begin(t, Config{}, accessFunc(func(Login) (Identity, error) {
		asked <- struct{}{}
		id := <-answer
		if id.Device == "" {
			return id, ErrDenied
		}
		return id, nil
	}), &drivertest.Decoder{})
	for _, c := range []struct {
		name    string
		answers []Identity // a Recheck after each question but the last
		want    byte
	}{
		{"allowed still", []Identity{{Device: "m1"}, {Device: "m1"}}, 0},
		{"denied since", []Identity{{Device: "m1"}, {}}, 5},
	} {
		cl := dial(t, b.Addr())
		cl.write(hello{id: "x", user: "m1", password: "secret"}.packet())
		for i, id := range c.answers {
			<-asked
			if i < len(c.answers)-1 {
				b.Recheck(func(Identity) bool { return true })
			}
			answer <- id
		}
		if p := cl.read(); p.kind() != 2 || p.body[1] != c.want {
			t.Errorf("%s: % x, want CONNACK %d", c.name, p.body, c.want)
		}
	}
}

// connections lists those a device has.
func (p *presence) connections(device headend.DeviceID) []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.of[device])
}

// replier asks for a reply to each message.
type replier struct{ drivertest.Decoder }

func (d *replier) Decode(m protocols.Message, out *protocols.Decoded) {
	d.Decoder.Decode(m, out)
	out.Replies = append(out.Replies, protocols.Message{Topic: "ami/v1/m1/cmd", Payload: []byte("rebirth"), QoS: 1})
}

func TestReplies(t *testing.T) {
	b := begin(t, Config{}, anybody{}, &replier{})
	cl := dial(t, b.Addr())
	cl.connect(hello{id: "x", user: "m1", password: "secret"})
	subscribe(cl, "ami/v1/m1/cmd", 1)
	cl.write(publishPacket(drivertest.Topic("m1"), drivertest.Payload(1), 1, 1))
	cl.ack(4, 1)
	command(cl, "ami/v1/m1/cmd", "rebirth")
}

func TestMetrics(t *testing.T) {
	r := prometheus.NewRegistry()
	b := begin(t, Config{}, anybody{}, &drivertest.Decoder{}, WithRegisterer(r))
	cl := dial(t, b.Addr())
	cl.connect(hello{id: "x", user: "m1", password: "secret"})
	for i := range 3 {
		cl.write(publishPacket(drivertest.Topic("m1"), drivertest.Payload(i), 1, uint16(i+1)))
		cl.ack(4, uint16(i+1))
	}
	b.stop()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if l.GetName() != "reason" {
					t.Errorf("%s has the label %s, which may grow with the fleet", f.GetName(), l.GetName())
				}
			}
			got[f.GetName()] += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	for name, want := range map[string]float64{"messages_received_total": 3, "messages_stored_total": 3, "payload_bytes_received_total": 9,
		"connections": 0, "queue_messages": 0, "disconnections_total": 1} {
		if got["lastgasp_broker_"+name] != want {
			t.Errorf("%s is %v, want %v", name, got["lastgasp_broker_"+name], want)
		}
	}
}

func value(t testing.TB, m prometheus.Metric) float64 {
	t.Helper()
	var out dto.Metric
	if err := m.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.GetCounter().GetValue() + out.GetGauge().GetValue()
}

// Clients not made by us: Mosquitto's, with each version and quality of service.
func TestMosquittoClients(t *testing.T) {
	pub, err := exec.LookPath("mosquitto_pub")
	if err != nil {
		drivertest.Missing(t, "mosquitto_pub is not installed")
	}
	b := begin(t, Config{}, anybody{}, &drivertest.Decoder{})
	host, port, err := net.SplitHostPort(b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, version := range []string{"mqttv31", "mqttv311", "mqttv5"} {
		for _, qos := range []string{"0", "1", "2"} {
			cmd := exec.Command(pub, "-h", host, "-p", port, "-V", version, "-q", qos, "-u", "m1", "-P", "secret", "-t", "ami/v1/m1/reads", "-l")
			cmd.Stdin = strings.NewReader(fmt.Sprintf("n=%d\nn=%d\n", n, n+1))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s qos %s: %v\n%s", version, qos, err, out)
			}
			b.sink.AwaitStored(t, msg("m1", n), msg("m1", n+1))
			n += 2
		}
	}
}
