package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/headend"
	"lastgasp/headend/interruption/runner"
)

// publisher sends a message to whoever subscribes to its topic.
type publisher interface {
	Publish(ctx context.Context, topic string, payload []byte, retain bool) error
}

// pingExpires is how long a question whether a meter lives is worth an answer.
const pingExpires = 2 * time.Minute

// pinger asks meters whether they live. What is asked while it is still busy with the questions before is left: the
// detector asks again while the doubt lasts.
type pinger struct {
	brokers []publisher
	wanted  chan []runner.Ping
	sent    *prometheus.CounterVec
	number  int64
}

func newPinger(d *drivers, metrics prometheus.Registerer) *pinger {
	p := &pinger{brokers: d.brokers, wanted: make(chan []runner.Ping, 1), number: time.Now().UnixMilli(),
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "lastgasp", Subsystem: "detection", Name: "pings_total",
			Help: "meters asked whether they live, by what became of the question"}, []string{"result"})}
	metrics.MustRegister(p.sent)
	return p
}

// ask takes questions over without waiting.
func (p *pinger) ask(pings []runner.Ping) {
	select {
	case p.wanted <- pings:
	default:
		p.sent.WithLabelValues("left").Add(float64(len(pings)))
	}
}

// run sends what is asked until ctx ends.
func (p *pinger) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case pings := <-p.wanted:
			for _, ping := range pings {
				p.send(ctx, ping)
			}
		}
	}
}

// send publishes one question on every broker: which of them the device is connected to is not known.
func (p *pinger) send(ctx context.Context, ping runner.Ping) {
	p.number++
	topic, payload := pingMessage(ping, p.number, time.Now().Add(pingExpires))
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	result := "failed"
	for _, broker := range p.brokers {
		if err := broker.Publish(ctx, topic, payload, false); err == nil { // a broker that is away says so in /readyz
			result = "sent"
		}
	}
	p.sent.WithLabelValues(result).Inc()
}

// pingMessage is the command as the native format has it; to a meter behind a gateway it goes by the gateway's topic.
func pingMessage(ping runner.Ping, number int64, expires time.Time) (topic string, payload []byte) {
	command := struct {
		ID      string           `json:"id"`
		Command string           `json:"command"`
		Device  headend.DeviceID `json:"device,omitempty"`
		Expires time.Time        `json:"expires"`
	}{ID: fmt.Sprintf("ping-%d", number), Command: "ping", Expires: expires.UTC().Truncate(time.Second)}
	to := ping.Device
	if ping.Gateway != "" {
		to, command.Device = ping.Gateway, ping.Device
	}
	payload, err := json.Marshal(command)
	if err != nil { // texts and a time of this century
		panic(err)
	}
	return "ami/v1/" + string(to) + "/cmd", payload
}
