package importer

import (
	"io"
	"iter"
	"time"

	"lastgasp/headend"
)

var customerCountColumns = []string{"organisation", "month", "customers"}

// CustomerCounts reads a file of the customers that billing has, by month. A line is named by organisation and month.
func CustomerCounts(r io.Reader, format Format) iter.Seq2[headend.Line[headend.CustomerCount], error] {
	lines := read(r, format, customerCountColumns, func(f *fields) headend.CustomerCount {
		return headend.CustomerCount{Organisation: f.id(0), Month: f.month(1), Customers: f.count(2)}
	})
	return named(lines, func(c headend.CustomerCount) (string, time.Time, string) { return c.Organisation, c.Month, "2006-01" })
}

// month is midnight UTC of the first day of a month.
func (f *fields) month(i int) time.Time {
	t, err := time.Parse("2006-01", f.values[i])
	if err != nil || t.Year() < 1971 || t.Year() >= 2150 {
		f.refuse("%s %q is not a month from 1971 to 2149 such as 2026-01", f.columns[i], f.shown(i))
		return time.Time{}
	}
	return t
}
