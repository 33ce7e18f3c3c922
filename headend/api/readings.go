package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// Reading is all that a device measured at one time.
type Reading struct {
	Time     time.Time `json:"time" doc:"by the device's clock"`
	Received time.Time `json:"received" doc:"when it came in"`
	Quality  []string  `json:"quality" nullable:"false" doc:"what is known against the values: received_time, clock_doubtful, backwards, coarse, historical, uncertain; none: a plain measured value"`
	Values   Values    `json:"values" doc:"by quantity: import_wh, v1, ..."`
}

// Values are quantities with their values, in the order of the columns.
type Values []headend.QuantityValue

// MarshalJSON writes an object.
func (v Values) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, q := range v {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendQuote(b, string(q.Quantity)) // names are [a-z0-9_.:*/-]
		b = append(b, ':')
		b = q.Value.AppendJSON(b)
	}
	return append(b, '}'), nil
}

// Schema describes the object: any name, a number each.
func (Values) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: &huma.Schema{Type: huma.TypeNumber},
		Examples: []any{map[string]any{"import_wh": 1234567, "v1": 229.8}}}
}

type readingsInput struct {
	ByID
	Paging
	Range
	Quantity string `query:"quantity" maxLength:"2048" doc:"names of quantities, separated by commas; default: all" example:"import_wh,v1"`
}

func (a *API) registerReadings(h huma.API) {
	huma.Register(h, huma.Operation{OperationID: "list-readings", Method: http.MethodGet, Path: "/api/v1/meters/{id}/readings",
		Summary: "What a meter measured, oldest first", Tags: []string{"readings"}}, a.readings)
}

func (a *API) readings(ctx context.Context, in *readingsInput) (*PageOf[Reading], error) {
	from, to, err := in.times(a.options.Zone, 0)
	if err != nil {
		return nil, err
	}
	after := from.Add(-time.Microsecond)
	if err := in.begin("readings", &after); err != nil {
		return nil, err
	}
	if next := after.Add(time.Microsecond); next.After(from) {
		from = next // times are whole microseconds
	}
	quantities, err := quantitiesOf(in.Quantity)
	if err != nil {
		return nil, err
	}
	found, err := a.options.Store.Measurements(ctx, headend.DeviceID(in.ID), quantities, from, to, in.Limit+1)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return page("readings", in.Paging, found, readingOf, func(m headend.Measurement) any { return m.Time }), nil
}

func readingOf(m headend.Measurement) Reading {
	return Reading{Time: m.Time, Received: m.Received, Quality: namesOf(m.Quality), Values: m.Values}
}

func namesOf(q headend.Quality) []string {
	if names := q.Names(); names != nil {
		return names
	}
	return []string{}
}
