package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// Supply tells what is known of supply in the network, and how much of everything there is. Errors as in Store.
type Supply interface {
	Supply(ctx context.Context, node string, since time.Time, limit int) ([]headend.SupplyNode, error)
	Places(ctx context.Context, nodes, usagePoints []string) ([]headend.Place, error)
	Counts(ctx context.Context) (headend.Counts, error)
}

// mostSupplied bounds the nodes of one answer.
const mostSupplied = 5000

// SupplyNode is a piece of the network with what is known of the supply of those at and below it.
type SupplyNode struct {
	ID        string     `json:"id"`
	Name      string     `json:"name,omitempty"`
	Kind      string     `json:"kind" enum:"substation,feeder,switch,transformer"`
	Parent    string     `json:"parent,omitempty" doc:"towards the supply"`
	RatedKVA  float64    `json:"rated_kva,omitempty"`
	State     string     `json:"state" enum:"dead,part,alive,unknown,none" doc:"dead: all at and below it are out; part: some are; alive: none is, and some were heard; unknown: none is known to be out, and none was heard; none: there are no usage points"`
	Customers int        `json:"customers" doc:"usage points at and below it"`
	Out       int        `json:"out" doc:"of them, with an interruption that lasts"`
	Heard     int        `json:"heard" doc:"of those not out, whose meter was heard within the time asked for"`
	Breaker   string     `json:"breaker,omitempty" enum:"open,closed,unknown" doc:"position, as a device that stands for the node said last; absent: none said"`
	BreakerAt *time.Time `json:"breaker_at,omitempty" doc:"when it said so"`
}

// SupplyTree is a node and all below it.
type SupplyTree struct {
	Items []SupplyNode `json:"items" nullable:"false" doc:"the node asked for, then those below it, nearer to the supply first"`
	As    time.Time    `json:"as_of"`
	Since time.Time    `json:"heard_since"`
}

type supplyInput struct {
	ByID
	Minutes int `query:"heard" minimum:"1" maximum:"10080" default:"60" doc:"minutes within which a meter must have been heard to count as such"`
}

// Overview is how much of everything there is, and the time the head-end goes by.
type Overview struct {
	Zone        string    `json:"zone" example:"Asia/Ho_Chi_Minh" doc:"the utility's zone, in which days and months are cut"`
	Now         time.Time `json:"now"`
	UsagePoints int       `json:"usage_points"`
	Meters      int       `json:"meters"`
	Gateways    int       `json:"gateways"`
	RTUs        int       `json:"rtus"`
	Unassigned  int       `json:"unassigned" doc:"devices that were heard and whose place nobody has said"`
	Quarantined int       `json:"quarantined" doc:"messages that wait for a replay; 10,000 stands for that many or more"`
	OpenOutages int       `json:"open_outages"`
	Out         int       `json:"out" doc:"usage points without supply in open outages"`
}

func (a *API) registerSupply(h huma.API) {
	huma.Register(h, huma.Operation{OperationID: "get-supply", Method: http.MethodGet, Path: "/api/v1/nodes/{id}/supply",
		Summary: "A node and all below it as they are now: what is dead, alive and unknown", Tags: []string{"outages"}}, a.supply)
	huma.Register(h, huma.Operation{OperationID: "get-overview", Method: http.MethodGet, Path: "/api/v1/overview",
		Summary: "How much of everything there is now; the utility's zone", Tags: []string{"registry"}}, a.overview)
}

func (a *API) supply(ctx context.Context, in *supplyInput) (*struct{ Body SupplyTree }, error) {
	now := time.Now().UTC().Truncate(time.Second)
	since := now.Add(-time.Duration(in.Minutes) * time.Minute)
	found, err := a.options.Store.Supply(ctx, in.ID, since, mostSupplied+1)
	switch {
	case err != nil:
		return nil, a.problem(ctx, err)
	case len(found) > mostSupplied:
		return nil, invalid("path.id", in.ID, fmt.Sprintf("there are more than %d nodes below it; ask for one of those below", mostSupplied))
	}
	return &struct{ Body SupplyTree }{SupplyTree{Items: sumUp(found), As: now, Since: since}}, nil
}

// sumUp makes nodes as they are answered, with the sums of all at and below each. Those nearer to the supply come first.
func sumUp(found []headend.SupplyNode) []SupplyNode {
	at := make(map[string]int, len(found))
	out := make([]SupplyNode, len(found))
	for i, n := range found {
		at[n.ID] = i
		out[i] = SupplyNode{ID: n.ID, Name: n.Name, Kind: n.Kind, Parent: n.Parent, RatedKVA: n.RatedKVA, Customers: n.Customers, Out: n.Out, Heard: n.Heard, BreakerAt: moment(n.BreakerAt)}
		switch n.Breaker {
		case headend.EventBreakerOpen:
			out[i].Breaker = "open"
		case headend.EventBreakerClosed:
			out[i].Breaker = "closed"
		case headend.EventBreakerUnknown:
			out[i].Breaker = "unknown"
		}
	}
	for i := len(out) - 1; i >= 0; i-- {
		if up, ok := at[out[i].Parent]; ok && i > 0 {
			out[up].Customers += out[i].Customers
			out[up].Out += out[i].Out
			out[up].Heard += out[i].Heard
		}
		out[i].State = string(headend.StateOfSupply(out[i].Customers, out[i].Out, out[i].Heard))
	}
	return out
}

func (a *API) overview(ctx context.Context, _ *struct{}) (*struct{ Body Overview }, error) {
	c, err := a.options.Store.Counts(ctx)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &struct{ Body Overview }{Overview{Zone: a.options.Zone.String(), Now: time.Now().UTC(), UsagePoints: c.UsagePoints, Meters: c.Meters, Gateways: c.Gateways,
		RTUs: c.RTUs, Unassigned: c.Unassigned, Quarantined: c.Quarantined, OpenOutages: c.OpenOutages, Out: c.Out}}, nil
}
