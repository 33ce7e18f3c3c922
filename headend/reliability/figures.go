package reliability

import "slices"

// Figures are what is counted of one category of interruptions in one cell: whole numbers that can be added, so
// that figures of days, districts or parts of the ledger make those of the whole. Times are customer-milliseconds.
type Figures struct {
	CI          int64 `json:"ci"`           // sustained interruptions of customers
	CIInferred  int64 `json:"ci_inferred"`  // of CI, without any evidence of their own
	CIOpen      int64 `json:"ci_open"`      // of CI, still open: provisional
	CMS         int64 `json:"cms"`          // customer-milliseconds of CI
	CMSInferred int64 `json:"cms_inferred"` // of CMS, without evidence of their own
	CMSOpen     int64 `json:"cms_open"`     // of CMS, of those still open: so far
	MI          int64 `json:"mi"`           // momentary interruptions of customers
	MIInferred  int64 `json:"mi_inferred"`
	MICounter   int64 `json:"mi_counter"` // of MI, known from the difference of a meter's counter only, without times
	Overflows   int64 `json:"overflows"`  // logs that overflowed: where there are any, MI is "at least"
	ME          int64 `json:"me"`         // momentary events of customers
	Mixed       int64 `json:"mixed"`      // of CI and MI, made of rows of different causes; the earliest decided
	Partial     int64 `json:"partial"`    // without a length that counts: the start is not known
	VA          int64 `json:"va"`         // connected volt-amperes of CI
	VAUnknown   int64 `json:"va_unknown"` // of CI, whose connected load is not known
	VAMS        Wide  `json:"va_ms"`      // volt-ampere-milliseconds of CI
}

// Add adds what o counted.
func (f *Figures) Add(o *Figures) {
	f.CI += o.CI
	f.CIInferred += o.CIInferred
	f.CIOpen += o.CIOpen
	f.CMS += o.CMS
	f.CMSInferred += o.CMSInferred
	f.CMSOpen += o.CMSOpen
	f.MI += o.MI
	f.MIInferred += o.MIInferred
	f.MICounter += o.MICounter
	f.Overflows += o.Overflows
	f.ME += o.ME
	f.Mixed += o.Mixed
	f.Partial += o.Partial
	f.VA += o.VA
	f.VAUnknown += o.VAUnknown
	f.VAMS = f.VAMS.Add(o.VAMS)
}

// take counts one interruption.
func (f *Figures) take(n *Counted) {
	if n.Mixed {
		f.Mixed++
	}
	switch {
	case n.Start.IsZero():
		f.Partial++
	case n.Sustained:
		f.sustained(n)
	case !n.Ignored:
		f.MI++
		if n.Inferred {
			f.MIInferred++
		}
	}
	if n.Event {
		f.ME++
	}
}

func (f *Figures) sustained(n *Counted) {
	ms := n.Length.Milliseconds()
	f.CI++
	f.CMS += ms
	f.CMSInferred += ms - n.Observed.Milliseconds()
	if n.Inferred {
		f.CIInferred++
	}
	if n.Open {
		f.CIOpen++
		f.CMSOpen += ms
	}
	if n.Place.VA > 0 {
		f.VA += n.Place.VA
		f.VAMS = f.VAMS.AddProduct(n.Place.VA, ms)
	} else {
		f.VAUnknown++
	}
}

// Part is the figures of one category.
type Part struct {
	Category  string     `json:"category"`
	Figures   Figures    `json:"figures"`
	Customers *Customers `json:"-"` // nil where they were not asked for; stored by MarshalBinary
}

// Sum is what a policy counted in one cell, category by category: those that it does not count too, so that nothing is
// dropped silently. Sums can be added.
type Sum struct {
	Parts []Part `json:"parts"`
}

// part is the part of a category, which is made when it is not there.
func (s *Sum) part(category string) *Part {
	for i := range s.Parts {
		if s.Parts[i].Category == category {
			return &s.Parts[i]
		}
	}
	s.Parts = append(s.Parts, Part{Category: category})
	return &s.Parts[len(s.Parts)-1]
}

// Add adds what o counted, and leaves o as it is.
func (s *Sum) Add(o *Sum) {
	for i := range o.Parts {
		p := s.part(o.Parts[i].Category)
		p.Figures.Add(&o.Parts[i].Figures)
		if other := o.Parts[i].Customers; other != nil {
			if p.Customers == nil {
				p.Customers = &Customers{}
			}
			p.Customers.Add(other)
		}
	}
}

// Of is the figures of one category.
func (s *Sum) Of(category string) Figures {
	for i := range s.Parts {
		if s.Parts[i].Category == category {
			return s.Parts[i].Figures
		}
	}
	return Figures{}
}

// takes tells whether the policy counts a category in one of the lines; in any line where none is named.
func (p *Policy) takes(category string, lines []string) bool {
	c := p.category(category)
	return c != nil && c.Counted && (len(lines) == 0 || slices.Contains(lines, c.Line))
}

// Figures adds the parts that the policy counts in one of the lines; all that it counts where none is named.
func (s *Sum) Figures(p *Policy, lines []string) (f Figures) {
	for i := range s.Parts {
		if p.takes(s.Parts[i].Category, lines) {
			f.Add(&s.Parts[i].Figures)
		}
	}
	return f
}

// addCustomers adds the sets of the parts in the lines to who, which is made when there are any.
func (s *Sum) addCustomers(who *Customers, p *Policy, lines []string) *Customers {
	for i := range s.Parts {
		if other := s.Parts[i].Customers; other != nil && p.takes(s.Parts[i].Category, lines) {
			if who == nil {
				who = &Customers{}
			}
			who.Add(other)
		}
	}
	return who
}
