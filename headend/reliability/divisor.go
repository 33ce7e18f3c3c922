package reliability

import "math/big"

// divisor is what figures are divided by under a policy: customers, or connected load.
type divisor struct {
	byMonth []*big.Rat // nil where one number stands for the whole period
	whole   *big.Rat
	mean    Ratio // of the months: for shares of customers, which cannot be added
}

// divisors are those of one unit over one period.
type divisors struct{ customers, va, unrated divisor }

// newDivisors counts the customers of each month, or part of a month, and joins them as the policy says.
func newDivisors(p *Policy, months []MonthSum, served Served) (*divisors, error) {
	var customers, va, unrated []*big.Rat // of each month
	var allDays [3]big.Int
	days := int64(0)
	for _, m := range months {
		var sum [3]big.Int
		n := int64(0)
		for day := m.Period.From; day < m.Period.To; day++ {
			h, ok := served(day)
			if !ok {
				return nil, &Uncounted{day}
			}
			for i, x := range [...]int64{h.Customers, h.VA, h.Unrated} {
				allDays[i].Add(&allDays[i], big.NewInt(x))
				if p.MonthCustomers == MeanOfDays || p.MonthCustomers == FirstDay && day == m.Period.From || p.MonthCustomers == LastDay && day == m.Period.To-1 {
					sum[i].Add(&sum[i], big.NewInt(x))
				}
			}
			days++
			if p.MonthCustomers == MeanOfDays || n == 0 {
				n++
			}
		}
		for i, list := range []*[]*big.Rat{&customers, &va, &unrated} {
			*list = append(*list, new(big.Rat).SetFrac(&sum[i], big.NewInt(n)))
		}
	}
	d := &divisors{}
	for i, to := range []*divisor{&d.customers, &d.va, &d.unrated} {
		list := [][]*big.Rat{customers, va, unrated}[i]
		*to = join(p, months, list, new(big.Rat).SetFrac(&allDays[i], big.NewInt(days)))
	}
	return d, nil
}

func join(p *Policy, months []MonthSum, list []*big.Rat, ofDays *big.Rat) divisor {
	mean, weights := new(big.Rat), new(big.Rat)
	for i, m := range months { // a part of a month weighs as that part of it
		weight := big.NewRat(int64(m.Period.Days()), int64(m.Period.From.Month().Days()))
		mean.Add(mean, new(big.Rat).Mul(weight, list[i]))
		weights.Add(weights, weight)
	}
	mean.Quo(mean, weights)
	d := divisor{whole: mean, mean: Exactly(mean)}
	switch p.PeriodCustomers {
	case SumOfMonths:
		d.byMonth = list
	case MeanOfAllDays:
		d.whole, d.mean = ofDays, Exactly(ofDays)
	case LastMonth:
		d.whole, d.mean = list[len(list)-1], Exactly(list[len(list)-1])
	}
	return d
}

// over divides what of takes from the months' figures, in units of so many. A month without customers adds nothing where
// there is nothing to divide, and has no value otherwise.
func (d *divisor) over(months []Figures, unit int64, of func(*Figures) *big.Int) Ratio {
	sum := new(big.Rat)
	some := false
	for i := range months {
		part := new(big.Rat).SetFrac(of(&months[i]), big.NewInt(unit))
		if d.byMonth == nil {
			sum.Add(sum, part)
			continue
		}
		switch {
		case d.byMonth[i].Sign() > 0:
			sum.Add(sum, part.Quo(part, d.byMonth[i]))
			some = true
		case part.Sign() != 0:
			return None
		}
	}
	if d.byMonth != nil {
		if !some {
			return None
		}
		return Ratio{sum}
	}
	if d.whole.Sign() == 0 {
		return None
	}
	return Ratio{sum.Quo(sum, d.whole)}
}
