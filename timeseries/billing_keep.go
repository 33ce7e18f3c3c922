package timeseries

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"lastgasp/headend"
)

// billingKeeper is headend.BillingKeeper over one transaction.
type billingKeeper struct{ billingSnapshot }

// KeepBilling lets keep change what billing keeps, all or nothing. It returns false, and does nothing, while another
// head-end does the same.
func (s *Store) KeepBilling(ctx context.Context, keep func(headend.BillingKeeper) error) (kept bool, err error) {
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return false, fmt.Errorf("billing: %w", slow(ctx, withoutSecret(err)))
	}
	err = tx.QueryRow(ctx, sqlBillingLock).Scan(&kept, nil)
	if err == nil && kept {
		err = keep(&billingKeeper{billingSnapshot{bookSnapshot{tx: tx}}})
	}
	if err == nil {
		err = tx.Commit(ctx)
	}
	if err != nil {
		return false, fmt.Errorf("billing: %w", rollbackAfter(ctx, tx, slow(ctx, err)))
	}
	return kept, nil
}

// Upto implements headend.BillingKeeper, as the methods below do.
func (b *billingKeeper) Upto(ctx context.Context) (time.Time, error) {
	var upto *time.Time
	err := b.tx.QueryRow(ctx, sqlBillingUpto).Scan(&upto)
	return end(upto), err
}

func (b *billingKeeper) PutUpto(ctx context.Context, upto time.Time) error {
	if _, err := b.tx.Exec(ctx, sqlBillingUptoWrite, upto); err != nil {
		return err
	}
	if _, err := b.tx.Exec(ctx, sqlArrivalDrop, upto.Add(-notesKept-time.Hour)); err != nil {
		return fmt.Errorf("drop notes of arrivals: %w", err)
	}
	return nil
}

func (b *billingKeeper) TakeLate(ctx context.Context, before time.Time, limit int) ([]headend.LateReads, error) {
	return list(ctx, b.tx, func(row pgx.CollectableRow) (l headend.LateReads, err error) {
		err = row.Scan(&l.Hour, &l.Meters)
		l.Hour = l.Hour.UTC()
		return l, err
	}, sqlBillingLateTake, before, limit)
}

func scanGap(row pgx.CollectableRow) (g headend.Gap, err error) {
	var next *time.Time
	err = row.Scan(&g.Number, &g.UsagePoint, &g.Quantity, &g.From, &g.To, &g.State, &g.Attempts, &g.Opened, &g.Changed, &next)
	g.From, g.To, g.Opened, g.Changed, g.Next = g.From.UTC(), g.To.UTC(), g.Opened.UTC(), g.Changed.UTC(), end(next)
	return g, err
}

func (b *billingKeeper) GapsOf(ctx context.Context, meters []int32, from, to time.Time) ([]headend.Gap, error) {
	return list(ctx, b.tx, scanGap, sqlBillingGapOf, meters, from, to)
}

func (b *billingKeeper) DueGaps(ctx context.Context, now time.Time, limit int) ([]headend.Gap, error) {
	return list(ctx, b.tx, scanGap, sqlBillingGapDue, now, limit)
}

func (b *billingKeeper) Requested(ctx context.Context) (n int, err error) {
	err = b.tx.QueryRow(ctx, sqlBillingGapRequested).Scan(&n)
	return n, err
}

func (b *billingKeeper) ChangeGaps(ctx context.Context, changes []headend.GapChange) error {
	var gone []int64
	var kept, fresh []headend.Gap
	for _, c := range changes {
		if len(c.Now) == 0 {
			gone = append(gone, c.Former.Number)
			continue
		}
		first := c.Now[0]
		first.Number = c.Former.Number
		kept, fresh = append(kept, first), append(fresh, c.Now[1:]...)
	}
	if len(gone) > 0 {
		if _, err := b.tx.Exec(ctx, sqlBillingGapDrop, gone); err != nil {
			return err
		}
	}
	if len(kept) > 0 {
		k := gapColumnsOf(kept)
		if _, err := b.tx.Exec(ctx, sqlBillingGapChange, k.numbers, k.from, k.to, k.states, k.attempts, k.changed, k.next); err != nil {
			return err
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	k := gapColumnsOf(fresh)
	_, err := b.tx.Exec(ctx, sqlBillingGapInsert, k.points, k.quantities, k.from, k.to, k.states, k.attempts, k.opened, k.changed, k.next)
	return err
}

// gapColumns are gaps, column by column.
type gapColumns struct {
	numbers                    []int64
	points, quantities, states []string
	from, to, opened, changed  []time.Time
	attempts                   []int16
	next                       []pgtype.Timestamptz
}

func gapColumnsOf(gaps []headend.Gap) (k gapColumns) {
	for _, g := range gaps {
		k.numbers, k.points, k.quantities, k.states = append(k.numbers, g.Number), append(k.points, g.UsagePoint), append(k.quantities, string(g.Quantity)), append(k.states, g.State)
		k.from, k.to, k.opened, k.changed = append(k.from, g.From), append(k.to, g.To), append(k.opened, g.Opened), append(k.changed, g.Changed)
		k.attempts, k.next = append(k.attempts, int16(g.Attempts)), append(k.next, pgtype.Timestamptz{Time: g.Next, Valid: !g.Next.IsZero()})
	}
	return k
}

func (b *billingKeeper) CountLate(ctx context.Context, late []headend.LateSuccess) error {
	var devices, inTime, tooLate []int32
	var hours []time.Time
	var schedules, quantities []string
	for _, l := range late {
		devices, hours, schedules, quantities = append(devices, l.Device), append(hours, l.Hour), append(schedules, l.Schedule), append(quantities, string(l.Quantity))
		inTime, tooLate = append(inTime, int32(l.InTime)), append(tooLate, int32(l.Late))
	}
	_, err := b.tx.Exec(ctx, sqlBillingLateCount, devices, hours, schedules, quantities, inTime, tooLate)
	return err
}

func (b *billingKeeper) PutValues(ctx context.Context, values []headend.ValueVersion) error {
	_, err := b.tx.Exec(ctx, sqlBillingValuePut, valueColumns(values)...)
	return err
}

// valueColumns are values, column by column, as billing_value_put.sql takes them.
func valueColumns(values []headend.ValueVersion) []any {
	n := len(values)
	points, wh, summed := make([]int32, n), make([]int64, n), make([]bool, n)
	quantities, states, methods, absents, reasons := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	from, to, made := make([]time.Time, n), make([]time.Time, n), make([]time.Time, n)
	for i, v := range values {
		points[i], quantities[i], from[i], to[i], states[i], wh[i] = int32(v.Number), string(v.Quantity), v.From, v.To, v.State, v.Wh
		methods[i], summed[i], absents[i], made[i], reasons[i] = v.Method, v.Summed, v.Absent, v.Made, v.Reason
	}
	return []any{points, quantities, from, to, states, wh, methods, summed, absents, made, reasons}
}

func (b *billingKeeper) PutFindings(ctx context.Context, points []uint32, quantity headend.Quantity, from, to time.Time, found []headend.StoredFinding) error {
	return putFindings(ctx, b.tx, points, quantity, from, to, found)
}

func putFindings(ctx context.Context, tx pgx.Tx, points []uint32, quantity headend.Quantity, from, to time.Time, found []headend.StoredFinding) error {
	type key struct {
		number uint32
		rule   string
		from   int64
	}
	seen := map[key]bool{}
	var numbers []int32
	var rules, details []string
	var begins, ends []time.Time
	now := time.Time{}
	for _, f := range found {
		k := key{f.Number, f.Rule, f.From.UnixMicro()}
		if seen[k] { // a rule says one thing about one moment
			continue
		}
		seen[k] = true
		numbers, rules, details = append(numbers, int32(f.Number)), append(rules, f.Rule), append(details, f.Detail)
		begins, ends, now = append(begins, f.From), append(ends, f.To), f.Found
	}
	if now.IsZero() {
		now = time.Now().UTC()
	}
	_, err := tx.Exec(ctx, sqlBillingFindingPut, int32s(points), string(quantity), from, to, now, numbers, rules, begins, ends, details)
	return err
}

// lateReadsKept is how long notes of late readings wait for somebody to take them.
const lateReadsKept = 14 * 24 * time.Hour

func (s *Store) dropLateReads(ctx context.Context, before time.Time) error {
	if _, err := s.pool.Exec(ctx, sqlBillingLateDrop, before); err != nil {
		return fmt.Errorf("drop notes of late readings before %s: %w", before.Format(time.RFC3339), err)
	}
	return nil
}

// dropArrivals forgets notes of arrivals that nobody has looked at: who looks for what is missing must go through the readings of that
// time. Nobody looks meanwhile.
func (s *Store) dropArrivals(ctx context.Context, before time.Time) error {
	_, err := s.KeepBilling(ctx, func(k headend.BillingKeeper) error {
		_, err := k.(*billingKeeper).tx.Exec(ctx, sqlArrivalDropAll, before)
		return err
	})
	if err != nil {
		return fmt.Errorf("drop notes of arrivals before %s: %w", before.Format(time.RFC3339), err)
	}
	return nil
}
