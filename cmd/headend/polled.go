package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/headend"
	"lastgasp/protocols"
	"lastgasp/protocols/modbus"
	"lastgasp/timeseries"
)

// polled is the Modbus driver with the registry's devices: it polls what the registry names, and follows
// its changes.
type polled struct {
	driver   *modbus.Driver
	profiles string // folder of the user's own
	store    *timeseries.Store
	log      *slog.Logger
}

func newPolled(c ModbusConfig, store *timeseries.Store, metrics prometheus.Registerer, log *slog.Logger) (*polled, error) {
	profiles, err := modbus.LoadProfiles(c.Profiles)
	if err != nil {
		return nil, fmt.Errorf("modbus.profiles:\n%w", err)
	}
	driver, err := modbus.New(modbus.Config{ConnectTimeout: c.ConnectTimeout, ReconnectMost: c.ReconnectMost, ProbeMost: c.ProbeMost},
		profiles, modbus.WithLogger(log), modbus.WithRegisterer(metrics))
	if err != nil {
		return nil, err
	}
	return &polled{driver: driver, profiles: c.Profiles, store: store, log: log}, nil
}

// Run polls until ctx ends.
func (p *polled) Run(ctx context.Context, sink protocols.Sink) error {
	changed, cancel := p.store.Changed()
	defer cancel()
	p.load(ctx)
	ended := make(chan error, 1)
	go func() { ended <- p.driver.Run(ctx, sink) }()
	for {
		select {
		case err := <-ended:
			return err
		case <-changed:
			p.load(ctx)
		}
	}
}

// load tells the driver which devices there are. One that cannot be polled is named in the log and left
// out; while the database is away the former list stays.
func (p *polled) load(ctx context.Context) {
	registered, err := p.store.PolledDevices(ctx, "modbus")
	if err != nil {
		if ctx.Err() == nil {
			p.log.Error("devices not read from the registry; those known before are polled on", slog.Any("error", err))
		}
		return
	}
	devices := make([]modbus.Device, len(registered))
	for i, d := range registered {
		devices[i] = modbus.FromRegistry(d)
	}
	if err := p.driver.SetDevices(devices); err != nil {
		p.log.Warn("devices of the registry that cannot be polled", slog.Any("error", err))
	}
}

// DecodePoll implements pollDecoder with the device's model as the registry has it now, and with the profiles as they lie
// in the folder now: a mended one is polled by after a restart, and replayed by at once.
func (p *polled) DecodePoll(ctx context.Context, q headend.Quarantined) ([]headend.Batch, []headend.Refusal, error) {
	device, err := p.store.Device(ctx, q.Device)
	if err != nil {
		return nil, nil, err
	}
	refuse := func(err error) ([]headend.Batch, []headend.Refusal, error) {
		return nil, []headend.Refusal{{Reason: headend.ReasonNoCodec, Detail: err.Error()}}, nil
	}
	profiles, err := modbus.LoadProfiles(p.profiles)
	if err != nil {
		return refuse(fmt.Errorf("modbus.profiles: %w", err))
	}
	profile, err := profiles.Get(device.Profile)
	if err != nil {
		return refuse(fmt.Errorf("device %s: %w", q.Device, err))
	}
	readings, refusal := profile.Replay(q.Source.Address, q.Raw, q.Received)
	if refusal != nil {
		return nil, []headend.Refusal{*refusal}, nil
	}
	return []headend.Batch{{Device: q.Device, Received: q.Received, Source: q.Source, Raw: q.Raw, Readings: readings}}, nil, nil
}
