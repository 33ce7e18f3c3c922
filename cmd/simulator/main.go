// Command simulator plays a distribution grid against a broker: meters, gateways, faults and load.
//
// Every subcommand is a file of its own; this one lists them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"lastgasp/simulator"
)

type commands struct {
	Run      runCommand      `cmd:"" help:"Play a scenario: meters, gateways and faults, in real time."`
	Replay   replayCommand   `cmd:"" help:"Publish recorded readings from CSV files."`
	Generate generateCommand `cmd:"" help:"Write a grid of any size as the CSV files that headend import takes."`
	Score    scoreCommand    `cmd:"" help:"Compare what a head-end has found out with the truth, of many simulated days or of a running one."`
	Flood    floodCommand    `cmd:"" help:"Publish as fast as a broker takes it, or at a rate, and count the acknowledgements."`
}

func main() {
	var c commands
	parsed := kong.Parse(&c, kong.Name("simulator"), kong.ShortUsageOnError(), kong.Vars{"scenarios": strings.Join(simulator.ScenarioNames(), ", ")},
		kong.Description("Plays a distribution grid: meters and gateways over MQTT, feeder devices over Modbus, faults, load."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err := parsed.Run(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "simulator:", err)
		os.Exit(1)
	}
}
