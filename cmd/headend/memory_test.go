package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestCollectBy(t *testing.T) {
	for live, want := range map[uint64]int{0: 400, 10 << 20: 400, 64 << 20: 400, 256 << 20: 100, 512 << 20: 50, 8 << 30: 25} {
		if got := collectBy(live); got != want {
			t.Errorf("%d MB live: %d %%, want %d", live>>20, got, want)
		}
	}
}

// The percentage follows what lives within moments of a collection.
func TestWatchMemoryFollowsTheHeap(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(400)
	defer debug.SetGCPercent(before)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- watchMemory(ctx) }()
	held := make([]byte, 512<<20)
	deadline := time.Now().Add(30 * time.Second)
	percent := 0
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	for percent > 50 || percent == 0 {
		if time.Now().After(deadline) {
			t.Fatalf("%d %% with 512 MB that live, want at most 50", percent)
		}
		runtime.GC()
		metrics.Read(sample)
		percent = int(sample[0].Value.Uint64())
	}
	runtime.KeepAlive(held)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
