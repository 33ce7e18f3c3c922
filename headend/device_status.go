package headend

import "time"

// DeviceStatus is a device with what is known of it now.
type DeviceStatus struct {
	Device
	UsagePoint   string // that it measures now; "" for none
	PointName    string // of that usage point, as PointAddress; "" where it has none
	PointAddress string

	// These are filled in for one device alone, not in lists.
	LastHeard     time.Time    // zero: never
	LastReading   *Measurement // nil: none
	Installations []Installation
}

// DeviceFilter picks devices; empty fields pick all.
type DeviceFilter struct {
	Kind       DeviceKind
	State      DeviceState
	UsagePoint string // measured now
	Node       string // at or below which the usage point hangs now
	Text       string // part of the device's or usage point's id, or of the usage point's name or address; case of a to z does not matter
}
