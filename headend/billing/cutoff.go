package billing

import (
	"fmt"
	"time"

	"lastgasp/headend"
)

// How says how a register at a cut-off was had.
type How uint8

// Ways to a register at a cut-off, from the best to the worst.
const (
	Exact        How = iota + 1 // read at that very time
	Nearest                     // the nearest read, at Distance from it
	Interpolated                // on the straight line between the reads around it
)

var howNames = [...]string{"", "exact", "nearest", "interpolated"}

// String is the word that is stored and exported; "" for none.
func (h How) String() string { return howNames[h] }

// MarshalText writes the word.
func (h How) MarshalText() ([]byte, error) { return []byte(howNames[h]), nil }

// UnmarshalText reads the word.
func (h *How) UnmarshalText(text []byte) error {
	for i, name := range howNames {
		if name == string(text) {
			*h = How(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no way to a register: exact, nearest, interpolated", text)
}

// CutOff is the policy for registers at a cut-off where none was read at that very time. The zero policy takes
// exact registers only.
type CutOff struct {
	Nearest     time.Duration `yaml:"nearest" koanf:"nearest"`         // how far a read may be from the cut-off; 0: not at all
	Interpolate time.Duration `yaml:"interpolate" koanf:"interpolate"` // how far apart the reads around it may be; 0: never
	Prefer      How           `yaml:"prefer" koanf:"prefer"`           // Nearest or Interpolated where both can be had; Interpolated where 0
	// Exchange is how far a read may be from the moment a meter came or went. At a cut-off in between the energy up to
	// the nearest read falls into the period beside it; at an exchange it falls into none. 0: only what was noted, or
	// read at that very time.
	Exchange time.Duration `yaml:"exchange" koanf:"exchange"`
	// DoubtfulTime takes registers into account whose time is the head-end's, or of a clock in doubt. A register at a
	// cut-off is then never Exact.
	DoubtfulTime bool `yaml:"doubtful_time" koanf:"doubtful_time"`
}

// MaxReach bounds both reaches of a CutOff.
const MaxReach = 62 * 24 * time.Hour

// Validate returns an error that names the field out of bounds.
func (c CutOff) Validate() error {
	if c.Nearest < 0 || c.Nearest > MaxReach {
		return fmt.Errorf("nearest: %s, 0 to %s are possible", c.Nearest, MaxReach)
	}
	if c.Interpolate < 0 || c.Interpolate > MaxReach {
		return fmt.Errorf("interpolate: %s, 0 to %s are possible", c.Interpolate, MaxReach)
	}
	if c.Exchange < 0 || c.Exchange > MaxReach {
		return fmt.Errorf("exchange: %s, 0 to %s are possible", c.Exchange, MaxReach)
	}
	if c.Prefer != 0 && c.Prefer != Nearest && c.Prefer != Interpolated {
		return fmt.Errorf("prefer: %s, nearest or interpolated are possible", c.Prefer)
	}
	return nil
}

// Read is a register at a cut-off.
type Read struct {
	At       time.Time        `json:"at"`
	Meter    headend.DeviceID `json:"meter,omitempty"`
	Wh       int64            `json:"wh"` // on the dial, before the multiplier; only where Absent is ""
	How      How              `json:"how,omitempty"`
	Distance time.Duration    `json:"distance_ns,omitempty"` // from At to the read that was used, or to the nearer of two; negative: before
	Quality  headend.Quality  `json:"quality,omitempty"`
	Noted    bool             `json:"noted,omitempty"` // written down at an exchange
	Absent   Reason           `json:"absent,omitempty"`

	count int64 // within its chain
	group int
	rolls int
	used  time.Time // the read that stands for it
}
