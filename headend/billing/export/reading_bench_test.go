package export

import (
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	"lastgasp/headend"
)

// halfHours is a block of so many rows: a day of half hours of each meter after the other.
func halfHours(rows int) *headend.ReadingBlock {
	b := &headend.ReadingBlock{Columns: []headend.ReadingColumn{{Quantity: headend.ImportWh}}}
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	for i := range rows {
		meter, slot := i/48, int64(i%48)
		if slot == 0 {
			b.Runs = append(b.Runs, headend.ReadingRun{Device: headend.DeviceID(fmt.Sprintf("M%07d", meter)), UsagePoint: fmt.Sprintf("PC%09d", meter)})
		}
		b.Runs[len(b.Runs)-1].Rows++
		b.Time = append(b.Time, day+slot*1_800_000_000)
		b.Received = append(b.Received, day+slot*1_800_000_000+int64(meter*7919%60_000_000))
		b.Quality = append(b.Quality, 0)
		b.Columns[0].Append(uint64(int64(meter)*100_000+slot*int64(100+meter%311)), true)
	}
	return b
}

// BenchmarkReadings is the rate of each format of readings.
func BenchmarkReadings(b *testing.B) {
	const rows = 150_000
	block := halfHours(rows)
	for _, f := range ReadingFormats {
		b.Run(f.Name, func(b *testing.B) {
			w, err := NewReadings(f.Name, io.Discard, []headend.Quantity{headend.ImportWh})
			if err != nil {
				b.Fatal(err)
			}
			before := ownCPU(b)
			for b.Loop() {
				if err := w.WriteBlock(block); err != nil {
					b.Fatal(err)
				}
			}
			if err := w.Close(""); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(rows*float64(b.N)/(ownCPU(b)-before).Seconds(), "rows/s-of-CPU")
		})
	}
}

// ownCPU is what this process has used: on a busy machine time says little.
func ownCPU(b *testing.B) time.Duration {
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		b.Fatal(err)
	}
	return time.Duration(own.Utime.Nano() + own.Stime.Nano())
}
