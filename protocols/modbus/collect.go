package modbus

import (
	"context"
	"time"

	"lastgasp/headend"
	"lastgasp/protocols"
)

// result is what one poll is to be stored as, with the memory it lies in. It is used again once it is stored.
type result struct {
	batch   headend.Batch
	outcome outcome
	decoded decoded
	events  []headend.Event
	refusal *headend.Refusal // why the poll is kept in quarantine too
}

func (d *Driver) result() *result {
	r := d.free.Get().(*result)
	r.batch, r.events, r.refusal = headend.Batch{}, r.events[:0], nil
	r.outcome.reset(0)
	r.decoded.clear()
	return r
}

func (d *Driver) release(r *result) { d.free.Put(r) }

// deliver hands a result to the collector. While the sink stands still and the queue is full it waits, and with it
// the line: nothing is read that could not be kept.
func (d *Driver) deliver(ctx context.Context, r *result) {
	r.batch.Readings, r.batch.Events = r.decoded.readings, r.events
	d.counts.events.Add(uint64(len(r.events)))
	select {
	case d.results <- r:
	case <-ctx.Done():
		select { // there may be room all the same
		case d.results <- r:
		default:
			d.counts.lost.Add(1)
		}
	}
}

// collect brings results to the sink, those of a few milliseconds in one call, until there are no more.
func (d *Driver) collect(ctx context.Context, sink protocols.Sink) {
	accepting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(d.config.StopTimeout, cancel) })
	defer stop()
	var batches []headend.Batch
	var results []*result
	timer := time.NewTimer(0)
	defer timer.Stop()
	for r := range d.results {
		results = append(results[:0], r)
		timer.Reset(d.config.BatchDelay)
	gather:
		for len(results) < d.config.BatchPolls {
			select {
			case r, more := <-d.results:
				if !more {
					break gather
				}
				results = append(results, r)
			case <-timer.C:
				break gather
			}
		}
		batches = batches[:0]
		for _, r := range results {
			batches = r.appendBatches(batches)
		}
		d.accept(ctx, accepting, sink, batches)
		clear(batches)
		for _, r := range results {
			d.release(r)
		}
		clear(results)
	}
}

// appendBatches appends what a poll is to be stored as. Events go apart from readings, so that a value the database
// refuses takes no change of a breaker with it into quarantine.
func (r *result) appendBatches(to []headend.Batch) []headend.Batch {
	if len(r.batch.Readings) > 0 {
		b := r.batch
		b.Events = nil
		to = append(to, b)
	}
	if len(r.batch.Events) > 0 {
		b := r.batch
		b.Readings = nil
		to = append(to, b)
	}
	if r.refusal != nil {
		to = append(to, headend.Refused(r.batch.Device, r.batch.Received, r.batch.Source, r.batch.Raw, r.refusal.Reason, r.refusal.Detail))
	}
	return to
}

// accept tries until the sink has stored the batches, or the driver is stopping and it fails.
func (d *Driver) accept(ctx, accepting context.Context, sink protocols.Sink, batches []headend.Batch) {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := sink.Accept(accepting, batches)
		if err == nil {
			d.counts.stored.Add(uint64(len(batches)))
			return
		}
		d.counts.acceptErrors.Add(1)
		if ctx.Err() != nil {
			d.counts.lost.Add(uint64(len(batches)))
			d.log.Error("polls given up: the sink fails and the driver stops", "batches", len(batches), "error", err)
			return
		}
		d.log.Warn("polls cannot be stored, trying again", "batches", len(batches), "pause", pause, "error", err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}
