package reliability

import (
	"fmt"
	"slices"
	"time"
)

// Statement is what is reported of one unit over one period, and from what it was made.
type Statement struct {
	Unit     string    `json:"unit"` // id of the organisation or node
	Policy   string    `json:"policy"`
	Digest   string    `json:"policy_digest"`
	Revision int64     `json:"revision"` // of the ledger; 0: all of it
	AsOf     time.Time `json:"as_of"`
	// All has the major event days in it, WithoutMajor has not: always both, nothing is deleted. WithoutMajor is nil
	// under a policy without major event days.
	All          *Indices        `json:"all"`
	WithoutMajor *Indices        `json:"without_major_event_days,omitempty"`
	MajorDays    []Day           `json:"major_event_days,omitempty"`
	Threshold    *MajorThreshold `json:"threshold,omitempty"`
}

// Question is what a Statement answers.
type Question struct {
	ID     string // of the organisation or node
	Units  []Unit // Registry.Members of it
	Period Period
	Served Served   // Census.For of it
	Lines  []string // some of the policy's lines; nil: all
	// Major are the major event days of the utility, found from its own daily totals: a district is reported without the
	// days of its utility.
	Major     map[Day]bool
	Threshold *MajorThreshold // of which Major was made, for the reader
}

// State answers a Question from the Books.
func (b *Books) State(q Question) (*Statement, error) {
	s := &Statement{Unit: q.ID, Policy: b.Policy.Name, Digest: b.Policy.Digest, Revision: b.Edition.Revision, AsOf: b.Edition.AsOf}
	for _, line := range q.Lines {
		if !slices.Contains(b.Policy.Lines, line) {
			return nil, fmt.Errorf("policy %s has no line %q", b.Policy.Name, line)
		}
	}
	var err error
	if s.All, err = b.indices(q, nil); err != nil {
		return nil, err
	}
	if !b.Policy.MajorDays.On {
		return s, nil
	}
	for d := range q.Major {
		if q.Period.Has(d) {
			s.MajorDays = append(s.MajorDays, d)
		}
	}
	slices.Sort(s.MajorDays)
	s.Threshold = q.Threshold
	if s.WithoutMajor, err = b.indices(q, q.Major); err != nil {
		return nil, err
	}
	s.WithoutMajor.Basis += "; without major event days"
	return s, nil
}

func (b *Books) indices(q Question, skip map[Day]bool) (*Indices, error) {
	months, err := b.Sums(q.Units, q.Period, skip)
	if err != nil {
		return nil, err
	}
	return Compute(b.Policy, b.Calendar, months, q.Served, q.Lines)
}
