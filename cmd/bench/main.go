// Command bench prints the speed table: each figure beside its limit, taken in the same run on the same
// machine, with broker, database and load generator on the same cores.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures one thing after the other, so that none has to share the machine with another.
func run(ctx context.Context) error {
	b, err := newBench(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	results := &table{}
	for _, measure := range []func(context.Context, *table) error{b.embedded, b.gateways, b.external} {
		if err := measure(ctx, results); err != nil {
			return err
		}
	}
	results.print(os.Stdout)
	return nil
}
