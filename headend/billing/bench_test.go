package billing

import (
	"testing"
	"time"

	"lastgasp/headend"
)

// BenchmarkCutOff is one register at a cut-off from the ten registers around it, all told for one usage point.
func BenchmarkCutOff(b *testing.B) {
	s := oneMeter(home)
	var list []Point
	for i := range 10 {
		list = append(list, point(0, 30*i+7, int64(100*i)))
	}
	points := map[headend.DeviceID][]Point{"M1": list}
	b.ReportAllocs()
	for b.Loop() {
		m, err := NewMetering(s, headend.ImportWh, points, CutOff{Interpolate: time.Hour})
		if err != nil {
			b.Fatal(err)
		}
		if r := m.Register(at(2, 0)); r.Absent != "" {
			b.Fatal(r)
		}
	}
}

// BenchmarkSeries is a month of half hours of one usage point: proven, cut into intervals, estimated.
func BenchmarkSeries(b *testing.B) {
	s, month := oneMeter(home), Month(hanoi, 2026, 3)
	var list []Point
	for i := range 31*48 + 1 {
		if i%50 != 7 {
			list = append(list, Point{Time: month.From.Add(time.Duration(i) * 30 * time.Minute), Wh: int64(100 * i)})
		}
	}
	points := map[headend.DeviceID][]Point{"M1": list}
	b.ReportAllocs()
	for b.Loop() {
		m, err := NewMetering(s, headend.ImportWh, points, CutOff{})
		if err != nil {
			b.Fatal(err)
		}
		values, err := m.Series(halfHourly, month)
		if err != nil {
			b.Fatal(err)
		}
		DefaultEstimation.Fill(values, Basis{Schedule: halfHourly, Register: m})
	}
}
