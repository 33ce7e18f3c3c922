package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/mochi-mqtt/server/v2/listeners"
)

// listener accepts connections for mochi: limited in rate and number, wrapped in a conn each.
type listener struct {
	b    *Broker
	id   string
	ln   net.Listener
	tls  *tls.Config // nil without TLS
	done atomic.Bool
}

// Init, ID, Address, Protocol, Serve and Close are what mochi asks of a listener.
func (l *listener) Init(*slog.Logger) error { return nil }

// ID names the listener.
func (l *listener) ID() string { return l.id }

// Address is host:port as bound.
func (l *listener) Address() string { return l.ln.Addr().String() }

// Protocol names what is spoken.
func (l *listener) Protocol() string { return l.id }

// Serve does nothing: Broker.Run runs accept itself, so as to wait for it.
func (l *listener) Serve(listeners.EstablishFn) {}

// Close stops accepting and has mochi say goodbye to its clients.
func (l *listener) Close(closeClients listeners.CloseFn) {
	l.stop()
	closeClients(l.id)
	l.b.each(func(c *conn) {
		if c.listener == l.id {
			c.shut()
		}
	}) // and those that had not logged in yet
}

func (l *listener) stop() {
	if l.done.Swap(true) {
		return
	}
	if err := l.ln.Close(); err != nil {
		l.b.log.Warn("close of a listener", "address", l.Address(), "error", err)
	}
}

// accept takes connections until the listener is closed.
func (l *listener) accept(ctx context.Context) {
	rate := newRate(l.b.config.ConnectRate)
	for {
		nc, err := l.ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of file descriptors: others will end, so wait and go on
			l.b.log.Error("accept", "address", l.Address(), "error", err)
			sleep(ctx, time.Second/4)
			continue
		}
		if l.b.open.Load() >= int64(l.b.config.MaxConnections) {
			l.b.metrics.refused.WithLabelValues("too_many").Inc()
			if err := nc.Close(); err != nil {
				l.b.log.Debug("close of a connection over the limit", "error", err)
			}
			continue
		}
		rate.wait(ctx, time.Now())
		l.b.open.Add(1)
		l.b.metrics.connections.Inc()
		l.b.serving.Add(1)
		go l.serve(nc)
	}
}

// serve is one client's goroutine, from the TLS handshake to the end of its session.
func (l *listener) serve(nc net.Conn) {
	b := l.b
	defer b.serving.Done()
	defer b.open.Add(-1)
	defer b.metrics.connections.Dec()
	if l.tls != nil {
		secure, err := l.handshake(nc)
		if err != nil {
			b.metrics.refused.WithLabelValues("tls").Inc()
			b.log.Debug("tls handshake", "remote", nc.RemoteAddr().String(), "error", err)
			if err := nc.Close(); err != nil {
				b.log.Debug("close after a failed handshake", "error", err)
			}
			return
		}
		nc = secure
	}
	c := newConn(b, l.id, nc)
	if !b.enter(c) {
		c.shut()
		return
	}
	defer b.leave(c)
	defer b.present.release(c)
	defer c.release()
	defer c.shut()
	defer func() { // mochi parses what strangers send
		if p := recover(); p != nil {
			b.log.Error("client handling panicked", "remote", c.Conn.RemoteAddr().String(), "panic", p)
		}
	}()
	if err := b.server.EstablishConnection(l.id, c); err != nil {
		b.log.Debug("client left", "remote", c.Conn.RemoteAddr().String(), "cause", c.cause, "error", err)
	}
	b.metrics.ended(c.cause)
}

func (l *listener) handshake(nc net.Conn) (net.Conn, error) {
	t := tls.Server(nc, l.tls)
	ctx, cancel := context.WithTimeout(l.b.halted, l.b.config.ConnectTimeout)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return t, nil
}

// commonName is that of the verified client certificate, "" without one.
func (c *conn) commonName() string {
	t, ok := c.Conn.(*tls.Conn)
	if !ok {
		return ""
	}
	if s := t.ConnectionState(); len(s.VerifiedChains) > 0 {
		return s.PeerCertificates[0].Subject.CommonName
	}
	return ""
}

// listen opens the listeners of the configuration.
func (b *Broker) listen() error {
	for _, want := range []struct {
		id, address string
		tls         *tls.Config
	}{{"tcp", b.config.Listen, nil}, {"tls", b.config.TLS.Listen, b.tls}} {
		if want.address == "" {
			continue
		}
		ln, err := net.Listen("tcp", want.address)
		if err != nil {
			for _, l := range b.listeners {
				l.stop()
			}
			return fmt.Errorf("broker: %w", err)
		}
		b.listeners = append(b.listeners, &listener{b: b, id: want.id, ln: ln, tls: want.tls})
	}
	return nil
}
