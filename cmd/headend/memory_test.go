package main

import "testing"

func TestCollectBy(t *testing.T) {
	for live, want := range map[uint64]int{0: 400, 10 << 20: 400, 64 << 20: 400, 256 << 20: 100, 512 << 20: 50, 8 << 30: 25} {
		if got := collectBy(live); got != want {
			t.Errorf("%d MB live: %d %%, want %d", live>>20, got, want)
		}
	}
}
