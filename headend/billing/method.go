package billing

// Method names how an estimated value was made. The words are stored and exported.
type Method string

// Methods of estimation.
const (
	ByInterruption Method = "zero_in_interruption" // no supply over the whole interval
	ByLine         Method = "linear"               // on the line between the values before and after
	ByLikeDays     Method = "like_days"            // mean of the same time of like days
	ByProfile      Method = "load_profile"         // the shape of its class of customers
	ByDifference   Method = "register_difference"  // the rest of the register difference, in equal power
)
