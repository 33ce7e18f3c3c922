package headend

import "time"

// OutageState is where an outage is in its life.
type OutageState string

// States of an outage.
const (
	OutageSuspected OutageState = "suspected" // more probable than not
	OutageConfirmed OutageState = "confirmed"
	OutageRestored  OutageState = "restored"  // all have supply again
	OutageClosed    OutageState = "closed"    // restored long enough; late truth still revises it
	OutageWithdrawn OutageState = "withdrawn" // there was none; kept with the reason
)

// Open tells whether somebody is, or may be, without supply.
func (s OutageState) Open() bool { return s == OutageSuspected || s == OutageConfirmed }

// Outage is one fault or planned cut with the device it is behind: what operators work on.
type Outage struct {
	Number     int64  // given when it was first seen, the same through all revisions; negative where it was imported
	Reference  string // the utility's own number of an imported outage; "" for none
	State      OutageState
	Node       string // the lowest that explains the evidence; "": UsagePoint alone
	UsagePoint string
	Part       bool      // only a part of what is below Node is out, and the registry knows no node for it
	Phases     Phases    // lost; 0: all
	Start      time.Time // of the first interruption; zero: not known
	End        time.Time // of the last; zero: it lasts, or is not known
	Odds       float64   // natural logarithm of the odds for it, against nothing having failed
	Cause      string    // code, as in the table of causes of a policy; "": not known
	Planned    bool
	Own        bool          // the fault was in a customer's own installation
	Declared   bool          // declared force majeure by who may declare it
	Plan       string        // id of the calendar entry; "" for none
	Notice     time.Time     // when customers were told of the plan; zero: they were not
	Overrun    time.Duration // beyond the plan's window, so far
	Customers  int           // usage points interrupted
	Out        int           // of them, now
	Seen       int           // of them, with evidence of their own; the others are inferred
	Summary    string        // why, in one line
	Trail      []string      // why, in words, oldest evidence first
	Steps      []OutageStep  // in order of time
	Revision   int64         // of the ledger in which it was last written
	Changed    time.Time     // when that was
	Reason     string        // why it was withdrawn
}

// OutageStep is a part of an outage that came back at one time.
type OutageStep struct {
	At    time.Time `json:"at"`
	Back  int       `json:"back"`  // usage points that came back
	Still int       `json:"still"` // that were still out after it
	Node  string    `json:"node"`  // the lowest node above those that came back; "" for none
}

// OutageChange is what an outage looked like from one revision on: the way it was seen to grow and end.
type OutageChange struct {
	Revision  int64
	At        time.Time
	State     OutageState
	Node      string
	Customers int
	Out       int
	Summary   string
}

// OutageFilter picks outages; empty fields pick all.
type OutageFilter struct {
	States   []OutageState // any of them; none: all but withdrawn
	Node     string        // at or below which the outage stands
	Planned  *bool
	From, To time.Time // that overlap this time, half-open; zero: without bound
	Revision int64     // written after this revision of the ledger
	Number   int64     // 0: any
}
