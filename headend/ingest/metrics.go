package ingest

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/headend"
)

type metrics struct {
	received    prometheus.Counter
	waiting     prometheus.Gauge
	readings    *prometheus.CounterVec
	events      *prometheus.CounterVec
	quarantined *prometheus.CounterVec
	newDevices  prometheus.Counter
	unassigned  prometheus.Counter
	commits     prometheus.Histogram
	size        prometheus.Histogram
	fromDevice  prometheus.Histogram
	fromReceipt prometheus.Histogram
	database    prometheus.Gauge
}

// newMetrics registers the stage's metrics; without a registry they count for nobody.
func newMetrics(registry prometheus.Registerer) *metrics {
	if registry == nil {
		registry = prometheus.NewRegistry()
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "lastgasp_" + name, Help: help})
		registry.MustRegister(c)
		return c
	}
	vector := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lastgasp_" + name, Help: help}, labels)
		registry.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "lastgasp_" + name, Help: help})
		registry.MustRegister(g)
		return g
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "lastgasp_" + name, Help: help, Buckets: buckets})
		registry.MustRegister(h)
		return h
	}
	m := &metrics{
		received:    counter("ingest_batches_total", "Batches (what one device said in one message or poll) received from drivers."),
		waiting:     gauge("ingest_batches_waiting", "Batches received and not yet committed."),
		readings:    vector("readings_total", "Readings committed, by what became of them.", "result"),
		events:      vector("events_total", "Events committed, by what became of them.", "result"),
		quarantined: vector("quarantined_total", "Messages or parts of messages set aside, by reason.", "reason"),
		newDevices:  counter("devices_new_total", "Unknown devices registered as unassigned."),
		unassigned:  counter("readings_unassigned_total", "Readings of devices that no usage point had at that time."),
		commits:     histogram("commit_seconds", "Length of a transaction of readings.", prometheus.ExponentialBuckets(0.001, 2, 14)),
		size:        histogram("commit_batches", "Batches in a transaction.", prometheus.ExponentialBuckets(1, 4, 9)),
		fromDevice:  histogram("lag_device_seconds", "From the device's time to receipt.", []float64{1, 5, 15, 60, 300, 900, 3600, 6 * 3600, 86400, 7 * 86400}),
		fromReceipt: histogram("lag_commit_seconds", "From receipt to commit.", prometheus.ExponentialBuckets(0.002, 2, 15)),
		database:    gauge("database_up", "1 while the database takes readings, 0 while it does not."),
	}
	m.database.Set(1) // it was opened; nothing says otherwise until a commit fails
	return m
}

func (m *metrics) committed(batches []headend.Batch, done headend.Appended, took time.Duration) {
	now := time.Now()
	m.commits.Observe(took.Seconds())
	m.size.Observe(float64(len(batches)))
	m.readings.WithLabelValues("stored").Add(float64(done.Readings))
	m.readings.WithLabelValues("duplicate").Add(float64(done.Duplicates))
	m.readings.WithLabelValues("conflicting").Add(float64(done.Conflicts))
	m.events.WithLabelValues("stored").Add(float64(done.Events))
	m.events.WithLabelValues("repeated").Add(float64(done.Repeats))
	m.newDevices.Add(float64(done.NewDevices))
	m.unassigned.Add(float64(done.Unassigned))
	for i := range batches {
		b := &batches[i]
		m.fromReceipt.Observe(now.Sub(b.Received).Seconds())
		switch {
		case b.Refusal != nil:
			m.quarantined.WithLabelValues(string(b.Refusal.Reason)).Inc()
		case len(b.Readings) > 0 && b.Readings[0].Quality&headend.QualityReceivedTime == 0:
			m.fromDevice.Observe(b.Received.Sub(b.Readings[0].Time).Seconds())
		}
	}
}
