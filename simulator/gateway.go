package simulator

import (
	"time"

	"lastgasp/headend"
)

// gateway is a concentrator's supply in a simulation. It lives on its backup for a while, passes on the
// last gasps of its meters, tells of its own loss, and then its connection breaks.
type gateway struct {
	off    bool
	change uint32
	downAt time.Time
	seq    int64
}

// supply tells the gateway whether its transformer is alive.
func (g *gateway) supply(s *Simulation, i int32, live bool, now time.Time) {
	if g.off == !live {
		return
	}
	g.off = !live
	g.change++
	change := g.change
	say := func(event headend.EventType, at time.Time) error {
		h := Happening{Device: s.grid.Gateways[i].ID, At: at, Time: at.Truncate(time.Second), Event: event, Seq: g.seq}
		g.seq++
		fate := FateSent
		if !s.senders[i].reachable() {
			fate = FateLost
		}
		return s.say(i, &h, fate)
	}
	key := mix2(mixText(s.scenario.Seed, string(s.grid.Gateways[i].ID)), uint64(change))
	if live {
		s.agenda.put(now.Add(s.scenario.Gasp.Boot.draw(key)), func(time.Time) error {
			if g.change != change {
				return nil
			}
			s.link(i, func(x *sender) { x.dead = false })
			return say(headend.EventPowerUp, now)
		})
		return
	}
	g.downAt = now
	s.agenda.put(now.Add(s.scenario.Gasp.Hold.draw(key)), func(time.Time) error {
		if g.change != change {
			return nil
		}
		return say(headend.EventPowerDown, g.downAt)
	})
	s.agenda.put(now.Add(s.scenario.Gasp.Backup.draw(mix(key))), func(time.Time) error {
		if g.change == change {
			s.link(i, func(x *sender) { x.dead = true })
		}
		return nil
	})
}

// loseGateway cuts a gateway's link for a while; 0: for good.
func (s *Simulation) loseGateway(i int32, length Span, key uint64, now time.Time) {
	f := s.newFault(FaultGatewayLost, string(s.grid.Gateways[i].ID), now)
	s.faults = append(s.faults, f)
	s.link(i, func(x *sender) { x.cut++ })
	if d := length.draw(key); d > 0 {
		s.agenda.put(now.Add(d), func(now time.Time) error { return s.findGateway(i, f, now) })
	}
}

// findGateway gives a cut link back.
func (s *Simulation) findGateway(i int32, f *fault, now time.Time) error {
	for n := range s.faults {
		if s.faults[n] == f {
			s.faults = append(s.faults[:n], s.faults[n+1:]...)
			break
		}
	}
	s.link(i, func(x *sender) { x.cut-- })
	f.End = now
	return s.truth.Damaged(f.Damage)
}
