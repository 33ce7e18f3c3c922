package simulator

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"lastgasp/headend"
)

// sinkBroker is a broker that takes PUBLISH packets and acknowledges them; it can cut the line and lose acknowledgements.
type sinkBroker struct {
	listener net.Listener
	group    sync.WaitGroup
	cutAfter int // messages after which the first connections are cut, every second acknowledgement withheld; 0: never
	refuse   byte

	mu       sync.Mutex
	cuts     int
	seen     map[string]int // payload with topic: times received
	dups     int
	keep     bool
	messages int
}

func startSink(t testing.TB, sink *sinkBroker) string {
	t.Helper()
	var err error
	if sink.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	sink.seen = map[string]int{}
	sink.group.Go(func() {
		for {
			conn, err := sink.listener.Accept()
			if err != nil {
				return
			}
			sink.group.Go(func() {
				defer conn.Close()
				if err := sink.serve(conn); err != nil && !hungUp(err) {
					t.Errorf("sink: %v", err)
				}
			})
		}
	})
	t.Cleanup(func() {
		if err := sink.listener.Close(); err != nil {
			t.Error(err)
		}
		sink.group.Wait()
	})
	return "tcp://" + sink.listener.Addr().String()
}

// hungUp tells whether the other side went away, which a sender that is stopped may do at any moment.
func hungUp(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// packet reads one MQTT packet.
func packet(r *bufio.Reader, body []byte) (byte, []byte, error) {
	header, err := r.ReadByte()
	if err != nil {
		return 0, nil, err
	}
	length, err := binary.ReadUvarint(r) // MQTT's length is the same coding
	if err != nil {
		return 0, nil, err
	}
	if uint64(cap(body)) < length {
		body = make([]byte, length)
	}
	body = body[:length]
	_, err = io.ReadFull(r, body)
	return header, body, err
}

func (s *sinkBroker) serve(conn net.Conn) error {
	r := bufio.NewReaderSize(conn, 256<<10)
	header, body, err := packet(r, nil)
	if err != nil || header != 0x10 {
		return fmt.Errorf("first packet %#x is not CONNECT: %w", header, err)
	}
	if _, err := conn.Write([]byte{0x20, 2, 0, s.refuse}); err != nil || s.refuse != 0 {
		return err
	}
	var acks []byte
	for count := 1; ; count++ {
		header, body, err = packet(r, body)
		if err != nil {
			return err
		}
		if header&^8 != 0x32 {
			return fmt.Errorf("packet type %#x is not PUBLISH of QoS 1", header)
		}
		topic := int(binary.BigEndian.Uint16(body))
		id := body[2+topic : 4+topic]
		if s.record(header, body[2:2+topic], body[4+topic:], count) {
			return nil // cut, with what is acknowledged in this burst lost
		}
		acks = append(acks, 0x40, 2, id[0], id[1])
		if r.Buffered() == 0 || len(acks) > 4000 {
			if _, err := conn.Write(acks); err != nil {
				return err
			}
			acks = acks[:0]
		}
	}
}

// record counts one message and tells whether the connection is to be cut.
func (s *sinkBroker) record(header byte, topic, payload []byte, count int) bool {
	if !s.keep {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages++
	if header&8 != 0 {
		s.dups++
	}
	s.seen[string(topic)+" "+string(payload)]++
	if s.cutAfter > 0 && count >= s.cutAfter && s.cuts < 6 {
		s.cuts++
		return true
	}
	return false
}

// floodObject is what a message of a flood holds, read by an independent decoder.
type floodObject struct {
	Device string                 `json:"device"`
	Time   time.Time              `json:"time"`
	Values map[string]json.Number `json:"values"`
}

// checkFlood compares what arrived with what the result says was acknowledged: each acknowledged reading is there with
// the values FloodReading gives, under the right topic.
func checkFlood(t *testing.T, result *FloodResult, arrived []string) {
	t.Helper()
	type key struct {
		device string
		at     int64
	}
	have := map[key]floodObject{}
	for _, message := range arrived {
		topic, payload, _ := strings.Cut(message, " ")
		var objects []floodObject
		var err error
		if payload[0] == '[' {
			err = json.Unmarshal([]byte(payload), &objects)
		} else {
			objects = make([]floodObject, 1)
			err = json.Unmarshal([]byte(payload), &objects[0])
		}
		if err != nil {
			t.Fatalf("%s: %v in %s", topic, err, payload)
		}
		for _, o := range objects {
			if o.Device == "" {
				o.Device = strings.Split(topic, "/")[2]
			}
			have[key{o.Device, o.Time.UnixMilli()}] = o
		}
	}
	checked := int64(0)
	result.Each(func(d int, id headend.DeviceID, k int64) bool {
		at := result.config.Time(k)
		o, ok := have[key{string(id), at.UnixMilli()}]
		if !ok {
			t.Fatalf("reading %d of %s is acknowledged and never arrived", k, id)
		}
		readings := FloodReading(d, k).Readings(at)
		if len(readings) != 10 || len(o.Values) != 10 {
			t.Fatalf("%s: %d values wanted 10, arrived %d", id, len(readings), len(o.Values))
		}
		for _, r := range readings {
			if got := o.Values[string(r.Quantity)]; headend.Real(must(got.Float64())).Float64() != r.Value.Float64() {
				t.Fatalf("%s reading %d: %s arrived as %s, want %s", id, k, r.Quantity, got, r.Value)
			}
		}
		checked++
		return true
	})
	if checked != result.Readings {
		t.Errorf("Each gave %d readings, Readings says %d", checked, result.Readings)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (s *sinkBroker) arrived() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for message := range s.seen {
		all = append(all, message)
	}
	return all
}

func TestFloodContent(t *testing.T) {
	for _, c := range []struct {
		name       string
		gateways   bool
		perMessage int
		messages   int64
		readings   int64
	}{
		{"own topics", false, 1, 3000, 3000},
		{"gateway objects", true, 1, 1000, 1000},
		{"gateway arrays", true, 100, 40, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			sink := &sinkBroker{keep: true}
			result, err := Flood(t.Context(), FloodConfig{Broker: startSink(t, sink), Senders: FloodSenders(3, 700, c.gateways),
				PerMessage: c.perMessage, Messages: c.messages, Interval: 1500 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			if result.Acknowledged != c.messages || result.Sent != c.messages || c.readings > 0 && result.Readings != c.readings {
				t.Errorf("%d messages: sent %d, acknowledged %d, readings %d", c.messages, result.Sent, result.Acknowledged, result.Readings)
			}
			checkFlood(t, &result, sink.arrived())
		})
	}
}

// The line is cut again and again in the middle of the traffic: everything still arrives, what was not acknowledged twice
// with DUP.
func TestFloodSurvivesCuts(t *testing.T) {
	sink := &sinkBroker{keep: true, cutAfter: 1700}
	result, err := Flood(t.Context(), FloodConfig{Broker: startSink(t, sink), Senders: FloodSenders(2, 100, false), Messages: 20000, Window: 300})
	if err != nil {
		t.Fatal(err)
	}
	if result.Acknowledged != 20000 || len(sink.arrived()) != 20000 {
		t.Errorf("acknowledged %d, distinct messages arrived %d, want 20000", result.Acknowledged, len(sink.arrived()))
	}
	if result.Broken != 6 || result.Resent == 0 || int64(sink.dups) > result.Resent {
		t.Errorf("broken %d (want 6), resent %d, %d arrived with DUP", result.Broken, result.Resent, sink.dups)
	}
	checkFlood(t, &result, sink.arrived())
}

// Packet ids wrap at 65,535.
func TestFloodPacketIDsWrap(t *testing.T) {
	sink := &sinkBroker{}
	result, err := Flood(t.Context(), FloodConfig{Broker: startSink(t, sink), Senders: FloodSenders(1, 10, false), Messages: 200_000, Window: 32767})
	if err != nil || result.Acknowledged != 200_000 {
		t.Fatalf("acknowledged %d of 200000: %v", result.Acknowledged, err)
	}
}

func TestFloodRefused(t *testing.T) {
	sink := &sinkBroker{refuse: 5}
	_, err := Flood(t.Context(), FloodConfig{Broker: startSink(t, sink), Senders: FloodSenders(2, 10, false), Messages: 10})
	if !errors.Is(err, ErrFloodRefused) {
		t.Errorf("error is %v, want ErrFloodRefused", err)
	}
}

func TestFloodStops(t *testing.T) {
	sink := &sinkBroker{}
	address := startSink(t, sink)
	result, err := Flood(t.Context(), FloodConfig{Broker: address, Senders: FloodSenders(2, 10, false), Duration: 200 * time.Millisecond, Rate: 2000})
	if err != nil || result.Acknowledged != result.Sent || result.Sent == 0 || result.Sent > 500 {
		t.Errorf("2000/s for 0.2 s: sent %d, acknowledged %d, %v", result.Sent, result.Acknowledged, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	counters := new(FloodCounters)
	time.AfterFunc(50*time.Millisecond, cancel)
	result, err = Flood(ctx, FloodConfig{Broker: address, Senders: FloodSenders(2, 10, false), Messages: 1 << 40, Counters: counters})
	if result.Sent == 0 || err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("after a cancel: sent %d, error %v", result.Sent, err)
	}
}

func TestFloodRefusesConfiguration(t *testing.T) {
	good := FloodConfig{Broker: "tcp://127.0.0.1:1", Senders: FloodSenders(1, 1, false), Messages: 1}
	for want, change := range map[string]func(*FloodConfig){
		"neither":    func(c *FloodConfig) { c.Messages = 0 },
		"window":     func(c *FloodConfig) { c.Window = 40000 },
		"no sender":  func(c *FloodConfig) { c.Senders = nil },
		"no gateway": func(c *FloodConfig) { c.PerMessage = 100 },
		"no meters":  func(c *FloodConfig) { c.Senders = []FloodSender{{ClientID: "x"}} },
		"interval":   func(c *FloodConfig) { c.Interval = time.Microsecond },
	} {
		c := good
		change(&c)
		if _, err := Flood(t.Context(), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}
}

// Against a real broker that is killed in the middle, with a subscriber in a persistent session: the broker itself may lose
// what it had not handed on, so only the count of acknowledgements is asserted here.
func TestFloodMosquitto(t *testing.T) {
	broker := startMosquitto(t)
	var mu sync.Mutex
	var arrived []string
	all := make(chan struct{})
	options := paho.NewClientOptions().AddBroker(broker.address).SetClientID("listener").SetOrderMatters(true)
	client := paho.NewClient(options)
	if token := client.Connect(); token.Wait() && token.Error() != nil {
		t.Fatal(token.Error())
	}
	defer client.Disconnect(100)
	token := client.Subscribe("ami/v1/+/reads", 1, func(_ paho.Client, m paho.Message) {
		mu.Lock()
		defer mu.Unlock()
		if arrived = append(arrived, m.Topic()+" "+string(m.Payload())); len(arrived) == 5000 {
			close(all)
		}
	})
	if token.Wait() && token.Error() != nil {
		t.Fatal(token.Error())
	}
	result, err := Flood(t.Context(), FloodConfig{Broker: broker.address, Senders: FloodSenders(4, 1000, false), Messages: 5000})
	if err != nil || result.Acknowledged != 5000 {
		t.Fatalf("acknowledged %d of 5000: %v", result.Acknowledged, err)
	}
	select {
	case <-all:
	case <-time.After(20 * time.Second):
		t.Fatal("not all messages arrived within 20 s")
	}
	mu.Lock()
	defer mu.Unlock()
	checkFlood(t, &result, arrived)
}

func TestFloodMosquittoRestart(t *testing.T) {
	broker := startMosquitto(t)
	counters := new(FloodCounters)
	done := make(chan struct{})
	var result FloodResult
	var err error
	go func() {
		defer close(done)
		result, err = Flood(t.Context(), FloodConfig{Broker: broker.address, Senders: FloodSenders(4, 1000, false), Messages: 300_000, Counters: counters})
	}()
	for counters.Acknowledged.Load() < 20_000 {
		wait(t.Context(), time.Millisecond)
	}
	broker.restart()
	<-done
	if err != nil || result.Acknowledged != 300_000 || result.Broken < 4 {
		t.Fatalf("acknowledged %d of 300000, %d broken connections: %v", result.Acknowledged, result.Broken, err)
	}
	t.Logf("%d resent, %d broken, %.0f/s, p99 %v", result.Resent, result.Broken, 300_000/result.Elapsed.Seconds(), result.P99)
}

// BenchmarkFloodPacket is what building one message costs, without the network.
func BenchmarkFloodPacket(b *testing.B) {
	config, err := FloodConfig{Senders: FloodSenders(1, 1000, false), Messages: 1}.complete()
	if err != nil {
		b.Fatal(err)
	}
	c := floodConnections(&config, time.Now(), nil)[0]
	for n := int64(0); b.Loop(); n++ {
		c.out = c.appendPublish(c.out[:0], n, false)
	}
	b.SetBytes(int64(len(c.out)))
}
