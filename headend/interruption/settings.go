package interruption

import (
	"math"
	"time"
)

// Settings are the numbers of the detector that are not measured. The zero value of a field stands for what is
// named beside it.
type Settings struct {
	Hold      time.Duration // from the loss of supply to the last gasp; 37 s (RELIABILITY.md: 30 to 45 s)
	Repeat    time.Duration // in which a gasp without a time may be a repeat; 20 min
	Spread    time.Duration // after Hold, in which the gasps of one outage arrive; 60 s. Over PLC up to an hour
	Tolerance time.Duration // by which corrected clocks may differ; 45 s
	Margin    time.Duration // around an edge, in which a sign of life says nothing; 60 s
	Settle    time.Duration // from the return of all to closed; 15 min
	Window    time.Duration // how late evidence may be; 72 h
	Fresh     time.Duration // how long a breaker's position counts; 5 min
	MaxEvents int           // of one usage point, node or device in the window; 1024

	// Priors: natural logarithm of the probability that a fault begins within a given minute. They never rise
	// towards the supply. Stated, not measured: two a year for a usage point, one to a half for what is above.
	PriorPoint float64            // -12.5
	Prior      map[string]float64 // by kind of node; transformer -13, switch -13.5, feeder -14, substation -16, others -14
	Part       float64            // added for a failure of an unknown part of a node; -4
	Phase      float64            // added for a failure of some phases; -1.5

	SilentNode float64 // ln of the probability that a node's whole channel is gone unnoticed; ln 1e-4
	Odds       float64 // ln of the odds from which an outage is confirmed; ln 9

	StormOnsets int // outages that begin within ten minutes from which it is a storm; 30
	StormPoints int // or usage points that lose supply within ten minutes; 5,000
	Pings       int // at most, of one Advance; 50. In a storm 10 times as many nodes are in doubt, not pings
	PingEvery   time.Duration

	Zone *time.Location // in which words tell times; UTC
}

func (s Settings) complete() Settings {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&s.Hold, 37*time.Second)
	set(&s.Repeat, 20*time.Minute)
	set(&s.Spread, time.Minute)
	set(&s.Tolerance, 45*time.Second)
	set(&s.Margin, time.Minute)
	set(&s.Settle, 15*time.Minute)
	set(&s.Window, 72*time.Hour)
	set(&s.Fresh, 5*time.Minute)
	set(&s.PingEvery, 5*time.Minute)
	if s.Zone == nil {
		s.Zone = time.UTC
	}
	number := func(f *float64, value float64) {
		if *f == 0 {
			*f = value
		}
	}
	number(&s.PriorPoint, -12.5)
	number(&s.Part, -4)
	number(&s.Phase, -1.5)
	number(&s.SilentNode, math.Log(1e-4))
	number(&s.Odds, math.Log(9))
	count := func(i *int, value int) {
		if *i == 0 {
			*i = value
		}
	}
	count(&s.MaxEvents, 1024)
	count(&s.StormOnsets, 30)
	count(&s.StormPoints, 5000)
	count(&s.Pings, 50)
	if s.Prior == nil {
		s.Prior = map[string]float64{"transformer": -13, "switch": -13.5, "feeder": -14, "substation": -16}
	}
	return s
}

func (s *Settings) prior(kind string) float64 {
	if p, ok := s.Prior[kind]; ok {
		return p
	}
	return -14
}

// Rates say how a segment of the network tells of outages. They are measured from closed outages (Detector.Tallies)
// and given to the detector from outside, so that the ledger is a function of evidence and rates.
type Rates struct {
	Delivery float64 // p_d: share of last gasps that get through, repeats together
	Return   float64 // p_u: share of power-ups that get through
	False    float64 // last gasps (or power-ups) of a meter a day without any interruption; p_f is that for one minute
}

// StatedRates are those of a segment nothing has been measured of yet.
var StatedRates = Rates{Delivery: 0.6, Return: 0.95, False: 0.0003}

// Tally counts what closed outages have proven about a segment.
type Tally struct {
	Proven    int // usage points whose interruption of more than the hold time is proven by a log or a power-up
	Gasped    int // of them, with a last gasp
	Logged    int // usage points whose interruption is proven by a log
	Returned  int // of them, with a power-up
	False     int // last gasps that logs, counters or signs of life deny
	MeterDays float64
}

// Add sums two tallies.
func (t Tally) Add(o Tally) Tally {
	return Tally{t.Proven + o.Proven, t.Gasped + o.Gasped, t.Logged + o.Logged, t.Returned + o.Returned, t.False + o.False, t.MeterDays + o.MeterDays}
}

// Rates are the measured shares. What was known before weighs as much as twenty interruptions or 10,000 meter-days,
// and no share comes closer to 0 or 1 than 0.02, so that no single message can decide everything.
func (t Tally) Rates(before Rates) Rates {
	const weight, days = 20, 10_000
	share := func(k, n int, p float64) float64 {
		return min(0.98, max(0.02, (float64(k)+weight*p)/(float64(n)+weight)))
	}
	return Rates{Delivery: share(t.Gasped, t.Proven, before.Delivery), Return: share(t.Returned, t.Logged, before.Return),
		False: max(1e-6, (float64(t.False)+days*before.False)/(t.MeterDays+days))}
}

// weights are the logarithms of a segment's rates.
type weights struct {
	gasp, silent float64 // of a meter that gasped, that did not
	up, noUp     float64
	delivery     float64
}

func (r Rates) weights() weights {
	clamp := func(p float64) float64 { return min(0.999, max(0.001, p)) }
	d, u := clamp(r.Delivery), clamp(r.Return)
	f := max(r.False, 1e-7) / (24 * 60)
	return weights{gasp: math.Log(d / f), silent: math.Log((1 - d) / (1 - f)), up: math.Log(u / f), noUp: math.Log((1 - u) / (1 - f)), delivery: d}
}

// silentBy is the weight of a gasp that has not come when the share arrived of those that will come has.
func (w *weights) silentBy(arrived float64) float64 {
	if arrived >= 1 {
		return w.silent
	}
	return math.Log(1 - w.delivery*max(arrived, 0))
}
