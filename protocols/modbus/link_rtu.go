package modbus

import (
	"context"
	"encoding/binary"
	"os"
	"time"
)

// rtuLink is RTU on a serial port or in a TCP stream: one request in flight, replies told apart by unit,
// function, length and CRC alone.
//
// A reply that comes after its deadline could therefore be taken for the answer to a later request of the
// same shape. So after a timeout the unit is first asked for something of a length that none of its
// outstanding replies can have; since units answer in order, all that was late has come once that is
// answered. For a unit that is dead this question is the probe.
type rtuLink struct {
	peer
	buffer      [2 * maxRTU]byte
	filled      int
	silent      int
	last        time.Time // when the line was last busy
	outstanding map[byte][]lateReply
	garbled     bool
}

// lateReply is a reply that was given up and may still come.
type lateReply struct {
	count uint16 // registers in it; of bits, the registers that would fill as many bytes
	until time.Time
}

// lateAfter is how long a reply that was given up is expected.
const lateAfter = time.Minute

func (l *rtuLink) connect(ctx context.Context) error {
	_, err := l.ready(ctx)
	return err
}

func (l *rtuLink) close() { l.drop() }

func (l *rtuLink) exchange(ctx context.Context, request []byte, timeout time.Duration) ([]byte, error) {
	fresh, err := l.ready(ctx)
	if err != nil {
		return nil, err
	}
	if fresh {
		l.filled, l.silent = 0, 0
	}
	if err := l.settle(ctx, request, timeout); err != nil {
		return nil, err
	}
	reply, fault := l.once(ctx, request, timeout)
	if fault != nil && fault.Fault == FaultClosed && !fresh && isRead(request[1]) && l.address.Transport != Serial {
		if _, err := l.ready(ctx); err != nil {
			return nil, err
		}
		l.filled, l.silent = 0, 0
		reply, fault = l.once(ctx, request, timeout)
	}
	if fault != nil {
		return nil, fault
	}
	return reply, nil
}

// settle makes sure that no late reply of the unit can be taken for the reply to request.
func (l *rtuLink) settle(ctx context.Context, request []byte, timeout time.Duration) error {
	unit := request[0]
	late := l.outstanding[unit]
	now := time.Now()
	for len(late) > 0 && late[0].until.Before(now) {
		late = late[1:]
	}
	if len(late) == 0 {
		delete(l.outstanding, unit)
		return nil
	}
	count := uint16(1)
	for taken := true; taken; {
		taken = isRead(request[1]) && binary.BigEndian.Uint16(request[4:]) == count
		for _, r := range late {
			taken = taken || r.count == count
		}
		if taken {
			count++
		}
	}
	function, address := byte(readHolding), uint16(0)
	if isRead(request[1]) && request[1] >= readHolding {
		function, address = request[1], binary.BigEndian.Uint16(request[2:])
	}
	question := binary.BigEndian.AppendUint16([]byte{unit, function}, address)
	question = binary.BigEndian.AppendUint16(question, count)
	question = binary.LittleEndian.AppendUint16(question, crc16(question))
	if _, fault := l.once(ctx, question, timeout); fault != nil {
		return fault
	}
	delete(l.outstanding, unit)
	return nil
}

// gaveUp records that the reply to a request may still come.
func (l *rtuLink) gaveUp(request []byte) {
	if l.outstanding == nil {
		l.outstanding = map[byte][]lateReply{}
	}
	late := l.outstanding[request[0]]
	if len(late) >= 8 { // more than a queue of a device holds; forget the oldest
		late = late[1:]
	}
	count := uint16(0)
	if n := replySize(request[1:]); isRead(request[1]) && n > 0 {
		count = uint16(n / 2)
	}
	l.outstanding[request[0]] = append(late, lateReply{count, time.Now().Add(lateAfter)})
}

func (l *rtuLink) once(ctx context.Context, request []byte, timeout time.Duration) ([]byte, *RequestError) {
	conn := l.current()
	if err := l.quiet(ctx); err != nil {
		return nil, readFault(ctx, err, false)
	}
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		l.drop()
		return nil, readFault(ctx, err, false)
	}
	if ctx.Err() != nil { // an interrupt before the deadline was set would have been undone by it
		return nil, readFault(ctx, ctx.Err(), false)
	}
	l.filled, l.garbled = 0, false
	l.counts.requests.Add(1)
	if _, err := conn.Write(request); err != nil {
		l.drop()
		return nil, readFault(ctx, err, false)
	}
	want := replySize(request[1:len(request)-2]) + 4 // unit, function and CRC
	frame, fault := l.frame(ctx, conn, request[0], request[1], want)
	l.last = time.Now()
	if fault != nil {
		if fault.Fault == FaultTimeout || fault.Fault == FaultMalformed || fault.Fault == FaultWrongLength {
			l.gaveUp(request)
		}
		return nil, fault
	}
	l.silent = 0
	return frame, checkReply(request[:len(request)-2], frame[:len(frame)-2])
}

// frame reads until the reply is there. Other frames and noise are passed over.
func (l *rtuLink) frame(ctx context.Context, conn stream, unit, function byte, want int) ([]byte, *RequestError) {
	other := false
	for {
		n, err := conn.Read(l.buffer[l.filled:])
		l.filled += n
		if err != nil && n == 0 {
			return nil, l.ended(ctx, err, other)
		}
		frame, seen, keep := findRTU(l.buffer[:l.filled], unit, function, want)
		if seen {
			other = true
			l.counts.late.Add(1)
		}
		if frame != nil {
			return frame, nil
		}
		if keep > 0 {
			l.garbled = l.garbled || !seen
			l.filled = copy(l.buffer[:], l.buffer[keep:l.filled])
		}
		if l.filled == len(l.buffer) { // twice the longest frame and none in it
			l.filled, l.garbled = 0, true
		}
	}
}

// ended names why no reply came.
func (l *rtuLink) ended(ctx context.Context, err error, other bool) *RequestError {
	fault := readFault(ctx, err, l.filled > 0 || l.garbled)
	switch {
	case fault.Fault == FaultStopped:
	case os.IsTimeout(err) && other:
		return faultOf(FaultWrongLength, "a reply came whose length is not what was asked for")
	case os.IsTimeout(err):
		if l.silent++; l.silent >= silentLimit && l.address.Transport != Serial {
			l.drop()
			l.outstanding = nil
		}
	default:
		l.drop()
	}
	return fault
}

// quiet waits until the line has been silent for the 3.5 characters that separate frames.
func (l *rtuLink) quiet(ctx context.Context) error {
	if l.address.Transport != Serial {
		return nil
	}
	gap := 1750 * time.Microsecond // fixed above 19,200 baud
	if baud := l.address.Port.Baud; baud <= 19200 {
		gap = 38500 * time.Millisecond / time.Duration(baud) // 3.5 characters of 11 bits
	}
	wait := gap - time.Since(l.last)
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
