package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// stream is a connection or a serial port: bytes with deadlines.
type stream interface {
	io.ReadWriteCloser
	SetDeadline(time.Time) error
}

// Dialer makes TCP connections; net.Dialer is one.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// link carries request frames to one address and brings back their replies. It heals what the client
// library leaves open: a reply is given back only when it answers this very request, a late one is
// dropped, a peer that has gone is noticed before anything is written to it, and no call outlives its
// timeout.
type link interface {
	// exchange sends one whole frame (MBAP or RTU) and returns the whole reply. The reply is valid until the
	// next call. timeout counts from when the request is sent. The error is a *RequestError.
	exchange(ctx context.Context, request []byte, timeout time.Duration) ([]byte, error)
	// connect makes the connection where there is none.
	connect(ctx context.Context) error
	// interrupt ends whatever is under way, from any goroutine.
	interrupt()
	// close closes the connection; the next exchange makes a new one.
	close()
}

// newLink makes the link for an address. window is how many exchanges may be under way at once; RTU has no
// way to tell replies apart, so it is 1 there.
func newLink(a Address, dial Dialer, window int, connectTimeout time.Duration, c *counts) link {
	switch {
	case a.Transport != TCP:
		return &rtuLink{peer: peer{address: a, dialer: dial, connectTimeout: connectTimeout, counts: c}}
	case window > 1:
		return &pipeLink{peer: peer{address: a, dialer: dial, connectTimeout: connectTimeout, counts: c}, pending: map[uint16]chan pipeReply{}}
	}
	return &tcpLink{peer: peer{address: a, dialer: dial, connectTimeout: connectTimeout, counts: c}}
}

// peer is the connection a link works on: made when needed, made anew when lost.
type peer struct {
	address        Address
	dialer         Dialer
	connectTimeout time.Duration
	counts         *counts

	mu   sync.Mutex // guards conn against interrupt
	conn stream
}

// dial makes the connection where there is none and reports whether it is a new one.
func (p *peer) dial(ctx context.Context) (fresh bool, err error) {
	if p.current() != nil {
		return false, nil
	}
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, p.connectTimeout)
	defer cancel()
	var conn stream
	if p.address.Transport == Serial {
		conn, err = openSerial(p.address)
	} else {
		conn, err = p.dialer.DialContext(ctx, "tcp", p.address.Target)
	}
	if outer.Err() != nil && err != nil {
		return false, &RequestError{Fault: FaultStopped, Cause: context.Cause(outer)}
	}
	if err != nil {
		return false, &RequestError{Fault: FaultConnect, Cause: err}
	}
	p.counts.connections.Add(1)
	p.mu.Lock()
	p.conn = conn
	p.mu.Unlock()
	return true, nil
}

func (p *peer) current() stream {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conn
}

// drop closes the connection.
func (p *peer) drop() {
	p.mu.Lock()
	conn := p.conn
	p.conn = nil
	p.mu.Unlock()
	if conn != nil {
		if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			p.counts.closeErrors.Add(1)
		}
	}
}

// interrupt makes every read and write under way return.
func (p *peer) interrupt() {
	if conn := p.current(); conn != nil {
		if err := conn.SetDeadline(time.Unix(1, 0)); err != nil {
			p.drop()
		}
	}
}

// ready sees to a connection that is there and not given up by the peer.
func (p *peer) ready(ctx context.Context) (fresh bool, err error) {
	if p.current() != nil && p.gone() {
		p.counts.peersGone.Add(1)
		p.drop()
	}
	return p.dial(ctx)
}

// readFault names why reading or writing ended.
func readFault(ctx context.Context, err error, partial bool) *RequestError {
	switch {
	case ctx.Err() != nil:
		return &RequestError{Fault: FaultStopped, Cause: context.Cause(ctx)}
	case errors.Is(err, os.ErrDeadlineExceeded) && partial:
		return faultOf(FaultMalformed, "a frame began and did not end in time")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &RequestError{Fault: FaultTimeout}
	case errors.Is(err, io.EOF) && partial:
		return faultOf(FaultMalformed, "the connection was closed in the middle of a frame")
	}
	return &RequestError{Fault: FaultClosed, Cause: err}
}

// checkReply refuses a reply that is not the one to this request, as far as function and length tell. Both
// begin with the unit.
func checkReply(request, reply []byte) *RequestError {
	if len(reply) < 2 {
		return faultOf(FaultWrongLength, "%d bytes", len(reply))
	}
	if request[0] != reply[0] {
		return faultOf(FaultWrongUnit, "unit %d answered for unit %d", reply[0], request[0])
	}
	switch reply[1] {
	case request[1] | 0x80:
		if len(reply) != 3 {
			return faultOf(FaultWrongLength, "an exception of %d bytes", len(reply))
		}
	case request[1]:
		if want := replySize(request[1:]); want >= 0 && len(reply)-2 != want {
			return faultOf(FaultWrongLength, "%d bytes of data, %d were asked for", len(reply)-2, want)
		}
	default:
		return faultOf(FaultWrongFunction, "function %d answered function %d", reply[1], request[1])
	}
	return nil
}

// tcpLink is Modbus TCP with one request in flight: the caller's goroutine reads its own reply.
type tcpLink struct {
	peer
	transaction uint16
	silent      int // exchanges without any frame since the last one that came
	buffer      [2 * maxTCP]byte
	filled      int
	taken       int // bytes of the buffer that the last reply occupies
}

// silentLimit is after how many exchanges without a single frame a connection is made anew: a stateful
// firewall that forgot it, or a gateway that restarted, looks like this.
const silentLimit = 3

func (l *tcpLink) connect(ctx context.Context) error {
	_, err := l.ready(ctx)
	return err
}

func (l *tcpLink) close() { l.drop() }

func (l *tcpLink) exchange(ctx context.Context, request []byte, timeout time.Duration) ([]byte, error) {
	fresh, err := l.ready(ctx)
	if err != nil {
		return nil, err
	}
	reply, fault := l.once(ctx, request, timeout, fresh)
	if fault != nil && fault.Fault == FaultClosed && !fresh && isRead(request[headerSize]) {
		// The peer closed just as we wrote: it has not answered, and reading twice does no harm.
		if _, err := l.ready(ctx); err != nil {
			return nil, err
		}
		reply, fault = l.once(ctx, request, timeout, true)
	}
	if fault != nil {
		return nil, fault
	}
	return reply, nil
}

func isRead(function byte) bool { return function >= readCoils && function <= readInput }

func (l *tcpLink) once(ctx context.Context, request []byte, timeout time.Duration, fresh bool) ([]byte, *RequestError) {
	conn := l.current()
	if fresh {
		l.filled, l.taken, l.silent = 0, 0, 0
	}
	l.skip()
	l.transaction++
	binary.BigEndian.PutUint16(request, l.transaction) // in place: the packager compares request and reply
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		l.drop()
		return nil, readFault(ctx, err, false)
	}
	if ctx.Err() != nil { // an interrupt before the deadline was set would have been undone by it
		return nil, readFault(ctx, ctx.Err(), false)
	}
	l.counts.requests.Add(1)
	if _, err := conn.Write(request); err != nil {
		l.drop() // part of the request may be out
		return nil, readFault(ctx, err, false)
	}
	foreign := false
	for {
		frame, fault := l.frame(ctx, conn)
		if fault != nil {
			if fault.Fault == FaultTimeout {
				if l.silent++; l.silent >= silentLimit {
					l.drop()
				}
				if foreign {
					return nil, faultOf(FaultWrongTransaction, "replies came, none with transaction %d", l.transaction)
				}
			}
			return nil, fault
		}
		l.silent = 0
		if binary.BigEndian.Uint16(frame) != l.transaction {
			l.counts.late.Add(1)
			foreign = true
			l.skip()
			continue
		}
		if stolen(frame, func(other uint16) bool { return other != l.transaction && recently(l.transaction, other) }, func(uint16) bool { return false }) {
			l.drop() // it began before a late reply to a former request, and ended with that
			return nil, faultOf(FaultMalformed, "a frame was cut short, and another reply follows in its place")
		}
		return frame, checkReply(request[6:], frame[6:])
	}
}

// skip drops the frame that was given out last.
func (l *tcpLink) skip() {
	l.filled = copy(l.buffer[:], l.buffer[l.taken:l.filled])
	l.taken = 0
}

// frame reads the next whole frame. Anything but a plain timeout closes the connection, for the stream is
// no longer in step. A frame is believed only when no nonsense follows it: one that was cut short is made whole by
// the first bytes of the next, and that shows in what is left.
func (l *tcpLink) frame(ctx context.Context, conn stream) ([]byte, *RequestError) {
	for {
		n, err := splitTCP(l.buffer[:l.filled])
		if n > 0 {
			_, err = splitTCP(l.buffer[n:l.filled])
		}
		if err != nil {
			l.drop()
			return nil, &RequestError{Fault: FaultMalformed, Cause: err}
		}
		if n > 0 {
			l.taken = n
			return l.buffer[:n], nil
		}
		n, err = conn.Read(l.buffer[l.filled:])
		l.filled += n
		if err != nil && n == 0 {
			fault := readFault(ctx, err, l.filled > 0)
			if fault.Fault != FaultTimeout {
				l.drop()
			}
			return nil, fault
		}
	}
}
