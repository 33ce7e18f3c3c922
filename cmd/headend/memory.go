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

// watchMemory keeps that percentage in step with what lives: the registry of a large utility is read within seconds, and what a
// percentage of the heap before allows would be many times what it needs. It looks so often because a collection tells of its end only
// when what it found is swept, which on a busy machine is at the next one. It does nothing where GOGC was set by hand.
func watchMemory(ctx context.Context) error {
	if os.Getenv("GOGC") != "" {
		<-ctx.Done()
		return nil
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for set := 0; ; {
		metrics.Read(live)
		if percent := collectBy(live[0].Value.Uint64()); percent != set {
			debug.SetGCPercent(percent) // stops the world for a moment
			set = percent
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
