package importer

import (
	"io"
	"iter"
	"strconv"

	"lastgasp/headend"
)

var targetColumns = []string{"organisation", "year", "index", "value"}

// Targets reads a file of what organisations are held to in a year. A line is named by organisation, year and index.
func Targets(r io.Reader, format Format) iter.Seq2[headend.Line[headend.Target], error] {
	lines := read(r, format, targetColumns, func(f *fields) headend.Target {
		t := headend.Target{Organisation: f.id(0), Index: f.oneOf(2, "saidi", "saifi", "maifi", "losses"), Value: f.values[3]}
		year, err := strconv.Atoi(f.values[1])
		if err != nil || year < 1971 || year > 2149 {
			f.refuse("%s %q is not a year from 1971 to 2149", f.columns[1], f.shown(1))
		}
		t.Year = year
		if _, ok := decimal(t.Value, 6); !ok {
			f.refuse("%s %q is not a number from 0 on with at most six decimals%s", f.columns[3], f.shown(3), separators(t.Value))
		}
		return t
	})
	return func(yield func(headend.Line[headend.Target], error) bool) {
		for line, err := range lines {
			if err == nil && line.Refusal == "" {
				line.ID = line.Row.Organisation + " " + strconv.Itoa(line.Row.Year) + " " + line.Row.Index
			}
			if !yield(line, err) {
				return
			}
		}
	}
}
