package protocols

import "time"

// Message is one published message, whichever broker delivered it.
type Message struct {
	Topic    string
	Payload  []byte // owned by the driver; stays unchanged until Accept has returned
	Retained bool
	QoS      byte
	Received time.Time // UTC
}
