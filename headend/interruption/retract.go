package interruption

import (
	"fmt"
	"slices"
	"strings"
)

// deniedBy says why there is no such interruption any more.
func (d *Detector) deniedBy(x *Interruption) string {
	from, to := at(x.begins()), at(x.End)
	if x.End.IsZero() {
		to = d.now
	}
	subject := d.subjectOf(x.Point, from)
	for _, s := range d.workedOut(x.Point).spans {
		if s.denied && s.edge() <= to && from <= min(s.end, s.bound) {
			return "the meter's own log or counter does not have it"
		}
	}
	if from != unknown && d.knowsNothing(x.Point, from, to) {
		return "the meter's own log or counter does not have it"
	}
	margin := span(d.settings.Margin)
	if from != unknown && subject.alive(from+margin, to-margin) {
		return "the meter gave a sign of life at " + subject.lifeAfter(from+margin).clock(d.settings.Zone) + ", in the middle of it"
	}
	return "the evidence does not support it any more"
}

// sayWhy gives outages that are withdrawn their reason: what became of their interruptions.
func (d *Detector) sayWhy(part *area, list []Retracted) {
	if len(list) == 0 {
		return
	}
	fates := make(map[uint64]map[string]int, len(list))
	for i := range list {
		fates[list[i].ID] = map[string]int{}
	}
	for k := range part.shown {
		x := &part.shown[k]
		fate, asked := fates[x.Outage]
		if !asked {
			continue
		}
		if id := d.outageOf(part, x); id != 0 {
			fate[fmt.Sprintf("part of outage %d now", id)]++
			continue
		}
		why, _, _ := strings.Cut(d.deniedBy(x), " at ")
		fate[why]++
	}
	for i := range list {
		list[i].Reason = summed(fates[list[i].ID])
	}
}

// summed is how many interruptions had which fate, in words.
func summed(fate map[string]int) string {
	if len(fate) == 0 {
		return "the evidence does not support it any more"
	}
	var words []string
	for why, n := range fate {
		words = append(words, fmt.Sprintf("%d: %s", n, why))
	}
	slices.Sort(words)
	return "of its interruptions " + strings.Join(words, "; ")
}

// outageOf is the outage that an interruption told before is part of in the new ledger; 0: none.
func (d *Detector) outageOf(part *area, x *Interruption) uint64 {
	from, to := at(x.begins()), open
	if !x.End.IsZero() {
		to = at(x.End)
	}
	for i := part.ledger.first(x.Point); i < len(part.ledger.rows) && part.ledger.rows[i].point == x.Point; i++ {
		if r := &part.ledger.rows[i]; r.from() <= to && from <= r.end {
			return part.names[r.group].id
		}
	}
	return 0
}
