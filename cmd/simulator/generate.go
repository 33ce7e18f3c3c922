package main

import (
	"fmt"
	"time"

	"lastgasp/simulator"
)

// generateCommand is `simulator generate`.
type generateCommand struct {
	UsagePoints          int     `short:"n" default:"2000" help:"Customers."`
	Out                  string  `short:"o" required:"" type:"path" help:"Folder for organisations.csv, network.csv, usage-points.csv and devices.csv."`
	Seed                 uint64  `default:"1" help:"The same seed makes the same grid."`
	PointsPerTransformer int     `default:"50" help:"Customers of a transformer, on average."`
	Direct               int     `help:"Meters that speak for themselves, with credentials of their own."`
	Unmetered            float64 `help:"Share of customers without a smart meter, 0 to 1."`
	Solar                float64 `help:"Share of customers with solar, 0 to 1."`
	Modbus               string  `placeholder:"LISTEN" help:"Give feeders, reclosers, laterals and transformers Modbus units from this port on, host:port."`
	Indicators           float64 `default:"0.5" help:"Share of laterals with a fault indicator, 0 to 1; with --modbus."`
	Meters               float64 `default:"0.25" help:"Share of transformers with a meter of their own, 0 to 1; with --modbus."`
	ThreePhase           float64 `default:"0.05" help:"Share of customers supplied with three phases, 0 to 1."`
}

// Run is called by kong.
func (c *generateCommand) Run() error {
	begin := time.Now()
	spec := simulator.GridSpec{UsagePoints: c.UsagePoints, PointsPerTransformer: c.PointsPerTransformer, Direct: c.Direct,
		Unmetered: c.Unmetered, Solar: c.Solar, ThreePhase: c.ThreePhase,
		Modbus: simulator.ModbusSpec{Listen: c.Modbus, Indicators: c.Indicators, Transformers: c.Meters}}
	if spec.ThreePhase == 0 {
		spec.ThreePhase = -1
	}
	grid, err := simulator.Generate(spec, c.Seed)
	if err != nil {
		return err
	}
	if err := grid.WriteCSV(c.Out); err != nil {
		return err
	}
	fmt.Printf("%d usage points, %d nodes, %d gateways, %d Modbus units, %d organisations in %s, %.1f s\n", len(grid.Points), len(grid.Nodes),
		len(grid.Gateways), len(grid.Units), len(grid.Organisations), c.Out, time.Since(begin).Seconds())
	return nil
}
