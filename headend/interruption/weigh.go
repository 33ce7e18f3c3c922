package interruption

import (
	"math"
	"slices"

	"lastgasp/headend"
)

var veto = math.Inf(-1)

// exception is the weight of a meter that lives at a node where its siblings are dark: the registry has it in the wrong
// place, or its customer is fed by a neighbour.
// It is ln of the share of meters that are registered in the wrong place.
const exception = -4.5

// explain finds the best explanation of an onset: the node fails, a part of it, or what is below fails by itself.
func (s *solver) explain(o *onset) {
	settings := &s.d.settings
	for i := range o.members {
		o.value += o.members[i].value(settings)
	}
	for _, k := range o.kids {
		o.value += k.value
	}
	// What one node below explains alone, this node cannot explain better: priors do not rise towards the supply.
	if len(o.members) == 0 && len(o.kids) == 1 && len(o.seen) == 0 {
		return
	}
	s.weigh(o)
	prior := s.prior(o)
	best, mask := o.value, uint8(0)
	for m := 1; m <= allPhases; m++ {
		fail := prior + o.score[m]
		if m != allPhases {
			fail += settings.Phase
		}
		if fail > best {
			best, mask = fail, uint8(m)
		}
	}
	if len(o.kids) == 0 && len(o.members) > 1 {
		sum, n, k, logs := prior+settings.Part, o.tally.all-o.tally.dark, len(o.members), 0
		for i := range o.members {
			sum += o.members[i].own
			if o.members[i].truth {
				logs++
			}
		}
		sum -= choice(n, k)
		if logs > 0 {
			sum -= choice(k, logs)
		}
		if sum > best {
			best, mask = sum, part
		}
	}
	o.value, o.mask, o.odds = best, mask, best
}

func logChoose(n, k int) float64 {
	lg := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
	if k > n {
		n = k
	}
	return lg(n) - lg(k) - lg(n-k)
}

// prior of a failure of the node at the onset, with what its breaker, the calendar and fault passages say of it.
func (s *solver) prior(o *onset) float64 {
	v, m := o.node, o.begin()
	sum := s.d.settings.prior(s.d.net.nodes[v].kind)
	if s.closedThrough(v, m) {
		sum -= 12
	}
	if s.passage(v, m) && !slices.ContainsFunc(s.t.children[v], func(c NodeNo) bool { return s.passage(c, m) }) {
		sum += 3
	}
	for _, plan := range s.d.calendar.byNode[v] {
		if plan.Kind == PlannedCut && at(plan.From)-15*minute <= m && m < until(plan.To) {
			sum += 6
		}
	}
	return sum
}

// weigh sums the evidence for a failure of the node in each set of phases.
func (s *solver) weigh(o *onset) {
	if o.scored {
		return
	}
	o.scored = true
	s.weighMembers(o, &o.score)
	if len(o.members) == 0 {
		for m := range o.score {
			o.score[m] = max(o.score[m], s.d.settings.SilentNode)
		}
	}
	for i := range o.seen {
		for m := range o.score {
			if m == allPhases || o.seen[i].weight < weightOfBreaker { // a gateway may hang on any phase
				o.score[m] += o.seen[i].weight
			}
		}
	}
	end := o.firstEnd(s.now)
	for _, child := range s.t.children[o.node] {
		found := false
		for _, k := range o.kids {
			if k.node == child {
				s.weigh(k)
				o.score.add(&k.score)
				o.tally.add(&k.tally)
				if k.vetoedBy != NoPoint && o.vetoedBy == NoPoint {
					o.vetoedBy = k.vetoedBy
				}
				found = true
			}
		}
		if !found {
			sum, tally := s.silence(child, o, end)
			o.score.add(&sum)
			o.tally.add(&tally)
			for _, p := range tally.live {
				o.veto(p, s.phasesOf(p))
			}
		}
	}
}

// veto forbids the sets of phases that a live meter belongs to.
func (o *onset) veto(by PointNo, has headend.Phases) {
	for m := range o.score {
		if m == allPhases || has != 0 && has&^headend.Phases(m) == 0 {
			o.score[m] = veto
		}
	}
	if o.vetoedBy == NoPoint {
		o.vetoedBy = by
	}
}

// weighMembers sums over the usage points of the node itself.
func (s *solver) weighMembers(o *onset, sum *sums) {
	n, settings := s.d.net, &s.d.settings
	own := s.at(o.node, o)
	m, end := o.begin(), o.firstEnd(s.now)
	live := 0
	var logs logShare
	for place, p := range n.members[n.nodes[o.node].from:n.nodes[o.node].to] {
		if n.nodeAt(p, m) != o.node {
			continue
		}
		o.tally.all++
		if x := own[place]; x != nil {
			o.tally.own++
			s.weighOwn(x, sum, settings)
			logs.count(s.phasesOf(p), x.truth)
			continue
		}
		silent := o.tally.silent
		if s.weighOther(p, o, end, sum, &o.tally) {
			live++
		}
		if o.tally.silent > silent {
			logs.count(s.phasesOf(p), false)
		}
	}
	logs.weigh(sum)
	if live >= len(o.members) { // not an exception any more: the node lives
		for _, p := range o.tally.live {
			o.veto(p, s.phasesOf(p))
		}
	}
}

// logShare counts the usage points of a node that would be out in a failure of each set of phases, and those of them whose
// logs have it.
type logShare struct{ all, have [8]int }

func (l *logShare) count(has headend.Phases, have bool) {
	for m := 1; m <= allPhases; m++ {
		if m == allPhases || has&headend.Phases(m) != 0 {
			l.all[m]++
			if have {
				l.have[m]++
			}
		}
	}
}

// weigh adds how probable it is that just these logs have it. Which share of logs is read, and when, is not known: each share
// is as probable as any other, so that each number of logs is, and each choice of so many.
func (l *logShare) weigh(sum *sums) {
	for m := 1; m <= allPhases && l.have[allPhases] > 0; m++ {
		sum[m] -= choice(l.all[m], l.have[m])
	}
}

// choice is minus the logarithm of the probability of k chosen out of n when any k is as probable.
func choice(n, k int) float64 { return math.Log(float64(n+1)) + logChoose(n, k) }

// weighOwn adds what a usage point with a stretch in the onset says of each set of phases.
func (s *solver) weighOwn(x *member, sum *sums, settings *Settings) {
	has := s.phasesOf(x.point)
	for m := 1; m <= allPhases; m++ {
		lost := has & headend.Phases(m)
		seen := x.phases
		if seen == 0 {
			seen = has
		}
		switch {
		case has == 0 && m != allPhases: // of no use in telling phases apart
			sum[m] += x.value(settings)
		case lost == seen:
			sum[m] += x.own
		case lost == 0: // not of this failure: explained by itself
			sum[m] += x.value(settings)
		default:
			sum[m] += x.value(settings) + exception
		}
	}
}

// weighOther adds what a usage point without a stretch in the onset says; it tells whether it lives.
func (s *solver) weighOther(p PointNo, o *onset, end moment, sum *sums, tally *census) bool {
	has := s.phasesOf(p)
	switch stand, weight := s.standing(p, o, end); stand {
	case living:
		tally.live = append(tally.live, p)
		for m := 1; m <= allPhases; m++ {
			if m == allPhases || has != 0 && has&^headend.Phases(m) == 0 {
				sum[m] += exception
			}
		}
		return true
	case silent:
		tally.silent++
		for m := 1; m <= allPhases; m++ {
			if m == allPhases || has&headend.Phases(m) != 0 {
				sum[m] += weight
			}
		}
	case darkAlready:
		tally.dark++
	case mute:
		tally.mute++
		if s.d.net.meterAt(p, o.begin()) == NoDevice {
			tally.unmetered++
		}
	}
	return false
}

type standing uint8

const (
	silent      standing = iota + 1 // would have been heard, and was not
	living                          // a sign of life within the time
	darkAlready                     // by an earlier stretch of its own
	mute                            // could not have been heard: no meter, no link, not heard shortly before
)

// standing of a usage point that has no stretch in the onset, and the weight of its silence.
func (s *solver) standing(p PointNo, o *onset, end moment) (standing, float64) {
	m := o.begin()
	meter := s.d.net.meterAt(p, m)
	if meter == NoDevice {
		return mute, 0
	}
	for _, x := range s.stretchesOf(p) {
		if x.covers(m) {
			return darkAlready, 0
		}
	}
	subject := s.d.subjectOf(p, m)
	margin, w := span(s.d.settings.Margin), s.weights(o.node)
	if o.m != unknown && s.lives(&subject, m+margin, end) {
		return living, 0
	}
	if o.m != unknown && end < s.now && s.d.knowsNothing(p, m, end) {
		return living, 0 // its log was read and knows of nothing
	}
	last := subject.lifeBefore(m)
	if last == unknown || m-last > s.reach(&subject, m) || s.linkLost(s.d.net.devices[meter].gateway, m) {
		return mute, 0
	}
	weight := 0.0
	if o.m != unknown {
		arrived := float64(s.now-m-span(s.d.settings.Hold)) / float64(max(span(s.d.settings.Spread), 1))
		weight = w.silentBy(arrived)
	}
	if len(o.ends) > 0 {
		// It is heard again soon, and did not say that it had been away. Not later: what is new must not reach across a quiet time.
		end := o.ends[len(o.ends)-1]
		if !s.linkLost(s.d.net.devices[meter].gateway, end) && subject.lifeAfter(end) < end+2*60*minute {
			weight += w.noUp
		}
	}
	return silent, weight
}

// lives tells of a sign of life after from and a margin before the end. While no end is known the last margin before now
// does not count: the sign may be the first after a return of which nobody has said anything yet.
func (s *solver) lives(subject *subject, from, end moment) bool {
	margin := span(s.d.settings.Margin)
	life := subject.lifeAfter(from).plus(halfMinute)
	switch {
	case life == open:
		return false
	case end < s.now:
		return life <= end-margin
	case life.plus(margin) > s.now:
		s.wake = min(s.wake, life+margin)
		return false
	}
	return true
}

// reach is how long ago a meter may have been heard last for its silence to weigh: three of its own intervals, half an
// hour at least and two where it has no rhythm.
func (s *solver) reach(subject *subject, m moment) moment {
	rhythm := subject.lives.rhythm(subject.shown(m), subject.runs)
	if rhythm == 0 {
		return 2 * 60 * minute
	}
	return min(max(3*rhythm, 30*minute), 6*60*minute)
}

// silence sums over a node in which nothing began at the onset. Live meters are returned in the census.
func (s *solver) silence(v NodeNo, o *onset, end moment) (sums, census) {
	var sum sums
	var tally census
	m := o.begin()
	for _, x := range s.onsets(v) { // dark already by an explanation of its own
		if x.mask == allPhases && x.begin() < m && m < x.lastEnd() {
			s.count(v, m, &tally)
			return sum, tally
		}
	}
	n := s.d.net
	for _, p := range n.members[n.nodes[v].from:n.nodes[v].to] {
		if n.nodeAt(p, m) == v {
			tally.all++
			s.weighOther(p, o, end, &sum, &tally)
		}
	}
	for m := range sum {
		sum[m] = max(sum[m], s.d.settings.SilentNode)
	}
	for _, child := range s.t.children[v] {
		below, t := s.silence(child, o, end)
		sum.add(&below)
		tally.add(&t)
	}
	return sum, tally
}

// count counts the usage points below a node as dark already.
func (s *solver) count(v NodeNo, m moment, tally *census) {
	n := s.d.net
	for _, p := range n.members[n.nodes[v].from:n.nodes[v].to] {
		if n.nodeAt(p, m) == v {
			tally.all++
			tally.dark++
			if n.meterAt(p, m) == NoDevice {
				tally.unmetered++
			}
		}
	}
	for _, child := range s.t.children[v] {
		s.count(child, m, tally)
	}
}

func (o *onset) lastEnd() moment {
	if len(o.ends) > 0 {
		return o.ends[len(o.ends)-1]
	}
	return o.bound
}
