package headend

import "time"

// EventType names what a device says happened.
type EventType string

// Events the head-end understands. Others are stored under the name the device's codec gave them.
const (
	EventPowerDown    EventType = "power_down"    // last gasp: supply lost, said by the dying device
	EventPowerUp      EventType = "power_up"      // supply is back
	EventPowerFailure EventType = "power_failure" // an entry of the meter's own log: Time is the end, Duration the length
	EventLogRead      EventType = "log_read"      // the whole log of the last Duration was read: what is not in it did not happen
	EventPhaseLost    EventType = "phase_lost"    // Phases says which
	EventPhaseBack    EventType = "phase_back"
	EventRelayOpen    EventType = "relay_open" // the customer's relay: no supply interruption
	EventRelayClosed  EventType = "relay_closed"
	EventTamper       EventType = "tamper"
	EventClockSet     EventType = "clock_set" // Detail may hold the former time as {"former":"2026-11-21T10:30:00Z"}
	EventOnline       EventType = "online"    // the link to the device is up
	EventOffline      EventType = "offline"   // the link is lost: says nothing about supply
	EventUndervoltage EventType = "undervoltage"
	EventOvervoltage  EventType = "overvoltage"

	EventBreakerOpen    EventType = "breaker_open"
	EventBreakerClosed  EventType = "breaker_closed"
	EventBreakerUnknown EventType = "breaker_unknown" // stale, invalid or between: not a position
	EventFaultPassage   EventType = "fault_passage"   // fault current went through here
	EventSupplyPresent  EventType = "supply_present"  // Phases says where voltage is
	EventSupplyAbsent   EventType = "supply_absent"

	EventAck EventType = "ack" // answer to a command; Detail is the answer as the device wrote it
)

// MaxEventDetail bounds Event.Detail, in bytes.
const MaxEventDetail = 1024

// NoSeq is the Seq of an event whose device does not number its events.
const NoSeq int64 = -1

// Event is something a device says happened. The same device, Time, Type, Seq and Detail again is
// the same event repeated.
type Event struct {
	Time     time.Time // when it happened at the device, UTC; Received with QualityReceivedTime where it did not say
	Type     EventType
	Seq      int64         // the device's own number of the event, NoSeq where it has none
	Duration time.Duration // of a log entry; 0 otherwise
	Phases   Phases        // which phases it concerns; 0 where the device did not say
	Quality  Quality
	Detail   string // JSON the device added, "" where there is none; at most MaxEventDetail bytes
}

// Phases is a set of phases.
type Phases uint8

// The three phases.
const (
	L1 Phases = 1 << iota
	L2
	L3
)

// String prints the set as "L1,L3"; "" for the empty set.
func (p Phases) String() string {
	s := ""
	for i, name := range [...]string{"L1", "L2", "L3"} {
		if p&(1<<i) != 0 {
			if s != "" {
				s += ","
			}
			s += name
		}
	}
	return s
}
