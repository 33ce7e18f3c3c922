package export

import (
	"lastgasp/headend/billing"
)

// rowBatch is how many rows the columnar formats hold at most before they write them.
const rowBatch = 16 << 10

// textColumn is a column of words in Arrow and Parquet; an optional one is null where the word is "".
type textColumn struct {
	name     string
	optional bool
	of       func(*Row) string
}

// textColumns come first, in this order; then from, to, wh, distance_us, outage.
var textColumns = []textColumn{
	{"usage_point", false, func(r *Row) string { return r.UsagePoint }},
	{"meter", true, func(r *Row) string { return string(r.Meter) }},
	{"quantity", false, func(r *Row) string { return string(r.Quantity) }},
	{"kind", false, func(r *Row) string { return r.Kind.String() }},
	{"state", false, func(r *Row) string { return r.State.String() }},
	{"method", true, func(r *Row) string { return string(r.Method) }},
	{"absent", true, func(r *Row) string { return string(r.Absent) }},
	{"how", true, func(r *Row) string { return r.How.String() }},
	{"quality", true, qualityOf},
	{"verdicts", true, func(r *Row) string { return r.Verdicts.String() }},
}

func qualityOf(r *Row) string {
	if r.State == billing.Missing {
		return ""
	}
	return r.Quality.String()
}

// isKnown tells whether wh of a row says something.
func (r *Row) isKnown() bool { return r.State != billing.Missing }

// hasDistance tells whether distance of a row says something.
func (r *Row) hasDistance() bool { return r.Kind == Register && r.isKnown() }
