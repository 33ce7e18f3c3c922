package headend

import "time"

// Line is one line of a registry file: a Row, or the reason why none could be made of it.
type Line[Row any] struct {
	Number  int    // of the line in the file, from 1; the header is line 1
	ID      string // of what the line is about, as far as it could be read
	Row     Row
	Refusal string // "" when Row can be used
}

// DeviceRow is a line about a device: the device, where it is installed, and its password.
type DeviceRow struct {
	Device     Device
	UsagePoint string    // "" for a device that measures none
	From       time.Time // of the installation
	To         time.Time // zero: still installed
	Password   string    // "" leaves the stored one
}

// InterruptionRow is a line about an interruption from before the head-end.
type InterruptionRow struct {
	UsagePoint string
	Start, End time.Time
	Outage     string // the utility's own number of it; "" for none
	Cause      string
	Phases     Phases // lost; 0: all
	Planned    bool
}

// RefusedLine is a line of a registry file that cannot be used, and why.
type RefusedLine struct {
	Line   int
	ID     string
	Reason string
}

// Imported says what a registry file did.
type Imported struct {
	Lines     int           // without the header
	New       int           // lines about something the registry did not know
	Changed   int           // lines that changed something it knew
	Unchanged int           // lines that said what it knew
	Refused   []RefusedLine // in the order of the lines
	Written   bool          // false: nothing was written, because lines were refused
}
