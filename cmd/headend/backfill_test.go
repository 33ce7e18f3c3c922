package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/headend"
	"lastgasp/headend/billing/office"
	"lastgasp/headend/ingest"
	"lastgasp/simulator"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// lossyStreet is two hours of 40 meters, one of which speaks for itself, whose channel loses every seventh reading.
const lossyStreet = `start: 2026-05-04T03:00:00Z
name: lossy
interval: 15m
length: 2h
climate: vietnam
channel: {loss: 0.15}
grid: {usage_points: 40, points_per_transformer: 20, transformers_per_feeder: 2, direct: 1}
`

// TestWhatWasLostIsReadBack lets simulated meters lose readings, and expects that the head-end finds what is missing, asks for
// it by MQTT, and has all of it afterwards, to the Wh.
func TestWhatWasLostIsReadBack(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine timeseries.Engine) {
		store := storetest.OpenURL(t, startServer(t).Database(t), timeseries.Options{Engine: engine})
		street := playLossy(t, store)
		now := time.Date(2026, 5, 4, 6, 0, 0, 0, time.UTC)
		reader := newReader(&drivers{brokers: []publisher{street.broker.broker}}, prometheus.NewRegistry())
		street.stage(reader.run)
		settings := office.DefaultSettings()
		settings.Interval, settings.Tolerance, settings.LookBack = 15*time.Minute, time.Minute, 3*time.Hour
		settings.Patience.First, settings.Patience.Spread = 0, 0
		o, err := office.New(store, office.Options{Settings: settings, Ask: reader.ask, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Detect(t.Context()); err != nil {
			t.Fatal(err)
		}
		open := street.gaps(t, "open")
		if len(open) == 0 || len(street.lost()) == 0 {
			t.Fatalf("%d gaps of %d lost readings", len(open), len(street.lost()))
		}
		if err := o.Chase(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(street.gaps(t, "requested")); n != len(open) {
			t.Errorf("%d gaps, %d were asked for", len(open), n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		until(ctx, t, "all gaps are filled", func() bool {
			if err := o.Fill(t.Context()); err != nil {
				t.Fatal(err)
			}
			return len(street.gaps(t, "filled")) == len(street.gaps(t, ""))
		})
		for _, m := range street.lost() {
			found, err := store.Measurements(t.Context(), m.Meter, []headend.Quantity{headend.ImportWh}, m.Time, m.Time.Add(time.Second), 2)
			if err != nil || len(found) != 1 || found[0].Values[0].Value.Int64() != m.ImportWh {
				t.Errorf("%s at %s: read back %+v, truth is %d Wh (%v)", m.Meter, m.Time, found, m.ImportWh, err)
			}
		}
	})
}

// played is a street that has been simulated through the embedded broker, whose meters can still be asked.
type played struct {
	t      *testing.T
	store  *timeseries.Store
	broker *guarded
	truth  *simulator.MemoryTruth
}

// stage runs a stage until the test ends.
func (p *played) stage(run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(p.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	p.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			p.t.Error(err)
		}
	})
}

// lost are the readings that did not come through, without those that came later.
func (p *played) lost() (lost []simulator.Measurement) {
	readings, fates := p.truth.Readings()
	for i, fate := range fates {
		if fate == simulator.FateLost {
			lost = append(lost, readings[i])
		}
	}
	return lost
}

func (p *played) gaps(t *testing.T, state string) []headend.Gap {
	t.Helper()
	gaps, err := p.store.Gaps(t.Context(), headend.GapFilter{State: state, To: time.Date(2026, 5, 4, 5, 0, 0, 0, time.UTC)}, 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	return gaps
}

func playLossy(t *testing.T, store *timeseries.Store) *played {
	t.Helper()
	scenario, err := simulator.ParseScenario([]byte(lossyStreet))
	if err != nil {
		t.Fatal(err)
	}
	spec, err := scenario.Spec()
	if err != nil {
		t.Fatal(err)
	}
	grid, err := simulator.Generate(spec, scenario.Seed)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := grid.WriteCSV(dir); err != nil {
		t.Fatal(err)
	}
	quiet := &program{ctx: t.Context(), stdout: discard{}, stderr: discard{}}
	if err := importDistrict(quiet, store, dir); err != nil {
		t.Fatal(err)
	}
	if err := store.Reload(t.Context()); err != nil { // as the head-end does when the database tells it of an import
		t.Fatal(err)
	}
	c := Defaults()
	c.Broker.Listen, c.Modbus.Enabled = "127.0.0.1:0", false
	log := slog.New(slog.DiscardHandler)
	made, err := newDrivers(c, store, prometheus.NewRegistry(), log)
	if err != nil {
		t.Fatal(err)
	}
	p := &played{t: t, store: store, broker: made.named[0].driver.(*guarded), truth: new(simulator.MemoryTruth)}
	in := ingest.New(store, ingest.Options{Limits: ingest.Limits{MaxAge: 10 * 365 * 24 * time.Hour, MaxAhead: time.Hour, DoubtAhead: time.Minute}, Committers: 2, Group: 10_000, Registry: prometheus.NewRegistry(), Log: log})
	p.stage(in.Run)
	p.stage(func(ctx context.Context) error { return p.broker.Run(ctx, in) })
	<-p.broker.broker.Started()

	way := &face{}
	simulation, err := simulator.New(grid, scenario, way, simulator.Options{Truth: p.truth, Unpaced: true})
	if err != nil {
		t.Fatal(err)
	}
	mqtt := simulator.NewMQTT(simulator.MQTTConfig{Broker: "tcp://" + p.broker.broker.Addr(), Log: log, Command: simulation.Command}, simulation.Accounts())
	way.Face = mqtt
	p.stage(mqtt.Run)
	if err := simulation.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := mqtt.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	return p
}

// discard is where nobody looks.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
