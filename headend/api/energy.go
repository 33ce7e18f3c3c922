package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// The longest times that can be asked for at once.
const (
	mostHours = 92 * 24 * time.Hour
	mostDays  = 3660 * 24 * time.Hour
	mostLoad  = 31 * 24 * time.Hour
)

// Energy is what one meter counted from the first register in a bucket to the first in the next.
type Energy struct {
	Bucket time.Time    `json:"bucket" doc:"beginning of the hour or day"`
	Meter  string       `json:"meter"`
	Import *Consumption `json:"import,omitempty" doc:"absent: no register was read in the bucket"`
	Export *Consumption `json:"export,omitempty" doc:"absent: no register was read in the bucket"`
}

// Consumption is the difference of two registers as they were read. Nothing is interpolated.
type Consumption struct {
	From      time.Time `json:"from" doc:"when the first register was read"`
	To        time.Time `json:"to" doc:"when the second register was read"`
	Wh        *int64    `json:"wh,omitempty" doc:"absent: the register ran backwards"`
	Gap       bool      `json:"gap,omitempty" doc:"buckets without a register lie between the two"`
	Open      bool      `json:"open,omitempty" doc:"no later bucket has a register yet: to is the last of this one"`
	Backwards bool      `json:"backwards,omitempty" doc:"the second register is lower than the first"`
}

// EnergyList is the energy of a usage point.
type EnergyList struct {
	UsagePoint string   `json:"usage_point"`
	By         string   `json:"by"`
	Items      []Energy `json:"items" nullable:"false" doc:"by meter and bucket; a bucket without a register is not there"`
}

// LoadHour is the energy of all usage points below a node in one hour.
type LoadHour struct {
	Hour        time.Time `json:"hour"`
	ImportWh    *int64    `json:"import_wh,omitempty" doc:"of the usage points that reported; absent: none did"`
	ExportWh    *int64    `json:"export_wh,omitempty" doc:"of the usage points that reported; absent: none did"`
	Reported    int       `json:"reported" doc:"usage points with a register in this hour and in the next"`
	UsagePoints int       `json:"usage_points" doc:"usage points there are below the node"`
}

// LoadList is the load of a node.
type LoadList struct {
	Node  string     `json:"node"`
	Items []LoadHour `json:"items" nullable:"false"`
}

type energyInput struct {
	ByID
	Range
	By string `query:"by" enum:"hour,day" default:"hour" doc:"days are those of the utility's zone; at most 92 days by hour, ten years by day"`
}

type loadInput struct {
	ByID
	Range
}

func (a *API) registerEnergy(h huma.API) {
	huma.Register(h, huma.Operation{OperationID: "list-energy", Method: http.MethodGet, Path: "/api/v1/usage-points/{id}/energy",
		Summary: "Energy of a usage point, in buckets that begin in a time", Tags: []string{"energy"}}, a.energy)
	huma.Register(h, huma.Operation{OperationID: "list-load", Method: http.MethodGet, Path: "/api/v1/nodes/{id}/load",
		Summary: "Energy of all usage points below a node, by hours that begin in a time of at most 31 days", Tags: []string{"energy"}}, a.load)
}

func (a *API) energy(ctx context.Context, in *energyInput) (*struct{ Body EnergyList }, error) {
	most := mostHours
	if in.By == string(headend.ByDay) {
		most = mostDays
	}
	from, to, err := in.times(a.options.Zone, most)
	if err != nil {
		return nil, err
	}
	found, err := a.options.Store.Energy(ctx, in.ID, headend.Period(in.By), from, to)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := EnergyList{UsagePoint: in.ID, By: in.By, Items: []Energy{}}
	for _, e := range found {
		out.Items = append(out.Items, Energy{Bucket: e.Bucket, Meter: string(e.Meter), Import: consumptionOf(e.Import), Export: consumptionOf(e.Export)})
	}
	return &struct{ Body EnergyList }{out}, nil
}

func consumptionOf(c *headend.Consumption) *Consumption {
	if c == nil {
		return nil
	}
	out := &Consumption{From: c.From, To: c.To, Gap: c.Gap, Open: c.Open, Backwards: c.Backwards}
	if !c.Backwards {
		out.Wh = &c.Wh
	}
	return out
}

func (a *API) load(ctx context.Context, in *loadInput) (*struct{ Body LoadList }, error) {
	from, to, err := in.times(a.options.Zone, mostLoad)
	if err != nil {
		return nil, err
	}
	if full := from.Truncate(time.Hour); full.Before(from) { // the first hour that begins in the time
		from = full.Add(time.Hour)
	}
	if full := to.Truncate(time.Hour); full.Before(to) {
		to = full.Add(time.Hour)
	}
	found, err := a.options.Store.Load(ctx, in.ID, from, to)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := LoadList{Node: in.ID, Items: []LoadHour{}}
	for _, l := range found {
		hour := LoadHour{Hour: l.Hour, Reported: l.Reported, UsagePoints: l.UsagePoints}
		if l.Reported > 0 {
			hour.ImportWh, hour.ExportWh = &l.ImportWh, &l.ExportWh
		}
		out.Items = append(out.Items, hour)
	}
	return &struct{ Body LoadList }{out}, nil
}
