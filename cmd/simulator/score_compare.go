package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"lastgasp/simulator"
)

// score is how a ledger compares with the truth; scores of several runs add up.
type score struct {
	runs                        int
	truth, found, missed, false int           // sustained customer interruptions
	told                        int           // of the ledger
	minutes, minutesTold        time.Duration // without supply, of the sustained ones
	starts, ends                []time.Duration
	classes                     map[string]*naming
	detected                    []time.Duration // transformers: from the first gasp until shown
	unseen                      int             // transformers whose outage was not shown at its node while it lasted, though a gasp got through
	planned, plannedRight       int             // customer interruptions by planned cuts that were found, and called planned
	plannedWrong                int             // found ones that were no planned cut and are called one
	outages                     int             // in the ledger at the end
	ghosts                      int             // of them, without any true interruption
	passing                     int             // shown meanwhile and withdrawn
	debug                       io.Writer       // what is missed, false and wrong, a line each; nil: nobody asks
}

// naming counts how outages of a class of places were named.
type naming struct{ right, near, wrong int }

func (n *naming) sum() int { return n.right + n.near + n.wrong }

func (s *score) note(format string, values ...any) {
	if s.debug != nil {
		fmt.Fprintf(s.debug, format+"\n", values...)
	}
}

// f1 is the harmonic mean of precision and recall; 1 where there was nothing to find and nothing was found.
func (s *score) f1() float64 {
	if s.found+s.missed+s.false == 0 {
		return 1
	}
	return 2 * float64(s.found) / float64(2*s.found+s.missed+s.false)
}

// percent is by how much what was told is off; 0 where both are nothing.
func percent(told, truth float64) float64 {
	if told == truth {
		return 0
	}
	return 100 * (told/truth - 1)
}

// add takes another run in.
func (s *score) add(o *score) {
	s.runs += o.runs
	s.truth, s.found, s.missed, s.false, s.told = s.truth+o.truth, s.found+o.found, s.missed+o.missed, s.false+o.false, s.told+o.told
	s.minutes, s.minutesTold = s.minutes+o.minutes, s.minutesTold+o.minutesTold
	s.starts, s.ends, s.detected = append(s.starts, o.starts...), append(s.ends, o.ends...), append(s.detected, o.detected...)
	s.unseen += o.unseen
	s.planned, s.plannedRight, s.plannedWrong = s.planned+o.planned, s.plannedRight+o.plannedRight, s.plannedWrong+o.plannedWrong
	s.outages, s.ghosts, s.passing = s.outages+o.outages, s.ghosts+o.ghosts, s.passing+o.passing
	for class, n := range o.classes {
		sum := s.class(class)
		sum.right, sum.near, sum.wrong = sum.right+n.right, sum.near+n.near, sum.wrong+n.wrong
	}
}

func (s *score) class(name string) *naming {
	if s.classes == nil {
		s.classes = map[string]*naming{}
	}
	if s.classes[name] == nil {
		s.classes[name] = &naming{}
	}
	return s.classes[name]
}

// compare scores a ledger.
//
// Interruptions of one usage point that overlap or touch are one, on both sides. A sustained one of the truth is found
// when a sustained one of the ledger overlaps it; each of the ledger stands for one of the truth at most, so one told in
// two pieces is found once and false once, and two told as one are found once and missed once.
func compare(t *truth, l *ledger, net *tree, debug io.Writer) *score {
	s := &score{runs: 1, debug: debug}
	really, told := t.lapses(), l.lapses(t.to)
	by := map[string]map[int64]int{} // by fault: customers of it in each outage
	for _, point := range points(really) {
		for i := range really[point] {
			s.seek(point, &really[point][i], told[point], by)
		}
	}
	touched := map[int64]bool{}
	for _, point := range points(told) {
		for i := range told[point] {
			x := &told[point][i]
			touched[x.outage] = touched[x.outage] || slices.ContainsFunc(really[point], func(r lapse) bool {
				return !x.from.After(r.to) && !r.from.After(x.to)
			})
			if !x.sustained() {
				continue
			}
			s.told++
			s.minutesTold += x.length()
			if !x.used {
				s.false++
				s.note("false %s %v; all told %v; true %v; %s", point, *x, told[point], really[point], l.reason(x.outage))
			}
		}
	}
	s.count(l, touched, really)
	s.name(t, l, net, really, by)
	return s
}

// seek looks for the counterpart of a true lapse.
func (s *score) seek(point string, x *lapse, told []lapse, by map[string]map[int64]int) {
	if !x.sustained() {
		return
	}
	s.truth++
	s.minutes += x.length()
	for i := range told {
		y := &told[i]
		if y.used || !y.sustained() || !x.overlaps(y) {
			continue
		}
		y.used = true
		s.found++
		s.starts, s.ends = append(s.starts, y.from.Sub(x.from).Abs()), append(s.ends, y.to.Sub(x.to).Abs())
		if by[x.fault] == nil {
			by[x.fault] = map[int64]int{}
		}
		by[x.fault][y.outage]++
		switch {
		case x.planned:
			s.planned++
			if y.planned {
				s.plannedRight++
			}
		case y.planned:
			s.plannedWrong++
		}
		return
	}
	s.missed++
	s.note("missed %s %v; told %v", point, *x, told)
}

// count counts the outages and those without anything true behind them.
func (s *score) count(l *ledger, touched map[int64]bool, really map[string][]lapse) {
	for number, o := range l.outages {
		if o.withdrawn {
			if len(o.shown) > 0 {
				s.passing++
			}
			continue
		}
		s.outages++
		if !touched[number] {
			s.ghosts++
			for i := range l.rows {
				if r := &l.rows[i]; r.outage == number {
					s.note("ghost %s %v to %v, not before %v; true %v; %s", r.point, r.start, r.end, r.notBefore, really[r.point], l.reason(number))
				}
			}
		}
	}
}

// name judges what each sustained fault was taken for: the outage that most of its customers are in.
func (s *score) name(t *truth, l *ledger, net *tree, really map[string][]lapse, by map[string]map[int64]int) {
	struck := map[string][]string{} // by fault: its customers
	for _, point := range points(really) {
		for i := range really[point] {
			if x := &really[point][i]; x.sustained() {
				struck[x.fault] = append(struck[x.fault], point)
			}
		}
	}
	for i := range t.damages {
		d := &t.damages[i]
		if len(struck[d.ID]) == 0 || !d.End.IsZero() && d.End.Sub(d.Start) <= sustained {
			continue // it struck who was out already, or was short: what lasted goes by another name
		}
		s.judge(d, l, net, by[d.ID])
		if net.kind[d.Where] == simulator.NodeTransformer && d.Kind != simulator.FaultPhaseLost {
			s.time(t, d, l, net, struck[d.ID])
		}
	}
}

// judge says how the place of a fault was named.
func (s *score) judge(d *simulator.Damage, l *ledger, net *tree, in map[int64]int) {
	best, most := int64(0), 0
	for number, n := range in {
		if n > most || n == most && number < best {
			best, most = number, n
		}
	}
	class := s.class(classOf(d, net))
	o := l.outages[best]
	if o == nil {
		class.wrong++
		s.note("unnamed: %s at %s from %v", d.Kind, d.Where, d.Start)
		return
	}
	levels, ok := net.apart(d.Where, o.node)
	if o.node == "" { // a usage point alone
		levels, ok = net.apart(d.Where, net.hangs[o.point])
		if net.count[net.hangs[o.point]] > 1 {
			levels++
		}
	}
	if o.part && levels == 0 {
		levels = 1
	}
	switch {
	case ok && levels == 0:
		class.right++
		return
	case ok && levels == 1:
		class.near++
	default:
		class.wrong++
	}
	s.note("named: %s at %s (%d usage points) from %v as %s%s part %v, outage %d, %v", d.Kind, d.Where, net.count[d.Where], d.Start, o.node, o.point, o.part, best, in)
}

// classOf sorts places: transformers by how many usage points they supply, others by kind.
func classOf(d *simulator.Damage, net *tree) string {
	kind, n := net.kind[d.Where], net.count[d.Where]
	if d.Kind == simulator.FaultPhaseLost {
		return "one phase, " + kind
	}
	if kind != simulator.NodeTransformer {
		return kind
	}
	for _, class := range []struct {
		upTo int
		name string
	}{{4, "transformer of 1 to 4"}, {9, "transformer of 5 to 9"}, {24, "transformer of 10 to 24"}} {
		if n <= class.upTo {
			return class.name
		}
	}
	return "transformer of 25 and more"
}

// time measures how long after the first gasp that got through an outage was shown at its transformer.
func (s *score) time(t *truth, d *simulator.Damage, l *ledger, net *tree, struck []string) {
	end := d.End
	if end.IsZero() {
		end = t.to
	}
	first := time.Time{}
	for _, point := range struck {
		for _, at := range t.gasps[point] {
			if !at.Before(d.Start) && at.Before(end) && (first.IsZero() || at.Before(first)) {
				first = at
			}
		}
	}
	if first.IsZero() {
		return // nobody could know
	}
	seen := time.Time{}
	for _, o := range l.outages {
		for _, x := range o.shown {
			if levels, ok := net.apart(d.Where, x.node); !ok || levels != 0 || x.at.Before(d.Start) || x.at.After(end) {
				continue
			}
			if seen.IsZero() || x.at.Before(seen) {
				seen = x.at
			}
		}
	}
	if seen.IsZero() {
		s.unseen++
		return
	}
	s.detected = append(s.detected, max(seen.Sub(first), 0))
}
