package simulator

import (
	"encoding/csv"
	"fmt"
	"io"
	"time"
)

// PlannedWork is an entry of the calendar of planned cuts and work orders, as it was announced. What came of it, a
// cut that overran among them, is in the truth.
type PlannedWork struct {
	ID       string
	Kind     string // cut, firmware
	Node     string
	From, To time.Time
	Reason   string
	Notice   time.Time // when customers were told; zero: they were not
}

// unbounded is how far ahead a scenario without a length is announced.
const unbounded = 30 * 24 * time.Hour

// announce draws when and where an announced incident happens, puts it into the calendar and on the agenda.
func (s *Simulation) announce(in *Incident, key uint64) error {
	all, sort := s.places(in.Where, None)
	if sort != placeNode || len(all) == 0 {
		return fmt.Errorf("%s cannot strike %q", in.Fault, in.Where)
	}
	end := s.start.Add(unbounded)
	if length := s.scenario.Length.From; length > 0 {
		end = s.start.Add(length)
	}
	at := s.start
	if in.At != nil {
		at = at.Add(in.At.draw(key))
	} else {
		at = at.Add(in.After.draw(key)).Add(in.Every.draw(mix(key)))
	}
	for at.Before(end) && !s.calm(at) {
		key = mix(key)
		for n := range in.Spread {
			s.enter(in, all[mix2(key, uint64(n))%uint64(len(all))], at, mix2(key^1, uint64(n)))
		}
		if in.At != nil {
			break
		}
		at = at.Add(in.Every.draw(mix(key ^ 2)))
	}
	return nil
}

// enter puts one piece of announced work into the calendar and on the agenda.
func (s *Simulation) enter(in *Incident, node int32, at time.Time, key uint64) {
	w := PlannedWork{ID: fmt.Sprintf("P%d-%04d", s.start.Unix()/60, len(s.calendar)+1), Kind: "cut", Node: s.grid.Nodes[node].ID, From: at,
		To: at.Add(in.Window.draw(mix(key))), Reason: in.Reason}
	if in.Fault == FaultFirmware {
		w.Kind = string(FaultFirmware)
	}
	if in.Notice != (Span{}) {
		w.Notice = at.Add(-in.Notice.draw(mix(key ^ 1)))
	}
	s.calendar = append(s.calendar, w)
	s.agenda.put(at.Add(in.Delay.draw(mix(key^2))), func(now time.Time) error { return s.begin(in, node, mix(key^3), now) })
}

// calm tells whether the time lies in the scenario's calm, in which nothing new fails.
func (s *Simulation) calm(now time.Time) bool {
	return s.scenario.Calm.From > 0 && now.After(s.start.Add(s.scenario.Length.From-s.scenario.Calm.From))
}

// Calendar lists what is announced of the whole scenario; it is known before Run.
func (s *Simulation) Calendar() []PlannedWork { return s.calendar }

// WriteCalendar writes the calendar as the CSV file that headend import planned-outages takes.
func WriteCalendar(w io.Writer, calendar []PlannedWork) error {
	out := csv.NewWriter(w)
	text := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	rows := [][]string{{"id", "kind", "node", "usage_points", "from", "to", "reason", "notice", "status"}}
	for _, e := range calendar {
		rows = append(rows, []string{e.ID, e.Kind, e.Node, "", text(e.From), text(e.To), e.Reason, text(e.Notice), "planned"})
	}
	return out.WriteAll(rows) // flushes, and tells of the first error
}
