package simulator

import (
	"slices"
	"time"

	"lastgasp/headend"
)

// unsettle begins a fault that leaves the supply as it is: a firmware push that silences meters, or clocks that jump. A
// drawn share of the meters below the node is concerned.
func (s *Simulation) unsettle(in *Incident, node int32, key uint64, now time.Time) error {
	var concerned []int32
	s.grid.Below(node, func(p int32) {
		if s.meters[p].sender != None && (in.Share == 0 || unit(mix2(key, uint64(p))) < in.Share) {
			concerned = append(concerned, p)
		}
	})
	f := s.newFault(in.Fault, s.grid.Nodes[node].ID, now)
	f.node, f.Points = node, len(concerned)
	s.faults = append(s.faults, f)
	for _, p := range concerned {
		if in.Fault == FaultFirmware {
			s.meters[p].silent++
			s.silenced[s.grid.Points[p].Meter]++
		} else {
			s.meters[p].clock += (in.By.From + time.Duration(unit(mix2(key^7, uint64(p)))*float64(in.By.To-in.By.From))).Truncate(time.Second)
		}
	}
	length := in.For.draw(mix(key ^ 4))
	if length == 0 {
		return nil
	}
	s.agenda.put(now.Add(length), func(now time.Time) error {
		s.faults = slices.DeleteFunc(s.faults, func(other *fault) bool { return other == f })
		f.End = now
		for _, p := range concerned {
			if in.Fault == FaultFirmware {
				s.meters[p].silent--
				s.silenced[s.grid.Points[p].Meter]--
			} else if err := s.meters[p].setClock(s, p, now); err != nil {
				return err
			}
		}
		return s.truth.Damaged(f.Damage)
	})
	return nil
}

// setClock sets a meter's clock right. One without supply is right when it boots, as if it had asked for the time.
func (m *meter) setClock(s *Simulation, i int32, now time.Time) error {
	former := m.time(s, now)
	m.clock, m.setAt = 0, now
	if m.dead || m.silent > 0 || m.missing == s.grid.Points[i].Phases {
		return nil
	}
	h := Happening{Device: s.grid.Points[i].Meter, UsagePoint: s.grid.Points[i].ID, At: now, Time: m.time(s, now), Event: headend.EventClockSet,
		Seq: m.seq, Former: former}
	m.seq++
	return s.say(m.sender, &h, FateSent)
}

// planClocks has every clock set right again and again, those behind one gateway together. At the start each has run since
// it was last set.
func (s *Simulation) planClocks() {
	every := s.scenario.Clocks.SetEvery
	if every.From <= 0 {
		return
	}
	for number := range s.senders {
		x := &s.senders[number]
		key := mixText(s.scenario.Seed^0x636c6f636b, string(x.ID))
		last := s.start.Add(-time.Duration(unit(mix(key)) * float64(every.From)))
		for _, p := range x.points {
			s.meters[p].setAt = last
		}
		var set func(time.Time) error
		set = func(now time.Time) error {
			key = mix(key)
			s.agenda.put(now.Add(every.draw(key)), set)
			for _, p := range x.points {
				if err := s.meters[p].setClock(s, p, now); err != nil {
					return err
				}
			}
			return nil
		}
		if s.hearer != nil { // who has listened before knows when they were set last
			s.agenda.put(s.start, func(now time.Time) error { return s.recall(x, int32(number), last, now) })
		}
		s.agenda.put(last.Add(every.From), set)
	}
}

// recall tells of the last setting of the clocks behind a sender before the start.
func (s *Simulation) recall(x *sender, number int32, last, now time.Time) error {
	m := message{topic: "events"}
	for _, p := range x.points {
		h := Happening{Device: s.grid.Points[p].Meter, Time: last.Truncate(time.Second), Event: headend.EventClockSet, Seq: headend.NoSeq, Former: last.Truncate(time.Second)}
		b := s.batch(x, h.Device)
		b.Events = []headend.Event{h.event()}
		m.batches = append(m.batches, b)
	}
	return s.hand(number, m, now)
}
