package simulator

import (
	"encoding/json"
	"strconv"
	"time"

	"lastgasp/headend"
)

// memorySlots is how many of its last registers a meter keeps: a day and a half of half hours.
const memorySlots = 72

// remembered is what a meter keeps of a measurement.
type remembered struct {
	time               time.Time // by its clock
	importWh, exportWh int64
	twoWay             bool
}

// memory is a meter's load profile: the latest registers, the oldest overwritten.
type memory struct {
	slots []remembered
	next  int
}

func (m *memory) keep(r remembered) {
	if len(m.slots) < memorySlots {
		m.slots = append(m.slots, r)
		return
	}
	m.slots[m.next] = r
	m.next = (m.next + 1) % memorySlots
}

// readCommand is what comes down as a command to read back registers.
type readCommand struct {
	ID         string             `json:"id"`
	Command    string             `json:"command"`
	Device     headend.DeviceID   `json:"device"`
	Expires    time.Time          `json:"expires"`
	From       time.Time          `json:"from"`
	To         time.Time          `json:"to"`
	Quantities []headend.Quantity `json:"quantities"`
}

// Command takes a command that came to an account. A read is answered with the registers the meter still has in its memory after
// From and up to To, and then with an acknowledgement; a meter without supply answers nothing. Other commands are not answered, nor
// is what has expired or cannot be read.
func (s *Simulation) Command(account int, payload []byte) {
	var c readCommand
	if json.Unmarshal(payload, &c) != nil || c.Command != "read" || c.ID == "" || !c.From.Before(c.To) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if account < 0 || account >= len(s.senders) || s.hearer != nil || s.ctx == nil || s.now.After(c.Expires) {
		return
	}
	x := &s.senders[account]
	if c.Device == "" {
		c.Device = x.ID
	}
	for _, p := range x.points {
		if s.grid.Points[p].Meter == c.Device {
			// What cannot be handed over any more is not answered: whoever asked asks again.
			_ = s.readBack(int32(account), p, &c)
			return
		}
	}
}

// readBack hands over what the meter of a point remembers.
func (s *Simulation) readBack(account, point int32, c *readCommand) error {
	m, x := &s.meters[point], &s.senders[account]
	if m.dead || m.silent > 0 || !x.reachable() {
		return nil
	}
	round, count := message{topic: "reads"}, 0
	for i := range m.memory.slots {
		r := &m.memory.slots[(m.memory.next+i)%len(m.memory.slots)]
		if !r.time.After(c.From) || r.time.After(c.To) {
			continue
		}
		round.payload = c.appendRead(append(round.payload, ','), x, r)
		if count++; count%mostInMessage == 0 || x.gateway == None { // who speaks for himself sends objects
			if err := s.hand(account, round.end(x), s.now); err != nil {
				return err
			}
			round.payload = nil
		}
	}
	if len(round.payload) > 0 {
		if err := s.hand(account, round.end(x), s.now); err != nil {
			return err
		}
	}
	s.counts.ReadBack += count
	ack := struct {
		ID     string           `json:"id"`
		Device headend.DeviceID `json:"device,omitempty"`
		Status string           `json:"status"`
		Result map[string]int   `json:"result"`
	}{ID: c.ID, Status: "done", Result: map[string]int{"reads": count}}
	if c.Device != x.ID {
		ack.Device = c.Device
	}
	text, err := json.Marshal(ack)
	if err != nil {
		return err
	}
	return s.hand(account, message{topic: "ack", payload: text}, s.now)
}

// appendRead appends one remembered reading as the native format has it, with the quantities that are asked for.
func (c *readCommand) appendRead(b []byte, x *sender, r *remembered) []byte {
	b = append(b, '{')
	if x.gateway != None {
		b = append(append(append(b, `"device":"`...), c.Device...), `",`...)
	}
	b = r.time.UTC().AppendFormat(append(b, `"time":"`...), time.RFC3339)
	b = append(b, `","values":{`...)
	first := true
	for _, v := range [...]struct {
		quantity headend.Quantity
		wh       int64
		has      bool
	}{{headend.ImportWh, r.importWh, true}, {headend.ExportWh, r.exportWh, r.twoWay}} {
		if !v.has || !c.wants(v.quantity) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(append(b, '"'), v.quantity...), `":`...)
		b = strconv.AppendInt(b, v.wh, 10)
	}
	return append(b, "}}"...)
}

// wants tells whether a quantity is asked for; none means all.
func (c *readCommand) wants(q headend.Quantity) bool {
	for _, other := range c.Quantities {
		if other == q {
			return true
		}
	}
	return len(c.Quantities) == 0
}
