package broker

import (
	"errors"
	"net"
	"syscall"
	"time"
)

var errStalled = errors.New("client does not read what is sent to it")

// tryWrite is a write that never blocks: what a collector may do for a client that perhaps does not
// read. Its callback is made once, for a closure a write would be garbage.
type tryWrite struct {
	buf  []byte
	n    int
	err  error
	call func(fd uintptr) bool
}

// do writes what the socket takes. A plain TCP connection only.
func (t *tryWrite) do(raw syscall.RawConn, b []byte) (int, error) {
	if t.call == nil {
		t.call = func(fd uintptr) bool {
			for {
				t.n, t.err = syscall.Write(int(fd), t.buf)
				if t.err != syscall.EINTR {
					return true
				}
			}
		}
	}
	t.buf, t.n, t.err = b, 0, nil
	err := raw.Write(t.call)
	t.buf = nil
	if err != nil {
		return 0, err
	}
	if t.err == syscall.EAGAIN {
		return 0, nil
	}
	return max(t.n, 0), t.err
}

// Write sends what mochi has for the client: answers and commands. It blocks until the bytes are with
// the kernel, or leaves them to whoever writes already.
func (c *conn) Write(p []byte) (int, error) {
	if len(p) > 0 && p[0]>>4 == typeDisconnect && !c.v5 {
		return len(p), nil // mochi says goodbye in MQTT 3 too, where only a client may
	}
	c.mu.Lock()
	if err := c.append(p); err != nil {
		c.mu.Unlock()
		return 0, err
	}
	if c.writing {
		c.mu.Unlock()
		return len(p), nil
	}
	c.writing = true
	c.mu.Unlock()
	if err := c.drain(nil); err != nil {
		return 0, err
	}
	return len(p), nil
}

// post sends a few bytes without blocking.
func (c *conn) post(p []byte) {
	c.mu.Lock()
	err := c.append(p)
	c.mu.Unlock()
	if err == nil {
		c.flush()
	}
}

// append adds to what is to be written; c.mu is held. A client that lets too much gather is cut off.
func (c *conn) append(p []byte) error {
	if c.ctx.Err() != nil {
		return net.ErrClosed
	}
	if len(c.out)+len(p) > pendingBytes+c.b.config.MaxPacketBytes {
		c.stall()
		return errStalled
	}
	c.out = append(c.out, p...)
	return nil
}

func (c *conn) stall() {
	c.b.metrics.disconnected.WithLabelValues("stalled").Inc()
	c.shut()
}

// shut closes the connection for a reason that is already known; its reader will find it closed.
func (c *conn) shut() {
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		c.b.log.Debug("close of a connection", "remote", c.Conn.RemoteAddr().String(), "error", err)
	}
}

// flush writes what the socket takes without blocking, and leaves the rest to a goroutine of its own.
func (c *conn) flush() {
	c.mu.Lock()
	c.touched = false
	if c.writing || len(c.out) == 0 {
		c.mu.Unlock()
		return
	}
	c.writing = true
	for len(c.out) > 0 {
		b := c.swapOut()
		c.mu.Unlock()
		n := 0
		if c.raw != nil {
			var err error
			if n, err = c.try.do(c.raw, b); err != nil {
				c.shut()
				c.mu.Lock()
				c.out = nil
				c.wrote()
				c.mu.Unlock()
				return
			}
		}
		if n < len(b) {
			c.b.drains.Add(1)
			go func() {
				defer c.b.drains.Done()
				if err := c.drain(b[n:]); err != nil {
					c.b.log.Debug("write to a client", "remote", c.Conn.RemoteAddr().String(), "error", err)
				}
			}()
			return
		}
		c.mu.Lock()
		c.keepSpare(b)
	}
	c.wrote()
	c.mu.Unlock()
}

// wrote says that nobody writes any more; c.mu is held.
func (c *conn) wrote() {
	c.writing = false
	if c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
}

// settle writes what there is and waits until it is with the kernel.
func (c *conn) settle() {
	c.mu.Lock()
	for c.writing {
		if c.idle == nil {
			c.idle = make(chan struct{})
		}
		idle := c.idle
		c.mu.Unlock()
		<-idle // a writer ends within WriteTimeout
		c.mu.Lock()
	}
	if len(c.out) == 0 || c.ctx.Err() != nil {
		c.mu.Unlock()
		return
	}
	c.writing = true
	c.mu.Unlock()
	if err := c.drain(nil); err != nil {
		c.b.log.Debug("last write to a client", "remote", c.Conn.RemoteAddr().String(), "error", err)
	}
}

// drain writes first and then all there is, blocking at most WriteTimeout at a time; c.writing is set
// by the caller and cleared here. On an error the connection is closed.
func (c *conn) drain(first []byte) error {
	for b := first; ; {
		if len(b) > 0 {
			if err := c.Conn.SetWriteDeadline(time.Now().Add(c.b.config.WriteTimeout)); err != nil {
				return c.abandon(err)
			}
			if _, err := c.Conn.Write(b); err != nil {
				return c.abandon(err)
			}
		}
		c.mu.Lock()
		c.keepSpare(b)
		if len(c.out) == 0 {
			// flush must not meet a deadline that has passed since.
			err := c.Conn.SetWriteDeadline(time.Time{})
			c.wrote()
			c.mu.Unlock()
			if err != nil {
				return net.ErrClosed
			}
			return nil
		}
		b = c.swapOut()
		c.mu.Unlock()
	}
}

func (c *conn) abandon(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		c.stall()
		err = errStalled
	} else {
		c.shut()
	}
	c.mu.Lock()
	c.out = nil
	c.wrote()
	c.mu.Unlock()
	return err
}

// swapOut takes what is to be written and puts the other buffer in its place; c.mu is held.
func (c *conn) swapOut() []byte {
	b := c.out
	c.out, c.spare = c.spare[:0], nil
	return b
}

func (c *conn) keepSpare(b []byte) {
	if cap(b) <= keptOutBuffer {
		c.spare = b[:0]
	}
}

// answer counts n messages of a batch as done and, when they are stored, adds their acknowledgements
// to what is to be written. It tells whether the connection is to be flushed by this caller.
func (c *conn) answer(items []item, stored bool) (flush bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if stored && c.ctx.Err() == nil {
		for i := range items {
			if it := &items[i]; it.qos > 0 {
				c.out = appendAck(c.out, it.qos, it.id, it.grant == grantNone, c.v5)
			}
		}
		flush = !c.touched && len(c.out) > 0
		c.touched = c.touched || flush
	}
	c.inFlight -= len(items)
	if c.room != nil && c.inFlight <= c.low {
		close(c.room)
		c.room = nil
		c.interruptPeek()
	}
	return flush
}
