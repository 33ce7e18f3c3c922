package simulator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// MQTTConfig says how accounts reach a broker.
type MQTTConfig struct {
	Broker     string      // tcp://host:port or tls://host:port
	TLS        *tls.Config // for tls://; nil: the system's roots
	Window     int         // unacknowledged messages of an account; 0: 20
	MaxWaiting int         // messages kept for an account; beyond that the oldest is dropped and counted. 0: 10,000
	Block      bool        // Publish waits for room instead of dropping; while a link is down its queue grows instead
	Log        *slog.Logger
	Command    func(account int, payload []byte) // takes what comes on an account's command topic, quickly; nil: nothing is subscribed to
}

// MQTTCounts is what a face has done so far.
type MQTTCounts struct {
	Connected    int64 // accounts that are connected now
	Waiting      int64 // messages not acknowledged yet
	Acknowledged int64
	Resent       int64 // messages published again because their connection broke
	Dropped      int64 // messages that fell out of a full queue
	Broken       int64 // connections lost, or refused
}

// MQTT is the face that a broker sees: a paho client for each account, with its own name, password and
// will. Everything is published with QoS 1 and kept until the broker has acknowledged it.
type MQTT struct {
	config   MQTTConfig
	accounts []*mqttAccount

	connected, waiting, acknowledged, resent, dropped, broken atomic.Int64
}

// NewMQTT makes the face of the accounts; it connects to nothing before Run.
func NewMQTT(config MQTTConfig, accounts []Account) *MQTT {
	if config.Window == 0 {
		config.Window = 20
	}
	if config.MaxWaiting == 0 {
		config.MaxWaiting = 10_000
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	f := &MQTT{config: config}
	for _, a := range accounts {
		f.accounts = append(f.accounts, &mqttAccount{face: f, number: len(f.accounts), Account: a, up: true, news: make(chan struct{}, 1), room: make(chan struct{}, 1)})
	}
	return f
}

// Run keeps the accounts connected until ctx ends.
func (f *MQTT) Run(ctx context.Context) error {
	if _, _, err := brokerAddress(f.config.Broker); err != nil {
		return err
	}
	var group sync.WaitGroup
	for i, a := range f.accounts {
		group.Go(func() {
			// Thousands of devices do not all knock in the same moment.
			wait(ctx, time.Duration(i)*time.Millisecond/2)
			a.run(ctx)
		})
	}
	group.Wait()
	return nil
}

// Publish implements Face.
func (f *MQTT) Publish(ctx context.Context, account int, topic string, payload []byte) error {
	return f.accounts[account].put(ctx, mqttMessage{topic: topic, payload: payload})
}

// Link implements Face. A link that goes down breaks the connection without a word, so that the broker
// publishes the will.
func (f *MQTT) Link(account int, up bool) {
	a := f.accounts[account]
	a.mu.Lock()
	defer a.mu.Unlock()
	a.up = up
	if !up && a.conn != nil {
		a.cut()
	}
	a.tell()
}

// Drain returns when every message of an account that has its link is acknowledged, or with ctx's error.
func (f *MQTT) Drain(ctx context.Context) error {
	for {
		left := 0
		for _, a := range f.accounts {
			a.mu.Lock()
			if a.up {
				left += len(a.queue) + a.inFlight
			}
			a.mu.Unlock()
		}
		if left == 0 {
			return nil
		}
		if wait(ctx, 5*time.Millisecond); ctx.Err() != nil {
			return fmt.Errorf("%d messages are not acknowledged: %w", left, ctx.Err())
		}
	}
}

// Counts is safe to call at any time.
func (f *MQTT) Counts() MQTTCounts {
	return MQTTCounts{Connected: f.connected.Load(), Waiting: f.waiting.Load(), Acknowledged: f.acknowledged.Load(),
		Resent: f.resent.Load(), Dropped: f.dropped.Load(), Broken: f.broken.Load()}
}

type mqttMessage struct {
	topic   string
	payload []byte
}

// mqttAccount is one client and the messages that wait for it.
type mqttAccount struct {
	Account
	face   *MQTT
	number int
	news   chan struct{} // capacity 1: the queue or the link has changed
	room   chan struct{} // capacity 1: a full queue has room again

	mu       sync.Mutex
	queue    []mqttMessage
	inFlight int
	up       bool
	conn     *patientConn // the current connection
}

// tell wakes the account's goroutine.
func (a *mqttAccount) tell() {
	select {
	case a.news <- struct{}{}:
	default:
	}
}

// cut closes the connection under paho's feet; a.mu is held.
func (a *mqttAccount) cut() {
	a.conn.broken.Store(true)
	if err := a.conn.Close(); err != nil {
		a.face.config.Log.Debug("connection was closed already", "device", a.ID, "error", err)
	}
	a.conn = nil
}

func (a *mqttAccount) put(ctx context.Context, m mqttMessage) error {
	a.mu.Lock()
	for len(a.queue) >= a.face.config.MaxWaiting {
		if a.face.config.Block && !a.up { // who would end the wait is the caller: let the queue grow
			break
		}
		if !a.face.config.Block {
			a.queue = a.queue[1:]
			a.face.dropped.Add(1)
			a.face.waiting.Add(-1)
			break
		}
		a.mu.Unlock()
		select {
		case <-a.room:
		case <-ctx.Done():
			return ctx.Err()
		}
		a.mu.Lock()
	}
	a.queue = append(a.queue, m)
	a.mu.Unlock()
	a.face.waiting.Add(1)
	a.tell()
	return nil
}

// run connects whenever the link is up, until ctx ends.
func (a *mqttAccount) run(ctx context.Context) {
	pause := 100 * time.Millisecond
	for ctx.Err() == nil {
		a.mu.Lock()
		up := a.up
		a.mu.Unlock()
		if !up {
			select {
			case <-a.news:
			case <-ctx.Done():
			}
			continue
		}
		lost := make(chan struct{})
		client, err := a.connect(ctx, lost)
		if err == nil {
			a.face.connected.Add(1)
			acknowledged := a.serve(ctx, client, lost)
			a.face.connected.Add(-1)
			client.Disconnect(250)
			if acknowledged > 0 {
				pause = 100 * time.Millisecond
			}
			a.mu.Lock()
			up = a.up
			a.mu.Unlock()
		}
		if ctx.Err() != nil || !up {
			continue
		}
		a.face.broken.Add(1)
		a.face.config.Log.Debug("no connection to the broker", "device", a.ID, "error", err)
		wait(ctx, pause)
		pause = min(2*pause, 10*time.Second)
	}
}

// connect makes a client and waits for its CONNACK; lost is closed when the connection breaks later.
func (a *mqttAccount) connect(ctx context.Context, lost chan struct{}) (paho.Client, error) {
	status := "ami/v1/" + string(a.ID) + "/status"
	config := &a.face.config
	options := paho.NewClientOptions().AddBroker(config.Broker).SetClientID(string(a.ID)).SetUsername(string(a.ID)).
		SetPassword(a.Password).SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).
		SetConnectTimeout(10*time.Second).SetWriteTimeout(publishPatience).SetKeepAlive(30*time.Second).
		SetBinaryWill(status, []byte(`{"online":false}`), 1, true).
		SetConnectionLostHandler(func(paho.Client, error) { close(lost) }).
		SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) { return a.open(ctx) })
	if a.Password == "" {
		options.SetUsername("")
	}
	client := paho.NewClient(options)
	token := client.Connect()
	<-token.Done() // bounded by the connect timeout; open ends with ctx
	if err := token.Error(); err != nil {
		return nil, err
	}
	client.Publish(status, 1, true, []byte(`{"online":true}`))
	if command := config.Command; command != nil {
		client.Subscribe("ami/v1/"+string(a.ID)+"/cmd", 1, func(_ paho.Client, m paho.Message) { command(a.number, m.Payload()) })
	}
	return client, nil
}

// open dials and remembers the connection, so that Link can cut it.
func (a *mqttAccount) open(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := dialBroker(ctx, a.face.config.Broker, a.face.config.TLS)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	patient := &patientConn{Conn: conn}
	a.conn = patient
	if !a.up {
		a.cut()
	}
	return patient, nil
}

// publishPatience is how long paho's Publish waits for its writer; then the token has the error heldBack.
// When the connection dies in that moment the writer never comes and Publish sits out the whole time, so it is
// short. paho takes the same figure as the deadline of each write, which would break the connection to a broker that
// holds us back; patientConn puts that right.
const (
	publishPatience = 200 * time.Millisecond
	heldBack        = "publish was broken by timeout"
)

// patientConn gives every write half a minute, and breaks as a line does: paho takes "use of closed
// network connection" for its own doing and would not notice.
type patientConn struct {
	net.Conn
	broken atomic.Bool
}

var errLinkDown = errors.New("link is down")

func (c *patientConn) SetWriteDeadline(at time.Time) error {
	if !at.IsZero() {
		at = at.Add(30*time.Second - publishPatience)
	}
	return c.Conn.SetWriteDeadline(at)
}

func (c *patientConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil && c.broken.Load() {
		err = errLinkDown
	}
	return n, err
}

func (c *patientConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err != nil && c.broken.Load() {
		err = errLinkDown
	}
	return n, err
}

// flight is a published message that waits for its PUBACK.
type flight struct {
	message mqttMessage
	token   paho.Token
}

// serve publishes what waits until the connection or ctx ends, and returns how many messages the broker
// acknowledged. What it did not goes back to the head of the queue.
func (a *mqttAccount) serve(ctx context.Context, client paho.Client, lost <-chan struct{}) (acknowledged int) {
	var flights []flight
	defer func() { a.unsend(flights) }()
	for {
		for len(flights) < a.face.config.Window && client.IsConnectionOpen() {
			m, ok := a.take()
			if !ok {
				break
			}
			flights = append(flights, flight{m, client.Publish(m.topic, 1, false, m.payload)})
		}
		var done <-chan struct{}
		if len(flights) > 0 {
			done = flights[0].token.Done()
		}
		select {
		case <-done:
			if flights[0].token.Error() != nil {
				if flights[0].token.Error().Error() != heldBack || !client.IsConnectionOpen() {
					return acknowledged
				}
				flights[0].token = client.Publish(flights[0].message.topic, 1, false, flights[0].message.payload)
				continue
			}
			flights[0] = flight{}
			flights = flights[1:]
			acknowledged++
			a.mu.Lock()
			a.inFlight--
			a.mu.Unlock()
			a.face.acknowledged.Add(1)
			a.face.waiting.Add(-1)
		case <-a.news:
		case <-lost:
			return acknowledged
		case <-ctx.Done():
			return acknowledged
		}
	}
}

// take moves the oldest message from the queue into flight.
func (a *mqttAccount) take() (m mqttMessage, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.queue) == 0 || !a.up {
		return m, false
	}
	m = a.queue[0]
	a.queue[0] = mqttMessage{}
	a.queue = a.queue[1:]
	a.inFlight++
	select {
	case a.room <- struct{}{}:
	default:
	}
	return m, true
}

// unsend puts what was in flight back. A message whose PUBACK was on the way will be published twice.
func (a *mqttAccount) unsend(flights []flight) {
	if len(flights) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	again := make([]mqttMessage, 0, len(flights)+len(a.queue))
	for _, f := range flights {
		again = append(again, f.message)
	}
	a.queue = append(again, a.queue...)
	a.inFlight -= len(flights)
	a.face.resent.Add(int64(len(flights)))
}
