package importer

import (
	"io"
	"iter"

	"lastgasp/headend"
)

var lossTermColumns = []string{"unit", "side", "sign", "point", "register", "label"}

// LossTerms reads a file of energy balances: a line a metering point, or with an empty point all usage points below.
func LossTerms(r io.Reader, format Format) iter.Seq2[headend.Line[headend.LossTerm], error] {
	return read(r, format, lossTermColumns, func(f *fields) headend.LossTerm {
		t := headend.LossTerm{Unit: f.id(0), Side: f.oneOf(1, "received", "delivered"), Sign: 1, Point: f.optionalID(3), Register: f.oneOf(4, "import", "export"), Label: f.text(5, maxText)}
		if f.oneOf(2, "+", "-") == "-" {
			t.Sign = -1
		}
		return t
	})
}
