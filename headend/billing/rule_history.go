package billing

import (
	"math/big"
	"time"
)

func checkHigh(r *Rules, e *Evidence, found report) {
	compared(r.High, e, found, func(sign int) bool { return sign >= 0 })
}

func checkLow(r *Rules, e *Evidence, found report) {
	compared(r.Low, e, found, func(sign int) bool { return sign <= 0 })
}

// compared sets the energy of the intervals that have a value beside Percent of what the past makes for the same
// time without interruptions. A past of nothing compares with nothing.
func compared(c Compared, e *Evidence, found report, out func(sign int) bool) {
	if e.Past.Days < c.Days || e.Past.Wh <= 0 {
		return
	}
	dark := Proven(e.Interruptions)
	var used int64
	var over time.Duration
	var whole Period
	for _, v := range e.Values {
		if v.State == Missing {
			continue
		}
		if whole.From.IsZero() {
			whole.From = v.Period.From
		}
		whole.To = v.Period.To
		used += v.Wh
		_, lit := split(v.Period, dark)
		for _, p := range lit {
			over += p.Length()
		}
	}
	if over < 24*time.Hour {
		return
	}
	// used / over against Percent/100 × past / days, in whole numbers.
	left := big.NewInt(used)
	left.Mul(left, big.NewInt(100*int64(e.Past.Days))).Mul(left, big.NewInt(int64(24*time.Hour/time.Second)))
	right := big.NewInt(e.Past.Wh)
	right.Mul(right, big.NewInt(int64(c.Percent))).Mul(right, big.NewInt(int64(over/time.Second)))
	if out(left.Cmp(right)) {
		found(whole, "%d Wh in %s with supply; before, %d Wh in %d days", used, over, e.Past.Wh, e.Past.Days)
	}
}
