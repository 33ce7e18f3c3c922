package main

import (
	"errors"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"lastgasp/headend/ingest"
	"lastgasp/headend/reliability/books"
	"lastgasp/timeseries"
)

// serveCommand is `headend serve`.
type serveCommand struct{}

// Run serves until the program is told to stop.
func (c *serveCommand) Run(p *program) error { return serve(p, nil) }

// devices makes stages that stand before the drivers: simulated devices, where there are any.
type devices func(p *program, config Config, store *timeseries.Store, metrics *prometheus.Registry, ready func() error) ([]stage, error)

// serve is the parts list of the head-end. The stages stand in the order of the data; they stop in that
// order too, so that what a driver has taken in is stored before the store closes.
func serve(p *program, simulated devices) error {
	config, err := p.config()
	if err != nil {
		return err
	}
	log := p.logger(config.Log)
	slog.SetDefault(log)
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	database, err := openDatabase(p.ctx, config, log, p.stderr)
	if err != nil {
		return err
	}
	ingest := ingest.New(database.Store, ingest.Options{
		Limits:     ingest.Limits{MaxAge: config.Ingest.MaxAge, MaxAhead: config.Ingest.MaxAhead, DoubtAhead: config.Ingest.DoubtAhead},
		Committers: config.Ingest.Committers,
		Group:      config.Ingest.Group,
		Registry:   metrics,
		Log:        log,
	})
	drivers, err := newDrivers(config, database.Store, metrics, log)
	if err != nil {
		return errors.Join(err, database.Close())
	}
	office, err := books.New(database.Store, books.Options{Log: log})
	if err != nil {
		return errors.Join(err, database.Close())
	}
	doors := newDoors(config.Access, database.Store, log)
	if err := openDoors(p, config, database.Store, doors, log); err != nil {
		return errors.Join(err, database.Close())
	}
	bills, billing, err := newBilling(config, database.Store, drivers, metrics, log)
	if err != nil {
		return errors.Join(err, database.Close())
	}
	web, err := newWeb(config, database.Store, doors, office, bills, ingest, drivers, metrics, log)
	if err != nil {
		return errors.Join(err, database.Close())
	}

	detection, err := newDetection(config, database.Store, drivers, metrics, log)
	if err != nil {
		return errors.Join(err, database.Close())
	}

	webhooks, err := newWebhooks(config, database.Store, metrics, log)
	if err != nil {
		return errors.Join(err, database.Close())
	}

	var field []stage
	if simulated != nil {
		if field, err = simulated(p, config, database.Store, metrics, ingest.Ready); err != nil {
			return errors.Join(err, database.Close())
		}
	}

	err = runStages(p.ctx, log,
		field,
		append(drivers.stages(ingest), web...),
		[]stage{{"ingest", ingest.Run}},
		detection,
		webhooks,
		append([]stage{{"books", office.Run}}, billing...),
		[]stage{{"memory", watchMemory}, {"store", database.Store.Run}},
		database.stages(log),
	)
	return errors.Join(err, database.Close())
}
