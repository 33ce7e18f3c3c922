package office

import (
	"context"
	"slices"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing"
)

const (
	// validateFor bounds how long one round validates; the next goes on where it ended.
	validateFor = 20 * time.Second
	// validateBack bounds how many days are made up for after nobody validated.
	validateBack = 7 * 24 * time.Hour
)

// mark is the last time of day at which daily work began.
func (o *Office) mark() time.Time {
	now, daily := o.now(), o.options.Settings.Daily
	mark := billing.DayOf(now, o.zone).From.Add(daily)
	if mark.After(now) {
		mark = billing.DayOf(billing.DayOf(now, o.zone).From.Add(-time.Hour), o.zone).From.Add(daily)
	}
	return mark
}

// Review asks, once a day, anew for the runs that are not older than Settings.Review and of whose time something has come in late.
// What differs between a run and its review is what has changed since it was handed out. A review that comes to the same has the same id.
func (o *Office) Review(ctx context.Context) error {
	if o.options.Settings.Review == 0 {
		return nil
	}
	mark := o.mark()
	_, err := o.store.KeepBilling(ctx, func(k headend.BillingKeeper) error {
		asked, err := k.Review(ctx, mark, mark.Add(-o.options.Settings.Review))
		if err == nil && asked > 0 {
			o.options.Log.Info("billing runs are reviewed: readings came in late", "runs", asked)
		}
		return err
	})
	return err
}

// Validate looks, once a day, what rules hold against the values of the day before, usage point by usage point. What a run over that day
// finds takes its place. It ends when all are done or the time of a round is over.
func (o *Office) Validate(ctx context.Context) error {
	last := billing.DayOf(o.mark(), o.zone).From // the end of the last day to be validated
	for begin := time.Now(); ctx.Err() == nil && time.Since(begin) < validateFor; {
		var upto time.Time
		var after string
		if err := o.store.ReadBilling(ctx, func(b headend.BillingSnapshot) (err error) {
			upto, after, err = b.Validated(ctx)
			return err
		}); err != nil {
			return err
		}
		if upto.Before(last.Add(-validateBack)) { // or never
			upto, after = billing.DayOf(last.Add(-time.Hour), o.zone).From, ""
		}
		if !upto.Before(last) {
			return nil
		}
		period := billing.DayOf(upto, o.zone)
		next, err := o.validateSome(ctx, period, after)
		if err != nil {
			return err
		}
		if next == "" {
			upto = period.To
		}
		if _, err := o.store.KeepBilling(ctx, func(k headend.BillingKeeper) error { return k.PutValidated(ctx, upto, next) }); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// validateSome validates a day of the usage points after one; next is the last of them, "" when there are no more.
func (o *Office) validateSome(ctx context.Context, day billing.Period, after string) (next string, err error) {
	numbers := map[headend.Quantity][]uint32{}
	found := map[headend.Quantity][]headend.StoredFinding{}
	err = o.store.ReadBilling(ctx, func(b headend.BillingSnapshot) error {
		points, err := b.Points(ctx, headend.BillingSet{}, after, pointsAtOnce)
		if err != nil || len(points) == 0 {
			return err
		}
		next = points[len(points)-1].ID
		types, err := b.MeterTypes(ctx)
		if err != nil {
			return err
		}
		m, err := o.estimating(ctx, b, types)
		if err != nil {
			return err
		}
		var quantities []headend.Quantity
		for _, t := range append([]headend.MeterType{*m.of("")}, types...) {
			for _, q := range t.Registers {
				if !slices.Contains(quantities, q) {
					quantities = append(quantities, q)
				}
			}
		}
		files, err := o.files(ctx, b, m, points, wanted{period: day, quantities: quantities, evidence: true})
		if err != nil {
			return err
		}
		for _, f := range files {
			for _, q := range f.kind.Registers {
				_, _, against, err := f.line(q, o.options.Settings.Gate)
				if err != nil {
					return err
				}
				numbers[q] = append(numbers[q], f.point.Number)
				found[q] = append(found[q], f.stored(against)...)
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	for q, points := range numbers {
		if err := o.store.PutFindings(ctx, points, q, day.From, day.To, found[q]); err != nil {
			return "", err
		}
	}
	return next, nil
}

// stored are findings as the store keeps them.
func (f *file) stored(found []billing.Finding) []headend.StoredFinding {
	out := make([]headend.StoredFinding, len(found))
	for i, x := range found {
		out[i] = headend.StoredFinding{Number: f.point.Number, Rule: x.Verdict.String(), From: x.Period.From, To: x.Period.To, Detail: x.Detail, Found: f.now}
	}
	return out
}
