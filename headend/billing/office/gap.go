package office

import (
	"fmt"

	"lastgasp/headend"
	"lastgasp/headend/billing"
)

var gapStates = map[string]billing.GapState{}

func init() {
	for s := billing.GapOpen; s <= billing.GapGivenUp; s++ {
		gapStates[s.String()] = s
	}
}

// gapFrom is a stored gap as the core has it.
func gapFrom(g headend.Gap) (billing.Gap, error) {
	state, ok := gapStates[g.State]
	if !ok {
		return billing.Gap{}, fmt.Errorf("gap %d has the state %q, which this program does not know", g.Number, g.State)
	}
	return billing.Gap{UsagePoint: g.UsagePoint, Quantity: g.Quantity, Period: billing.Period{From: g.From, To: g.To}, State: state, Attempts: g.Attempts,
		Opened: g.Opened, Changed: g.Changed, Next: g.Next}, nil
}

// gapOf is a gap as it is stored. What is open or requested has a next moment, whatever it brings.
func gapOf(g billing.Gap) headend.Gap {
	return headend.Gap{UsagePoint: g.UsagePoint, Quantity: g.Quantity, From: g.Period.From, To: g.Period.To, State: g.State.String(), Attempts: g.Attempts,
		Opened: g.Opened, Changed: g.Changed, Next: g.Next}
}
