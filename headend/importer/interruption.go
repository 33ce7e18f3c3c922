package importer

import (
	"io"
	"iter"
	"time"

	"lastgasp/headend"
)

var interruptionColumns = []string{"usage_point", "start", "end", "outage", "cause", "phases"}

// interruptionPlanned is a further column that files may have: whether it was a planned cut, yes or no.
const interruptionPlanned = "planned"

const maxCause = 64 // bytes

// Interruptions reads a file of the history from before the head-end: one usage point without supply from start to
// end. outage is the utility's own number of the outage it was part of; it may be empty.
func Interruptions(r io.Reader, format Format) iter.Seq2[headend.Line[headend.InterruptionRow], error] {
	return readWith(r, format, interruptionColumns, []string{interruptionPlanned}, func(f *fields) headend.InterruptionRow {
		row := headend.InterruptionRow{UsagePoint: f.id(0), Start: f.moment(1), End: f.moment(2), Outage: f.optionalID(3),
			Cause: f.text(4, maxCause), Phases: f.phases(5)}
		if i, ok := f.further(interruptionPlanned); ok {
			row.Planned = f.yes(i)
		}
		row.Start, row.End = row.Start.Truncate(time.Millisecond), row.End.Truncate(time.Millisecond)
		switch {
		case row.Start.IsZero() || row.End.IsZero():
			f.refuse("start and end are needed")
		case !row.End.After(row.Start):
			f.refuse("end %s is not after start %s", f.shown(2), f.shown(1))
		}
		return row
	})
}

// localLayouts are times without an offset: those of the utility's zone.
var localLayouts = []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"}

// moment is time, and reads clock times without an offset too.
func (f *fields) moment(i int) time.Time {
	for _, layout := range localLayouts {
		t, err := time.ParseInLocation(layout, f.values[i], f.format.Zone)
		if err != nil {
			continue
		}
		if t.Unix() < 0 || t.Year() > 2200 {
			f.refuse("%s %s lies before 1970 or after 2200", f.columns[i], f.values[i])
			return time.Time{}
		}
		return t.UTC()
	}
	return f.time(i)
}
