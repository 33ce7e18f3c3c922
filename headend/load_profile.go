package headend

import "time"

// AllClasses is the class of customers that a load profile is of which holds for every usage point.
const AllClasses = "*"

// LoadProfileSlot is a piece of the day in the load profile of a class of customers: how much of the energy falls into it, compared with
// the other slots of the week. Slots of a class are of one length and cover each day from local midnight on.
type LoadProfileSlot struct {
	Class string
	Day   string        // workday, saturday, sunday
	From  time.Duration // of the local clock, from 0 to below 24 h, whole minutes
	Share int64         // millionths, 0 or more
}
