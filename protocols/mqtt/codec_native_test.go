package mqtt

import (
	"testing"
	"time"

	"lastgasp/protocols"
)

func BenchmarkNativeTenValues(b *testing.B) {
	r, err := NewRouter(RouterConfig{})
	if err != nil {
		b.Fatal(err)
	}
	m := protocols.Message{Topic: "ami/v1/MTR-0001234/reads", Received: time.Now().UTC(), Payload: []byte(
		`{"time":"2026-11-21T10:30:00Z","values":{"import_wh":1234567,"export_wh":0,"v1":229.8,"v2":230.1,"v3":228.9,"i1":4.21,"i2":3.3,"i3":0.12,"p":1834.5,"pf":0.98}}`)}
	var out protocols.Decoded
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		r.Decode(m, &out)
	}
	if len(out.Batches) != 1 || len(out.Batches[0].Readings) != 10 {
		b.Fatal(out)
	}
}
