package office

import (
	"context"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing"
)

// Detect looks at each hour that is over and settled, once: who owed what, and what did not come. Of several head-ends one
// does it.
func (o *Office) Detect(ctx context.Context) error {
	for ctx.Err() == nil {
		looked := false
		kept, err := o.store.KeepBilling(ctx, func(k headend.BillingKeeper) (err error) {
			looked, err = o.detectHour(ctx, k)
			return err
		})
		if err != nil || !kept || !looked {
			return err
		}
	}
	return ctx.Err()
}

// firstHour is where the very first look begins. Without a look back meters owe nothing for the hour that has begun before
// anybody listened.
func (o *Office) firstHour(now time.Time) time.Time {
	back := o.options.Settings.LookBack
	if back == 0 {
		return billing.HourOf(now, o.zone).Add(time.Hour)
	}
	return billing.HourOf(now.Add(-back), o.zone)
}

// detectHour looks at the next hour; false when it is not settled.
func (o *Office) detectHour(ctx context.Context, k headend.BillingKeeper) (bool, error) {
	now := o.now()
	hour, err := k.Upto(ctx)
	if err != nil {
		return false, err
	}
	if hour.IsZero() {
		return true, k.PutUpto(ctx, o.firstHour(now))
	}
	next := hour.Add(time.Hour)
	if next.Add(o.options.Settings.Settle).After(now) {
		return false, nil
	}
	types, err := k.MeterTypes(ctx)
	if err != nil {
		return false, err
	}
	duties := o.models(types).duties(hour)
	found, err := k.Assess(ctx, duties)
	if err != nil {
		return false, err
	}
	for i, a := range found {
		d := &duties[i]
		o.metrics.expected.Add(float64(a.Expected))
		o.metrics.missing.Add(float64(a.Missing))
		o.metrics.opened.Add(float64(a.Gaps))
		if a.Missing > 0 {
			o.options.Log.Debug("registers are missing", "hour", hour, "schedule", d.Schedule, "quantity", d.Quantity, "missing", a.Missing, "expected", a.Expected)
		}
	}
	if err := k.PutUpto(ctx, next); err != nil {
		return false, err
	}
	o.metrics.upto.Set(float64(next.Unix()))
	return true, nil
}
