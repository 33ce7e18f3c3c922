package books

import (
	"context"
	"fmt"

	"lastgasp/headend"
	"lastgasp/headend/reliability"
)

// addShort adds the failures of which only counters know to sums of the months of a need. They have no times: each
// belongs to the day of the later of the two readings.
func (o *Office) addShort(ctx context.Context, s headend.BookSnapshot, w *world, n *need, to *gathered) error {
	if n.edition.Revision == 0 {
		return nil
	}
	// Whole months, for the notes.
	found, err := s.Failures(ctx, n.edition.Revision, o.calendar.Begin(n.period.From.Month().First()), o.calendar.Begin(((n.period.To - 1).Month() + 1).First()))
	if err != nil {
		return fmt.Errorf("counted failures: %w", err)
	}
	if len(found) == 0 {
		return nil
	}
	a, short, err := o.accountant(w, n.policy, n.by, n.edition, reliability.ByDay, false)
	if err != nil {
		return err
	}
	for _, f := range found {
		before := short.NotServed.MI
		if err := a.TakeShort(reliability.ShortFailures{UsagePoint: f.UsagePoint, From: f.From, To: f.To, Count: f.Count, AtLeast: f.AtLeast}); err != nil {
			return err
		}
		if n := short.NotServed.MI - before; n > 0 {
			to.notes[noteKey{o.calendar.DayAt(f.To).Month(), notServed}] += n
		}
	}
	return to.Add(grained(short.Books, n.whole, false))
}
