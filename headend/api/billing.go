package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// Billing is what the API asks about billing. Where an answer is any it is a document that is passed on as it is; docs/billing.md
// says what stands in it. Errors are *headend.Unknown, *headend.BadRequest and what the store returns.
type Billing interface {
	Success(ctx context.Context, f headend.SuccessFilter, organisation string) ([]headend.SuccessRow, error)
	// InTime is how long after it was due a register is in time.
	InTime() time.Duration
	Gaps(ctx context.Context, f headend.GapFilter, after int64, limit int) ([]headend.Gap, error)
	Findings(ctx context.Context, f headend.FindingFilter, after headend.FindingPlace, limit int) ([]headend.StoredFinding, error)
	ValueVersions(ctx context.Context, usagePoint string, quantity headend.Quantity, from, to time.Time, limit int) ([]headend.ValueVersion, error)
	Account(ctx context.Context, usagePoint string, quantity headend.Quantity, from, to time.Time, values bool) (any, error)
	// Registers tells a document for each usage point, in byte order of their ids.
	Registers(ctx context.Context, q headend.CutOffQuestion, tell func(usagePoint string, document any) error) error

	AskRun(ctx context.Context, run headend.BillingRun) (headend.BillingRun, error)
	BillingRuns(ctx context.Context, state string, before int64, limit int) ([]headend.BillingRun, error)
	BillingRun(ctx context.Context, id string) (headend.BillingRun, error)
	BillingBytes(ctx context.Context, id string) io.Reader
	// ExportRun writes a run that is made. Its errors are *headend.BadRequest too for what the format cannot carry.
	ExportRun(ctx context.Context, of headend.RunExport, w io.Writer) error
	// Changes tells a document for each line that differs between two runs.
	Changes(ctx context.Context, since, id string, tell func(document any) error) error
}

// Success is read success of one unit in one hour, one day, or the whole time.
type Success struct {
	Key      string     `json:"key" doc:"id of the organisation or gateway, or the name of the model or schedule; empty: none, or all together"`
	Name     string     `json:"name,omitempty"`
	Bucket   *time.Time `json:"bucket,omitempty" doc:"beginning of the local hour or day; absent: the whole time"`
	Expected int64      `json:"expected" doc:"registers that were owed: in_time + late + missing + pending"`
	InTime   int64      `json:"in_time"`
	Late     int64      `json:"late" doc:"came, but after the time agreed"`
	Missing  int64      `json:"missing" doc:"did not come, and the time agreed is over"`
	Pending  int64      `json:"pending" doc:"did not come yet, and may still be in time"`
	Percent  *float64   `json:"percent,omitempty" doc:"in time, of those whose time is over; absent: none is"`
}

// SuccessList is a report of read success.
type SuccessList struct {
	By     string    `json:"by"`
	InTime float64   `json:"in_time_hours" doc:"how long after it was due a register is in time"`
	Items  []Success `json:"items" nullable:"false"`
}

// Gap is a run of intervals of a usage point whose closing registers are not there.
type Gap struct {
	Number     int64      `json:"number"`
	UsagePoint string     `json:"usage_point"`
	Quantity   string     `json:"quantity"`
	From       time.Time  `json:"from" doc:"beginning of the first interval"`
	To         time.Time  `json:"to" doc:"end of the last interval"`
	State      string     `json:"state" enum:"open,requested,filled,estimated,given_up"`
	Attempts   int        `json:"attempts" doc:"how often the meter was asked"`
	Opened     time.Time  `json:"opened"`
	Changed    time.Time  `json:"changed"`
	Next       *time.Time `json:"next,omitempty" doc:"open: not asked before; requested: until when an answer counts"`
}

// Finding is what a rule of validation holds against a stretch of time.
type Finding struct {
	UsagePoint string     `json:"usage_point"`
	Quantity   string     `json:"quantity"`
	Rule       string     `json:"rule" example:"spike"`
	From       time.Time  `json:"from"`
	To         time.Time  `json:"to" doc:"as from: a moment"`
	Detail     string     `json:"detail"`
	Found      time.Time  `json:"found" doc:"first"`
	Gone       *time.Time `json:"gone,omitempty" doc:"since when it no longer holds"`
}

// ValueVersion is an estimate, or the measured value that took its place.
type ValueVersion struct {
	Quantity string    `json:"quantity"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Version  int       `json:"version" doc:"from 1; none is ever changed"`
	State    string    `json:"state" enum:"measured,estimated"`
	Wh       int64     `json:"wh"`
	Method   string    `json:"method,omitempty" doc:"how it was estimated"`
	Summed   bool      `json:"summed,omitempty" doc:"the estimates of its gap add up to the register difference"`
	Absent   string    `json:"absent,omitempty" doc:"why the measured value was missing"`
	Made     time.Time `json:"made"`
	Reason   string    `json:"reason" doc:"why it was written"`
}

// ValueVersionList is what was held for the intervals of a usage point.
type ValueVersionList struct {
	UsagePoint string         `json:"usage_point"`
	Items      []ValueVersion `json:"items" nullable:"false"`
}

// Run is a billing run.
type Run struct {
	Number     int64              `json:"number"`
	ID         string             `json:"id,omitempty" doc:"SHA-256 of the snapshot; absent until it is made"`
	State      string             `json:"state" enum:"asked,made,failed"`
	By         string             `json:"by"`
	Asked      time.Time          `json:"asked"`
	Made       *time.Time         `json:"made,omitempty"`
	From       time.Time          `json:"from"`
	To         time.Time          `json:"to"`
	Quantities []string           `json:"quantities" nullable:"false"`
	Set        headend.BillingSet `json:"set" doc:"which usage points; empty: all"`
	Values     bool               `json:"values" doc:"lines hold their intervals"`
	Lines      int64              `json:"lines"`
	Passed     int64              `json:"passed" doc:"lines that the gate lets pass"`
	Held       int64              `json:"held" doc:"lines it does not"`
	Bytes      int64              `json:"bytes"`
	Revision   int64              `json:"ledger_revision,omitempty" doc:"of the ledger that it was made of; absent: not made, or made before this was noted"`
	Reason     string             `json:"reason,omitempty" doc:"why it could not be made"`
	ReviewOf   int64              `json:"review_of,omitempty" doc:"the run of which this one shows what has changed since"`
	Review     int64              `json:"review,omitempty" doc:"the last one made that shows what has changed since this one"`
}

// RunPost asks for a run.
type RunPost struct {
	From         string          `json:"from" maxLength:"64" doc:"RFC 3339 or a date" example:"2026-10-01"`
	To           string          `json:"to" maxLength:"64" doc:"end, not included, RFC 3339 or a date; not in the future" example:"2026-11-01"`
	Quantities   []string        `json:"quantities,omitempty" maxItems:"4" doc:"energy registers; default: import_wh"`
	UsagePoints  []string        `json:"usage_points,omitempty" maxItems:"1000" doc:"default: all"`
	Organisation string          `json:"organisation,omitempty" maxLength:"128" doc:"it and those below it"`
	Values       bool            `json:"values,omitempty" doc:"true: lines hold their intervals"`
	Gate         json.RawMessage `json:"gate,omitempty" doc:"as in the configuration's billing.gate; default: that one"`
	By           string          `json:"by,omitempty" maxLength:"128" doc:"who asks for it: nobody but the one who asks; may be left out"`
}

type successInput struct {
	Range
	By           string `query:"by" enum:"organisation,gateway,model,schedule,all" default:"all" doc:"what a row is"`
	Each         string `query:"each" enum:"hour,day,whole" default:"day" doc:"local hours, at most 31 days of them, local days, or the whole time"`
	Organisation string `query:"organisation" maxLength:"128" doc:"it and those below it"`
	Quantity     string `query:"quantity" maxLength:"64" doc:"default: all that are owed"`
}

type gapsInput struct {
	Paging
	Overlap
	UsagePoint   string `query:"usage_point" maxLength:"128"`
	Organisation string `query:"organisation" maxLength:"128" doc:"it and those below it"`
	State        string `query:"state" enum:"open,requested,filled,estimated,given_up"`
	Quantity     string `query:"quantity" maxLength:"64"`
}

type findingsInput struct {
	Paging
	Range
	UsagePoint   string `query:"usage_point" maxLength:"128"`
	Organisation string `query:"organisation" maxLength:"128" doc:"it and those below it"`
	Rule         string `query:"rule" maxLength:"64" example:"decrease"`
	Gone         bool   `query:"gone" doc:"true: with those that no longer hold"`
}

type accountInput struct {
	UsagePoint string `query:"usage_point" required:"true" minLength:"1" maxLength:"128"`
	Range
	Quantity string `query:"quantity" maxLength:"64" default:"import_wh" doc:"an energy register"`
	Values   bool   `query:"values" doc:"true: with the intervals, for at most 62 days"`
}

type versionsInput struct {
	UsagePoint string `query:"usage_point" required:"true" minLength:"1" maxLength:"128"`
	Range
	Quantity string `query:"quantity" maxLength:"64"`
}

type runsInput struct {
	Paging
	State string `query:"state" enum:"asked,made,failed"`
}

type runInput struct {
	ID string `path:"id" maxLength:"64" doc:"id or number of the run"`
}

type runPostInput struct {
	Operator
	Body RunPost
}

func (a *API) registerBilling(h huma.API) {
	tags := []string{"billing"}
	huma.Register(h, huma.Operation{OperationID: "completeness", Method: http.MethodGet, Path: "/api/v1/completeness",
		Summary: "Read success: registers that were owed, came in time, late, or not", Tags: tags}, a.completeness)
	huma.Register(h, huma.Operation{OperationID: "list-gaps", Method: http.MethodGet, Path: "/api/v1/billing/gaps",
		Summary: "What is missing, and what became of it, in the order in which it was found", Tags: tags}, a.gaps)
	huma.Register(h, huma.Operation{OperationID: "list-findings", Method: http.MethodGet, Path: "/api/v1/billing/findings",
		Summary: "What rules of validation hold against readings, by time", Tags: tags}, a.findings)
	huma.Register(h, huma.Operation{OperationID: "billing-consumption", Method: http.MethodGet, Path: "/api/v1/billing/consumption",
		Summary: "What a usage point consumed over a period that is over: registers, meters and multipliers it is made of, intervals, findings", Tags: tags}, a.account)
	huma.Register(h, huma.Operation{OperationID: "list-value-versions", Method: http.MethodGet, Path: "/api/v1/billing/versions",
		Summary: "What was estimated of a usage point, and the measured values that took its place; the first 10,000", Tags: tags}, a.versions)
	huma.Register(h, huma.Operation{OperationID: "list-runs", Method: http.MethodGet, Path: "/api/v1/billing/runs",
		Summary: "Billing runs, the latest first", Tags: tags}, a.runs)
	huma.Register(h, huma.Operation{OperationID: "ask-run", Method: http.MethodPost, Path: "/api/v1/billing/runs", DefaultStatus: http.StatusAccepted,
		Summary: "Ask for a billing run; it is made within a minute or so, and its state says when", Tags: tags}, a.askRun)
	huma.Register(h, huma.Operation{OperationID: "get-run", Method: http.MethodGet, Path: "/api/v1/billing/runs/{id}",
		Summary: "A billing run", Tags: tags}, a.run)
}

func (a *API) completeness(ctx context.Context, in *successInput) (*struct{ Body SuccessList }, error) {
	most := mostDays
	if in.Each == "hour" {
		most = 31 * 24 * time.Hour
	}
	from, to, err := in.times(a.options.Zone, most)
	if err != nil {
		return nil, err
	}
	q, err := energyQuantity(in.Quantity)
	if err != nil {
		return nil, err
	}
	f := headend.SuccessFilter{By: in.By, Daily: in.Each == "day", Whole: in.Each == "whole", From: from, To: to, Pending: time.Now().Add(-a.options.Billing.InTime()), Quantity: q}
	if in.By == "all" {
		f.By = ""
	}
	found, err := a.options.Billing.Success(ctx, f, in.Organisation)
	if err != nil {
		return nil, a.bookProblem(ctx, err)
	}
	out := SuccessList{By: in.By, InTime: a.options.Billing.InTime().Hours(), Items: []Success{}}
	for _, r := range found {
		s := Success{Key: r.Key, Name: r.Name, Bucket: moment(r.Bucket), Expected: r.Expected, InTime: r.InTime, Late: r.Late, Missing: r.Missing, Pending: r.Pending}
		if over := r.Expected - r.Pending; over > 0 {
			percent := float64(r.InTime*10_000/over) / 100 // rounded down: 98 % are 98 %
			s.Percent = &percent
		}
		out.Items = append(out.Items, s)
	}
	return &struct{ Body SuccessList }{out}, nil
}

// energyQuantity reads the name of an energy register; "" is none.
func energyQuantity(name string) (headend.Quantity, error) {
	if q := headend.Quantity(name); name == "" || q.IsEnergy() {
		return q, nil
	}
	return "", invalid("query.quantity", name, fmt.Sprintf("%q is no energy register such as import_wh or export_wh_t1", name))
}

func (a *API) gaps(ctx context.Context, in *gapsInput) (*PageOf[Gap], error) {
	from, to, err := in.times(a.options.Zone)
	if err != nil {
		return nil, err
	}
	q, err := energyQuantity(in.Quantity)
	if err != nil {
		return nil, err
	}
	var after int64
	if err := in.begin("gaps", &after); err != nil {
		return nil, err
	}
	f := headend.GapFilter{UsagePoint: in.UsagePoint, Organisation: in.Organisation, State: in.State, Quantity: q, From: from, To: to}
	found, err := a.options.Billing.Gaps(ctx, f, after, in.Limit+1)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return page("gaps", in.Paging, found, func(g headend.Gap) Gap {
		return Gap{Number: g.Number, UsagePoint: g.UsagePoint, Quantity: string(g.Quantity), From: g.From, To: g.To, State: g.State, Attempts: g.Attempts,
			Opened: g.Opened, Changed: g.Changed, Next: moment(g.Next)}
	}, func(g headend.Gap) any { return g.Number }), nil
}

func (a *API) findings(ctx context.Context, in *findingsInput) (*PageOf[Finding], error) {
	from, to, err := in.times(a.options.Zone, 0)
	if err != nil {
		return nil, err
	}
	var after headend.FindingPlace
	if err := in.begin("findings", &after); err != nil {
		return nil, err
	}
	f := headend.FindingFilter{UsagePoint: in.UsagePoint, Organisation: in.Organisation, Rule: in.Rule, From: from, To: to, Gone: in.Gone}
	found, err := a.options.Billing.Findings(ctx, f, after, in.Limit+1)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return page("findings", in.Paging, found, func(f headend.StoredFinding) Finding {
		return Finding{UsagePoint: f.UsagePoint, Quantity: string(f.Quantity), Rule: f.Rule, From: f.From, To: f.To, Detail: f.Detail, Found: f.Found, Gone: moment(f.Gone)}
	}, func(f headend.StoredFinding) any {
		return headend.FindingPlace{From: f.From, UsagePoint: f.UsagePoint, Quantity: f.Quantity, Rule: f.Rule}
	}), nil
}

func (a *API) account(ctx context.Context, in *accountInput) (*document, error) {
	most := 400 * 24 * time.Hour
	if in.Values {
		most = 62 * 24 * time.Hour
	}
	from, to, err := in.times(a.options.Zone, most)
	if err != nil {
		return nil, err
	}
	q, err := energyQuantity(in.Quantity)
	if err != nil {
		return nil, err
	}
	answer, err := a.options.Billing.Account(ctx, in.UsagePoint, q, from, to, in.Values)
	if err != nil {
		return nil, a.bookProblem(ctx, err)
	}
	return &document{answer}, nil
}

// mostVersions bounds an answer.
const mostVersions = 10_000

func (a *API) versions(ctx context.Context, in *versionsInput) (*struct{ Body ValueVersionList }, error) {
	from, to, err := in.times(a.options.Zone, mostHours)
	if err != nil {
		return nil, err
	}
	q, err := energyQuantity(in.Quantity)
	if err != nil {
		return nil, err
	}
	found, err := a.options.Billing.ValueVersions(ctx, in.UsagePoint, q, from, to, mostVersions)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := ValueVersionList{UsagePoint: in.UsagePoint, Items: []ValueVersion{}}
	for _, v := range found {
		out.Items = append(out.Items, ValueVersion{Quantity: string(v.Quantity), From: v.From, To: v.To, Version: v.Version, State: v.State, Wh: v.Wh, Method: v.Method,
			Summed: v.Summed, Absent: v.Absent, Made: v.Made, Reason: v.Reason})
	}
	return &struct{ Body ValueVersionList }{out}, nil
}

func (a *API) runs(ctx context.Context, in *runsInput) (*PageOf[Run], error) {
	var before int64
	if err := in.begin("runs", &before); err != nil {
		return nil, err
	}
	found, err := a.options.Billing.BillingRuns(ctx, in.State, before, in.Limit+1)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return page("runs", in.Paging, found, runOf, func(r headend.BillingRun) any { return r.Number }), nil
}

func (a *API) run(ctx context.Context, in *runInput) (*struct{ Body Run }, error) {
	if !runName(in.ID) {
		return nil, huma.Error404NotFound(fmt.Sprintf("unknown billing run %q: neither a number nor an id of 64 hexadecimal digits", in.ID))
	}
	found, err := a.options.Billing.BillingRun(ctx, in.ID)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &struct{ Body Run }{runOf(found)}, nil
}

// runName tells whether a text can name a run.
func runName(text string) bool {
	if len(text) == 64 {
		return strings.Trim(text, "0123456789abcdef") == ""
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return err == nil && n > 0 && len(text) <= 18
}

func (a *API) askRun(ctx context.Context, in *runPostInput) (*struct{ Body Run }, error) {
	by, err := in.name(ctx, "body.by", in.Body.By)
	if err != nil {
		return nil, err
	}
	run := headend.BillingRun{By: by, Values: in.Body.Values, Gate: in.Body.Gate, Set: headend.BillingSet{UsagePoints: in.Body.UsagePoints, Organisation: in.Body.Organisation}}
	if run.From, err = parseTime("body.from", in.Body.From, a.options.Zone); err != nil {
		return nil, err
	}
	if run.To, err = parseTime("body.to", in.Body.To, a.options.Zone); err != nil {
		return nil, err
	}
	for _, name := range in.Body.Quantities {
		q := headend.Quantity(name)
		if !q.IsEnergy() {
			return nil, invalid("body.quantities", name, fmt.Sprintf("%q is no energy register such as import_wh or export_wh_t1", name))
		}
		run.Quantities = append(run.Quantities, q)
	}
	for _, id := range run.Set.UsagePoints {
		if id == "" || len(id) > 128 || !readable(id) {
			return nil, invalid("body.usage_points", id, "no id of a usage point")
		}
	}
	if run, err = a.options.Billing.AskRun(ctx, run); err != nil {
		if u := unknownOf(err); u != nil {
			field := "body.usage_points"
			if u.What == "organisation" {
				field = "body.organisation"
			}
			return nil, invalid(field, u.ID, u.Error())
		}
		return nil, a.bookProblem(ctx, err)
	}
	return &struct{ Body Run }{runOf(run)}, nil
}

func runOf(r headend.BillingRun) Run {
	out := Run{Number: r.Number, ID: r.ID, State: r.State, By: r.By, Asked: r.Asked, Made: moment(r.Made), From: r.From, To: r.To, Quantities: []string{}, Set: r.Set,
		Values: r.Values, Lines: r.Lines, Passed: r.Passed, Held: r.Held, Bytes: r.Bytes, Revision: r.Revision, Reason: r.Reason, ReviewOf: r.ReviewOf, Review: r.Review}
	for _, q := range slices.Sorted(slices.Values(r.Quantities)) {
		out.Quantities = append(out.Quantities, string(q))
	}
	return out
}
