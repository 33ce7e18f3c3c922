package headend

import "time"

// Batch is what one device said in one message or one poll.
//
// A Batch with a Refusal carries no readings and no events: it is stored in quarantine with Raw, so
// that nothing is lost and the message can be replayed after a fix.
type Batch struct {
	Device   DeviceID  // whose readings these are; "" only in a refusal before a device was known
	Gateway  DeviceID  // who delivered them, "" when the device spoke for itself
	Received time.Time // when we learned of it, UTC
	Source   Source
	Raw      []byte // the message as it arrived; the owner may reuse it once Accept has returned
	Readings []Reading
	Events   []Event
	Refusal  *Refusal
}

// Source says by which way a batch came: the protocol and the address within it (an MQTT topic, a
// Modbus register range).
type Source struct {
	Protocol string // "mqtt", "modbus"
	Address  string
}

// Refusal says why a message, or a part of it, cannot be used.
type Refusal struct {
	Reason Reason // the class, for counting; few and fixed
	Detail string // what exactly, where, and what was expected, in words
}

// Error prints the class and the detail.
func (r *Refusal) Error() string {
	if r.Detail == "" {
		return string(r.Reason)
	}
	return string(r.Reason) + ": " + r.Detail
}

// Reason is the class of a Refusal.
type Reason string

// Reasons for quarantine.
const (
	ReasonMalformed     Reason = "malformed"      // cannot be parsed: truncated, wrong type, bad checksum
	ReasonTooLarge      Reason = "too_large"      // above a bound: bytes, depth, readings in a message
	ReasonForeignDevice Reason = "foreign_device" // names a device its sender may not speak for
	ReasonBadDevice     Reason = "bad_device"     // no device id, or one that is not allowed
	ReasonBadTime       Reason = "bad_time"       // an impossible time: 1970, 2099, not a time
	ReasonBadValue      Reason = "bad_value"      // an impossible value: a negative register
	ReasonBadQuantity   Reason = "bad_quantity"   // a name that cannot be stored
	ReasonUnknownAlias  Reason = "unknown_alias"  // Sparkplug: no birth explains this alias
	ReasonNoCodec       Reason = "no_codec"       // no codec is bound to this topic
	ReasonTooManyNew    Reason = "too_many_new"   // more unknown devices than the limit allows
	ReasonDatabase      Reason = "database"       // the database refused the rows
)

// Refused makes the batch that sets a message aside in quarantine.
func Refused(device DeviceID, received time.Time, source Source, raw []byte, reason Reason, detail string) Batch {
	return Batch{Device: device, Received: received, Source: source, Raw: raw,
		Refusal: &Refusal{Reason: reason, Detail: detail}}
}

// Appended counts what one commit did.
type Appended struct {
	Readings    int // readings stored new
	Duplicates  int // readings that were there already with the same value
	Conflicts   int // readings that replaced another value; the former one is in history
	Events      int // events stored new
	Repeats     int // events that were there already
	Quarantined int // messages or parts of messages set aside
	NewDevices  int // unknown devices registered as unassigned
	Unassigned  int // readings of devices that no usage point had at that time
}

// Add sums two counts.
func (a Appended) Add(b Appended) Appended {
	a.Readings += b.Readings
	a.Duplicates += b.Duplicates
	a.Conflicts += b.Conflicts
	a.Events += b.Events
	a.Repeats += b.Repeats
	a.Quarantined += b.Quarantined
	a.NewDevices += b.NewDevices
	a.Unassigned += b.Unassigned
	return a
}
