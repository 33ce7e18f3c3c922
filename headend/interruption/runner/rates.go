package runner

import (
	"time"

	"lastgasp/headend"
	"lastgasp/headend/interruption"
)

// ratesDays is over how many days rates are measured.
const ratesDays = 90

// RatesOf are the rates of segments that the tallies of days show together.
func RatesOf(days []headend.SegmentTally) map[string]interruption.Rates {
	sums := map[string]interruption.Tally{}
	for i := range days {
		d := &days[i]
		sums[d.Segment] = sums[d.Segment].Add(interruption.Tally{Proven: d.Proven, Gasped: d.Gasped, Logged: d.Logged, Returned: d.Returned,
			False: d.False, MeterDays: d.MeterDays})
	}
	rates := make(map[string]interruption.Rates, len(sums))
	for segment, sum := range sums {
		rates[segment] = sum.Rates(interruption.StatedRates)
	}
	return rates
}

// tallies are those of the local day that has just become complete: logs may come a day late, so it is the day before
// yesterday. A day without any is left out.
func (w *watch) tallies(now time.Time) []headend.SegmentTally {
	local := now.In(w.options.Zone)
	day := time.Date(local.Year(), local.Month(), local.Day()-2, 0, 0, 0, 0, w.options.Zone)
	if !day.After(w.tallied) {
		return nil
	}
	w.tallied = day
	var out []headend.SegmentTally
	for segment, t := range w.detector.Tallies(day, day.AddDate(0, 0, 1)) {
		out = append(out, headend.SegmentTally{Day: day, Segment: segment, Proven: t.Proven, Gasped: t.Gasped, Logged: t.Logged, Returned: t.Returned,
			False: t.False, MeterDays: t.MeterDays})
	}
	return out
}
