package billing

import (
	"fmt"
	"slices"
	"time"

	"lastgasp/headend"
)

// Rules configures validation. A rule that is not On is not looked at. The zero Rules finds nothing; DefaultRules is
// what to begin with.
type Rules struct {
	Missing struct {
		On        bool          `yaml:"on" koanf:"on" doc:"false: not looked at"`
		Tolerated time.Duration `yaml:"tolerated" koanf:"tolerated" doc:"shorter times without energy are not found"`
	} `yaml:"missing" koanf:"missing" doc:"no energy is known"`
	Duplicate struct {
		On bool `yaml:"on" koanf:"on" doc:"false: not looked at"`
	} `yaml:"duplicate" koanf:"duplicate" doc:"another value for the same register and time"`
	Spike struct {
		On      bool  `yaml:"on" koanf:"on" doc:"false: not looked at"`
		Percent int   `yaml:"percent" koanf:"percent" doc:"how far the highest interval of a day is above its third highest"`
		MinWh   int64 `yaml:"min_wh" koanf:"min_wh" doc:"lower intervals are no spike, Wh"`
	} `yaml:"spike" koanf:"spike" doc:"one interval far above all others of its day"`
	High     Compared `yaml:"high" koanf:"high" doc:"far above its own past"`
	Low      Compared `yaml:"low" koanf:"low" doc:"far below its own past"`
	Zero     Lasting  `yaml:"zero" koanf:"zero" doc:"nothing used for long, with supply"`
	Negative struct {
		On bool `yaml:"on" koanf:"on" doc:"false: not looked at"`
	} `yaml:"negative" koanf:"negative" doc:"energy below zero"`
	Decrease struct {
		On bool `yaml:"on" koanf:"on" doc:"false: not looked at"`
	} `yaml:"decrease" koanf:"decrease" doc:"the register ran backwards, or further than possible"`
	Rollover struct {
		On bool `yaml:"on" koanf:"on" doc:"false: not looked at"`
	} `yaml:"rollover" koanf:"rollover" doc:"the register went through zero, proven"`
	Sum       Tolerance `yaml:"sum" koanf:"sum" doc:"intervals against the register difference"`
	TariffSum Tolerance `yaml:"tariff_sum" koanf:"tariff_sum" doc:"tariff registers against the total"`
	Voltage   struct {
		On          bool `yaml:"on" koanf:"on" doc:"false: not looked at"`
		LowPercent  int  `yaml:"low_percent" koanf:"low_percent" doc:"of nominal"`
		HighPercent int  `yaml:"high_percent" koanf:"high_percent" doc:"of nominal or rated"`
		IgnoreZero  bool `yaml:"ignore_zero" koanf:"ignore_zero" doc:"meters that show 0 V for a phase that is not there"`
	} `yaml:"voltage" koanf:"voltage" doc:"implausible voltages, where the model says what is nominal"`
	Current struct {
		On          bool `yaml:"on" koanf:"on" doc:"false: not looked at"`
		HighPercent int  `yaml:"high_percent" koanf:"high_percent" doc:"of nominal or rated"`
	} `yaml:"current" koanf:"current" doc:"implausible currents, where the model says what is rated"`
	Clock struct {
		On    bool          `yaml:"on" koanf:"on" doc:"false: not looked at"`
		Ahead time.Duration `yaml:"ahead" koanf:"ahead" doc:"how much later than it came in a register may be"`
	} `yaml:"clock" koanf:"clock" doc:"registers from the future, or of doubtful time"`
	LongEstimate Lasting   `yaml:"long_estimate" koanf:"long_estimate" doc:"estimated for long without a measured value"`
	Inactive     Tolerance `yaml:"inactive" koanf:"inactive" doc:"energy while the usage point was not active"`
	Outage       struct {
		On     bool          `yaml:"on" koanf:"on" doc:"false: not looked at"`
		Wh     int64         `yaml:"wh" koanf:"wh" doc:"allowed, Wh"`
		Margin time.Duration `yaml:"margin" koanf:"margin" doc:"reads this near to the ends of an interruption are none during it"`
	} `yaml:"outage" koanf:"outage" doc:"energy or reads during a proven interruption"`
}

// Compared is a rule against the usage point's own past.
type Compared struct {
	On      bool `yaml:"on" koanf:"on" doc:"false: not looked at"`
	Percent int  `yaml:"percent" koanf:"percent" doc:"of the mean of its own past"`
	Days    int  `yaml:"days" koanf:"days" doc:"of history it takes at least"`
}

// Lasting is a rule about something that goes on too long.
type Lasting struct {
	On   bool          `yaml:"on" koanf:"on" doc:"false: not looked at"`
	Over time.Duration `yaml:"over" koanf:"over" doc:"longer than this"`
}

// Tolerance is a rule about a difference.
type Tolerance struct {
	On bool  `yaml:"on" koanf:"on" doc:"false: not looked at"`
	Wh int64 `yaml:"wh" koanf:"wh" doc:"allowed, Wh"`
}

// DefaultRules are all rules with bounds for households.
func DefaultRules() Rules {
	var r Rules
	r.Missing.On, r.Duplicate.On, r.Negative.On, r.Decrease.On, r.Rollover.On = true, true, true, true, true
	r.Spike.On, r.Spike.Percent, r.Spike.MinWh = true, 300, 2000
	r.High, r.Low = Compared{true, 300, 28}, Compared{true, 25, 28}
	r.Zero, r.LongEstimate = Lasting{true, 7 * 24 * time.Hour}, Lasting{true, 3 * 24 * time.Hour}
	r.Sum, r.TariffSum, r.Inactive = Tolerance{true, 0}, Tolerance{true, 4}, Tolerance{true, 10}
	r.Voltage.On, r.Voltage.LowPercent, r.Voltage.HighPercent = true, 80, 120
	r.Current.On, r.Current.HighPercent = true, 150
	r.Clock.On, r.Clock.Ahead = true, 2*time.Minute
	r.Outage.On, r.Outage.Wh, r.Outage.Margin = true, 1, 2*time.Minute
	return r
}

// Validate returns an error that names the field out of bounds. Rules that are off are not looked at.
func (r Rules) Validate() error {
	const day = 24 * time.Hour
	for _, b := range []struct {
		on        bool
		name      string
		value     int64
		low, high int64
	}{
		{r.Missing.On, "missing.tolerated", int64(r.Missing.Tolerated), 0, int64(31 * day)},
		{r.Spike.On, "spike.percent", int64(r.Spike.Percent), 1, 100_000},
		{r.Spike.On, "spike.min_wh", r.Spike.MinWh, 0, 1e12},
		{r.High.On, "high.percent", int64(r.High.Percent), 101, 100_000},
		{r.High.On, "high.days", int64(r.High.Days), 1, 3660},
		{r.Low.On, "low.percent", int64(r.Low.Percent), 0, 99},
		{r.Low.On, "low.days", int64(r.Low.Days), 1, 3660},
		{r.Zero.On, "zero.over", int64(r.Zero.Over), int64(time.Minute), int64(366 * day)},
		{r.Sum.On, "sum.wh", r.Sum.Wh, 0, 1e12},
		{r.TariffSum.On, "tariff_sum.wh", r.TariffSum.Wh, 0, 1e12},
		{r.Voltage.On, "voltage.low_percent", int64(r.Voltage.LowPercent), 1, 100},
		{r.Voltage.On, "voltage.high_percent", int64(r.Voltage.HighPercent), 100, 1000},
		{r.Current.On, "current.high_percent", int64(r.Current.HighPercent), 1, 10_000},
		{r.Clock.On, "clock.ahead", int64(r.Clock.Ahead), 0, int64(day)},
		{r.LongEstimate.On, "long_estimate.over", int64(r.LongEstimate.Over), int64(time.Minute), int64(366 * day)},
		{r.Inactive.On, "inactive.wh", r.Inactive.Wh, 0, 1e12},
		{r.Outage.On, "outage.wh", r.Outage.Wh, 0, 1e12},
		{r.Outage.On, "outage.margin", int64(r.Outage.Margin), 0, int64(time.Hour)},
	} {
		if b.on && (b.value < b.low || b.value > b.high) {
			return fmt.Errorf("rule %s: %d is out of bounds, %d to %d are possible", b.name, b.value, b.low, b.high)
		}
	}
	return nil
}

// Evidence is what rules look at: one quantity of one usage point over a period. What is nil or zero is not known, and
// the rules that need it find nothing.
type Evidence struct {
	Period        Period
	Zone          *time.Location
	Values        []Value // in order of time
	Register      *Metering
	Tariffs       []*Metering // the registers that must make Register together
	Repeats       []Repeat
	Arrivals      []Arrival // in order of Time
	Samples       []Sample
	NominalV      float64 // phase to neutral, or whatever v1 to v3 of this meter are
	RatedA        float64
	Past          Past
	Interruptions []headend.Interruption
	Active        []Period // in order; nil: always
	Generation    bool     // solar or battery behind the meter: it may live without supply
}

// Repeat is a register that came twice with two values.
type Repeat struct {
	Time            time.Time
	Former, Current int64
}

// Sample is a measured voltage or current.
type Sample struct {
	Time     time.Time
	Quantity headend.Quantity
	Value    float64
}

// Past is what the usage point used before: whole days and their sum.
type Past struct {
	Days int
	Wh   int64
}

// Finding is what one rule holds against one stretch of time.
type Finding struct {
	Verdict Verdict // one bit
	Period  Period
	Detail  string // what was seen and what was expected
}

// rule is one line of the table.
type rule struct {
	verdict Verdict
	on      func(*Rules) bool
	check   func(*Rules, *Evidence, report)
}

// report takes what a rule found.
type report func(p Period, format string, args ...any)

var table = []rule{
	{VerdictMissing, func(r *Rules) bool { return r.Missing.On }, checkMissing},
	{VerdictDuplicate, func(r *Rules) bool { return r.Duplicate.On }, checkDuplicate},
	{VerdictSpike, func(r *Rules) bool { return r.Spike.On }, checkSpike},
	{VerdictHigh, func(r *Rules) bool { return r.High.On }, checkHigh},
	{VerdictLow, func(r *Rules) bool { return r.Low.On }, checkLow},
	{VerdictZero, func(r *Rules) bool { return r.Zero.On }, checkZero},
	{VerdictNegative, func(r *Rules) bool { return r.Negative.On }, checkNegative},
	{VerdictDecrease, func(r *Rules) bool { return r.Decrease.On }, checkDecrease},
	{VerdictRollover, func(r *Rules) bool { return r.Rollover.On }, checkRollover},
	{VerdictSum, func(r *Rules) bool { return r.Sum.On }, checkSum},
	{VerdictTariffSum, func(r *Rules) bool { return r.TariffSum.On }, checkTariffSum},
	{VerdictVoltage, func(r *Rules) bool { return r.Voltage.On }, checkVoltage},
	{VerdictCurrent, func(r *Rules) bool { return r.Current.On }, checkCurrent},
	{VerdictClock, func(r *Rules) bool { return r.Clock.On }, checkClock},
	{VerdictLongEstimate, func(r *Rules) bool { return r.LongEstimate.On }, checkLongEstimate},
	{VerdictInactive, func(r *Rules) bool { return r.Inactive.On }, checkInactive},
	{VerdictOutage, func(r *Rules) bool { return r.Outage.On }, checkOutage},
}

// Check is what the rules find, in the order of the table and then of time. Rules must be valid.
func (r Rules) Check(e Evidence) []Finding {
	var found []Finding
	for _, one := range table {
		if !one.on(&r) {
			continue
		}
		start := len(found)
		one.check(&r, &e, func(p Period, format string, args ...any) {
			found = append(found, Finding{one.verdict, p.utc(), fmt.Sprintf(format, args...)})
		})
		slices.SortStableFunc(found[start:], func(a, b Finding) int { return a.Period.From.Compare(b.Period.From) })
	}
	return found
}

// Mark sets on each value the verdicts of the findings that reach into its interval, and returns all together.
// Values and findings of no length count where they stand.
func Mark(values []Value, found []Finding) Verdict {
	all := Verdict(0)
	for _, f := range found {
		all |= f.Verdict
		for i := range values {
			v := &values[i]
			if f.Period.From.Before(v.Period.To) && v.Period.From.Before(f.Period.To) ||
				f.Period.From.Equal(f.Period.To) && !f.Period.From.Before(v.Period.From) && !f.Period.From.After(v.Period.To) {
				v.Verdicts |= f.Verdict
			}
		}
	}
	return all
}
