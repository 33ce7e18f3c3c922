package protocols

import "time"

// Message is one published message, whichever broker delivered it.
type Message struct {
	Topic    string
	Payload  []byte // owned by the driver; stays unchanged until Accept has returned
	Retained bool   // delivered because the broker had kept it: old news, not what is true now
	QoS      byte
	Received time.Time // UTC
}
