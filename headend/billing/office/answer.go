package office

import (
	"context"
	"fmt"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing"
)

// Changes tells what differs between two runs over the same period, in order of usage point and quantity. Memory holds a
// line of each.
func (o *Office) Changes(ctx context.Context, since, id string, tell func(billing.Change) error) error {
	readers := [2]*billing.SnapshotReader{}
	for i, which := range [2]string{since, id} {
		run, err := o.store.BillingRun(ctx, which)
		if err != nil {
			return err
		}
		if run.State != "made" {
			return &headend.BadRequest{Reason: fmt.Sprintf("run %d is not made: it is %s", run.Number, run.State)}
		}
		if readers[i], err = billing.OpenSnapshot(o.store.BillingBytes(ctx, run.ID)); err != nil {
			return err
		}
	}
	a, b := readers[0].Header.Period, readers[1].Header.Period
	if !a.From.Equal(b.From) || !a.To.Equal(b.To) {
		return &headend.BadRequest{Reason: fmt.Sprintf("the runs are over different periods: from %s to %s, and from %s to %s",
			a.From.Format(time.RFC3339), a.To.Format(time.RFC3339), b.From.Format(time.RFC3339), b.To.Format(time.RFC3339))}
	}
	return billing.Compare(readers[0], readers[1], tell)
}

// Registers tells the registers of usage points at a moment, in byte order of their ids, by one question to the store. Prefer
// and reaches are those of the settings.
func (o *Office) Registers(ctx context.Context, q headend.CutOffQuestion, tell func(usagePoint string, r billing.Read, multiplier *headend.Multiplier) error) error {
	if q.At.After(o.now()) {
		return &headend.BadRequest{Reason: fmt.Sprintf("at %s is in the future", q.At.Format(time.RFC3339))}
	}
	if !q.Quantity.IsEnergy() {
		return &headend.Unknown{What: "quantity", ID: string(q.Quantity)}
	}
	if err := o.known(ctx, &q.Set); err != nil {
		return err
	}
	q.Reach = max(o.options.Settings.CutOff.Nearest, o.options.Settings.CutOff.Interpolate, time.Second)
	return o.store.ReadBilling(ctx, func(b headend.BillingSnapshot) error {
		types, err := b.MeterTypes(ctx)
		if err != nil {
			return err
		}
		m := o.models(types)
		return b.CutOff(ctx, q, func(row *headend.CutOffRow) error {
			r, err := o.register(m, &q, row)
			if err != nil {
				return err
			}
			return tell(row.UsagePoint, r, row.Multiplier)
		})
	})
}

func (o *Office) register(m *models, q *headend.CutOffQuestion, row *headend.CutOffRow) (billing.Read, error) {
	none := billing.Read{At: q.At.UTC()}
	switch {
	case row.Meters == 0:
		none.Absent = billing.NoMeter
		return none, nil
	case row.Meters > 1:
		none.Absent = billing.TwoMeters
		return none, nil
	}
	f := billing.Fitting{Device: row.Device, From: row.From, To: row.To, Dials: map[headend.Quantity]billing.Dial{q.Quantity: m.dial(m.of(row.Model))}}
	if row.Noted != nil {
		f.First = map[headend.Quantity]int64{q.Quantity: *row.Noted}
	}
	var points []billing.Point
	for _, r := range []*headend.CutOffRead{row.Before, row.After} {
		if r != nil {
			points = append(points, billing.Point{Time: r.Time, Wh: r.Wh, Quality: r.Quality})
		}
	}
	metering, err := billing.NewMetering(billing.Supply{UsagePoint: row.UsagePoint, Fittings: []billing.Fitting{f}}, q.Quantity,
		map[headend.DeviceID][]billing.Point{row.Device: points}, o.options.Settings.CutOff)
	if err != nil {
		return none, err
	}
	return metering.Register(q.At), nil
}

// Account is what one usage point consumed over a period, with its intervals and what rules hold against them. It returns
// *headend.BadRequest for a period that is none or not over, and *headend.Unknown for what is not there.
func (o *Office) Account(ctx context.Context, usagePoint string, q headend.Quantity, p billing.Period) (line billing.Line, found []billing.Finding, err error) {
	if err := o.past(p); err != nil {
		return line, nil, err
	}
	if !q.IsEnergy() {
		return line, nil, &headend.Unknown{What: "quantity", ID: string(q)}
	}
	err = o.store.ReadBilling(ctx, func(b headend.BillingSnapshot) error {
		points, err := b.Points(ctx, headend.BillingSet{UsagePoints: []string{usagePoint}}, "", 1)
		if err != nil {
			return err
		}
		if len(points) == 0 {
			return &headend.Unknown{What: "usage point", ID: usagePoint}
		}
		types, err := b.MeterTypes(ctx)
		if err != nil {
			return err
		}
		m, err := o.estimating(ctx, b, types)
		if err != nil {
			return err
		}
		files, err := o.files(ctx, b, m, points, wanted{period: p, quantities: []headend.Quantity{q}, evidence: true})
		if err != nil {
			return err
		}
		line, _, found, err = files[0].line(q, o.options.Settings.Gate)
		return err
	})
	return line, found, err
}
