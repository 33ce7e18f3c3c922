package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// Plan is an entry of the calendar of planned cuts and work orders.
type Plan struct {
	ID          string     `json:"id"`
	Kind        string     `json:"kind" enum:"cut,exchange,laboratory,firmware" doc:"cut: customers are cut off on purpose; the others are work on meters, whose words count for nothing meanwhile"`
	Node        string     `json:"node,omitempty" doc:"it and all below"`
	UsagePoints []string   `json:"usage_points" nullable:"false" doc:"beside those below the node"`
	From        time.Time  `json:"from"`
	To          time.Time  `json:"to"`
	Reason      string     `json:"reason,omitempty"`
	Notice      *time.Time `json:"notice,omitempty" doc:"when customers were told; absent: they were not"`
	Revised     time.Time  `json:"revised" doc:"when this version was entered; of two the later holds"`
	Dropped     bool       `json:"dropped" doc:"called off"`
	By          string     `json:"by" doc:"who entered it"`
}

// PlanPut is what is entered.
type PlanPut struct {
	Kind        string   `json:"kind" enum:"cut,exchange,laboratory,firmware"`
	Node        string   `json:"node,omitempty" maxLength:"128" doc:"it and all below"`
	UsagePoints []string `json:"usage_points,omitempty" maxItems:"200" doc:"beside those below the node; longer lists are imported"`
	From        string   `json:"from" maxLength:"64" doc:"RFC 3339 or a date" example:"2026-11-21T08:00:00+07:00"`
	To          string   `json:"to" maxLength:"64" doc:"end, not included, RFC 3339 or a date" example:"2026-11-21T11:00:00+07:00"`
	Reason      string   `json:"reason,omitempty" maxLength:"500"`
	Notice      string   `json:"notice,omitempty" maxLength:"64" doc:"when customers were told, RFC 3339 or a date; absent: they were not"`
	By          string   `json:"by,omitempty" maxLength:"128" doc:"who enters it: nobody but the one who asks; may be left out"`
}

type plansInput struct {
	Paging
	Overlap
	Kind string `query:"kind" enum:"cut,exchange,laboratory,firmware"`
}

type planPutInput struct {
	ByID
	Operator
	Body PlanPut
}

type planDropInput struct {
	ByID
	Operator
	By string `query:"by" maxLength:"128" doc:"who calls it off: nobody but the one who asks; may be left out"`
}

func (a *API) registerPlans(h huma.API) {
	tags := []string{"plans"}
	huma.Register(h, huma.Operation{OperationID: "list-plans", Method: http.MethodGet, Path: "/api/v1/plans",
		Summary: "The calendar of planned cuts and work orders, by id", Tags: tags}, a.plans)
	huma.Register(h, huma.Operation{OperationID: "get-plan", Method: http.MethodGet, Path: "/api/v1/plans/{id}",
		Summary: "An entry of the calendar", Tags: tags}, a.plan)
	huma.Register(h, huma.Operation{OperationID: "put-plan", Method: http.MethodPut, Path: "/api/v1/plans/{id}",
		Summary: "Enter a planned cut or work order, or replace the one with this id", Tags: tags}, a.putPlan)
	huma.Register(h, huma.Operation{OperationID: "drop-plan", Method: http.MethodDelete, Path: "/api/v1/plans/{id}",
		Summary: "Call a planned cut or work order off; the entry stays, marked as dropped", Tags: tags}, a.dropPlan)
}

func (a *API) plans(ctx context.Context, in *plansInput) (*PageOf[Plan], error) {
	from, to, err := in.times(a.options.Zone)
	if err != nil {
		return nil, err
	}
	var after string
	if err := in.begin("plans", &after); err != nil {
		return nil, err
	}
	found, err := a.options.Outages.Plans(ctx, headend.PlanFilter{From: from, To: to, Kind: headend.PlanKind(in.Kind)}, after, in.Limit+1)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return page("plans", in.Paging, found, planOf, func(p headend.Plan) any { return p.ID }), nil
}

func (a *API) plan(ctx context.Context, in *ByID) (*struct{ Body Plan }, error) {
	p, err := a.options.Outages.Plan(ctx, in.ID)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &struct{ Body Plan }{planOf(p)}, nil
}

func (a *API) putPlan(ctx context.Context, in *planPutInput) (*struct{ Body Plan }, error) {
	by, err := in.name(ctx, "body.by", in.Body.By)
	if err != nil {
		return nil, err
	}
	p, err := a.planFrom(in.ID, &in.Body)
	if err != nil {
		return nil, err
	}
	if err := a.checkPlaces(ctx, p); err != nil {
		return nil, err
	}
	if err := a.checkPlan(ctx, p.ID, &p); err != nil {
		return nil, err
	}
	p.By = by
	return a.writePlan(ctx, p)
}

func (a *API) dropPlan(ctx context.Context, in *planDropInput) (*struct{ Body Plan }, error) {
	by, err := in.name(ctx, "query.by", in.By)
	if err != nil {
		return nil, err
	}
	p, err := a.options.Outages.Plan(ctx, in.ID)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	if err := a.checkPlan(ctx, p.ID, nil); err != nil {
		return nil, err
	}
	if p.Dropped {
		if act := headend.ActOf(ctx); act != nil {
			act.Before, act.After = planOf(p), planOf(p)
		}
		return &struct{ Body Plan }{planOf(p)}, nil
	}
	p.Dropped, p.By = true, by
	return a.writePlan(ctx, p)
}

// writePlan stores an entry as its newest version, and answers with what is stored.
func (a *API) writePlan(ctx context.Context, p headend.Plan) (*struct{ Body Plan }, error) {
	p.Revised = time.Now().UTC().Truncate(time.Microsecond)
	if err := a.options.Outages.PutPlans(ctx, []headend.Plan{p}); err != nil {
		return nil, a.problem(ctx, err)
	}
	stored, err := a.options.Outages.Plan(ctx, p.ID)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	if stored.Revised.After(p.Revised) {
		return nil, huma.Error409Conflict(fmt.Sprintf("the calendar has a later version of %s, revised at %s by %s", p.ID, stored.Revised.Format(time.RFC3339), stored.By))
	}
	return &struct{ Body Plan }{planOf(stored)}, nil
}

// planFrom reads what is entered.
func (a *API) planFrom(id string, in *PlanPut) (p headend.Plan, err error) {
	p = headend.Plan{ID: id, Kind: headend.PlanKind(in.Kind), Node: in.Node, Reason: in.Reason}
	switch {
	case len(id) > 64 || strings.TrimSpace(id) != id || !isLine(id):
		return p, invalid("path.id", id, "an id is at most 64 bytes, printable, without blanks at the ends")
	case !isLine(in.Reason):
		return p, invalid("body.reason", in.Reason, "control characters")
	case in.Node == "" && len(in.UsagePoints) == 0:
		return p, invalid("body.node", "", "neither a node nor usage points: whom does it concern?")
	}
	if p.From, err = parseTime("body.from", in.From, a.options.Zone); err != nil {
		return p, err
	}
	if p.To, err = parseTime("body.to", in.To, a.options.Zone); err != nil {
		return p, err
	}
	if !p.From.Before(p.To) {
		return p, invalid("body.to", in.To, "to ("+p.To.Format(time.RFC3339)+") is not after from ("+p.From.Format(time.RFC3339)+")")
	}
	if in.Notice != "" {
		if p.Notice, err = parseTime("body.notice", in.Notice, a.options.Zone); err != nil {
			return p, err
		}
	}
	p.UsagePoints = slices.Compact(slices.Sorted(slices.Values(in.UsagePoints)))
	return p, nil
}

// checkPlaces: what a plan names must be in the registry.
func (a *API) checkPlaces(ctx context.Context, p headend.Plan) error {
	if p.Node != "" {
		if !readable(p.Node) {
			return invalid("body.node", p.Node, "no UTF-8, or a NUL character")
		}
		if _, err := a.options.Store.Node(ctx, p.Node); err != nil {
			return a.unknownIn(ctx, err, "body.node", p.Node)
		}
	}
	const location = "body.usage_points"
	for _, id := range p.UsagePoints {
		if id == "" || len(id) > 128 || !readable(id) {
			return invalid(location, id, "no id of a usage point")
		}
		if _, err := a.options.Store.UsagePoint(ctx, id); err != nil {
			return a.unknownIn(ctx, err, location, id)
		}
	}
	return nil
}

func planOf(p headend.Plan) Plan {
	return Plan{ID: p.ID, Kind: string(p.Kind), Node: p.Node, UsagePoints: append([]string{}, p.UsagePoints...), From: p.From, To: p.To, Reason: p.Reason,
		Notice: moment(p.Notice), Revised: p.Revised, Dropped: p.Dropped, By: p.By}
}
