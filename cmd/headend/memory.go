package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// garbage is how much memory may be waiting for a collection: what dies is each batch, and with a small heap the usual 100
// percent would collect it twenty times a second; with a large one, the registry of millions, 100 would waste gigabytes.
const garbage = 256 << 20

// collectBy is the percentage at which the garbage is collected, for a heap of which so many bytes live.
func collectBy(live uint64) int {
	if live == 0 {
		return 400
	}
	return int(max(25, min(400, 100*garbage/live)))
}

// watchMemory keeps that percentage in step with what lives, unless GOGC was set by hand.
func watchMemory(ctx context.Context) error {
	if os.Getenv("GOGC") != "" {
		<-ctx.Done()
		return nil
	}
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		metrics.Read(sample)
		debug.SetGCPercent(collectBy(sample[0].Value.Uint64()))
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
