package billing

// Reason says why something is not known; "" where it is. The words are stored and exported: never rename them.
type Reason string

// Why a register or a consumption is not known.
const (
	NoMeter       Reason = "no_meter"        // no meter was installed
	TwoMeters     Reason = "two_meters"      // two meters were installed at once: which one counted is not known
	NoMultiplier  Reason = "no_multiplier"   // the multiplier of this time is not known
	NoRegister    Reason = "no_register"     // no register was read near enough to the cut-off
	SameRegister  Reason = "same_register"   // one and the same read stands for both ends
	Backwards     Reason = "backwards"       // the register ran backwards, and it was no roll-over
	RolloverDoubt Reason = "rollover_doubt"  // lower than before; a roll-over could not be proven: dial or limit is not known
	RolloverTwice Reason = "rollover_twice"  // the dial can have gone round once more than seen
	Impossible    Reason = "impossible"      // more than the connection can carry
	BeyondDial    Reason = "beyond_dial"     // a register with more digits than the dial has
	Negative      Reason = "negative"        // a register below zero
	Overflow      Reason = "overflow"        // a number beyond int64
	NotMeasured   Reason = "not_measured"    // no interval of the period has a value
	MovedInOutage Reason = "moved_in_outage" // the register moved although supply was interrupted all the time
	NotEnough     Reason = "not_enough"      // measured values around and like days do not suffice to estimate
	TooLong       Reason = "gap_too_long"    // longer than may be estimated without a register difference
)
