package export

import (
	"errors"
	"fmt"
	"iter"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing"
)

// ErrRow says that a format cannot carry a row, or that rows are out of order.
var ErrRow = errors.New("row")

// Kind says what a row is about.
type Kind uint8

// Kinds of rows.
const (
	Interval Kind = iota + 1 // energy of a usage point from From to To
	Register                 // register of a meter at To, before the multiplier
)

var kindNames = [...]string{"", "interval", "register"}

// String is the word that is exported.
func (k Kind) String() string { return kindNames[k] }

// MarshalText writes the word.
func (k Kind) MarshalText() ([]byte, error) { return []byte(kindNames[k]), nil }

// Row is one number of one usage point and quantity, with where it comes from.
type Row struct {
	UsagePoint string
	Meter      headend.DeviceID
	Quantity   headend.Quantity
	Kind       Kind
	From, To   time.Time // of a register both are the cut-off
	State      billing.State
	Wh         int64 // nothing where State is billing.Missing
	Method     billing.Method
	Absent     billing.Reason
	How        billing.How   // of a register
	Distance   time.Duration // of a register from the cut-off
	Outage     bool          // wholly within a proven interruption
	Quality    headend.Quality
	Verdicts   billing.Verdict
}

// fault is ErrRow with the row and what is wrong with it.
func (r Row) fault(format string, args ...any) error {
	return fmt.Errorf("%w %s %s %s: %s", ErrRow, r.UsagePoint, r.Quantity, r.To.UTC().Format(time.RFC3339), fmt.Sprintf(format, args...))
}

// Rows are the rows of a line of a billing run: its intervals, then the registers at both ends of each meter's part.
// Dark are the proven interruptions of the usage point (billing.Proven).
func Rows(line billing.Line, dark []billing.Period) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for _, v := range line.Values {
			row := Row{UsagePoint: line.UsagePoint, Meter: v.Meter, Quantity: line.Quantity, Kind: Interval, From: v.Period.From, To: v.Period.To,
				State: v.State, Wh: v.Wh, Method: v.Method, Absent: v.Absent, Quality: v.Quality, Verdicts: v.Verdicts}
			for _, d := range dark {
				row.Outage = row.Outage || d.Contains(v.Period)
			}
			if !yield(row, nil) {
				return
			}
		}
		for _, part := range line.Consumption.Parts {
			for _, read := range [2]billing.Read{part.Start, part.End} {
				if read.At.IsZero() { // no meter, so no register
					continue
				}
				if !yield(registerRow(line, read), nil) {
					return
				}
			}
		}
	}
}

func registerRow(line billing.Line, read billing.Read) Row {
	row := Row{UsagePoint: line.UsagePoint, Meter: read.Meter, Quantity: line.Quantity, Kind: Register, From: read.At, To: read.At,
		State: billing.Measured, Wh: read.Wh, Absent: read.Absent, How: read.How, Distance: read.Distance, Quality: read.Quality}
	switch {
	case read.Absent != "":
		row.State = billing.Missing
	case read.How == billing.Interpolated:
		row.State, row.Method = billing.Estimated, billing.ByLine
	}
	return row
}
