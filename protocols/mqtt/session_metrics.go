package mqtt

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/prometheus/client_golang/prometheus"
)

// sessionMetrics are a session's figures. None has a label that grows with the fleet.
type sessionMetrics struct {
	messages     prometheus.Counter
	acknowledged prometheus.Counter
	accept       prometheus.Histogram
	acceptErrors prometheus.Counter
	lost         prometheus.Counter
	published    prometheus.Counter
	dropped      prometheus.Counter
	connected    prometheus.GaugeFunc
	queued       prometheus.GaugeFunc

	mu   sync.Mutex
	seen map[string]int64 // what the broker last said it dropped, by topic
}

func newSessionMetrics(broker string, q *intake, connected func() int) *sessionMetrics {
	labels := prometheus.Labels{"broker": broker}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "lastgasp", Subsystem: "mqtt", Name: name, Help: help, ConstLabels: labels})
	}
	gauge := func(name, help string, f func() float64) prometheus.GaugeFunc {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "lastgasp", Subsystem: "mqtt", Name: name, Help: help, ConstLabels: labels}, f)
	}
	return &sessionMetrics{
		messages:     counter("messages_received_total", "Messages received from the broker."),
		acknowledged: counter("messages_stored_total", "Messages stored and acknowledged."),
		accept: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "lastgasp", Subsystem: "mqtt", Name: "accept_seconds",
			Help: "Time one batch took to be stored.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14), ConstLabels: labels}),
		acceptErrors: counter("accept_errors_total", "Batches that could not be stored at the first try or a later one."),
		lost:         counter("connections_lost_total", "Connections to the broker lost or not made."),
		published:    counter("messages_published_total", "Messages published through the broker."),
		dropped:      counter("broker_dropped_total", "Messages the broker says it dropped, for any of its clients, since the session began."),
		connected:    gauge("connections", "Connections to the broker that are up and subscribed.", func() float64 { return float64(connected()) }),
		queued:       gauge("queue_messages", "Messages received that no collector has taken yet.", func() float64 { return float64(q.depth()) }),
		seen:         map[string]int64{},
	}
}

func (m *sessionMetrics) register(r prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{m.messages, m.acknowledged, m.accept, m.acceptErrors, m.lost, m.published, m.dropped, m.connected, m.queued} {
		if err := r.Register(c); err != nil {
			return fmt.Errorf("mqtt: metrics: %w", err)
		}
	}
	return nil
}

// loss takes a broker's count of messages it dropped. The first value is the past, a lower one a restart.
func (m *sessionMetrics) loss(log *slog.Logger, message paho.Message) {
	n, err := strconv.ParseInt(strings.TrimSpace(string(message.Payload())), 10, 64)
	if err != nil {
		log.Debug("a count of dropped messages that is no number", "topic", message.Topic(), "error", err)
		return
	}
	m.mu.Lock()
	before, known := m.seen[message.Topic()]
	m.seen[message.Topic()] = n
	m.mu.Unlock()
	if known && n < before {
		before = 0
	}
	if !known || n == before {
		return
	}
	m.dropped.Add(float64(n - before))
	log.Warn("the broker dropped messages; see max_queued_messages and max_inflight_messages of Mosquitto, or their like",
		"messages", n-before, "topic", message.Topic())
}
