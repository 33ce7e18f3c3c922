package mqtt

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"time"
)

const (
	wireRead    = 64 << 10
	wirePending = 1 << 20 // bytes to be written beyond which a writer waits
)

// wire is paho's connection to the broker. paho reads a packet in three or four system calls and
// writes every PUBACK with one of its own; measured, that is two thirds of its cost. wire reads ahead,
// and gathers what is written until the writer has caught up.
type wire struct {
	net.Conn
	br      *bufio.Reader
	timeout time.Duration
	gone    chan struct{} // closed when the connection is lost or closed

	mu     sync.Mutex
	moved  sync.Cond
	out    []byte
	corked int // batches whose acknowledgements are being written
	err    error
	end    bool
	once   sync.Once
	done   chan struct{} // the flusher has ended
}

// openWire connects to a server. The flusher it starts ends with Close.
func openWire(ctx context.Context, server *url.URL, config Config) (*wire, error) {
	ctx, cancel := context.WithTimeout(ctx, config.ConnectTimeout)
	defer cancel()
	// A dead peer is noticed by TCP: paho's own check fails when a standing sink holds up the PINGRESP.
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 4}}
	nc, err := dialer.DialContext(ctx, "tcp", server.Host)
	if err != nil {
		return nil, err
	}
	if server.Scheme == "ssl" {
		c, err := config.TLS.config()
		if err != nil {
			return nil, errors.Join(err, nc.Close())
		}
		if c.ServerName == "" {
			c.ServerName = server.Hostname()
		}
		secure := tls.Client(nc, c)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, nc.Close())
		}
		nc = secure
	}
	w := &wire{Conn: nc, br: bufio.NewReaderSize(nc, wireRead), timeout: config.WriteTimeout, gone: make(chan struct{}), done: make(chan struct{})}
	w.moved.L = &w.mu
	go w.flush()
	return w, nil
}

// Read implements net.Conn.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.br.Read(p)
	if err != nil {
		w.lose()
		w.mu.Lock()
		if !w.end && errors.Is(err, net.ErrClosed) {
			err = io.ErrUnexpectedEOF // the flusher gave up; paho takes ErrClosed for its own doing and stays silent
		}
		w.mu.Unlock()
	}
	return n, err
}

func (w *wire) lose() { w.once.Do(func() { close(w.gone) }) }

// Write hands p to the flusher. It blocks while the broker does not read what is sent to it.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.out) > wirePending && w.err == nil && !w.end {
		w.moved.Wait()
	}
	if w.err != nil {
		return 0, w.err
	}
	if w.end {
		return 0, net.ErrClosed
	}
	w.out = append(w.out, p...)
	if w.corked == 0 || len(w.out) > wireRead {
		w.moved.Broadcast()
	}
	return len(p), nil
}

// cork gathers what is written until uncork; calls may overlap.
func (w *wire) cork() {
	w.mu.Lock()
	w.corked++
	w.mu.Unlock()
}

func (w *wire) uncork() {
	w.mu.Lock()
	w.corked--
	w.moved.Broadcast()
	w.mu.Unlock()
}

// flush writes what was gathered, until Close or an error.
func (w *wire) flush() {
	defer close(w.done)
	var spare []byte
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		for !w.end && (len(w.out) == 0 || w.corked > 0 && len(w.out) <= wireRead) {
			w.moved.Wait()
		}
		if len(w.out) == 0 {
			return
		}
		b := w.out
		w.out = spare[:0]
		w.moved.Broadcast() // a writer may wait for room
		w.mu.Unlock()
		err := w.Conn.SetWriteDeadline(time.Now().Add(w.timeout))
		if err == nil {
			_, err = w.Conn.Write(b)
		}
		w.mu.Lock()
		spare = b
		if err != nil {
			w.err = err
			w.out = nil
			w.moved.Broadcast()
			w.lose()
			if closing := w.Conn.Close(); closing != nil && !errors.Is(closing, net.ErrClosed) {
				w.err = errors.Join(err, closing)
			}
			return
		}
	}
}

// Close writes what is left and closes the connection.
func (w *wire) Close() error {
	w.mu.Lock()
	w.end = true
	w.moved.Broadcast()
	w.mu.Unlock()
	<-w.done
	w.lose()
	return w.Conn.Close()
}

// SetDeadline bounds reading; writing has its own bound.
func (w *wire) SetDeadline(t time.Time) error { return w.Conn.SetReadDeadline(t) }

// SetWriteDeadline does nothing: paho would take the flusher's away.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
