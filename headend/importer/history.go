package importer

import (
	"io"
	"iter"
	"math/big"
	"strconv"
	"strings"
	"time"

	"lastgasp/headend"
)

var historyColumns = []string{"organisation", "date", "customers", "ci", "cmi"}

// DaySums reads a file of daily sums: customers served, customers interrupted, customer-minutes. A line is named by
// organisation and date.
func DaySums(r io.Reader, format Format) iter.Seq2[headend.Line[headend.DaySum], error] {
	lines := read(r, format, historyColumns, func(f *fields) headend.DaySum {
		d := headend.DaySum{Organisation: f.id(0), Date: f.date(1), Customers: f.count(2), CI: f.count(3), CMS: f.minutes(4)}
		if d.Customers == 0 && (d.CI > 0 || d.CMS > 0) {
			f.refuse("customers are interrupted (ci %s, cmi %s) where none are served", f.shown(3), f.shown(4))
		}
		return d
	})
	return named(lines, func(d headend.DaySum) (string, time.Time, string) { return d.Organisation, d.Date, time.DateOnly })
}

// named gives lines the id that says which organisation and time they are about, also where they are refused.
func named[Row any](lines iter.Seq2[headend.Line[Row], error], of func(Row) (string, time.Time, string)) iter.Seq2[headend.Line[Row], error] {
	return func(yield func(headend.Line[Row], error) bool) {
		for line, err := range lines {
			if organisation, at, layout := of(line.Row); err == nil && organisation != "" && !at.IsZero() {
				line.ID = organisation + " " + at.Format(layout)
			}
			if !yield(line, err) {
				return
			}
		}
	}
}

// date is a date without a zone: midnight UTC of it.
func (f *fields) date(i int) time.Time {
	t, err := time.Parse(time.DateOnly, f.values[i])
	if err != nil || t.Year() < 1971 || t.Year() >= 2150 {
		f.refuse("%s %q is not a date from 1971 to 2149 such as 2026-01-31", f.columns[i], f.shown(i))
		return time.Time{}
	}
	return t
}

// maxCount bounds what is counted, so that sums stay within 64 bits.
const maxCount = 1_000_000_000

// count is a whole number of at least 0.
func (f *fields) count(i int) int64 {
	n, err := strconv.ParseUint(f.values[i], 10, 63)
	if err != nil || n > maxCount {
		f.refuse("%s %q is not a whole number from 0 to %d%s", f.columns[i], f.shown(i), maxCount, separators(f.values[i]))
		return 0
	}
	return int64(n)
}

// separators says what is wrong where digits are grouped or decimals stand behind a comma.
func separators(text string) string {
	if strings.ContainsAny(text, ",. '\u00a0") && strings.Trim(text, "0123456789,. '\u00a0") == "" {
		return "; write decimals with a point (1234.5) and no marks between thousands"
	}
	return ""
}

// minutes is a decimal of at least 0 with at most three places, as whole milliseconds.
func (f *fields) minutes(i int) int64 {
	ms, ok := decimal(f.values[i], 3)
	if ok {
		ms.Mul(ms, big.NewRat(60_000, 1))
	}
	if !ok || !ms.IsInt() || !ms.Num().IsInt64() || ms.Num().Int64() > maxCount*60_000*1440/10 {
		f.refuse("%s %q is not a number of minutes from 0 on with at most three decimals, such as 1234.5%s", f.columns[i], f.shown(i), separators(f.values[i]))
		return 0
	}
	return ms.Num().Int64()
}

// decimal reads digits with at most so many places after a point.
func decimal(text string, places int) (*big.Rat, bool) {
	whole, fraction, point := strings.Cut(text, ".")
	digits := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	if len(text) > 20 || !digits(whole) || point && (!digits(fraction) || len(fraction) > places) {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}
