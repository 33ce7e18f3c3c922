package main

import (
	"context"
	"errors"
	"io"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing"
	"lastgasp/headend/billing/export"
	"lastgasp/headend/billing/office"
	"lastgasp/timeseries"
)

// billingAnswers lets the API ask the office, and the store where the office adds nothing.
type billingAnswers struct {
	*timeseries.Store
	office *office.Office
	inTime time.Duration
}

// InTime implements api.Billing, as the methods below do.
func (b billingAnswers) InTime() time.Duration { return b.inTime }

func (b billingAnswers) AskRun(ctx context.Context, run headend.BillingRun) (headend.BillingRun, error) {
	return b.office.Ask(ctx, run)
}

func (b billingAnswers) Changes(ctx context.Context, since, id string, tell func(any) error) error {
	return b.office.Changes(ctx, since, id, func(c billing.Change) error { return tell(c) })
}

// ExportRun tells what a format cannot carry as a fault of the request.
func (b billingAnswers) ExportRun(ctx context.Context, of headend.RunExport, w io.Writer) error {
	_, err := writeRun(ctx, b.Store, of, w)
	if errors.Is(err, export.ErrRow) {
		return &headend.BadRequest{Reason: "the format cannot carry this run: " + err.Error()}
	}
	return err
}

// registerDocument is a register at a cut-off.
type registerDocument struct {
	UsagePoint string              `json:"usage_point"`
	Quantity   headend.Quantity    `json:"quantity"`
	At         time.Time           `json:"at"`
	Meter      headend.DeviceID    `json:"meter,omitempty"`
	Wh         *int64              `json:"wh,omitempty"` // on the dial
	How        billing.How         `json:"how,omitempty"`
	DistanceS  float64             `json:"distance_s,omitempty"` // from at to the read; negative: before
	Quality    []string            `json:"quality,omitempty"`
	Noted      bool                `json:"noted,omitempty"`
	Absent     billing.Reason      `json:"absent,omitempty"`
	Multiplier *multiplierDocument `json:"multiplier,omitempty"`
}

type multiplierDocument struct {
	Numerator   int64 `json:"numerator"`
	Denominator int64 `json:"denominator"`
}

func (b billingAnswers) Registers(ctx context.Context, q headend.CutOffQuestion, tell func(string, any) error) error {
	return b.office.Registers(ctx, q, func(usagePoint string, r billing.Read, m *headend.Multiplier) error {
		d := registerDocument{UsagePoint: usagePoint, Quantity: q.Quantity, At: r.At, Meter: r.Meter, How: r.How, DistanceS: r.Distance.Seconds(), Quality: r.Quality.Names(),
			Noted: r.Noted, Absent: r.Absent}
		if r.Absent == "" {
			d.Wh = &r.Wh
		}
		if m != nil {
			d.Multiplier = &multiplierDocument{m.Numerator, m.Denominator}
		}
		return tell(usagePoint, &d)
	})
}

// accountDocument is what a usage point consumed.
type accountDocument struct {
	billing.Line
	Findings []findingDocument `json:"findings"`
}

type findingDocument struct {
	Rule   billing.Verdict `json:"rule"`
	Period billing.Period  `json:"period"`
	Detail string          `json:"detail"`
}

func (b billingAnswers) Account(ctx context.Context, usagePoint string, q headend.Quantity, from, to time.Time, values bool) (any, error) {
	line, found, err := b.office.Account(ctx, usagePoint, q, billing.Period{From: from, To: to})
	if err != nil {
		return nil, err
	}
	if !values {
		line.Values = nil
	}
	d := accountDocument{Line: line, Findings: []findingDocument{}}
	for _, f := range found {
		d.Findings = append(d.Findings, findingDocument{f.Verdict, f.Period, f.Detail})
	}
	return d, nil
}
