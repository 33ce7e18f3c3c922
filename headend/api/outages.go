package api

import (
	"context"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// Outage is one fault or planned cut with the device it is behind.
type Outage struct {
	Number         int64      `json:"number" doc:"the same through all revisions; negative where it was imported"`
	Reference      string     `json:"reference,omitempty" doc:"the utility's own number of an imported outage"`
	State          string     `json:"state" enum:"suspected,confirmed,restored,closed,withdrawn" doc:"withdrawn: there was none"`
	Node           string     `json:"node,omitempty" doc:"the lowest that explains the evidence; absent: usage_point alone"`
	UsagePoint     string     `json:"usage_point,omitempty"`
	Name           string     `json:"name,omitempty" doc:"of the node or usage point, as it is called now"`
	Feeder         string     `json:"feeder,omitempty" doc:"that the node or usage point hangs on now, or is"`
	FeederName     string     `json:"feeder_name,omitempty"`
	Unit           string     `json:"organisation,omitempty" doc:"that the node or usage point belongs to now"`
	UnitName       string     `json:"organisation_name,omitempty"`
	Part           bool       `json:"part,omitempty" doc:"only a part of what is below the node is out, and the registry knows no node for it"`
	Phases         string     `json:"phases,omitempty" example:"L1" doc:"lost; absent: all"`
	Start          *time.Time `json:"start,omitempty" doc:"of the first interruption; absent: not known"`
	End            *time.Time `json:"end,omitempty" doc:"of the last interruption; absent: it lasts, or is not known"`
	Probability    float64    `json:"probability" minimum:"0" maximum:"1" doc:"that there is one, by the evidence"`
	Cause          string     `json:"cause,omitempty" example:"tree" doc:"absent: not known"`
	Planned        bool       `json:"planned"`
	Own            bool       `json:"own" doc:"the fault was in a customer's own installation"`
	Declared       bool       `json:"declared" doc:"declared force majeure"`
	Plan           string     `json:"plan,omitempty" doc:"entry of the calendar it falls into"`
	Notice         *time.Time `json:"notice,omitempty" doc:"when customers were told of the plan; absent: they were not"`
	OverrunSeconds float64    `json:"overrun_s,omitempty" doc:"beyond the plan's window, so far"`
	Customers      int        `json:"customers" doc:"usage points interrupted"`
	Out            int        `json:"out" doc:"of them, now"`
	Seen           int        `json:"seen" doc:"of them, with evidence of their own; the others are inferred"`
	Summary        string     `json:"summary" doc:"why, in one line"`
	Revision       int64      `json:"revision" doc:"of the ledger in which it was last written"`
	Changed        time.Time  `json:"changed" doc:"when that was"`
	Reason         string     `json:"reason,omitempty" doc:"why it was withdrawn"`
}

// OutageDetail is one outage with how it is known and how it went.
type OutageDetail struct {
	Outage
	Trail     []string       `json:"trail" nullable:"false" doc:"why, in words, oldest evidence first"`
	Steps     []OutageStep   `json:"steps" nullable:"false" doc:"parts that came back, in order of time"`
	Changes   []OutageChange `json:"changes" nullable:"false" doc:"what it looked like from each revision on, oldest first"`
	Decisions []Decision     `json:"decisions" nullable:"false" doc:"of operators, oldest first: the audit trail"`
}

// OutageStep is a part of an outage that came back at one time.
type OutageStep struct {
	At    time.Time `json:"at"`
	Back  int       `json:"back" doc:"usage points that came back"`
	Still int       `json:"still" doc:"usage points that were still out after it"`
	Node  string    `json:"node,omitempty" doc:"the lowest node above those that came back"`
}

// OutageChange is what an outage looked like from one revision on.
type OutageChange struct {
	Revision  int64     `json:"revision"`
	At        time.Time `json:"at" doc:"when it was written"`
	State     string    `json:"state" enum:"suspected,confirmed,restored,closed,withdrawn"`
	Node      string    `json:"node,omitempty"`
	Customers int       `json:"customers" doc:"usage points interrupted"`
	Out       int       `json:"out" doc:"of them, then"`
	Summary   string    `json:"summary"`
}

// outagePlace is where an outage stands in the list.
type outagePlace struct {
	Number  int64     `json:"n"`
	Start   time.Time `json:"s"`
	Changed time.Time `json:"c"`
}

type outagesInput struct {
	Paging
	Overlap
	States  []string `query:"state,explode" maxItems:"6" enum:"open,suspected,confirmed,restored,closed,withdrawn" doc:"any of them, the parameter may be repeated; open: suspected or confirmed; default: all but withdrawn"`
	Node    string   `query:"node" maxLength:"128" doc:"a node at or below which the outage is"`
	Planned string   `query:"planned" enum:"true,false" doc:"default: both"`
}

type outageInput struct {
	Number int64 `path:"number"`
}

func (a *API) registerOutages(h huma.API) {
	tags := []string{"outages"}
	huma.Register(h, huma.Operation{OperationID: "list-outages", Method: http.MethodGet, Path: "/api/v1/outages",
		Summary: "Outages, newest start first", Tags: tags}, a.outages)
	huma.Register(h, huma.Operation{OperationID: "get-outage", Method: http.MethodGet, Path: "/api/v1/outages/{number}",
		Summary: "An outage: why it is known, how it came back, how it was seen to grow, what operators decided", Tags: tags}, a.outage)
}

func (a *API) outages(ctx context.Context, in *outagesInput) (*PageOf[Outage], error) {
	f := headend.OutageFilter{Node: in.Node, States: statesOf(in.States)}
	var err error
	if f.From, f.To, err = in.times(a.options.Zone); err != nil {
		return nil, err
	}
	if in.Planned != "" {
		planned := in.Planned == "true"
		f.Planned = &planned
	}
	var place *outagePlace
	if err := in.begin("outages", &place); err != nil {
		return nil, err
	}
	var after *headend.Outage
	if place != nil {
		after = &headend.Outage{Number: place.Number, Start: place.Start, Changed: place.Changed}
	}
	found, err := a.options.Outages.Outages(ctx, f, after, in.Limit+1)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	items, err := a.named(ctx, found[:min(len(found), in.Limit)])
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := &PageOf[Outage]{Body: Page[Outage]{Items: items}}
	if len(found) > in.Limit {
		last := found[in.Limit-1]
		out.Body.Next = cursorTo("outages", outagePlace{last.Number, last.Start, last.Changed})
	}
	return out, nil
}

// everyState are all states an outage can have.
var everyState = []headend.OutageState{headend.OutageSuspected, headend.OutageConfirmed, headend.OutageRestored, headend.OutageClosed, headend.OutageWithdrawn}

// statesOf reads the states of a question, where "open" stands for two.
func statesOf(words []string) []headend.OutageState {
	var out []headend.OutageState
	for _, s := range everyState {
		if slices.Contains(words, string(s)) || s.Open() && slices.Contains(words, "open") {
			out = append(out, s)
		}
	}
	return out
}

func (a *API) outage(ctx context.Context, in *outageInput) (*struct{ Body OutageDetail }, error) {
	o, changes, decisions, err := a.options.Outages.Outage(ctx, in.Number)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	items, err := a.named(ctx, []headend.Outage{o})
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := OutageDetail{Outage: items[0], Trail: append([]string{}, o.Trail...), Steps: []OutageStep{}, Changes: []OutageChange{}, Decisions: decisionsOf(decisions)}
	for _, s := range o.Steps {
		out.Steps = append(out.Steps, OutageStep(s))
	}
	for _, c := range changes {
		out.Changes = append(out.Changes, OutageChange{Revision: c.Revision, At: c.At, State: string(c.State), Node: c.Node, Customers: c.Customers, Out: c.Out, Summary: c.Summary})
	}
	return &struct{ Body OutageDetail }{out}, nil
}

// named makes outages as they are answered, each with the name of its place.
func (a *API) named(ctx context.Context, found []headend.Outage) ([]Outage, error) {
	places, err := a.names.of(ctx, found)
	if err != nil {
		return nil, err
	}
	out := make([]Outage, len(found))
	for i := range found {
		out[i] = outageOf(&found[i], places[i])
	}
	return out, nil
}

func outageOf(o *headend.Outage, at headend.Place) Outage {
	return Outage{Number: o.Number, Reference: o.Reference, State: string(o.State), Node: o.Node, UsagePoint: o.UsagePoint, Name: at.Name, Part: o.Part,
		Feeder: at.Feeder, FeederName: at.FeederName, Unit: at.Organisation, UnitName: at.OrganisationName,
		Phases: o.Phases.String(), Start: moment(o.Start), End: moment(o.End), Probability: probability(o.Odds), Cause: o.Cause, Planned: o.Planned,
		Own: o.Own, Declared: o.Declared, Plan: o.Plan, Notice: moment(o.Notice), OverrunSeconds: o.Overrun.Seconds(), Customers: o.Customers, Out: o.Out,
		Seen: o.Seen, Summary: o.Summary, Revision: o.Revision, Changed: o.Changed, Reason: o.Reason}
}

// probability of odds given as their logarithm, to four digits.
func probability(odds float64) float64 {
	if math.IsNaN(odds) {
		return 0
	}
	return math.Round(1e4/(1+math.Exp(-odds))) / 1e4
}
