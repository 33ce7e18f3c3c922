package headend

import "time"

// Connection is a gateway or RTU, and whether its link is up.
type Connection struct {
	Device
	Behind    int       // active devices that speak through it
	Link      EventType // EventOnline or EventOffline, whichever was said last; "": neither
	LinkAt    time.Time // when
	LastHeard time.Time // when its last reading or event came in; zero: never
}

// ConnectionFilter picks connections; empty fields pick all.
type ConnectionFilter struct {
	Kind  DeviceKind // KindGateway or KindRTU
	State string     // online, offline, unknown: neither was ever said
}
