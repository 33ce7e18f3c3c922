package export

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
)

// nemDay is a 300 record with what its 400 records say, read by the rules of the Meter Data File Format.
type nemDay struct {
	nmi, suffix, serial, unit string
	date                      string
	interval                  int // minutes
	value                     []string
	quality, reason           []string
}

// parseNEM12 knows the format, and nothing of our writer.
func parseNEM12(r io.Reader) ([]nemDay, error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord = -1
	var days []nemDay
	var stream *nemDay
	covered, line, ended, variable := 0, 0, false, false
	open := func() bool { return variable && covered < len(days[len(days)-1].value) }
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
			return nil, fmt.Errorf("the 400 records of %s cover %d intervals", days[len(days)-1].date, covered)
		}
		switch f[0] {
		case "100":
		case "200":
			minutes, err := strconv.Atoi(f[8])
			if err != nil || minutes <= 0 || 1440%minutes != 0 {
				return nil, fmt.Errorf("interval length %q", f[8])
			}
			stream = &nemDay{nmi: f[1], suffix: f[4], serial: f[6], unit: f[7], interval: minutes}
		case "300":
			if stream == nil {
				return nil, fmt.Errorf("300 before 200")
			}
			d := *stream
			n := 1440 / d.interval
			if len(f) < n+3 {
				return nil, fmt.Errorf("%d fields for %d intervals", len(f), n)
			}
			d.date, d.value = f[1], f[2:n+2]
			for _, v := range d.value {
				if x, err := strconv.ParseFloat(v, 64); err != nil || x < 0 {
					return nil, fmt.Errorf("value %q", v)
				}
			}
			q := f[n+2]
			if q == "" || !strings.Contains("AEFNSV", q[:1]) || (len(q) == 3) != strings.Contains("EFS", q[:1]) {
				return nil, fmt.Errorf("quality %q", q)
			}
			for range d.value {
				d.quality, d.reason = append(d.quality, q), append(d.reason, field(f, n+3))
			}
			days, covered, variable = append(days, d), 0, q == "V"
		case "400":
			if !variable {
				return nil, fmt.Errorf("400 without V")
			}
			d := &days[len(days)-1]
			from, err1 := strconv.Atoi(f[1])
			to, err2 := strconv.Atoi(f[2])
			if err1 != nil || err2 != nil || from != covered+1 || to < from || to > len(d.value) {
				return nil, fmt.Errorf("400 of %s to %s after interval %d of %d", f[1], f[2], covered, len(d.value))
			}
			for i := from - 1; i < to; i++ {
				d.quality[i], d.reason[i] = f[3], field(f, 4)
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

// shared is a folder of test data that is not ours.
func shared(t *testing.T, folder string) string {
	t.Helper()
	root := os.Getenv("LASTGASP_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared")
	}
	path := filepath.Join(root, folder)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("SKIPPED: external test data %s is absent (LASTGASP_SHARED)", path)
	}
	return path
}

// The parser reads files of others, and refuses those that are broken: else a round trip would prove nothing.
func TestParserOfNEM12(t *testing.T) {
	root := shared(t, "billing/nem12")
	for folder, valid := range map[string]bool{"examples": true, "invalid": false} {
		files, err := filepath.Glob(filepath.Join(root, folder, "*.csv"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			name := filepath.Base(file)
			if strings.Contains(name, "NEM13") || name == "Example_NEM12_empty.csv" { // another format; a file of nothing
				continue
			}
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			days, err := parseNEM12(f)
			if (err == nil) != valid {
				t.Errorf("%s: %d days, %v", name, len(days), err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// What the example's maker says must be found in it.
func TestExpectedOfNEM12(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "nem_expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		NEM12 struct {
			NMI    string
			E1     string `json:"E1_kWh"`
			B1     string `json:"B1_kWh"`
			Outage []int  `json:"outage_intervals_1based"`
		}
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join("testdata", "nem12_outage_day.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	days, err := parseNEM12(f)
	if err != nil || len(days) != 2 {
		t.Fatal(days, err)
	}
	for i, d := range days {
		sum := 0.0
		var outage []int
		for k, v := range d.value {
			x, err := strconv.ParseFloat(v, 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += x
			if d.reason[k] == "79" {
				outage = append(outage, k+1)
			}
		}
		if got := strconv.FormatFloat(sum, 'f', 3, 64); d.nmi != want.NEM12.NMI || got != []string{want.NEM12.E1, want.NEM12.B1}[i] || i == 0 && !slices.Equal(outage, want.NEM12.Outage) {
			t.Errorf("%s %s: %s kWh, outage %v", d.nmi, d.suffix, got, outage)
		}
	}
}

var nemOptions = Options{Zone: time.UTC, Made: time.Date(2024, 6, 11, 1, 30, 0, 0, time.UTC), Sender: "MDPX", Receiver: "RETX",
	Quantities: []headend.Quantity{headend.ImportWh, headend.ExportWh}, Interval: 30 * time.Minute}
