package drivertest

import (
	"bytes"
	"strconv"
	"strings"
	"sync"

	"lastgasp/headend"
	"lastgasp/protocols"
)

// NumberQuantity is the quantity in which Decoder puts the number of a message.
const NumberQuantity headend.Quantity = "n"

// Payload is a message that Decoder understands.
func Payload(n int) []byte { return strconv.AppendInt([]byte("n="), int64(n), 10) }

// Garbage is a message that it refuses. It bears a number all the same, for the sink to record.
func Garbage(n int) []byte { return strconv.AppendInt([]byte("garbage="), int64(n), 10) }

// Topic is a topic whose third level is the device, as in the native format.
func Topic(device headend.DeviceID) string { return "ami/v1/" + string(device) + "/reads" }

// Decoder reads Payload and counts what it was given.
type Decoder struct {
	mu    sync.Mutex
	count map[headend.DeviceID]int
	Seen  func(headend.DeviceID) // called for each message, if not nil
}

var _ protocols.Decoder = (*Decoder)(nil)

// Decode implements protocols.Decoder.
func (d *Decoder) Decode(m protocols.Message, out *protocols.Decoded) {
	var device headend.DeviceID
	if levels := strings.Split(m.Topic, "/"); len(levels) > 2 {
		device = headend.DeviceID(levels[2])
	}
	d.mu.Lock()
	if d.count == nil {
		d.count = map[headend.DeviceID]int{}
	}
	d.count[device]++
	seen := d.Seen
	d.mu.Unlock()
	if seen != nil {
		seen(device)
	}
	source := headend.Source{Protocol: "mqtt", Address: m.Topic}
	text, ok := bytes.CutPrefix(m.Payload, []byte("n="))
	n, err := strconv.Atoi(string(text))
	if !ok || err != nil {
		out.Batches = append(out.Batches, headend.Refused(device, m.Received, source, m.Payload, headend.ReasonMalformed, "not n=<number>"))
		return
	}
	out.Batches = append(out.Batches, headend.Batch{Device: device, Received: m.Received, Source: source, Raw: m.Payload,
		Readings: []headend.Reading{{Time: m.Received, Quantity: NumberQuantity, Value: headend.Whole(int64(n))}}})
}

// Count is how many messages of a device were decoded.
func (d *Decoder) Count(device headend.DeviceID) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count[device]
}
