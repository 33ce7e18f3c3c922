package headend

import "time"

// Interruption is one row of the ledger: one usage point without supply from Start to End.
//
// Rows are never changed. A correction is a further row with the same UsagePoint and ID and a higher Revision; of the
// versions up to a named revision the last one holds, so that a figure published from that revision can be had again.
type Interruption struct {
	UsagePoint uint32    // its number in the registry: small and dense, so that sets of them are small
	ID         int64     // the same in all versions, unique within its usage point; 0: a row without versions
	Revision   int64     // of the ledger in which this version was written
	Outage     int64     // it is a member of; 0: none
	Start      time.Time // UTC, to the millisecond; zero: not known yet (a power-up without anything before it)
	End        time.Time // zero: still open. The time when a ticket was closed is never an end
	Phases     Phases    // lost; 0: all that the usage point has
	Cause      string    // code, as in the table of causes of a policy; "": not known
	Planned    bool      // a planned cut, over its whole length however long it overran its window
	Own        bool      // the fault was in this customer's own installation, or the cut was for this customer alone
	Declared   bool      // declared force majeure by who may declare it
	Inferred   bool      // no evidence of its own: it has the interruption of what it hangs on
	Withdrawn  bool      // this version takes the interruption back
	Reason     string    // why this version was written; "" for the first
}
