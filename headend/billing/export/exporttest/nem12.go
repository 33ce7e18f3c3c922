// Package exporttest reads what exports write by the rules of the formats, for tests. It knows nothing of the writers.
package exporttest

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Day is a 300 record with what its 400 records say, read by the rules of the Meter Data File Format.
type Day struct {
	NMI, Suffix, Serial, Unit string
	Date                      string
	Interval                  int      // minutes
	Value                     []string // of each interval
	Quality, Reason           []string // of each interval
}

// ParseNEM12 knows the format, and nothing of our writer. It returns an error for a file that breaks one of its rules.
func ParseNEM12(r io.Reader) ([]Day, error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord = -1
	var days []Day
	var stream *Day
	covered, line, ended, variable := 0, 0, false, false
	open := func() bool { return variable && covered < len(days[len(days)-1].Value) }
	for {
		f, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		line++
		if line == 1 && (f[0] != "100" || len(f) < 5 || f[1] != "NEM12") {
			return nil, fmt.Errorf("the first record is no header")
		}
		if ended {
			return nil, fmt.Errorf("record %s after the end", f[0])
		}
		if f[0] != "400" && open() {
			return nil, fmt.Errorf("the 400 records of %s cover %d intervals", days[len(days)-1].Date, covered)
		}
		switch f[0] {
		case "100":
		case "200":
			minutes, err := strconv.Atoi(f[8])
			if err != nil || minutes <= 0 || 1440%minutes != 0 {
				return nil, fmt.Errorf("interval length %q", f[8])
			}
			stream = &Day{NMI: f[1], Suffix: f[4], Serial: f[6], Unit: f[7], Interval: minutes}
		case "300":
			if stream == nil {
				return nil, fmt.Errorf("300 before 200")
			}
			d := *stream
			n := 1440 / d.Interval
			if len(f) < n+3 {
				return nil, fmt.Errorf("%d fields for %d intervals", len(f), n)
			}
			d.Date, d.Value = f[1], f[2:n+2]
			for _, v := range d.Value {
				if x, err := strconv.ParseFloat(v, 64); err != nil || x < 0 {
					return nil, fmt.Errorf("value %q", v)
				}
			}
			q := f[n+2]
			if q == "" || !strings.Contains("AEFNSV", q[:1]) || (len(q) == 3) != strings.Contains("EFS", q[:1]) {
				return nil, fmt.Errorf("quality %q", q)
			}
			for range d.Value {
				d.Quality, d.Reason = append(d.Quality, q), append(d.Reason, field(f, n+3))
			}
			days, covered, variable = append(days, d), 0, q == "V"
		case "400":
			if !variable {
				return nil, fmt.Errorf("400 without V")
			}
			d := &days[len(days)-1]
			from, err1 := strconv.Atoi(f[1])
			to, err2 := strconv.Atoi(f[2])
			if err1 != nil || err2 != nil || from != covered+1 || to < from || to > len(d.Value) {
				return nil, fmt.Errorf("400 of %s to %s after interval %d of %d", f[1], f[2], covered, len(d.Value))
			}
			for i := from - 1; i < to; i++ {
				d.Quality[i], d.Reason[i] = f[3], field(f, 4)
			}
			covered = to
		case "500":
		case "900":
			ended = true
		default:
			return nil, fmt.Errorf("record %q", f[0])
		}
	}
	if !ended {
		return nil, fmt.Errorf("no 900 at the end")
	}
	return days, nil
}

func field(f []string, i int) string {
	if i < len(f) {
		return f[i]
	}
	return ""
}
