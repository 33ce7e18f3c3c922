package headend

import "time"

// MeterType says how the meters of one model are built and what they owe.
type MeterType struct {
	Model     string        // as Device.Profile has it
	Digits    int           // registers wrap to 0 after this many; 0: not known
	UnitWh    int64         // worth of the last digit in Wh, at least 1; a dial of whole kWh has 1000
	MaxW      int64         // the most a meter can carry, as it counts, in W; 0: not known
	Every     time.Duration // a register is owed at the end of each, from local midnight on; 0: Calendar says
	Calendar  string        // day or month, where Every is 0
	Tolerance time.Duration // how far from the end of an interval its register may be read
	Registers []Quantity    // that are owed
	NominalV  float64       // of v1 to v3; 0: not known
	RatedA    float64       // of i1 to i3; 0: not known
}

// Multiplier is the ratio of the current and voltage transformers of a usage point, Numerator/Denominator.
type Multiplier struct {
	UsagePoint  string
	Numerator   int64
	Denominator int64
	From, To    time.Time // zero: without bound
}

// NotedRegister is what somebody read from a dial when a meter came or went, in Wh or varh.
type NotedRegister struct {
	Device   DeviceID
	Time     time.Time // the beginning or the end of an installation
	Quantity Quantity
	Wh       int64
}
