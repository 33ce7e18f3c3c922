package broker

import (
	"context"
	"fmt"
	"time"

	"lastgasp/headend"
	"lastgasp/protocols"
)

const (
	retryFirst = 50 * time.Millisecond
	retryMost  = 5 * time.Second
)

// collector takes batches, decodes them, has them stored and acknowledges them. Several run at once:
// while one waits for the commit the next decodes.
type collector struct {
	b       *Broker
	sink    protocols.Sink
	touched []*conn
	timer   *time.Timer
}

// run works until the queue has ended and is empty. ctx bounds Accept; stopping ends the retries.
func (w *collector) run(ctx context.Context) {
	w.timer = time.NewTimer(time.Hour)
	w.timer.Stop()
	for {
		batch := w.b.queue.take()
		if batch == nil {
			return
		}
		w.decode(batch)
		stored := w.accept(ctx, batch.decoded.Batches)
		<-batch.prev // acknowledgements leave in the order of the publishes
		w.answer(batch, stored)
		close(batch.done)
		if stored {
			w.reply(batch.decoded.Replies)
		}
		w.b.queue.recycle(batch)
	}
}

func (w *collector) decode(batch *batch) {
	out := &batch.decoded
	for _, r := range batch.runs {
		for i := r.first; i < r.first+r.n; i++ {
			it := &batch.items[i]
			m := protocols.Message{Topic: it.topic, Payload: batch.arena[it.from:it.to:it.to],
				QoS:      it.qos, // live, whatever its retain flag says: nothing is retained here
				Received: time.Unix(0, it.received).UTC()}
			if it.grant == grantNone {
				out.Batches = append(out.Batches, refused(r.rights, m, headend.ReasonForeignDevice,
					fmt.Sprintf("device %s published to a topic that is not its own", r.rights.device)))
				continue
			}
			from := len(out.Batches)
			if fault := w.safely(m, out); fault != "" {
				clear(out.Batches[from:])
				out.Batches = append(out.Batches[:from], refused(r.rights, m, headend.ReasonMalformed, fault))
			}
			name(r.rights, out.Batches[from:])
			if it.grant == grantOwn && !r.rights.gateway {
				w.own(r.rights, m, out, from)
			}
		}
	}
}

// name puts the login's device to what was set aside before the decoder knew one: who sent it is known.
func name(r *rights, batches []headend.Batch) {
	for i := range batches {
		if b := &batches[i]; b.Refusal != nil && b.Device == "" {
			b.Device = r.device
		}
	}
}

// safely decodes one message. A decoder must not panic; if one does, it costs that message and not the
// head-end.
func (w *collector) safely(m protocols.Message, out *protocols.Decoded) (fault string) {
	defer func() {
		if p := recover(); p != nil {
			fault = fmt.Sprintf("the decoder panicked: %v", p)
			w.b.log.Error("decoder panicked", "topic", m.Topic, "panic", p)
		}
	}()
	w.b.decoder.Decode(m, out)
	return ""
}

// own sets aside what a device that is no gateway says of others.
func (w *collector) own(r *rights, m protocols.Message, out *protocols.Decoded, from int) {
	kept := from
	var other headend.DeviceID
	for i := from; i < len(out.Batches); i++ {
		b := out.Batches[i]
		if b.Refusal == nil && b.Device != r.device {
			other = b.Device
			continue
		}
		out.Batches[kept] = b
		kept++
	}
	if kept == len(out.Batches) {
		return
	}
	clear(out.Batches[kept:])
	out.Batches = append(out.Batches[:kept], refused(r, m, headend.ReasonForeignDevice,
		fmt.Sprintf("device %s is no gateway and speaks for device %s", r.device, other)))
}

func refused(r *rights, m protocols.Message, reason headend.Reason, detail string) headend.Batch {
	return headend.Refused(r.device, m.Received, headend.Source{Protocol: "mqtt", Address: m.Topic}, m.Payload, reason, detail)
}

// accept has batches stored, however often that takes. It gives up only when the broker stops.
func (w *collector) accept(ctx context.Context, batches []headend.Batch) bool {
	if len(batches) == 0 {
		return true
	}
	for pause := retryFirst; ; pause = min(2*pause, retryMost) {
		begin := time.Now()
		err := w.sink.Accept(ctx, batches)
		w.b.metrics.accept.Observe(time.Since(begin).Seconds())
		if err == nil {
			return true
		}
		w.b.metrics.acceptErrors.Inc()
		select {
		case <-w.b.stopping:
			w.b.log.Warn("stopped before messages could be stored; devices will send them again", "batches", len(batches), "error", err)
			return false
		default:
		}
		w.b.log.Warn("messages not stored, trying again", "batches", len(batches), "pause", pause, "error", err)
		w.timer.Reset(pause)
		select {
		case <-w.timer.C:
		case <-w.b.stopping: // one last try
			w.timer.Stop()
		}
	}
}

// answer acknowledges a batch: first all acknowledgements are gathered by client, then each client
// gets one write.
func (w *collector) answer(batch *batch, stored bool) {
	for _, r := range batch.runs {
		if r.c != nil && r.c.answer(batch.items[r.first:r.first+r.n], stored) {
			w.touched = append(w.touched, r.c)
		}
	}
	for _, c := range w.touched {
		c.flush()
	}
	clear(w.touched)
	w.touched = w.touched[:0]
	if stored {
		w.b.metrics.acknowledged.Add(float64(len(batch.items)))
	}
}

// reply publishes what a decoder asks for, a Sparkplug rebirth request for one. Best effort by contract.
func (w *collector) reply(replies []protocols.Message) {
	for _, m := range replies {
		if err := w.b.server.Publish(m.Topic, m.Payload, m.Retained, m.QoS); err != nil {
			w.b.log.Warn("reply not published", "topic", m.Topic, "error", err)
		}
	}
}
