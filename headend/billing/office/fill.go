package office

import (
	"context"
	"slices"
	"strings"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing"
)

const (
	lateAtOnce = 500  // notes of late readings in one transaction
	metersAt   = 5000 // meters looked at together
)

// Fill takes in what came late: gaps are filled, counted as late or in time, and estimates get the measured values as their
// next versions.
func (o *Office) Fill(ctx context.Context) error {
	for ctx.Err() == nil {
		more := false
		kept, err := o.store.KeepBilling(ctx, func(k headend.BillingKeeper) (err error) {
			more, err = o.fillSome(ctx, k)
			return err
		})
		if err != nil || !kept || !more {
			return err
		}
	}
	return ctx.Err()
}

func (o *Office) fillSome(ctx context.Context, k headend.BillingKeeper) (more bool, err error) {
	upto, err := k.Upto(ctx)
	if err != nil || upto.IsZero() {
		return false, err
	}
	late, err := k.TakeLate(ctx, upto, lateAtOnce)
	if err != nil || len(late) == 0 {
		return false, err
	}
	types, err := k.MeterTypes(ctx)
	if err != nil {
		return false, err
	}
	m, err := o.estimating(ctx, k, types)
	if err != nil {
		return false, err
	}
	const margin = 6 * time.Hour // the widest tolerance there is
	meters := map[int32]billing.Period{}
	for _, l := range late {
		p := billing.Period{From: l.Hour.Add(-margin), To: l.Hour.Add(time.Hour + margin)}
		for _, meter := range l.Meters {
			if known, ok := meters[meter]; ok {
				p = billing.Period{From: earlier(p.From, known.From), To: later(p.To, known.To)}
			}
			meters[meter] = p
		}
	}
	all := make([]int32, 0, len(meters))
	for meter := range meters {
		all = append(all, meter)
	}
	slices.Sort(all)
	for some := range slices.Chunk(all, metersAt) {
		whole := meters[some[0]]
		for _, meter := range some {
			whole = billing.Period{From: earlier(whole.From, meters[meter].From), To: later(whole.To, meters[meter].To)}
		}
		gaps, err := k.GapsOf(ctx, some, whole.From, whole.To)
		if err != nil {
			return false, err
		}
		if err := o.refill(ctx, k, m, gaps); err != nil {
			return false, err
		}
	}
	return true, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// slot is a register that a gap waits for.
type slot struct {
	device   int32
	model    string
	interval billing.Period
}

// refill looks what of gaps is there by now.
func (o *Office) refill(ctx context.Context, k headend.BillingKeeper, m *models, gaps []headend.Gap) error {
	if len(gaps) == 0 {
		return nil
	}
	points, err := o.pointsOf(ctx, k, gaps)
	if err != nil {
		return err
	}
	came, err := o.arrivals(ctx, k, m, points, gaps)
	if err != nil {
		return err
	}
	var changes []headend.GapChange
	var late []headend.LateSuccess
	var filled []headend.Gap
	for _, g := range gaps {
		p := points[g.UsagePoint]
		core, err := gapFrom(g)
		if err != nil {
			return err
		}
		var missing []billing.Period
		some := false
		for _, s := range o.slots(m, p, g) {
			received, ok := came.of(s, g.Quantity, m.of(s.model).Tolerance)
			if !ok {
				missing = append(missing, s.interval)
				continue
			}
			some = true
			late = append(late, o.lateOf(m, s, g.Quantity, received))
		}
		if !some {
			continue
		}
		parts, err := billing.Reconcile([]billing.Gap{core}, g.UsagePoint, g.Quantity, missing, core.Period, o.now(), o.options.Settings.Patience)
		if err != nil {
			return err
		}
		change := headend.GapChange{Former: g}
		for _, part := range parts {
			change.Now = append(change.Now, gapOf(part))
			if part.State == billing.GapFilled {
				o.metrics.filled.Inc()
			}
		}
		changes = append(changes, change)
		filled = append(filled, g)
	}
	if len(changes) == 0 {
		return nil
	}
	if err := k.ChangeGaps(ctx, changes); err != nil {
		return err
	}
	if err := k.CountLate(ctx, late); err != nil {
		return err
	}
	return o.replaceEstimates(ctx, k, m, points, filled)
}

// pointsOf are the usage points of gaps, by id.
func (o *Office) pointsOf(ctx context.Context, b headend.BillingSnapshot, gaps []headend.Gap) (map[string]*headend.BilledPoint, error) {
	var ids []string
	for _, g := range gaps {
		ids = append(ids, g.UsagePoint)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	found, err := b.Points(ctx, headend.BillingSet{UsagePoints: ids}, "", len(ids))
	if err != nil {
		return nil, err
	}
	points := make(map[string]*headend.BilledPoint, len(found))
	for i := range found {
		points[found[i].ID] = &found[i]
	}
	return points, nil
}

// slots are the registers a gap waits for, by the meter that owes each.
func (o *Office) slots(m *models, p *headend.BilledPoint, g headend.Gap) []slot {
	var out []slot
	if p == nil {
		return nil
	}
	for _, f := range p.Fittings {
		s := m.schedule(m.of(f.Model))
		day := 26 * time.Hour
		if s.Calendar == billing.Monthly {
			day = 33 * 24 * time.Hour
		}
		for interval := range s.Intervals(billing.Period{From: g.From.Add(-day), To: g.To}) {
			if interval.To.After(g.From) && f.From.Before(interval.To) && (f.To.IsZero() || !f.To.Before(interval.To)) {
				if interval.From.Before(g.From) { // the schedule has changed since the gap was found
					interval.From = g.From
				}
				out = append(out, slot{f.Number, f.Model, interval})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b slot) int { return a.interval.From.Compare(b.interval.From) })
	return out
}

// arrivals are when usable registers of devices came, by device, in order of time.
type arrivals map[int32]map[headend.Quantity][]billing.Arrival

func (o *Office) arrivals(ctx context.Context, b headend.BillingSnapshot, m *models, points map[string]*headend.BilledPoint, gaps []headend.Gap) (arrivals, error) {
	var from, to time.Time
	var devices []int32
	var quantities []headend.Quantity
	const margin = 6 * time.Hour
	for _, g := range gaps {
		if from.IsZero() || g.From.Before(from) {
			from = g.From
		}
		to = later(to, g.To)
		if !slices.Contains(quantities, g.Quantity) {
			quantities = append(quantities, g.Quantity)
		}
		if p := points[g.UsagePoint]; p != nil {
			for _, f := range p.Fittings {
				devices = append(devices, f.Number)
			}
		}
	}
	slices.Sort(devices)
	devices = slices.Compact(devices)
	came := arrivals{}
	against := o.against()
	err := b.Reads(ctx, devices, from.Add(-margin), to.Add(margin), quantities, func(r *headend.BilledRead) error {
		if r.Quality&against != 0 {
			return nil
		}
		for i, v := range r.Values {
			if v == nil {
				continue
			}
			if came[r.Device] == nil {
				came[r.Device] = map[headend.Quantity][]billing.Arrival{}
			}
			came[r.Device][quantities[i]] = append(came[r.Device][quantities[i]], billing.Arrival{Time: r.Time, Received: r.Received})
		}
		return nil
	})
	return came, err
}

// of is when the register of a slot came first.
func (a arrivals) of(s slot, q headend.Quantity, tolerance time.Duration) (received time.Time, ok bool) {
	list := a[s.device][q]
	first := s.interval.To.Add(-tolerance)
	i, _ := slices.BinarySearchFunc(list, first, func(x billing.Arrival, t time.Time) int { return x.Time.Compare(t) })
	for ; i < len(list) && !list[i].Time.After(s.interval.To.Add(tolerance)); i++ {
		if !ok || list[i].Received.Before(received) {
			received, ok = list[i].Received, true
		}
	}
	return received, ok
}

func (o *Office) lateOf(m *models, s slot, q headend.Quantity, received time.Time) headend.LateSuccess {
	l := headend.LateSuccess{Device: s.device, Hour: billing.HourOf(s.interval.To.Add(-time.Nanosecond), o.zone), Schedule: scheduleName(m.of(s.model)), Quantity: q}
	if received.After(s.interval.To.Add(o.options.Settings.InTime)) {
		l.Late = 1
	} else {
		l.InTime = 1
	}
	return l
}

// replaceEstimates makes measured values the next versions of estimates in and beside gaps that were filled.
func (o *Office) replaceEstimates(ctx context.Context, k headend.BillingKeeper, m *models, points map[string]*headend.BilledPoint, gaps []headend.Gap) error {
	slices.SortStableFunc(gaps, func(a, b headend.Gap) int { return strings.Compare(a.UsagePoint, b.UsagePoint) })
	for some := range slices.Chunk(gaps, 100) {
		var numbers []uint32
		var quantities []headend.Quantity
		from, to := some[0].From, some[0].To
		for _, g := range some {
			numbers = append(numbers, points[g.UsagePoint].Number)
			from, to = earlier(from, g.From), later(to, g.To)
			if !slices.Contains(quantities, g.Quantity) {
				quantities = append(quantities, g.Quantity)
			}
		}
		held, err := k.Values(ctx, numbers, quantities, from.Add(-24*time.Hour), to.Add(24*time.Hour))
		if err != nil {
			return err
		}
		held = slices.DeleteFunc(held, func(v headend.ValueVersion) bool { return v.State != billing.Estimated.String() })
		if len(held) == 0 {
			continue
		}
		if err := o.putValues(ctx, k, m, held, "a measured value has come"); err != nil {
			return err
		}
	}
	return nil
}

// putValues makes the values of the times that stored ones are of anew, and stores what differs.
func (o *Office) putValues(ctx context.Context, k headend.BillingKeeper, m *models, held []headend.ValueVersion, reason string) error {
	by := heldBy(held)
	numbers := make([]uint32, 0, len(by))
	period := billing.Period{From: held[0].From, To: held[0].To}
	var quantities []headend.Quantity
	for _, v := range held {
		period = billing.Period{From: earlier(period.From, v.From), To: later(period.To, v.To)}
		if !slices.Contains(quantities, v.Quantity) {
			quantities = append(quantities, v.Quantity)
		}
	}
	for n := range by {
		numbers = append(numbers, n)
	}
	points, err := k.PointsOf(ctx, numbers)
	if err != nil {
		return err
	}
	files, err := o.files(ctx, k, m, points, wanted{period: period, quantities: quantities})
	if err != nil {
		return err
	}
	var out []headend.ValueVersion
	for _, f := range files {
		for q, values := range by[f.point.Number] {
			metering, err := f.metering(q)
			if err != nil {
				return err
			}
			now, err := f.values(metering)
			if err != nil {
				return err
			}
			out = append(out, f.versions(q, now, values, reason)...)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return k.PutValues(ctx, out)
}
