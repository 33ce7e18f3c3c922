package simulator

// Customer is the sort of load behind a usage point.
type Customer uint8

// Sorts of customers.
const (
	Household Customer = iota + 1
	SolarHousehold
	Trade // shop, workshop, small office
)

// Climate says what season drives the load: cooling (Vietnam) or heating and lighting (Europe).
type Climate uint8

// Climates.
const (
	Vietnam Climate = iota + 1
	Europe
)

// String is the name used in scenario files.
func (c Climate) String() string {
	switch c {
	case Vietnam:
		return "vietnam"
	case Europe:
		return "europe"
	}
	return "unknown"
}
