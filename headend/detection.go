package headend

import (
	"errors"
	"time"
)

// ErrLeaseLost says that another head-end detects now: what this one found was not written.
var ErrLeaseLost = errors.New("another head-end holds the lease for detection")

// Grid is the registry as the detector needs it, without names, addresses and profiles. The same id with different
// times is a later version of the same thing.
type Grid struct {
	Nodes         []Node
	Points        []UsagePoint
	PointNumbers  []uint32 // in the registry, one for each of Points
	Devices       []Device
	DeviceNumbers []int32 // in the registry, one for each of Devices
	Installations []Installation
}

// GridPoint is a version of a usage point with its number in the registry.
type GridPoint struct {
	Number uint32
	UsagePoint
}

// Feed takes in what the store has for the detector. Nothing of it is kept by reference.
type Feed interface {
	Event(device, gateway int32, received time.Time, e *Event) // gateway 0: the device spoke for itself
	LifeSign(received time.Time, s LifeSign)
	Plan(Plan)
	Decision(Decision)
}

// Basis is what an edge of an interruption rests on. The numbers are stored: never renumber them.
type Basis uint8

// What edges rest on, best first.
const (
	ByLog       Basis = iota + 1 // the meter's own power-failure log
	ByDevice                     // a last gasp or power-up with the device's time
	ByBreaker                    // position of a breaker, voltage at an RTU
	ByArrival                    // when a message without a usable time came in, a gasp less the hold time
	ByNeighbour                  // what others behind the same node show
	ByLifeSign                   // not after the first sign of life
	ByNothing                    // not known
	ByImport                     // history from before the head-end
)

var basisNames = [...]string{"", "log", "device", "breaker", "arrival", "neighbour", "life_sign", "unknown", "import"}

// String is the basis in one word; "" for none.
func (b Basis) String() string {
	if int(b) < len(basisNames) {
		return basisNames[b]
	}
	return ""
}

// LedgerRow is an interruption with what its edges rest on.
type LedgerRow struct {
	Interruption
	Point     string    // id of the usage point
	NotBefore time.Time // last sign of life, where Start is not known; zero: none
	StartBy   Basis
	EndBy     Basis
	Written   time.Time // when this version was
}

// LedgerFilter picks rows of the ledger; empty fields pick all.
type LedgerFilter struct {
	UsagePoint string
	Outage     int64
	Node       string    // at or below which the usage point hung when it began
	From, To   time.Time // that overlap this time, half-open; zero: without bound
	Revision   int64     // as the ledger stood at this revision; 0: now
	Open       bool      // only those without an end
}

// Detection is the state of the detector as it was last stored, and what changes it.
type Detection struct {
	Cursor     string    // behind the last evidence that was fed; "": none was
	ReplayFrom time.Time // evidence since then, by device time, must be fed again after a restart
	Now        time.Time // of the last derivation
	NextOutage uint64
	NextRow    uint64
	Storm      []byte // JSON, the runner's own
	Settings   string // what the ledger was derived with, in words; another text asks for a replay

	// Stored only: what has been told and lies within the window.
	Outages []Outage
	Rows    []LedgerRow

	// Counted are failures that only counters know of: those stored that reach into the window, or those that are new.
	Counted []CountedFailures

	// Written only: what is new. Rows that are withdrawn say so themselves, outages by their state.
	Tallies  []SegmentTally
	Topology []TopologyFault
}

// CountedFailures is what a meter's counter of power failures says beside the ledger, between two readings of it. Those that are not
// Known happened, and nobody knows when.
type CountedFailures struct {
	UsagePoint string // its id
	From, To   time.Time
	Failures   int  // by the counter, above 0
	Known      int  // of them, in the ledger
	Short      bool // the counter counts short failures only
	Overflow   bool // the meter's log lists fewer than the counter counts: there may have been more
	Withdrawn  bool // it is not so any more: they have become known, or the counter was read in between
}

// SegmentTally is what the outages of one local day have proven about how a segment of the network tells of them.
type SegmentTally struct {
	Day       time.Time // its first moment
	Segment   string
	Proven    int // interruptions proven by a log or a power-up
	Gasped    int // of them, with a last gasp
	Logged    int // interruptions proven by a log
	Returned  int // of them, with a power-up
	False     int // last gasps that logs, counters or signs of life deny
	MeterDays float64
}

// TopologyFault is a meter that never agrees with its siblings: it lives while they are dark. Most often it hangs
// elsewhere than the registry says.
type TopologyFault struct {
	UsagePoint string
	Node       string // where the registry has it
	Against    int    // outages it contradicts
}
