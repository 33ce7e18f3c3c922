package headend

import (
	"context"
	"encoding/json"
	"time"
)

// BilledPoint is a usage point with all that billing needs of the registry.
type BilledPoint struct {
	ID           string
	Number       uint32
	Organisation string // now, or last
	Generation   bool
	Active       []Validity // in order
	Fittings     []BilledFitting
	Multipliers  []Multiplier
}

// Validity is a time in which something holds; zero: without bound on that side.
type Validity struct{ From, To time.Time }

// BilledFitting is an installation with what was noted when the meter came and went.
type BilledFitting struct {
	Installation
	Number       int32 // of the device
	Model        string
	Protocol     string
	Gateway      DeviceID
	First, Final map[Quantity]int64
}

// BilledRead is one row of readings as far as billing looks at it. Values are in the order in which quantities were
// asked for.
type BilledRead struct {
	Device         int32
	Time, Received time.Time
	Quality        Quality
	Values         []*Value // nil: was not measured
}

// FormerValue is a value that another one for the same meter, time and quantity has replaced.
type FormerValue struct {
	Device   int32
	Time     time.Time
	Quantity Quantity
	Value    int64
}

// BillingSet says which usage points are meant. All filters that are set must hold.
type BillingSet struct {
	UsagePoints  []string `json:"usage_points,omitempty"` // nil: all
	Organisation string   `json:"organisation,omitempty"` // and those below it
}

// CutOffQuestion asks for registers at one moment.
type CutOffQuestion struct {
	Set      BillingSet
	At       time.Time
	Reach    time.Duration // how far from it a register may be
	Quantity Quantity
	After    string // usage points after this one, in byte order
	Limit    int    // 0: all
}

// CutOffRow is a usage point with the registers around a moment of the one meter that was installed then. Who counts
// with roll-overs needs what lies between, too.
type CutOffRow struct {
	UsagePoint    string
	Number        uint32
	Device        DeviceID // "": none was installed
	Model         string
	From, To      time.Time // of the installation
	Meters        int       // installed at the moment; with more than one Device is one of them
	Noted         *int64    // read from the dial at the moment, which is the beginning of the installation
	Before, After *CutOffRead
	Multiplier    *Multiplier // nil: none is known
}

// CutOffRead is a register near a moment.
type CutOffRead struct {
	Time     time.Time
	Received time.Time
	Wh       int64
	Quality  Quality
}

// ValueVersion is one value of an interval as it was held from Made on. States and methods are those of package billing.
type ValueVersion struct {
	UsagePoint string
	Number     uint32 // of the usage point
	Quantity   Quantity
	From, To   time.Time
	Version    int // from 1
	State      string
	Wh         int64
	Method     string
	Summed     bool
	Absent     string // why it was missing
	Made       time.Time
	Reason     string // why it was written
}

// StoredFinding is what a rule holds against a stretch of time.
type StoredFinding struct {
	UsagePoint string
	Number     uint32 // of the usage point
	Quantity   Quantity
	Rule       string
	From, To   time.Time
	Detail     string
	Found      time.Time // first
	Gone       time.Time // zero: it holds
}

// FindingFilter picks findings.
type FindingFilter struct {
	UsagePoint   string
	Organisation string
	Rule         string
	From, To     time.Time
	Gone         bool // those that no longer hold too
}

// FindingPlace is where a finding stands in the order of its list.
type FindingPlace struct {
	From       time.Time `json:"f"`
	UsagePoint string    `json:"u"`
	Quantity   Quantity  `json:"q"`
	Rule       string    `json:"r"`
}

// BillingRun is a run: asked for, made, or failed.
type BillingRun struct {
	Number     int64
	ID         string // SHA-256 of the snapshot, hex; "" until it is made
	State      string // asked, made, failed
	By         string
	Asked      time.Time
	Made       time.Time
	From, To   time.Time
	Quantities []Quantity
	Set        BillingSet
	Values     bool            // lines hold their intervals
	Gate       json.RawMessage // of package billing; nil: as configured
	Lines      int64
	Passed     int64
	Held       int64
	Bytes      int64
	Reason     string   // why it failed
	ReviewOf   int64    // the run of which this one shows what has changed since; 0: none
	Review     int64    // the last one made that shows what has changed since this one; 0: none
	Revision   int64    // of the ledger that it was made of; 0: not made, or not noted
	Part       []string // organisations that who asked for it sees; none: everything
}

// BillingSnapshot is the store as it is at one moment.
type BillingSnapshot interface {
	// Now is when the snapshot was taken, by the database.
	Now(ctx context.Context) (time.Time, error)
	MeterTypes(ctx context.Context) ([]MeterType, error)
	// LoadProfiles are the slots of all load profiles, those of a class and day together and in order.
	LoadProfiles(ctx context.Context) ([]LoadProfileSlot, error)
	// Points are usage points in byte order of their ids, after one of them.
	Points(ctx context.Context, set BillingSet, after string, limit int) ([]BilledPoint, error)
	// PointsOf are the usage points with these numbers.
	PointsOf(ctx context.Context, numbers []uint32) ([]BilledPoint, error)
	// Reads passes readings of devices in a closed time to take, by device and time. The row is reused.
	Reads(ctx context.Context, devices []int32, from, to time.Time, quantities []Quantity, take func(*BilledRead) error) error
	// FormerValues are replaced values of devices in a closed time, of these quantities.
	FormerValues(ctx context.Context, devices []int32, from, to time.Time, quantities []Quantity) ([]FormerValue, error)
	// CutOff passes usage points with their registers around a moment to take, in byte order of their ids.
	CutOff(ctx context.Context, q CutOffQuestion, take func(*CutOffRow) error) error
	// Rows passes rows of the ledger to take, those of one usage point together.
	Rows(ctx context.Context, pick BookRows, take func(*Interruption) error) error
	// LedgerRevision is the last revision of the ledger.
	LedgerRevision(ctx context.Context) (int64, error)
	// Validated is until when days are validated, zero: never; and of the next day the usage points up to one.
	Validated(ctx context.Context) (upto time.Time, after string, err error)
	// Values are the current versions of intervals that begin in a half-open time, by usage point and time.
	Values(ctx context.Context, points []uint32, quantities []Quantity, from, to time.Time) ([]ValueVersion, error)
}

// RunResult is what a run came to.
type RunResult struct {
	ID                  string
	Lines, Passed, Held int64
	Revision            int64    // of the ledger
	Organisations       []string // of its usage points, "" where one belongs to none
}

// BillingKeeper is a transaction that changes what billing keeps, all or nothing.
type BillingKeeper interface {
	BillingSnapshot
	// Upto is until when duties have been looked at; zero: never.
	Upto(ctx context.Context) (time.Time, error)
	PutUpto(ctx context.Context, upto time.Time) error
	// Assess looks who has done the duties of one hour: it counts read success, and opens gaps or lets them go on.
	Assess(ctx context.Context, duties []Duty) ([]Assessed, error)
	// Review asks anew for runs of periods that ended after oldest and of whose time something came in late; once for each mark.
	Review(ctx context.Context, mark, oldest time.Time) (asked int, err error)
	PutValidated(ctx context.Context, upto time.Time, after string) error
	// TakeLate takes notes of late readings of hours that ended before a moment, at most so many.
	TakeLate(ctx context.Context, before time.Time, limit int) ([]LateReads, error)
	// GapsOf are gaps that are not filled and reach into a time, of the usage points whose meters these are.
	GapsOf(ctx context.Context, meters []int32, from, to time.Time) ([]Gap, error)
	// DueGaps are gaps that time alone changes now, those due longest first.
	DueGaps(ctx context.Context, now time.Time, limit int) ([]Gap, error)
	// Requested is how many gaps wait for an answer.
	Requested(ctx context.Context) (int, error)
	ChangeGaps(ctx context.Context, changes []GapChange) error
	// CountLate moves registers from missing to in time or late.
	CountLate(ctx context.Context, late []LateSuccess) error
	// PutValues stores values as the next versions of their intervals. Version is not looked at.
	PutValues(ctx context.Context, values []ValueVersion) error
	// PutFindings puts what rules found in the place of what they had found in that time of these usage points.
	PutFindings(ctx context.Context, points []uint32, quantity Quantity, from, to time.Time, found []StoredFinding) error
}
