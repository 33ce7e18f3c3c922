package importer

import (
	"io"
	"iter"

	"lastgasp/headend"
)

var organisationColumns = []string{"id", "name", "kind", "parent", "from", "to"}

// Organisations reads a file of organisations.
func Organisations(r io.Reader, format Format) iter.Seq2[headend.Line[headend.Organisation], error] {
	return read(r, format, organisationColumns, func(f *fields) headend.Organisation {
		o := headend.Organisation{ID: f.id(0), Name: f.text(1, maxText),
			Kind: f.oneOf(2, "corporation", "company", "district"), Parent: f.optionalID(3)}
		o.From, o.To = f.validity(4)
		return o
	})
}
