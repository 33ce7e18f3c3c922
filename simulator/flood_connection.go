package simulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// floodConnection is one sender's side of a flood: what it has built, what is acknowledged.
//
// Message n has the packet id n mod 65,535 + 1. The window is at most half of that, counted from the
// oldest message that is not acknowledged, so an id is never in use twice.
type floodConnection struct {
	config *FloodConfig
	sender *FloodSender
	first  int   // number of the sender's first meter among all meters
	groups int64 // messages for one reading of every meter
	quota  int64 // messages to send; -1: until stop
	begin  time.Time
	stop   <-chan struct{} // closed when nothing new shall be sent; nil: never
	rate   float64         // messages per second of this sender; 0: no limit

	next   int64        // the next message to build: the writer's
	oldest atomic.Int64 // the oldest that is not acknowledged: the reader's
	bitmap []uint64     // acknowledged messages: the reader's

	samples   [32768 / 64]atomic.Int64 // when message 64·i (mod 32,768) was written, ns since begin
	latencies []time.Duration
	lastAck   time.Time

	body      []byte // floodBody with the time of bodyRound
	bodyRound int64
	out       []byte
	connected bool // at least once
}

// floodConnections makes the senders' sides and deals the messages out.
func floodConnections(config *FloodConfig, begin time.Time, stop <-chan struct{}) []*floodConnection {
	count := int64(len(config.Senders))
	connections := make([]*floodConnection, count)
	first := 0
	for i := range connections {
		s := &config.Senders[i]
		c := &floodConnection{config: config, sender: s, first: first, begin: begin, stop: stop, quota: -1,
			rate: config.Rate / float64(count), body: []byte(floodBody), bodyRound: -1}
		c.groups = int64((len(s.Meters) + config.PerMessage - 1) / config.PerMessage)
		if config.Messages > 0 {
			c.quota = config.Messages/count + b2i(int64(i) < config.Messages%count)
		}
		first += len(s.Meters)
		connections[i] = c
	}
	return connections
}

func b2i(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// content is what message n holds: reading k of the sender's meters from up to to.
func (c *floodConnection) content(n int64) (from, to int, k int64) {
	from = int(n%c.groups) * c.config.PerMessage
	return from, min(from+c.config.PerMessage, len(c.sender.Meters)), n / c.groups
}

// acknowledged tells whether message n has its PUBACK.
func (c *floodConnection) acknowledged(n int64) bool {
	word := n >> 6
	return word < int64(len(c.bitmap)) && c.bitmap[word]>>(n&63)&1 == 1
}

// finished tells whether there is nothing left to send or wait for.
func (c *floodConnection) finished() bool {
	return c.oldest.Load() == c.next && (c.next == c.quota || c.stopped())
}

func (c *floodConnection) stopped() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

// run connects, again and again, until all is acknowledged or ctx ends. The error says why it never got a connection.
func (c *floodConnection) run(ctx context.Context) error {
	pause := 20 * time.Millisecond
	var conn net.Conn
	var err error
	for !c.finished() && ctx.Err() == nil {
		conn, err = c.dial(ctx)
		switch {
		case err == nil:
			c.connected = true
			before := c.oldest.Load()
			err = c.session(ctx, conn)
			if c.oldest.Load() > before {
				pause = 20 * time.Millisecond
			}
		case errors.Is(err, ErrFloodRefused) && !c.connected:
			return err
		}
		if err == nil || ctx.Err() != nil {
			continue
		}
		c.config.Counters.Broken.Add(1)
		wait(ctx, pause)
		pause = min(2*pause, 2*time.Second)
	}
	if !c.connected {
		return err
	}
	return nil
}

// wait returns after d or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// dial opens the connection and says CONNECT.
func (c *floodConnection) dial(ctx context.Context) (net.Conn, error) {
	conn, err := dialBroker(ctx, c.config.Broker, c.config.TLS)
	if err != nil {
		return nil, err
	}
	err = conn.SetDeadline(time.Now().Add(30 * time.Second))
	release := context.AfterFunc(ctx, func() { expire(conn) })
	defer release()
	if err == nil {
		err = connect(conn, c.sender.ClientID, c.sender.Username, c.sender.Password)
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{}) // session sees by itself that ctx has ended meanwhile
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("flood as %q: %w", c.sender.ClientID, err), conn.Close())
	}
	return conn, nil
}

// expire unblocks whoever reads from or writes to the connection. Where that cannot be done the
// connection is closed already and nobody waits.
func expire(conn net.Conn) {
	if conn.SetDeadline(time.Unix(1, 0)) != nil {
		return
	}
}

// session sends on one connection until all is acknowledged, it breaks or ctx ends.
func (c *floodConnection) session(ctx context.Context, conn net.Conn) error {
	release := context.AfterFunc(ctx, func() { expire(conn) })
	defer release()
	var again []int64
	for n := c.oldest.Load(); n < c.next; n++ {
		if !c.acknowledged(n) {
			again = append(again, n)
		}
	}
	acks := &floodAcks{wake: make(chan struct{}, 1), dead: make(chan struct{})}
	acks.seen.Store(c.next)
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(acks.dead)
		acks.fault = c.readAcks(conn, acks)
	})
	err := c.write(ctx, conn, acks, again)
	err = errors.Join(err, conn.Close())
	reader.Wait()
	if c.finished() {
		return nil
	}
	if err == nil || errors.Is(err, errFloodDead) {
		err = acks.fault
	}
	return err
}

// floodAcks is what the writer and the reader of one connection share.
type floodAcks struct {
	seen    atomic.Int64  // messages built so far: no ack may name one beyond
	waiting atomic.Bool   // the writer wants to be woken
	wake    chan struct{} // capacity 1
	dead    chan struct{} // closed when the reader has ended
	fault   error         // why, once dead is closed
}

var errFloodDead = errors.New("connection is dead")

// write sends what an earlier connection left unacknowledged, then new messages, then waits for the
// last acknowledgement.
func (c *floodConnection) write(ctx context.Context, conn net.Conn, acks *floodAcks, again []int64) error {
	const flushAt = 64 << 10
	c.out = c.out[:0]
	for _, n := range again {
		c.out = c.appendPublish(c.out, n, true)
		if len(c.out) >= flushAt {
			if err := c.flush(conn); err != nil {
				return err
			}
		}
	}
	c.config.Counters.Resent.Add(int64(len(again)))
	flushed := c.next
	flush := func() error {
		acks.seen.Store(c.next)
		c.config.Counters.Sent.Add(c.next - flushed)
		flushed = c.next
		return c.flush(conn)
	}
	window := int64(c.config.Window)
	for c.next != c.quota && !(c.next&63 == 0 && c.stopped()) {
		if c.next-c.oldest.Load() >= window {
			if err := flush(); err != nil {
				return err
			}
			if err := c.await(ctx, acks, c.next-window*3/4); err != nil {
				return err
			}
			if c.stopped() {
				break
			}
		}
		if c.rate > 0 {
			if due := c.begin.Add(time.Duration(float64(c.next) / c.rate * 1e9)); time.Until(due) > 0 {
				if err := flush(); err != nil {
					return err
				}
				if err := c.pause(ctx, acks, due); err != nil {
					return err
				}
				if c.stopped() {
					break
				}
			}
		}
		if c.next&63 == 0 {
			c.samples[c.next&32767>>6].Store(int64(time.Since(c.begin)))
		}
		c.out = c.appendPublish(c.out, c.next, false)
		c.next++
		if len(c.out) >= flushAt {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	return c.await(ctx, acks, c.next)
}

// flush writes what has been built.
func (c *floodConnection) flush(conn net.Conn) error {
	if len(c.out) == 0 {
		return nil
	}
	n, err := conn.Write(c.out)
	c.config.Counters.Bytes.Add(int64(n))
	c.out = c.out[:0]
	return err
}

// await returns when everything before message n is acknowledged; errFloodDead when the connection
// broke, ctx's error when ctx ended.
func (c *floodConnection) await(ctx context.Context, acks *floodAcks, n int64) error {
	for {
		acks.waiting.Store(true)
		if c.oldest.Load() >= n {
			acks.waiting.Store(false)
			return nil
		}
		select {
		case <-acks.wake:
		case <-acks.dead:
			return errFloodDead
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// pause returns at due, or earlier when the flood is to stop.
func (c *floodConnection) pause(ctx context.Context, acks *floodAcks, due time.Time) error {
	timer := time.NewTimer(time.Until(due) + 4*time.Millisecond) // so much goes out in one write
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.stop:
		return nil
	case <-acks.dead:
		return errFloodDead
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readAcks takes PUBACKs until the connection ends.
func (c *floodConnection) readAcks(conn net.Conn, acks *floodAcks) error {
	buffer := make([]byte, 16<<10)
	have := 0
	for {
		n, err := conn.Read(buffer[have:])
		have += n
		used, bad := c.takeAcks(buffer[:have], acks)
		have = copy(buffer, buffer[used:have])
		if acks.waiting.Load() && acks.waiting.CompareAndSwap(true, false) {
			select {
			case acks.wake <- struct{}{}:
			default:
			}
		}
		if err == nil && bad == nil && acks.seen.Load()-c.oldest.Load() > int64(c.config.Window)/4 {
			// Brokers write each PUBACK by itself. Under load, taking them a thousand at a time instead of one by
			// one saves a system call a message (2.1 µs became 1.3 µs); in quiet traffic nothing is delayed.
			time.Sleep(time.Millisecond)
		}
		switch {
		case bad != nil:
			return bad
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed):
			return errFloodDead
		case errors.Is(err, io.EOF):
			return errors.New("broker closed the connection")
		case err != nil:
			return err
		}
	}
}

// takeAcks marks the messages that the whole packets in b acknowledge and returns the bytes used.
func (c *floodConnection) takeAcks(b []byte, acks *floodAcks) (int, error) {
	used, oldest, count := 0, c.oldest.Load(), int64(0)
	seen := acks.seen.Load()
	now := time.Now()
	for len(b)-used >= 4 {
		p := b[used:]
		if p[0] != 0x40 || p[1] != 2 {
			return used, fmt.Errorf("broker sent packet type %#02x of length %d where only PUBACK is expected", p[0], p[1])
		}
		used += 4
		n, ok := nthWithPacketID(int64(p[2])<<8|int64(p[3]), oldest, seen)
		if !ok || c.acknowledged(n) { // of an earlier life of the id: a second PUBACK for a resent message
			continue
		}
		for int64(len(c.bitmap)) <= n>>6 {
			c.bitmap = append(c.bitmap, 0)
		}
		c.bitmap[n>>6] |= 1 << (n & 63)
		count++
		if n&63 == 0 {
			written := time.Duration(c.samples[n&32767>>6].Load())
			c.latencies = append(c.latencies, now.Sub(c.begin)-written)
		}
		for c.acknowledged(oldest) {
			oldest++
		}
	}
	if count > 0 {
		c.lastAck = now
		c.config.Counters.Acknowledged.Add(count)
		c.oldest.Store(oldest)
	}
	return used, nil
}

// nthWithPacketID is the message from oldest up to seen that has the packet id.
func nthWithPacketID(id, oldest, seen int64) (int64, bool) {
	n := oldest + (id-1-oldest%65535+65535)%65535
	return n, id != 0 && n < seen
}
