package billing

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"lastgasp/headend"
)

// GapState is where a gap is in its life.
//
//	          ┌──expire, attempts left──┐
//	          ▼                         │
//	open ──ask──▶ requested ──expire, none left──▶ given up
//	  │               │                             │  │
//	  ├──estimate─────┴──▶ estimated ◀──estimate────┘  │
//	  └──fill (from every state)──▶ filled ◀───────────┘
//
// A gap that is estimated or given up is not asked for again, but a real read that comes late fills it. Filled is final.
type GapState uint8

// States of a gap.
const (
	GapOpen      GapState = iota + 1 // nobody was asked, or the answer did not come and it may be asked again
	GapRequested                     // asked; the answer may come until Gap.Next
	GapFilled                        // measured values are there
	GapEstimated                     // estimated values stand for it
	GapGivenUp                       // asked often enough
)

var gapStateNames = [...]string{"", "open", "requested", "filled", "estimated", "given_up"}

// String is the word that is stored and exported.
func (s GapState) String() string { return gapStateNames[s] }

// MarshalText writes the word.
func (s GapState) MarshalText() ([]byte, error) { return []byte(gapStateNames[s]), nil }

// GapEvent is what happens to a gap.
type GapEvent uint8

// Events of a gap.
const (
	GapAsk GapEvent = iota + 1
	GapExpire
	GapFill
	GapEstimate
	GapGiveUp
)

var gapEventNames = [...]string{"", "ask", "expire", "fill", "estimate", "give up"}

// String names the event.
func (e GapEvent) String() string { return gapEventNames[e] }

// ErrTransition says that an event cannot happen in the state a gap is in.
var ErrTransition = errors.New("gap")

// Gap is a run of intervals of a usage point whose energy is not there.
type Gap struct {
	UsagePoint string
	Quantity   headend.Quantity
	Period     Period // from the beginning of the first interval to the end of the last
	State      GapState
	Attempts   int       // how often it was asked for
	Opened     time.Time // when it was found
	Changed    time.Time // when it came into its state
	Next       time.Time // open: not asked before; requested: the answer expires; otherwise zero
}

// Patience says how often and how fast gaps are asked for.
type Patience struct {
	Attempts int           `yaml:"attempts" koanf:"attempts" doc:"how often a gap is asked for, 0 to 100"`
	First    time.Duration `yaml:"first" koanf:"first" doc:"from finding a gap to the first question: what is late comes by itself"` // from finding a gap to the first question: what is late comes by itself
	Answer   time.Duration `yaml:"answer" koanf:"answer" doc:"how long a question is good for"`                                      // how long a question is good for
	Longest  time.Duration `yaml:"longest" koanf:"longest" doc:"pauses between questions double from first up to this"`              // pauses double from First up to this
	Spread   time.Duration `yaml:"spread" koanf:"spread" doc:"questions to meters that were away together are spread over this"`     // questions of many meters are spread over this, by a hash of the usage point
	Forget   time.Duration `yaml:"give_up" koanf:"give_up" doc:"after this a gap is not asked for any more"`                         // after this a gap is given up
	AtOnce   int           `yaml:"at_once" koanf:"at_once" doc:"most questions open at one time"`                                    // questions open at one time, over all gaps
}

// DefaultPatience asks six times within ten days.
var DefaultPatience = Patience{Attempts: 6, First: 15 * time.Minute, Answer: 10 * time.Minute, Longest: 24 * time.Hour,
	Spread: 30 * time.Minute, Forget: 10 * 24 * time.Hour, AtOnce: 500}

// Validate returns an error that names the field out of bounds.
func (p Patience) Validate() error {
	const most = 90 * 24 * time.Hour
	if p.Attempts < 0 || p.Attempts > 100 {
		return fmt.Errorf("attempts: %d, 0 to 100 are possible", p.Attempts)
	}
	if p.AtOnce < 1 || p.AtOnce > 100_000 {
		return fmt.Errorf("at_once: %d, 1 to 100000 are possible", p.AtOnce)
	}
	for _, d := range []struct {
		name       string
		value, low time.Duration
	}{{"first", p.First, 0}, {"answer", p.Answer, time.Second}, {"longest", p.Longest, time.Minute}, {"spread", p.Spread, 0}, {"give_up", p.Forget, time.Minute}} {
		if d.value < d.low || d.value > most {
			return fmt.Errorf("%s: %s, %s to %s are possible", d.name, d.value, d.low, most)
		}
	}
	if p.Longest < p.First {
		return fmt.Errorf("longest: %s is shorter than first, %s", p.Longest, p.First)
	}
	return nil
}

// pause is the time before attempt n+1, with the spread of the usage point: the same for it every time, different
// from its neighbours'.
func (p Patience) pause(g Gap) time.Duration {
	d := p.First
	for range g.Attempts {
		if d *= 2; d >= p.Longest || d <= 0 {
			d = p.Longest
			break
		}
	}
	if p.Spread > 0 {
		h := fnv.New64a()
		h.Write([]byte(g.UsagePoint)) // never fails, as the package says
		d += time.Duration(h.Sum64() % uint64(p.Spread))
	}
	return d
}

// OpenGap is a gap that was just found.
func OpenGap(usagePoint string, quantity headend.Quantity, period Period, now time.Time, p Patience) Gap {
	g := Gap{UsagePoint: usagePoint, Quantity: quantity, Period: period.utc(), State: GapOpen, Opened: now.UTC(), Changed: now.UTC()}
	g.Next = g.Opened.Add(p.pause(g))
	return g
}

// Apply is the gap after an event. It returns ErrTransition where the event cannot happen; filling what is filled
// changes nothing.
func (g Gap) Apply(event GapEvent, now time.Time, p Patience) (Gap, error) {
	to := GapState(0)
	switch {
	case event == GapFill:
		if g.State == GapFilled {
			return g, nil
		}
		to = GapFilled
	case event == GapEstimate && (g.State == GapOpen || g.State == GapRequested || g.State == GapGivenUp):
		to = GapEstimated
	case event == GapAsk && g.State == GapOpen && g.Attempts < p.Attempts:
		to = GapRequested
	case event == GapExpire && g.State == GapRequested:
		if to = GapOpen; g.Attempts >= p.Attempts {
			to = GapGivenUp
		}
	case event == GapGiveUp && (g.State == GapOpen || g.State == GapRequested):
		to = GapGivenUp
	default:
		return g, fmt.Errorf("%w of %s from %s is %s: %s is not possible", ErrTransition, g.UsagePoint,
			g.Period.From.Format(time.RFC3339), g.State, event)
	}
	g.State, g.Changed, g.Next = to, now.UTC(), time.Time{}
	switch to {
	case GapRequested:
		g.Attempts++
		g.Next = g.Changed.Add(p.Answer)
	case GapOpen:
		g.Next = g.Changed.Add(p.pause(g))
	}
	return g, nil
}

// Due is the event that time alone brings to a gap, if any.
func (g Gap) Due(now time.Time, p Patience) (GapEvent, bool) {
	switch {
	case g.State != GapOpen && g.State != GapRequested:
		return 0, false
	case g.State == GapRequested && !now.Before(g.Next):
		return GapExpire, true
	case g.State == GapOpen && (g.Attempts >= p.Attempts || !now.Before(g.Opened.Add(p.Forget))):
		return GapGiveUp, true
	case g.State == GapOpen && !now.Before(g.Next):
		return GapAsk, true
	}
	return 0, false
}

// Questions are the positions of the gaps to ask for now: those due longest first, and never more than leave AtOnce
// open together with those already requested.
func Questions(gaps []Gap, now time.Time, p Patience) []int {
	room := p.AtOnce
	var due []int
	for i, g := range gaps {
		if g.State == GapRequested {
			room--
		} else if event, ok := g.Due(now, p); ok && event == GapAsk {
			due = append(due, i)
		}
	}
	slices.SortStableFunc(due, func(a, b int) int { return gaps[a].Next.Compare(gaps[b].Next) })
	return due[:max(0, min(room, len(due)))]
}

// Runs joins intervals that meet. They must be in order.
func Runs(intervals []Period) []Period {
	var runs []Period
	for _, p := range intervals {
		if n := len(runs); n > 0 && !runs[n-1].To.Before(p.From) {
			if p.To.After(runs[n-1].To) {
				runs[n-1].To = p.To
			}
			continue
		}
		runs = append(runs, p.utc())
	}
	return runs
}

// Reconcile brings the gaps of one usage point and quantity to what is missing within a window: parts that are no
// longer missing are filled, what is missing and in no gap becomes a new one, and a gap is cut where its parts differ. Gaps
// outside the window and filled ones stay. The result is in order of time; missing must be.
func Reconcile(gaps []Gap, usagePoint string, quantity headend.Quantity, missing []Period, window Period, now time.Time, p Patience) ([]Gap, error) {
	runs := Runs(missing)
	var result []Gap
	var covered []Period
	for _, g := range gaps {
		inside, ok := g.Period.Clip(window)
		if g.State == GapFilled || !ok {
			result = append(result, g)
			continue
		}
		covered = append(covered, g.Period)
		still, gone := split(inside, runs)
		if outside := subtract(g.Period, inside); len(outside) > 0 {
			still = Runs(sortPeriods(append(still, outside...)))
		}
		for _, part := range still {
			g.Period = part
			result = append(result, g)
		}
		for _, part := range gone {
			g.Period = part
			filled, err := g.Apply(GapFill, now, p)
			if err != nil {
				return nil, err
			}
			result = append(result, filled)
		}
	}
	covered = Runs(sortPeriods(covered))
	for _, run := range runs {
		if run, ok := run.Clip(window); ok {
			_, fresh := split(run, covered)
			for _, part := range fresh {
				result = append(result, OpenGap(usagePoint, quantity, part, now, p))
			}
		}
	}
	slices.SortStableFunc(result, func(a, b Gap) int { return a.Period.From.Compare(b.Period.From) })
	return result, nil
}

func sortPeriods(list []Period) []Period {
	slices.SortFunc(list, func(a, b Period) int { return a.From.Compare(b.From) })
	return list
}

// split parts p into what lies in the runs and what does not. Runs are in order and do not meet.
func split(p Period, runs []Period) (in, out []Period) {
	from := p.From
	for _, r := range runs {
		part, ok := p.Clip(r)
		if !ok {
			continue
		}
		if from.Before(part.From) {
			out = append(out, Period{from, part.From})
		}
		in = append(in, part)
		from = part.To
	}
	if from.Before(p.To) {
		out = append(out, Period{from, p.To})
	}
	return in, out
}

func subtract(p, q Period) []Period {
	_, out := split(p, []Period{q})
	return out
}
