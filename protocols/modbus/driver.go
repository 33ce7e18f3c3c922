package modbus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/headend"
	"lastgasp/protocols"
)

// Config says what is polled. Zero numbers take the default named.
type Config struct {
	Devices        []Device
	ConnectTimeout time.Duration // for making a connection; 5 s
	Reconnect      time.Duration // pause after a connection could not be made, doubled each time; 500 ms
	ReconnectMost  time.Duration // its longest; 30 s
	Probe          time.Duration // pause before a unit that is dead is asked again, doubled each time; 2 s
	ProbeMost      time.Duration // its longest; 1 min
	StopTimeout    time.Duration // how long the last Accepts may take once Run's context ended; 20 s
	BatchDelay     time.Duration // how long a poll may wait for company on its way to the sink; 5 ms
	BatchPolls     int           // most polls in one Accept; 4,096
	Queue          int           // polls waiting for the sink before lines stop asking; 4,096
}

func (c Config) withDefaults() Config {
	length := func(d *time.Duration, standard time.Duration) {
		if *d <= 0 {
			*d = standard
		}
	}
	number := func(n *int, standard int) {
		if *n <= 0 {
			*n = standard
		}
	}
	length(&c.ConnectTimeout, 5*time.Second)
	length(&c.Reconnect, 500*time.Millisecond)
	length(&c.ReconnectMost, 30*time.Second)
	length(&c.Probe, 2*time.Second)
	length(&c.ProbeMost, time.Minute)
	length(&c.StopTimeout, 20*time.Second)
	length(&c.BatchDelay, 5*time.Millisecond)
	number(&c.BatchPolls, 4096)
	number(&c.Queue, 4096)
	return c
}

// Driver polls devices over Modbus.
type Driver struct {
	config   Config
	profiles *Profiles
	dialer   Dialer
	audit    Audit
	log      *slog.Logger
	counts   counts
	results  chan *result
	free     sync.Pool

	mu      sync.Mutex
	lines   map[string]*line
	units   map[headend.DeviceID]*unit
	running context.Context // of the lines; nil while Run does not run
	ran     bool
}

var _ protocols.Driver = (*Driver)(nil)

// Option changes a Driver that New makes.
type Option func(*Driver) error

// WithLogger sets where the driver says what goes wrong with lines and the sink.
func WithLogger(l *slog.Logger) Option {
	return func(d *Driver) error {
		d.log = l
		return nil
	}
}

// WithRegisterer registers the driver's metrics.
func WithRegisterer(r prometheus.Registerer) Option {
	return func(d *Driver) error {
		if err := r.Register(&d.counts); err != nil {
			return fmt.Errorf("modbus: metrics: %w", err)
		}
		return nil
	}
}

// WithDialer makes TCP connections another way.
func WithDialer(dialer Dialer) Option {
	return func(d *Driver) error {
		d.dialer = dialer
		return nil
	}
}

// WithAudit allows Write; without it every write is refused.
func WithAudit(a Audit) Option {
	return func(d *Driver) error {
		d.audit = a
		return nil
	}
}

// New makes a driver. It fails when a device of the configuration cannot be polled; devices of a registry
// are better given to SetDevices, which leaves out what cannot be used.
func New(c Config, profiles *Profiles, options ...Option) (*Driver, error) {
	d := &Driver{config: c.withDefaults(), profiles: profiles, log: slog.New(slog.DiscardHandler),
		dialer: &net.Dialer{KeepAlive: 30 * time.Second}, lines: map[string]*line{}, units: map[headend.DeviceID]*unit{}}
	d.free.New = func() any { return new(result) }
	d.results = make(chan *result, d.config.Queue)
	for _, option := range options {
		if err := option(d); err != nil {
			return nil, err
		}
	}
	if err := d.SetDevices(c.Devices); err != nil {
		return nil, fmt.Errorf("modbus: %w", err)
	}
	return d, nil
}

// SetDevices says which devices are polled from now on, in place of those before. Devices that stay the same keep
// their times and states. It may be called while Run runs. What cannot be polled is left out and listed in the
// error; the others are polled all the same.
func (d *Driver) SetDevices(devices []Device) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	units := map[headend.DeviceID]*unit{}
	lines := map[string]map[headend.DeviceID]*unit{}
	ports := map[string]Address{}
	var refused []error
	for _, device := range devices {
		u, err := d.unit(device, units, ports)
		if err != nil {
			refused = append(refused, err)
			continue
		}
		key := u.address.line()
		if lines[key] == nil {
			lines[key] = map[headend.DeviceID]*unit{}
			ports[key] = u.address
		}
		units[device.ID], lines[key][device.ID] = u, u
	}
	now := time.Now()
	for key, l := range d.lines {
		if lines[key] == nil {
			l.stop()
			l.set(nil, now)
			delete(d.lines, key)
		}
	}
	for key, behind := range lines {
		d.setLine(key, ports[key], behind, now)
	}
	d.units = units
	d.counts.units.Store(int64(len(units)))
	return errors.Join(refused...)
}

// unit is the one there is for a device, or a new one.
func (d *Driver) unit(device Device, taken map[headend.DeviceID]*unit, ports map[string]Address) (*unit, error) {
	if taken[device.ID] != nil {
		return nil, fmt.Errorf("device %s is given twice", device.ID)
	}
	u := d.units[device.ID]
	if u == nil || !u.device.same(device) {
		var err error
		if u, err = newUnit(device, d.profiles); err != nil {
			return nil, err
		}
	}
	if other, ok := ports[u.address.line()]; ok && other.Port != u.address.Port {
		return nil, fmt.Errorf("device %s: %s is set to %+v by another device, not to %+v", device.ID, u.address.Target, other.Port, u.address.Port)
	}
	return u, nil
}

// setLine brings a line up to date: the units behind it, and when its window or port changed a new connection.
func (d *Driver) setLine(key string, a Address, behind map[headend.DeviceID]*unit, now time.Time) {
	window := 0
	for _, u := range behind {
		if window == 0 || u.profile.Window < window {
			window = u.profile.Window
		}
	}
	if a.Transport != TCP {
		window = 1
	}
	l := d.lines[key]
	if l != nil && (l.window != window || l.address.Port != a.Port) {
		l.stop()
		for id, u := range l.units { // those that stay are moved; their polls are in the old line's queues only
			if behind[id] == u {
				delete(l.units, id)
			}
		}
		l.set(nil, now)
		l = nil
	}
	if l == nil {
		l = newLine(d, a, window)
		l.set(behind, now)
		d.lines[key] = l
		if d.running != nil {
			l.start(d.running)
		}
		return
	}
	l.set(behind, now)
}

// Counts is what the driver has done so far.
func (d *Driver) Counts() Counts { return d.counts.snapshot() }

// Run polls until ctx ends, and then waits until what has been read is stored, at most StopTimeout. It can
// be called once.
func (d *Driver) Run(ctx context.Context, sink protocols.Sink) error {
	d.mu.Lock()
	if d.ran {
		d.mu.Unlock()
		return errors.New("modbus: Run was called before")
	}
	d.ran = true
	lines, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d.running = lines
	for _, l := range d.lines {
		l.start(lines)
	}
	d.mu.Unlock()
	var collecting sync.WaitGroup
	collecting.Go(func() { d.collect(ctx, sink) })
	<-ctx.Done()
	d.mu.Lock()
	d.running = nil
	cancel()
	for _, l := range d.lines {
		l.stop()
	}
	d.mu.Unlock()
	close(d.results)
	collecting.Wait()
	return nil
}
