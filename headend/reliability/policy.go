package reliability

import (
	"slices"
	"strings"
	"time"

	"lastgasp/headend"
)

// Policy says what is counted and how. It is data: every rule in which utilities differ is a field, read from a file.
// A Policy is read-only.
type Policy struct {
	Name   string   // its name in reports and in the API
	Title  string   // what it is, for people
	Digest string   // SHA-256 of the file, first 12 hex digits: which wording of the policy a figure was made under
	File   string   // where it was read
	Notes  []string // what is [V] seen in a source, what [R] recalled and not verified

	Sustained Threshold
	// Counted says in words what one customer is. The registry holds it so: one usage point is one customer.
	Counted string
	// MonthCustomers is which of a month's days stand for its customers.
	MonthCustomers MonthCustomers
	// PeriodCustomers is how months become a longer period.
	PeriodCustomers PeriodCustomers
	// OnePhase tells whether the loss of some, not all, phases of a usage point is an interruption. If not it is shown
	// beside the figures.
	OnePhase bool

	Momentary Momentary
	MajorDays MajorDays
	Shares    Shares

	Lines      []string // parts that add up to the total, in the order of the report
	Categories []Category
	Causes     map[string]Cause
	Unlisted   Cause // of causes that stand in no table; they are named in the result

	Service ServiceLimits
}

// Sign says on which side of a bound the bound itself is.
type Sign uint8

// Signs.
const (
	Above   Sign = iota + 1 // more than
	AtLeast                 // as much or more
	AtMost                  // as much or less
	Below                   // less than
)

var signNames = [...]string{"", ">", ">=", "<=", "<"}

// String is the sign as it is written in policies and reports.
func (s Sign) String() string { return signNames[s] }

// MarshalText writes the sign.
func (s Sign) MarshalText() ([]byte, error) { return []byte(signNames[s]), nil }

// holds tells whether a stands to b as the sign says.
func (s Sign) holds(a, b int64) bool {
	switch s {
	case Above:
		return a > b
	case AtLeast:
		return a >= b
	case AtMost:
		return a <= b
	}
	return a < b
}

// Threshold is a length with its sign: sustained is "> 5 min".
type Threshold struct {
	Sign   Sign
	Length time.Duration // whole milliseconds
}

// Holds compares before anything is rounded: 300.4 s is more than 300 s.
func (t Threshold) Holds(length time.Duration) bool {
	return t.Sign.holds(int64(length), int64(t.Length))
}

// String prints "> 5m0s".
func (t Threshold) String() string { return t.Sign.String() + " " + t.Length.String() }

// MonthCustomers says which customers are those of a month.
type MonthCustomers uint8

// Customers of a month.
const (
	MeanOfDays MonthCustomers = iota + 1
	FirstDay
	LastDay
)

var monthCustomersNames = [...]string{"", "mean_of_days", "first_day", "last_day"}

// String is the name in policies.
func (m MonthCustomers) String() string { return monthCustomersNames[m] }

// PeriodCustomers says how an index of several months is made.
type PeriodCustomers uint8

// Indices of several months.
const (
	// MeanOfMonths divides by the mean of the months' customers; a month of which only a part is in the period weighs
	// as that part of it.
	MeanOfMonths PeriodCustomers = iota + 1
	// MeanOfAllDays divides by the mean of the days' customers.
	MeanOfAllDays
	// SumOfMonths divides each month by its own customers and adds the quotients.
	SumOfMonths
	// LastMonth divides by the customers of the last month.
	LastMonth
)

var periodCustomersNames = [...]string{"", "mean_of_months", "mean_of_days", "sum_of_months", "last_month"}

// String is the name in policies.
func (p PeriodCustomers) String() string { return periodCustomersNames[p] }

// Momentary says which kinds of momentary interruptions are counted.
type Momentary struct {
	Interruptions bool // MAIFI
	Events        bool // MAIFI_E
	// Window is how long after the first operation others belong to the same event.
	Window Threshold
	// LockoutCounts tells whether MAIFI, not MAIFI_E, counts the operations before a lockout.
	LockoutCounts bool
}

// MajorDays are the rules for major event days.
type MajorDays struct {
	On    bool
	Beta  float64 // T_MED = exp(α + Beta·β)
	Years int     // of history before the year
}

// Shares are the bounds of the indices that are shares of customers.
type Shares struct {
	Sign          Sign  // of CEMI and CEMSMI: n or more, or more than n
	Sustained     []int // CEMI
	Events        []int // CEMSMI: sustained and momentary events
	SingleHours   []int // CELID_s: one of at least s hours
	TogetherHours []int // CELID_t: t hours in sum
}

// Category is what a cause counts as.
type Category struct {
	Name    string
	Counted bool
	Line    string // of the lines, when counted
	// Declaration: rows count so only when they were declared; others fall to Otherwise.
	Declaration bool
	Otherwise   string
}

// Cause is which category a cause has, by what is known of the row besides.
type Cause struct {
	Fault   string
	Planned string
	Own     string // the fault lay in the customer's own installation; "": as for anybody
}

// Categories that every policy has, of what it does not count by its own rules. They are shown beside the figures.
const (
	PartialPhase = "partial_phase" // some phases lost, not all, and the policy does not count that
	StartUnknown = "start_unknown" // a power-up without anything before it, until the log is read
)

// CategoryOf is what an interruption counts as, and whether its cause stands in the table.
func (p *Policy) CategoryOf(row *headend.Interruption) (category *Category, listed bool) {
	cause, listed := p.Causes[row.Cause]
	if !listed {
		cause = p.Unlisted
	}
	name := cause.Fault
	switch {
	case row.Own && cause.Own != "":
		name = cause.Own
	case row.Planned:
		name = cause.Planned
	}
	category = p.category(name)
	if category.Declaration && !row.Declared {
		category = p.category(category.Otherwise)
	}
	return category, listed
}

// category never fails for names that the loader has checked.
func (p *Policy) category(name string) *Category {
	for i := range p.Categories {
		if p.Categories[i].Name == name {
			return &p.Categories[i]
		}
	}
	return nil
}

// Basis says in words which interruptions the given lines are: "all counted", or the lines by name.
func (p *Policy) Basis(lines []string) string {
	if len(lines) == 0 || len(lines) == len(p.Lines) {
		return "all counted interruptions: " + strings.Join(p.Lines, ", ")
	}
	var without []string
	for _, line := range p.Lines {
		if !slices.Contains(lines, line) {
			without = append(without, line)
		}
	}
	return "only " + strings.Join(lines, ", ") + "; without " + strings.Join(without, ", ")
}
