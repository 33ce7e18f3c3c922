package mqtt

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// waitForVersion is how long a broker has to say what it is.
const waitForVersion = time.Second

// Probe connects to a broker as a session of this configuration would, under a client id of its own, so that no running head-end
// is thrown out, and disconnects. It returns what the broker says it is in $SYS, "" where it says nothing.
func Probe(ctx context.Context, config Config) (version string, err error) {
	s, err := New(config, nil)
	if err != nil {
		return "", err
	}
	var id [6]byte
	rand.Read(id[:]) // it never fails
	o, err := s.options("lastgasp-check-" + hex.EncodeToString(id[:]))
	if err != nil {
		return "", err
	}
	secure, err := s.config.TLS.config()
	if err != nil {
		return "", err
	}
	o.SetTLSConfig(secure) // of servers with ssl://
	o.SetCleanSession(true)
	o.SetAutoAckDisabled(false)
	said := make(chan string, 1)
	o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
		select {
		case said <- string(m.Payload()):
		default: // once is enough
		}
	})
	client := paho.NewClient(o)
	defer client.Disconnect(100)
	if err := finished(ctx, client.Connect()); err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	if err := finished(ctx, client.Subscribe("$SYS/broker/version", 0, nil)); err != nil {
		return "", nil // it need not allow that
	}
	select {
	case version = <-said:
	case <-time.After(waitForVersion):
	case <-ctx.Done():
	}
	return version, nil
}

func finished(ctx context.Context, token paho.Token) error {
	select {
	case <-token.Done():
		return token.Error()
	case <-ctx.Done():
		return ctx.Err()
	}
}
