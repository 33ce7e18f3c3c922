package headend

import "time"

// Duty is what the devices of one schedule owe in one local hour: a register at each slot.
type Duty struct {
	Hour      time.Time   // begin of the local hour, UTC: all slots lie after it and not after its end
	Begins    []time.Time // of the intervals, as many as slots
	Slots     []time.Time // their ends, in order: when a register is owed. At most 60
	Tolerance time.Duration
	Within    time.Duration // a register that comes up to this after its slot is in time
	Schedule  string        // its name, for reports
	Models    []string      // whose devices these are
	Others    bool          // and those of models without a type
	Quantity  Quantity
	Against   Quality       // a register with one of these is none
	Now       time.Time     // when the duty is looked at
	First     time.Duration // from then until a gap is asked for
	Spread    time.Duration // and over this, by a hash of the usage point
}

// Assessed is what came of a duty.
type Assessed struct {
	Devices  int // that owed something
	Expected int // registers
	Missing  int
	Gaps     int // opened
	Extended int // gaps that go on
}

// Gap is a run of intervals of a usage point whose closing registers are not there. Its states are those of package billing.
type Gap struct {
	Number     int64 // 0: not stored yet
	UsagePoint string
	Quantity   Quantity
	From, To   time.Time // from the begin of the first interval to the end of the last
	State      string    // open, requested, filled, estimated, given_up
	Attempts   int
	Opened     time.Time
	Changed    time.Time
	Next       time.Time // zero: time alone changes nothing
}

// GapChange puts gaps in the place of one. All belong to its usage point and quantity.
type GapChange struct {
	Former Gap
	Now    []Gap // the first one keeps the number
}

// GapFilter picks gaps.
type GapFilter struct {
	UsagePoint   string
	Organisation string // and those below
	State        string
	Quantity     Quantity
	From, To     time.Time // gaps that reach into this time; zero: without bound
}

// LateReads are meters of which readings of an hour came after it was over.
type LateReads struct {
	Hour   time.Time // of UTC
	Meters []int32
}

// LateSuccess is how many missing registers of a device came after all.
type LateSuccess struct {
	Device   int32
	Hour     time.Time // local, as in Duty
	Schedule string
	Quantity Quantity
	InTime   int
	Late     int
}

// SuccessFilter says what read success is reported of.
type SuccessFilter struct {
	By       string // organisation, gateway, model, schedule; "" for all together
	Daily    bool   // by local day, otherwise by local hour; Whole leaves both out
	Whole    bool
	From, To time.Time // hours that begin in this time
	Pending  time.Time // what is missing of hours that end after this may still come in time
	Quantity Quantity
}

// SuccessRow is read success of one unit in one hour or day. Expected = InTime + Late + Missing + Pending.
type SuccessRow struct {
	Key      string // id of the organisation or gateway, model or schedule; "": none
	Name     string
	Bucket   time.Time // zero: the whole time
	Expected int64
	InTime   int64
	Late     int64
	Missing  int64
	Pending  int64
}
