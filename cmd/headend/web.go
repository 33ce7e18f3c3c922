package main

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/headend/ingest"
	"lastgasp/timeseries"
)

// newWeb makes what answers over HTTP.
func newWeb(c Config, store *timeseries.Store, ingest *ingest.Ingest, drivers *drivers, metrics *prometheus.Registry, log *slog.Logger) ([]stage, error) {
	return nil, nil
}
