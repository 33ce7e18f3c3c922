package headend

import "strings"

// Quality says what is known against a reading or event. Zero is a plain measured value; each bit is
// one reservation. The numbers are stored: never renumber them.
type Quality uint16

const (
	// QualityReceivedTime: the device gave no usable time, so Received stands in for Time.
	QualityReceivedTime Quality = 1 << iota
	// QualityClockDoubtful: the device's clock disagrees with ours, or its local time was ambiguous.
	QualityClockDoubtful
	// QualityBackwards: a register lower than one the same meter reported for an earlier time.
	QualityBackwards
	// QualityCoarse: the device's number format cannot hold the last digit (float32 kWh).
	QualityCoarse
	// QualityHistorical: the device says it read this back from its own memory.
	QualityHistorical
	// QualityUncertain: the device itself marks the value as bad or not certain.
	QualityUncertain
)

var qualityNames = [...]string{"received_time", "clock_doubtful", "backwards", "coarse", "historical", "uncertain"}

// Names lists the set bits by name, lowest first; nil for a plain measured value.
func (q Quality) Names() []string {
	var names []string
	for i, name := range qualityNames {
		if q&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String joins the names with commas; "measured" when nothing is set.
func (q Quality) String() string {
	if q == 0 {
		return "measured"
	}
	return strings.Join(q.Names(), ",")
}
