package broker

import (
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the broker's figures. None has a label that grows with the fleet.
type metrics struct {
	messages        prometheus.Counter
	payload         prometheus.Counter
	bytes           prometheus.Counter
	acknowledged    prometheus.Counter
	accept          prometheus.Histogram
	acceptErrors    prometheus.Counter
	connections     prometheus.Gauge
	refused         *prometheus.CounterVec
	disconnected    *prometheus.CounterVec
	commands        prometheus.Counter
	commandsDropped prometheus.Counter
	sessionsCut     prometheus.Counter
	willsLost       prometheus.Counter
	queued          prometheus.GaugeFunc
}

func newMetrics(q *queue) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "lastgasp", Subsystem: "broker", Name: name, Help: help})
	}
	vector := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "lastgasp", Subsystem: "broker", Name: name, Help: help}, []string{label})
	}
	return &metrics{
		messages:     counter("messages_received_total", "Messages devices published, wills included."),
		payload:      counter("payload_bytes_received_total", "Payload bytes of the messages received."),
		bytes:        counter("bytes_received_total", "Bytes read from connections, after TLS."),
		acknowledged: counter("messages_stored_total", "Messages stored, and acknowledged where the QoS asks for it."),
		accept: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "lastgasp", Subsystem: "broker", Name: "accept_seconds",
			Help: "Time one batch took to be stored.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
		acceptErrors: counter("accept_errors_total", "Batches that could not be stored at the first try or a later one."),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "lastgasp", Subsystem: "broker", Name: "connections",
			Help: "Open connections."}),
		refused:         vector("connections_refused_total", "Connections refused.", "reason"),
		disconnected:    vector("disconnections_total", "Connections that ended, by what ended them.", "reason"),
		commands:        counter("commands_published_total", "Messages published to devices."),
		commandsDropped: counter("commands_dropped_total", "Messages to devices dropped: client too slow, or session ended."),
		sessionsCut:     counter("sessions_refused_total", "Persistent sessions made clean because the device had too many."),
		willsLost:       counter("wills_lost_total", "Wills not stored because the connection they waited with ended."),
		queued: prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "lastgasp", Subsystem: "broker", Name: "queue_messages",
			Help: "Messages received that no collector has taken yet."}, func() float64 { return float64(q.depth()) }),
	}
}

func (m *metrics) register(r prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{m.messages, m.payload, m.bytes, m.acknowledged, m.accept, m.acceptErrors, m.connections,
		m.refused, m.disconnected, m.commands, m.commandsDropped, m.sessionsCut, m.willsLost, m.queued} {
		if err := r.Register(c); err != nil {
			return fmt.Errorf("broker: metrics: %w", err)
		}
	}
	return nil
}

func (m *metrics) received(pubs []publish) {
	n := 0
	for i := range pubs {
		n += len(pubs[i].payload)
	}
	m.messages.Add(float64(len(pubs)))
	m.payload.Add(float64(n))
}

// ended counts a connection by why it ended.
func (m *metrics) ended(cause error) {
	reason := "error"
	switch {
	case errors.Is(cause, io.EOF), errors.Is(cause, net.ErrClosed):
		reason = "closed"
	case errors.Is(cause, errForeign):
		reason = "foreign_topic"
	case errors.Is(cause, errSlow):
		reason = "slow"
	case errors.Is(cause, errSilent):
		reason = "silent"
	case errors.Is(cause, errMemory):
		reason = "memory"
	case errors.Is(cause, errTooLarge):
		reason = "too_large"
	case errors.Is(cause, errPublish), errors.Is(cause, errTopic), errors.Is(cause, errAlias), errors.Is(cause, errLength):
		reason = "malformed"
	}
	m.disconnected.WithLabelValues(reason).Inc()
}
