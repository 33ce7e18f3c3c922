package modbus

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lastgasp/protocols/drivertest"
)

// misbehaviour is what a simulated unit does with a request.
type misbehaviour string

const (
	healthy          misbehaviour = ""
	silence          misbehaviour = "silence"
	comesLate        misbehaviour = "late reply" // sent just before the reply to the next request, whoever that is for
	wrongTransaction misbehaviour = "wrong transaction"
	refusal          misbehaviour = "exception"
	gatewayFails     misbehaviour = "0x0B"
	halfFrame        misbehaviour = "half a frame"
	resets           misbehaviour = "reset"
	shortReply       misbehaviour = "short reply"
	longReply        misbehaviour = "long reply"
	otherUnit        misbehaviour = "answers for another"
	otherFunction    misbehaviour = "another function"
	otherProtocol    misbehaviour = "not Modbus"
	badCRC           misbehaviour = "bad CRC"
	noise            misbehaviour = "noise before the reply"
)

// server plays units behind one address, and what goes wrong with them.
type server struct {
	rtu     bool
	latency time.Duration

	mu       sync.Mutex
	units    map[byte]*simulated
	closed   bool
	conns    map[io.Closer]bool
	accepted int
	requests []simRequest // the last ones
	serving  sync.WaitGroup
	reorder  int // answer this many requests together, the last one first
}

type simRequest struct {
	unit, function byte
	address, count uint16
}

// simulated is one unit: what its registers hold and how it behaves.
type simulated struct {
	value  func(function byte, address uint16) uint16 // registers; bits are odd or even
	does   misbehaviour
	until  int // requests left of it; 0: until told otherwise
	asked  int
	heard  chan struct{}           // closed at the first request
	forbid func(q simRequest) byte // an exception for a request, 0 for none
	wrote  map[uint16]uint16
}

// truth is what a register holds unless a test says otherwise: the unit and the address can be told from it.
func truth(unit byte, address uint16) uint16 { return uint16(unit)<<8 | address&0xFF }

func newServer(rtu bool) *server {
	return &server{rtu: rtu, units: map[byte]*simulated{}, conns: map[io.Closer]bool{}}
}

func (s *server) unit(id byte) *simulated {
	u := &simulated{value: func(_ byte, address uint16) uint16 { return truth(id, address) }, wrote: map[uint16]uint16{}, heard: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.units[id] = u
	return u
}

// set makes a unit misbehave for n requests, 0 for ever.
func (s *server) set(id byte, m misbehaviour, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.units[id].does, s.units[id].until = m, n
}

func (s *server) asked(id byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.units[id].asked
}

func (s *server) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// listen serves on a TCP port and returns host:port. The test's end closes everything.
func (s *server) listen(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if !s.add(conn) {
				closeIt(t, conn)
				return
			}
			s.serving.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		closeIt(t, listener)
		s.close()
	})
	return listener.Addr().String()
}

func closeIt(t testing.TB, c io.Closer) {
	if err := c.Close(); err != nil {
		t.Logf("closing: %v", err)
	}
}

func (s *server) add(conn io.Closer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.conns[conn] = true
	s.accepted++
	return true
}

// hangUp closes all connections there are; new ones are taken.
func (s *server) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c.Close() == nil {
			delete(s.conns, c)
		}
	}
}

func (s *server) close() {
	s.change(func() { s.closed = true })
	s.hangUp()
	s.serving.Wait()
}

// DialContext implements Dialer over a pipe in memory, whose deadlines follow synthetic time.
func (s *server) DialContext(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	if !s.add(far) {
		return nil, net.ErrClosed
	}
	s.serving.Go(func() { s.serve(far) })
	return near, nil
}

// serve answers one connection until it ends.
func (s *server) serve(conn io.ReadWriteCloser) {
	defer func() {
		if err := conn.Close(); err == nil {
			s.change(func() { delete(s.conns, conn) })
		}
	}()
	var buffer, held []byte
	var together [][]byte
	chunk := make([]byte, 512)
	for {
		n, err := conn.Read(chunk)
		if err != nil {
			return
		}
		buffer = append(buffer, chunk[:n]...)
		for {
			frame, rest := s.split(buffer)
			if frame == nil {
				break
			}
			buffer = rest
			if s.latency > 0 {
				<-time.After(s.latency)
			}
			reply, late, hangUp := s.answer(frame)
			if late {
				held = append(held, reply...)
				continue
			}
			reply = append(held, reply...)
			held = nil
			s.mu.Lock()
			reorder := s.reorder
			s.mu.Unlock()
			if reorder > 0 {
				if together = append(together, reply); len(together) < reorder {
					continue
				}
				reply = nil
				for i := len(together) - 1; i >= 0; i-- {
					reply = append(reply, together[i]...)
				}
				together = nil
			}
			if len(reply) > 0 {
				if _, err := conn.Write(reply); err != nil {
					return
				}
			}
			if hangUp {
				if tcp, ok := conn.(*net.TCPConn); ok {
					if tcp.SetLinger(0) != nil { // a reset, not a FIN
						return
					}
				}
				return
			}
		}
	}
}

func (s *server) split(b []byte) (frame, rest []byte) {
	n := 0
	switch {
	case !s.rtu && len(b) >= 7:
		n = 6 + int(binary.BigEndian.Uint16(b[4:]))
	case s.rtu && len(b) >= 7:
		n = 8
		if b[1] == writeCoils || b[1] == writeRegisters {
			n = 9 + int(b[6])
		}
	}
	if n == 0 || len(b) < n {
		return nil, b
	}
	return b[:n], b[n:]
}

// answer makes the reply to a frame, as the unit behaves.
func (s *server) answer(frame []byte) (reply []byte, late, hangUp bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pdu := frame[:len(frame)-2]
	if !s.rtu {
		pdu = frame[6:]
	}
	u := s.units[pdu[0]]
	if u == nil {
		return nil, false, false
	}
	q := simRequest{pdu[0], pdu[1], binary.BigEndian.Uint16(pdu[2:]), binary.BigEndian.Uint16(pdu[4:])}
	if u.asked++; u.asked == 1 {
		close(u.heard)
	}
	if s.requests = append(s.requests, q); len(s.requests) > 1000 {
		s.requests = s.requests[500:]
	}
	does := u.does
	if u.until > 0 {
		if u.until--; u.until == 0 {
			u.does = healthy
		}
	}
	body := u.body(q, pdu)
	unit, transaction := pdu[0], uint16(0)
	if !s.rtu {
		transaction = binary.BigEndian.Uint16(frame)
	}
	switch does {
	case silence:
		return nil, false, false
	case wrongTransaction:
		transaction += 7
	case refusal:
		body = []byte{pdu[1] | 0x80, 4}
	case gatewayFails:
		body = []byte{pdu[1] | 0x80, 0x0B}
	case shortReply:
		body = body[:len(body)-2]
		body[1] -= 2
	case longReply:
		body = append(body, 0xAB, 0xCD)
		body[1] += 2
	case otherUnit:
		unit++
	case otherFunction:
		body[0] ^= 7
	}
	reply = s.wrap(transaction, unit, body)
	switch does {
	case comesLate:
		return reply, true, false
	case halfFrame:
		return reply[:len(reply)-2], false, false
	case resets:
		return nil, false, true
	case otherProtocol:
		reply[3] = 1
	case badCRC:
		reply[len(reply)-1] ^= 0x55
	case noise:
		reply = append([]byte{0, 0xFF, pdu[0], 0x42, pdu[0], pdu[1], 0xFF}, reply...)
	}
	return reply, false, false
}

func (s *server) wrap(transaction uint16, unit byte, body []byte) []byte {
	if s.rtu {
		frame := append([]byte{unit}, body...)
		return binary.LittleEndian.AppendUint16(frame, crc16(frame))
	}
	frame := binary.BigEndian.AppendUint16(nil, transaction)
	frame = append(frame, 0, 0)
	frame = binary.BigEndian.AppendUint16(frame, uint16(1+len(body)))
	return append(append(frame, unit), body...)
}

// body is function and data of a healthy reply.
func (u *simulated) body(q simRequest, pdu []byte) []byte {
	if u.forbid != nil {
		if code := u.forbid(q); code != 0 {
			return []byte{q.function | 0x80, code}
		}
	}
	switch q.function {
	case readCoils, readInputs:
		body := make([]byte, 2+(int(q.count)+7)/8)
		body[0], body[1] = q.function, byte(len(body)-2)
		for i := range q.count {
			body[2+i/8] |= byte(u.value(q.function, q.address+i)&1) << (i % 8)
		}
		return body
	case readHolding, readInput:
		body := []byte{q.function, byte(2 * q.count)}
		for i := range q.count {
			body = binary.BigEndian.AppendUint16(body, u.value(q.function, q.address+i))
		}
		return body
	case writeCoil, writeRegister:
		u.wrote[q.address] = q.count
		return append([]byte(nil), pdu[1:6]...)
	case writeRegisters:
		for i := range q.count {
			u.wrote[q.address+i] = binary.BigEndian.Uint16(pdu[7+2*i:])
		}
		return append([]byte(nil), pdu[1:6]...)
	case writeCoils:
		for i := range q.count {
			u.wrote[q.address+i] = uint16(pdu[7+i/8] >> (i % 8) & 1)
		}
		return append([]byte(nil), pdu[1:6]...)
	}
	return []byte{q.function | 0x80, 1}
}

// pty serves on one end of a pseudo terminal and returns the path of the other.
func (s *server) pty(t testing.TB) string {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		drivertest.Missing(t, "no pseudo terminals here: %v", err)
	}
	raw, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	path := ""
	failing := raw.Control(func(fd uintptr) {
		var n int
		if n, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN); err != nil {
			return
		}
		path = "/dev/pts/" + itoa(n)
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err != nil {
			return
		}
		var settings *unix.Termios
		if settings, err = unix.IoctlGetTermios(int(fd), unix.TCGETS); err != nil {
			return
		}
		settings.Iflag, settings.Oflag, settings.Lflag = 0, 0, 0
		err = unix.IoctlSetTermios(int(fd), unix.TCSETS, settings)
	})
	if failing != nil || err != nil {
		t.Fatalf("pseudo terminal: %v, %v", failing, err)
	}
	// Held open, so that the master does not see a hang-up between two openings of the port.
	slave, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !s.add(master) {
		t.Fatal("closed")
	}
	s.serving.Go(func() { s.serve(master) })
	t.Cleanup(func() {
		s.close()
		closeIt(t, slave)
	})
	return path
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}
