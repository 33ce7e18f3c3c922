package importer

import (
	"io"
	"iter"

	"lastgasp/headend"
)

var usagePointColumns = []string{"id", "name", "address", "node", "organisation", "phases", "from", "to"}

// usagePointGeneration is a further column that files may have: solar or battery behind the meter, yes or no. A file
// without it says no.
const usagePointGeneration = "generation"

// UsagePoints reads a file of usage points.
func UsagePoints(r io.Reader, format Format) iter.Seq2[headend.Line[headend.UsagePoint], error] {
	return readWith(r, format, usagePointColumns, usagePointGeneration, func(f *fields) headend.UsagePoint {
		u := headend.UsagePoint{ID: f.id(0), Name: f.text(1, maxText), Address: f.text(2, maxText),
			Node: f.id(3), Organisation: f.optionalID(4), Phases: f.phases(5)}
		u.From, u.To = f.validity(6)
		if len(f.values) > len(usagePointColumns) {
			u.Generation = f.yes(len(usagePointColumns))
		}
		return u
	})
}
