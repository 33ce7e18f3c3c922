package interruption

import (
	"fmt"
	"slices"
)

// witness is what a device at a node says of that node's own supply, not of a usage point's.
type witness struct {
	stretch
	weight float64
	words  string
}

// weightOfBreaker is the weight of an open breaker, and of voltage absent at an RTU: more than any silence below
// it, less than a veto.
const weightOfBreaker = 40

// witnesses of a node: breakers, voltage at RTUs, the supply of gateways.
func (s *solver) witnesses(v NodeNo) []witness {
	var out []witness
	if dos := s.d.saidAt[v]; dos != nil {
		out = s.positions(dos, out)
	}
	for _, g := range s.d.net.gatewaysAt[v] {
		dos := s.d.said[g]
		if dos == nil {
			continue
		}
		own := subject{d: s.d, point: NoPoint}
		w := s.weights(v)
		spans, _ := own.stretches(dos.events)
		for _, x := range spans {
			if x.start == unknown || x.denied {
				continue
			}
			// Its supply is one witness among many, and a plug that was pulled is no fault: never enough alone (case 15).
			out = append(out, witness{x, min(w.gasp, 10), fmt.Sprintf("gateway %s lost its own supply at %s", s.d.net.DeviceID(g), x.start.clock(s.d.settings.Zone))})
		}
	}
	slices.SortFunc(out, func(a, b witness) int { return compare(a.edge(), b.edge()) })
	return out
}

// positions reads the breaker and the voltage of RTUs at a node.
func (s *solver) positions(dos *dossier, out []witness) []witness {
	tolerance := span(s.d.settings.Tolerance)
	var breaker, voltage *witness
	previous := unknown
	for _, e := range dos.events {
		m := s.d.clocks[e.device].correct(e.at)
		switch e.kind {
		case BreakerOpen:
			if breaker == nil {
				lo := m - 2*tolerance
				breaker = &witness{stretch{start: m, lo: lo, hi: m, end: open, bound: open, startBy: ByBreaker, endBy: ByNothing}, weightOfBreaker,
					fmt.Sprintf("breaker of %s open since %s", s.d.net.DeviceID(e.device), m.clock(s.d.settings.Zone))}
			}
		case BreakerClosed, BreakerUnknown:
			if breaker != nil {
				if e.kind == BreakerClosed {
					breaker.end, breaker.endBy = m, ByBreaker
				} else {
					breaker.bound = m // from here on it says nothing
				}
				out = append(out, *breaker)
				breaker = nil
			}
		case SupplyAbsent:
			if voltage == nil {
				voltage = &witness{stretch{start: m, lo: previous, hi: m, end: open, bound: open, startBy: ByBreaker, endBy: ByNothing, absent: true},
					weightOfBreaker, fmt.Sprintf("no voltage at %s since %s", s.d.net.DeviceID(e.device), m.clock(s.d.settings.Zone))}
			}
		case SupplyPresent:
			previous = m
			if voltage != nil {
				voltage.end, voltage.endBy = m, ByBreaker
				out = append(out, *voltage)
				voltage = nil
			}
		}
	}
	for _, w := range []*witness{breaker, voltage} {
		if w != nil {
			out = append(out, *w)
		}
	}
	return out
}

// closedThrough tells whether the breaker at a node was seen closed soon after an onset and not open in between, so
// that it was not this breaker.
func (s *solver) closedThrough(v NodeNo, m moment) bool {
	dos := s.d.saidAt[v]
	if dos == nil {
		return false
	}
	tolerance, closed := span(s.d.settings.Tolerance), false
	for _, e := range dos.events {
		if e.at < m-tolerance || e.at > m+span(s.d.settings.Fresh) {
			continue
		}
		switch e.kind {
		case BreakerOpen:
			return false
		case BreakerClosed:
			closed = closed || e.at > m
		}
	}
	return closed
}

// passage tells whether fault current went through a node at an onset.
func (s *solver) passage(v NodeNo, m moment) bool {
	dos := s.d.saidAt[v]
	return dos != nil && slices.ContainsFunc(dos.events, func(e event) bool {
		return e.kind == FaultPassage && m-2*minute <= e.at && e.at <= m+2*minute
	})
}

// linkLost tells whether a gateway's link is known to be lost around a moment, so that silence behind it says nothing.
func (d *Detector) linkLost(g DeviceNo, m moment) bool {
	if g == NoDevice {
		return false
	}
	dos := d.said[g]
	return dos != nil && dos.linkLost(m+span(d.settings.Hold+d.settings.Spread), m)
}

// linkLost tells whether the link was lost until the latest moment, and not back before m.
func (d *dossier) linkLost(latest, m moment) bool {
	lost := false
	for _, e := range d.events {
		if e.at > latest {
			break
		}
		switch e.kind {
		case LinkLost:
			lost = true
		case LinkBack:
			lost = lost && e.at > m
		}
	}
	return lost
}
