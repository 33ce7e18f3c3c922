package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/headend"
	"lastgasp/protocols"
	"lastgasp/protocols/broker"
	"lastgasp/protocols/mqtt"
	"lastgasp/timeseries"
)

// drivers are the protocols of this head-end, and the decoders quarantined messages are replayed through.
type drivers struct {
	named    []namedDriver
	decoders map[string]protocols.Decoder // of messages, by headend.Source.Protocol
	polls    map[string]pollDecoder       // of polls
	brokers  []publisher                  // by which commands go out
}

type namedDriver struct {
	name   string
	driver protocols.Driver
	ready  func() error // nil while devices can be heard; a nil func is always ready
}

// newDrivers makes a driver for each section of the configuration that speaks with devices.
func newDrivers(c Config, store *timeseries.Store, metrics prometheus.Registerer, log *slog.Logger) (*drivers, error) {
	router, err := mqtt.NewRouter(c.codecs())
	if err != nil {
		return nil, fmt.Errorf("codecs: %w", err)
	}
	d := &drivers{decoders: map[string]protocols.Decoder{"mqtt": router}}
	if c.Broker.Enabled {
		for i, pattern := range c.Broker.Publish {
			if err := broker.ValidatePattern(pattern); err != nil {
				return nil, fmt.Errorf("broker.publish[%d]: %w", i, err)
			}
		}
		access := &deviceAccess{store: store, publish: c.Broker.Publish}
		b, err := broker.New(c.Broker.Config, router, access,
			broker.WithLogger(log.With("part", "broker")), broker.WithRegisterer(metrics))
		if err != nil {
			return nil, err
		}
		d.brokers = append(d.brokers, b)
		d.named = append(d.named, namedDriver{"broker", &guarded{broker: b, access: access}, startedOr(b.Started(), "the embedded broker does not listen yet")})
	}
	for _, m := range c.MQTT {
		config := m.Config
		if len(config.Filters) == 0 {
			config.Filters = router.Filters()
		}
		session, err := mqtt.New(config, router, mqtt.WithLogger(log.With("part", "mqtt")), mqtt.WithRegisterer(metrics))
		if err != nil {
			return nil, err
		}
		d.brokers = append(d.brokers, session)
		d.named = append(d.named, namedDriver{"broker " + m.Name, session, session.Ready})
	}
	if c.Modbus.Enabled {
		polled, err := newPolled(c.Modbus, store, metrics, log.With("part", "modbus"))
		if err != nil {
			return nil, err
		}
		d.named = append(d.named, namedDriver{"modbus", polled, nil})
		d.polls = map[string]pollDecoder{"modbus": polled}
	}
	return d, nil
}

// startedOr is ready once a channel is closed.
func startedOr(started <-chan struct{}, why string) func() error {
	return func() error {
		select {
		case <-started:
			return nil
		default:
			return errors.New(why)
		}
	}
}

// stages are the drivers, each bringing what it hears to the sink.
func (d *drivers) stages(sink protocols.Sink) []stage {
	var stages []stage
	for _, n := range d.named {
		stages = append(stages, stage{n.name, func(ctx context.Context) error { return n.driver.Run(ctx, sink) }})
	}
	return stages
}

// guarded is the embedded broker with an eye on the registry: a device whose right has ended or changed
// since it logged in, or whose password has, is disconnected.
type guarded struct {
	broker *broker.Broker
	access *deviceAccess
}

// Run serves until ctx ends.
func (g *guarded) Run(ctx context.Context, sink protocols.Sink) error {
	changed, cancel := g.access.store.Changed()
	defer cancel()
	renewed, cancelRenewed := g.access.store.CredentialsChanged()
	defer cancelRenewed()
	ended := make(chan error, 1)
	go func() { ended <- g.broker.Run(ctx, sink) }()
	for {
		select {
		case err := <-ended:
			return err
		case <-changed:
			g.broker.Recheck(g.access.allows)
		case <-renewed:
			g.broker.Recheck(g.access.allows)
		}
	}
}

// deviceAccess lets devices of the registry into the broker.
type deviceAccess struct {
	store   *timeseries.Store
	publish []string
}

// Authenticate takes the user name as the device's id, or the client id where there is none. A verified
// client certificate names the device by its common name and needs no password.
func (a *deviceAccess) Authenticate(_ context.Context, login broker.Login) (broker.Identity, error) {
	id := headend.DeviceID(login.Username)
	if id == "" {
		id = headend.DeviceID(login.ClientID)
	}
	standing, credential, err := a.standing(&id, login)
	if err != nil {
		return broker.Identity{}, err
	}
	return broker.Identity{Device: id, Gateway: standing.Kind == headend.KindGateway, Credential: credential, Publish: a.publish}, nil
}

func (a *deviceAccess) standing(id *headend.DeviceID, login broker.Login) (headend.Standing, headend.Credential, error) {
	if login.CommonName != "" {
		*id = headend.DeviceID(login.CommonName)
		standing, known := a.store.Standing(*id)
		if !known || standing.State == headend.DeviceRetired {
			return standing, "", fmt.Errorf("certificate of %s: %w", *id, broker.ErrDenied)
		}
		return standing, "", nil
	}
	standing, credential, err := a.store.Authenticate(*id, login.Password)
	if errors.Is(err, timeseries.ErrCredentials) {
		return standing, "", fmt.Errorf("%s: %w", *id, broker.ErrDenied)
	}
	return standing, credential, err
}

// allows tells whether a device that logged in may go on as it is: it is what it was then, and the password it gave is its
// password still. A certificate knows of no password.
func (a *deviceAccess) allows(id broker.Identity) bool {
	standing, known := a.store.Standing(id.Device)
	return known && standing.State != headend.DeviceRetired && (standing.Kind == headend.KindGateway) == id.Gateway &&
		(id.Credential == "" || a.store.Credential(id.Device) == id.Credential)
}
