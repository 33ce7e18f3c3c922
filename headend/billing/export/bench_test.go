package export

import (
	"io"
	"testing"
	"time"

	"lastgasp/headend"
)

// BenchmarkExport is the rate of each format, in rows.
func BenchmarkExport(b *testing.B) {
	o := Options{Zone: hanoi, Made: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), Sender: "MDPX", Receiver: "RETX",
		Quantities: []headend.Quantity{headend.ImportWh, headend.ExportWh}, Interval: 30 * time.Minute}
	rows := month("NEM1201001", "NEM1201002", "NEM1201003", "NEM1201004", "NEM1201005", "NEM1201006", "NEM1201007", "NEM1201008", "NEM1201009")
	for _, f := range Formats {
		b.Run(f.Name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				w, err := New(f.Name, io.Discard, o)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := Copy(w, func(yield func(Row, error) bool) {
					for range 10 {
						for _, r := range rows {
							if !yield(r, nil) {
								return
							}
						}
						if f.Name == "nem12" || f.Name == "espi" { // a stream comes once
							return
						}
					}
				}); err != nil {
					b.Fatal(err)
				}
				if n = 10 * len(rows); f.Name == "nem12" || f.Name == "espi" {
					n = len(rows)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
