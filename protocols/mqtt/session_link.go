package mqtt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

const (
	firstRetry   = 100 * time.Millisecond
	refusedQoS   = 0x80
	disconnectMS = 500 // to write DISCONNECT
)

// link is one connection to the broker, made again whenever it is lost.
type link struct {
	s       *Session
	id      string
	first   bool
	filters []string
	former  []string // what an earlier configuration may have subscribed to in this session

	mu       sync.Mutex
	inFlight int           // messages not yet answered
	room     chan struct{} // closed when there is room for one more; nil when nobody waits

	born bool // was up once
	up   atomic.Pointer[paho.Client]
	wire atomic.Pointer[wire] // of the connection being made or up
}

func newLink(s *Session, i int) *link {
	return &link{s: s, id: s.config.ClientID + "-" + strconv.Itoa(i), first: i == 0}
}

// run keeps the connection up until ctx ends and the session has drained.
func (l *link) run(ctx context.Context) {
	retry := firstRetry
	for {
		begin := time.Now()
		err := l.connect(ctx)
		if ctx.Err() != nil {
			return
		}
		l.s.metrics.lost.Inc()
		if time.Since(begin) > l.s.config.RetryMost {
			retry = firstRetry
		}
		l.s.log.Warn("no connection to the broker, trying again", "client", l.id, "pause", retry, "error", err)
		if !pause(ctx, retry) {
			return
		}
		retry = min(2*retry, l.s.config.RetryMost)
	}
}

// pause waits; false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// connect is one connection's life. It returns why it ended.
func (l *link) connect(ctx context.Context) error {
	o, err := l.s.options(l.id)
	if err != nil {
		return err
	}
	lost := make(chan error, 1)
	o.SetStore(l.s.outbox.of(l.id))
	o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { l.s.metrics.loss(l.s.log, m) }) // of topics below $SYS/; all else goes to take
	o.SetConnectionLostHandler(func(_ paho.Client, err error) { lost <- err })
	o.SetCustomOpenConnectionFn(func(server *url.URL, _ paho.ClientOptions) (net.Conn, error) {
		w, err := openWire(ctx, server, l.s.config, l.take)
		if err != nil {
			return nil, err
		}
		l.wire.Store(w)
		return w, nil
	})
	client := paho.NewClient(o)
	token := client.Connect().(*paho.ConnectToken)
	if err := l.wait(ctx, token); err != nil {
		client.Disconnect(disconnectMS)
		return fmt.Errorf("connect: %w", err)
	}
	// Whatever the broker says of the session: Mosquitto 2.0.11, killed and started again with
	// persistence, has the session and has lost its shared subscriptions.
	if err := l.subscribe(ctx, client, lost); err != nil {
		client.Disconnect(disconnectMS)
		return err
	}
	l.s.log.Info("connected to the broker", "client", l.id, "session_present", token.SessionPresent())
	l.up.Store(&client)
	defer l.up.Store(nil)
	if !l.born {
		l.born = true
		if l.s.unborn.Add(-1) == 0 {
			close(l.s.started)
		}
	}
	select {
	case err := <-lost:
		return err
	case <-l.s.drained:
		client.Disconnect(disconnectMS)
		return nil
	}
}

// wait waits for a token, and closes the connection when ctx ends first, so that it completes.
func (l *link) wait(ctx context.Context, token paho.Token) error {
	select {
	case <-token.Done():
	case <-ctx.Done():
		if w := l.wire.Load(); w != nil {
			if err := w.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				return err
			}
		}
		<-token.Done()
	}
	return token.Error()
}

// subscribe asks for the link's filters, and gives up those that an earlier configuration had in the
// same session.
//
// It waits as long as the connection lasts: the answers come behind messages of the session, which a
// standing sink holds up.
func (l *link) subscribe(ctx context.Context, client paho.Client, lost <-chan error) error {
	if err := waitFor(ctx, client.Unsubscribe(l.former...), lost); err != nil {
		return fmt.Errorf("unsubscribe: %w", err)
	}
	filters := map[string]byte{}
	for _, f := range l.filters {
		filters[f] = byte(l.s.config.QoS)
	}
	token := client.SubscribeMultiple(filters, nil)
	if err := waitFor(ctx, token, lost); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	for filter, granted := range token.(*paho.SubscribeToken).Result() {
		if granted == refusedQoS {
			return fmt.Errorf("subscribe: the broker refuses %s", filter)
		}
		if int(granted) < 1 {
			return fmt.Errorf("subscribe: the broker grants %s QoS %d only, which is not acknowledged", filter, granted)
		}
	}
	if l.first {
		l.watchLoss(ctx, client, lost)
	}
	return nil
}

// waitFor waits for a token, the loss of the connection or the end of ctx.
func waitFor(ctx context.Context, token paho.Token, lost <-chan error) error {
	select {
	case <-token.Done():
		return token.Error()
	case err := <-lost:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// take puts a message into intake, and waits while the session has all it may, so that the connection is
// not read. An error ends the connection; what was not taken is not acknowledged and comes again.
func (l *link) take(w *wire, d delivery) error {
	if err := l.reserve(w); err != nil {
		return err
	}
	l.s.metrics.messages.Inc()
	t := taken{delivery: d, link: l, wire: w, received: time.Now().UnixNano()}
	for {
		room := l.s.intake.put(t)
		if room == nil {
			return nil
		}
		if err := l.await(w, room); err != nil {
			l.release(1)
			return err
		}
	}
}

// reserve counts one more message as in flight.
func (l *link) reserve(w *wire) error {
	for {
		l.mu.Lock()
		if l.inFlight < l.s.config.InFlight {
			l.inFlight++
			l.mu.Unlock()
			return nil
		}
		if l.room == nil {
			l.room = make(chan struct{})
		}
		room := l.room
		l.mu.Unlock()
		if err := l.await(w, room); err != nil {
			return err
		}
	}
}

func (l *link) release(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight -= n
	if l.room != nil {
		close(l.room)
		l.room = nil
	}
}

// await waits for room. When the session stops, it waits until the last acknowledgements are written
// and the connection is closed, for an error would close it at once.
func (l *link) await(w *wire, room <-chan struct{}) error {
	select {
	case <-room:
		return nil
	case <-w.gone:
		return net.ErrClosed
	case <-l.s.stopping:
		<-w.gone
		return net.ErrClosed
	}
}
