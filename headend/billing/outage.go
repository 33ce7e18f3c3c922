package billing

import (
	"slices"

	"lastgasp/headend"
)

// Proven is the time in which the ledger proves that one usage point had no supply at all. Of the versions of a row
// the last one holds. Left out are rows withdrawn, still open, without a known beginning, of single phases, and
// inferred ones: those have no evidence of their own. The result is in order and joined.
func Proven(rows []headend.Interruption) []Period {
	last := map[int64]headend.Interruption{}
	var periods []Period
	add := func(r headend.Interruption) {
		if !r.Withdrawn && !r.Inferred && r.Phases == 0 && !r.Start.IsZero() && r.Start.Before(r.End) {
			periods = append(periods, Period{r.Start, r.End}.utc())
		}
	}
	for _, r := range rows {
		if r.ID == 0 { // without versions
			add(r)
		} else if former, ok := last[r.ID]; !ok || r.Revision >= former.Revision {
			last[r.ID] = r
		}
	}
	for _, r := range last {
		add(r)
	}
	slices.SortFunc(periods, func(a, b Period) int { return a.From.Compare(b.From) })
	return Runs(periods)
}

// within tells whether p lies wholly in one of the runs.
func within(p Period, runs []Period) bool {
	return slices.ContainsFunc(runs, func(r Period) bool { return r.Contains(p) })
}
