package mqtt

import (
	"context"
	"fmt"
	"time"

	"lastgasp/headend"
	"lastgasp/protocols"
)

const (
	acceptRetry     = 50 * time.Millisecond
	acceptRetryMost = 5 * time.Second
)

// collector takes batches, decodes them, has them stored and acknowledges them. Several run at once:
// while one waits for the commit the next decodes.
type collector struct {
	s    *Session
	sink protocols.Sink
}

// run works until intake has ended and is empty. ctx bounds Accept; stopping ends the retries.
func (w *collector) run(ctx context.Context) {
	for {
		b := w.s.intake.take()
		if b == nil {
			return
		}
		w.decode(b)
		stored := w.accept(ctx, b.decoded.Batches)
		<-b.prev // acknowledgements leave in the order of arrival
		w.answer(b, stored)
		close(b.done)
		if stored {
			w.reply(b.decoded.Replies)
		}
		w.s.intake.recycle(b)
	}
}

func (w *collector) decode(b *takings) {
	for i := range b.messages {
		t := &b.messages[i]
		m := protocols.Message{Topic: t.topic, Payload: t.payload, Retained: t.retained, QoS: t.qos, Received: time.Unix(0, t.received).UTC()}
		w.safely(m, &b.decoded)
	}
}

// safely decodes one message. A decoder must not panic; if one does, it costs that message and not the
// head-end.
func (w *collector) safely(m protocols.Message, out *protocols.Decoded) {
	from := len(out.Batches)
	defer func() {
		if p := recover(); p != nil {
			w.s.log.Error("decoder panicked", "topic", m.Topic, "panic", p)
			clear(out.Batches[from:])
			out.Batches = append(out.Batches[:from], headend.Refused("", m.Received, headend.Source{Protocol: "mqtt", Address: m.Topic},
				m.Payload, headend.ReasonMalformed, fmt.Sprintf("the decoder panicked: %v", p)))
		}
	}()
	w.s.decoder.Decode(m, out)
}

// accept has batches stored, however often that takes. It gives up only when the session stops.
func (w *collector) accept(ctx context.Context, batches []headend.Batch) bool {
	if len(batches) == 0 {
		return true
	}
	for retry := acceptRetry; ; retry = min(2*retry, acceptRetryMost) {
		begin := time.Now()
		err := w.sink.Accept(ctx, batches)
		w.s.metrics.accept.Observe(time.Since(begin).Seconds())
		if err == nil {
			return true
		}
		w.s.metrics.acceptErrors.Inc()
		select {
		case <-w.s.stopping:
			w.s.log.Warn("stopped before messages could be stored; the broker will send them again", "batches", len(batches), "error", err)
			return false
		default:
		}
		w.s.log.Warn("messages not stored, trying again", "batches", len(batches), "pause", retry, "error", err)
		t := time.NewTimer(retry)
		select {
		case <-t.C:
		case <-w.s.stopping: // one last try
		}
		t.Stop()
	}
}

// answer acknowledges a batch and frees its places, for each stretch of messages that came over the
// same connection at once.
func (w *collector) answer(b *takings, stored bool) {
	for m := b.messages; len(m) > 0; {
		n := 1
		for n < len(m) && m[n].wire == m[0].wire {
			n++
		}
		if stored {
			m[0].wire.acknowledge(m[:n])
		}
		m[0].link.release(n)
		m = m[n:]
	}
	if stored {
		w.s.metrics.acknowledged.Add(float64(len(b.messages)))
	}
}

// reply publishes what a decoder asks for, a Sparkplug rebirth request for one. Best effort by contract.
func (w *collector) reply(replies []protocols.Message) {
	for _, m := range replies {
		if !w.s.send(m) {
			w.s.log.Warn("reply not published: no connection is up", "topic", m.Topic)
		}
	}
}

// send publishes without waiting for the broker's answer.
func (s *Session) send(m protocols.Message) bool {
	for _, l := range s.links {
		if client := l.up.Load(); client != nil {
			(*client).Publish(m.Topic, m.QoS, m.Retained, m.Payload)
			s.metrics.published.Inc()
			return true
		}
	}
	return false
}
