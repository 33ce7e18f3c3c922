package runner

import (
	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/headend/interruption"
)

// metrics of detection.
type metrics struct {
	leader, open, out, fed, unknown prometheus.Gauge
	refused                         *prometheus.GaugeVec
	derive, record                  prometheus.Histogram
	pings                           prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) *metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "lastgasp", Subsystem: "detection", Name: name, Help: help})
	}
	buckets := []float64{0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30}
	histogram := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "lastgasp", Subsystem: "detection", Name: name, Help: help, Buckets: buckets})
	}
	m := &metrics{
		leader:  gauge("leader", "1 while this head-end is the one that detects"),
		open:    gauge("outages_open", "outages suspected or confirmed"),
		out:     gauge("customers_out", "usage points without supply in open outages"),
		fed:     gauge("evidence", "pieces of evidence fed since the detector was last made"),
		unknown: gauge("evidence_unknown_places", "pieces of evidence of devices or places that the network does not know, since the detector was last made"),
		derive:  histogram("derive_seconds", "time to derive the ledger from the evidence"),
		record:  histogram("record_seconds", "time to store what was found"),
		refused: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "lastgasp", Subsystem: "detection", Name: "evidence_refused",
			Help: "pieces of evidence the detector did not take, by reason, since it was last made"}, []string{"reason"}),
		pings: prometheus.NewCounter(prometheus.CounterOpts{Namespace: "lastgasp", Subsystem: "detection", Name: "pings_wanted_total",
			Help: "questions whether a meter lives that would decide a doubt"}),
	}
	if registry != nil {
		registry.MustRegister(m.leader, m.open, m.out, m.fed, m.unknown, m.derive, m.record, m.refused, m.pings)
	}
	return m
}

// refusals are the verdicts that are counted.
var refusals = []interruption.Verdict{interruption.TooOld, interruption.Unplaced, interruption.TooMany, interruption.Nonsense}

// show brings the counts of evidence up to date.
func (m *metrics) show(f *Feeder, d *interruption.Detector) {
	m.fed.Set(float64(f.Fed))
	m.unknown.Set(float64(f.Unknown))
	for _, v := range refusals {
		m.refused.WithLabelValues(v.String()).Set(float64(d.Refused(v)))
	}
}
