package billing

import (
	"fmt"

	"lastgasp/headend"
)

// Gate says which usage points of a run may be billed as they are. Limits are hundredths of a percent of the
// intervals of the period; 0 allows none.
type Gate struct {
	Estimated int     `yaml:"estimated" koanf:"estimated" json:"estimated"`
	Missing   int     `yaml:"missing" koanf:"missing" json:"missing"`
	Failed    int     `yaml:"failed" koanf:"failed" json:"failed"`
	Fails     Verdict `yaml:"fails" koanf:"fails" json:"fails,omitempty"`          // verdicts that make a value a failed one
	Register  bool    `yaml:"register" koanf:"register" json:"register,omitempty"` // the consumption of the period must be known
	Worst     How     `yaml:"worst" koanf:"worst" json:"worst,omitempty"`          // of the registers at its ends; 0: any
}

// DefaultGate lets pass what a utility would sign without looking.
var DefaultGate = Gate{Estimated: 500, Missing: 0, Failed: 100, Register: true, Worst: Nearest,
	Fails: VerdictSpike | VerdictNegative | VerdictDecrease | VerdictSum | VerdictTariffSum | VerdictClock | VerdictInactive | VerdictOutage}

// Validate returns an error that names the field out of bounds.
func (g Gate) Validate() error {
	for _, f := range []struct {
		name  string
		value int
	}{{"estimated", g.Estimated}, {"missing", g.Missing}, {"failed", g.Failed}} {
		if f.value < 0 || f.value > 10_000 {
			return fmt.Errorf("%s: %d, 0 to 10000 hundredths of a percent are possible", f.name, f.value)
		}
	}
	if g.Worst > Interpolated {
		return fmt.Errorf("worst: %d is no way to a register", g.Worst)
	}
	return nil
}

// Counts are the intervals of a line. Intervals = Measured + Estimated + Missing; Failed are some of those.
type Counts struct {
	Intervals int `json:"intervals"`
	Measured  int `json:"measured"`
	Estimated int `json:"estimated"`
	Missing   int `json:"missing"`
	Failed    int `json:"failed"`
}

// Line is one usage point and quantity in a billing run.
type Line struct {
	UsagePoint  string           `json:"usage_point"`
	Quantity    headend.Quantity `json:"quantity"`
	Consumption Consumption      `json:"consumption"`
	Demand      *Demand          `json:"demand,omitempty"` // none where the line has no intervals
	Counts      Counts           `json:"counts"`
	Verdicts    Verdict          `json:"verdicts,omitempty"` // of all findings
	Held        []string         `json:"held,omitempty"`     // why the gate does not let it pass; none: it passes
	Values      []Value          `json:"values,omitempty"`
}

// NewLine gathers what a run holds about one usage point and quantity, and asks the gate.
func NewLine(usagePoint string, c Consumption, values []Value, verdicts Verdict, gate Gate) Line {
	l := Line{UsagePoint: usagePoint, Quantity: c.Quantity, Consumption: c, Verdicts: verdicts, Values: values}
	for _, v := range values {
		l.Counts.Intervals++
		switch v.State {
		case Measured:
			l.Counts.Measured++
		case Estimated:
			l.Counts.Estimated++
		default:
			l.Counts.Missing++
		}
		if v.Verdicts&gate.Fails != 0 {
			l.Counts.Failed++
		}
		l.Verdicts |= v.Verdicts
	}
	if len(values) > 0 {
		d := MaximumDemand(values)
		l.Demand = &d
	}
	l.Held = gate.hold(l)
	return l
}

func (g Gate) hold(l Line) []string {
	var held []string
	if g.Register && l.Consumption.Absent != "" {
		held = append(held, "register: "+string(l.Consumption.Absent))
	}
	if g.Worst != 0 && l.Consumption.How > g.Worst {
		held = append(held, "register: "+l.Consumption.How.String())
	}
	for _, share := range []struct {
		name        string
		count, most int
	}{{"estimated", l.Counts.Estimated, g.Estimated}, {"missing", l.Counts.Missing, g.Missing}, {"failed", l.Counts.Failed, g.Failed}} {
		if share.count*10_000 > share.most*l.Counts.Intervals {
			held = append(held, fmt.Sprintf("%s: %d of %d intervals", share.name, share.count, l.Counts.Intervals))
		}
	}
	if l.Counts.Intervals == 0 && l.Verdicts&g.Fails != 0 {
		held = append(held, "failed: "+(l.Verdicts&g.Fails).String())
	}
	return held
}
