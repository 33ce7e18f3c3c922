package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lastgasp/headend/api"
)

// export runs `headend export readings` over the readings of the tests.
func (e *exporter) export(ctx context.Context, stdout, stderr io.Writer, args ...string) int {
	return run(&program{ctx: ctx, stdout: stdout, stderr: stderr, environment: []string{"LASTGASP_DATABASE_URL=" + e.url, "LASTGASP_ZONE=" + e.store.Zone()}},
		append([]string{"export", "readings", "--from", exportFrom, "--to", "2026-11-28T00:00:00Z", "--quantity", bothQuantities}, args...))
}

// A file holds what the API tells, in every format, and appears only when it is whole.
func testExportToAFile(t *testing.T, week *exporter) {
	e := week.serve(t, api.Options{})
	dir := t.TempDir()
	for _, f := range exportFormats {
		name := filepath.Join(dir, "readings"+f.Extension)
		var errs strings.Builder
		if status := e.export(t.Context(), io.Discard, &errs, "--out", name, "--device", "M00001", "--device", "M00299"); status != exitDone || errs.String() != fmt.Sprintln(2*7*48, "readings") {
			t.Fatalf("%s: status %d, %s", f.Name, status, &errs)
		}
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, want := e.pull(t, url.Values{"quantity": {bothQuantities}, "device": {"M00001", "M00299"}, "format": {f.Name}, "limit": {"100000"}})
		if string(body) != string(want) {
			t.Errorf("%s: the file and the API differ: %d and %d bytes", f.Name, len(body), len(want))
		}
	}
	// One that is ended leaves nothing, and what was there before stays.
	kept := filepath.Join(dir, "kept.csv")
	if err := os.WriteFile(kept, []byte("former"), 0o600); err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if status := e.export(ended, io.Discard, io.Discard, "--out", kept); status != exitFailed {
		t.Errorf("status %d of an export that was ended", status)
	}
	if status := e.export(t.Context(), io.Discard, io.Discard, "--out", kept, "--node", "T9"); status != exitFailed {
		t.Errorf("status %d of an export of what there is not", status)
	}
	text, err := os.ReadFile(kept)
	if err != nil || string(text) != "former" {
		t.Errorf("%q, %v", text, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(exportFormats)+1 {
		t.Errorf("%v, %v", entries, err)
	}
	for args, words := range map[string]string{"--quantity=Import": "Import", "--to=2026-10": "does not come after", "--part-rows=5": "folder", "--device=M9": "M9"} {
		var errs strings.Builder
		if status := e.export(t.Context(), io.Discard, &errs, args); status != exitFailed || !strings.Contains(errs.String(), words) {
			t.Errorf("%s: status %d, %s", args, status, &errs)
		}
	}
}

// lines are the rows of a CSV file, without its header.
func linesOf(t *testing.T, text []byte) []string {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(string(text), "\r\n"), "\r\n")
	if !strings.HasPrefix(lines[0], "usage_point,meter,time") {
		t.Fatalf("it begins with %.100q", lines[0])
	}
	return lines[1:]
}

// An export into parts that is ended goes on with the next part; all parts together are the whole.
func testExportIntoParts(t *testing.T, week *exporter) {
	folder := filepath.Join(t.TempDir(), "parts")
	args := []string{"--out", folder, "--part-rows", "30000", "--format", "csv"}
	begun, end := context.WithCancel(t.Context())
	defer end()
	ended := make(chan int, 1)
	go func() { ended <- week.export(begun, io.Discard, io.Discard, args...) }()
	deadline := time.Now().Add(patience)
	for {
		if _, err := os.Stat(filepath.Join(folder, "readings-000002.csv")); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no second part came")
		}
		time.Sleep(time.Millisecond)
	}
	end()
	if status := <-ended; status != exitFailed {
		t.Fatalf("status %d: it was whole before it could be ended", status)
	}
	var errs strings.Builder
	if status := week.export(t.Context(), io.Discard, &errs, "--out", folder, "--part-rows", "25000", "--format", "csv"); status != exitFailed || !strings.Contains(errs.String(), "another export") {
		t.Errorf("other parts in the same folder: status %d, %s", status, &errs)
	}
	errs.Reset()
	if status := week.export(t.Context(), io.Discard, &errs, args...); status != exitDone || !strings.Contains(errs.String(), "going on") {
		t.Fatalf("status %d, %s", status, &errs)
	}
	names, err := filepath.Glob(filepath.Join(folder, "readings-*"))
	if err != nil || len(names) != 4 { // 100,800 rows
		t.Fatal(names, err)
	}
	var all []string
	for i, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		part := linesOf(t, text)
		if i < 3 && len(part) != 30000 {
			t.Errorf("%s has %d rows", name, len(part))
		}
		all = append(all, part...)
	}
	var whole strings.Builder
	if status := week.export(t.Context(), &whole, io.Discard, "--format", "csv"); status != exitDone {
		t.Fatal(status)
	}
	if !slices.Equal(all, linesOf(t, []byte(whole.String()))) {
		t.Errorf("%d rows in parts", len(all))
	}
	errs.Reset()
	if status := week.export(t.Context(), io.Discard, &errs, args...); status != exitDone || !strings.Contains(errs.String(), "all 4 parts") {
		t.Errorf("status %d, %s", status, &errs)
	}
}

// Connections that the database ends in the middle leave no mark in what is written.
//
// Many quantities make the blocks in which rows are handed on short, so that some are on their way.
func testExportSurvivesTheDatabase(t *testing.T, week *exporter) {
	const manyQuantities = "import_wh,export_wh,v1,v2,v3,i1,i2,i3,p,p1,p2,p3,q,s,pf,f"
	former := exportPause
	exportPause = 10 * time.Millisecond
	defer func() { exportPause = former }()
	in, out := io.Pipe()
	var errs strings.Builder
	ended := make(chan int, 1)
	go func() {
		status := week.export(t.Context(), out, &errs, "--format", "csv", "--quantity", manyQuantities)
		out.Close()
		ended <- status
	}()
	var text []byte
	buffer := make([]byte, 32<<10)
	for times, tries := 0, 0; ; {
		n, err := in.Read(buffer)
		text = append(text, buffer[:n]...)
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if len(text) > 1<<17*(tries+1) && times < 3 {
			tries++
			n, err := week.store.Scalar(t.Context(), "SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%COPY (%' AND state = 'active' AND pid <> pg_backend_pid()")
			if err != nil {
				t.Fatal(err)
			}
			if n != "0" { // it was not between two slices, or all sent
				times++
			}
		}
	}
	if status := <-ended; status != exitDone || !strings.Contains(errs.String(), "goes on") {
		t.Fatalf("status %d, %s", status, &errs)
	}
	rows := linesOf(t, text)
	var whole strings.Builder
	if status := week.export(t.Context(), &whole, io.Discard, "--format", "csv", "--quantity", manyQuantities); status != exitDone {
		t.Fatal(status)
	}
	if !slices.Equal(rows, linesOf(t, []byte(whole.String()))) || len(rows) != week.rows {
		t.Errorf("%d rows, %d are there", len(rows), week.rows)
	}
}
