package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// mostInSeries bounds a series: a year of quarter hours, and some.
const mostInSeries = 40_000

// Series are readings as columns, made for charts: one list of times, and for each quantity a list that is as long.
type Series struct {
	Times   []int64 // seconds since 1970
	Columns []SeriesColumn
}

// SeriesColumn is one quantity.
type SeriesColumn struct {
	Quantity headend.Quantity
	Values   []headend.Value
	There    []bool // false: it was not measured at that time
}

// MarshalJSON writes {"time":[…],"values":{"v1":[…,null,…]}}.
func (s Series) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 64+len(s.Times)*12*(1+len(s.Columns))), `{"time":[`...)
	for i, at := range s.Times {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, at, 10)
	}
	b = append(b, `],"values":{`...)
	for i, c := range s.Columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(strconv.AppendQuote(b, string(c.Quantity)), ':', '[')
		for j, v := range c.Values {
			if j > 0 {
				b = append(b, ',')
			}
			if c.There[j] {
				b = v.AppendJSON(b)
			} else {
				b = append(b, "null"...)
			}
		}
		b = append(b, ']')
	}
	return append(b, "}}"...), nil
}

// Schema describes the document.
func (Series) Schema(huma.Registry) *huma.Schema {
	whole := &huma.Schema{Type: huma.TypeInteger, Format: "int64"}
	value := &huma.Schema{Type: huma.TypeNumber, Nullable: true}
	return &huma.Schema{Type: huma.TypeObject, Required: []string{"time", "values"}, Properties: map[string]*huma.Schema{
		"time":   {Type: huma.TypeArray, Items: whole, Description: "seconds since 1970, ascending"},
		"values": {Type: huma.TypeObject, AdditionalProperties: &huma.Schema{Type: huma.TypeArray, Items: value}, Description: "by quantity, as many as there are times; null: not measured then"}},
		Examples: []any{map[string]any{"time": []int64{1795500000, 1795501800}, "values": map[string]any{"import_wh": []any{1234567, 1234890}, "v1": []any{229.8, nil}}}}}
}

type seriesInput struct {
	ByID
	Range
	Quantity string `query:"quantity" required:"true" minLength:"1" maxLength:"512" doc:"names of quantities, separated by commas, at most 12" example:"import_wh,v1"`
}

func (a *API) registerSeries(h huma.API) {
	huma.Register(h, huma.Operation{OperationID: "get-series", Method: http.MethodGet, Path: "/api/v1/meters/{id}/series",
		Summary: "What a meter measured, as columns for a chart; at most 40,000 times", Tags: []string{"readings"}}, a.series)
}

func (a *API) series(ctx context.Context, in *seriesInput) (*struct{ Body Series }, error) {
	from, to, err := in.times(a.options.Zone, 0)
	if err != nil {
		return nil, err
	}
	quantities, err := quantitiesOf(in.Quantity)
	if err != nil {
		return nil, err
	}
	if len(quantities) == 0 || len(quantities) > 12 {
		return nil, invalid("query.quantity", in.Quantity, "name 1 to 12 quantities")
	}
	found, err := a.options.Store.Measurements(ctx, headend.DeviceID(in.ID), quantities, from, to, mostInSeries+1)
	switch {
	case err != nil:
		return nil, a.problem(ctx, err)
	case len(found) > mostInSeries:
		return nil, invalid("query.from", in.From, fmt.Sprintf("the meter was read more than %d times in that time; ask for less", mostInSeries))
	}
	return &struct{ Body Series }{columnsOf(found, quantities)}, nil
}

// columnsOf turns measurements on their side.
func columnsOf(found []headend.Measurement, quantities []headend.Quantity) Series {
	s := Series{Times: make([]int64, len(found)), Columns: make([]SeriesColumn, len(quantities))}
	at := make(map[headend.Quantity]int, len(quantities))
	for i, q := range quantities {
		at[q] = i
		s.Columns[i] = SeriesColumn{Quantity: q, Values: make([]headend.Value, len(found)), There: make([]bool, len(found))}
	}
	for i, m := range found {
		s.Times[i] = m.Time.Unix()
		for _, v := range m.Values {
			if j, ok := at[v.Quantity]; ok {
				s.Columns[j].Values[i], s.Columns[j].There[i] = v.Value, true
			}
		}
	}
	return s
}
