package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// Event is something a device said happened.
type Event struct {
	Device          string          `json:"device"`
	Gateway         string          `json:"gateway,omitempty" doc:"who delivered it"`
	Time            time.Time       `json:"time" doc:"by the device's clock"`
	Received        time.Time       `json:"received"`
	Event           string          `json:"event" example:"power_down"`
	Seq             *int64          `json:"seq,omitempty" doc:"the device's own number"`
	DurationSeconds *float64        `json:"duration_s,omitempty" doc:"length of an entry of the device's log"`
	Phases          string          `json:"phases,omitempty" example:"L1"`
	Quality         []string        `json:"quality" nullable:"false"`
	Detail          json.RawMessage `json:"detail,omitempty" doc:"what the device added"`
}

// eventPlace is where an event stands in the list.
type eventPlace struct {
	Time   time.Time         `json:"t"`
	Device headend.DeviceID  `json:"d"`
	Type   headend.EventType `json:"e"`
	Seq    int64             `json:"s"`
	Detail string            `json:"x"`
}

// EventQuery are the parameters of lists of events.
type EventQuery struct {
	Paging
	Range
	Type string `query:"event" maxLength:"64" doc:"the event's name, such as power_down"`
}

type eventsInput struct {
	EventQuery
	Device string `query:"device" maxLength:"128" doc:"the device's id"`
	Node   string `query:"node" maxLength:"128" doc:"a node that the device stood for when it happened"`
}

type eventsOfInput struct {
	ByID
	EventQuery
}

func (a *API) registerEvents(h huma.API) {
	list := func(id, path, summary string, events func(ctx context.Context, in *eventsOfInput) (*PageOf[Event], error)) {
		huma.Register(h, huma.Operation{OperationID: id, Method: http.MethodGet, Path: "/api/v1/" + path + "/{id}/events", Summary: summary, Tags: []string{"events"}}, events)
	}
	huma.Register(h, huma.Operation{OperationID: "list-events", Method: http.MethodGet, Path: "/api/v1/events",
		Summary: "What devices said happened, oldest first", Tags: []string{"events"}}, func(ctx context.Context, in *eventsInput) (*PageOf[Event], error) {
		return a.events(ctx, headend.EventFilter{Device: headend.DeviceID(in.Device), Node: in.Node}, in.EventQuery)
	})
	list("list-meter-events", "meters", "What a meter said happened, oldest first", func(ctx context.Context, in *eventsOfInput) (*PageOf[Event], error) {
		return a.eventsOf(ctx, "meter", headend.KindMeter, in)
	})
	list("list-device-events", "devices", "What a meter, gateway or RTU said happened, oldest first", func(ctx context.Context, in *eventsOfInput) (*PageOf[Event], error) {
		return a.eventsOf(ctx, "device", "", in)
	})
	list("list-node-events", "nodes", "What the devices that stood for a node said of it, oldest first: its breaker, fault passages, supply", func(ctx context.Context, in *eventsOfInput) (*PageOf[Event], error) {
		if _, err := a.options.Store.Node(ctx, in.ID); err != nil {
			return nil, a.problem(ctx, err)
		}
		return a.events(ctx, headend.EventFilter{Node: in.ID}, in.EventQuery)
	})
}

// eventsOf lists the events of one device, which must be of the kind where one is given.
func (a *API) eventsOf(ctx context.Context, what string, kind headend.DeviceKind, in *eventsOfInput) (*PageOf[Event], error) {
	if _, err := a.device(ctx, what, kind, in.ID); err != nil {
		return nil, err
	}
	return a.events(ctx, headend.EventFilter{Device: headend.DeviceID(in.ID)}, in.EventQuery)
}

func (a *API) events(ctx context.Context, f headend.EventFilter, in EventQuery) (*PageOf[Event], error) {
	from, to, err := in.times(a.options.Zone, 0)
	if err != nil {
		return nil, err
	}
	var place *eventPlace
	if err := in.begin("events", &place); err != nil {
		return nil, err
	}
	var after *headend.StoredEvent
	if place != nil {
		after = &headend.StoredEvent{Device: place.Device, Event: headend.Event{Time: place.Time, Type: place.Type, Seq: place.Seq, Detail: place.Detail}}
	}
	f.Type, f.From, f.To = headend.EventType(in.Type), from, to
	found, err := a.options.Store.Events(ctx, f, after, in.Limit+1)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return page("events", in.Paging, found, eventOf, func(e headend.StoredEvent) any {
		return eventPlace{e.Time, e.Device, e.Type, e.Seq, e.Detail}
	}), nil
}

func eventOf(e headend.StoredEvent) Event {
	out := Event{Device: string(e.Device), Gateway: string(e.Gateway), Time: e.Time, Received: e.Received, Event: string(e.Type),
		Phases: e.Phases.String(), Quality: namesOf(e.Quality)}
	if e.Seq != headend.NoSeq {
		out.Seq = &e.Seq
	}
	if e.Duration > 0 {
		seconds := e.Duration.Seconds()
		out.DurationSeconds = &seconds
	}
	if json.Valid([]byte(e.Detail)) {
		out.Detail = json.RawMessage(e.Detail)
	} else if e.Detail != "" { // a device whose JSON was cut off
		if text, err := json.Marshal(e.Detail); err == nil {
			out.Detail = text
		}
	}
	return out
}
