package main

import (
	"lastgasp/headend/importer"
	"lastgasp/timeseries"
)

// importBooks are the files that the accounting of interruptions takes.
type importBooks struct {
	History importHistory        `cmd:"" name:"reliability-history" help:"Daily sums from before the head-end, five years of them for major event days: organisation,date,customers,ci,cmi"`
	Targets importTargets        `cmd:"" help:"What organisations are held to in a year, index one of saidi, saifi, maifi, losses: organisation,year,index,value"`
	Counts  importCustomerCounts `cmd:"" name:"customer-counts" help:"Customers served as billing has them, in place of the registry's: organisation,month,customers"`
	Losses  importLossTerms      `cmd:"" name:"loss-formulas" help:"Energy balances of nodes and organisations, sign + or -, an empty point for all usage points below: unit,side,sign,point,register,label"`
}

type (
	importHistory        struct{ importFile }
	importTargets        struct{ importFile }
	importCustomerCounts struct{ importFile }
	importLossTerms      struct{ importFile }
)

// Run imports daily sums.
func (c *importHistory) Run(p *program) error {
	return runImport(p, c.importFile, importer.DaySums, (*timeseries.Store).ImportDaySums)
}

// Run imports targets.
func (c *importTargets) Run(p *program) error {
	return runImport(p, c.importFile, importer.Targets, (*timeseries.Store).ImportTargets)
}

// Run imports customers of months.
func (c *importCustomerCounts) Run(p *program) error {
	return runImport(p, c.importFile, importer.CustomerCounts, (*timeseries.Store).ImportCustomerCounts)
}

// Run imports energy balances.
func (c *importLossTerms) Run(p *program) error {
	return runImport(p, c.importFile, importer.LossTerms, (*timeseries.Store).ImportLossTerms)
}
