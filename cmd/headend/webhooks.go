package main

import (
	"fmt"
	"log/slog"

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
func newWebhooks(c WebhooksConfig, store *timeseries.Store, metrics *prometheus.Registry, log *slog.Logger) ([]stage, error) {
	if !c.Enabled {
		return nil, nil
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
	return []stage{{"webhooks", sender.Run}}, nil
}
