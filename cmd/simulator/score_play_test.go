package main

import (
	"testing"
	"time"

	"lastgasp/simulator"
)

const playHours = 26

// BenchmarkPlay is one hour of the mixed day at 20,000 usage points, with half of the messages lost.
func BenchmarkPlay(b *testing.B) {
	for b.Loop() {
		s, err := simulator.LoadScenario("mixed")
		if err != nil {
			b.Fatal(err)
		}
		c := scoreCommand{Dense: 1, Rates: "known", Logs: true}
		c.prepare(&s)
		s.Length, s.Calm = simulator.Span{From: playHours * time.Hour}, simulator.Span{}
		g := c.game(s, 0.3, 1, nil)
		_, derived, err := g.play(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(derived.Seconds(), "s-in-detector")
	}
}
