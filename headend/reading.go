package headend

import "time"

// Reading is the value of one quantity at one time, with quality. What was not measured has no
// Reading.
type Reading struct {
	Time     time.Time // when it was measured, by the device's clock, UTC
	Quantity Quantity
	Value    Value
	Quality  Quality
}
