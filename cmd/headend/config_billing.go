package main

import (
	"fmt"
	"strings"
	"time"

	"lastgasp/headend/billing"
	"lastgasp/headend/billing/office"
)

// BillingConfig is what a utility decides about its billing. Of several head-ends on one database one does a step at a time.
type BillingConfig struct {
	Enabled    bool               `koanf:"enabled" doc:"false: this head-end looks for no gaps, asks no meter and makes no runs; another one may"`
	Interval   time.Duration      `koanf:"interval" min:"1m" doc:"meters of models without a type owe a register at the end of each, from local midnight on; headend import meter-types says more"`
	Tolerance  time.Duration      `koanf:"tolerance" doc:"how far from the end of the interval that register may be read"`
	Settle     time.Duration      `koanf:"settle" min:"15m" doc:"from the end of an hour until it is looked at what is missing of it"`
	InTime     time.Duration      `koanf:"in_time" doc:"a register that comes later than this after it was due is late"`
	LookBack   time.Duration      `koanf:"look_back" doc:"how far back the very first look goes; 0s: meters owe from the first start on"`
	Daily      time.Duration      `koanf:"daily" doc:"after local midnight: the day before is validated, and runs of which something came in late are made anew"`
	Review     time.Duration      `koanf:"review" doc:"how long after the end of its period a run is made anew when something comes in late; 0s: never"`
	Patience   billing.Patience   `koanf:"patience" doc:"how often and how fast meters are asked for what is missing"`
	Estimation billing.Estimation `koanf:"estimation" doc:"what may be estimated, and how"`
	CutOff     CutOffConfig       `koanf:"cut_off" doc:"the register at the end of a period where none was read at that very time"`
	Gate       GateConfig         `koanf:"gate" doc:"which usage points of a run may be billed as they are; hundredths of a percent of the intervals"`
	Rules      billing.Rules      `koanf:"rules" doc:"validation"`
}

// CutOffConfig is billing.CutOff in words.
type CutOffConfig struct {
	Nearest      time.Duration `koanf:"nearest" doc:"how far the nearest read may be from it; 0s: not at all"`
	Interpolate  time.Duration `koanf:"interpolate" doc:"how far apart the reads around it may be; 0s: never interpolated"`
	Prefer       string        `koanf:"prefer" oneof:"nearest interpolated" doc:"nearest or interpolated, where both can be had"`
	Exchange     time.Duration `koanf:"exchange" doc:"how far a read may be from the moment a meter came or went; 0s: only what was noted, or read at that very time"`
	DoubtfulTime bool          `koanf:"doubtful_time" doc:"true: registers whose time is in doubt count too"`
}

// GateConfig is billing.Gate in words.
type GateConfig struct {
	Estimated int      `koanf:"estimated" max:"10000" doc:"estimated intervals; 500 is 5 %"`
	Missing   int      `koanf:"missing" max:"10000" doc:"intervals without energy"`
	Failed    int      `koanf:"failed" max:"10000" doc:"intervals that failed a rule of fails"`
	Fails     []string `koanf:"fails" doc:"rules that make an interval a failed one"`
	Register  bool     `koanf:"register" doc:"true: the consumption of the period must be known"`
	Worst     string   `koanf:"worst" oneof:"exact nearest interpolated" doc:"exact, nearest or interpolated: the worst register at the ends"`
}

func defaultBilling() BillingConfig {
	s := office.DefaultSettings()
	return BillingConfig{Enabled: true, Interval: s.Interval, Tolerance: s.Tolerance, Settle: s.Settle, InTime: s.InTime, LookBack: s.LookBack, Daily: s.Daily, Review: s.Review,
		Patience: s.Patience, Estimation: s.Estimation, Rules: s.Rules,
		CutOff: CutOffConfig{Nearest: s.CutOff.Nearest, Interpolate: s.CutOff.Interpolate, Prefer: s.CutOff.Prefer.String(), Exchange: s.CutOff.Exchange, DoubtfulTime: s.CutOff.DoubtfulTime},
		Gate:   GateConfig{Estimated: s.Gate.Estimated, Missing: s.Gate.Missing, Failed: s.Gate.Failed, Fails: s.Gate.Fails.Names(), Register: s.Gate.Register, Worst: s.Gate.Worst.String()}}
}

// settings are what the office takes; the error names the key below billing that is out of bounds.
func (c *BillingConfig) settings() (office.Settings, error) {
	s := office.Settings{Interval: c.Interval, Tolerance: c.Tolerance, Settle: c.Settle, InTime: c.InTime, LookBack: c.LookBack, Daily: c.Daily, Review: c.Review, Patience: c.Patience, Estimation: c.Estimation,
		Rules:  c.Rules,
		CutOff: billing.CutOff{Nearest: c.CutOff.Nearest, Interpolate: c.CutOff.Interpolate, Exchange: c.CutOff.Exchange, DoubtfulTime: c.CutOff.DoubtfulTime},
		Gate:   billing.Gate{Estimated: c.Gate.Estimated, Missing: c.Gate.Missing, Failed: c.Gate.Failed, Register: c.Gate.Register}}
	for _, word := range []struct {
		name string
		text string
		into interface{ UnmarshalText([]byte) error }
	}{{"cut_off.prefer", c.CutOff.Prefer, &s.CutOff.Prefer}, {"gate.worst", c.Gate.Worst, &s.Gate.Worst}, {"gate.fails", strings.Join(c.Gate.Fails, ","), &s.Gate.Fails}} {
		if err := word.into.UnmarshalText([]byte(word.text)); err != nil {
			return s, fmt.Errorf("%s: %w", word.name, err)
		}
	}
	return s, s.Validate()
}
