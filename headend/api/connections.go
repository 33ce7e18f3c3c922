package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// Field is what the API asks about devices in the field, and what it changes about where they are. Errors as in Store.
type Field interface {
	Connections(ctx context.Context, f headend.ConnectionFilter, after headend.DeviceID, limit int) ([]headend.Connection, error)
	// Attach installs a meter. It returns *headend.BadRequest for what cannot be.
	Attach(ctx context.Context, i headend.Installation) error
	// SetDevicePassword tells whether it is another one than before. It returns *headend.BadRequest where a password is of no use.
	SetDevicePassword(ctx context.Context, id headend.DeviceID, password string) (changed bool, err error)
	// WhollyDevice returns *headend.Unknown for a device that is not the asker's own alone.
	WhollyDevice(ctx context.Context, id headend.DeviceID) error
}

// Connection is a gateway or RTU, and whether its link is up.
type Connection struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind" enum:"gateway,rtu"`
	Protocol  string     `json:"protocol,omitempty"`
	Address   string     `json:"address,omitempty"`
	Profile   string     `json:"profile,omitempty"`
	Node      string     `json:"node,omitempty" doc:"that it stands for"`
	Link      string     `json:"link" enum:"online,offline,unknown" doc:"what was said last; unknown: nothing ever was, which says nothing about the link of a device that is polled"`
	LinkAt    *time.Time `json:"link_at,omitempty" doc:"when it was said"`
	LastHeard *time.Time `json:"last_heard,omitempty" doc:"when its last reading or event came in; absent: never"`
	Behind    int        `json:"behind" doc:"active devices that speak through it"`
}

type connectionsInput struct {
	Paging
	Kind string `query:"kind" enum:"gateway,rtu"`
	Link string `query:"link" enum:"online,offline,unknown"`
}

// InstallationPost is where a meter is installed.
type InstallationPost struct {
	UsagePoint string `json:"usage_point" minLength:"1" maxLength:"128"`
	From       string `json:"from,omitempty" maxLength:"64" doc:"RFC 3339 or a date; absent: since it was first heard" example:"2026-11-21T08:00:00+07:00"`
}

type attachInput struct {
	ByID
	Body InstallationPost
}

func (a *API) registerField(h huma.API) {
	huma.Register(h, huma.Operation{OperationID: "list-connections", Method: http.MethodGet, Path: "/api/v1/connections",
		Summary: "Gateways and RTUs, by id: whether their links are up", Tags: []string{"devices"}}, a.connections)
	huma.Register(h, huma.Operation{OperationID: "attach-meter", Method: http.MethodPost, Path: "/api/v1/meters/{id}/installations", DefaultStatus: http.StatusCreated,
		Summary: "Install a meter at a usage point; one that was unassigned is active from then on", Tags: []string{"devices"}}, a.attach)
	huma.Register(h, huma.Operation{OperationID: "set-device-credential", Method: http.MethodPost, Path: "/api/v1/devices/{id}/credential",
		Summary: "Give a device another password; its connections that logged in with the former one are closed", Tags: []string{"devices"},
		Description: "Without a password the head-end makes one and answers it, this once. A device with a password speaks for itself: no gateway may bring readings of it any more. " +
			"Connections with a client certificate stay."}, a.setDeviceCredential)
}

func (a *API) connections(ctx context.Context, in *connectionsInput) (*PageOf[Connection], error) {
	var after headend.DeviceID
	if err := in.begin("connections", &after); err != nil {
		return nil, err
	}
	found, err := a.options.Store.Connections(ctx, headend.ConnectionFilter{Kind: headend.DeviceKind(in.Kind), State: in.Link}, after, in.Limit+1)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return page("connections", in.Paging, found, connectionOf, func(c headend.Connection) any { return c.ID }), nil
}

func connectionOf(c headend.Connection) Connection {
	link := string(c.Link)
	if link == "" {
		link = "unknown"
	}
	return Connection{ID: string(c.ID), Kind: string(c.Kind), Protocol: c.Protocol, Address: c.Address, Profile: c.Profile, Node: c.Node,
		Link: link, LinkAt: moment(c.LinkAt), LastHeard: moment(c.LastHeard), Behind: c.Behind}
}

func (a *API) attach(ctx context.Context, in *attachInput) (*struct{ Body DeviceDetail }, error) {
	if !readable(in.Body.UsagePoint) {
		return nil, invalid("body.usage_point", in.Body.UsagePoint, "no UTF-8, or a NUL character")
	}
	d, err := a.options.Store.Device(ctx, headend.DeviceID(in.ID))
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	i := headend.Installation{Device: d.ID, UsagePoint: in.Body.UsagePoint, From: d.FirstSeen}
	if in.Body.From != "" {
		if i.From, err = parseTime("body.from", in.Body.From, a.options.Zone); err != nil {
			return nil, err
		}
	}
	if i.From.After(time.Now().Add(time.Minute)) {
		return nil, invalid("body.from", in.Body.From, "it lies in the future: a meter is installed when it is there")
	}
	if err := a.options.Store.Attach(ctx, i); err != nil {
		return nil, a.bookProblem(ctx, err)
	}
	return a.device(ctx, "meter", headend.KindMeter, in.ID)
}
