package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/headend/access"
	"lastgasp/headend/api"
	"lastgasp/headend/billing/office"
	"lastgasp/headend/console"
	"lastgasp/headend/ingest"
	"lastgasp/headend/reliability/books"
	"lastgasp/timeseries"
)

// newWeb makes what answers over HTTP; nothing where http.listen is empty.
func newWeb(c Config, store *timeseries.Store, doors *access.Doors, accounts *books.Office, bills *office.Office, ingest *ingest.Ingest, drivers *drivers, metrics *prometheus.Registry, log *slog.Logger) ([]stage, error) {
	if c.HTTP.Listen == "" {
		return nil, nil
	}
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return nil, fmt.Errorf("zone: %w", err)
	}
	rules, err := webhookRules(c.Webhooks)
	if err != nil {
		return nil, err
	}
	pages, err := console.New()
	if err != nil {
		return nil, err
	}
	options := api.Options{
		Listen:          c.HTTP.Listen,
		Certificate:     c.HTTP.TLS.Certificate,
		Key:             c.HTTP.TLS.Key,
		Hosts:           c.HTTP.Hosts,
		Access:          doors,
		Accounts:        store,
		Trail:           store,
		Proxies:         c.Access.proxies(),
		SecureProxy:     c.Access.SecureProxy,
		Store:           store,
		Books:           bookAnswers{accounts},
		Billing:         billingAnswers{Store: store, office: bills, inTime: c.Billing.InTime},
		Outages:         store,
		Window:          c.Detection.Window,
		Webhooks:        store,
		WebhookRules:    rules,
		Exports:         exports{store},
		ExportsAtOnce:   max(1, c.Database.Connections/4),
		Requests:        store,
		Sealer:          rules.Key,
		Checks:          readiness(store, ingest, drivers),
		Replayer:        &replayer{decoders: drivers.decoders, polls: drivers.polls, sink: ingest},
		Console:         pages,
		Metrics:         metrics,
		Zone:            zone,
		QuestionTimeout: c.Database.StatementTimeout,
		Questions:       max(1, c.Database.Connections/3), // the rest is for storing
		Log:             log,
	}
	if provider := newProvider(c.Access.OIDC, doors); provider != nil {
		options.Provider = provider
	}
	web, err := api.New(options)
	if err != nil {
		return nil, err
	}
	return []stage{{"http", web.Run}}, nil
}

// readiness lists what has to be in order: the database, what is stored through it, and every connection
// to devices.
func readiness(store *timeseries.Store, ingest *ingest.Ingest, drivers *drivers) []api.Check {
	checks := []api.Check{
		{Name: "database", Ready: store.Ready},
		{Name: "ingest", Ready: func(context.Context) error { return ingest.Ready() }},
	}
	for _, d := range drivers.named {
		if d.ready != nil {
			checks = append(checks, api.Check{Name: d.name, Ready: func(context.Context) error { return d.ready() }})
		}
	}
	return checks
}
