package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/headend/webhook"
	"lastgasp/timeseries"
)

// webhookRules is what the API and the sender agree on.
func webhookRules(c WebhooksConfig) (webhook.Rules, error) {
	guard, err := webhook.NewGuard(c.Allow, c.Insecure)
	if err != nil {
		return webhook.Rules{}, fmt.Errorf("webhooks.allow: %w", err)
	}
	return webhook.Rules{Guard: guard, Key: webhook.NewKeyFile(c.KeyFile)}, nil
}

// newWebhooks makes what tells other systems of events; nothing where webhooks are not enabled.
func newWebhooks(config Config, store *timeseries.Store, metrics *prometheus.Registry, log *slog.Logger) ([]stage, error) {
	c := config.Webhooks
	if !c.Enabled {
		return nil, nil
	}
	zone, err := time.LoadLocation(store.Zone())
	if err != nil {
		return nil, fmt.Errorf("zone of the database: %w", err)
	}
	rules, err := webhookRules(c)
	if err != nil {
		return nil, err
	}
	sender, err := webhook.New(store, webhook.Options{Guard: rules.Guard, Key: rules.Key, Attempts: c.Attempts, Timeout: c.Timeout, Workers: c.Workers,
		Registry: metrics, Log: log})
	if err != nil {
		return nil, err
	}
	stages := []stage{{"webhooks", sender.Run}}
	if b := config.Billing; b.Enabled && c.Completeness > 0 {
		completeness := &webhook.Completeness{Reads: store, Zone: zone, Limit: float64(c.Completeness), After: b.InTime + b.Settle + 2*time.Hour, Log: log} // duties are looked at hourly
		stages = append(stages, stage{"completeness", completeness.Run})
	}
	return stages, nil
}
