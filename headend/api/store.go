package api

import (
	"context"
	"time"

	"lastgasp/headend"
)

// Store is what the API asks. Its errors are *headend.Unknown for what is not there, headend.ErrTooSlow for a
// question that was given up, headend.ErrAway for a database that does not answer; anything else is a
// fault inside.
type Store interface {
	Registry
	Supply
	Field
	Measurements(ctx context.Context, id headend.DeviceID, quantities []headend.Quantity, from, to time.Time, limit int) ([]headend.Measurement, error)
	Energy(ctx context.Context, usagePoint string, by headend.Period, from, to time.Time) ([]headend.Energy, error)
	Load(ctx context.Context, node string, from, to time.Time) ([]headend.LoadHour, error)
	Events(ctx context.Context, f headend.EventFilter, after *headend.StoredEvent, limit int) ([]headend.StoredEvent, error)
	Quarantine
}

// Registry lists what there is, in the order of ids, after one of them.
type Registry interface {
	Devices(ctx context.Context, f headend.DeviceFilter, after headend.DeviceID, limit int) ([]headend.DeviceStatus, error)
	Device(ctx context.Context, id headend.DeviceID) (headend.DeviceStatus, error)
	UsagePoints(ctx context.Context, f headend.UsagePointFilter, after string, limit int) ([]headend.UsagePoint, error)
	UsagePoint(ctx context.Context, id string) (headend.UsagePointHistory, error)
	Nodes(ctx context.Context, f headend.NodeFilter, after string, limit int) ([]headend.Node, error)
	Node(ctx context.Context, id string) ([]headend.Node, error)
	Organisations(ctx context.Context, after string, limit int) ([]headend.Organisation, error)
	// Wholly returns *headend.Unknown for what is not the asker's own alone.
	Wholly(ctx context.Context, organisations, nodes, usagePoints []string) error
	// WhollyUnit is Wholly for an organisation, or where there is none of that id, a node.
	WhollyUnit(ctx context.Context, id string) error
}

// Quarantine keeps what could not be used.
type Quarantine interface {
	QuarantineList(ctx context.Context, f headend.QuarantineFilter, before int64, limit int) ([]headend.Quarantined, error)
	Quarantined(ctx context.Context, number int64) (headend.Quarantined, error)
	MarkReplayed(ctx context.Context, number int64) error
}

// Replayer decodes a quarantined message again and stores what it says. It returns what still cannot be
// used; the message is then not marked as replayed. An error means that nothing could be stored.
type Replayer interface {
	Replay(ctx context.Context, message headend.Quarantined) ([]headend.Refusal, error)
}

// Outages is what the API asks about outages, the ledger and the calendar of planned cuts. Errors as in Store.
type Outages interface {
	Outages(ctx context.Context, f headend.OutageFilter, after *headend.Outage, limit int) ([]headend.Outage, error)
	Outage(ctx context.Context, number int64) (headend.Outage, []headend.OutageChange, []headend.Decision, error)
	Ledger(ctx context.Context, f headend.LedgerFilter, after *headend.LedgerRow, limit int) ([]headend.LedgerRow, error)
	// DecideAll keeps what was decided about one outage, all or nothing.
	DecideAll(ctx context.Context, decisions []headend.Decision) ([]headend.Decision, error)
	PutPlans(ctx context.Context, plans []headend.Plan) error
	Plans(ctx context.Context, f headend.PlanFilter, after string, limit int) ([]headend.Plan, error)
	Plan(ctx context.Context, id string) (headend.Plan, error)
	// OutagesChanged gives a channel that gets a value after any head-end wrote to the ledger or an operator decided.
	// A value that waits stands for all changes since; cancel ends it.
	OutagesChanged() (changed <-chan struct{}, cancel func())
	// LedgerRevision is the last revision of the ledger. Revisions become visible in their order.
	LedgerRevision(ctx context.Context) (int64, error)
}
