package billing

import (
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lastgasp/headend"
)

func TestGapTransitions(t *testing.T) {
	p := DefaultPatience
	p.Attempts = 2
	may := map[GapState]map[GapEvent]GapState{
		GapOpen:      {GapAsk: GapRequested, GapFill: GapFilled, GapEstimate: GapEstimated, GapGiveUp: GapGivenUp},
		GapRequested: {GapExpire: GapOpen, GapFill: GapFilled, GapEstimate: GapEstimated, GapGiveUp: GapGivenUp},
		GapFilled:    {GapFill: GapFilled},
		GapEstimated: {GapFill: GapFilled},
		GapGivenUp:   {GapFill: GapFilled, GapEstimate: GapEstimated},
	}
	for from := GapOpen; from <= GapGivenUp; from++ {
		for event := GapAsk; event <= GapGiveUp; event++ {
			g := OpenGap("U1", headend.ImportWh, Period{at(0, 0), at(1, 0)}, at(2, 0), p)
			g.State = from
			got, err := g.Apply(event, at(3, 0), p)
			want, allowed := may[from][event]
			if allowed != (err == nil) || allowed && got.State != want {
				t.Errorf("%s, %s: %s, %v", from, event, got.State, err)
			}
			if !allowed && (!errors.Is(err, ErrTransition) || got != g) {
				t.Errorf("%s, %s: changed to %+v, %v", from, event, got, err)
			}
		}
	}
}

// A gap whose meter never answers is asked for so often and no more, with pauses that double, and then given up.
func TestGapIsGivenUp(t *testing.T) {
	p := Patience{Attempts: 4, First: time.Hour, Answer: 10 * time.Minute, Longest: 3 * time.Hour, Forget: 100 * time.Hour, AtOnce: 1}
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	g := OpenGap("U1", headend.ImportWh, Period{at(0, 0), at(1, 0)}, at(0, 0), p)
	var asked []time.Duration
	for now := at(0, 0); now.Before(at(200, 0)); now = now.Add(10 * time.Minute) {
		if event, ok := g.Due(now, p); ok {
			if event == GapAsk {
				asked = append(asked, now.Sub(at(0, 0)))
			}
			var err error
			if g, err = g.Apply(event, now, p); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := []time.Duration{60 * time.Minute, 190 * time.Minute, 380 * time.Minute, 570 * time.Minute}
	if !slices.Equal(asked, want) || g.State != GapGivenUp {
		t.Errorf("asked at %v and is %s; want %v", asked, g.State, want)
	}
	forgotten := OpenGap("U1", headend.ImportWh, Period{at(0, 0), at(1, 0)}, at(0, 0), p)
	if event, _ := forgotten.Due(at(100, 0), p); event != GapGiveUp {
		t.Errorf("after its time: %s", event)
	}
}

// After an outage of the network everybody has a gap: the questions are spread, and bounded at each moment.
func TestNoStormOfQuestions(t *testing.T) {
	p := DefaultPatience
	p.AtOnce = 100
	gaps := make([]Gap, 10_000)
	for i := range gaps {
		gaps[i] = OpenGap("U"+strconv.Itoa(i), headend.ImportWh, Period{at(0, 0), at(1, 0)}, at(2, 0), p)
	}
	asked := 0
	for now := at(2, 0); now.Before(at(30, 0)); now = now.Add(time.Minute) {
		for i := range gaps { // answers come after a minute
			if gaps[i].State == GapRequested {
				var err error
				if gaps[i], err = gaps[i].Apply(GapFill, now, p); err != nil {
					t.Fatal(err)
				}
			}
		}
		questions := Questions(gaps, now, p)
		if len(questions) > p.AtOnce {
			t.Fatalf("%d questions at once", len(questions))
		}
		if now.Before(at(2, 0).Add(p.First)) && len(questions) > 0 {
			t.Fatal("asked before what is late could come")
		}
		for _, i := range questions {
			asked++
			var err error
			if gaps[i], err = gaps[i].Apply(GapAsk, now, p); err != nil {
				t.Fatal(err)
			}
		}
	}
	if asked != len(gaps) {
		t.Errorf("%d of %d were asked for", asked, len(gaps))
	}
}

// Whatever came in whatever steps: the gaps that are not filled are what is missing, and nothing stands in two.
func TestReconcile(t *testing.T) {
	schedule := Schedule{Every: time.Hour, Zone: hanoi}
	whole := Period{at(0, 0), at(48, 0)}
	all := slices.Collect(schedule.Intervals(whole))
	rapid.Check(t, func(t *rapid.T) {
		var gaps []Gap
		for round := range rapid.IntRange(1, 6).Draw(t, "rounds") {
			a := rapid.IntRange(0, 47).Draw(t, "a")
			window := Period{at(a, 0), at(rapid.IntRange(a+1, 48).Draw(t, "b"), 0)}
			var missing []Period
			lost := map[time.Time]bool{}
			for _, p := range all {
				if window.Contains(p) && rapid.Bool().Draw(t, "missing") {
					missing = append(missing, p)
					lost[p.From] = true
				}
			}
			before := gaps
			var err error
			if gaps, err = Reconcile(gaps, "U1", headend.ImportWh, missing, window, at(50+round, 0), DefaultPatience); err != nil {
				t.Fatal(err)
			}
			for i := range gaps { // some are asked for, some estimated
				if event := GapEvent(rapid.IntRange(0, 5).Draw(t, "event")); event == GapAsk || event == GapEstimate || event == GapGiveUp {
					if g, err := gaps[i].Apply(event, at(50+round, 0), DefaultPatience); err == nil {
						gaps[i] = g
					}
				}
			}
			for _, p := range all {
				want := 0
				if window.Contains(p) && lost[p.From] || !window.Contains(p) && open(before, p) > 0 {
					want = 1
				}
				if open(gaps, p) != want {
					t.Fatalf("interval %s stands in %d gaps, want %d: %+v", p.From, open(gaps, p), want, gaps)
				}
			}
		}
	})
}

func open(gaps []Gap, p Period) int {
	n := 0
	for _, g := range gaps {
		if g.State != GapFilled && g.Period.Contains(p) {
			n++
		}
	}
	return n
}

func TestReadSuccess(t *testing.T) {
	schedule := Schedule{Every: 30 * time.Minute, Zone: hanoi, Tolerance: time.Minute}
	day := Day(hanoi, 2026, 3, 1)
	var arrivals []Arrival
	for i := range 40 { // of 48: the last eight did not come
		end := at(0, 30*(i+1))
		late := time.Minute
		if i%10 == 9 {
			late = 3 * time.Hour
		}
		arrivals = append(arrivals, Arrival{end.Add(20 * time.Second), end.Add(late)})
		if i == 9 { // the same read again, by another way, in time
			arrivals = append(arrivals, Arrival{end.Add(20 * time.Second), end.Add(2 * time.Minute)})
		}
	}
	count := func(now time.Time) SuccessBook {
		b := SuccessBook{}
		b.Count(SuccessKey{Organisation: "D1", Model: "A"}, schedule, schedule.Intervals(day), arrivals, 2*time.Hour, now)
		return b
	}
	total := func(b SuccessBook) Success {
		return b.Sum(func(SuccessKey) SuccessKey { return SuccessKey{} })[SuccessKey{}]
	}
	if got, want := total(count(at(24, 0))), (Success{Expected: 48, InTime: 37, Late: 3, Missing: 4, Pending: 4}); got != want {
		t.Errorf("at the end of the day: %+v, want %+v", got, want)
	}
	b := count(at(48, 0))
	if got, want := total(b), (Success{Expected: 48, InTime: 37, Late: 3, Missing: 8}); got != want {
		t.Errorf("a day later: %+v, want %+v", got, want)
	}
	if len(b) != 24 {
		t.Errorf("%d hours", len(b))
	}
	for key, s := range b {
		if s.Expected != 2 || s.Expected != s.InTime+s.Late+s.Missing+s.Pending {
			t.Errorf("%s: %+v", key.Hour, s)
		}
	}
	if s := (Success{Expected: 1000, InTime: 995, Missing: 5}); !s.Meets(9950) || s.Meets(9951) {
		t.Error("99.5 % is not what it is")
	}
}

func TestPatienceBounds(t *testing.T) {
	for name, change := range map[string]func(*Patience){
		"attempts": func(p *Patience) { p.Attempts = 101 }, "answer": func(p *Patience) { p.Answer = 0 },
		"longest": func(p *Patience) { p.Longest = time.Minute }, "at_once": func(p *Patience) { p.AtOnce = 0 },
		"first": func(p *Patience) { p.First = -1 }, "give_up": func(p *Patience) { p.Forget = 91 * 24 * time.Hour },
	} {
		p := DefaultPatience
		if change(&p); p.Validate() == nil {
			t.Errorf("%s out of bounds was taken", name)
		}
	}
	if err := DefaultPatience.Validate(); err != nil {
		t.Error(err)
	}
}
