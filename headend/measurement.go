package headend

import "time"

// Measurement is all that one device measured at one time.
type Measurement struct {
	Time     time.Time // by the device's clock, UTC
	Received time.Time // when the latest of the values came in
	Quality  Quality   // of all values together
	Values   []QuantityValue
}

// QuantityValue is one value of a Measurement.
type QuantityValue struct {
	Quantity Quantity
	Value    Value
}
