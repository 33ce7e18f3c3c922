package interruption

import (
	"time"

	"lastgasp/headend"
)

// Kind is what a piece of evidence states.
type Kind uint8

// Kinds of evidence. Who turns readings and events into evidence chooses by these words.
const (
	LifeSign      Kind = iota + 1 // a reading of an interval with supply, a ping answer, a voltage on the supply side
	PowerDown                     // last gasp, said by the dying device
	PowerUp                       // supply came back, said by the device
	PowerFailure                  // entry of the meter's own log: Time is its end, Duration its length: the truth
	LogRead                       // at Time the whole log since Time-Duration was read: what is not in it did not happen
	FailureCount                  // at Time the meter's counter of failures stood at Count
	ShortCount                    // the same, of a counter that counts only the short ones
	PhaseLost                     // Phases says which
	PhaseBack                     // Phases says which; 0: all
	SupplyAbsent                  // measured on the supply side: no voltage, though the device lives (solar, battery, RTU)
	SupplyPresent                 // measured on the supply side: voltage
	ClockSync                     // at Time (true) the clock was ahead by Duration; Count 1: it was set right with that
	RelayMoved                    // the customer's relay opened or closed: no interruption, and what is said around it neither
	LinkLost                      // the connection or will of a gateway or device: says nothing about supply
	LinkBack
	BreakerOpen // of the node the device sits at
	BreakerClosed
	BreakerUnknown // stale, invalid or between
	FaultPassage   // fault current went through here: the fault is below
)

var kindNames = [...]string{"", "life sign", "last gasp", "power-up", "log entry", "log read", "failure counter", "short-failure counter",
	"phase lost", "phase back", "supply absent", "supply present", "clock sync", "relay moved", "link lost", "link back",
	"breaker open", "breaker closed", "breaker unknown", "fault passage"}

// String is the kind in words.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown kind"
}

// Evidence is one statement of one device about supply. The same Device, Kind, Time, Seq, Duration, Phases and
// Count again is the same evidence.
type Evidence struct {
	Kind     Kind
	Device   DeviceNo // who states it
	Gateway  DeviceNo // who delivered it; NoDevice when the device spoke for itself
	Phases   headend.Phases
	MadeUp   bool // the decoder knows that the gateway speaks here for a meter it has not heard
	Quality  headend.Quality
	Time     time.Time     // when it happened, by the device's clock
	Received time.Time     // when the head-end learned of it first; stands in for a Time that is not usable
	Seq      int64         // the device's own number of the event, headend.NoSeq where it has none
	Duration time.Duration // of SupplyAbsent and PhaseLost a minute: somewhere in the minute from Time on; 0: at Time
	Count    int64
}

// FromEvent is the evidence in an event, and false for events that say nothing about supply.
func FromEvent(e *headend.Event, device, gateway DeviceNo, received time.Time) (Evidence, bool) {
	kind, ok := kindOf[e.Type]
	return Evidence{Kind: kind, Device: device, Gateway: gateway, Phases: e.Phases, Quality: e.Quality, Time: e.Time,
		Received: received, Seq: e.Seq, Duration: e.Duration}, ok
}

var kindOf = map[headend.EventType]Kind{
	headend.EventPowerDown: PowerDown, headend.EventPowerUp: PowerUp, headend.EventPowerFailure: PowerFailure,
	headend.EventPhaseLost: PhaseLost, headend.EventPhaseBack: PhaseBack, headend.EventRelayOpen: RelayMoved,
	headend.EventRelayClosed: RelayMoved, headend.EventOnline: LinkBack, headend.EventOffline: LinkLost,
	headend.EventBreakerOpen: BreakerOpen, headend.EventBreakerClosed: BreakerClosed, headend.EventBreakerUnknown: BreakerUnknown,
	headend.EventFaultPassage: FaultPassage, headend.EventSupplyPresent: SupplyPresent, headend.EventSupplyAbsent: SupplyAbsent,
}

// Verdict is what became of a piece of evidence.
type Verdict uint8

// Verdicts. All but Taken and Repeated are refusals that are counted.
const (
	Taken    Verdict = iota + 1
	Repeated         // it is known
	TooOld           // from before the window: whoever has the store may make a new Detector for that time
	Unplaced         // the device had no usage point, and no node, at that time: a lab, a store, an old meter
	TooMany          // more evidence of one usage point than MaxEvents
	Nonsense         // no such kind, a negative length, a time that is none
)

var verdictNames = [...]string{"", "taken", "repeated", "too old", "unplaced", "too many", "nonsense"}

// String is the verdict in words.
func (v Verdict) String() string { return verdictNames[v] }
