package billing

import (
	"fmt"
	"time"

	"lastgasp/headend"
)

// State says whether the energy of an interval is known, and how.
type State uint8

// States of a Value.
const (
	Measured  State = iota + 1 // the difference of two registers that were read
	Estimated                  // made by Method
	Missing                    // not known: Absent says why
)

var stateNames = [...]string{"", "measured", "estimated", "missing"}

// String is the word that is stored and exported.
func (s State) String() string { return stateNames[s] }

// MarshalText writes the word.
func (s State) MarshalText() ([]byte, error) { return []byte(stateNames[s]), nil }

// UnmarshalText reads the word.
func (s *State) UnmarshalText(text []byte) error {
	for i, name := range stateNames {
		if name == string(text) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no state of a value: measured, estimated, missing", text)
}

// Value is the energy of one interval of a usage point, after the multiplier.
type Value struct {
	Period   Period           `json:"period"`
	Meter    headend.DeviceID `json:"meter,omitempty"` // at the end of the interval; "" where none was installed
	State    State            `json:"state"`
	Wh       int64            `json:"wh"`               // 0 where Missing, and means nothing there
	Method   Method           `json:"method,omitempty"` // where Estimated
	Summed   bool             `json:"summed,omitempty"` // where Estimated: the estimates of this gap add up to the register difference
	Absent   Reason           `json:"absent,omitempty"` // where Missing, and why the measured value was missing where Estimated
	Quality  headend.Quality  `json:"quality,omitempty"`
	Verdicts Verdict          `json:"verdicts,omitempty"`
}

// Series is the energy of the intervals a schedule has in a period. An interval is measured where registers at both its
// ends were read, within the schedule's tolerance; intervals that meet use the same register.
func (m *Metering) Series(s Schedule, p Period) ([]Value, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	exact := m.tight(s)
	var values []Value
	for interval := range s.Intervals(p) {
		c, err := exact.Consumption(interval)
		if err != nil {
			return nil, err
		}
		v := Value{Period: interval, State: Measured, Wh: c.Wh, Quality: c.Quality, Absent: c.Absent,
			Meter: c.Parts[len(c.Parts)-1].Meter}
		if c.Absent != "" {
			v.State, v.Wh = Missing, 0
		}
		values = append(values, v)
	}
	return values, nil
}

// tight is the same metering with the registers that close the intervals of a schedule, and no others.
func (m *Metering) tight(s Schedule) *Metering {
	t := *m
	t.policy = CutOff{Nearest: s.Tolerance, Prefer: Nearest, Exchange: m.policy.Exchange, DoubtfulTime: m.policy.DoubtfulTime}
	return &t
}

// Demand is the greatest mean power of an interval in a period.
type Demand struct {
	W         int64  `json:"w"`                   // rounded down; only where Absent is ""
	At        Period `json:"at,omitzero"`         // the interval; the first of several
	Intervals int    `json:"intervals"`           // that have a value
	Estimated int    `json:"estimated,omitempty"` // of them
	Missing   int    `json:"missing,omitempty"`   // that have none: if any, W is only a lower bound
	Absent    Reason `json:"absent,omitempty"`
}

// MaximumDemand finds the maximum among values of equal or different lengths.
func MaximumDemand(values []Value) Demand {
	var d Demand
	for _, v := range values {
		if v.State == Missing {
			d.Missing++
			continue
		}
		d.Intervals++
		if v.State == Estimated {
			d.Estimated++
		}
		w := meanPower(v.Wh, v.Period.Length())
		if d.Intervals == 1 || w > d.W {
			d.W, d.At = w, v.Period
		}
	}
	if d.Intervals == 0 {
		d.Absent = NotMeasured
	}
	return d
}

// meanPower is Wh over a time as W, rounded down.
func meanPower(wh int64, over time.Duration) int64 {
	if wh <= 0 || over <= 0 {
		return 0
	}
	if wh > 1<<62/int64(time.Hour/time.Second) {
		return wh / int64(over/time.Second) * 3600
	}
	return wh * 3600 / int64(over/time.Second)
}
