package timeseries

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// Decide is DecideAll for one decision.
func (s *Store) Decide(ctx context.Context, d headend.Decision) (headend.Decision, error) {
	decided, err := s.DecideAll(ctx, []headend.Decision{d})
	if err != nil {
		return headend.Decision{}, err
	}
	return decided[0], nil
}

// DecideAll stores what an operator decided about one outage, all or nothing, and returns it with its numbers and, where it said
// none, the time. The detector takes it in like any evidence, as long as the outage lies in what it looks back on; to the rows of a
// closed outage, which may be older, cause, planned, own and declared are written here too, as a revision by "operator". It returns
// *headend.Unknown for a node, usage point or outage that is not there.
func (s *Store) DecideAll(ctx context.Context, decisions []headend.Decision) ([]headend.Decision, error) {
	decisions = slices.Clone(decisions)
	err := s.change(ctx, func(tx pgx.Tx) error {
		before, err := decidedOutage(ctx, tx, decisions)
		if err != nil {
			return err
		}
		for i := range decisions {
			if err := decide(ctx, tx, &decisions[i]); err != nil {
				return err
			}
		}
		for _, channel := range []string{"evidence", "outage"} {
			if _, err := tx.Exec(ctx, sqlNotify, channel); err != nil {
				return err
			}
		}
		return auditDecisions(ctx, tx, before, decisions)
	})
	if err != nil {
		return nil, fmt.Errorf("decision: %w", err)
	}
	return decisions, nil
}

func decide(ctx context.Context, tx pgx.Tx, d *headend.Decision) error {
	if err := known(ctx, tx, sqlPlaceUnknown, []string{d.Node, d.Part, d.OtherNode}, []string{d.UsagePoint, d.OtherPoint}, []int64{d.Outage, d.OtherOutage}); err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, sqlDecisionInsert, string(d.Kind), orNull(d.Made), d.By, d.Note, d.Outage, d.Node, d.UsagePoint, orNull(d.Moment), d.Cause,
		d.Part, d.OtherOutage, d.OtherNode, d.OtherPoint, orNull(d.OtherMoment)).Scan(&d.Number, &d.Made); err != nil {
		return err
	}
	d.Made = d.Made.UTC()
	return applyDecision(ctx, tx, d)
}

// auditedOutage is what the trail shows of an outage that somebody decides about.
type auditedOutage struct {
	State      string            `json:"state"`
	Node       string            `json:"node,omitempty"`
	UsagePoint string            `json:"usage_point,omitempty"`
	Cause      string            `json:"cause"`
	Planned    bool              `json:"planned"`
	Own        bool              `json:"own"`
	Declared   bool              `json:"declared"`
	Decisions  []auditedDecision `json:"decisions,omitempty"` // that were made
}

type auditedDecision struct {
	Number     int64                `json:"number"`
	Kind       headend.DecisionKind `json:"kind"`
	Cause      string               `json:"cause,omitempty"`
	UsagePoint string               `json:"usage_point,omitempty"`
	SplitAt    string               `json:"split_at,omitempty"`
	Merge      int64                `json:"merge,omitempty"`
	Note       string               `json:"note,omitempty"`
}

// decidedOutage is the outage that decisions are about, as it stands now; nil where nobody acts, or there is none.
func decidedOutage(ctx context.Context, tx pgx.Tx, decisions []headend.Decision) (*auditedOutage, error) {
	if headend.ActOf(ctx) == nil || len(decisions) == 0 {
		return nil, nil
	}
	o := &auditedOutage{}
	err := tx.QueryRow(ctx, sqlAuditOutage, decisions[0].Outage).Scan(&o.State, &o.Node, &o.UsagePoint, &o.Cause, &o.Planned, &o.Own, &o.Declared)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return o, err
}

// auditDecisions shows the outage before, and as it will be: of one that is not closed the detector applies what was decided.
func auditDecisions(ctx context.Context, tx pgx.Tx, before *auditedOutage, decisions []headend.Decision) error {
	after, err := decidedOutage(ctx, tx, decisions)
	if err != nil || after == nil {
		return err
	}
	for _, d := range decisions {
		x := auditedDecision{Number: d.Number, Kind: d.Kind, Cause: d.Cause, SplitAt: d.Part, Merge: d.OtherOutage, Note: d.Note}
		if d.Kind == headend.DecideOwn || d.Kind == headend.DecideNotOwn {
			x.UsagePoint = d.UsagePoint
		}
		after.Decisions = append(after.Decisions, x)
		if after.State != string(headend.OutageClosed) {
			after.apply(&d)
		}
	}
	return audit(ctx, tx, fmt.Sprintf("outages/%d", decisions[0].Outage), before, after)
}

func (o *auditedOutage) apply(d *headend.Decision) {
	switch d.Kind {
	case headend.DecideCause:
		o.Cause = d.Cause
	case headend.DecidePlanned, headend.DecideUnplanned:
		o.Planned = d.Kind == headend.DecidePlanned
	case headend.DecideOwn, headend.DecideNotOwn:
		o.Own = d.Kind == headend.DecideOwn
	case headend.DecideDeclared, headend.DecideUndeclared:
		o.Declared = d.Kind == headend.DecideDeclared
	}
}

// applyDecision writes what is decided about a closed outage into the ledger. The detector, where it still has the outage,
// comes to the same rows, which make no further version.
func applyDecision(ctx context.Context, tx pgx.Tx, d *headend.Decision) error {
	switch d.Kind {
	case headend.DecideSplit, headend.DecideMerge: // only evidence tells what is left of each
		return nil
	case headend.DecideNote:
		return nil
	}
	var closed bool
	if err := tx.QueryRow(ctx, sqlDecisionLock, d.Outage).Scan(&closed); err != nil || !closed {
		return err
	}
	if _, err := tx.Exec(ctx, sqlRecordInterruptionStage); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM record_interruption"); err != nil { // of the decision before
		return err
	}
	kind, reason := string(d.Kind), decidedBy(d)
	staged, err := tx.Exec(ctx, sqlDecisionStage, d.Outage, kind, d.Cause, d.UsagePoint, orNull(d.Moment), reason)
	if err != nil || staged.RowsAffected() == 0 {
		return err
	}
	var revision int64
	if err := tx.QueryRow(ctx, sqlDecisionRevise, reason).Scan(&revision); err != nil {
		return err
	}
	for _, sql := range []string{sqlRecordInterruptionFormer, sqlRecordInterruptionWrite} {
		if _, err := tx.Exec(ctx, sql, revision); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, sqlDecisionOutage, d.Outage, revision, kind, d.Cause)
	return err
}

// decidedBy says in words why a row changed.
func decidedBy(d *headend.Decision) string {
	what := string(d.Kind)
	if d.Kind == headend.DecideCause {
		what = fmt.Sprintf("cause %q", d.Cause)
	}
	return what + ", decided by " + d.By
}

func scanDecision(row pgx.CollectableRow) (d headend.Decision, err error) {
	var moment, other *time.Time
	err = row.Scan(&d.Number, &d.Kind, &d.Made, &d.By, &d.Note, &d.Outage, &d.Node, &d.UsagePoint, &moment, &d.Cause, &d.Part,
		&d.OtherOutage, &d.OtherNode, &d.OtherPoint, &other)
	d.Made, d.Moment, d.OtherMoment = d.Made.UTC(), end(moment), end(other)
	return d, err
}
