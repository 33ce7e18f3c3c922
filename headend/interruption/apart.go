package interruption

import (
	"math"
	"slices"
)

// apart cuts each onset in two where the nodes below began at different times and their clocks say so: the widest gap
// between two of them is less probable for one failure than two failures within the tolerance are.
func (s *solver) apart(v NodeNo, list []*onset) []*onset {
	var out []*onset
	for _, o := range list {
		for {
			cut := s.gap(v, o.kids)
			if cut == 0 {
				break
			}
			first := &onset{node: v, lo: unknown, vetoedBy: NoPoint, kids: slices.Clone(o.kids[:cut])}
			out = append(out, first)
			o.kids = o.kids[cut:]
		}
		out = append(out, o)
	}
	return out
}

// gap is the index of the first kid, in order of time, of another failure; 0: they are one.
func (s *solver) gap(v NodeNo, kids []*onset) int {
	wide, cut := moment(2000), 0 // devices tell seconds
	for i := 1; i < len(kids); i++ {
		if d := kids[i].m - kids[i-1].m; d > wide {
			wide, cut = d, i
		}
	}
	if cut == 0 {
		return 0
	}
	// How much clocks here differ: before anything is seen, a third of the tolerance; then what those below one node show, who
	// fell dark together.
	sigma := float64(span(s.d.settings.Tolerance)) / 3
	squares, freedom := sigma*sigma, 1.0
	first, second := 0, 0
	for i, k := range kids {
		exact := 0
		count(k, func(x *member) {
			if x.start != unknown && x.startBy <= ByDevice && x.phases == 0 {
				exact++
				d := float64(x.start - k.m)
				squares += d * d
			}
		})
		freedom += max(0, float64(exact-1))
		if i < cut {
			first += exact
		} else {
			second += exact
		}
	}
	if first == 0 || second == 0 {
		return 0
	}
	scale := squares / freedom * 2 // of a difference
	t := float64(wide) * float64(wide) / max(scale, 1e6)
	joined := -(freedom + 1) / 2 * math.Log(1+t/freedom)
	if joined+s.priorOf(v) < s.alone(v, kids[:cut])+s.alone(v, kids[cut:]) {
		return cut
	}
	return 0
}

func (s *solver) priorOf(v NodeNo) float64 { return s.d.settings.prior(s.d.net.nodes[v].kind) }

// alone is the prior of a failure that explains the kids and no others.
func (s *solver) alone(v NodeNo, kids []*onset) float64 {
	switch {
	case len(kids) > 1:
		return s.priorOf(v) + s.d.settings.Part
	case len(kids[0].members) == 1 && len(kids[0].kids) == 0:
		return s.d.settings.PriorPoint
	}
	return s.priorOf(kids[0].node)
}
