package office

import (
	"context"
	"slices"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing"
)

// dueAtOnce bounds how many gaps one transaction moves on.
const dueAtOnce = 1000

// longestQuestion bounds what one question asks for: a meter that was away for a month is not asked for all of it at once.
const longestQuestion = 3 * 24 * time.Hour

// Chase moves gaps on that time alone moves: it asks devices for what they still have in their memory, lets questions
// expire, and estimates when patience is over. Questions are sent once it is stored that they are asked.
func (o *Office) Chase(ctx context.Context) error {
	for ctx.Err() == nil {
		var questions []Question
		due := 0
		kept, err := o.store.KeepBilling(ctx, func(k headend.BillingKeeper) (err error) {
			questions, due, err = o.chaseSome(ctx, k)
			return err
		})
		if err != nil || !kept {
			return err
		}
		if len(questions) > 0 {
			o.metrics.questions.Add(float64(len(questions)))
			if !o.options.Ask(questions) { // they expire, and are asked again
				o.metrics.refused.Add(float64(len(questions)))
			}
		}
		if due < dueAtOnce {
			return nil
		}
	}
	return ctx.Err()
}

// chaseSome moves some gaps on. What has no room among the questions waits until some have been answered or have expired.
func (o *Office) chaseSome(ctx context.Context, k headend.BillingKeeper) (questions []Question, due int, err error) {
	now, patience := o.now(), o.options.Settings.Patience
	stored, err := k.DueGaps(ctx, now, dueAtOnce)
	if err != nil || len(stored) == 0 {
		return nil, 0, err
	}
	asked, err := k.Requested(ctx)
	if err != nil {
		return nil, 0, err
	}
	points, err := o.pointsOf(ctx, k, stored)
	if err != nil {
		return nil, 0, err
	}
	dark, err := o.dark(ctx, k, points, stored)
	if err != nil {
		return nil, 0, err
	}
	c := chase{office: o, points: points, room: patience.AtOnce - asked}
	for i := range stored {
		if err := c.move(&stored[i], dark, now, patience); err != nil {
			return nil, 0, err
		}
	}
	estimated, err := o.estimate(ctx, k, c.over)
	if err != nil {
		return nil, 0, err
	}
	return c.questions, len(stored), k.ChangeGaps(ctx, append(c.changes, estimated...))
}

// chase sorts gaps by what becomes of them.
type chase struct {
	office    *Office
	points    map[string]*headend.BilledPoint
	room      int // for questions
	questions []Question
	changes   []headend.GapChange
	over      []over
}

// over is a gap whose patience is over.
type over struct {
	stored headend.Gap
	core   billing.Gap
}

func (c *chase) move(stored *headend.Gap, dark map[string][]billing.Period, now time.Time, patience billing.Patience) error {
	g, err := gapFrom(*stored)
	if err != nil {
		return err
	}
	if g.State == billing.GapRequested {
		c.room++
	}
	for {
		event, ok := g.Due(now, patience)
		question, reachable := c.question(stored, now.Add(patience.Answer))
		hopeless := g.State == billing.GapOpen && (!reachable || covered(g.Period, dark[g.UsagePoint]))
		switch {
		case hopeless:
			event = billing.GapGiveUp // a meter without supply has nothing, one that cannot be asked brings what it has by itself
		case !ok:
			c.put(stored, g)
			return nil
		case event == billing.GapAsk && c.room <= 0:
			g.Next = now.Add(patience.Answer)
			c.put(stored, g)
			return nil
		}
		if g, err = g.Apply(event, now, patience); err != nil {
			return err
		}
		switch g.State {
		case billing.GapRequested:
			c.room--
			c.questions = append(c.questions, question)
			c.put(stored, g)
			return nil
		case billing.GapGivenUp:
			c.over = append(c.over, over{*stored, g})
			return nil
		}
	}
}

func (c *chase) put(stored *headend.Gap, g billing.Gap) {
	c.changes = append(c.changes, headend.GapChange{Former: *stored, Now: []headend.Gap{gapOf(g)}})
}

// question is what is asked for a gap; false when nobody can be asked: no meter was there at its end, or it speaks a protocol
// whose profiles have no load profile to read.
func (c *chase) question(g *headend.Gap, expires time.Time) (Question, bool) {
	p := c.points[g.UsagePoint]
	if p == nil || c.office.options.Ask == nil {
		return Question{}, false
	}
	for i := range p.Fittings {
		f := &p.Fittings[i]
		if f.From.Before(g.To) && (f.To.IsZero() || !f.To.Before(g.To)) && f.Protocol != "modbus" {
			q := Question{Gap: g.Number, Attempt: g.Attempts + 1, Device: f.Device, Gateway: f.Gateway, Quantities: []headend.Quantity{g.Quantity}, From: g.From, To: g.To, Expires: expires}
			if q.To.Sub(q.From) > longestQuestion {
				q.To = q.From.Add(longestQuestion)
			}
			return q, true
		}
	}
	return Question{}, false
}

func covered(p billing.Period, runs []billing.Period) bool {
	return slices.ContainsFunc(runs, func(r billing.Period) bool { return r.Contains(p) })
}

// dark is the proven time without supply of the usage points of gaps.
func (o *Office) dark(ctx context.Context, b headend.BillingSnapshot, points map[string]*headend.BilledPoint, gaps []headend.Gap) (map[string][]billing.Period, error) {
	var numbers []uint32
	ids := map[uint32]string{}
	var from, to time.Time
	for _, g := range gaps {
		if p := points[g.UsagePoint]; p != nil && ids[p.Number] == "" {
			numbers = append(numbers, p.Number)
			ids[p.Number] = p.ID
		}
		if from.IsZero() || g.From.Before(from) {
			from = g.From
		}
		to = later(to, g.To)
	}
	if len(numbers) == 0 {
		return nil, nil
	}
	rows := map[string][]headend.Interruption{}
	err := b.Rows(ctx, headend.BookRows{Points: numbers, From: from, To: to}, func(r *headend.Interruption) error {
		rows[ids[r.UsagePoint]] = append(rows[ids[r.UsagePoint]], *r)
		return nil
	})
	dark := make(map[string][]billing.Period, len(rows))
	for id, list := range rows {
		dark[id] = billing.Proven(list)
	}
	return dark, err
}

// estimate puts values in the place of gaps whose patience is over, and says what becomes of the gaps. A gap of which not
// every interval can be estimated is given up; what could be is kept all the same.
func (o *Office) estimate(ctx context.Context, k headend.BillingKeeper, gaps []over) ([]headend.GapChange, error) {
	if len(gaps) == 0 {
		return nil, nil
	}
	types, err := k.MeterTypes(ctx)
	if err != nil {
		return nil, err
	}
	m, err := o.estimating(ctx, k, types)
	if err != nil {
		return nil, err
	}
	var changes []headend.GapChange
	for i := range gaps { // one by one: each has its own time, and they are few
		done, err := o.estimateOne(ctx, k, m, &gaps[i])
		if err != nil {
			return nil, err
		}
		g := gaps[i].core
		if done {
			if g, err = g.Apply(billing.GapEstimate, o.now(), o.options.Settings.Patience); err != nil {
				return nil, err
			}
			o.metrics.estimated.Inc()
		} else {
			o.metrics.givenUp.Inc()
		}
		changes = append(changes, headend.GapChange{Former: gaps[i].stored, Now: []headend.Gap{gapOf(g)}})
	}
	return changes, nil
}

func (o *Office) estimateOne(ctx context.Context, k headend.BillingKeeper, m *models, g *over) (bool, error) {
	points, err := k.Points(ctx, headend.BillingSet{UsagePoints: []string{g.stored.UsagePoint}}, "", 1)
	if err != nil || len(points) == 0 {
		return false, err
	}
	// The interval after the gap lacks its first register; it is part of what is estimated.
	period := billing.Period{From: g.stored.From, To: g.stored.To}
	kind := m.of("")
	for _, f := range points[0].Fittings {
		if f.From.Before(period.To) {
			kind = m.of(f.Model)
		}
	}
	schedule := m.schedule(kind)
	for next := range schedule.Intervals(billing.Period{From: period.To, To: period.To.Add(33 * 24 * time.Hour)}) {
		if !next.To.After(o.now()) {
			period.To = next.To
		}
		break
	}
	q := g.stored.Quantity
	files, err := o.files(ctx, k, m, points, wanted{period: period, quantities: []headend.Quantity{q}})
	if err != nil {
		return false, err
	}
	f := files[0]
	metering, err := f.metering(q)
	if err != nil {
		return false, err
	}
	values, err := f.values(metering)
	if err != nil {
		return false, err
	}
	versions := f.versions(q, values, nil, "patience with the gap is over")
	if len(versions) > 0 {
		if err := k.PutValues(ctx, versions); err != nil {
			return false, err
		}
	}
	for _, v := range values {
		if v.State == billing.Missing && g.core.Period.Contains(v.Period) {
			return false, nil
		}
	}
	return len(values) > 0, nil
}
