package simulator

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// Modbus exceptions a unit or its port answers with.
const (
	exceptionFunction byte = 1
	exceptionAddress  byte = 2
	exceptionValue    byte = 3
)

const (
	mostPDU   = 253 // bytes
	mostFrame = 260 // with the MBAP header; an RTU frame has at most 256
)

// errFraming is a stream in which no further frame can be found.
var errFraming = errors.New("not Modbus")

// modbusRequest is one request off the wire. Its pdu lies in the reader's buffer.
type modbusRequest struct {
	transaction uint16 // 0 with RTU frames
	unit        byte
	pdu         []byte // function and what follows
}

// framer takes requests off a stream and makes replies.
type framer interface {
	// read returns the next request; io.EOF and the reader's errors where the stream ends, errFraming where it
	// makes no sense. Frames that are merely damaged are passed over, as a device does. buffer has room for mostFrame.
	read(r *bufio.Reader, buffer []byte) (modbusRequest, error)
	// frame appends a reply to b; its pdu is at most mostPDU long.
	frame(b []byte, transaction uint16, unit byte, pdu []byte) []byte
}

// mbap is Modbus TCP.
type mbap struct{}

func (mbap) read(r *bufio.Reader, buffer []byte) (modbusRequest, error) {
	head := buffer[:7]
	if _, err := io.ReadFull(r, head); err != nil {
		return modbusRequest{}, err
	}
	length := int(binary.BigEndian.Uint16(head[4:]))
	if head[2] != 0 || head[3] != 0 || length < 2 || length > mostPDU+1 {
		return modbusRequest{}, errFraming
	}
	q := modbusRequest{transaction: binary.BigEndian.Uint16(head), unit: head[6], pdu: buffer[7 : 6+length]}
	_, err := io.ReadFull(r, q.pdu)
	return q, err
}

func (mbap) frame(b []byte, transaction uint16, unit byte, pdu []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, transaction)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(pdu)+1))
	return append(append(b, unit), pdu...)
}

// rtu is RTU frames in a stream. Where a frame ends follows from its function, since the pauses of a serial line
// are lost.
type rtu struct{}

// length is how long a request is that begins like this, 0 where that cannot be told yet.
func (rtu) length(begin []byte) (length int, known bool) {
	if len(begin) < 2 {
		return 0, true
	}
	switch begin[1] {
	case 1, 2, 3, 4, 5, 6:
		return 8, true
	case 15, 16:
		if len(begin) < 7 {
			return 0, true
		}
		return 9 + int(begin[6]), true
	}
	return 0, false
}

func (f rtu) read(r *bufio.Reader, buffer []byte) (modbusRequest, error) {
	for {
		begin, err := r.Peek(2)
		if err != nil {
			return modbusRequest{}, err
		}
		length, known := f.length(begin)
		if known && length == 0 {
			if begin, err = r.Peek(7); err != nil {
				return modbusRequest{}, err
			}
			length, known = f.length(begin)
		}
		if !known { // a function that is not known: what has come is the frame, or noise
			length = min(r.Buffered(), mostFrame-4)
		}
		if length > mostFrame-4 {
			return modbusRequest{}, errFraming
		}
		frame := buffer[:length]
		if _, err := io.ReadFull(r, frame); err != nil {
			return modbusRequest{}, err
		}
		if end := length - 2; end >= 2 && crc16(frame[:end]) == binary.LittleEndian.Uint16(frame[end:]) {
			return modbusRequest{unit: frame[0], pdu: frame[1:end]}, nil
		}
		if _, err := r.Discard(r.Buffered()); err != nil { // as the pause after a damaged frame does
			return modbusRequest{}, err
		}
	}
}

func (rtu) frame(b []byte, _ uint16, unit byte, pdu []byte) []byte {
	begin := len(b)
	b = append(append(b, unit), pdu...)
	return binary.LittleEndian.AppendUint16(b, crc16(b[begin:]))
}

// crc16 is the CRC of Modbus over serial line, 2.5.1.2: polynomial 0xA001 reflected, from 0xFFFF.
func crc16(b []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, c := range b {
		crc = crc>>8 ^ crcTable[byte(crc)^c]
	}
	return crc
}

var crcTable = func() (table [256]uint16) {
	for i := range table {
		crc := uint16(i)
		for range 8 {
			odd := crc&1 != 0
			if crc >>= 1; odd {
				crc ^= 0xA001
			}
		}
		table[i] = crc
	}
	return table
}()

// appendReply appends the reply to a request for reading: the values, or an exception. v is asked for once, and
// only where registers are read; state where bits are.
func (m *modbusModel) appendReply(b, pdu []byte, view func() *unitView, state func() unitState) []byte {
	function := pdu[0]
	refuse := func(code byte) []byte { return append(b, function|0x80, code) }
	if function < 1 || function > 4 {
		return refuse(exceptionFunction)
	}
	if len(pdu) != 5 {
		return refuse(exceptionValue)
	}
	from, count := int(binary.BigEndian.Uint16(pdu[1:])), int(binary.BigEndian.Uint16(pdu[3:]))
	if function <= 2 {
		space := m.coils
		if function == 2 {
			space = m.inputs
		}
		switch {
		case space.to == 0:
			return refuse(exceptionFunction)
		case count < 1 || count > 2000:
			return refuse(exceptionValue)
		case !space.holds(from, from+count):
			return refuse(exceptionAddress)
		}
		return m.appendBits(append(b, function, byte((count+7)/8)), function, from, count, state())
	}
	switch {
	case m.functions[0] != function && m.functions[len(m.functions)-1] != function:
		return refuse(exceptionFunction)
	case count < 1 || count > 125:
		return refuse(exceptionValue)
	case !m.readable(from, from+count):
		return refuse(exceptionAddress)
	}
	return m.appendRegisters(append(b, function, byte(2*count)), from, count, view())
}

func (m *modbusModel) readable(from, to int) bool {
	for _, a := range m.areas {
		if a.holds(from, to) {
			return true
		}
	}
	return false
}

// appendBits packs bits as they are sent: the first one lowest.
func (m *modbusModel) appendBits(b []byte, function byte, from, count int, state unitState) []byte {
	var bits [16]byte
	if function == 2 {
		m.bits(state, &bits)
	}
	for i := 0; i < count; i += 8 {
		packed := byte(0)
		for k := 0; k < 8 && i+k < count; k++ {
			n := from + i + k
			packed |= bits[n/8] >> (n % 8) & 1 << k
		}
		b = append(b, packed)
	}
	return b
}

// appendRegisters appends registers; a value that is only partly asked for is cut, as it is in a device.
func (m *modbusModel) appendRegisters(b []byte, from, count int, v *unitView) []byte {
	begin := len(b)
	for range count {
		b = append(b, 0, 0)
	}
	out := b[begin:]
	var value [8]byte
	for i := range m.registers {
		f := &m.registers[i]
		at := 2 * (f.address - from)
		size := f.form.bytes()
		if at+size <= 0 {
			continue
		}
		if at >= len(out) {
			break
		}
		f.encode(value[:], v, m)
		if at < 0 {
			copy(out, value[-at:size])
		} else {
			copy(out[at:], value[:size])
		}
	}
	return b
}
