package headend

import "time"

// PlanKind is what an entry of the calendar is.
type PlanKind string

// Kinds of entries. A cut classifies what happens in its window; work suppresses what the devices say meanwhile.
const (
	PlanCut        PlanKind = "cut"        // customers are cut off on purpose
	PlanExchange   PlanKind = "exchange"   // meters are exchanged
	PlanLaboratory PlanKind = "laboratory" // meters lie in the laboratory
	PlanFirmware   PlanKind = "firmware"   // firmware is loaded: meters fall silent and start anew
)

// Plan is an entry of the calendar of planned cuts and work orders, at a node and all below, or at single usage
// points. The same ID again replaces the entry; of two versions the one with the later Revised holds.
type Plan struct {
	ID          string
	Kind        PlanKind
	Node        string   // "": only UsagePoints
	UsagePoints []string // beside Node
	From, To    time.Time
	Reason      string
	Notice      time.Time // when customers were told; zero: they were not
	Revised     time.Time
	Dropped     bool   // called off
	By          string // who entered it
}

// PlanFilter picks entries of the calendar; empty fields pick all.
type PlanFilter struct {
	From, To time.Time // windows that overlap this time, half-open; zero: without bound
	Kind     PlanKind
}
