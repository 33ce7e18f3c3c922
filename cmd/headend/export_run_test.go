package main

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lastgasp/headend/billing/export"
	"lastgasp/timeseries"
)

// A run comes out of its snapshot in every format, with the same bytes each time; estimates say that they are some.
func TestARunInEveryFormat(t *testing.T) {
	c := newClerk(t, timeseries.Postgres)
	noon := c.at(1, 12, 0)
	never := func(time.Time) bool { return false }
	c.send(t, "M1", never)
	c.send(t, "M2", func(at time.Time) bool { return at.Equal(noon) })
	c.send(t, "M3", never)
	run := c.run(t, `{"from":"2026-10-01","to":"2026-10-03","by":"test","values":true}`)
	dir := t.TempDir()
	write := func(format string) ([]byte, error) {
		name := filepath.Join(dir, format)
		if err := (&exportOfRun{ID: run.ID, Format: format, Out: name, Sender: "MDPX", Receiver: "RETX"}).export(t.Context(), c.store, io.Discard); err != nil {
			return nil, err
		}
		return os.ReadFile(name)
	}
	for _, format := range []string{"csv", "ndjson", "arrow", "parquet", "espi", "iec61968-9"} {
		text, err := write(format)
		if err != nil || len(text) == 0 {
			t.Fatalf("%s: %d bytes, %v", format, len(text), err)
		}
		if again, err := write(format); err != nil || !bytes.Equal(text, again) {
			t.Errorf("%s: other bytes the second time, %v", format, err)
		}
		switch format {
		case "csv":
			rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			count := map[string]int{}
			for _, r := range rows[1:] {
				count[r[3]+" "+r[7]]++
			}
			if count["interval measured"] != 3*96-2 || count["interval estimated"] != 2 || count["register measured"] != 6 {
				t.Errorf("rows %v", count)
			}
		case "espi", "iec61968-9":
			for d := xml.NewDecoder(bytes.NewReader(text)); ; {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%s: %v", format, err)
				}
			}
			tag := map[string]string{"espi": "<value>", "iec61968-9": "<m:IntervalReadings>"}[format]
			marked := map[string]string{"espi": "<ReadingQuality>", "iec61968-9": `ref="2.8.0"`}[format]
			if n, m := strings.Count(string(text), tag), strings.Count(string(text), marked); n != 3*96 || m != 2 {
				t.Errorf("%s: %d values, %d of them marked", format, n, m)
			}
		}
	}
	// U1 is no NMI: the refusal names it, and no file is left.
	if _, err := write("nem12"); !errors.Is(err, export.ErrRow) || !strings.Contains(err.Error(), "U1") {
		t.Errorf("%v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 6 {
		t.Errorf("%v, %v", entries, err)
	}
}
