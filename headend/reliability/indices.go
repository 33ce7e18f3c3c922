package reliability

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// Uncounted says that nobody has counted the customers of a day.
type Uncounted struct{ Day Day }

// Error names the day.
func (u *Uncounted) Error() string {
	return fmt.Sprintf("the customers served on %s are not counted", u.Day)
}

// LineIndices are the indices of one part: only those that add up to the total.
type LineIndices struct {
	Line  string `json:"line"`
	CI    int64  `json:"ci"`
	CMI   Ratio  `json:"cmi"` // minutes
	MI    int64  `json:"mi"`
	SAIFI Ratio  `json:"saifi"`
	SAIDI Ratio  `json:"saidi"` // minutes
	MAIFI Ratio  `json:"maifi"`
}

// Share is a share of customers, with the bound and its sign.
type Share struct {
	Sign      Sign  `json:"sign"`
	Bound     int   `json:"bound"` // interruptions, events or hours
	Customers int64 `json:"customers"`
	Share     Ratio `json:"share"` // 0 to 1
}

// Some is a part of a figure: the inferred or the provisional one.
type Some struct {
	CI    int64 `json:"ci"`
	CMI   Ratio `json:"cmi"`
	SAIFI Ratio `json:"saifi"`
	SAIDI Ratio `json:"saidi"`
}

// Beside is what the policy does not count.
type Beside struct {
	Category  string `json:"category"`
	Sustained int64  `json:"sustained"`
	Minutes   Ratio  `json:"minutes"`
	Momentary int64  `json:"momentary"`
	NoLength  int64  `json:"no_length"` // the start is not known
}

// Indices are all figures of one unit over one period. None stands where a figure has no value (a denominator of 0)
// or the policy does not know it.
type Indices struct {
	Basis     string `json:"basis"` // which interruptions these are
	Period    Period `json:"period"`
	Customers Ratio  `json:"customers"` // N; where a year is the sum of its months, the mean of theirs
	Minutes   Ratio  `json:"minutes"`   // real length of the period

	CI  int64 `json:"ci"`
	CMI Ratio `json:"cmi"` // customer-minutes
	MI  int64 `json:"mi"`
	ME  Ratio `json:"me"`
	CN  Ratio `json:"cn"`

	SAIFI  Ratio `json:"saifi"`
	SAIDI  Ratio `json:"saidi"` // minutes
	CAIDI  Ratio `json:"caidi"` // minutes
	CTAIDI Ratio `json:"ctaidi"`
	CAIFI  Ratio `json:"caifi"`
	ASAI   Ratio `json:"asai"`
	MAIFI  Ratio `json:"maifi"`
	MAIFIE Ratio `json:"maifi_e"`
	ASIFI  Ratio `json:"asifi"`
	ASIDI  Ratio `json:"asidi"` // minutes
	// Unrated is interruptions, and customers, whose connected load is not known and which ASIFI and ASIDI lack.
	UnratedCI        int64 `json:"unrated_ci"`
	UnratedCustomers Ratio `json:"unrated_customers"`

	CEMI   []Share `json:"cemi"`
	CEMSMI []Share `json:"cemsmi"`
	CELIDS []Share `json:"celid_s"`
	CELIDT []Share `json:"celid_t"`

	Observed    Some          `json:"observed"`
	Inferred    Some          `json:"inferred"`
	Provisional Some          `json:"provisional"` // of interruptions that are still open
	MICounter   int64         `json:"mi_counter"`  // of MI, known from counters only
	MIAtLeast   bool          `json:"mi_at_least"` // a log overflowed: there may have been more
	Mixed       int64         `json:"mixed"`
	Lines       []LineIndices `json:"lines"`
	Beside      []Beside      `json:"beside"`
}

// Compute makes the indices of the months' sums, which together are the period. lines narrows them to some of the
// policy's lines; nil takes all. It returns *Uncounted where a day's customers are not known.
func Compute(p *Policy, c *Calendar, months []MonthSum, served Served, lines []string) (*Indices, error) {
	if len(months) == 0 {
		return nil, errors.New("the period is empty")
	}
	d, err := newDivisors(p, months, served)
	if err != nil {
		return nil, err
	}
	x := &Indices{Basis: p.Basis(lines), Period: Period{months[0].Period.From, months[len(months)-1].Period.To}}
	x.Minutes = RatioOf(c.millis(x.Period), minuteMs)
	x.Customers = d.customers.mean
	by := monthFigures(p, months, lines)
	f := sumOf(by)
	x.figures(p, &f, d, by)
	x.shares(p, &f, customersOf(p, months, lines))
	x.parts(p, d, months, lines)
	return x, nil
}

func monthFigures(p *Policy, months []MonthSum, lines []string) []Figures {
	out := make([]Figures, len(months))
	for i, m := range months {
		for _, s := range m.Sums {
			f := s.Figures(p, lines)
			out[i].Add(&f)
		}
	}
	return out
}

func sumOf(list []Figures) (f Figures) {
	for i := range list {
		f.Add(&list[i])
	}
	return f
}

// customersOf adds the sets of all cells, each once; nil where there are none.
func customersOf(p *Policy, months []MonthSum, lines []string) (who *Customers) {
	for _, m := range months {
		for _, s := range m.Sums {
			who = s.addCustomers(who, p, lines)
		}
	}
	return who
}

func (x *Indices) figures(p *Policy, f *Figures, d *divisors, by []Figures) {
	n := &d.customers
	x.CI, x.MI, x.CMI = f.CI, f.MI, RatioOf(f.CMS, minuteMs)
	x.SAIFI = n.over(by, 1, func(f *Figures) *big.Int { return big.NewInt(f.CI) })
	x.SAIDI = n.over(by, minuteMs, func(f *Figures) *big.Int { return big.NewInt(f.CMS) })
	x.CAIDI = x.CMI.Over(RatioOf(f.CI, 1))
	x.ASAI = RatioOf(1, 1).Minus(x.SAIDI.Over(x.Minutes))
	if p.Momentary.Interruptions {
		x.MAIFI = n.over(by, 1, func(f *Figures) *big.Int { return big.NewInt(f.MI) })
	}
	if p.Momentary.Events {
		x.ME = RatioOf(f.ME, 1)
		x.MAIFIE = n.over(by, 1, func(f *Figures) *big.Int { return big.NewInt(f.ME) })
	}
	x.ASIFI = d.va.over(by, 1, func(f *Figures) *big.Int { return big.NewInt(f.VA) })
	x.ASIDI = d.va.over(by, minuteMs, func(f *Figures) *big.Int { return f.VAMS.Big() })
	x.UnratedCI, x.UnratedCustomers = f.VAUnknown, d.unrated.mean
	x.MICounter, x.MIAtLeast, x.Mixed = f.MICounter, f.Overflows > 0, f.Mixed
	x.Inferred = Some{f.CIInferred, RatioOf(f.CMSInferred, minuteMs),
		n.over(by, 1, func(f *Figures) *big.Int { return big.NewInt(f.CIInferred) }),
		n.over(by, minuteMs, func(f *Figures) *big.Int { return big.NewInt(f.CMSInferred) })}
	x.Provisional = Some{f.CIOpen, RatioOf(f.CMSOpen, minuteMs),
		n.over(by, 1, func(f *Figures) *big.Int { return big.NewInt(f.CIOpen) }),
		n.over(by, minuteMs, func(f *Figures) *big.Int { return big.NewInt(f.CMSOpen) })}
	x.Observed = Some{f.CI - f.CIInferred, x.CMI.Minus(x.Inferred.CMI), x.SAIFI.Minus(x.Inferred.SAIFI), x.SAIDI.Minus(x.Inferred.SAIDI)}
}

func (x *Indices) shares(p *Policy, f *Figures, who *Customers) {
	if who == nil {
		if f.CI > 0 {
			return // the sets were not asked for
		}
		who = &Customers{}
	}
	cn := who.Interrupted()
	x.CN = RatioOf(cn, 1)
	x.CTAIDI, x.CAIFI = x.CMI.Over(x.CN), RatioOf(f.CI, 1).Over(x.CN)
	share := func(sign Sign, bound int, count int64) Share {
		return Share{sign, bound, count, RatioOf(count, 1).Over(x.Customers)}
	}
	for _, n := range p.Shares.Sustained {
		x.CEMI = append(x.CEMI, share(p.Shares.Sign, n, who.Sustained(p.Shares.atLeast(n))))
	}
	for _, n := range p.Shares.Events {
		x.CEMSMI = append(x.CEMSMI, share(p.Shares.Sign, n, who.Events(p.Shares.atLeast(n))))
	}
	for _, h := range p.Shares.SingleHours {
		x.CELIDS = append(x.CELIDS, share(AtLeast, h, who.Single(h)))
	}
	for _, h := range p.Shares.TogetherHours {
		x.CELIDT = append(x.CELIDT, share(AtLeast, h, who.Together(h)))
	}
}

// atLeast is the bound as "n or more".
func (s *Shares) atLeast(n int) int {
	if s.Sign == Above {
		return n + 1
	}
	return n
}

func (x *Indices) parts(p *Policy, d *divisors, months []MonthSum, lines []string) {
	for _, line := range p.Lines {
		if len(lines) > 0 && !slices.Contains(lines, line) {
			continue
		}
		one := []string{line}
		by := monthFigures(p, months, one)
		f := sumOf(by)
		l := LineIndices{Line: line, CI: f.CI, CMI: RatioOf(f.CMS, minuteMs), MI: f.MI,
			SAIFI: d.customers.over(by, 1, func(f *Figures) *big.Int { return big.NewInt(f.CI) }),
			SAIDI: d.customers.over(by, minuteMs, func(f *Figures) *big.Int { return big.NewInt(f.CMS) })}
		if p.Momentary.Interruptions {
			l.MAIFI = d.customers.over(by, 1, func(f *Figures) *big.Int { return big.NewInt(f.MI) })
		}
		x.Lines = append(x.Lines, l)
	}
	for _, c := range p.Categories {
		if c.Counted {
			continue
		}
		var f Figures
		for _, m := range months {
			for _, s := range m.Sums {
				part := s.Of(c.Name)
				f.Add(&part)
			}
		}
		if f != (Figures{}) {
			x.Beside = append(x.Beside, Beside{c.Name, f.CI, RatioOf(f.CMS, minuteMs), f.MI, f.Partial})
		}
	}
}
