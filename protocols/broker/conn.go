package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	baseBuffer    = 2 << 10  // what every connection has to read with
	floodBuffer   = 32 << 10 // what one gets that fills the former
	connectBytes  = 16 << 10 // most bytes of a packet before the client is known
	putMessages   = 256      // most messages handed to the queue at a time
	pendingBytes  = 256 << 10
	maxHeader     = 5 // of a packet
	knownTopics   = 4
	keptOutBuffer = 512 // of an idle connection
)

var (
	errForeign = errors.New("publishes to topics of other devices")
	errSlow    = errors.New("a packet did not arrive whole in time")
	errSilent  = errors.New("nothing heard for one and a half keep alive intervals")
	errMemory  = errors.New("no read buffer free")

	past = time.Unix(1, 0)
)

// conn is a device's connection as mochi sees it: a net.Conn whose Read yields every packet but PUBLISH,
// PUBREL and PINGREQ, which are dealt with on the way. One goroutine reads (mochi's, one a client); any may write.
type conn struct {
	net.Conn
	b        *Broker
	listener string
	raw      syscall.RawConn // of a plain TCP connection; nil with TLS
	ctx      context.Context // ends when the connection is closed
	cancel   context.CancelFunc

	// Of the reading goroutine, in which mochi's connect hooks run too.
	buf       []byte // buf[r:w] is read and not yet dealt with
	r, w      int
	pass      int // bytes at r that belong to mochi
	base      []byte
	flooding  bool  // buf is a large one because the client sends much, not because one packet is large
	extra     int64 // bytes of buf taken from a budget of the broker
	extraFrom *semaphore.Weighted
	keepAlive time.Duration
	armed     time.Time // the read deadline that is set
	partial   time.Time // since when the packet at r is incomplete; zero when it is not
	pubs      []publish
	topics    [knownTopics]knownTopic
	topicNext int
	foreign   int
	v5        bool
	rights    *rights // nil until the client has been authenticated
	session   string  // the session's key in mochi
	cause     error   // why reading ended

	peeking atomic.Bool // reads while waiting; must be interrupted when the wait is over

	mu       sync.Mutex
	inFlight int
	low      int           // how far inFlight must fall to close room
	room     chan struct{} // nil when nobody waits
	out      []byte        // to be written
	spare    []byte        // the other out buffer
	writing  bool          // somebody writes out
	idle     chan struct{} // closed when nobody does any more; nil when nobody waits for it
	touched  bool          // on the list of a collector that will flush
	will     *will

	try tryWrite
}

type knownTopic struct {
	name  string
	grant grant
}

func newConn(b *Broker, listener string, nc net.Conn) *conn {
	c := &conn{Conn: nc, b: b, listener: listener, base: make([]byte, baseBuffer)}
	c.buf = c.base
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if tcp, ok := nc.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			c.raw = raw
		}
	}
	return c
}

// Read gives mochi its packets. When the broker stops, it returns only at the very end, so that the
// connection stays open for the last acknowledgements.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.read(p)
	if err == nil {
		return n, nil
	}
	if errors.Is(err, errStopping) {
		<-c.ctx.Done()
		err = io.EOF
	}
	if c.cause == nil {
		c.cause = err
	}
	return 0, err
}

func (c *conn) read(p []byte) (int, error) {
	for c.pass == 0 {
		if err := c.frames(); err != nil {
			return 0, err
		}
	}
	if c.r == c.w {
		if err := c.fill(1); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.buf[c.r:min(c.w, c.r+c.pass)])
	c.r += n
	c.pass -= n
	if c.pass == 0 {
		c.partial = time.Time{}
	}
	return n, nil
}

// frames deals with the packets in the buffer up to one for mochi, and reads when there is none whole.
func (c *conn) frames() error {
	pubs, need := c.pubs[:0], 1
	for len(pubs) < putMessages {
		head, body, err := header(c.buf[c.r:c.w])
		if err != nil {
			return err
		}
		if head == 0 {
			break
		}
		if body > c.limit() {
			return fmt.Errorf("%w: %d bytes", errTooLarge, body)
		}
		kind := c.buf[c.r] >> 4
		if c.rights == nil || kind != typePublish && kind != typePubrel && kind != typePingreq {
			if len(pubs) == 0 {
				c.pass = head + body
				return nil
			}
			break
		}
		if need = head + body; c.w-c.r < need {
			break
		}
		frame := c.buf[c.r+head : c.r+need]
		switch kind {
		case typePublish:
			p, err := parsePublish(c.buf[c.r], frame, c.v5)
			if err != nil {
				return err
			}
			p.name, p.grant = c.topic(p.topic)
			pubs = append(pubs, p)
		case typePubrel:
			if len(frame) < 2 {
				return errors.New("malformed PUBREL")
			}
			c.post([]byte{0x70, 2, frame[0], frame[1]})
		case typePingreq:
			c.post([]byte{0xd0, 0})
		}
		c.r += need
		c.partial = time.Time{}
		need = 1
		if len(pubs) > 0 && pubs[len(pubs)-1].grant == grantNone {
			break
		}
	}
	if len(pubs) > 0 {
		c.pubs = pubs[:0]
		return c.submit(pubs)
	}
	return c.fill(need)
}

func (c *conn) limit() int {
	if c.rights == nil {
		return connectBytes
	}
	return c.b.config.MaxPacketBytes
}

// topic returns the name as a string that may be kept, and the right to publish to it. A device uses
// the same few topics all its life, so the last ones are remembered.
func (c *conn) topic(name []byte) (string, grant) {
	for i := range c.topics {
		if k := &c.topics[i]; k.name == string(name) {
			return k.name, k.grant
		}
	}
	k := knownTopic{name: string(name)}
	k.grant = c.rights.mayPublish(k.name)
	c.topics[c.topicNext] = k
	c.topicNext = (c.topicNext + 1) % knownTopics
	return k.name, k.grant
}

// submit hands messages to the queue, waiting for room as long as it takes.
func (c *conn) submit(pubs []publish) error {
	received := time.Now().UnixNano()
	c.b.metrics.received(pubs)
	for len(pubs) > 0 {
		n, err := c.reserve(len(pubs))
		if err != nil {
			return err
		}
		for {
			w, err := c.b.queue.put(c, c.rights, pubs[:n], received)
			if err != nil {
				return err
			}
			if w == nil {
				break
			}
			if err := c.await(w.ready); err != nil {
				return err
			}
		}
		if pubs[n-1].grant == grantNone {
			if c.foreign++; c.foreign >= c.b.config.ForeignTopics {
				if err := c.waitInFlight(0); err != nil {
					return err
				}
				c.settle()
				return errForeign
			}
		}
		pubs = pubs[n:]
	}
	return nil
}

// reserve counts up to n messages as in flight, at least one, waiting while the client has all it may.
func (c *conn) reserve(n int) (int, error) {
	limit := c.b.config.InFlight
	for {
		c.mu.Lock()
		if free := limit - c.inFlight; free > 0 {
			n = min(n, free)
			c.inFlight += n
			c.mu.Unlock()
			return n, nil
		}
		c.mu.Unlock()
		if err := c.waitInFlight(limit * 3 / 4); err != nil {
			return 0, err
		}
	}
}

// waitInFlight waits until at most low messages are in flight.
func (c *conn) waitInFlight(low int) error {
	c.mu.Lock()
	if c.inFlight <= low {
		c.mu.Unlock()
		return nil
	}
	room := make(chan struct{})
	c.room, c.low = room, low
	c.mu.Unlock()
	return c.await(room)
}

// await waits for ready. Meanwhile it goes on reading as far as the buffer reaches, to answer PINGREQs
// and to notice that the client has gone: a sink that stands still must not make devices reconnect.
func (c *conn) await(ready <-chan struct{}) error {
	c.peeking.Store(true)
	defer c.peeking.Store(false)
	for {
		if c.w == len(c.buf) {
			select {
			case <-ready:
				return nil
			case <-c.ctx.Done():
				return net.ErrClosed
			case <-c.b.stopping:
				return errStopping
			}
		}
		c.arm(time.Now(), c.silence())
		select {
		case <-ready:
			return nil
		case <-c.b.stopping:
			return errStopping
		default:
		}
		n, err := c.Conn.Read(c.buf[c.w:])
		if n > 0 {
			c.w += n
			c.b.metrics.bytes.Add(float64(n))
			c.answerPings()
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if expired := c.expired(); expired != nil {
			select {
			case <-ready:
				return nil
			default:
				return expired
			}
		}
	}
}

// answerPings takes whole PINGREQs out of what was read ahead.
func (c *conn) answerPings() {
	for at := c.r; at < c.w; {
		head, body, err := header(c.buf[at:c.w])
		if err != nil || head == 0 || c.w-at < head+body {
			return // the fault is reported when its turn comes
		}
		if c.buf[at]>>4 == typePingreq {
			copy(c.buf[at:], c.buf[at+head+body:c.w])
			c.w -= head + body
			c.post([]byte{0xd0, 0})
			continue
		}
		at += head + body
	}
}

// interruptPeek ends a read of await.
func (c *conn) interruptPeek() {
	if c.peeking.Load() {
		c.interrupt()
	}
}

// interrupt makes the read under way return. An error means the connection is closed, which does so too.
func (c *conn) interrupt() {
	if err := c.Conn.SetReadDeadline(past); err != nil {
		c.cancel()
	}
}

// fill reads more, need bytes being what the packet at r has in all.
func (c *conn) fill(need int) error {
	if err := c.space(need); err != nil {
		return err
	}
	for {
		now := time.Now()
		if c.r < c.w || c.pass > 0 {
			if c.partial.IsZero() {
				c.partial = now
			}
		}
		c.arm(now, c.silence())
		select {
		case <-c.b.stopping:
			return errStopping
		default:
		}
		n, err := c.Conn.Read(c.buf[c.w:])
		c.w += n
		if n > 0 {
			c.b.metrics.bytes.Add(float64(n))
			c.adapt(n)
			return nil
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if expired := c.expired(); expired != nil {
			return expired
		}
	}
}

// silence is how long the client may stay silent from now; 0 for as long as it likes.
func (c *conn) silence() time.Duration {
	if c.rights == nil {
		return c.b.config.ConnectTimeout
	}
	if !c.partial.IsZero() {
		return max(time.Until(c.partial.Add(c.b.config.ConnectTimeout)), time.Millisecond)
	}
	return c.keepAlive + c.keepAlive/2 // [MQTT-3.1.2-24]
}

// arm sets the read deadline unless one nearly as late is set: it costs as much as a small read.
func (c *conn) arm(now time.Time, silence time.Duration) {
	var deadline time.Time
	if silence > 0 {
		deadline = now.Add(silence)
		if d := deadline.Sub(c.armed); d >= 0 && d < silence/8 {
			return
		}
	} else if c.armed.IsZero() {
		return
	}
	c.armed = deadline
	if err := c.Conn.SetReadDeadline(deadline); err != nil {
		c.cancel() // closed; the read will say so
	}
}

// expired is called when a read timed out. It tells what that means, nil when the read was merely
// interrupted.
func (c *conn) expired() error {
	deadline := c.armed
	c.armed = past // an interruption may have moved the deadline: set it again in any case
	select {
	case <-c.b.stopping:
		return errStopping
	default:
	}
	if deadline.IsZero() || time.Now().Before(deadline) {
		return nil
	}
	if c.rights == nil || !c.partial.IsZero() {
		return errSlow
	}
	return errSilent
}

// space makes room behind w. The buffer grows as far as the packet at r needs and the broker's budget
// allows.
func (c *conn) space(need int) error {
	have := c.w - c.r
	if have == 0 {
		c.r, c.w = 0, 0
		if c.extra > 0 && !c.flooding {
			c.shrink() // a large packet is done
		}
	}
	if c.r > 0 && (c.w == len(c.buf) || need > len(c.buf)-c.r) {
		copy(c.buf, c.buf[c.r:c.w])
		c.r, c.w = 0, have
	}
	if c.w < len(c.buf) {
		return nil
	}
	// Packets for mochi are passed on piece by piece and need no room as a whole, so this one is a
	// PUBLISH longer than the buffer.
	size := floodBuffer
	if len(c.buf) >= floodBuffer {
		size = min(2*len(c.buf), c.b.config.MaxPacketBytes+maxHeader)
	}
	return c.grow(size)
}

// adapt gives a client that fills its buffer a larger one, and takes it back when it does not.
func (c *conn) adapt(n int) {
	switch {
	case c.w == len(c.buf) && len(c.buf) == baseBuffer:
		if c.b.floods.TryAcquire(floodBuffer) {
			c.replace(floodBuffer, c.b.floods)
			c.flooding = true
		}
	case c.flooding && n < baseBuffer/2 && c.w-c.r <= baseBuffer:
		c.shrink()
	}
}

// grow waits for the budget: packets that are being received leave it within ConnectTimeout.
func (c *conn) grow(size int) error {
	if !c.b.budget.TryAcquire(int64(size)) {
		ctx, cancel := context.WithTimeout(c.ctx, c.b.config.ConnectTimeout)
		defer cancel()
		if err := c.b.budget.Acquire(ctx, int64(size)); err != nil {
			return errMemory
		}
	}
	c.replace(size, c.b.budget)
	c.flooding = false
	return nil
}

// replace moves what is unread to a buffer of another size, for which from was asked already.
func (c *conn) replace(size int, from *semaphore.Weighted) {
	buf := c.base
	switch size {
	case baseBuffer:
	case floodBuffer:
		buf = floodBuffers.Get().(*[floodBuffer]byte)[:]
	default:
		buf = make([]byte, size)
	}
	old := c.buf
	c.w = copy(buf, old[c.r:c.w])
	c.r = 0
	c.buf = buf
	c.giveBack(old)
	if from != nil {
		c.extra, c.extraFrom = int64(size), from
	}
}

func (c *conn) shrink() {
	c.replace(baseBuffer, nil)
	c.flooding = false
}

func (c *conn) giveBack(old []byte) {
	if len(old) == floodBuffer {
		floodBuffers.Put((*[floodBuffer]byte)(old))
	}
	if c.extra > 0 {
		c.extraFrom.Release(c.extra)
		c.extra, c.extraFrom = 0, nil
	}
}

// release gives the buffers back once nobody reads any more.
func (c *conn) release() {
	c.giveBack(c.buf)
	c.buf, c.base, c.pubs, c.r, c.w = nil, nil, nil, 0, 0
}

var floodBuffers = sync.Pool{New: func() any { return new([floodBuffer]byte) }}

// Close ends the connection and everybody who waits on it.
func (c *conn) Close() error {
	c.cancel()
	return c.Conn.Close()
}

// SetDeadline does nothing: mochi sets one for each packet it reads, and it does not see most of them.
func (c *conn) SetDeadline(time.Time) error { return nil }
