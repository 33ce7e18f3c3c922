package mqtt

import (
	"fmt"
	"sync"
	"time"

	"lastgasp/headend"
	"lastgasp/protocols"
)

// settings are what every codec of a router shares.
type settings struct {
	limits Limits
	zone   *time.Location
}

// output collects what one message says and keeps it within the limits.
type output struct {
	*protocols.Decoded
	message protocols.Message
	m       *protocols.Message // message, or in a test another
	limits  *Limits

	first    int // index of the message's first batch
	readings int
	events   int
	full     bool // a limit was passed and the message is refused
}

// outputs saves two allocations a message.
var outputs = sync.Pool{New: func() any { return new(output) }}

func (o *output) source() headend.Source {
	return headend.Source{Protocol: "mqtt", Address: o.m.Topic}
}

// deliver appends a batch that holds something. It reports false when the message went over a limit:
// then all of it is refused and the codec stops.
func (o *output) deliver(b headend.Batch) bool {
	if o.full {
		return false
	}
	if len(b.Readings) == 0 && len(b.Events) == 0 && b.Refusal == nil {
		return true
	}
	o.readings += len(b.Readings)
	o.events += len(b.Events)
	switch {
	case len(o.Batches)-o.first >= o.limits.Batches:
		o.refuseAll(headend.ReasonTooLarge, fmt.Sprintf("message has more than %d devices or refused parts", o.limits.Batches))
	case o.readings > o.limits.Readings:
		o.refuseAll(headend.ReasonTooLarge, fmt.Sprintf("message has more than %d values", o.limits.Readings))
	case o.events > o.limits.Events:
		o.refuseAll(headend.ReasonTooLarge, fmt.Sprintf("message has more than %d events", o.limits.Events))
	default:
		b.Received = o.m.Received
		b.Source = o.source()
		o.Batches = append(o.Batches, b)
		return true
	}
	return false
}

// refuse sets a message or a part of it aside; raw is that part, such that it says the same when it
// is decoded again on the same topic.
func (o *output) refuse(device, gateway headend.DeviceID, raw []byte, reason headend.Reason, detail string) bool {
	return o.deliver(headend.Batch{Device: device, Gateway: gateway, Raw: raw,
		Refusal: &headend.Refusal{Reason: reason, Detail: clip(detail)}})
}

// refuseAll drops what the message has said so far and sets the whole of it aside.
func (o *output) refuseAll(reason headend.Reason, detail string) {
	clear(o.Batches[o.first:])
	o.Batches = append(o.Batches[:o.first],
		headend.Refused("", o.m.Received, o.source(), o.m.Payload, reason, clip(detail)))
	o.full = true
}

// finish counts a message that left nothing behind as understood but empty.
func (o *output) finish() {
	if len(o.Batches) == o.first {
		o.Ignored++
	}
}

// stale tells whether a statement without a time of its own must not be believed. A retained message
// is what the broker kept from an unknown time: its value taken for one of now would be a made-up
// sign of life.
func stale(m *protocols.Message) bool { return m.Retained }

// clip bounds what a refusal repeats of hostile input.
func clip(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	n := most
	for n > 0 && s[n]&0xc0 == 0x80 { // not inside a character
		n--
	}
	return s[:n] + "…"
}
