package headend

import "time"

// WebhookEvent is a kind of event that another system can be told of.
type WebhookEvent string

// Kinds of events.
const (
	OutageOpened    WebhookEvent = "outage.opened"    // an outage is told of for the first time, or again after it was over
	OutageChanged   WebhookEvent = "outage.changed"   // its state, place, customers, times or cause have changed
	OutageOver      WebhookEvent = "outage.closed"    // closed or withdrawn
	CompletenessLow WebhookEvent = "completeness.low" // readings that are due are missing
	WebhookPing     WebhookEvent = "ping"             // somebody tries the webhook
)

// WebhookEvents are those that can be chosen; a ping comes to every webhook when asked for.
func WebhookEvents() []WebhookEvent {
	return []WebhookEvent{OutageOpened, OutageChanged, OutageOver, CompletenessLow}
}

// Webhook is an address of another system that is told of events.
type Webhook struct {
	Number      int64 // given by the store
	URL         string
	Events      []WebhookEvent
	Description string
	Enabled     bool // false: it waits, and nothing new is written down for it
	Created     time.Time
	Changed     time.Time

	Secret      []byte    // sealed; what deliveries are signed with
	Former      []byte    // sealed; the secret before, which signs too until FormerUntil
	FormerUntil time.Time // zero: there is no former one

	Waiting   int       // deliveries that are not at an end
	GaveUp    int       // deliveries given up in the last 24 hours
	Delivered time.Time // the last success; zero: none yet
}

// DeliveryState is where a delivery is in its life.
type DeliveryState string

// States of a delivery.
const (
	DeliveryWaiting   DeliveryState = "waiting"   // not tried yet, or to be tried again
	DeliveryDelivered DeliveryState = "delivered" // the other system answered 2xx
	DeliveryGivenUp   DeliveryState = "given_up"  // tried as often as is tried; only by hand again
)

// Delivery is one event on its way to one webhook.
type Delivery struct {
	Number   int64 // given by the store, in the order of events
	Webhook  int64
	Event    WebhookEvent
	Message  string // the same for every webhook and every attempt: by it the receiver knows what it has had
	Subject  string // what it is about; of one subject and webhook the earlier is delivered first
	Body     []byte // JSON, the same bytes at every attempt
	Created  time.Time
	State    DeliveryState
	Attempts int       // begun so far
	Due      time.Time // of the next attempt, while it waits
	Ended    time.Time // zero while it waits
	Again    int64     // the delivery that this one repeats by hand; 0 for none
	Reason   string    // of the last failure
	Log      []Attempt // where asked for: oldest first
}

// Attempt is one try of a delivery.
type Attempt struct {
	Delivery int64
	Number   int // from 1
	At       time.Time
	Status   int           // HTTP status; 0: there was no answer
	Latency  time.Duration // until the answer, or the failure
	Failure  string        // "" for a success
}

// Parcel is a delivery that has been taken to be tried, with where it goes.
type Parcel struct {
	Delivery
	Address Webhook
}

// Told is what other systems have been told of a subject.
type Told struct {
	Over bool   // that it is over
	Face string // what of it was told; a change is news
}

// News is an event to write down for all webhooks that chose it.
type News struct {
	Event   WebhookEvent
	Message string
	Subject string
	Body    []byte
	Told    Told // of the subject, from now on
}
