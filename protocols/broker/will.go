package broker

import (
	"context"
	"sync"
	"time"
)

// will is what a device asked to be said for it when it vanishes.
type will struct {
	rights  *rights
	publish publish
	delay   time.Duration
}

func (c *conn) setWill(w *will) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.will = w
}

// takeWill returns the will once.
func (c *conn) takeWill() *will {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.will
	c.will = nil
	return w
}

// storeWill puts a will into the queue as if it arrived now, waiting for room until ctx ends or the
// broker stops.
func (b *Broker) storeWill(ctx context.Context, w *will) {
	pubs := []publish{w.publish}
	b.metrics.received(pubs)
	for {
		wait, err := b.queue.put(nil, w.rights, pubs, time.Now().UnixNano())
		if err != nil {
			return // stopping: the will of a client that we leave is not ours to speak
		}
		if wait == nil {
			return
		}
		select {
		case <-wait.ready:
		case <-ctx.Done():
			b.metrics.willsLost.Inc()
			return
		}
	}
}

// delayedWills are MQTT 5 wills whose delay runs; one a session at most.
type delayedWills struct {
	mu sync.Mutex
	at map[string]delayedWill
}

type delayedWill struct {
	will *will
	due  time.Time
}

func (d *delayedWills) add(session string, w *will, due time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at == nil {
		d.at = map[string]delayedWill{}
	}
	d.at[session] = delayedWill{w, due}
}

// drop takes out the will of a session whose client is back in time; nil when there is none.
func (d *delayedWills) drop(session string) *will {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.at[session].will
	delete(d.at, session)
	return w
}

// due takes out the wills whose time has come.
func (d *delayedWills) due(now time.Time) []*will {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []*will
	for session, w := range d.at {
		if !now.Before(w.due) {
			out = append(out, w.will)
			delete(d.at, session)
		}
	}
	return out
}

// speakWills stores delayed wills as they fall due, until ctx ends.
func (b *Broker) speakWills(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, w := range b.delayed.due(now) {
				b.storeWill(ctx, w)
			}
		}
	}
}
