package export

import (
	"fmt"
	"io"
	"slices"

	"lastgasp/headend"
)

// ReadingWriter takes blocks of readings in order. After an error it takes no more.
type ReadingWriter interface {
	// WriteBlock takes one block and keeps nothing of it. It returns what the io.Writer said.
	WriteBlock(*headend.ReadingBlock) error
	// Close writes what belongs at the end, with the cursor of what follows where the format has a place for it and there
	// is one. It does not close the io.Writer.
	Close(next string) error
}

// ReadingFormat is one line of the table of formats that carry readings as they are.
type ReadingFormat struct {
	Name string
	New  func(io.Writer, []headend.Quantity) (ReadingWriter, error)
}

// ReadingFormats are all there are. Their columns: usage_point (empty where the meter was at none), meter, time, received,
// quality, then the quantities.
var ReadingFormats = []ReadingFormat{
	{"json", newReadingJSON},
	{"ndjson", newReadingNDJSON},
	{"csv", newReadingCSV},
	{"arrow", newReadingArrow},
	{"parquet", newReadingParquet},
}

// NewReadings begins an export of readings. It returns headend.Unknown for a format that carries none.
func NewReadings(format string, w io.Writer, quantities []headend.Quantity) (ReadingWriter, error) {
	i := slices.IndexFunc(ReadingFormats, func(f ReadingFormat) bool { return f.Name == format })
	if i < 0 {
		return nil, &headend.Unknown{What: "format", ID: format}
	}
	out, err := ReadingFormats[i].New(w, quantities)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", format, err)
	}
	return out, nil
}

// runs calls do for each run of a block, with its first row and the one behind its last.
func runs(b *headend.ReadingBlock, do func(run *headend.ReadingRun, from, to int) error) error {
	from := 0
	for i := range b.Runs {
		to := from + b.Runs[i].Rows
		if err := do(&b.Runs[i], from, to); err != nil {
			return err
		}
		from = to
	}
	return nil
}
