package headend

import "time"

// Quarantined is a message, or a part of one, that was set aside.
type Quarantined struct {
	Number   int64 // of the row; later ones have higher numbers
	Received time.Time
	Device   DeviceID // "" where none was known
	Source   Source
	Raw      []byte // in lists only its beginning
	Bytes    int    // length of the whole
	Refusal  Refusal
	Replayed time.Time // zero: not yet
}

// QuarantineFilter picks quarantined messages; empty fields pick all that have not been replayed.
type QuarantineFilter struct {
	Reason   Reason
	Device   DeviceID
	Replayed bool // those that have been replayed too
}
