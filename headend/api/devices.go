package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// Device is a meter, gateway or RTU.
type Device struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind" enum:"meter,gateway,rtu"`
	State      string    `json:"state" enum:"unassigned,active,retired" doc:"unassigned: it was heard, and nobody has said what it is"`
	Protocol   string    `json:"protocol,omitempty"`
	Address    string    `json:"address,omitempty"`
	Profile    string    `json:"profile,omitempty"`
	Gateway    string    `json:"gateway,omitempty" doc:"that it speaks through"`
	FirstSeen  time.Time `json:"first_seen" doc:"when it was registered or first heard"`
	UsagePoint string    `json:"usage_point,omitempty" doc:"that it measures now"`
	Name       string    `json:"usage_point_name,omitempty"`
	Where      string    `json:"usage_point_address,omitempty"`
	Node       string    `json:"node,omitempty" doc:"that the usage point hangs on now"`
}

// DeviceDetail is one device with what it did last.
type DeviceDetail struct {
	Device
	LastHeard     *time.Time     `json:"last_heard,omitempty" doc:"when its last reading or event came in; absent: never"`
	LastReading   *Reading       `json:"last_reading,omitempty"`
	Installations []Installation `json:"installations" nullable:"false"`
}

// Installation says that a device measured a usage point from a time to another.
type Installation struct {
	Device     string     `json:"device"`
	UsagePoint string     `json:"usage_point"`
	From       time.Time  `json:"from"`
	To         *time.Time `json:"to,omitempty" doc:"absent: still installed"`
}

// DeviceQuery are the parameters of lists of devices. (huma reads embedded structs only when exported.)
type DeviceQuery struct {
	Paging
	UsagePoint string `query:"usage_point" maxLength:"128" doc:"the usage point it measures now"`
	Node       string `query:"node" maxLength:"128" doc:"a node at or below which it hangs now"`
	State      string `query:"state" enum:"unassigned,active,retired"`
	Text       string `query:"q" maxLength:"128" doc:"part of the device's or usage point's id, or of the usage point's name or address; neither case nor the marks of Vietnamese matter: ha noi finds Hà Nội"`
}

type devicesInput struct {
	DeviceQuery
	Kind string `query:"kind" enum:"meter,gateway,rtu"`
}

type metersInput struct{ DeviceQuery }

// ByID is the parameter of one thing.
type ByID struct {
	ID string `path:"id" maxLength:"256" doc:"id; a / in it is written %2F"`
}

func (a *API) registerDevices(h huma.API) {
	huma.Register(h, huma.Operation{OperationID: "list-meters", Method: http.MethodGet, Path: "/api/v1/meters",
		Summary: "Meters, by id", Tags: []string{"devices"}}, func(ctx context.Context, in *metersInput) (*PageOf[Device], error) {
		return a.devices(ctx, "meters", headend.KindMeter, in.DeviceQuery)
	})
	huma.Register(h, huma.Operation{OperationID: "get-meter", Method: http.MethodGet, Path: "/api/v1/meters/{id}",
		Summary: "A meter: where it is and was installed, what it said last", Tags: []string{"devices"}}, func(ctx context.Context, in *ByID) (*struct{ Body DeviceDetail }, error) {
		return a.device(ctx, "meter", headend.KindMeter, in.ID)
	})
	huma.Register(h, huma.Operation{OperationID: "list-devices", Method: http.MethodGet, Path: "/api/v1/devices",
		Summary: "Meters, gateways and RTUs, by id", Tags: []string{"devices"}}, func(ctx context.Context, in *devicesInput) (*PageOf[Device], error) {
		return a.devices(ctx, "devices", headend.DeviceKind(in.Kind), in.DeviceQuery)
	})
	huma.Register(h, huma.Operation{OperationID: "get-device", Method: http.MethodGet, Path: "/api/v1/devices/{id}",
		Summary: "A device: where it is and was installed, what it said last", Tags: []string{"devices"}}, func(ctx context.Context, in *ByID) (*struct{ Body DeviceDetail }, error) {
		return a.device(ctx, "device", "", in.ID)
	})
}

func (a *API) devices(ctx context.Context, list string, kind headend.DeviceKind, in DeviceQuery) (*PageOf[Device], error) {
	var after headend.DeviceID
	if err := in.begin(list, &after); err != nil {
		return nil, err
	}
	found, err := a.options.Store.Devices(ctx, headend.DeviceFilter{Kind: kind, State: headend.DeviceState(in.State),
		UsagePoint: in.UsagePoint, Node: in.Node, Text: in.Text}, after, in.Limit+1)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return page(list, in.Paging, found, deviceOf, func(d headend.DeviceStatus) any { return d.ID }), nil
}

func (a *API) device(ctx context.Context, what string, kind headend.DeviceKind, id string) (*struct{ Body DeviceDetail }, error) {
	d, err := a.options.Store.Device(ctx, headend.DeviceID(id))
	var unknown *headend.Unknown
	if errors.As(err, &unknown) || err == nil && kind != "" && d.Kind != kind {
		err = &headend.Unknown{What: what, ID: id}
	}
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := DeviceDetail{Device: deviceOf(d), LastHeard: moment(d.LastHeard), Installations: installationsOf(d.Installations)}
	if d.LastReading != nil {
		last := readingOf(*d.LastReading)
		out.LastReading = &last
	}
	return &struct{ Body DeviceDetail }{out}, nil
}

func deviceOf(d headend.DeviceStatus) Device {
	return Device{ID: string(d.ID), Kind: string(d.Kind), State: string(d.State), Protocol: d.Protocol, Address: d.Address, Profile: d.Profile,
		Gateway: string(d.Gateway), FirstSeen: d.FirstSeen, UsagePoint: d.UsagePoint, Name: d.PointName, Where: d.PointAddress, Node: d.Node}
}

func installationsOf(found []headend.Installation) []Installation {
	out := []Installation{}
	for _, i := range found {
		out = append(out, Installation{Device: string(i.Device), UsagePoint: i.UsagePoint, From: i.From, To: moment(i.To)})
	}
	return out
}
