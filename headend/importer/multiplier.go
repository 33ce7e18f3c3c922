package importer

import (
	"io"
	"iter"
	"strings"

	"lastgasp/headend"
)

var multiplierColumns = []string{"usage_point", "multiplier", "from", "to"}

// Multipliers reads a file of ratios of current and voltage transformers: 40, 0.5 or 400/5.
func Multipliers(r io.Reader, format Format) iter.Seq2[headend.Line[headend.Multiplier], error] {
	return read(r, format, multiplierColumns, func(f *fields) headend.Multiplier {
		m := headend.Multiplier{UsagePoint: f.id(0)}
		m.Numerator, m.Denominator = f.ratio(1)
		m.From, m.To = f.validity(2)
		return m
	})
}

// ratio reads a number with at most six decimals, or two with a stroke between them.
func (f *fields) ratio(i int) (numerator, denominator int64) {
	above, below, parted := strings.Cut(f.values[i], "/")
	if !parted {
		below = "1"
	}
	n, ok := decimal(above, 6)
	d, fits := decimal(below, 6)
	if !ok || !fits || n.Sign() <= 0 || d.Sign() <= 0 {
		f.refuse("%s %q is not a ratio above 0 such as 40 or 400/5%s", f.columns[i], f.shown(i), separators(f.values[i]))
		return 1, 1
	}
	n.Quo(n, d)
	const most = 1_000_000_000_000
	if !n.Num().IsInt64() || !n.Denom().IsInt64() || n.Num().Int64() > most || n.Denom().Int64() > most {
		f.refuse("%s %q is out of bounds", f.columns[i], f.shown(i))
		return 1, 1
	}
	return n.Num().Int64(), n.Denom().Int64()
}
