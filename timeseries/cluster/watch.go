package cluster

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// Pauses between attempts to start a server that has ended: its last processes may hold the shared memory
// for a while.
const (
	firstPause   = 200 * time.Millisecond
	longestPause = 10 * time.Second
	lookEvery    = 500 * time.Millisecond // at a server that is not our child
)

// Watch starts the server again, on the same port, whenever it ends by itself, until ctx ends. It returns
// nil. No other method but URL and Port may be called meanwhile.
func (c *Cluster) Watch(ctx context.Context, log *slog.Logger) error {
	for c.waitEnded(ctx) {
		log.Warn("the private PostgreSQL has ended; it is started again", "directory", c.data)
		began := time.Now()
		if !c.revive(ctx, log) {
			return nil
		}
		log.Warn("the private PostgreSQL runs again", "after", time.Since(began).Round(time.Millisecond))
	}
	return nil
}

// waitEnded returns true when the server has ended and false when ctx has.
func (c *Cluster) waitEnded(ctx context.Context) bool {
	if c.process != nil {
		select {
		case <-c.ended:
			return ctx.Err() == nil
		case <-ctx.Done():
			return false
		}
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for !c.hasEnded() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return ctx.Err() == nil
}

// hasEnded tells whether the server's first process has gone.
func (c *Cluster) hasEnded() bool {
	if c.pid == 0 {
		return true
	}
	if c.process != nil {
		select {
		case <-c.ended:
			return true
		default: // or it is about to be waited for
		}
	}
	return processEnded(c.pid)
}

// processEnded tells whether a process has; a zombie that nobody has waited for yet has.
func processEnded(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || bytes.Contains(text, []byte(") Z "))
}

// revive tries until the server runs again or ctx ends, which it answers with false.
func (c *Cluster) revive(ctx context.Context, log *slog.Logger) bool {
	pause, port := firstPause, c.port
	for {
		err := c.restartOrTakeOver(ctx, port)
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		log.Warn("the private PostgreSQL does not start yet; it is tried again", "pause", pause, "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return false
		}
		pause = min(2*pause, longestPause)
	}
}

// restartOrTakeOver starts the server, or uses the one that another of our programs has started meanwhile.
// A server that was started and does not answer yet is waited for, not started twice.
func (c *Cluster) restartOrTakeOver(ctx context.Context, port int) error {
	if c.process != nil && !c.hasEnded() {
		return c.waitReady(ctx)
	}
	c.pid, c.process, c.ended = 0, nil, nil
	if c.takeOver(ctx) && c.port == port {
		return nil
	}
	c.pid, c.port = 0, port
	return c.Restart(ctx)
}
