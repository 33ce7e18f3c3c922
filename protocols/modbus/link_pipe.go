package modbus

import (
	"context"
	"encoding/binary"
	"sync"
	"time"
)

// pipeLink is Modbus TCP with several requests in flight, for devices whose profile says they can take
// that. A goroutine for the connection reads frames and gives each to the exchange whose transaction it
// names; what nobody waits for any more is a late reply and dropped.
type pipeLink struct {
	peer
	connecting sync.Mutex // one caller connects, the others wait

	state       sync.Mutex // guards what follows
	transaction uint16
	pending     map[uint16]chan pipeReply
	silent      int
	reading     sync.WaitGroup
}

type pipeReply struct {
	frame  []byte
	fault  *RequestError
	shared bool // the fault ended several exchanges; whose fault it was is not known
}

func (l *pipeLink) connect(ctx context.Context) error {
	l.connecting.Lock()
	defer l.connecting.Unlock()
	fresh, err := l.dial(ctx)
	if err != nil || !fresh {
		return err
	}
	l.reading.Wait() // the former connection's reader has nothing left to read
	conn := l.current()
	if conn == nil {
		return faultOf(FaultClosed, "closed while it was being made")
	}
	l.state.Lock()
	l.silent = 0
	l.state.Unlock()
	l.reading.Go(func() { l.read(ctx, conn) })
	return nil
}

func (l *pipeLink) close() {
	l.drop()
	l.reading.Wait()
}

// exchange tries a read once more when the connection ended under several requests: all but one of them are
// not to blame.
func (l *pipeLink) exchange(ctx context.Context, request []byte, timeout time.Duration) ([]byte, error) {
	for again := isRead(request[headerSize]); ; again = false {
		frame, shared, err := l.once(ctx, request, timeout)
		if !again || !shared {
			return frame, err
		}
	}
}

func (l *pipeLink) once(ctx context.Context, request []byte, timeout time.Duration) (frame []byte, shared bool, err error) {
	if err := l.connect(ctx); err != nil {
		return nil, false, err
	}
	reply := make(chan pipeReply, 1)
	conn := l.current()
	if conn == nil {
		return nil, true, faultOf(FaultClosed, "the peer closed the connection")
	}
	l.state.Lock()
	l.transaction++
	transaction := l.transaction
	l.pending[transaction] = reply
	binary.BigEndian.PutUint16(request, transaction) // in place: the packager compares request and reply
	l.counts.requests.Add(1)
	_, err = conn.Write(request) // under the lock: frames do not interleave
	l.state.Unlock()
	if err != nil {
		l.drop()
		l.forget(transaction)
		return nil, true, readFault(ctx, err, false)
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case r := <-reply:
		if r.fault != nil {
			return nil, r.shared, r.fault
		}
		if fault := checkReply(request[6:], r.frame[6:]); fault != nil {
			return nil, false, fault
		}
		return r.frame, false, nil
	case <-timer.C:
		l.forget(transaction)
		l.state.Lock()
		l.silent++
		dead := l.silent >= silentLimit
		l.state.Unlock()
		if dead {
			l.drop()
		}
		return nil, false, &RequestError{Fault: FaultTimeout}
	case <-ctx.Done():
		l.forget(transaction)
		return nil, false, readFault(ctx, ctx.Err(), false)
	}
}

func (l *pipeLink) forget(transaction uint16) {
	l.state.Lock()
	delete(l.pending, transaction)
	l.state.Unlock()
}

// read hands out frames until the connection ends, and then its end.
func (l *pipeLink) read(ctx context.Context, conn stream) {
	fault, culprit := l.frames(ctx, conn)
	l.mu.Lock()
	if l.conn == conn {
		l.conn = nil
	}
	l.mu.Unlock()
	if err := conn.Close(); err != nil {
		l.counts.closeErrors.Add(1) // closed from the other side of this type already
	}
	l.state.Lock()
	defer l.state.Unlock()
	shared := len(l.pending) > 1
	for transaction, reply := range l.pending {
		r := pipeReply{fault: fault, shared: shared}
		switch {
		case transaction == culprit:
			r.shared = false
		case culprit != 0: // another's, whether that one is still waited for or not
			r.shared = true
			r.fault = &RequestError{Fault: fault.Fault, Cause: fault.Cause, innocent: true}
		}
		reply <- r
		delete(l.pending, transaction)
	}
}

// frames hands out frames until the stream ends or is out of step. culprit is the transaction of the frame that put it out
// of step, 0 where that cannot be told.
func (l *pipeLink) frames(ctx context.Context, conn stream) (fault *RequestError, culprit uint16) {
	var buffer [4 * maxTCP]byte
	filled := 0
	for {
		n, err := conn.Read(buffer[filled:])
		filled += n
		if err != nil && n == 0 {
			if filled >= 2 {
				culprit = binary.BigEndian.Uint16(buffer[:])
			}
			return readFault(ctx, err, filled > 0), culprit
		}
		start := 0
		for {
			n, err := splitTCP(buffer[start:filled])
			if err != nil {
				return &RequestError{Fault: FaultMalformed, Cause: err}, 0
			}
			if n == 0 {
				break
			}
			culprit = binary.BigEndian.Uint16(buffer[start:])
			if _, err := splitTCP(buffer[start+n : filled]); err != nil { // see tcpLink.frame
				return &RequestError{Fault: FaultMalformed, Cause: err}, culprit
			}
			if !l.give(buffer[start : start+n]) {
				return faultOf(FaultMalformed, "a frame was cut short, and other replies follow in its place"), culprit
			}
			start += n
		}
		filled = copy(buffer[:], buffer[start:filled])
	}
}

// give brings a frame to the exchange that waits for it; false when it is none.
func (l *pipeLink) give(frame []byte) bool {
	l.state.Lock()
	defer l.state.Unlock()
	l.silent = 0
	transaction := binary.BigEndian.Uint16(frame)
	recent := func(other uint16) bool { return other != transaction && recently(l.transaction, other) }
	pending := func(other uint16) bool { return other != transaction && l.pending[other] != nil }
	if stolen(frame, recent, pending) {
		return false
	}
	reply, waited := l.pending[transaction]
	if !waited {
		l.counts.late.Add(1)
		return true
	}
	delete(l.pending, transaction)
	reply <- pipeReply{frame: append([]byte(nil), frame...)}
	return true
}
