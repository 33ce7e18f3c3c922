package importer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"lastgasp/headend"
)

// Bounds of what a field may hold.
const (
	maxID   = 64  // bytes
	maxText = 500 // bytes of a name or an address
)

// fields are the fields of one line, and the first fault found in them.
type fields struct {
	format  Format
	columns []string
	values  []string
	line    int
	fault   string
}

func (f *fields) refuse(format string, args ...any) {
	if f.fault == "" {
		f.fault = fmt.Sprintf(format, args...)
	}
}

// shown is a field as a message may repeat it: UTF-8 without control characters, which neither the store
// nor a terminal takes.
func (f *fields) shown(i int) string {
	return clip(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(f.values[i], "?")))
}

// text is a field of at most so many bytes of UTF-8, without control characters. Letters that can be written in two
// ways (ả as one character or two, as some systems write Vietnamese) become one character, so that the same name is
// the same everywhere.
func (f *fields) text(i, most int) string {
	value := f.values[i]
	if !utf8.ValidString(value) {
		f.refuse("%s %q is not UTF-8", f.columns[i], clip(value))
		return ""
	}
	if len(value) > most {
		f.refuse("%s has %d bytes, at most %d are allowed", f.columns[i], len(value), most)
		return ""
	}
	if j := strings.IndexFunc(value, unicode.IsControl); j >= 0 {
		f.refuse("%s has the control character %q", f.columns[i], value[j])
		return ""
	}
	return norm.NFC.String(value)
}

// id is the name of an organisation, node or usage point: printable, no blanks at the ends.
func (f *fields) id(i int) string {
	value := f.text(i, maxID)
	switch {
	case value == "" && f.fault == "":
		f.refuse("%s is empty", f.columns[i])
	case value != strings.TrimSpace(value):
		f.refuse("%s %q begins or ends with a blank", f.columns[i], value)
	case strings.IndexFunc(value, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0:
		f.refuse("%s %q has a character that cannot be printed", f.columns[i], value)
	}
	return value
}

func (f *fields) optionalID(i int) string {
	if f.values[i] == "" {
		return ""
	}
	return f.id(i)
}

func (f *fields) deviceID(i int) headend.DeviceID {
	id := headend.DeviceID(f.values[i])
	if err := id.Validate(); err != nil {
		f.refuse("%s: %v", f.columns[i], err)
	}
	return id
}

func (f *fields) oneOf(i int, words ...string) string {
	value := f.values[i]
	if !slices.Contains(words, value) {
		f.refuse("%s %q is none of %s", f.columns[i], f.shown(i), strings.Join(words, ", "))
	}
	return value
}

// yes reads yes or no; empty is no.
func (f *fields) yes(i int) bool {
	return f.values[i] != "" && f.oneOf(i, "yes", "no") == "yes"
}

// positive is a number above 0; empty is 0.
func (f *fields) positive(i int) float64 {
	if f.values[i] == "" {
		return 0
	}
	value, err := strconv.ParseFloat(f.values[i], 64)
	if err != nil || !(value > 0 && value < 1e9) {
		f.refuse("%s %q is not a number above 0; leave it empty where it is not known", f.columns[i], f.shown(i))
	}
	return value
}

// phases reads "L1" or "L1,L2,L3"; empty is unknown.
func (f *fields) phases(i int) headend.Phases {
	if f.values[i] == "" {
		return 0
	}
	var phases headend.Phases
	for name := range strings.SplitSeq(f.values[i], ",") {
		phase := map[string]headend.Phases{"L1": headend.L1, "L2": headend.L2, "L3": headend.L3}[name]
		if phase == 0 || phases&phase != 0 {
			f.refuse("%s %q is not L1, L2, L3 or several of them, such as \"L1,L2,L3\"", f.columns[i], f.shown(i))
			return 0
		}
		phases |= phase
	}
	return phases
}

// validity reads from and to, which stand side by side; zero times where they are empty.
func (f *fields) validity(i int) (from, to time.Time) {
	from, to = f.time(i), f.time(i+1)
	begin := from
	if begin.IsZero() {
		begin = time.Unix(0, 0)
	}
	if !to.IsZero() && !to.After(begin) && f.fault == "" {
		f.refuse("to %s is not after from %s", f.shown(i+1), begin.In(f.format.Zone).Format(time.RFC3339))
	}
	return from, to
}

// time reads a moment, or a date, which is its midnight in the utility's zone.
func (f *fields) time(i int) time.Time {
	value := f.values[i]
	if value == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		t, err = time.ParseInLocation(time.DateOnly, value, f.format.Zone)
	}
	if err != nil {
		f.refuse("%s %q is neither a date such as 2026-01-31 nor a time such as 2026-01-31T10:30:00+07:00", f.columns[i], f.shown(i))
		return time.Time{}
	}
	if t.Unix() < 0 || t.Year() > 2200 {
		f.refuse("%s %s lies before 1970 or after 2200", f.columns[i], value)
		return time.Time{}
	}
	return t.UTC()
}
