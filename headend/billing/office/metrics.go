package office

import "github.com/prometheus/client_golang/prometheus"

// metrics of billing. None has a label that names a meter.
type metrics struct {
	upto                                          prometheus.Gauge
	expected, missing, opened, filled, estimated  prometheus.Counter
	givenUp, questions, refused, runs, runsFailed prometheus.Counter
	seconds                                       *prometheus.HistogramVec
	failed                                        *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "lastgasp", Subsystem: "billing", Name: name, Help: help})
	}
	m := &metrics{
		upto:       prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "lastgasp", Subsystem: "billing", Name: "looked_at_timestamp_seconds", Help: "what was owed until then has been looked at"}),
		expected:   counter("registers_expected_total", "registers that were owed, of the hours looked at"),
		missing:    counter("registers_missing_total", "of them, those that had not come when the hour was looked at"),
		opened:     counter("gaps_opened_total", "gaps found"),
		filled:     counter("gaps_filled_total", "gaps, or parts of them, that late readings filled"),
		estimated:  counter("gaps_estimated_total", "gaps that were estimated"),
		givenUp:    counter("gaps_given_up_total", "gaps that could not be estimated either"),
		questions:  counter("questions_total", "gaps a device was asked for"),
		refused:    counter("questions_refused_total", "questions that could not be sent"),
		runs:       counter("runs_made_total", "billing runs made"),
		runsFailed: counter("runs_failed_total", "billing runs that could not be made"),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "lastgasp", Subsystem: "billing", Name: "step_seconds", Help: "time of a step of a round",
			Buckets: []float64{.01, .1, 1, 10, 100, 1000}}, []string{"step"}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "lastgasp", Subsystem: "billing", Name: "step_failures_total", Help: "steps that failed and are done again"}, []string{"step"}),
	}
	if registry != nil {
		registry.MustRegister(m.upto, m.expected, m.missing, m.opened, m.filled, m.estimated, m.givenUp, m.questions, m.refused, m.runs, m.runsFailed, m.seconds, m.failed)
	}
	return m
}
