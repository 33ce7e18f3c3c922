package main

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
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
		status, header, body := c.ask(t, "/api/v1/billing/runs/"+run.ID+"/export?format="+format, "image/png", "")
		if status != http.StatusOK || !bytes.Equal(body, text) {
			t.Errorf("%s over HTTP: %d, %d bytes, the file has %d", format, status, len(body), len(text))
		}
		if format != "csv" { // Accept alone gives the same
			if _, again, other := c.ask(t, "/api/v1/billing/runs/"+run.ID+"/export", header.Get("Content-Type"), ""); !bytes.Equal(other, text) || again.Get("Content-Type") != header.Get("Content-Type") {
				t.Errorf("%s by Accept: %s, %d bytes", format, again.Get("Content-Type"), len(other))
			}
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
	plain := c.run(t, `{"from":"2026-10-01","to":"2026-10-03","by":"test"}`)
	path := "/api/v1/billing/runs/" + run.ID + "/export"
	for _, q := range []struct {
		path, accept string
		status       int
		words        string
	}{
		{path + "?format=nem12&sender=MDPX&receiver=RETX", "", 422, "U1"},
		{path + "?format=nem12", "", 422, "nem12"},
		{path + "?format=xlsx", "", 422, "there is no such format"},
		{path + "?format=csv&sender=MDPX", "", 422, "query.sender"},
		{path + "?interval=30m", "", 422, "unknown parameter"},
		{path, "image/png", 406, "application/atom+xml"},
		{"/api/v1/billing/runs/99/export", "", 404, "unknown billing run"},
		{"/api/v1/billing/runs/" + plain.ID + "/export?format=espi", "", 422, "holds no intervals"},
	} {
		if status, header, body := c.ask(t, q.path, q.accept, ""); status != q.status || header.Get("Content-Type") != "application/problem+json" || !strings.Contains(string(body), q.words) {
			t.Errorf("%s: %d %s, wanted %d with %q", q.path, status, body, q.status, q.words)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 6 {
		t.Errorf("%v, %v", entries, err)
	}
}
