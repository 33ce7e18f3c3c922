package export

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing/export/exporttest"
)

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
			days, err := exporttest.ParseNEM12(f)
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
	days, err := exporttest.ParseNEM12(f)
	if err != nil || len(days) != 2 {
		t.Fatal(days, err)
	}
	for i, d := range days {
		sum := 0.0
		var outage []int
		for k, v := range d.Value {
			x, err := strconv.ParseFloat(v, 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += x
			if d.Reason[k] == "79" {
				outage = append(outage, k+1)
			}
		}
		if got := strconv.FormatFloat(sum, 'f', 3, 64); d.NMI != want.NEM12.NMI || got != []string{want.NEM12.E1, want.NEM12.B1}[i] || i == 0 && !slices.Equal(outage, want.NEM12.Outage) {
			t.Errorf("%s %s: %s kWh, outage %v", d.NMI, d.Suffix, got, outage)
		}
	}
}

var nemOptions = Options{Zone: time.UTC, Made: time.Date(2024, 6, 11, 1, 30, 0, 0, time.UTC), Sender: "MDPX", Receiver: "RETX",
	Quantities: []headend.Quantity{headend.ImportWh, headend.ExportWh}, Interval: 30 * time.Minute}
