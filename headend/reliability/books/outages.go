package books

import (
	"context"

	"lastgasp/headend"
	"lastgasp/headend/reliability"
)

// OutageCount is how many outages the interruptions of a row belong to. An outage with a sustained interruption is a
// sustained one; one with momentary ones only is momentary. Interruptions without an outage are one each.
type OutageCount struct {
	Line      string `json:"line"` // "": all that are counted
	Sustained int64  `json:"sustained"`
	Momentary int64  `json:"momentary"`
}

// outageKey is an outage in a line of the policy.
type outageKey struct {
	line   string
	outage int64 // below 0 of an interruption without one: made up, and alone
}

// countOutages reads the ledger of the period: how many outages there were can not be added up from months or
// districts, so no sums are stored of it.
func (r *reporting) countOutages(ctx context.Context) error {
	r.outages = map[reliability.Unit]map[outageKey]bool{}
	alone := int64(-1 << 62)
	a, err := reliability.NewAccountant(reliability.Settings{Policy: r.policy, Calendar: r.office.calendar, Edition: r.edition, Grain: reliability.ByMonth,
		Trace: func(n *reliability.Counted) {
			if !n.Served || !n.Category.Counted || !r.period.Has(n.Day) || n.Ignored || n.Start.IsZero() {
				return
			}
			of := r.outages[n.Place.Unit]
			if of == nil {
				of = map[outageKey]bool{}
				r.outages[n.Place.Unit] = of
			}
			outage := n.Outage
			if outage == 0 {
				alone++
				outage = alone
			}
			key := outageKey{n.Category.Line, outage}
			of[key] = of[key] || n.Sustained
		}}, r.w.registry.View(r.by))
	if err != nil || r.edition.Revision == 0 {
		return err
	}
	return account(ctx, r.s, a, headend.BookRows{Revision: r.edition.Revision, From: r.office.calendar.Begin(r.period.From), To: r.office.calendar.Begin(r.period.To)})
}

// outagesOf counts those of a row: an outage in two districts is one for their company.
func (r *reporting) outagesOf(units []reliability.Unit) []OutageCount {
	all, lines := map[int64]bool{}, map[outageKey]bool{}
	for _, u := range units {
		for key, sustained := range r.outages[u] {
			lines[key] = lines[key] || sustained
			all[key.outage] = all[key.outage] || sustained
		}
	}
	out := make([]OutageCount, 0, len(r.policy.Lines)+1)
	for _, line := range r.policy.Lines {
		out = append(out, OutageCount{Line: line})
	}
	count := func(c *OutageCount, sustained bool) {
		if sustained {
			c.Sustained++
		} else {
			c.Momentary++
		}
	}
	for key, sustained := range lines {
		for i := range out {
			if out[i].Line == key.line {
				count(&out[i], sustained)
			}
		}
	}
	total := OutageCount{}
	for _, sustained := range all {
		count(&total, sustained)
	}
	return append(out, total)
}
