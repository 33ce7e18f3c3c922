package importer

import (
	"io"
	"iter"

	"lastgasp/headend"
)

var nodeColumns = []string{"id", "name", "kind", "parent", "organisation", "rated_kva", "from", "to"}

// Nodes reads a file of the network.
func Nodes(r io.Reader, format Format) iter.Seq2[headend.Line[headend.Node], error] {
	return read(r, format, nodeColumns, func(f *fields) headend.Node {
		n := headend.Node{ID: f.id(0), Name: f.text(1, maxText),
			Kind:   f.oneOf(2, "substation", "feeder", "switch", "transformer"),
			Parent: f.optionalID(3), Organisation: f.optionalID(4), RatedKVA: f.positive(5)}
		n.From, n.To = f.validity(6)
		return n
	})
}
