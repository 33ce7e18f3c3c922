package simulator

import (
	"context"
	"net"
	"time"
)

// spoil answers as the fault has it; false when the connection is over. Exceptions the unit has reason for are spoilt
// like values are.
func (c *modbusConn) spoil(ctx context.Context, q modbusRequest, u *modbusUnit, w *wireFault) bool {
	face, framer := c.port.face, c.port.framer
	var pduRoom [mostPDU]byte
	var room [mostFrame]byte
	send := func(transaction uint16, unit byte, pdu []byte) bool {
		return c.write(framer.frame(room[:0], transaction, unit, pdu)) == nil
	}
	switch w.Kind {
	case FaultSilence:
		return true
	case FaultReset:
		return c.reset()
	case FaultException:
		return send(q.transaction, q.unit, []byte{q.pdu[0] | 0x80, w.Code})
	case FaultStuck:
		return send(q.transaction, q.unit, face.frozen(pduRoom[:0], q.pdu, u))
	case FaultAbsentValues:
		view := func() *unitView { return &unitView{none: true} }
		return send(q.transaction, q.unit, u.model.appendReply(pduRoom[:0], q.pdu, view, u.now))
	case FaultOtherUnit:
		other := c.port.next(q.unit)
		number := other.Number
		if other == u { // it is alone: nobody else's values, but not its number either
			number = q.unit%unitsPerPort + 1
		}
		return send(q.transaction, number, face.values(pduRoom[:0], q.pdu, other))
	}
	pdu := face.values(pduRoom[:0], q.pdu, u)
	switch w.Kind {
	case FaultLateReply:
		return c.delay(ctx, framer.frame(nil, q.transaction, q.unit, pdu), w.Delay)
	case FaultWrongLength:
		pdu = shorten(pdu)
	}
	frame := framer.frame(room[:0], q.transaction, q.unit, pdu)
	switch w.Kind {
	case FaultWrongID:
		if _, serial := framer.(rtu); serial {
			frame[len(frame)-1] ^= 0x5A
		} else {
			frame[0], frame[1] = frame[0]^0x5A, frame[1]^0xA5
		}
	case FaultHalfFrame:
		frame = frame[:len(frame)/2]
	case FaultWrongHeader:
		if _, serial := framer.(rtu); serial {
			frame = framer.frame(room[:0], 0, q.unit, overstate(pdu))
		} else {
			frame[5] += 2 // no reply is long enough for a carry
		}
	}
	return c.write(frame) == nil
}

// frozen is the reply of a unit that shows what it showed when it was first read after it got stuck.
func (f *Modbus) frozen(b, pdu []byte, u *modbusUnit) []byte {
	v := u.frozen.Load()
	if v == nil {
		now := f.simulation.look(u)
		if v = &now; !u.frozen.CompareAndSwap(nil, v) {
			if other := u.frozen.Load(); other != nil {
				v = other
			}
		}
	}
	return u.model.appendReply(b, pdu, func() *unitView { return v }, func() unitState { return v.state })
}

// shorten takes the last register, or the last eight bits, off a reply with values.
func shorten(pdu []byte) []byte {
	if pdu[0]&0x80 != 0 {
		return pdu
	}
	size := 2
	if pdu[0] <= 2 {
		size = 1
	}
	pdu[1] -= byte(size)
	return pdu[:len(pdu)-size]
}

// overstate makes the byte count of a reply with values too large by two.
func overstate(pdu []byte) []byte {
	if pdu[0]&0x80 == 0 {
		pdu[1] += 2
	}
	return pdu
}

// reset ends the connection with RST instead of FIN.
func (c *modbusConn) reset() bool {
	if tcp, ok := c.conn.(*net.TCPConn); ok {
		if err := tcp.SetLinger(0); err != nil {
			c.port.face.config.Log.Debug("modbus connection cannot be reset", "error", err)
		}
	}
	c.port.shut(c.conn)
	return false
}

// delay sends a frame later, while further requests are answered.
func (c *modbusConn) delay(ctx context.Context, frame []byte, by time.Duration) bool {
	if c.held.Add(1) > mostHeld {
		c.held.Add(-1)
		return true
	}
	c.late.Go(func() {
		defer c.held.Add(-1)
		if wait(ctx, by); ctx.Err() != nil {
			return
		}
		if c.write(frame) == nil {
			if err := c.flush(); err != nil {
				c.port.face.config.Log.Debug("late modbus reply not sent", "error", err)
			}
		}
	})
	return true
}
