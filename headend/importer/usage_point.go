package importer

import (
	"io"
	"iter"

	"lastgasp/headend"
)

var usagePointColumns = []string{"id", "name", "address", "node", "organisation", "phases", "from", "to"}

// Further columns that files may have.
const (
	usagePointGeneration = "generation"    // solar or battery behind the meter, yes or no; a file without it says no
	usagePointLoad       = "connected_kva" // connected load; a file without it says that it is not known
)

// UsagePoints reads a file of usage points.
func UsagePoints(r io.Reader, format Format) iter.Seq2[headend.Line[headend.UsagePoint], error] {
	return readWith(r, format, usagePointColumns, []string{usagePointGeneration, usagePointLoad}, func(f *fields) headend.UsagePoint {
		u := headend.UsagePoint{ID: f.id(0), Name: f.text(1, maxText), Address: f.text(2, maxText),
			Node: f.id(3), Organisation: f.optionalID(4), Phases: f.phases(5)}
		u.From, u.To = f.validity(6)
		if i, ok := f.further(usagePointGeneration); ok {
			u.Generation = f.yes(i)
		}
		if i, ok := f.further(usagePointLoad); ok {
			u.ConnectedKVA = f.load(i)
		}
		return u
	})
}

// maxLoad is more than any customer has, in kVA: what is above it was written in VA.
const maxLoad = 1_000_000

// load is a connected load in kVA, exact to the volt-ampere; empty and 0 are "not known".
func (f *fields) load(i int) float64 {
	if f.values[i] == "" {
		return 0
	}
	value, ok := decimal(f.values[i], 3)
	if !ok {
		f.refuse("%s %q is not a number of kVA from 0 on with at most three decimals, such as 2.2%s", f.columns[i], f.shown(i), separators(f.values[i]))
		return 0
	}
	kva, _ := value.Float64()
	if kva > maxLoad {
		f.refuse("%s %s is above %d kVA", f.columns[i], f.shown(i), maxLoad)
		return 0
	}
	return kva
}
