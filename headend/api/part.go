package api

import (
	"context"
	"fmt"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// wholeBooks is a context for the books, which are kept for all: what of them is asked for has been looked at before, by
// checkUnit.
func wholeBooks(ctx context.Context) context.Context { return headend.WithPrincipal(ctx, nil) }

// checkUnit: who sees a part of the organisation asks for an organisation of it, or a node that is its own alone. Where there is
// one organisation only, it need not be named.
func (a *API) checkUnit(ctx context.Context, location string, unit *string) error {
	p := headend.PrincipalOf(ctx)
	if !p.Limited() {
		return nil
	}
	if *unit == "" {
		if len(p.Organisations) > 1 {
			return invalid(location, "", fmt.Sprintf("you see a part of the organisation: name one of %q, or something below", p.Organisations))
		}
		*unit = p.Organisations[0]
	}
	err := a.options.Store.WhollyUnit(ctx, *unit) // as the books read it: of an organisation and a node with one id the organisation
	if unknownOf(err) != nil {
		return a.problem(ctx, &headend.Unknown{What: "unit", ID: *unit})
	}
	if err != nil {
		return a.problem(ctx, err)
	}
	return nil
}

// checkTouch: who sees a part of the organisation changes nothing that reaches beyond it.
func (a *API) checkTouch(ctx context.Context, nodes, usagePoints []string) error {
	err := a.options.Store.Wholly(ctx, nil, nodes, usagePoints)
	if unknown := unknownOf(err); unknown != nil {
		return huma.Error403Forbidden(fmt.Sprintf("%s %s reaches beyond your part of the organisation: somebody who sees all of it has to do this", unknown.What, unknown.ID))
	}
	if err != nil {
		return a.problem(ctx, err)
	}
	return nil
}

// checkPlan: a plan is replaced or called off by who may touch all that it concerns, also where it cannot be seen.
func (a *API) checkPlan(ctx context.Context, id string, p *headend.Plan) error {
	if !headend.PrincipalOf(ctx).Limited() {
		return nil
	}
	former, err := a.options.Outages.Plan(headend.WithPrincipal(ctx, nil), id)
	if err != nil && unknownOf(err) == nil {
		return a.problem(ctx, err)
	}
	if err == nil {
		if _, err := a.options.Outages.Plan(ctx, id); unknownOf(err) != nil {
			return huma.Error409Conflict(fmt.Sprintf("the id %s is in use", id))
		} else if err != nil {
			return a.problem(ctx, err)
		}
		if err := a.checkTouch(ctx, []string{former.Node}, former.UsagePoints); err != nil {
			return err
		}
	}
	if p == nil {
		return nil
	}
	return a.checkTouch(ctx, []string{p.Node}, p.UsagePoints)
}
