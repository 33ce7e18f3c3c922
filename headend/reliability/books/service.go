package books

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/reliability"
)

// ServiceReport is the service indicators of units, month by month.
type ServiceReport struct {
	Policy   string             `json:"policy"`
	Digest   string             `json:"policy_digest"`
	Revision int64              `json:"revision"`
	AsOf     time.Time          `json:"as_of"`
	By       string             `json:"by"`
	Period   reliability.Period `json:"period"`
	Rows     []ServiceRow       `json:"rows"`
}

// ServiceRow is the indicators of one unit: of one month, or of the period.
type ServiceRow struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Level int    `json:"level"`
	Month string `json:"month,omitempty"` // "": the period
	reliability.Service
	WithinLimit reliability.Ratio `json:"restored_within_limit"` // share of faults
	MeanRestore reliability.Ratio `json:"mean_minutes_to_restore"`
}

// emergency is the cause of cuts on purpose without time for notice.
const emergency = "emergency"

// Service answers: outages that began in the period, each with the unit in which its first usage point was. Those of
// causes that the policy does not count are left out. By month there is a row for each month of one unit.
func (o *Office) Service(ctx context.Context, q headend.ReportRequest) (out *ServiceReport, err error) {
	err = o.store.ReadBooks(ctx, func(s headend.BookSnapshot) error {
		out, err = o.service(ctx, s, q)
		return err
	})
	return out, err
}

func (o *Office) service(ctx context.Context, s headend.BookSnapshot, q headend.ReportRequest) (*ServiceReport, error) {
	r := &reporting{office: o, s: s, period: reliability.Period{From: dayOf(q.From), To: dayOf(q.To)}}
	if err := r.begin(ctx, q); err != nil {
		return nil, err
	}
	for _, part := range r.period.Months() {
		if part != part.From.Month().Period() {
			return nil, refuse("service indicators are made of whole months; %s is a part of one", part)
		}
	}
	if q.Revision != 0 {
		return nil, refuse("service indicators are of the outages as they are now, not of a revision")
	}
	units, err := r.units(q)
	if err != nil {
		return nil, err
	}
	cuts, err := r.cuts(ctx)
	if err != nil {
		return nil, err
	}
	cells := reliability.Serve(r.policy.Service, o.calendar, cuts, r.edition.AsOf)
	out := &ServiceReport{Policy: r.policy.Name, Digest: r.policy.Digest, Revision: r.st.Revision, AsOf: r.edition.AsOf, By: cmp.Or(q.By, reliability.ByOrganisation), Period: r.period, Rows: []ServiceRow{}}
	for _, u := range units {
		periods := []reliability.Period{r.period}
		if q.By == "month" {
			periods = r.period.Months()
		}
		for _, p := range periods {
			row := ServiceRow{ID: u.id, Name: u.name, Kind: u.kind, Level: u.level}
			if q.By == "month" {
				row.Month = p.From.Month().String()
			}
			for cell, sum := range cells {
				if p.Has(cell.Month.First()) && slices.Contains(r.w.registry.Path(cell.Unit), u.id) {
					row.Add(sum)
				}
			}
			row.WithinLimit, row.MeanRestore = row.Service.WithinLimit(), row.Service.MeanRestore()
			out.Rows = append(out.Rows, row)
		}
	}
	return out, nil
}

// cuts are the outages of the period as the indicators see them.
func (r *reporting) cuts(ctx context.Context) ([]reliability.Cut, error) {
	outages, err := r.s.Outages(ctx, r.office.calendar.Begin(r.period.From), r.office.calendar.Begin(r.period.To))
	if err != nil {
		return nil, fmt.Errorf("outages: %w", err)
	}
	view := r.w.registry.View(r.by)
	var cuts []reliability.Cut
	for i := range outages {
		x := &outages[i]
		category, _ := r.policy.CategoryOf(&headend.Interruption{Cause: x.Cause, Planned: x.Planned, Own: x.Own})
		place, served := view.At(x.UsagePoint, x.Start)
		if !x.Counted || !served || !category.Counted {
			continue
		}
		cut := reliability.Cut{Outage: x.Number, Unit: place.Unit, Kind: reliability.Fault, Start: x.Start, Restored: x.Restored,
			WindowFrom: x.WindowFrom, WindowTo: x.WindowTo, Noticed: x.Notice}
		switch {
		case x.Cause == emergency:
			cut.Kind = reliability.Emergency
		case x.Planned:
			cut.Kind = reliability.Planned
		}
		cuts = append(cuts, cut)
	}
	return cuts, nil
}
