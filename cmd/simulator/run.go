package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"lastgasp/simulator"
)

// runCommand is `simulator run`.
type runCommand struct {
	Scenario string        `arg:"" default:"district" help:"Built-in scenario (${scenarios}) or a YAML file."`
	Broker   string        `default:"tcp://127.0.0.1:1883" help:"Broker, tcp://host:port or tls://host:port."`
	Grid     string        `type:"existingpath" help:"Folder with a grid's CSV files, or a topology.json; instead of the scenario's grid."`
	Seed     uint64        `help:"Instead of the scenario's."`
	Speed    float64       `help:"Simulated seconds in a second, instead of the scenario's. Never ahead of the real clock."`
	Start    string        `help:"RFC 3339, or before now as in -6h, instead of the scenario's."`
	Length   time.Duration `help:"Stop after so much simulated time."`
	Modbus   string        `placeholder:"LISTEN" help:"Address of the first Modbus port, host:port, instead of the scenario's or the grid's; off: none."`
	Truth    string        `type:"path" help:"Write what is true to this file, NDJSON."`
	Calendar string        `type:"path" help:"Write the planned cuts and work orders of the scenario to this file, for headend import planned-outages."`
	WriteCSV string        `name:"write-grid" type:"path" help:"Also write the grid's CSV files into this folder before starting."`
	Verbose  bool          `short:"v" help:"Log every connection that fails."`
}

// Run is called by kong.
func (c *runCommand) Run(ctx context.Context) (err error) {
	scenario, err := c.scenario()
	if err != nil {
		return err
	}
	spec, err := scenario.Spec()
	if err != nil {
		return err
	}
	var grid *simulator.Grid
	if c.Grid != "" {
		if grid, err = simulator.Load(c.Grid, spec); err == nil && c.Modbus != "" {
			err = grid.AddModbus(spec.Modbus, scenario.Seed)
		}
	} else {
		grid, err = simulator.Generate(spec, scenario.Seed)
	}
	if err != nil {
		return err
	}
	ports, err := simulator.ListenModbus(grid)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ports.Close()) }()
	if c.WriteCSV != "" {
		if err := grid.WriteCSV(c.WriteCSV); err != nil {
			return err
		}
	}
	if err := simulator.Probe(ctx, c.Broker); err != nil {
		return err
	}
	var options simulator.Options
	if c.Truth != "" {
		file, err := os.Create(c.Truth)
		if err != nil {
			return err
		}
		truth := simulator.NewFileTruth(file)
		defer func() { err = errors.Join(err, truth.Flush(), file.Close()) }()
		options.Truth = truth
	}
	return c.play(ctx, grid, scenario, ports, options)
}

// scenario is the named one with the flags over it.
func (c *runCommand) scenario() (simulator.Scenario, error) {
	s, err := simulator.LoadScenario(c.Scenario)
	if err != nil {
		return s, err
	}
	if c.Seed != 0 {
		s.Seed = c.Seed
	}
	if c.Speed > 0 {
		s.Speed = c.Speed
	}
	if c.Start != "" {
		s.Start = c.Start
	}
	switch c.Modbus {
	case "":
	case "off":
		s.Modbus.Listen = ""
	default:
		s.Modbus.Listen = c.Modbus
	}
	if c.Length > 0 {
		s.Length = simulator.Span{From: c.Length, To: c.Length}
	}
	return s, nil
}

// late gives the face a way to the simulation's accounts, which exist only once both are made.
type late struct{ simulator.Face }

// play runs the face and the simulation until the end of the scenario or of ctx.
func (c *runCommand) play(ctx context.Context, grid *simulator.Grid, scenario simulator.Scenario, ports *simulator.ModbusPorts, options simulator.Options) error {
	face := new(late)
	simulation, err := simulator.New(grid, scenario, face, options)
	if err != nil {
		return err
	}
	if err := c.writeCalendar(simulation.Calendar()); err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	if c.Verbose {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	mqtt := simulator.NewMQTT(simulator.MQTTConfig{Broker: c.Broker, Log: log, Command: simulation.Command}, simulation.Accounts())
	face.Face = mqtt
	modbus, err := simulator.NewModbus(simulator.ModbusConfig{Ports: ports, Log: log}, simulation)
	if err != nil {
		return err
	}
	connections, hangUp := context.WithCancel(context.WithoutCancel(ctx)) // outlives ctx by the last messages
	defer hangUp()
	var group sync.WaitGroup
	var faceErr, modbusErr error
	group.Go(func() { faceErr = mqtt.Run(connections) })
	group.Go(func() { modbusErr = modbus.Run(connections) })
	fmt.Printf("%s: %s\n%d usage points, %d connections to %s. Ctrl-C stops.\n", scenario.Name, scenario.About, len(grid.Points),
		len(simulation.Accounts()), c.Broker)
	if n := len(grid.Units); n > 0 {
		fmt.Printf("%d Modbus units, %s to %s\n", n, grid.UnitAddress(0), grid.UnitAddress(n-1))
	}
	line := newStatus(time.Second, func() string { return runStatus(simulation, mqtt, modbus) })
	err = simulation.Run(ctx)
	line.stop()
	rest, cancel := context.WithTimeout(connections, 5*time.Second)
	defer cancel()
	if drained := mqtt.Drain(rest); drained != nil {
		fmt.Fprintln(os.Stderr, "simulator:", drained)
	}
	hangUp()
	group.Wait()
	fmt.Println(runStatus(simulation, mqtt, modbus))
	return errors.Join(err, faceErr, modbusErr)
}

// writeCalendar writes what is announced, before anything is played.
func (c *runCommand) writeCalendar(calendar []simulator.PlannedWork) error {
	if c.Calendar == "" {
		return nil
	}
	file, err := os.Create(c.Calendar)
	if err != nil {
		return err
	}
	return errors.Join(simulator.WriteCalendar(file, calendar), file.Close())
}

func runStatus(simulation *simulator.Simulation, mqtt *simulator.MQTT, modbus *simulator.Modbus) string {
	now, counts, broken := simulation.Status()
	m := mqtt.Counts()
	parts := []string{
		now.In(simulator.Saigon).Format("15:04:05"),
		fmt.Sprintf("%d of %d customers supplied", counts.Points-counts.Off, counts.Points),
		fmt.Sprintf("%d readings, %d events", counts.Readings, counts.Events),
		fmt.Sprintf("%d messages acknowledged, %d waiting", m.Acknowledged, m.Waiting),
	}
	if polls := modbus.Counts(); polls.Requests > 0 {
		parts = append(parts, fmt.Sprintf("%d Modbus polls", polls.Requests))
	}
	if m.Dropped > 0 {
		parts = append(parts, fmt.Sprintf("%d dropped", m.Dropped))
	}
	if m.Connected == 0 {
		parts = append(parts, "not connected")
	}
	if broken != "" {
		parts = append(parts, broken)
	}
	return strings.Join(parts, " · ")
}
