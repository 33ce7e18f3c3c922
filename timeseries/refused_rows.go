package timeseries

import (
	"strings"
	"time"

	"lastgasp/headend"
)

// refusedRows are messages for the quarantine in columns, as one INSERT takes them.
type refusedRows struct {
	received []time.Time
	device   []string
	protocol []string
	address  []string
	raw      [][]byte
	reason   []string
	detail   []string
}

func (r *refusedRows) reset() {
	clear(r.raw)
	r.received, r.device, r.protocol, r.address = r.received[:0], r.device[:0], r.protocol[:0], r.address[:0]
	r.raw, r.reason, r.detail = r.raw[:0], r.reason[:0], r.detail[:0]
}

func (r *refusedRows) add(b *headend.Batch, refusal *headend.Refusal) {
	raw := b.Raw
	if raw == nil {
		raw = []byte{}
	}
	r.received = append(r.received, b.Received)
	r.device = append(r.device, storable(string(b.Device)))
	r.protocol = append(r.protocol, storable(b.Source.Protocol))
	r.address = append(r.address, storable(b.Source.Address))
	r.raw = append(r.raw, raw)
	r.reason = append(r.reason, storable(string(refusal.Reason)))
	r.detail = append(r.detail, storable(refusal.Detail))
}

// storable makes text that PostgreSQL takes: a quarantine that refuses what it is for would be none.
// The raw bytes beside it are unchanged.
func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\x00", "�")
}

func (r *refusedRows) args() []any {
	return []any{r.received, r.device, r.protocol, r.address, r.raw, r.reason, r.detail}
}
