package importer

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"lastgasp/headend"
)

// ErrHeader says that a file does not begin with the header of its kind.
var ErrHeader = errors.New("not the expected header")

// Format says how the files of a utility are to be read.
type Format struct {
	Zone      *time.Location // dates without a time are midnights here; nil is UTC
	Protocols []string       // names a device's protocol may have; nil allows any
}

// read yields a line for each record below the header. row turns the fields into a row and notes in them
// what is wrong.
func read[Row any](r io.Reader, format Format, columns []string, row func(*fields) Row) iter.Seq2[headend.Line[Row], error] {
	return readWith(r, format, columns, nil, row)
}

// readWith is read for files that may have further columns behind the others, any of them in any order.
func readWith[Row any](r io.Reader, format Format, columns, further []string, row func(*fields) Row) iter.Seq2[headend.Line[Row], error] {
	if format.Zone == nil {
		format.Zone = time.UTC
	}
	return func(yield func(headend.Line[Row], error) bool) {
		records, columns, err := open(r, columns, further)
		if err != nil {
			yield(headend.Line[Row]{}, err)
			return
		}
		f := &fields{format: format, columns: columns}
		for {
			line := headend.Line[Row]{}
			var broken *csv.ParseError
			f.values, err = records.Read()
			switch {
			case errors.Is(err, io.EOF):
				return
			case errors.As(err, &broken):
				line.Number = broken.StartLine
				line.Refusal = fmt.Sprintf("is not CSV: %v (line %d, byte %d)", broken.Err, broken.Line, broken.Column)
			case err != nil:
				yield(line, fmt.Errorf("after line %d: %w", f.line, err))
				return
			default:
				line.Number, _ = records.FieldPos(0)
				line.Row, line.ID, line.Refusal = parse(f, row)
			}
			f.line = line.Number
			if !yield(line, nil) {
				return
			}
		}
	}
}

func parse[Row any](f *fields, row func(*fields) Row) (value Row, id, refusal string) {
	f.fault = ""
	if len(f.values) != len(f.columns) {
		return value, "", fmt.Sprintf("has %d columns, %d are expected: %s", len(f.values), len(f.columns), strings.Join(f.columns, ","))
	}
	value = row(f)
	return value, f.shown(0), f.fault
}

// open reads past a byte order mark and the header.
func open(r io.Reader, columns, further []string) (*csv.Reader, []string, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	start, err := b.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch {
	case bytes.Equal(start, []byte("\xef\xbb\xbf")):
		if _, err := b.Discard(3); err != nil {
			return nil, nil, err
		}
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return nil, nil, fmt.Errorf("%w: the file is UTF-16; save it as CSV UTF-8", ErrHeader)
	}
	records := csv.NewReader(b)
	records.FieldsPerRecord = -1 // counted here, line by line
	records.ReuseRecord = true
	header, err := records.Read()
	want := strings.Join(columns, ",")
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil, fmt.Errorf("%w: the file is empty; its first line has to be %s", ErrHeader, want)
	case err != nil:
		return nil, nil, fmt.Errorf("%w: %w; the first line has to be %s", ErrHeader, err, want)
	case slices.Equal(header, columns):
		return records, columns, nil
	case len(header) > len(columns) && slices.Equal(header[:len(columns)], columns) && known(header[len(columns):], further):
		return records, slices.Clone(header), nil
	}
	got := clip(strings.ToValidUTF8(strings.Join(header, ","), "?"))
	if len(header) == 1 && strings.Contains(got, ";") {
		got += " (separated by semicolons; commas are expected)"
	}
	return nil, nil, fmt.Errorf("%w: the first line is %s and has to be %s", ErrHeader, got, want)
}

// known tells whether all of the columns are among the further ones, and none twice.
func known(columns, further []string) bool {
	for i, c := range columns {
		if !slices.Contains(further, c) || slices.Contains(columns[:i], c) {
			return false
		}
	}
	return true
}

// further is where a column stands that files need not have.
func (f *fields) further(column string) (i int, ok bool) {
	i = slices.Index(f.columns, column)
	return i, i >= 0
}

// clip bounds what a message repeats of a file.
func clip(s string) string {
	const most = 120
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
