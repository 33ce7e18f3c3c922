package mqtt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/protocols"
)

// Session receives from a broker of the utility's own, any that speaks MQTT 3.1.1. It implements
// protocols.Driver.
//
//	broker ──PUBLISH──▶ link 0..n ──▶ intake ──batch──▶ collectors ─Decode─▶ Sink.Accept
//	   ▲  ▲               │  │                                                 │ nil
//	   │  └────PUBACK─────┘  │◀────────────────────────────────────────────────┘
//	   └───paho: CONNECT, SUBSCRIBE, PINGREQ, our own PUBLISH
//
// A message is acknowledged to the broker after Accept has returned nil for it, in the order of arrival
// [MQTT-4.6.0-2]. Sessions are persistent: what is not acknowledged the broker keeps, also while the
// head-end is away, and sends again. On an error Accept is tried again with growing pauses. What is in
// flight is bounded for each connection; beyond that the connection is not read, and the broker queues.
//
// What a device published with QoS 0 takes the same way and is acknowledged by nothing: the broker keeps
// no copy, so it is lost with a connection, with the head-end, and where the broker's queues are full.
//
// So a broker must be set to keep what it cannot deliver. Mosquitto: max_queued_messages 0 (or enough
// for the longest absence), max_inflight_messages 0 or some thousands, persistence true. Its defaults
// drop messages silently after 1,000. Where the broker tells of drops in $SYS, the Session warns.
type Session struct {
	config  Config
	decoder protocols.Decoder
	log     *slog.Logger
	metrics *sessionMetrics
	intake  *intake
	links   []*link
	outbox  outbox

	ran      atomic.Bool
	ready    chan struct{} // closed when it is known how many links there are
	started  chan struct{} // closed when each of them was up once
	unborn   atomic.Int32  // links that were not
	stopping chan struct{} // closed when nothing more is to be taken
	drained  chan struct{} // closed when all that was taken is answered
	end      context.CancelFunc
}

// Option changes what a Session works with.
type Option func(*sessionOptions)

type sessionOptions struct {
	log        *slog.Logger
	registerer prometheus.Registerer
}

// WithLogger sets where the session logs; without it nothing is logged.
func WithLogger(l *slog.Logger) Option { return func(o *sessionOptions) { o.log = l } }

// WithRegisterer sets where the session registers its metrics, under the label broker = Config.Name.
func WithRegisterer(r prometheus.Registerer) Option {
	return func(o *sessionOptions) { o.registerer = r }
}

// New makes a session that is not yet connected. It returns an error for an unusable configuration, an
// unreadable certificate, or a password file that others can read.
func New(config Config, decoder protocols.Decoder, opts ...Option) (*Session, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	o := sessionOptions{log: slog.New(slog.DiscardHandler)}
	for _, f := range opts {
		f(&o)
	}
	s := &Session{config: config, decoder: decoder, log: o.log.With("broker", config.Name), intake: newIntake(config),
		outbox: newOutbox(), ready: make(chan struct{}), started: make(chan struct{}), stopping: make(chan struct{}), drained: make(chan struct{})}
	s.metrics = newSessionMetrics(config.Name, s.intake, s.connected)
	if o.registerer != nil {
		if err := s.metrics.register(o.registerer); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Run connects and receives until ctx ends; then it takes nothing more, has what was taken stored,
// acknowledges it and disconnects. A broker that cannot be reached, or refuses, is tried again for ever.
// It runs once.
func (s *Session) Run(ctx context.Context, sink protocols.Sink) error {
	if s.ran.Swap(true) {
		return errors.New("mqtt: Run was called before")
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	s.end = end
	defer end()
	shared, err := s.isShared(ctx)
	if err != nil {
		return nil // ctx ended before the broker could be reached
	}
	s.links = s.newLinks(shared)
	s.unborn.Store(int32(len(s.links)))
	close(s.ready)

	var collecting, linking sync.WaitGroup
	for range s.config.Accepts {
		collecting.Go(func() { (&collector{s: s, sink: sink}).run(life) })
	}
	for _, l := range s.links {
		linking.Go(func() { l.run(ctx) })
	}
	<-ctx.Done()
	deadline := time.AfterFunc(s.config.StopTimeout, end)
	defer deadline.Stop()
	close(s.stopping)
	close(s.intake.end)
	collecting.Wait()
	close(s.drained)
	linking.Wait()
	return nil
}

// newLinks spreads the filters: with shared subscriptions every connection has all of them, without
// each filter is on one, or messages would come twice.
func (s *Session) newLinks(shared bool) []*link {
	n := s.config.Connections
	if !shared {
		n = min(n, len(s.config.Filters))
	}
	links := make([]*link, n)
	for i := range links {
		links[i] = newLink(s, i)
	}
	for i, f := range s.config.Filters {
		grouped := "$share/" + s.config.Group + "/" + f
		for j, l := range links {
			switch {
			case shared:
				l.filters, l.former = append(l.filters, grouped), append(l.former, f)
			case i%n == j:
				l.filters, l.former = append(l.filters, f), append(l.former, grouped)
			default:
				l.former = append(l.former, f, grouped)
			}
		}
	}
	return links
}

// connected counts the links that receive.
func (s *Session) connected() int {
	select {
	case <-s.ready:
	default:
		return 0
	}
	n := 0
	for _, l := range s.links {
		if l.up.Load() != nil {
			n++
		}
	}
	return n
}

// Started is closed once every connection was up and subscribed: what is published from then on arrives.
func (s *Session) Started() <-chan struct{} { return s.started }

// Ready returns nil while every connection is up and subscribed.
func (s *Session) Ready() error {
	select {
	case <-s.stopping:
		return errors.New("the session is stopping")
	default:
	}
	select {
	case <-s.ready:
	default:
		return fmt.Errorf("broker %s was not reached yet", s.config.Name)
	}
	if n := s.connected(); n < len(s.links) {
		return fmt.Errorf("%d of %d connections to broker %s are up", n, len(s.links), s.config.Name)
	}
	return nil
}

// Publish sends a message through the broker with QoS 1, and returns nil once the broker has
// acknowledged it. It returns an error when no connection is up or ctx ends first; in the latter case
// the message may still arrive.
func (s *Session) Publish(ctx context.Context, topic string, payload []byte, retain bool) error {
	if err := s.ReadyToPublish(); err != nil {
		return fmt.Errorf("publish to %s: %w", topic, err)
	}
	for _, l := range s.links {
		client := l.up.Load()
		if client == nil {
			continue
		}
		token := (*client).Publish(topic, 1, retain, payload)
		select {
		case <-token.Done():
			if err := token.Error(); err != nil {
				return fmt.Errorf("publish to %s: %w", topic, err)
			}
			s.metrics.published.Inc()
			return nil
		case <-ctx.Done():
			return fmt.Errorf("publish to %s: no acknowledgement: %w", topic, ctx.Err())
		}
	}
	return fmt.Errorf("publish to %s: no connection to broker %s is up", topic, s.config.Name)
}

// ReadyToPublish returns nil while at least one connection is up.
func (s *Session) ReadyToPublish() error {
	if s.connected() == 0 {
		return fmt.Errorf("no connection to broker %s is up", s.config.Name)
	}
	return nil
}

// options are what every client of this session has in common.
func (s *Session) options(id string) (*paho.ClientOptions, error) {
	password, err := s.config.password()
	if err != nil {
		return nil, err
	}
	o := paho.NewClientOptions()
	for _, server := range s.config.Servers {
		o.AddBroker(server)
	}
	o.SetClientID(id).SetUsername(s.config.Username).SetPassword(password)
	o.SetProtocolVersion(4)
	o.SetCleanSession(false)
	o.SetOrderMatters(true)
	o.SetAutoAckDisabled(true) // a message that came to paho all the same must not be acknowledged unstored
	// A link connects anew itself, with a new client: then it knows whether the broker still has the
	// session, and nothing sleeps when Run is to end.
	o.SetAutoReconnect(false)
	o.SetConnectRetry(false)
	o.SetConnectTimeout(s.config.ConnectTimeout)
	o.SetWriteTimeout(s.config.WriteTimeout)
	o.SetKeepAlive(s.config.KeepAlive)
	// While the sink stands still a PINGRESP waits behind the messages; TCP notices a dead peer instead.
	o.SetPingTimeout(24 * time.Hour)
	return o, nil
}

var _ protocols.Driver = (*Session)(nil)
