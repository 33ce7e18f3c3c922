package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// UsagePoint is where a customer is supplied and counted.
type UsagePoint struct {
	ID           string     `json:"id"`
	Name         string     `json:"name,omitempty"`
	Address      string     `json:"address,omitempty"`
	Node         string     `json:"node" doc:"that it hangs on"`
	Organisation string     `json:"organisation,omitempty"`
	Phases       string     `json:"phases,omitempty" example:"L1,L2,L3" doc:"absent: not known"`
	Generation   bool       `json:"generation,omitempty" doc:"solar or battery behind the meter; absent: none is known"`
	ConnectedKVA float64    `json:"connected_kva,omitempty" minimum:"0" doc:"connected load; absent: not known"`
	From         time.Time  `json:"from"`
	To           *time.Time `json:"to,omitempty" doc:"absent: still so"`
}

// UsagePointDetail is one usage point with its history.
type UsagePointDetail struct {
	ID            string         `json:"id"`
	Versions      []UsagePoint   `json:"versions" nullable:"false" doc:"oldest first"`
	Installations []Installation `json:"installations" nullable:"false" doc:"oldest first"`
}

// Node is a piece of the network.
type Node struct {
	ID           string     `json:"id"`
	Name         string     `json:"name,omitempty"`
	Kind         string     `json:"kind" enum:"substation,feeder,switch,transformer"`
	Parent       string     `json:"parent,omitempty" doc:"towards the supply"`
	Organisation string     `json:"organisation,omitempty"`
	RatedKVA     float64    `json:"rated_kva,omitempty"`
	From         time.Time  `json:"from"`
	To           *time.Time `json:"to,omitempty" doc:"absent: still so"`
}

// NodeDetail is one node with its history.
type NodeDetail struct {
	ID       string `json:"id"`
	Versions []Node `json:"versions" nullable:"false" doc:"oldest first"`
}

// Organisation is a corporation, company or district.
type Organisation struct {
	ID     string     `json:"id"`
	Name   string     `json:"name,omitempty"`
	Kind   string     `json:"kind" enum:"corporation,company,district"`
	Parent string     `json:"parent,omitempty"`
	From   time.Time  `json:"from"`
	To     *time.Time `json:"to,omitempty" doc:"absent: still so"`
}

type usagePointsInput struct {
	Paging
	Node         string `query:"node" maxLength:"128" doc:"a node at or below which they hang now"`
	Organisation string `query:"organisation" maxLength:"128" doc:"an organisation at or below which they belong now"`
	Text         string `query:"q" maxLength:"128" doc:"part of the id, name or address; neither case nor the marks of Vietnamese matter"`
}

type nodesInput struct {
	Paging
	Parent string `query:"parent" maxLength:"128" doc:"the node directly above"`
	Kind   string `query:"kind" enum:"substation,feeder,switch,transformer"`
	Text   string `query:"q" maxLength:"128" doc:"part of the id or name; neither case nor the marks of Vietnamese matter"`
}

type organisationsInput struct{ Paging }

func (a *API) registerPlaces(h huma.API) {
	tags := []string{"registry"}
	huma.Register(h, huma.Operation{OperationID: "list-usage-points", Method: http.MethodGet, Path: "/api/v1/usage-points",
		Summary: "Usage points as they are now, by id", Tags: tags}, a.usagePoints)
	huma.Register(h, huma.Operation{OperationID: "get-usage-point", Method: http.MethodGet, Path: "/api/v1/usage-points/{id}",
		Summary: "A usage point in all its versions, and its meters", Tags: tags}, a.usagePoint)
	huma.Register(h, huma.Operation{OperationID: "list-nodes", Method: http.MethodGet, Path: "/api/v1/nodes",
		Summary: "The network as it is now, by id", Tags: tags}, a.nodes)
	huma.Register(h, huma.Operation{OperationID: "get-node", Method: http.MethodGet, Path: "/api/v1/nodes/{id}",
		Summary: "A node in all its versions", Tags: tags}, a.node)
	huma.Register(h, huma.Operation{OperationID: "list-organisations", Method: http.MethodGet, Path: "/api/v1/organisations",
		Summary: "Organisations as they are now, by id", Tags: tags}, a.organisations)
}

func (a *API) usagePoints(ctx context.Context, in *usagePointsInput) (*PageOf[UsagePoint], error) {
	var after string
	if err := in.begin("usage-points", &after); err != nil {
		return nil, err
	}
	found, err := a.options.Store.UsagePoints(ctx, headend.UsagePointFilter{Node: in.Node, Organisation: in.Organisation, Text: in.Text}, after, in.Limit+1)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return page("usage-points", in.Paging, found, usagePointOf, func(u headend.UsagePoint) any { return u.ID }), nil
}

func (a *API) usagePoint(ctx context.Context, in *ByID) (*struct{ Body UsagePointDetail }, error) {
	h, err := a.options.Store.UsagePoint(ctx, in.ID)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := UsagePointDetail{ID: in.ID, Installations: installationsOf(h.Installations)}
	for _, v := range h.Versions {
		out.Versions = append(out.Versions, usagePointOf(v))
	}
	return &struct{ Body UsagePointDetail }{out}, nil
}

func usagePointOf(u headend.UsagePoint) UsagePoint {
	return UsagePoint{ID: u.ID, Name: u.Name, Address: u.Address, Node: u.Node, Organisation: u.Organisation, Phases: u.Phases.String(), Generation: u.Generation, ConnectedKVA: u.ConnectedKVA, From: u.From, To: moment(u.To)}
}

func (a *API) nodes(ctx context.Context, in *nodesInput) (*PageOf[Node], error) {
	var after string
	if err := in.begin("nodes", &after); err != nil {
		return nil, err
	}
	found, err := a.options.Store.Nodes(ctx, headend.NodeFilter{Parent: in.Parent, Kind: in.Kind, Text: in.Text}, after, in.Limit+1)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return page("nodes", in.Paging, found, nodeOf, func(n headend.Node) any { return n.ID }), nil
}

func (a *API) node(ctx context.Context, in *ByID) (*struct{ Body NodeDetail }, error) {
	versions, err := a.options.Store.Node(ctx, in.ID)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := NodeDetail{ID: in.ID}
	for _, v := range versions {
		out.Versions = append(out.Versions, nodeOf(v))
	}
	return &struct{ Body NodeDetail }{out}, nil
}

func nodeOf(n headend.Node) Node {
	return Node{ID: n.ID, Name: n.Name, Kind: n.Kind, Parent: n.Parent, Organisation: n.Organisation, RatedKVA: n.RatedKVA, From: n.From, To: moment(n.To)}
}

func (a *API) organisations(ctx context.Context, in *organisationsInput) (*PageOf[Organisation], error) {
	var after string
	if err := in.begin("organisations", &after); err != nil {
		return nil, err
	}
	found, err := a.options.Store.Organisations(ctx, after, in.Limit+1)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return page("organisations", in.Paging, found, organisationOf, func(o headend.Organisation) any { return o.ID }), nil
}

func organisationOf(o headend.Organisation) Organisation {
	return Organisation{ID: o.ID, Name: o.Name, Kind: o.Kind, Parent: o.Parent, From: o.From, To: moment(o.To)}
}
