package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/headend"
	"lastgasp/headend/billing/office"
	"lastgasp/timeseries"
)

// newBilling makes the office and the stages that do its work; no stages where billing is not enabled.
func newBilling(c Config, store *timeseries.Store, drivers *drivers, metrics prometheus.Registerer, log *slog.Logger) (*office.Office, []stage, error) {
	settings, err := c.Billing.settings()
	if err != nil {
		return nil, nil, fmt.Errorf("billing: %w", err)
	}
	reader := newReader(drivers, metrics)
	options := office.Options{Settings: settings, Registry: metrics, Log: log}
	if len(drivers.brokers) > 0 {
		options.Ask = reader.ask
	}
	o, err := office.New(store, options)
	if err != nil {
		return nil, nil, err
	}
	if !c.Billing.Enabled {
		return o, nil, nil
	}
	return o, []stage{{"billing", o.Run}, {"back-fill", reader.run}}, nil
}

// reader asks meters for registers they have in their memory. What is asked while it is still busy with the questions
// before is not sent: the gaps are asked for again.
type reader struct {
	brokers []publisher
	wanted  chan []office.Question
	sent    *prometheus.CounterVec
	begun   int64 // part of the ids, so that they differ from one start to the next
}

func newReader(d *drivers, metrics prometheus.Registerer) *reader {
	r := &reader{brokers: d.brokers, wanted: make(chan []office.Question, 4), begun: time.Now().Unix(),
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "lastgasp", Subsystem: "billing", Name: "read_commands_total",
			Help: "questions for missing registers, by what became of them"}, []string{"result"})}
	metrics.MustRegister(r.sent)
	return r
}

// ask takes questions over without waiting.
func (r *reader) ask(questions []office.Question) bool {
	select {
	case r.wanted <- questions:
		return true
	default:
		r.sent.WithLabelValues("left").Add(float64(len(questions)))
		return false
	}
}

// pause between two questions: 500 at once are sent within five seconds.
const readPause = 10 * time.Millisecond

// run sends what is asked until ctx ends.
func (r *reader) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case questions := <-r.wanted:
			for i := range questions {
				r.send(ctx, &questions[i])
				select {
				case <-ctx.Done():
					return nil
				case <-time.After(readPause):
				}
			}
		}
	}
}

// send publishes one question on every broker: which of them the device is connected to is not known.
func (r *reader) send(ctx context.Context, q *office.Question) {
	topic, payload := readMessage(q, r.begun)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	result := "failed"
	for _, broker := range r.brokers {
		if err := broker.Publish(ctx, topic, payload, false); err == nil { // a broker that is away says so in /readyz
			result = "sent"
		}
	}
	r.sent.WithLabelValues(result).Inc()
}

// readMessage is the command as the native format has it; to a meter behind a gateway it goes by the gateway's topic.
func readMessage(q *office.Question, begun int64) (topic string, payload []byte) {
	command := struct {
		ID         string             `json:"id"`
		Command    string             `json:"command"`
		Device     headend.DeviceID   `json:"device,omitempty"`
		Expires    time.Time          `json:"expires"`
		From       time.Time          `json:"from"`
		To         time.Time          `json:"to"`
		Quantities []headend.Quantity `json:"quantities"`
	}{ID: fmt.Sprintf("read-%d-%d-%d", begun, q.Gap, q.Attempt), Command: "read", Expires: q.Expires.UTC().Truncate(time.Second), From: q.From.UTC(), To: q.To.UTC(), Quantities: q.Quantities}
	to := q.Device
	if q.Gateway != "" {
		to, command.Device = q.Gateway, q.Device
	}
	payload, err := json.Marshal(command)
	if err != nil { // texts and times of this century
		panic(err)
	}
	return "ami/v1/" + string(to) + "/cmd", payload
}
