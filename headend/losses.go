package headend

import "time"

// LossTerm is one metering point of the energy balance of a unit, or all usage points below it.
type LossTerm struct {
	Unit     string // node or organisation
	Side     string // received, delivered
	Sign     int    // +1 or -1
	Point    string // usage point, or device that stands for a node; "": all usage points below the unit
	Register string // import, export
	Label    string // what it is, for people
}

// MeteredPoint is the energy between the registers of one meter that stand nearest to two moments, at most a day before
// each; the times say which.
type MeteredPoint struct {
	ID         string // of the usage point, or of the device that stands for a node
	UsagePoint uint32 // its number; 0 for such a device
	Node       string // the node such a device stands for; "" for a usage point
	Known      bool   // there are registers at both ends, of one meter that was there all the time
	From, To   time.Time
	ImportWh   int64
	ExportWh   int64
}
