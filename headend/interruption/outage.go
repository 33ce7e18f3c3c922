package interruption

import (
	"time"

	"lastgasp/headend"
)

// State is where an outage is in its life.
type State uint8

// States of an outage.
const (
	Suspected State = iota + 1 // more probable than not
	Confirmed
	Restored // all have supply again
	Closed   // for longer than Settings.Settle; late truth still revises it
)

var stateNames = [...]string{"", "suspected", "confirmed", "restored", "closed"}

// String is the state in words.
func (s State) String() string { return stateNames[s] }

// Outage is one fault or planned cut, with everything that is known of it now.
type Outage struct {
	ID       uint64 // given when it was first seen; the same through all revisions
	Node     NodeNo // the lowest that explains the evidence; NoNode: Point alone
	Point    PointNo
	Part     bool           // only a part of what is below the node is out, and the registry knows no node for it
	Phases   headend.Phases // lost; 0: all
	State    State
	Start    time.Time // of the first interruption; zero: not known
	End      time.Time // of the last; zero: it lasts, or is not known
	Odds     float64   // natural logarithm, for it against nothing having failed
	Cause    string    // an operator's word
	Own      bool      // the fault was in a customer's own installation: the interruption says whose
	Declared bool      // force majeure, by declaration
	Planned  bool
	Plan     string        // id of the calendar entry
	Notice   time.Time     // when customers were told of the plan; zero: they were not
	Overrun  time.Duration // beyond the plan's window, so far
	Points   int           // usage points interrupted
	Out      int           // of them, now
	Seen     int           // of them, with evidence of their own; the others are inferred
	Steps    []Step        // in order of time
	Summary  string        // who spoke for it and who has supply again, in one line
	Trail    []string      // why, in words
}

// Step is a part of an outage that came back at one time.
type Step struct {
	At    time.Time
	Back  int    // usage points that came back
	Still int    // that are still out after it
	Node  NodeNo // the lowest node above those that came back
}

// Interruption is one usage point without supply: a row of the ledger.
//
// It is known by Point and ID. The ID is the same through all changes of the row: when its edges move, when it is joined with a
// later one (which is removed) and when a part of it is split off (which is new). It is never given again.
type Interruption struct {
	ID        uint64 // from Snapshot.NextRow on; unique in the detector, not only in its usage point
	Point     PointNo
	Outage    uint64
	Start     time.Time // zero: not known, but not before NotBefore
	End       time.Time // zero: it lasts, or is not known yet
	NotBefore time.Time // last sign of life, where Start is not known; zero: none
	StartBy   Basis
	EndBy     Basis
	Phases    headend.Phases // lost; 0: all of the usage point's
	Observed  bool           // by the usage point's own evidence; otherwise inferred from its neighbours
	Planned   bool
	Cause     string // an operator's word about its outage
	Own       bool   // the fault was in the customer's own installation
	Declared  bool   // force majeure, by declaration
	Revision  int    // 1 when it is new
	Reason    string // why it is new, changed or withdrawn
}

// Retracted is an outage that is none, and why in words.
type Retracted struct {
	ID     uint64
	Reason string
}

// Counted is what a meter's counter of failures says beside the interruptions whose times are known. The difference
// of Failures and Known happened without anybody knowing when: they get no times (case 20).
type Counted struct {
	Point    PointNo
	From, To time.Time // between two readings of the counter
	Failures int       // by the counter
	Known    int       // interruptions of the usage point in that time
	Short    bool      // the counter counts short failures only
	Overflow bool      // the log lists fewer than the counter counts: what is known is "at least"
}

// TopologyFault is a meter that never agrees with its siblings: it lived while they were dark, more than once, and
// was never dark with them.
type TopologyFault struct {
	Point   PointNo
	Node    NodeNo // where the registry has it
	Against int    // outages it contradicts
}
