package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"lastgasp/protocols"
)

// Broker is the embedded MQTT broker; see the package comment. It implements protocols.Driver.
type Broker struct {
	config  Config
	tls     *tls.Config
	decoder protocols.Decoder
	access  Access
	log     *slog.Logger
	metrics *metrics

	server    *mqtt.Server
	queue     *queue
	listeners []*listener
	budget    *semaphore.Weighted // bytes of read buffers for packets longer than baseBuffer
	floods    *semaphore.Weighted // the same for clients that send much
	logins    *semaphore.Weighted // calls of Authenticate
	failures  failures
	sessions  sessions
	present   presence
	delayed   delayedWills

	open     atomic.Int64   // connections
	serving  sync.WaitGroup // their goroutines
	drains   sync.WaitGroup // goroutines that write to slow clients
	mu       sync.Mutex
	conns    map[*conn]struct{}
	started  chan struct{}   // closed once the listeners are open
	stopping chan struct{}   // closed when nothing more is to be read
	life     context.Context // outlives Run's context by at most StopTimeout
	end      context.CancelFunc
	halted   context.Context // ends when stopping is closed
	ran      atomic.Bool
}

// Option changes what a Broker works with.
type Option func(*options)

type options struct {
	log        *slog.Logger
	registerer prometheus.Registerer
}

// WithLogger sets where the broker logs; without it nothing is logged.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.log = l } }

// WithRegisterer sets where the broker registers its metrics.
func WithRegisterer(r prometheus.Registerer) Option { return func(o *options) { o.registerer = r } }

// New makes a broker that is not yet listening. It returns an error for an unusable configuration or
// an unreadable certificate.
func New(config Config, decoder protocols.Decoder, access Access, opts ...Option) (*Broker, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	o := options{log: slog.New(slog.DiscardHandler)}
	for _, f := range opts {
		f(&o)
	}
	b := &Broker{config: config, decoder: decoder, access: access, log: o.log,
		conns: map[*conn]struct{}{}, started: make(chan struct{}), stopping: make(chan struct{})}
	var err error
	if b.tls, err = config.TLS.config(); err != nil {
		return nil, err
	}
	half := int64(b.config.MaxBufferBytes / 2)
	b.budget, b.floods = semaphore.NewWeighted(half), semaphore.NewWeighted(half)
	b.logins = semaphore.NewWeighted(int64(4 * runtime.GOMAXPROCS(0)))
	b.queue = newQueue(b.config.BatchMessages, b.config.BatchBytes, b.config.BatchDelay)
	b.metrics = newMetrics(b.queue)
	if o.registerer != nil {
		if err := b.metrics.register(o.registerer); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// newServer makes mochi with every limit set that bounds its memory.
func (b *Broker) newServer() (*mqtt.Server, error) {
	c := mqtt.NewDefaultServerCapabilities()
	c.MaximumClients = int64(b.config.MaxConnections)
	c.MaximumClientWritesPending = 32 // commands under way to one client
	c.MaximumInflight = 64
	c.ReceiveMaximum = uint16(b.config.InFlight)
	c.MaximumSessionExpiryInterval = uint32(b.config.SessionExpiry / time.Second)
	c.MaximumMessageExpiryInterval = int64(b.config.SessionExpiry / time.Second)
	c.MaximumPacketSize = uint32(b.config.MaxPacketBytes + maxHeader)
	c.TopicAliasMaximum = 0
	c.SharedSubAvailable = 0
	s := mqtt.New(&mqtt.Options{Capabilities: c, InlineClient: true,
		ClientNetReadBufferSize:  256, // behind the conn's own buffer
		ClientNetWriteBufferSize: 1024,
		SysTopicResendInterval:   3600, // nobody may read them, and each reads the memory statistics
		// mochi logs whole packets, CONNECT with its password among them.
		Logger: slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError + 1}))})
	if err := s.AddHook(&hook{b: b}, nil); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	for _, l := range b.listeners {
		if err := s.AddListener(l); err != nil {
			return nil, fmt.Errorf("broker: listener %s: %w", l.id, err)
		}
	}
	return s, nil
}

// Run listens and serves until ctx ends; then it stops reading, has what was read stored, acknowledges
// it and closes the connections. It returns an error when it cannot listen. It runs once.
func (b *Broker) Run(ctx context.Context, sink protocols.Sink) error {
	if b.ran.Swap(true) {
		return errors.New("broker: Run was called before")
	}
	if err := b.listen(); err != nil {
		return err
	}
	server, err := b.newServer()
	if err != nil {
		for _, l := range b.listeners {
			l.stop()
		}
		return err
	}
	b.server = server
	b.life, b.end = context.WithCancel(context.WithoutCancel(ctx))
	defer b.end()
	halted, halt := context.WithCancel(b.life)
	b.halted = halted
	defer halt()
	if err := server.Serve(); err != nil {
		return fmt.Errorf("broker: %w", err)
	}

	var accepting, collecting sync.WaitGroup
	for range b.config.Accepts {
		collecting.Go(func() { (&collector{b: b, sink: sink}).run(b.life) })
	}
	accepting.Go(func() { b.speakWills(halted) })
	for _, l := range b.listeners {
		accepting.Go(func() { l.accept(ctx) })
		b.log.Info("broker listens", "address", l.Address(), "protocol", l.id)
	}
	close(b.started)

	<-ctx.Done()
	b.stop(halt, &accepting, &collecting)
	return nil
}

// stop ends in the order of the data: no new connections, no more reading, last commits and their
// acknowledgements, then the connections.
func (b *Broker) stop(halt context.CancelFunc, accepting, collecting *sync.WaitGroup) {
	deadline := time.AfterFunc(b.config.StopTimeout, b.end)
	defer deadline.Stop()
	for _, l := range b.listeners {
		l.stop()
	}
	b.mu.Lock()
	close(b.stopping)
	b.mu.Unlock()
	halt()
	b.each((*conn).interrupt)
	accepting.Wait()
	b.queue.close()
	collecting.Wait()
	b.each((*conn).settle)
	if err := b.server.Close(); err != nil { // closes the listeners, and they their connections
		b.log.Warn("close of the server", "error", err)
	}
	b.serving.Wait()
	b.drains.Wait()
}

// enter makes a connection known to stop; false when it comes too late.
func (b *Broker) enter(c *conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.stopping:
		return false
	default:
	}
	b.conns[c] = struct{}{}
	return true
}

func (b *Broker) leave(c *conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.conns, c)
}

// each calls do for every connection there is.
func (b *Broker) each(do func(*conn)) {
	b.mu.Lock()
	all := slices.Collect(maps.Keys(b.conns))
	b.mu.Unlock()
	for _, c := range all {
		do(c)
	}
}

// Started is closed once devices can connect.
func (b *Broker) Started() <-chan struct{} { return b.started }

// Addr is host:port of the listener without TLS, AddrTLS of that with it; "" for none. They are known
// once Started is closed.
func (b *Broker) Addr() string { return b.addr("tcp") }

// AddrTLS is host:port of the listener with TLS, "" for none.
func (b *Broker) AddrTLS() string { return b.addr("tls") }

func (b *Broker) addr(id string) string {
	select {
	case <-b.started:
	default:
		return ""
	}
	for _, l := range b.listeners {
		if l.id == id {
			return l.Address()
		}
	}
	return ""
}

// Ready returns nil while devices can connect.
func (b *Broker) Ready() error {
	select {
	case <-b.stopping:
		return errStopping
	default:
	}
	select {
	case <-b.started:
		return nil
	default:
		return errors.New("the broker does not listen yet")
	}
}

// ErrNoSubscriber says that no session, connected or kept, subscribes to a topic.
var ErrNoSubscriber = errors.New("no device subscribes to the topic")

// Publish sends a message to the devices that subscribe to topic, with QoS 1 where they asked for it.
// A device that is away but has a persistent session gets it when it returns, within SessionExpiry.
// With retain it is also kept, in memory, for those that subscribe later; an empty payload clears it.
//
// nil means handed over, not received: a client that does not read loses it. Commands have an
// acknowledgement of their own. It returns ErrNoSubscriber when nobody would ever get it.
func (b *Broker) Publish(ctx context.Context, topic string, payload []byte, retain bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := b.Ready(); err != nil {
		return fmt.Errorf("publish to %s: %w", topic, err)
	}
	if !validTopic([]byte(topic)) || strings.HasPrefix(topic, "$") {
		return fmt.Errorf("publish to %q: %w", topic, errTopic)
	}
	if !retain && len(b.server.Topics.Subscribers(topic).Subscriptions) == 0 {
		return fmt.Errorf("publish to %s: %w", topic, ErrNoSubscriber)
	}
	if err := b.server.Publish(topic, payload, retain, 1); err != nil {
		return fmt.Errorf("publish to %s: %w", topic, err)
	}
	b.metrics.commands.Inc()
	return nil
}

var _ protocols.Driver = (*Broker)(nil)
