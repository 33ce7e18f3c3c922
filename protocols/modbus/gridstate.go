package modbus

import (
	"encoding/hex"
	"encoding/json"
	"time"

	"lastgasp/headend"
)

// memory is what was last reported of a state register.
type memory struct {
	position Position
	reported bool      // anything at all, since the driver started
	seen     time.Time // when the register was last read
	missed   int       // polls since
}

// eventOf names the event a new position is; "" where it is none.
func eventOf(thing Thing, p Position) headend.EventType {
	switch {
	case thing == Breaker && p == Open:
		return headend.EventBreakerOpen
	case thing == Breaker && p == Closed:
		return headend.EventBreakerClosed
	case thing == Breaker && p == Unknown:
		return headend.EventBreakerUnknown
	case p == Passed:
		return headend.EventFaultPassage
	case p == Present:
		return headend.EventSupplyPresent
	case p == Absent:
		return headend.EventSupplyAbsent
	}
	return ""
}

// proof is the poll that shows an event, as JSON in its Detail.
type proof struct {
	Poll     string `json:"poll"`           // the device's address
	Node     string `json:"node,omitempty"` // what it stands for
	Name     string `json:"name,omitempty"` // of the register, as the maker calls it
	Function byte   `json:"function"`
	Address  uint16 `json:"address"`
	Raw      string `json:"raw,omitempty"`    // the value read, in hexadecimal; none when nothing was read
	Before   string `json:"before,omitempty"` // the position before
	Seen     string `json:"seen,omitempty"`   // when that was last read
	Missed   int    `json:"missed,omitempty"` // polls without an answer
	Why      string `json:"why,omitempty"`    // what the last of them failed of; stuck: what was read does not change any more
}

func (u *unit) proof(register int, m *memory) proof {
	reg := &u.profile.Registers[register]
	p := proof{Poll: clip(u.address.String(), 200), Node: clip(u.device.Node, 128), Name: clip(reg.Name, 128), Function: reg.Function, Address: reg.Address + u.base}
	if m.reported {
		p.Before = m.position.String()
	}
	if !m.seen.IsZero() {
		p.Seen = m.seen.Format(time.RFC3339Nano)
	}
	return p
}

func clip(s string, most int) string {
	if len(s) > most {
		return s[:most]
	}
	return s
}

// observe takes what a poll read of a state and returns the event it is, if it is one. The change happened at some
// time since the register was read before, so the event's time is that of the reply and says so.
func (u *unit) observe(s seen, at time.Time) (headend.Event, bool) {
	m := u.states[s.register]
	reg := &u.profile.Registers[s.register]
	m.missed = 0
	if s.position == undecided || m.reported && m.position == s.position {
		m.seen = at
		return headend.Event{}, false
	}
	p := u.proof(s.register, m)
	var raw [8]byte
	n := 2 * int(reg.Count)
	if reg.Type == Bits {
		n = 2
	}
	for i := range n {
		raw[i] = byte(s.raw >> (8 * (n - 1 - i)))
	}
	p.Raw = hex.EncodeToString(raw[:n])
	if s.stuck {
		p.Why = "stuck"
	}
	m.position, m.reported, m.seen = s.position, true, at
	return u.event(reg, s.position, at, p)
}

// miss counts a poll in which a state was not read. After as many as the profile says it is unknown, which is an
// event for a breaker.
func (u *unit) miss(register int, at time.Time, why string) (headend.Event, bool) {
	m := u.states[register]
	reg := &u.profile.Registers[register]
	m.missed++
	if m.missed != u.profile.Missed || m.reported && m.position == Unknown {
		return headend.Event{}, false
	}
	p := u.proof(register, m)
	p.Missed, p.Why = m.missed, why
	m.position, m.reported = Unknown, true
	return u.event(reg, Unknown, at, p)
}

func (u *unit) event(reg *Register, position Position, at time.Time, p proof) (headend.Event, bool) {
	kind := eventOf(reg.Thing, position)
	if kind == "" {
		return headend.Event{}, false
	}
	detail, err := json.Marshal(p)
	if err != nil || len(detail) > headend.MaxEventDetail { // neither can be: clipped strings and numbers
		detail = nil
	}
	return headend.Event{Time: at, Type: kind, Seq: headend.NoSeq, Phases: reg.Phases, Quality: headend.QualityReceivedTime, Detail: string(detail)}, true
}
