package export

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing"
)

// Writer takes rows in order. After an error it takes no more.
type Writer interface {
	// Write takes one row. It returns ErrRow for one the format cannot carry, or what the io.Writer said.
	Write(Row) error
	// Close writes what belongs at the end. It does not close the io.Writer.
	Close() error
}

// Options are what the formats need beside the rows.
type Options struct {
	Zone       *time.Location     // of the utility: days are cut there; needed by NEM12 and ESPI
	Made       time.Time          // when this export was made, as it is to be written into it
	Sender     string             // NEM12: participant ids, as AEMO gives them
	Receiver   string             //
	Quantities []headend.Quantity // NEM12: all that the export holds of a usage point
	Interval   time.Duration      // NEM12: 5, 15 or 30 min
	// Substitution is NEM12's type of substitution for a method, where it differs from the usual one.
	Substitution map[billing.Method]int
}

// Format is one line of the table.
type Format struct {
	Name      string
	MediaType string
	New       func(io.Writer, Options) (Writer, error)
}

// Formats are all there are.
var Formats = []Format{
	{"csv", "text/csv; charset=utf-8", newCSV},
	{"ndjson", "application/x-ndjson", newNDJSON},
	{"nem12", "text/csv; header=absent; charset=us-ascii", newNEM12},
	{"espi", "application/atom+xml", newESPI},
	{"iec61968-9", "application/xml", newIEC},
	{"arrow", "application/vnd.apache.arrow.stream", newArrow},
	{"parquet", "application/vnd.apache.parquet", newParquet},
}

// New begins an export. It returns headend.Unknown for a format there is not, and an error for options a format
// cannot do without.
func New(format string, w io.Writer, o Options) (Writer, error) {
	i := slices.IndexFunc(Formats, func(f Format) bool { return f.Name == format })
	if i < 0 {
		return nil, &headend.Unknown{What: "format", ID: format}
	}
	out, err := Formats[i].New(w, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", format, err)
	}
	return out, nil
}

// Copy writes all rows and closes. It tells how many were written; it stops at the first error of either side.
func Copy(w Writer, rows iter.Seq2[Row, error]) (int, error) {
	n := 0
	for row, err := range rows {
		if err != nil {
			return n, err
		}
		if err := w.Write(row); err != nil {
			return n, err
		}
		n++
	}
	return n, w.Close()
}

// text is a buffered writer that remembers its first error.
type text struct {
	*bufio.Writer
	err error
}

func newText(w io.Writer) *text { return &text{Writer: bufio.NewWriterSize(w, 64<<10)} }

func (t *text) put(parts ...string) {
	for _, s := range parts {
		if t.err == nil {
			_, t.err = t.WriteString(s)
		}
	}
}

func (t *text) end() error {
	if t.err == nil {
		t.err = t.Flush()
	}
	return t.err
}

// thousandths is a whole number as a decimal of three places: Wh as kWh.
func thousandths(n int64) string {
	sign := ""
	u := uint64(n)
	if n < 0 {
		sign, u = "-", -u
	}
	return fmt.Sprintf("%s%d.%03d", sign, u/1000, u%1000)
}
