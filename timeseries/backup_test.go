package timeseries_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/protocols/drivertest"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// What deploy/backup.sh writes, deploy/restore.sh brings back, on both engines: into a database of the same server, while the head-end
// works with the first one. Then it works with the copy, compressed chunks and roll-ups included.
func TestABackupComesBack(t *testing.T) {
	for _, name := range []string{"psql", "pg_dump", "pg_restore", "sha256sum"} {
		if _, err := exec.LookPath(name); err != nil {
			drivertest.Missing(t, "THIS TEST DID NOT RUN: %s is missing", name)
		}
	}
	storetest.EachEngine(t, func(t *testing.T, engine timeseries.Engine) {
		url := storetest.URL(t)
		s := storetest.OpenURL(t, url, timeseries.Options{Engine: engine})
		grid(t, s)
		for day := range 3 {
			for hour := range 24 {
				appendAll(t, s, batch("M1", noon.AddDate(0, 0, -day).Add(time.Duration(hour)*time.Hour), "import_wh", 1000*(3-day)+hour, "v1", 229.5, "frequency_deviation", 0.01))
			}
		}
		appendAll(t, s, batch("M1", noon, "import_wh", 4242)) // a correction, with history
		epoch, _, release := lease(t, s, "a")
		record(t, s, epoch, headend.Detection{Cursor: "9000000:9000000:", Outages: []headend.Outage{outage(1, headend.OutageConfirmed)}, Rows: []headend.LedgerRow{row(1, 1, noon, time.Time{})}})
		release()
		if err := s.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if engine == timeseries.Timescale {
			if _, err := s.Scalar(t.Context(), "SELECT count(compress_chunk(c))::text FROM show_chunks('reading') c"); err != nil {
				t.Fatal(err)
			}
		}
		folder := t.TempDir()
		source, copied := storetest.URL(t), filepath.Join(folder, "copy-url")
		write := func(name, text string) {
			t.Helper()
			if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		original := filepath.Join(folder, "url")
		write(original, url)
		write(copied, source)
		dump := strings.TrimSpace(script(t, true, "backup.sh", original, filepath.Join(folder, "backups")))
		if info, err := os.Stat(dump); err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("%s: %v %v", dump, info, err)
		}
		script(t, true, "restore.sh", copied, dump)

		again := storetest.OpenURL(t, source, timeseries.Options{Engine: engine})
		for _, sql := range []string{
			"SELECT count(*), sum(import_wh), sum(v1) FROM reading", "SELECT count(*), sum(value) FROM reading_other", "SELECT count(*) FROM reading_history",
			"SELECT count(*), sum(readings), sum(import_wh_last) FROM reading_day", "SELECT number, state, revision FROM outage", "SELECT usage_point, id, started FROM interruption",
			"SELECT count(*) FROM device", "SELECT name, value FROM setting WHERE name <> 'backup' ORDER BY name",
		} {
			const asText = "SELECT string_agg(x::text, ' ') FROM ("
			want, err := s.Scalar(t.Context(), asText+sql+") x")
			if err != nil {
				t.Fatal(err)
			}
			if got, err := again.Scalar(t.Context(), asText+sql+") x"); got != want || want == "" || err != nil {
				t.Errorf("%s: %q %v, want %q", sql, got, err, want)
			}
		}
		// The copy is alive: late rows land in restored chunks, the ledger goes on, and the detector begins by time.
		appendAll(t, again, batch("M1", noon.AddDate(0, 0, -2).Add(30*time.Minute), "import_wh", 1001), batch("M2", noon.AddDate(0, 1, 0), "import_wh", 7))
		if got, err := again.Scalar(t.Context(), "SELECT cursor FROM detection"); got != "" || err != nil {
			t.Errorf("the detector would go on behind %q, %v", got, err)
		}
		next, _, done := lease(t, again, "b")
		if record(t, again, next, headend.Detection{Outages: []headend.Outage{outage(1, headend.OutageClosed)}}) != 2 || next != epoch+1 {
			t.Errorf("epoch %d after %d", next, epoch)
		}
		done()
		if seen, err := timeseries.Inspect(t.Context(), url); err != nil || time.Since(seen.Backup) > time.Hour || seen.Backup.IsZero() {
			t.Errorf("the backup is noted at %s, %v", seen.Backup, err)
		}

		if out := script(t, false, "restore.sh", copied, dump); !strings.Contains(out, "restore into an empty one") {
			t.Errorf("into a database that is not empty: %s", out)
		}
		text, err := os.ReadFile(dump)
		if err != nil {
			t.Fatal(err)
		}
		text[len(text)/2] ^= 1
		if err := os.WriteFile(dump, text, 0o600); err != nil {
			t.Fatal(err)
		}
		empty := filepath.Join(folder, "empty-url")
		write(empty, storetest.URL(t))
		if out := script(t, false, "restore.sh", empty, dump); !strings.Contains(out, "is damaged") {
			t.Errorf("a damaged dump: %s", out)
		}
	})
}

// script runs one of deploy/ and returns what it printed; good says whether it is to succeed.
func script(t *testing.T, good bool, name string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "../deploy/"+name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); (err == nil) != good {
		t.Fatalf("%s: %v\n%s%s", name, err, out.String(), errs.String())
	}
	if !good {
		return errs.String()
	}
	return out.String()
}
