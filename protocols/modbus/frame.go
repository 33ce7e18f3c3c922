package modbus

import (
	"encoding/binary"
	"fmt"
)

// Sizes of the Modbus specification, in bytes.
const (
	headerSize = 7   // MBAP: transaction, protocol, length, unit
	maxTCP     = 260 // a whole frame over TCP
	maxRTU     = 256 // a whole frame on a line
)

// splitTCP finds the frame at the start of b: its length, or 0 when more bytes are needed. An error means
// that the stream is not Modbus TCP, or no longer in step: nothing after it can be trusted.
func splitTCP(b []byte) (int, error) {
	if len(b) >= 4 && binary.BigEndian.Uint16(b[2:]) != 0 {
		return 0, fmt.Errorf("protocol id %d in the header, Modbus has 0", binary.BigEndian.Uint16(b[2:]))
	}
	if len(b) < 6 {
		return 0, nil
	}
	length := int(binary.BigEndian.Uint16(b[4:])) // unit, function, data
	if length < 2 || length > maxTCP-6 {
		return 0, fmt.Errorf("length %d in the header; 2 to %d are possible", length, maxTCP-6)
	}
	if len(b) < 6+length {
		return 0, nil
	}
	return 6 + length, nil
}

// stolen tells whether a frame holds the beginning of another reply among its data: it was cut short, and what is missing was
// taken from the replies behind it. Nothing else shows that, for Modbus TCP has no checksum, and header and length are those
// of the frame as it should have been. recent says whether a request with the transaction was made lately, pending whether
// its reply is still to come.
func stolen(frame []byte, recent, pending func(transaction uint16) bool) bool {
	const header = 9 // transaction, protocol, length, unit, function, count of bytes
	for i := header; i+4 <= len(frame); i++ {
		b := frame[i:]
		if b[2] != 0 || b[3] != 0 {
			continue
		}
		transaction := binary.BigEndian.Uint16(b)
		if len(b) < header {
			if pending(transaction) && (len(b) < 5 || b[4] == 0) {
				return true
			}
			continue
		}
		length, function, count := binary.BigEndian.Uint16(b[4:]), b[7], uint16(b[8])
		values := function >= readCoils && function <= readInput && length == count+3
		refusal := function&0x80 != 0 && length == 3
		if (values || refusal) && recent(transaction) {
			return true
		}
	}
	return false
}

// recently tells whether a transaction is one of the last 256 of a connection.
func recently(last, transaction uint16) bool { return last-transaction < 256 }

// findRTU looks in b for the whole frame, CRC right, with which unit answers a request. A line has noise
// and late replies on it, so every position is tried; want is the length the reply must have when it is
// no exception, and a good frame of another length is passed over and reported as other.
// need is how many bytes of b may be dropped from its start without losing a frame still arriving.
func findRTU(b []byte, unit, function byte, want int) (frame []byte, other bool, need int) {
	need = len(b)
	for i := 0; i < len(b); i++ {
		if b[i] != unit {
			continue
		}
		if i+1 == len(b) {
			return nil, other, min(need, i)
		}
		n := want
		switch b[i+1] {
		case function:
		case function | 0x80:
			n = 5
		default:
			continue
		}
		if length := lengthRTU(b[i:]); length != n {
			if length == 0 || i+length > len(b) {
				need = min(need, i)
			} else if crcOK(b[i : i+length]) {
				other = true
				i += length - 1
			}
			continue
		}
		if i+n > len(b) {
			need = min(need, i)
			continue
		}
		if crcOK(b[i : i+n]) {
			return b[i : i+n], other, 0
		}
	}
	return nil, other, need
}

// lengthRTU is the length the reply at the start of b says it has; 0 when b is too short to tell or the
// function is none that this driver asks for.
func lengthRTU(b []byte) int {
	if len(b) < 3 {
		return 0
	}
	switch function := b[1]; {
	case function&0x80 != 0:
		return 5
	case function >= readCoils && function <= readInput:
		return 5 + int(b[2])
	case function == writeCoil || function == writeRegister || function == writeCoils || function == writeRegisters:
		return 8
	}
	return 0
}

// replySize is how long the data of the reply to a request must be; -1 for functions not known here.
// pdu is function code and data of the request.
func replySize(pdu []byte) int {
	if len(pdu) < 5 {
		return -1
	}
	count := int(binary.BigEndian.Uint16(pdu[3:]))
	switch pdu[0] {
	case readCoils, readInputs:
		return 1 + (count+7)/8
	case readHolding, readInput:
		return 1 + 2*count
	case writeCoil, writeRegister, writeCoils, writeRegisters:
		return 4
	}
	return -1
}

// Function codes.
const (
	readCoils      = 1
	readInputs     = 2
	readHolding    = 3
	readInput      = 4
	writeCoil      = 5
	writeRegister  = 6
	writeCoils     = 15
	writeRegisters = 16
)

var crcTable = func() (t [256]uint16) {
	for i := range t {
		crc := uint16(i)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0xA001
			} else {
				crc >>= 1
			}
		}
		t[i] = crc
	}
	return t
}()

func crc16(b []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, c := range b {
		crc = crc>>8 ^ crcTable[byte(crc)^c]
	}
	return crc
}

func crcOK(frame []byte) bool {
	n := len(frame) - 2
	return n >= 2 && binary.LittleEndian.Uint16(frame[n:]) == crc16(frame[:n])
}
