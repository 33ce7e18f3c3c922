package main

import (
	"fmt"
	"log/slog"
	"os"
	"path"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/headend"
	"lastgasp/headend/interruption"
	"lastgasp/headend/interruption/runner"
	"lastgasp/timeseries"
)

// newDetection makes what finds interruptions; nothing where detection is not enabled.
func newDetection(c Config, store *timeseries.Store, drivers *drivers, metrics *prometheus.Registry, log *slog.Logger) ([]stage, error) {
	d := c.Detection
	if !d.Enabled {
		return nil, nil
	}
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return nil, fmt.Errorf("zone: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("name of this machine: %w", err)
	}
	for _, pattern := range d.MakesUp {
		if _, err := path.Match(pattern, ""); err != nil {
			return nil, fmt.Errorf("detection.makes_up %q: %w", pattern, err)
		}
	}
	pinger := newPinger(drivers, metrics)
	r := runner.New(store, runner.Options{
		Holder:   fmt.Sprintf("%s, process %d", host, os.Getpid()),
		Every:    d.Every,
		Settings: interruption.Settings{Window: d.Window, Hold: d.Hold, Spread: d.Spread, Settle: d.Settle, Fresh: d.Fresh},
		MakesUp:  func(id headend.DeviceID) bool { return matchesAny(d.MakesUp, string(id)) },
		Ping:     pinger.ask,
		Zone:     zone,
		Registry: metrics,
		Log:      log,
	})
	return []stage{{"detection", r.Run}, {"pings", pinger.run}}, nil
}

func matchesAny(patterns []string, id string) bool {
	for _, pattern := range patterns {
		if ok, err := path.Match(pattern, id); ok && err == nil { // patterns were looked at before
			return true
		}
	}
	return false
}
