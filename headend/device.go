package headend

import (
	"fmt"
	"time"
)

// DeviceID is the name a device is known by outside: printed on it, in its topic, in the registry.
// It is 1 to 64 bytes of letters, digits and . _ : - and, for formats that name devices by a path, /.
type DeviceID string

// Validate returns an error that names the first fault of the id.
func (id DeviceID) Validate() error {
	if id == "" {
		return fmt.Errorf("device id is empty")
	}
	if len(id) > 64 {
		return fmt.Errorf("device id %q has %d bytes, at most 64 are allowed", clip(string(id)), len(id))
	}
	for i := 0; i < len(id); i++ {
		c := id[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '.', c == '_', c == ':', c == '-', c == '/':
		default:
			return fmt.Errorf("device id %q has the character %q; letters, digits and . _ : - / are allowed", clip(string(id)), c)
		}
	}
	return nil
}

// DeviceKind says what sort of hardware a device is.
type DeviceKind string

// Kinds of devices.
const (
	KindMeter   DeviceKind = "meter"
	KindGateway DeviceKind = "gateway"
	KindRTU     DeviceKind = "rtu"
)

// DeviceState is where a device is in its life.
type DeviceState string

// States of a device. An unassigned device was heard but nobody has said what it is; its readings
// are stored and wait for a usage point.
const (
	DeviceUnassigned DeviceState = "unassigned"
	DeviceActive     DeviceState = "active"
	DeviceRetired    DeviceState = "retired"
)

// Device is a piece of hardware that talks to us.
type Device struct {
	ID        DeviceID
	Kind      DeviceKind
	State     DeviceState
	Protocol  string // "mqtt", "modbus"
	Address   string // where it is reached, for protocols that poll
	Profile   string // the model's profile
	Gateway   DeviceID
	Node      string    // the piece of the network a feeder device stands for, "" for none
	FirstSeen time.Time // when it was registered or first heard
}

// Standing is what the registry knows of a device that matters when it speaks.
type Standing struct {
	Kind  DeviceKind
	State DeviceState
	// OwnSecret: the device has credentials of its own, so it speaks for itself and no gateway may.
	OwnSecret bool
	// Gateway is the one gateway that may deliver its readings; "" where any may.
	Gateway DeviceID
}
