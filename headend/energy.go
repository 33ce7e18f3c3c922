package headend

import "time"

// Period is the length of a bucket of energy.
type Period string

// Periods: hours of UTC, days of the utility's zone.
const (
	ByHour Period = "hour"
	ByDay  Period = "day"
)

// Energy is what one meter counted for a usage point from the first register in a bucket on.
type Energy struct {
	Bucket time.Time // its beginning
	Meter  DeviceID
	Import *Consumption // nil: no register was read in the bucket
	Export *Consumption
}

// Consumption is the difference of two registers as they were read, at the times they were read:
// nothing is interpolated.
type Consumption struct {
	From, To time.Time
	Wh       int64
	// Gap: registers of at least one bucket between the two are missing, so that From and To are further
	// apart than a bucket.
	Gap bool
	// Open: no later bucket has a register yet; To is the last register of this one.
	Open bool
	// Backwards: the later register is lower, so Wh is no consumption.
	Backwards bool
}

// LoadHour is the energy of all usage points below a node in one hour.
type LoadHour struct {
	Hour        time.Time
	ImportWh    int64
	ExportWh    int64
	Reported    int // usage points with a register in this hour and the next
	UsagePoints int // usage points there are
}
