package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
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

// watchMemory keeps that percentage in step with what lives, from one collection to the next: the registry of a large utility is
// read within seconds, and what a percentage of yesterday's heap allows would be many times what it needs. It does
// nothing where GOGC was set by hand.
func watchMemory(ctx context.Context) error {
	if os.Getenv("GOGC") != "" {
		<-ctx.Done()
		return nil
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	collected := make(chan struct{}, 1)
	for {
		tellCollected(collected)
		select {
		case <-ctx.Done():
			return nil
		case <-collected:
		}
		metrics.Read(live)
		debug.SetGCPercent(collectBy(live[0].Value.Uint64()))
	}
}

// tellCollected tells of the next collection: it finds an object that nobody holds.
func tellCollected(collected chan struct{}) {
	sentinel := &struct{ of *chan struct{} }{&collected} // with a pointer, so that it does not share its place with others
	runtime.AddCleanup(sentinel, func(to chan struct{}) {
		select {
		case to <- struct{}{}:
		default:
		}
	}, collected)
}
