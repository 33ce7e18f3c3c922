package mqtt

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

const probePatience = 3 * time.Second

// lossTopics are where brokers count what they dropped: Mosquitto and EMQX. Others do not tell.
var lossTopics = map[string]byte{"$SYS/broker/publish/messages/dropped": 0, "$SYS/brokers/+/metrics/messages.dropped": 0}

// watchLoss subscribes to them. A broker may forbid it, which is only a pity.
func (l *link) watchLoss(ctx context.Context, client paho.Client, lost <-chan error) {
	if err := waitFor(ctx, client.SubscribeMultiple(lossTopics, nil), lost); err != nil {
		l.s.log.Info("the broker does not tell how many messages it drops", "error", err)
	}
}

// isShared finds out whether the broker has shared subscriptions, trying until it is reached. An error
// means that ctx ended.
func (s *Session) isShared(ctx context.Context) (bool, error) {
	switch s.config.Shared {
	case SharedOn:
		return true, nil
	case SharedOff:
		return false, nil
	}
	for retry := firstRetry; ; retry = min(2*retry, s.config.RetryMost) {
		shared, err := s.probe(ctx)
		if err == nil {
			s.log.Info("shared subscriptions tried", "available", shared)
			return shared, nil
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		s.metrics.lost.Inc()
		s.log.Warn("no connection to the broker, trying again", "pause", retry, "error", err)
		if !pause(ctx, retry) {
			return false, ctx.Err()
		}
	}
}

// probe publishes a message to itself over a shared subscription. A broker without them takes
// $share/... for an ordinary topic, or refuses it, and the message does not come.
func (s *Session) probe(ctx context.Context) (bool, error) {
	o, err := s.options(s.config.ClientID + "-probe")
	if err != nil {
		return false, err
	}
	arrived := make(chan struct{}, 1)
	lost := make(chan error, 1)
	var l link
	l.s = s
	o.SetCleanSession(true)
	o.SetConnectionLostHandler(func(_ paho.Client, err error) { lost <- err })
	o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
		m.Ack()
		poke(arrived)
	})
	o.SetCustomOpenConnectionFn(func(server *url.URL, _ paho.ClientOptions) (net.Conn, error) {
		w, err := openWire(ctx, server, s.config, nil)
		if err != nil {
			return nil, err
		}
		l.wire.Store(w)
		return w, nil
	})
	client := paho.NewClient(o)
	defer client.Disconnect(disconnectMS)
	if err := l.wait(ctx, client.Connect()); err != nil {
		return false, fmt.Errorf("connect: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.ConnectTimeout)
	defer cancel()
	topic := "lastgasp/probe/" + rand.Text()
	subscription := client.Subscribe("$share/"+s.config.Group+"-probe/"+topic, 1, nil)
	if err := waitFor(ctx, subscription, lost); err != nil {
		return false, fmt.Errorf("probe of shared subscriptions, which shared: on or off makes needless: %w", err)
	}
	if err := waitFor(ctx, client.Publish(topic, 1, false, "shared?"), lost); err != nil {
		return false, fmt.Errorf("probe of shared subscriptions, which shared: on or off makes needless: %w", err)
	}
	patience := time.NewTimer(probePatience)
	defer patience.Stop()
	select {
	case <-arrived:
		return true, nil
	case <-patience.C:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}
