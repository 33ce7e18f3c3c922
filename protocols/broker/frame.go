package broker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// MQTT control packet types.
const (
	typeConnect    = 1
	typePublish    = 3
	typePubrel     = 6
	typePingreq    = 12
	typeDisconnect = 14
)

// maxTopicBytes bounds a topic name: six times the longest native one.
const maxTopicBytes = 512

var (
	errLength   = errors.New("remaining length has more than four bytes")
	errTooLarge = errors.New("packet above the size limit")
	errPublish  = errors.New("malformed PUBLISH")
	errTopic    = errors.New("PUBLISH with an invalid topic name")
	errAlias    = errors.New("PUBLISH with a topic alias, none was offered")
)

// header reads a packet's fixed header. head is its length in bytes, 0 while it is incomplete; body
// the length of what follows.
func header(b []byte) (head, body int, err error) {
	for i := 1; i < len(b); i++ {
		if i > 4 {
			return 0, 0, errLength
		}
		body |= int(b[i]&0x7f) << (7 * (i - 1))
		if b[i] < 0x80 {
			return i + 1, body, nil
		}
	}
	if len(b) > 4 {
		return 0, 0, errLength
	}
	return 0, 0, nil
}

// publish is a PUBLISH packet; topic and payload point into the frame.
type publish struct {
	topic   []byte
	payload []byte
	id      uint16 // 0 with QoS 0
	qos     byte

	name  string // topic as a string of its own, filled in by the connection
	grant grant
}

// parsePublish reads the body of a PUBLISH whose first byte is first. MQTT 5 properties are skipped:
// none of them changes what is stored, and topic aliases are not offered.
func parsePublish(first byte, body []byte, v5 bool) (publish, error) {
	p := publish{qos: first >> 1 & 3}
	if p.qos == 3 || len(body) < 2 {
		return p, errPublish
	}
	n := int(binary.BigEndian.Uint16(body))
	body = body[2:]
	if n > len(body) {
		return p, errPublish
	}
	p.topic, body = body[:n:n], body[n:]
	if p.qos > 0 {
		if len(body) < 2 {
			return p, errPublish
		}
		p.id = binary.BigEndian.Uint16(body)
		if p.id == 0 {
			return p, errPublish // [MQTT-2.3.1-1]
		}
		body = body[2:]
	}
	if v5 {
		if len(p.topic) == 0 {
			return p, errAlias
		}
		n, used := propertyLength(body)
		if used == 0 || n > len(body)-used {
			return p, errPublish
		}
		body = body[used+n:]
	}
	if !validTopic(p.topic) {
		return p, errTopic
	}
	p.payload = body
	return p, nil
}

// propertyLength reads a variable byte integer; used is 0 when there is none.
func propertyLength(b []byte) (n, used int) {
	for i := 0; i < len(b) && i < 4; i++ {
		n |= int(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			return n, i + 1
		}
	}
	return 0, 0
}

func validTopic(t []byte) bool {
	return len(t) > 0 && len(t) <= maxTopicBytes && utf8.Valid(t) && !bytes.ContainsAny(t, "+#\x00")
}

// appendAck appends the answer to a publish: PUBACK to QoS 1, PUBREC to QoS 2. A reason other than
// success exists in MQTT 5 only.
func appendAck(b []byte, qos byte, id uint16, refused, v5 bool) []byte {
	first := byte(0x40)
	if qos == 2 {
		first = 0x50
	}
	if refused && v5 {
		return append(b, first, 3, byte(id>>8), byte(id), 0x87)
	}
	return append(b, first, 2, byte(id>>8), byte(id))
}
