package protocols

import "lastgasp/headend"

// Decoder turns messages into batches. It is the seam between a transport (a broker) and the payload
// formats: a transport knows no format, a format knows no transport.
//
// A Decoder is safe for use from several goroutines.
type Decoder interface {
	// Decode appends to out what the message says. It never fails: what cannot be used is appended
	// as a batch with a Refusal, so that every message ends either in the store or in quarantine.
	// Batches may point into m.Payload and m.Topic.
	Decode(m Message, out *Decoded)
}

// Decoded collects what one or more messages said. Reset it to use it again.
type Decoded struct {
	Batches []headend.Batch
	Replies []Message // to be published, best effort, after the batches are stored (a Sparkplug rebirth request)
	Ignored int       // messages understood but with nothing in them to keep (a stale will)
}

// Reset empties d and keeps its memory.
func (d *Decoded) Reset() {
	clear(d.Batches)
	d.Batches = d.Batches[:0]
	clear(d.Replies)
	d.Replies = d.Replies[:0]
	d.Ignored = 0
}
