package timeseries_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// BenchmarkAppend stores calls of 5,000 batches of ten values each; BenchmarkCopy streams the very same
// rows, encoded beforehand, into the same table: the limit.
func BenchmarkAppend(b *testing.B) {
	for _, engine := range storetest.Engines() {
		b.Run(string(engine), func(b *testing.B) {
			s := storetest.Open(b, engine)
			work := calls(b.N)
			meet(b, s)
			b.ResetTimer()
			for _, call := range work {
				if _, err := s.Append(b.Context(), call); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*perCall)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func BenchmarkCopy(b *testing.B) {
	for _, engine := range storetest.Engines() {
		b.Run(string(engine), func(b *testing.B) {
			s := storetest.Open(b, engine)
			meet(b, s)
			var streams [][]byte
			var sql string
			for _, call := range calls(b.N) {
				stream, copySQL := timeseries.Wire(b.Context(), b, s, call)
				streams, sql = append(streams, bytes.Clone(stream)), copySQL
			}
			conn, err := timeseries.Pool(s).Acquire(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Release()
			b.ResetTimer()
			for _, stream := range streams {
				if _, err := conn.Conn().PgConn().CopyFrom(b.Context(), bytes.NewReader(stream), sql); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*perCall)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkNotes stores what Append notes for billing beside the rows of BenchmarkAppend, and tells what share of
// Append that is.
func BenchmarkNotes(b *testing.B) {
	for _, engine := range storetest.Engines() {
		b.Run(string(engine), func(b *testing.B) {
			s := storetest.Open(b, engine)
			meet(b, s)
			var appended, noted time.Duration
			for _, call := range calls(b.N) {
				from := time.Now()
				if _, err := s.Append(b.Context(), call); err != nil {
					b.Fatal(err)
				}
				appended += time.Since(from)
				noted += timeseries.Note(b.Context(), b, s, call)
			}
			b.ReportMetric(100*noted.Seconds()/appended.Seconds(), "%_of_Append")
		})
	}
}

const perCall = 5000

func meet(b *testing.B, s *timeseries.Store) {
	var all []headend.Batch
	for i := range perCall {
		all = append(all, batch(headend.DeviceID(fmt.Sprintf("M%d", i)), noon.AddDate(0, 0, -1), "v1", 1.0))
	}
	if _, err := s.Append(b.Context(), all); err != nil {
		b.Fatal(err)
	}
}

func calls(n int) [][]headend.Batch {
	out := make([][]headend.Batch, n)
	for k := range out {
		for i := range perCall {
			out[k] = append(out[k], batch(headend.DeviceID(fmt.Sprintf("M%d", i)), noon.Add(time.Duration(k)*time.Minute),
				"import_wh", 1000+k, "export_wh", k, "v1", 229.8, "v2", 230.1, "v3", 231.0, "i1", 1.5, "i2", 2.5, "i3", 0.5, "p", 1034.5, "f", 50.01))
		}
	}
	return out
}
