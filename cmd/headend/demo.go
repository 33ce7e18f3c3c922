package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/headend/importer"
	"lastgasp/simulator"
	"lastgasp/timeseries"
)

// demoCommand is `headend demo`, which `make run` starts: the head-end as it is, and a simulated district
// that talks to it over MQTT like any other.
type demoCommand struct {
	Scenario string        `default:"district" help:"What is simulated: a built-in scenario or a YAML file."`
	Every    time.Duration `default:"15s" help:"How often a line says what is going on."`
}

// Run plays the scenario against this head-end's own broker until SIGINT or SIGTERM.
func (c *demoCommand) Run(p *program) error {
	if p.flags.LogLevel == "" {
		p.flags.LogLevel = "warn" // the lines of the demonstration are enough
	}
	p.flags.Set = append([]string{"detection.settle=2m"}, p.flags.Set...) // nobody waits a quarter of an hour here; what was set by hand holds
	p.demo = true
	err := serve(p, c.simulation)
	if err == nil {
		_, err = fmt.Fprintln(p.stdout, "stopped")
	}
	return err
}

// simulation writes the district's registry, imports it as an operator would, and returns the stage that
// plays the devices.
func (c *demoCommand) simulation(p *program, config Config, store *timeseries.Store, metrics *prometheus.Registry, ready func() error) ([]stage, error) {
	if !config.Broker.Enabled || config.Broker.Listen == "" {
		return nil, errors.New("the simulated district talks to the embedded broker: set broker.enabled and broker.listen")
	}
	scenario, err := simulator.LoadScenario(c.Scenario)
	if err != nil {
		return nil, err
	}
	spec, err := scenario.Spec()
	if err != nil {
		return nil, err
	}
	grid, err := simulator.Generate(spec, scenario.Seed)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(filepath.Dir(config.Database.PrivateDir), "district")
	if err := grid.WriteCSV(dir); err != nil {
		return nil, err
	}
	if err := importDistrict(p, store, dir); err != nil {
		return nil, fmt.Errorf("import the simulated district: %w", err)
	}
	play := &district{scenario: scenario, grid: grid, config: config, metrics: metrics, ready: ready, every: c.Every, program: p}
	return []stage{{"simulated district", play.run}}, nil
}

func importDistrict(p *program, store *timeseries.Store, dir string) error {
	file := func(name string) importFile { return importFile{File: filepath.Join(dir, name)} }
	return errors.Join(
		importInto(p, store, file(simulator.OrganisationsFile), importer.Organisations, (*timeseries.Store).ImportOrganisations),
		importInto(p, store, file(simulator.NetworkFile), importer.Nodes, (*timeseries.Store).ImportNodes),
		importInto(p, store, file(simulator.UsagePointsFile), importer.UsagePoints, (*timeseries.Store).ImportUsagePoints),
		importInto(p, store, file(simulator.DevicesFile), importer.Devices, (*timeseries.Store).ImportDevices),
	)
}

// district plays a scenario and says what is going on.
type district struct {
	scenario simulator.Scenario
	grid     *simulator.Grid
	config   Config
	metrics  *prometheus.Registry
	ready    func() error // nil, or since when and why nothing is stored
	every    time.Duration
	program  *program
}

// face gives the simulation a way to its connections, which need its accounts first.
type face struct{ simulator.Face }

func (d *district) run(ctx context.Context) error {
	way := &face{}
	simulation, err := simulator.New(d.grid, d.scenario, way, simulator.Options{})
	if err != nil {
		return err
	}
	mqtt := simulator.NewMQTT(simulator.MQTTConfig{Broker: "tcp://" + d.config.Broker.Listen, Log: slog.New(slog.DiscardHandler), Command: simulation.Command}, simulation.Accounts())
	way.Face = mqtt
	modbus, err := simulator.NewModbus(simulator.ModbusConfig{Log: slog.New(slog.DiscardHandler)}, simulation)
	if err != nil {
		return err
	}
	if err := d.greet(); err != nil {
		return err
	}
	connections, hangUp := context.WithCancel(context.WithoutCancel(ctx)) // outlive the simulation by its last messages
	defer hangUp()
	var parts sync.WaitGroup
	var faceErr, modbusErr, sayErr error
	parts.Go(func() { faceErr = mqtt.Run(connections) })
	parts.Go(func() { modbusErr = modbus.Run(connections) })
	parts.Go(func() { sayErr = d.say(ctx, simulation) })
	err = simulation.Run(ctx)
	last, cancel := context.WithTimeout(connections, 3*time.Second)
	defer cancel()
	if waiting := mqtt.Drain(last); waiting != nil {
		fmt.Fprintln(d.program.stderr, "simulated district:", waiting)
	}
	hangUp()
	parts.Wait()
	if ctx.Err() == nil && err == nil {
		<-ctx.Done() // the scenario has an end; the head-end has not
	}
	return errors.Join(err, faceErr, modbusErr, sayErr)
}

// speaker is a meter with a password of its own.
func (d *district) speaker() simulator.Point {
	for _, p := range d.grid.Points {
		if p.Password != "" {
			return p
		}
	}
	return d.grid.Points[0]
}

// greet says where to look.
func (d *district) greet() error {
	host, port, err := net.SplitHostPort(d.config.Broker.Listen)
	if err != nil {
		return fmt.Errorf("broker.listen: %w", err)
	}
	own := d.speaker()
	login := "an account of yours; the demonstration's own login is no longer in " + besidePrivate(d.config, demoLoginFile)
	if name, password := demoLogin(d.config); password != "" {
		login = fmt.Sprintf("name %s, password %s", name, password)
	}
	lines := []string{
		"",
		fmt.Sprintf("Lastgasp runs with a simulated district of %d customers (scenario %s).", len(d.grid.Points), d.scenario.Name),
		fmt.Sprintf("  console    %s/", ownAddress(d.config)),
		fmt.Sprintf("  login      %s", login),
		fmt.Sprintf("  API        curl -H \"Authorization: Bearer $(cat %s)\" %s/api/v1/meters", besidePrivate(d.config, operatorTokenFile), ownAddress(d.config)),
		fmt.Sprintf("  one meter  %s/api/v1/meters/%s/readings", ownAddress(d.config), own.Meter),
		fmt.Sprintf("  metrics    http://%s/metrics", d.config.HTTP.Listen),
		fmt.Sprintf("  MQTT       %s; speak for that meter yourself:", d.config.Broker.Listen),
		fmt.Sprintf("    mosquitto_pub -h %s -p %s -q 1 -u %s -P %s -t ami/v1/%s/reads -m '{\"time\":\"%s\",\"values\":{\"import_wh\":1234567,\"v1\":229.8}}'",
			host, port, own.Meter, own.Password, own.Meter, time.Now().UTC().Truncate(time.Hour).Format(time.RFC3339)),
		"Ctrl-C stops all of it.",
		"",
	}
	_, err = fmt.Fprintln(d.program.stdout, strings.Join(lines, "\n"))
	return err
}

// say prints a line now and then until ctx ends.
func (d *district) say(ctx context.Context, simulation *simulator.Simulation) error {
	tick := time.NewTicker(d.every)
	defer tick.Stop()
	flow := flow{changed: time.Now()}
	for {
		var now time.Time
		select {
		case <-ctx.Done():
			return nil
		case now = <-tick.C:
		}
		stored, quarantined, err := d.counted()
		if err != nil {
			return err
		}
		_, counts, broken := simulation.Status()
		line := fmt.Sprintf("%s  %d of %d customers supplied · %.0f readings stored", now.In(simulator.Saigon).Format("15:04:05"), counts.Points-counts.Off, counts.Points, stored)
		if still := flow.standstill(now, stored, d.every, d.ready()); still != "" {
			line += " · " + still
		}
		if quarantined > 0 {
			line += fmt.Sprintf(" · %.0f messages in quarantine", quarantined)
		}
		if broken != "" {
			line += " · simulated: " + broken
		}
		if _, err := fmt.Fprintln(d.program.stdout, line); err != nil {
			return err
		}
	}
}

// flow watches whether readings go on being stored.
type flow struct {
	stored  float64
	changed time.Time // when stored was last seen to grow
}

// standstill says, in a line, that nothing is stored any more; "" while readings flow. Two intervals
// without one are a standstill, and so is a database that takes none.
func (f *flow) standstill(now time.Time, stored float64, every time.Duration, ready error) string {
	if stored != f.stored {
		f.stored, f.changed = stored, now
	}
	switch {
	case ready != nil:
		return strings.Join(strings.Fields(ready.Error()), " ")
	case now.Sub(f.changed) >= 2*every:
		return "nothing has been stored since " + f.changed.In(simulator.Saigon).Format("15:04:05")
	}
	return ""
}

// counted reads the head-end's own counters.
func (d *district) counted() (stored, quarantined float64, err error) {
	families, err := d.metrics.Gather()
	if err != nil {
		return 0, 0, fmt.Errorf("metrics: %w", err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			switch {
			case family.GetName() == "lastgasp_readings_total" && m.GetLabel()[0].GetValue() == "stored":
				stored += m.GetCounter().GetValue()
			case family.GetName() == "lastgasp_quarantined_total":
				quarantined += m.GetCounter().GetValue()
			}
		}
	}
	return stored, quarantined, nil
}
