package api

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// Decision is what an operator decided about an outage.
type Decision struct {
	Number     int64     `json:"number"`
	Kind       string    `json:"kind" enum:"cause,planned,unplanned,own,not_own,declared,undeclared,split,merge,note" doc:"note: words alone, which change nothing"`
	Made       time.Time `json:"made" doc:"of two that contradict each other the later holds"`
	By         string    `json:"by"`
	Note       string    `json:"note,omitempty"`
	Outage     int64     `json:"outage" doc:"its number when the decision was made"`
	Node       string    `json:"node,omitempty" doc:"with moment, what the decision is about, whatever number the outage has later"`
	UsagePoint string    `json:"usage_point,omitempty"`
	Moment     time.Time `json:"moment"`
	Cause      string    `json:"cause,omitempty"`
	SplitAt    string    `json:"split_at,omitempty"`
	Merged     int64     `json:"merge,omitempty" doc:"number of the outage that became part of this one"`
}

// Decided is the answer to what an operator decided.
type Decided struct {
	Decisions []Decision `json:"decisions" nullable:"false"`
}

// OutagePatch is what an operator can decide about an outage. What is absent stays as it is.
type OutagePatch struct {
	Cause      *string `json:"cause,omitempty" maxLength:"64" example:"tree" doc:"code as in the table of causes of a policy: a to z, 0 to 9, _ and -; empty: not known"`
	Planned    *bool   `json:"planned,omitempty"`
	Own        *bool   `json:"own,omitempty" doc:"the fault was in a customer's own installation; usage_point says whose, unless the outage is of one alone"`
	UsagePoint string  `json:"usage_point,omitempty" maxLength:"128" doc:"with own"`
	Declared   *bool   `json:"declared,omitempty" doc:"declared force majeure"`
	SplitAt    string  `json:"split_at,omitempty" maxLength:"128" doc:"node below the outage's: what is below it becomes an outage of its own"`
	Merge      *int64  `json:"merge,omitempty" doc:"number of the outage that becomes part of this one"`
	Note       string  `json:"note,omitempty" maxLength:"2000" doc:"why, in your words; alone it is kept as a decision of its own kind"`
	By         string  `json:"by,omitempty" maxLength:"128" doc:"who decides: nobody but the one who asks; may be left out"`
}

// Operator is the parameter of what is kept with the name of who did it.
type Operator struct {
	Header string `header:"X-Operator" maxLength:"128" doc:"who does it: nobody but the one who asks; may be left out"`
}

type patchInput struct {
	Number int64 `path:"number"`
	Operator
	Body OutagePatch
}

func (a *API) registerDecisions(h huma.API) {
	huma.Register(h, huma.Operation{OperationID: "decide-outage", Method: http.MethodPatch, Path: "/api/v1/outages/{number}", DefaultStatus: http.StatusAccepted,
		Summary: "Decide about an outage: cause, planned, own, declared, split, merge, or a note. It is kept for ever, and applied within a second or so", Tags: []string{"outages"}}, a.decide)
}

// name is who does it: the one who asks. A request that names another is refused.
func (o Operator) name(ctx context.Context, location, by string) (string, error) {
	who := headend.PrincipalOf(ctx).Name
	for _, named := range []struct{ location, name string }{{location, by}, {"header.X-Operator", o.Header}} {
		if name := strings.TrimSpace(named.name); name != "" && name != who {
			return "", invalid(named.location, named.name, fmt.Sprintf("you are %q, and it is kept under that name; leave this out", who))
		}
	}
	return who, nil
}

// isLine: text that can stand in a line of an audit trail.
func isLine(text string) bool {
	return readable(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

func (a *API) decide(ctx context.Context, in *patchInput) (*struct{ Body Decided }, error) {
	by, err := in.name(ctx, "body.by", in.Body.By)
	if err != nil {
		return nil, err
	}
	if !readable(in.Body.Note) {
		return nil, invalid("body.note", in.Body.Note, "holds a NUL character")
	}
	o, _, _, err := a.options.Outages.Outage(ctx, in.Number)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	if err := open(&o, "this outage"); err != nil {
		return nil, err
	}
	if err := a.checkTouch(ctx, []string{o.Node}, []string{o.UsagePoint}); err != nil {
		return nil, err
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	decisions, err := a.decisionsOn(ctx, &o, &in.Body, now)
	if err != nil {
		return nil, err
	}
	if len(decisions) == 0 {
		return nil, invalid("body", nil, "it decides nothing: give cause, planned, own, declared, split_at, merge or note")
	}
	for i := range decisions {
		d := &decisions[i]
		d.Made, d.By, d.Note, d.Outage = now, by, in.Body.Note, o.Number
	}
	if decisions, err = a.options.Outages.DecideAll(ctx, decisions); err != nil {
		return nil, a.problem(ctx, err)
	}
	return &struct{ Body Decided }{Decided{decisionsOf(decisions)}}, nil
}

// open tells why nothing can be decided about an outage any more.
func open(o *headend.Outage, name string) error {
	switch {
	case o.Number < 0:
		return huma.Error409Conflict(fmt.Sprintf("%s (%d) was imported from history, which only another import corrects", name, o.Number))
	case o.State == headend.OutageWithdrawn:
		reason := o.Reason
		if reason == "" {
			reason = "there was none"
		}
		return huma.Error409Conflict(fmt.Sprintf("%s (%d) was withdrawn: %s", name, o.Number, reason))
	}
	return nil
}

// decisionsOn makes the decisions of a request, all checked, none stored.
func (a *API) decisionsOn(ctx context.Context, o *headend.Outage, p *OutagePatch, now time.Time) (out []headend.Decision, err error) {
	here := headend.Decision{Node: o.Node, UsagePoint: o.UsagePoint, Moment: within(o, now)}
	add := func(kind headend.DecisionKind, d headend.Decision) {
		d.Kind = kind
		out = append(out, d)
	}
	if p.Cause != nil {
		if !causeCode.MatchString(*p.Cause) {
			return nil, invalid("body.cause", *p.Cause, "a cause is a code as in the table of causes of a policy: at most 64 of a to z, 0 to 9, _ and -, or empty for not known; words belong into note")
		}
		d := here
		d.Cause = *p.Cause
		add(headend.DecideCause, d)
	}
	if p.Planned != nil {
		add(either(*p.Planned, headend.DecidePlanned, headend.DecideUnplanned), here)
	}
	switch {
	case p.Own != nil:
		d, err := a.decideOwn(ctx, o, p, here)
		if err != nil {
			return nil, err
		}
		add(either(*p.Own, headend.DecideOwn, headend.DecideNotOwn), d)
	case p.UsagePoint != "":
		return nil, invalid("body.usage_point", p.UsagePoint, "usage_point says in whose installation the fault was: give own too")
	}
	if p.Declared != nil {
		add(either(*p.Declared, headend.DecideDeclared, headend.DecideUndeclared), here)
	}
	if p.SplitAt != "" && p.Merge != nil {
		return nil, invalid("body.merge", *p.Merge, "split and merge at once: decide one, look, then the other")
	}
	if p.SplitAt != "" || p.Merge != nil {
		if err := a.revisable(o, "path.number", "this outage", now); err != nil {
			return nil, err
		}
	}
	if p.SplitAt != "" {
		if err := a.checkSplit(ctx, o, p.SplitAt, here.Moment); err != nil {
			return nil, err
		}
		d := here
		d.Part = p.SplitAt
		add(headend.DecideSplit, d)
	}
	if p.Merge != nil {
		d, err := a.decideMerge(ctx, o, *p.Merge, here, now)
		if err != nil {
			return nil, err
		}
		add(headend.DecideMerge, d)
	}
	if len(out) == 0 && strings.TrimSpace(p.Note) != "" {
		add(headend.DecideNote, here)
	}
	return out, nil
}

// revisable tells why an outage can no longer be cut or joined: what is left of each only evidence tells, and the detector has let go of that
// of an outage that ended longer ago than its window.
func (a *API) revisable(o *headend.Outage, location, name string, now time.Time) error {
	if a.options.Window == 0 || o.End.IsZero() || !o.End.Before(now.Add(-a.options.Window)) {
		return nil
	}
	return huma.Error409Conflict(fmt.Sprintf("%s (%d) ended %s, longer ago than the %s (detection.window) for which evidence is looked at again: it can no longer be split or merged; cause, planned, own and declared can still be set",
		name, o.Number, o.End.UTC().Format(time.RFC3339), a.options.Window), &huma.ErrorDetail{Location: location, Value: o.Number})
}

var causeCode = regexp.MustCompile(`^([a-z0-9][a-z0-9_-]{0,63})?$`)

func either(yes bool, then, otherwise headend.DecisionKind) headend.DecisionKind {
	if yes {
		return then
	}
	return otherwise
}

// within is a moment of an outage: the middle of what is known of it, which later corrections of its edges
// leave inside.
func within(o *headend.Outage, now time.Time) time.Time {
	begin, end := o.Start, o.End
	switch {
	case begin.IsZero() && end.IsZero():
		return o.Changed
	case begin.IsZero():
		return end
	case end.IsZero() && now.After(begin):
		end = now
	case end.Before(begin): // it lasts, and its clock is ahead of ours
		end = begin
	}
	return begin.Add(end.Sub(begin) / 2).UTC().Truncate(time.Microsecond)
}

// decideOwn says in whose installation the fault was.
func (a *API) decideOwn(ctx context.Context, o *headend.Outage, p *OutagePatch, here headend.Decision) (headend.Decision, error) {
	point := p.UsagePoint
	if point == "" {
		if o.Node != "" {
			return here, invalid("body.usage_point", "", fmt.Sprintf("the outage is at node %s: usage_point must say in whose installation the fault was", o.Node))
		}
		point = o.UsagePoint
	}
	rows, err := a.ledger(ctx, headend.LedgerFilter{Outage: o.Number, UsagePoint: point}, nil, 1, false)
	if err != nil {
		return here, a.unknownIn(ctx, err, "body.usage_point", point)
	}
	if len(rows) == 0 {
		return here, invalid("body.usage_point", point, fmt.Sprintf("usage point %s has no interruption in outage %d", point, o.Number))
	}
	row := rows[0]
	here.Node, here.UsagePoint = "", point
	here.Moment = within(&headend.Outage{Start: row.Start, End: row.End, Changed: row.Written}, here.Moment)
	return here, nil
}

// checkSplit: the node must hang below the outage's node at a moment of the outage.
func (a *API) checkSplit(ctx context.Context, o *headend.Outage, part string, at time.Time) error {
	switch o.Node {
	case "":
		return invalid("body.split_at", part, fmt.Sprintf("the outage is of usage point %s alone: nothing can be split off", o.UsagePoint))
	case part:
		return invalid("body.split_at", part, fmt.Sprintf("%s is the outage's own node; name one below it", part))
	}
	const levels = 64 // the registry allows 32
	for id, level := part, 0; level < levels; level++ {
		versions, err := a.options.Store.Node(ctx, id)
		if err != nil {
			return a.unknownIn(ctx, err, "body.split_at", id)
		}
		parent := parentAt(versions, at)
		switch parent {
		case o.Node:
			return nil
		case "":
			return invalid("body.split_at", part, fmt.Sprintf("%s is not below %s, the outage's node, at %s", part, o.Node, at.Format(time.RFC3339)))
		}
		id = parent
	}
	return invalid("body.split_at", part, "it hangs below itself")
}

// parentAt is what a node hung on at a time; "" where it did not exist, or hung on nothing.
func parentAt(versions []headend.Node, at time.Time) string {
	for _, v := range versions {
		if !at.Before(v.From) && (v.To.IsZero() || at.Before(v.To)) {
			return v.Parent
		}
	}
	return ""
}

// decideMerge names the other outage by its place and a moment too.
func (a *API) decideMerge(ctx context.Context, o *headend.Outage, number int64, here headend.Decision, now time.Time) (headend.Decision, error) {
	if number == o.Number {
		return here, invalid("body.merge", number, "an outage cannot be merged with itself")
	}
	other, _, _, err := a.options.Outages.Outage(ctx, number)
	if err != nil {
		return here, a.unknownIn(ctx, err, "body.merge", number)
	}
	if err := open(&other, "the outage to merge"); err != nil {
		return here, err
	}
	if err := a.checkTouch(ctx, []string{other.Node}, []string{other.UsagePoint}); err != nil {
		return here, err
	}
	if err := a.revisable(&other, "body.merge", "the outage to merge", now); err != nil {
		return here, err
	}
	here.OtherOutage, here.OtherNode, here.OtherPoint, here.OtherMoment = other.Number, other.Node, other.UsagePoint, within(&other, now)
	return here, nil
}

// unknownIn answers for something unknown that a request names beside its path.
func (a *API) unknownIn(ctx context.Context, err error, location string, value any) error {
	if unknown := unknownOf(err); unknown != nil {
		return invalid(location, value, unknown.Error())
	}
	return a.problem(ctx, err)
}

func decisionsOf(found []headend.Decision) []Decision {
	out := []Decision{}
	for _, d := range found {
		out = append(out, decisionOf(d))
	}
	return out
}

func decisionOf(d headend.Decision) Decision {
	return Decision{Number: d.Number, Kind: string(d.Kind), Made: d.Made, By: d.By, Note: d.Note, Outage: d.Outage, Node: d.Node, UsagePoint: d.UsagePoint,
		Moment: d.Moment, Cause: d.Cause, SplitAt: d.Part, Merged: d.OtherOutage}
}
