package interruption

import (
	"fmt"
	"math"
	"slices"
	"time"

	"lastgasp/headend"
)

// outage is what is told of a group.
func (d *Detector) outage(g *group, n name) Outage {
	o := Outage{ID: n.id, Node: g.node, Point: g.point, Part: g.mask == part, State: n.state, End: g.end.time(), Odds: g.odds, Cause: g.cause, Declared: g.declared, Points: len(g.rows)}
	if g.mask != 0 && g.mask < allPhases {
		o.Phases = headend.Phases(g.mask)
	}
	start := open
	for i := range g.rows {
		r := &g.rows[i]
		if r.start != unknown {
			start = min(start, r.start)
		}
		if r.end == open {
			o.Out++
		}
		if r.observed {
			o.Seen++
		}
		o.Own = o.Own || r.own
	}
	o.Start = start.time()
	if g.plan != nil {
		o.Plan, o.Notice, o.Planned = g.plan.ID, g.plan.Notice, true
		if over := min(g.end, d.now) - until(g.plan.To); until(g.plan.To) != open && over > 0 {
			o.Overrun = over.duration()
		}
	}
	if g.planned != 0 {
		o.Planned = g.planned > 0
	}
	o.Steps = d.steps(g)
	o.Trail = d.trail(g, &o)
	o.Summary = d.summary(g, &o)
	return o
}

// steps groups the returns that lie within the tolerance of each other.
func (d *Detector) steps(g *group) []Step {
	if !slices.ContainsFunc(g.rows, func(r row) bool { return r.end < open }) {
		return nil
	}
	rows := slices.Clone(g.rows)
	slices.SortFunc(rows, func(a, b row) int { return compare(a.end, b.end) })
	var out []Step
	var last moment
	var held []PointNo
	for i, r := range rows {
		if r.end == open {
			break
		}
		if len(out) == 0 || r.end-last > span(d.settings.Tolerance) {
			out = append(out, Step{At: r.end.time(), Node: NoNode})
			held = held[:0]
		}
		last = r.end
		s := &out[len(out)-1]
		s.Back++
		s.Still = len(rows) - i - 1
		held = append(held, r.point)
		if i+1 == len(rows) || rows[i+1].end-last > span(d.settings.Tolerance) {
			s.Node = d.lowestAbove(g, held)
		}
	}
	return out
}

// lowestAbove is the lowest node above all the points.
func (d *Detector) lowestAbove(g *group, points []PointNo) NodeNo {
	v := d.net.nodeAt(points[0], g.start)
	for _, p := range points[1:] {
		other := d.net.nodeAt(p, g.start)
		for v != NoNode && other != v && !g.tree.below(v, other) {
			v = g.tree.parent[v]
		}
	}
	return v
}

// place names where an outage is.
func (d *Detector) place(g *group) string {
	if g.node == NoNode {
		return "usage point " + d.net.PointID(g.point)
	}
	name := d.net.nodes[g.node].kind + " " + d.net.nodes[g.node].name
	if g.mask == part {
		name = "a part of " + name
	}
	return name
}

// trail is the evidence in words.
func (d *Detector) trail(g *group, o *Outage) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	var gasps, logs, ups, absent, repeats, arrivals, phases int
	var first, last = open, unknown
	count(g.onset, func(m *member) {
		switch {
		case m.truth:
			logs++
		case m.phases != 0:
			phases++
		}
		if m.gasps > 0 && m.phases == 0 {
			gasps++
			repeats += int(m.gasps) - 1
			first, last = min(first, m.edge()), max(last, m.edge())
		}
		if m.startBy == ByArrival {
			arrivals++
		}
		if m.up {
			ups++
		}
		if m.absent {
			absent++
		}
	})
	if g.node == NoNode {
		say("Only usage point %s itself shows it.", d.net.PointID(g.point))
	} else {
		say("The lowest node that explains the evidence is %s, %s.", d.place(g), sure(g.odds))
	}
	if gasps > 0 {
		rates := ""
		if g.node != NoNode {
			w := d.weights[d.net.nodes[g.node].segment]
			rates = fmt.Sprintf(" (%.0f %% are expected to get through here)", 100*w.delivery)
		}
		say("%d of %d meters below sent a last gasp, %s to %s%s; %d repeats, %d without a usable time.", gasps, max(g.onset.tally.all, len(g.onset.members)), first.clock(d.settings.Zone), last.clock(d.settings.Zone), rates, repeats, arrivals)
	}
	if logs > 0 {
		say("The logs of %d meters have it.", logs)
	}
	if phases > 0 {
		say("%d meters lost phase %s only.", phases, o.Phases)
	}
	if absent > 0 {
		say("%d meters or RTUs measured no voltage on the supply side.", absent)
	}
	if ups > 0 {
		say("%d meters said that power came back.", ups)
	}
	witnessed(g.onset, func(w *witness) { say("%s.", sentence(w.words)) })
	if t := &g.onset.tally; t.silent > 0 || t.mute > 0 || t.dark > 0 {
		say("%d that were heard shortly before are silent, %d could not have been heard, %d were dark already.", t.silent, t.mute, t.dark)
	}
	for i, p := range g.excluded {
		if i == 5 {
			say("And %d more.", len(g.excluded)-5)
			break
		}
		say("%s lives in the middle of it and is left out.", d.net.PointID(p))
	}
	if g.stopped != NoPoint && g.parent != NoNode {
		say("It is not %s: %s lives.", d.net.nodes[g.parent].name, d.net.PointID(g.stopped))
	}
	if n := len(g.rows) - o.Seen; n > 0 {
		say("%d of %d interruptions are inferred from their neighbours.", n, len(g.rows))
	}
	if g.plan != nil {
		say("It falls into planned cut %s (%s).", g.plan.ID, g.plan.Reason)
		if o.Overrun > 0 {
			say("It overruns the window by %s.", o.Overrun.Round(time.Second))
		}
	}
	if g.split != NoNode {
		say("An operator split it off from %s.", d.net.nodes[g.split].name)
	}
	if g.cause != "" {
		say("Cause by %s: %s.", g.by, g.cause)
	}
	for i := range g.rows {
		if g.rows[i].own {
			say("The fault was in the installation of %s, by decision.", d.net.PointID(g.rows[i].point))
		}
	}
	if g.declared {
		say("Declared as force majeure.")
	}
	return out
}

// count visits all members of an onset.
func count(o *onset, visit func(*member)) {
	for i := range o.members {
		visit(&o.members[i])
	}
	for _, k := range o.kids {
		count(k, visit)
	}
}

func witnessed(o *onset, visit func(*witness)) {
	for i := range o.seen {
		visit(&o.seen[i])
	}
	for _, k := range o.kids {
		witnessed(k, visit)
	}
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	if s[0] >= 'a' && s[0] <= 'z' {
		return string(s[0]-32) + s[1:]
	}
	return s
}

// sure is how probable an outage is, in words.
func sure(odds float64) string {
	if p := 100 / (1 + math.Exp(-odds)); p < 99.99 {
		return fmt.Sprintf("%.3g %% sure", p)
	}
	return "more than 99.99 % sure"
}
