package interruption

import "fmt"

// spoken is what the usage points of an outage said, counted.
type spoken struct {
	all, gasps, logs, ups, absent, phases int
	first, last                           moment // gasps
}

func (g *group) spoken() spoken {
	n := spoken{first: open, last: unknown}
	tell := func(m *member) {
		n.all++
		switch {
		case m.phases != 0:
			n.phases++
			return
		case m.truth:
			n.logs++
		}
		if m.gasps > 0 {
			n.gasps++
			n.first, n.last = min(n.first, m.edge()), max(n.last, m.edge())
		}
		if m.up {
			n.ups++
		}
		if m.absent {
			n.absent++
		}
	}
	count(g.onset, func(m *member) {
		if g.node != NoNode || m.point == g.point {
			tell(m)
		}
	})
	return n
}

// summary is an outage in one line: who spoke for it, and who has supply again.
func (d *Detector) summary(g *group, o *Outage) string {
	return d.spokeFor(g, o) + "; " + d.since(g, o)
}

func (d *Detector) spokeFor(g *group, o *Outage) string {
	n := g.spoken()
	who, of := "", ""
	if g.node == NoNode {
		who = "the meter at " + d.net.PointID(g.point)
	} else {
		meters := max(g.onset.tally.all-g.onset.tally.unmetered, n.all)
		of = fmt.Sprintf("of %d meters below %s ", meters, d.net.nodes[g.node].name)
	}
	say := func(k int, text string) string {
		if who != "" {
			return who + " " + text
		}
		return fmt.Sprintf("%d %s%s", k, of, text)
	}
	switch {
	case n.gasps > 0 && who == "" && n.gasps > 1:
		return say(n.gasps, fmt.Sprintf("sent a last gasp within %s", inWords(max(n.last-n.first, 1000))))
	case n.gasps > 0:
		return say(n.gasps, "sent a last gasp, out since "+n.first.clock(d.settings.Zone))
	case n.phases > 0:
		return say(n.phases, "lost phase "+o.Phases.String())
	case n.logs > 0 && who != "":
		return who + " has it in its log"
	case n.logs > 0:
		return say(n.logs, "have it in their logs")
	case n.absent > 0:
		return say(n.absent, "measured no voltage on the supply side")
	case n.ups > 0:
		return say(n.ups, "said that power came back; no last gasp came")
	}
	words := "no meter has said anything"
	witnessed(g.onset, func(w *witness) { words = w.words })
	return words
}

func (d *Detector) since(g *group, o *Outage) string {
	switch {
	case o.Out == 0 && o.Points == 1:
		return "supply back at " + g.end.clock(d.settings.Zone)
	case o.Out == 0:
		return fmt.Sprintf("all %d usage points have supply again since %s", o.Points, g.end.clock(d.settings.Zone))
	case o.Out < o.Points:
		return fmt.Sprintf("%d of %d usage points have supply again", o.Points-o.Out, o.Points)
	case o.Points == 1:
		return "it has not been heard since"
	case o.Seen == o.Points:
		return "none of them has been heard since"
	}
	return fmt.Sprintf("none of %d usage points has been heard since", o.Points)
}

// inWords is a length to the second: 40 s, 11 min 30 s.
func inWords(m moment) string {
	seconds := (m + 500) / 1000
	switch {
	case seconds < 120:
		return fmt.Sprintf("%d s", seconds)
	case seconds%60 == 0:
		return fmt.Sprintf("%d min", seconds/60)
	}
	return fmt.Sprintf("%d min %d s", seconds/60, seconds%60)
}
