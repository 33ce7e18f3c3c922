package billing

import "slices"

// runsOf joins neighbouring values for which is holds.
func runsOf(values []Value, is func(Value) bool) []Period {
	var list []Period
	for _, v := range values {
		if is(v) {
			list = append(list, v.Period)
		}
	}
	return Runs(list)
}

func checkMissing(r *Rules, e *Evidence, found report) {
	for _, run := range runsOf(e.Values, func(v Value) bool { return v.State == Missing }) {
		if run.Length() > r.Missing.Tolerated {
			found(run, "no energy is known for %s", run.Length())
		}
	}
}

// checkSpike compares the highest interval of a local day with the third highest: two high ones are how people cook.
func checkSpike(r *Rules, e *Evidence, found report) {
	if e.Zone == nil {
		return
	}
	for start := 0; start < len(e.Values); {
		day := DayOf(e.Values[start].Period.From, e.Zone)
		var high []Value
		for ; start < len(e.Values) && e.Values[start].Period.From.Before(day.To); start++ {
			if v := e.Values[start]; v.State == Measured {
				high = append(high, v)
			}
		}
		if len(high) < 3 {
			continue
		}
		slices.SortStableFunc(high, func(a, b Value) int { return compare(b.Wh, a.Wh) })
		top, third := high[0], max(high[2].Wh, 0)
		if top.Wh >= r.Spike.MinWh && float64(top.Wh-third)*100 > float64(third)*float64(r.Spike.Percent) {
			found(top.Period, "%d Wh, the third highest of the day is %d Wh", top.Wh, third)
		}
	}
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// checkZero leaves out proven interruptions: nothing can be used there.
func checkZero(r *Rules, e *Evidence, found report) {
	dark := Proven(e.Interruptions)
	for _, run := range runsOf(e.Values, func(v Value) bool { return v.State == Measured && v.Wh == 0 }) {
		_, lit := split(run, dark)
		for _, part := range lit {
			if part.Length() >= r.Zero.Over {
				found(part, "nothing was used for %s", part.Length())
			}
		}
	}
}

func checkNegative(_ *Rules, e *Evidence, found report) {
	for _, v := range e.Values {
		if v.State != Missing && v.Wh < 0 {
			found(v.Period, "%d Wh", v.Wh)
		}
	}
}

func checkLongEstimate(r *Rules, e *Evidence, found report) {
	for _, run := range runsOf(e.Values, func(v Value) bool { return v.State == Estimated }) {
		if run.Length() > r.LongEstimate.Over {
			found(run, "estimated for %s without a measured value", run.Length())
		}
	}
}

func checkInactive(r *Rules, e *Evidence, found report) {
	if e.Active == nil {
		return
	}
	for _, v := range e.Values {
		if v.State == Missing || v.Wh <= r.Inactive.Wh {
			continue
		}
		if in, _ := split(v.Period, e.Active); len(in) == 0 {
			found(v.Period, "%d Wh while the usage point was not active", v.Wh)
		}
	}
}

// checkOutage finds what contradicts the ledger: energy in an interval wholly within a proven interruption, or a
// register read by a device that had no supply of its own.
func checkOutage(r *Rules, e *Evidence, found report) {
	dark := Proven(e.Interruptions)
	for _, v := range e.Values {
		if v.State == Measured && v.Wh > r.Outage.Wh && within(v.Period, dark) {
			found(v.Period, "%d Wh during a proven interruption", v.Wh)
		}
	}
	if e.Generation {
		return
	}
	for _, a := range e.Arrivals {
		for _, d := range dark {
			if a.Time.After(d.From.Add(r.Outage.Margin)) && a.Time.Before(d.To.Add(-r.Outage.Margin)) {
				found(Period{a.Time, a.Time}, "a register was read during a proven interruption")
			}
		}
	}
}
