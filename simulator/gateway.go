package simulator

import (
	"slices"
	"time"

	"lastgasp/headend"
)

// gateway is a concentrator's supply in a simulation. It lives on its backup for a while, passes on the
// last gasps of its meters, tells of its own loss, and then its connection breaks.
type gateway struct {
	off    bool
	dead   bool // its transformer is
	cable  int  // faults of its own supply
	change uint32
	downAt time.Time
	seq    int64
}

// supply tells the gateway whether its transformer is alive.
func (g *gateway) supply(s *Simulation, i int32, live bool, now time.Time) {
	g.dead = !live
	g.renew(s, i, now)
}

// renew works out whether the gateway has supply, and what it says of it.
func (g *gateway) renew(s *Simulation, i int32, now time.Time) {
	live := !g.dead && g.cable == 0
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
		if err := say(headend.EventPowerDown, g.downAt); err != nil || !s.scenario.Gasp.MadeUp || !s.senders[i].reachable() {
			return err
		}
		return g.makeUp(s, i)
	})
	s.agenda.put(now.Add(s.scenario.Gasp.Backup.draw(mix(key))), func(time.Time) error {
		if g.change == change {
			s.link(i, func(x *sender) { x.dead = true })
		}
		return nil
	})
}

// makeUp says a last gasp in the name of every meter behind the gateway.
func (g *gateway) makeUp(s *Simulation, i int32) error {
	for _, p := range s.senders[i].points {
		point := &s.grid.Points[p]
		h := Happening{Device: point.Meter, UsagePoint: point.ID, At: g.downAt, Time: g.downAt.Truncate(time.Second), Event: headend.EventPowerDown,
			Seq: headend.NoSeq, MadeUp: true}
		if err := s.say(i, &h, FateSent); err != nil {
			return err
		}
	}
	return nil
}

// loseGateway cuts a gateway's link, or its supply, for a while; 0: for good.
func (s *Simulation) loseGateway(kind FaultKind, i int32, length Span, key uint64, now time.Time) {
	f := s.newFault(kind, string(s.grid.Gateways[i].ID), now)
	s.faults = append(s.faults, f)
	change := func(by int, now time.Time) {
		if kind == FaultGatewayDark {
			s.gateways[i].cable += by
			s.gateways[i].renew(s, i, now)
			return
		}
		s.link(i, func(x *sender) { x.cut += by })
	}
	change(1, now)
	if d := length.draw(key); d > 0 {
		s.agenda.put(now.Add(d), func(now time.Time) error {
			s.faults = slices.DeleteFunc(s.faults, func(other *fault) bool { return other == f })
			change(-1, now)
			f.End = now
			return s.truth.Damaged(f.Damage)
		})
	}
}
