package billing

import (
	"fmt"
	"strings"
)

// Verdict is what rules say about a value, one bit a rule. It is apart from headend.Quality, which is what the
// device and the way it came say. The numbers and names are stored: never renumber, never rename.
type Verdict uint32

// Verdicts, one for each rule.
const (
	VerdictMissing Verdict = 1 << iota
	VerdictDuplicate
	VerdictSpike
	VerdictHigh
	VerdictLow
	VerdictZero
	VerdictNegative
	VerdictDecrease
	VerdictRollover
	VerdictSum
	VerdictTariffSum
	VerdictVoltage
	VerdictCurrent
	VerdictClock
	VerdictLongEstimate
	VerdictInactive
	VerdictOutage
)

var verdictNames = [...]string{"missing", "duplicate", "spike", "high", "low", "zero", "negative", "decrease",
	"rollover", "sum", "tariff_sum", "voltage", "current", "clock", "long_estimate", "inactive", "outage"}

// Names lists the set bits, lowest first; nil when nothing is held against the value.
func (v Verdict) Names() []string {
	var names []string
	for i, name := range verdictNames {
		if v&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String joins the names with commas; "" when nothing is held against the value.
func (v Verdict) String() string { return strings.Join(v.Names(), ",") }

// MarshalText is String.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (v *Verdict) UnmarshalText(text []byte) error {
	*v = 0
	if len(text) == 0 {
		return nil
	}
names:
	for _, word := range strings.Split(string(text), ",") {
		for i, name := range verdictNames {
			if name == word {
				*v |= 1 << i
				continue names
			}
		}
		return fmt.Errorf("%q is no verdict", word)
	}
	return nil
}
