package headend

import (
	"math"
	"time"
)

// Organisation is a corporation, company or district; a tree by Parent, valid in time.
type Organisation struct {
	ID     string
	Name   string
	Kind   string // corporation, company, district
	Parent string // "" at the top
	From   time.Time
	To     time.Time // zero: still valid
}

// Node is a piece of the network: substation, feeder, switch, transformer; a tree by Parent, valid
// from From to To.
type Node struct {
	ID           string
	Name         string
	Kind         string // substation, feeder, switch, transformer
	Parent       string // towards the supply; "" at the top
	Organisation string
	RatedKVA     float64 // 0: unknown
	From         time.Time
	To           time.Time // zero: still valid
}

// UsagePoint is where a customer is supplied and counted. It outlives its meters and stands for one
// customer whatever the number of households behind it.
type UsagePoint struct {
	ID           string
	Name         string
	Address      string
	Node         string // the transformer it hangs on
	Organisation string
	Phases       Phases
	Generation   bool    // solar or battery behind the meter: the device may live without supply
	ConnectedKVA float64 // connected load, at most three decimals; 0: not known
	From         time.Time
	To           time.Time // zero: still active
}

// ConnectedVA is the connected load in whole volt-amperes; 0: not known.
func (u *UsagePoint) ConnectedVA() int64 { return int64(math.Round(u.ConnectedKVA * 1000)) }

// Installation says that meter Device measured UsagePoint from From until To.
type Installation struct {
	Device     DeviceID
	UsagePoint string
	From       time.Time
	To         time.Time // zero: still installed
}
