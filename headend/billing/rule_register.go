package billing

import "math/big"

func checkDuplicate(_ *Rules, e *Evidence, found report) {
	for _, d := range e.Repeats {
		if d.Former != d.Current {
			found(Period{d.Time, d.Time}, "the register of this time was %d Wh, then %d Wh", d.Former, d.Current)
		}
	}
}

func checkDecrease(_ *Rules, e *Evidence, found report) {
	e.Register.steps(e.Period, func(p Period, a, b Point, s step) {
		if s.absent != "" {
			found(p, "from %d Wh to %d Wh: %s", a.Wh, b.Wh, s.absent)
		}
	})
}

func checkRollover(_ *Rules, e *Evidence, found report) {
	e.Register.steps(e.Period, func(p Period, a, b Point, s step) {
		if s.rolled {
			found(p, "from %d Wh through zero to %d Wh", a.Wh, b.Wh)
		}
	})
}

// steps visits the steps of all meters that reach into a period.
func (m *Metering) steps(p Period, visit func(Period, Point, Point, step)) {
	if m == nil {
		return
	}
	for _, f := range m.parts {
		for i := 1; i < len(f.chain.points); i++ {
			a, b := f.chain.points[i-1], f.chain.points[i]
			if a.Time.Before(p.To) && b.Time.After(p.From) {
				visit(Period{a.Time, b.Time}, a, b, f.chain.dial.between(a, b))
			}
		}
	}
}

// checkSum needs a value in every interval, and exact registers at both ends.
func checkSum(r *Rules, e *Evidence, found report) {
	if e.Register == nil || len(e.Values) == 0 {
		return
	}
	over := Period{e.Values[0].Period.From, e.Values[len(e.Values)-1].Period.To}
	sum := new(big.Int)
	for i, v := range e.Values {
		if v.State == Missing || i > 0 && !v.Period.From.Equal(e.Values[i-1].Period.To) {
			return
		}
		sum.Add(sum, big.NewInt(v.Wh))
	}
	c, err := e.Register.Consumption(over)
	if err != nil || c.Absent != "" || c.How != Exact {
		return
	}
	if diff := new(big.Int).Sub(sum, big.NewInt(c.Wh)); diff.CmpAbs(big.NewInt(r.Sum.Wh)) > 0 {
		found(over, "intervals make %s Wh, the register %d Wh", sum, c.Wh)
	}
}

func checkTariffSum(r *Rules, e *Evidence, found report) {
	if e.Register == nil || len(e.Tariffs) == 0 || e.Period.Validate() != nil {
		return
	}
	total, err := e.Register.Consumption(e.Period)
	if err != nil || total.Absent != "" || total.How != Exact {
		return
	}
	sum := new(big.Int)
	for _, tariff := range e.Tariffs {
		c, err := tariff.Consumption(e.Period)
		if err != nil || c.Absent != "" || c.How != Exact {
			return
		}
		sum.Add(sum, big.NewInt(c.Wh))
	}
	if diff := new(big.Int).Sub(sum, big.NewInt(total.Wh)); diff.CmpAbs(big.NewInt(r.TariffSum.Wh)) > 0 {
		found(e.Period, "tariff registers make %s Wh, the total %d Wh", sum, total.Wh)
	}
}

func checkClock(r *Rules, e *Evidence, found report) {
	for _, a := range e.Arrivals {
		if !a.Received.IsZero() && a.Time.After(a.Received.Add(r.Clock.Ahead)) {
			found(Period{a.Time, a.Time}, "read %s after it came in", a.Time.Sub(a.Received))
		}
	}
	for _, v := range e.Values {
		if v.Quality&timeDoubtful != 0 {
			found(v.Period, "the time of its registers is in doubt: %s", v.Quality&timeDoubtful)
		}
	}
}
