package modbus

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"testing"
	"time"
)

// Well-known examples of both framings, not made by our own code.
var (
	tcpReply = []byte{0x00, 0x01, 0x00, 0x00, 0x00, 0x07, 0x01, 0x03, 0x04, 0x00, 0x06, 0x00, 0x05}
	rtuReply = []byte{0x11, 0x03, 0x06, 0xAE, 0x41, 0x56, 0x52, 0x43, 0x40, 0x49, 0xAD}
)

func TestFrames(t *testing.T) {
	for n := range tcpReply {
		if got, err := splitTCP(tcpReply[:n]); got != 0 || err != nil {
			t.Errorf("%d bytes: %d (%v)", n, got, err)
		}
	}
	if got, err := splitTCP(tcpReply); got != len(tcpReply) || err != nil {
		t.Errorf("%d (%v)", got, err)
	}
	for _, bad := range [][]byte{{0, 1, 0, 1}, {0, 1, 0, 0, 0, 1}, {0, 1, 0, 0, 0, 255}, {0, 1, 0, 0, 0xFF, 0xFF}} {
		if _, err := splitTCP(bad); err == nil {
			t.Errorf("%x was taken", bad)
		}
	}
	if !crcOK(rtuReply) {
		t.Error("the example's CRC is taken for wrong")
	}
	for _, before := range [][]byte{nil, {0}, {0x11}, {0x11, 0x03}, {0x11, 0x83}, {0x11, 0x03, 0x06}, {0x12, 0x03, 0x02, 0, 0}} {
		frame, _, _ := findRTU(append(bytes.Clone(before), rtuReply...), 0x11, 3, len(rtuReply))
		if !bytes.Equal(frame, rtuReply) {
			t.Errorf("after %x: %x", before, frame)
		}
	}
	if frame, other, _ := findRTU(rtuReply, 0x11, 3, len(rtuReply)-2); frame != nil || !other {
		t.Errorf("a reply of another length: %x, %v", frame, other)
	}
}

// A frame that arrives in pieces is never dropped.
// A frame that was cut short and made whole by what came behind it is noticed; one with any other data is not.
func TestStolenBytes(t *testing.T) {
	reply := func(transaction uint16, words ...uint16) []byte {
		b := binary.BigEndian.AppendUint16(nil, transaction)
		b = append(b, 0, 0, 0, byte(3+2*len(words)), 7, 3, byte(2*len(words)))
		for _, w := range words {
			b = binary.BigEndian.AppendUint16(b, w)
		}
		return b
	}
	const asked, next = 0x3F41, 0x3F42
	recent := func(id uint16) bool { return id != asked && recently(next, id) }
	pending := func(id uint16) bool { return id == next }
	whole := reply(asked, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
	for _, missing := range []int{4, 5, 6, 7, 8, 9, 12, 13, 14, 20, 24} {
		stream := append(append(append([]byte(nil), whole[:len(whole)-missing]...), reply(next, 21, 22)...), reply(next-5, 31, 32, 33, 34, 35)...)
		if frame := stream[:len(whole)]; !stolen(frame, recent, pending) {
			t.Errorf("%d bytes missing: % x is taken", missing, frame)
		}
	}
	refusal := append(append([]byte(nil), whole[:len(whole)-9]...), 0x3F, 0x42, 0, 0, 0, 3, 7, 0x83, 0x0B)
	if !stolen(refusal, recent, pending) {
		t.Error("an exception in the middle is taken")
	}
	for name, frame := range map[string][]byte{
		"values":             whole,
		"zeros":              reply(asked, make([]uint16, 100)...),
		"a former header":    reply(asked, next-300, 0, 7, 0x0703, 0x0400, 1, 2),
		"no header's length": reply(asked, next, 0, 9, 0x0703, 0x0400, 1, 2),
		"its own header":     reply(asked, asked, 0, 7, 0x0703, 0x0400, 1, 2),
		"short":              {0x3F, 0x41, 0, 0, 0, 3, 7, 0x83, 2},
	} {
		if stolen(frame, recent, pending) {
			t.Errorf("%s: % x is refused", name, frame)
		}
	}
}

func TestFindRTUKeepsWhatArrives(t *testing.T) {
	for n := 1; n < len(rtuReply); n++ {
		frame, _, keep := findRTU(rtuReply[:n], 0x11, 3, len(rtuReply))
		if frame != nil || keep != 0 {
			t.Errorf("%d bytes: frame %x, %d bytes dropped", n, frame, keep)
		}
	}
}

// Whatever bytes arrive: what a link gives back has the unit, the function and the length that were asked for, or is
// that function's exception.
func FuzzReply(f *testing.F) {
	f.Add(tcpReply, false)
	f.Add(rtuReply, true)
	f.Add(append(append([]byte{0x11, 0x11, 3}, rtuReply...), 0xFF), true)
	f.Add([]byte{0, 1, 0, 0, 0, 3, 0x11, 0x83, 2}, false)
	f.Fuzz(func(t *testing.T, bytes []byte, rtu bool) {
		near, far := net.Pipe()
		a := Address{Transport: TCP, Target: "x:1"}
		request := []byte{0, 0, 0, 0, 0, 6, 0x11, 3, 0, 0, 0, 3}
		if rtu {
			a.Transport = RTUOverTCP
			request = binary.LittleEndian.AppendUint16(request[6:], crc16(request[6:]))
		}
		served := make(chan struct{})
		go func() {
			defer close(served)
			var b [64]byte
			if _, err := far.Read(b[:]); err != nil {
				return
			}
			if _, err := far.Write(bytes); err != nil {
				return
			}
			if err := far.Close(); err != nil {
				t.Error(err)
			}
		}()
		l := newLink(a, once{near}, 1, time.Second, new(counts))
		reply, err := l.exchange(context.Background(), request, 5*time.Second)
		if err == nil {
			body := reply
			if !rtu {
				body = reply[6:]
			} else if body = reply[:len(reply)-2]; !crcOK(reply) {
				t.Errorf("CRC of %x", reply)
			}
			if fault := checkReply([]byte{0x11, 3, 0, 0, 0, 3}, body); fault != nil {
				t.Errorf("%x was given back: %v", reply, fault)
			}
		}
		l.close()
		if err := far.Close(); err != nil {
			t.Error(err)
		}
		<-served
	})
}

// once dials one connection.
type once struct{ conn net.Conn }

func (o once) DialContext(context.Context, string, string) (net.Conn, error) { return o.conn, nil }

func FuzzSplitTCP(f *testing.F) {
	f.Add(tcpReply)
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := splitTCP(b)
		if n > len(b) || n > maxTCP || err == nil && n != 0 && n < 8 {
			t.Errorf("%x: %d", b, n)
		}
	})
}
