package simulator

import (
	"time"

	"lastgasp/headend"
)

// Hearer takes what devices say as values, at once, instead of a Face: for whoever wants days of a grid in seconds. What
// the channel of the scenario does to messages happens before; what a broker and a network do is the Hearer's.
type Hearer interface {
	// Hear takes one message of an account. Received is empty. The batches may be kept but not
	// changed: a message that the channel doubles is heard with the same ones.
	Hear(now time.Time, account int, batches []headend.Batch) error
	// Link says whether the account's device has power and reach.
	Link(now time.Time, account int, up bool)
}

// message is what one account says at once.
type message struct {
	topic   string
	payload []byte          // for a Face
	batches []headend.Batch // for a Hearer
}

// batch is one device's part of a message.
func (s *Simulation) batch(x *sender, device headend.DeviceID) headend.Batch {
	b := headend.Batch{Device: device, Source: headend.Source{Protocol: "mqtt"}}
	if device != x.ID {
		b.Gateway = x.ID
	}
	return b
}

// voltages are the readings that say something about supply.
func (m *Measurement) voltages() []headend.Reading {
	list := make([]headend.Reading, m.Phases)
	for i := range list {
		list[i] = headend.Reading{Time: m.Time, Quantity: [...]headend.Quantity{headend.V1, headend.V2, headend.V3}[i], Value: headend.Real(float64(m.DeciVolts[i]) / 10)}
	}
	return list
}

// event is a happening as the head-end knows it.
func (h *Happening) event() headend.Event {
	e := headend.Event{Time: h.Time.UTC(), Type: h.Event, Seq: h.Seq, Duration: h.Duration, Phases: h.Phases}
	if !h.Former.IsZero() {
		e.Detail = `{"former":"` + h.Former.UTC().Format(time.RFC3339) + `"}`
	}
	return e
}
