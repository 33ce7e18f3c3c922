// Command bench prints the speed table: each figure beside its limit, taken in the same run on the same
// machine, with broker, database and load generator on the same cores.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

func main() {
	if ports := os.Getenv(fieldVariable); ports != "" {
		if err := beField(ports); err != nil {
			fmt.Fprintln(os.Stderr, "bench: devices:", err)
			os.Exit(1)
		}
		return
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures one thing after the other, so that none has to share the machine with another: all, or those that are named.
func run(ctx context.Context, names []string) error {
	b, err := newBench(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	results := &table{}
	for _, m := range []struct {
		name    string
		measure func(context.Context, *table) error
	}{{"modbus", b.modbus}, {"embedded", b.embedded}, {"gateways", b.gateways}, {"external", b.external}, {"detection", b.detection}, {"billing", b.billing}, {"exports", b.exports}} {
		if len(names) > 0 && !slices.Contains(names, m.name) {
			continue
		}
		if err := m.measure(ctx, results); err != nil {
			return err
		}
	}
	results.print(os.Stdout)
	return nil
}
