package headend

import "time"

// StoredEvent is an event with who said it and when it came in.
type StoredEvent struct {
	Event
	Device   DeviceID
	Gateway  DeviceID // who delivered it; "" when the device spoke for itself
	Received time.Time
}

// EventFilter picks events of a time; empty fields pick all.
type EventFilter struct {
	Device   DeviceID
	Node     string // that the device stood for when it happened
	Type     EventType
	From, To time.Time // half-open
}
