package main

import (
	"lastgasp/headend/importer"
	"lastgasp/timeseries"
)

// importBilling are the files that billing takes.
type importBilling struct {
	MeterTypes     importMeterTypes     `cmd:"" name:"meter-types" help:"How the registers of meter models are built and what they owe, model as in the profile column of devices: model,digits,unit_wh,max_w,every,tolerance,registers,nominal_v,rated_a"`
	Multipliers    importMultipliers    `cmd:"" help:"Ratios of current and voltage transformers, valid in time; all lines about a usage point together take the place of those it had: usage_point,multiplier,from,to"`
	NotedRegisters importNotedRegisters `cmd:"" name:"noted-registers" help:"Registers that were read from the dial when meters came or went: device,time,register,wh"`
	LoadProfiles   importLoadProfiles   `cmd:"" name:"load-profiles" help:"What share of the energy of customers falls into each slot of a workday, saturday and sunday, for estimates; all lines about a class together take the place of what it had, class * is all usage points: class,day,slot,share"`
}

type (
	importMeterTypes     struct{ importFile }
	importMultipliers    struct{ importFile }
	importNotedRegisters struct{ importFile }
	importLoadProfiles   struct{ importFile }
)

// Run imports meter models.
func (c *importMeterTypes) Run(p *program) error {
	return runImport(p, c.importFile, importer.MeterTypes, (*timeseries.Store).ImportMeterTypes)
}

// Run imports multipliers.
func (c *importMultipliers) Run(p *program) error {
	return runImport(p, c.importFile, importer.Multipliers, (*timeseries.Store).ImportMultipliers)
}

// Run imports registers that were read from dials.
func (c *importNotedRegisters) Run(p *program) error {
	return runImport(p, c.importFile, importer.NotedRegisters, (*timeseries.Store).ImportNotedRegisters)
}

// Run imports load profiles.
func (c *importLoadProfiles) Run(p *program) error {
	return runImport(p, c.importFile, importer.LoadProfiles, (*timeseries.Store).ImportLoadProfiles)
}
