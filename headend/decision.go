package headend

import "time"

// DecisionKind is what an operator decides about an outage.
type DecisionKind string

// Kinds of decisions. None ends an outage: when a ticket was closed says nothing about supply.
const (
	DecideCause      DecisionKind = "cause"
	DecidePlanned    DecisionKind = "planned"
	DecideUnplanned  DecisionKind = "unplanned"
	DecideOwn        DecisionKind = "own"        // the fault was in a customer's own installation
	DecideNotOwn     DecisionKind = "not_own"    // takes DecideOwn back
	DecideDeclared   DecisionKind = "declared"   // declared force majeure
	DecideUndeclared DecisionKind = "undeclared" // takes DecideDeclared back
	DecideSplit      DecisionKind = "split"      // what is below Part becomes an outage of its own
	DecideMerge      DecisionKind = "merge"      // the outage at OtherNode or OtherPoint at OtherMoment becomes part of this one
	DecideNote       DecisionKind = "note"       // words alone: nothing changes
)

// Decision is what an operator decided about an outage. It names the outage by the place and a moment within it, not
// by its number, so that it holds whatever order the evidence is fed in. Decisions are kept for ever: they are the
// audit trail of an outage.
type Decision struct {
	Number      int64 // given by the store
	Kind        DecisionKind
	Made        time.Time // of two that contradict each other the later holds
	By          string    // who decided
	Note        string    // why, in the operator's words
	Outage      int64     // its number when the decision was made
	Node        string    // "": UsagePoint
	UsagePoint  string
	Moment      time.Time
	Cause       string
	Part        string // node
	OtherOutage int64
	OtherNode   string
	OtherPoint  string
	OtherMoment time.Time
}
