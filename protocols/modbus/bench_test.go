package modbus

import "testing"

// BenchmarkDecode is the decoder alone: one poll of an SDM630's 24 live values.
func BenchmarkDecode(b *testing.B) {
	p := profileOf(b, "eastron_sdm630")
	pl := newPlan(p, p.inGroup(p.group("live")), 0, p.limits())
	var o outcome
	var d decoded
	o.reset(len(pl.requests))
	for i, q := range pl.requests {
		o.at[i] = len(o.raw)
		o.raw = append(o.raw, make([]byte, q.bytes())...)
		o.answered++
	}
	b.ReportAllocs()
	for b.Loop() {
		decode(p, pl, &o, 0, &d)
	}
	b.ReportMetric(float64(len(d.readings)), "values")
}
