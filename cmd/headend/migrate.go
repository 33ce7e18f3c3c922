package main

import "fmt"

// migrateCommand is `headend migrate`.
type migrateCommand struct{}

// Run brings the schema up to date and says what the database is.
func (c *migrateCommand) Run(p *program) error {
	config, err := p.config()
	if err != nil {
		return err
	}
	database, err := openDatabase(p.ctx, config, p.logger(config.Log), p.stderr)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(p.stdout, "The schema is up to date: engine %s, zone %s.\n", database.Store.Engine(), database.Store.Zone()); err != nil {
		return err
	}
	return database.Close()
}
