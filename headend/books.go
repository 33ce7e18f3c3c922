package headend

import (
	"context"
	"encoding/json"
	"time"
)

// The books are sums of the ledger that are stored, so that a year of it is answered without reading it. What the sums
// mean is known to the accounting; here they are cells with a key.

// WholeMonth is the Day of a BookCell that holds all days of its month.
const WholeMonth int32 = -1 << 31

// BookCell is one stored sum: a category of the interruptions of one unit that began in one month, or on one day.
type BookCell struct {
	Path      []string // ids of the unit and all above it, the smallest first; empty: nowhere
	Month     int32    // since January of the year 0
	Day       int32    // since 1 January 1970, or WholeMonth
	Category  string
	CI, CMS   int64  // customers interrupted, customer-milliseconds: for sums over days
	Figures   []byte // all figures, JSON; empty: the cell is to be deleted
	Customers []byte // sets of usage points; nil: none, or not asked for
}

// BookDay is what is stored of one day, over units and categories.
type BookDay struct {
	Day     int32
	CI, CMS int64
}

// BookState says from what the stored sums were made.
type BookState struct {
	Revision  int64     // of the ledger
	AsOf      time.Time // open interruptions lasted until then
	Placement int64     // of the registry, see BookStanding
	Kept      string    // which policies, in which wording, by what: another text asks for new sums
}

// BookStanding is what there is at one moment.
type BookStanding struct {
	Revision  int64      // of the ledger
	Placement int64      // grows when interruptions that are in the ledger may belong elsewhere than before
	Registry  int64      // grows with every change of the registry
	Stored    *BookState // nil: no sums are stored
}

// BookNote counts what stands in no unit: interruptions of a month where no customer was, and causes without a table.
type BookNote struct {
	Month int32
	Cause string // "": where no customer was
	Count int64
}

// BookKey names one kind of sums.
type BookKey struct {
	Policy string // name and digest of its file
	By     string
}

// BookPick picks cells.
type BookPick struct {
	BookKey
	Unit      string     // id that is in the path; "": all
	Months    []int32    // these, whole
	Days      []int32    // all days of these months
	Cells     []BookCell // beside them: all categories of these, of which Path, Month and Day are looked at
	Customers bool       // with the sets
}

// BookRegistry is the registry as the accounting needs it.
type BookRegistry struct {
	Organisations []Organisation
	Nodes         []Node
	Points        []GridPoint // without names and addresses
}

// BookRows picks rows of the ledger for accounting.
type BookRows struct {
	Revision int64     // the version of each row that held at this revision; 0: the last one
	Versions bool      // all versions of each row up to the Revision, withdrawn ones too
	From, To time.Time // enough to account what began in this time, half-open; zero: all
	Points   []uint32  // only of these usage points; nil: of all
	// First and Last are usage points too: those from First to Last. Last 0 is no bound.
	First, Last uint32
}

// DaySum is what a utility counted on one day before there was a head-end, or beside it.
type DaySum struct {
	Organisation string
	Date         time.Time // midnight UTC of the date
	Customers    int64     // served
	CI           int64     // customers interrupted
	CMS          int64     // customer-milliseconds
}

// Target is what an organisation is held to in one year.
type Target struct {
	Organisation string
	Year         int
	Index        string // saidi, saifi, maifi, losses
	Value        string // decimal: minutes, interruptions a customer, or percent
}

// CustomerCount is how many customers billing has for an organisation in one month.
type CustomerCount struct {
	Organisation string
	Month        time.Time // midnight UTC of its first day
	Customers    int64
}

// BookSnapshot is the store as it is at one moment. The writing methods are of use only where the snapshot was opened
// for writing.
type BookSnapshot interface {
	Standing(ctx context.Context) (BookStanding, error)
	Registry(ctx context.Context) (BookRegistry, error)
	// Span is when the first interruption began and the last one, zero times in an empty ledger.
	Span(ctx context.Context) (first, last time.Time, err error)
	// Rows passes rows to take, those of one usage point together.
	Rows(ctx context.Context, pick BookRows, take func(*Interruption) error) error
	// PointNames are the ids of usage points by number.
	PointNames(ctx context.Context, numbers []uint32) (map[uint32]string, error)
	// LastPoint is the highest number of a usage point in the ledger.
	LastPoint(ctx context.Context) (uint32, error)
	// Changed are the usage points, in order, whose rows have changed after a revision, or were not over at a moment.
	Changed(ctx context.Context, after int64, open time.Time) ([]uint32, error)
	Cells(ctx context.Context, pick BookPick) ([]BookCell, error)
	// Days are the totals of the days of a half-open time, in the given categories, of the units that have id in their
	// path; days without any are not in the list.
	Days(ctx context.Context, key BookKey, id string, categories []string, from, to int32) ([]BookDay, error)
	Notes(ctx context.Context, key BookKey) ([]BookNote, error)

	// DaySums are imported ones of an organisation, by date. The dates are half-open.
	DaySums(ctx context.Context, organisation string, from, to time.Time) ([]DaySum, error)
	Targets(ctx context.Context) ([]Target, error)
	CustomerCounts(ctx context.Context) ([]CustomerCount, error)
	// Outages are faults and planned cuts that began in a half-open time, for the service indicators.
	Outages(ctx context.Context, from, to time.Time) ([]BookOutage, error)

	// Failures are those of which only counters know, by the later reading, which lies in a half-open time, as a revision
	// of the ledger had them.
	Failures(ctx context.Context, revision int64, from, to time.Time) ([]BookFailures, error)

	LossTerms(ctx context.Context) ([]LossTerm, error)
	// Metered are all metering points with their energy between two moments.
	Metered(ctx context.Context, from, to time.Time) ([]MeteredPoint, error)

	// Clear deletes all sums.
	Clear(ctx context.Context) error
	// Put writes cells over those with the same key.
	Put(ctx context.Context, key BookKey, cells []BookCell) error
	// PutNotes adds to notes.
	PutNotes(ctx context.Context, key BookKey, notes []BookNote) error
	PutState(ctx context.Context, s BookState) error
}

// BookOutage is an outage with what the service indicators need of the plan it belongs to.
type BookOutage struct {
	Number     int64
	Node       string
	UsagePoint uint32 // a usage point that was interrupted, the lowest number; 0 where Counted is false
	Counted    bool   // somebody was interrupted
	Cause      string
	Planned    bool
	Own        bool
	Start      time.Time
	Restored   time.Time // end of the last interruption; zero: not yet
	WindowFrom time.Time // of the plan; zero: none
	WindowTo   time.Time
	Notice     time.Time
}

// BookFailures is how many times a usage point was without supply between two readings of its meter's counter beside the
// interruptions of the ledger.
type BookFailures struct {
	UsagePoint uint32
	From, To   time.Time
	Count      int64
	AtLeast    bool // the meter's log overflowed in between: there may have been more
}

// ClosedPeriod is one revision of a month that was closed: the figures as they were signed.
type ClosedPeriod struct {
	Organisation string
	Month        time.Time // midnight UTC of its first day
	Policy       string
	Number       int   // 1, 2, …
	Revision     int64 // of the ledger
	AsOf         time.Time
	By           string
	Closed       time.Time
	Reason       string          // why there is another revision; "" for the first
	Figures      json.RawMessage // as they were
	Difference   json.RawMessage // to the revision before; empty for the first
}

// ReportRequest says what a report is about. Dates are midnights UTC, the period is half-open.
type ReportRequest struct {
	Unit      string // organisation or node; "": every organisation that stands at the top
	By        string // what a row is: organisation, corporation, company, district, substation, feeder, transformer, month; "": organisation
	Policy    string
	From, To  time.Time
	Monthly   bool      // a row for each unit and month, not for each unit
	Revision  int64     // of the ledger; 0: as it is now
	AsOf      time.Time // open interruptions last until then; zero: now
	Customers bool      // with the indices that compare customers: CN, CEMI, CELID and their kin
	Outages   bool      // with how many outages they were: this reads the ledger of the period
}

// BadRequest says what is wrong with a question: it is asked for something that cannot be.
type BadRequest struct{ Reason string }

// Error is the reason.
func (b *BadRequest) Error() string { return b.Reason }
