package timeseries

import (
	"context"
	"time"
)

// Review implements headend.BillingKeeper, as PutValidated does.
func (b *billingKeeper) Review(ctx context.Context, mark, oldest time.Time) (asked int, err error) {
	var reviewed *time.Time
	if err := b.tx.QueryRow(ctx, sqlBillingReviewed).Scan(&reviewed); err != nil || reviewed != nil && !reviewed.Before(mark) {
		return 0, err
	}
	err = b.tx.QueryRow(ctx, sqlBillingReview, mark, oldest).Scan(&asked)
	return asked, err
}

// Validated implements headend.BillingSnapshot.
func (b *billingSnapshot) Validated(ctx context.Context) (upto time.Time, after string, err error) {
	var until *time.Time
	err = b.tx.QueryRow(ctx, sqlBillingValidated).Scan(&until, &after)
	return end(until), after, err
}

func (b *billingKeeper) PutValidated(ctx context.Context, upto time.Time, after string) error {
	_, err := b.tx.Exec(ctx, sqlBillingValidatedWrite, upto, after)
	return err
}
