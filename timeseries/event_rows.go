package timeseries

import (
	"time"

	"lastgasp/headend"
)

// eventRows are events in columns, as one INSERT takes them.
type eventRows struct {
	device   []int32
	time     []time.Time
	kind     []string
	seq      []int64
	detail   []string
	duration []int64
	phases   []int16
	quality  []int16
	received []time.Time
	gateway  []int32
}

func (e *eventRows) reset() {
	e.device, e.time, e.kind, e.seq = e.device[:0], e.time[:0], e.kind[:0], e.seq[:0]
	e.detail, e.duration, e.phases, e.quality = e.detail[:0], e.duration[:0], e.phases[:0], e.quality[:0]
	e.received, e.gateway = e.received[:0], e.gateway[:0]
}

func (e *eventRows) add(device, gateway int32, b *headend.Batch) {
	for i := range b.Events {
		v := &b.Events[i]
		e.device = append(e.device, device)
		e.time = append(e.time, v.Time)
		e.kind = append(e.kind, string(v.Type))
		e.seq = append(e.seq, v.Seq)
		e.detail = append(e.detail, v.Detail)
		e.duration = append(e.duration, v.Duration.Milliseconds())
		e.phases = append(e.phases, int16(v.Phases))
		e.quality = append(e.quality, int16(v.Quality))
		e.received = append(e.received, b.Received)
		e.gateway = append(e.gateway, gateway)
	}
}

func (e *eventRows) args() []any {
	return []any{e.device, e.time, e.kind, e.seq, e.detail, e.duration, e.phases, e.quality, e.received, e.gateway}
}
