package headend

import "time"

// SupplyNode is a piece of the network with what is known of supply at the usage points that hang directly on it.
type SupplyNode struct {
	Node
	Customers int       // usage points that hang on it now
	Out       int       // of them, with an interruption that lasts
	Heard     int       // of those not out, whose meter measured or said something in the time asked for
	Breaker   EventType // what a device that stands for the node said last of its breaker; "": nothing
	BreakerAt time.Time // when
}

// SupplyState is what is known of the supply of the usage points at and below a node.
type SupplyState string

// States of supply.
const (
	SupplyDead    SupplyState = "dead"    // all are out
	SupplyPart    SupplyState = "part"    // some are
	SupplyAlive   SupplyState = "alive"   // none is, and some were heard
	SupplyUnknown SupplyState = "unknown" // none is known to be out, and none was heard
	SupplyNone    SupplyState = "none"    // there are no usage points
)

// StateOfSupply says what counts of usage points mean.
func StateOfSupply(customers, out, heard int) SupplyState {
	switch {
	case customers == 0:
		return SupplyNone
	case out >= customers:
		return SupplyDead
	case out > 0:
		return SupplyPart
	case heard > 0:
		return SupplyAlive
	}
	return SupplyUnknown
}

// Place is what a node or usage point is called and where it is, as the registry last had it.
type Place struct {
	Node             string // one of the two
	UsagePoint       string
	Name             string // "" where it has none
	Feeder           string // at or above it; "" for none
	FeederName       string
	Organisation     string // that it belongs to; "" for none
	OrganisationName string
}

// Counts is how much of everything there is now.
type Counts struct {
	UsagePoints int // that are active
	Meters      int // active ones, as Gateways and RTUs
	Gateways    int
	RTUs        int
	Unassigned  int // devices that were heard and that nobody has said the place of
	Quarantined int // messages that wait for a replay; at most MostCounted are counted
	OpenOutages int
	Out         int // usage points in them
}

// MostCounted bounds how many quarantined messages are counted.
const MostCounted = 10_000
