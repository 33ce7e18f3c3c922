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

// small plays one seed of a built-in scenario at 2,000 usage points.
func small(t *testing.T, name string, loss float64, logs bool) *score {
	t.Helper()
	s, err := simulator.LoadScenario(name)
	if err != nil {
		t.Fatal(err)
	}
	c := scoreCommand{Dense: 1, Rates: "known", Logs: logs, UsagePoints: 2000, MadeUp: true}
	c.prepare(&s)
	g := c.game(s, loss, 1, nil)
	result, _, err := g.play(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// With all messages and logs the ledger of a day is the truth; played again it is the same.
func TestPlayFindsTheTruth(t *testing.T) {
	s := small(t, "mixed", 0, true)
	if s.truth == 0 || s.missed != 0 || s.false != 0 || s.ghosts != 0 {
		t.Errorf("%d true, %d missed, %d false, %d without anything behind", s.truth, s.missed, s.false, s.ghosts)
	}
	if off := percent(float64(s.minutesTold), float64(s.minutes)); off > 0.5 || off < -0.5 {
		t.Errorf("CMI is off by %.2f %%", off)
	}
	again := small(t, "mixed", 0, true)
	if again.truth != s.truth || again.minutesTold != s.minutesTold || again.outages != s.outages || len(again.detected) != len(s.detected) {
		t.Errorf("another score: %+v, %+v", s, again)
	}
}

// Where nobody loses supply no outage is made.
func TestPlayMakesNothingUp(t *testing.T) {
	for _, name := range scored[1:] {
		if s := small(t, name, 0.3, true); s.outages != 0 || s.false != 0 || s.truth != 0 {
			t.Errorf("%s: %d outages, %d interruptions, of %d true", name, s.outages, s.false, s.truth)
		}
	}
}

// A deaf head-end finds nothing, and logs alone tell it all afterwards, but in nothing shown: the score is no flattery.
func TestPlayDeaf(t *testing.T) {
	if s := small(t, "mixed", 1, false); s.truth == 0 || s.found != 0 || s.outages != 0 || s.f1() != 0 {
		t.Errorf("%d of %d found, F1 %v, without a single message", s.found, s.truth, s.f1())
	}
	if s := small(t, "mixed", 1, true); s.found != s.truth || len(s.detected) != 0 {
		t.Errorf("%d of %d found, %d shown in time, from logs alone", s.found, s.truth, len(s.detected))
	}
}
