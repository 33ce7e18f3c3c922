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
	ThreePhase           float64 `default:"0.05" help:"Share of customers supplied with three phases, 0 to 1."`
}

// Run is called by kong.
func (c *generateCommand) Run() error {
	begin := time.Now()
	spec := simulator.GridSpec{UsagePoints: c.UsagePoints, PointsPerTransformer: c.PointsPerTransformer, Direct: c.Direct,
		Unmetered: c.Unmetered, Solar: c.Solar, ThreePhase: c.ThreePhase}
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
	fmt.Printf("%d usage points, %d nodes, %d gateways, %d organisations in %s, %.1f s\n", len(grid.Points), len(grid.Nodes),
		len(grid.Gateways), len(grid.Organisations), c.Out, time.Since(begin).Seconds())
	return nil
}
