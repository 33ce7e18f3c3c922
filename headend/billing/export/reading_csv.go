package export

import (
	"io"
	"strconv"
	"strings"
	"time"

	"lastgasp/headend"
)

// readingCSV writes RFC 4180. A value that was not measured is an empty field.
type readingCSV struct {
	out  io.Writer
	line []byte
}

// textBuffer is how many bytes the formats of text gather before they write them.
const textBuffer = 64 << 10

func newReadingCSV(w io.Writer, quantities []headend.Quantity) (ReadingWriter, error) {
	c := &readingCSV{out: w, line: append(make([]byte, 0, textBuffer+1024), "usage_point,meter,time,received,quality"...)}
	for _, q := range quantities {
		c.line = append(append(c.line, ','), q...)
	}
	c.line = append(c.line, "\r\n"...)
	return c, nil
}

func (c *readingCSV) WriteBlock(b *headend.ReadingBlock) error {
	return runs(b, func(run *headend.ReadingRun, from, to int) error {
		head := csvField(run.UsagePoint) + "," + csvField(string(run.Device)) + ","
		for i := from; i < to; i++ {
			c.line = append(c.line, head...)
			c.line = appendMicros(c.line, b.Time[i])
			c.line = appendMicros(append(c.line, ','), b.Received[i])
			c.line = append(append(c.line, ','), csvField(b.Quality[i].String())...)
			for k := range b.Columns {
				c.line = append(c.line, ',')
				if b.Columns[k].Known[i] {
					c.line = appendNumber(c.line, &b.Columns[k], i)
				}
			}
			if c.line = append(c.line, "\r\n"...); len(c.line) >= textBuffer {
				if err := c.flush(); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (c *readingCSV) flush() error {
	_, err := c.out.Write(c.line)
	c.line = c.line[:0]
	return err
}

func (c *readingCSV) Close(string) error { return c.flush() }

// csvField is a field, in quotes where it needs them.
func csvField(s string) string {
	if !strings.ContainsAny(s, ",\"\r\n") && (s == "" || s[0] != ' ') {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// appendMicros writes a time in UTC as stamp does.
func appendMicros(b []byte, us int64) []byte {
	return time.UnixMicro(us).UTC().AppendFormat(b, time.RFC3339Nano)
}

// appendNumber writes a value that is known: the shortest decimal that is the value.
func appendNumber(b []byte, c *headend.ReadingColumn, i int) []byte {
	if c.Whole != nil {
		return strconv.AppendInt(b, c.Whole[i], 10)
	}
	return strconv.AppendFloat(b, c.Real[i], 'f', -1, 64)
}
