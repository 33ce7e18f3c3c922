package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing"
	"lastgasp/protocols/drivertest"
)

// readByOthers are the rows of a file as readers in JavaScript tell them that share no code with what wrote it: apache-arrow and
// hyparquet.
func readByOthers(t *testing.T, format string, content []byte) (rows []map[string]any) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		drivertest.Missing(t, "node is not installed (make packages-test installs it)")
	}
	dir := filepath.Join("testdata", "readers")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "hyparquet", "package.json")); err != nil {
		drivertest.Missing(t, "the readers are not installed (make packages-test installs them: npm ci in headend/billing/export/testdata/readers)")
	}
	name := filepath.Join(t.TempDir(), "rows."+format)
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), node, "read.mjs", name)
	command.Dir = dir
	var errs bytes.Buffer
	command.Stderr = &errs
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", format, err, &errs)
	}
	for line := range bytes.Lines(out) {
		row := map[string]any{}
		in := json.NewDecoder(bytes.NewReader(line))
		in.UseNumber()
		if err := in.Decode(&row); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		rows = append(rows, row)
	}
	return rows
}

// Readers that are not Go's find every value of every row, registers beyond 2^53 and times of microseconds among them.
func TestRowsReadByOthers(t *testing.T) {
	rows := many()
	at := rows[0].From.Add(123456 * time.Microsecond)
	rows = append(rows, Row{UsagePoint: `Nhà "số" 1, 東`, Meter: "M,1", Quantity: headend.ExportWh, Kind: Register, From: at, To: at, State: billing.Measured, Wh: 1<<63 - 1,
		How: billing.Nearest, Distance: -17*time.Minute - time.Microsecond, Quality: headend.QualityClockDoubtful | headend.QualityBackwards})
	for _, rows := range [][]Row{rows, nil} {
		for _, format := range []string{"arrow", "parquet"} {
			got := readByOthers(t, format, write(t, format, Options{}, rows))
			if len(got) != len(rows) {
				t.Fatalf("%s: %d rows, want %d", format, len(got), len(rows))
			}
			for i := range rows {
				want := valuesOf(&rows[i])
				if len(got[i]) != len(want) {
					t.Fatalf("%s: row %d has %d columns, want %d: %v", format, i, len(got[i]), len(want), got[i])
				}
				for name, value := range want {
					if found, ok := got[i][name]; !ok || fmt.Sprint(found) != value {
						t.Fatalf("%s: row %d: %s is %v, want %s: %v", format, i, name, found, value, got[i])
					}
				}
			}
		}
	}
}

// valuesOf is what the columns of a row have to say; <nil> where that is nothing.
func valuesOf(r *Row) map[string]string {
	const nothing = "<nil>"
	optional := func(s string) string {
		if s == "" {
			return nothing
		}
		return s
	}
	want := map[string]string{"usage_point": r.UsagePoint, "meter": optional(string(r.Meter)), "quantity": string(r.Quantity), "kind": r.Kind.String(), "state": r.State.String(),
		"method": optional(string(r.Method)), "absent": optional(string(r.Absent)), "how": optional(r.How.String()), "verdicts": optional(strings.Join(r.Verdicts.Names(), ",")),
		"from": fmt.Sprint(r.From.UnixMicro()), "to": fmt.Sprint(r.To.UnixMicro()), "outage": fmt.Sprint(r.Outage), "wh": nothing, "distance_us": nothing, "quality": nothing}
	if r.State != billing.Missing {
		want["wh"], want["quality"] = fmt.Sprint(r.Wh), "measured"
		if r.Quality != 0 {
			want["quality"] = strings.Join(r.Quality.Names(), ",")
		}
		if r.Kind == Register {
			want["distance_us"] = fmt.Sprint(r.Distance.Microseconds())
		}
	}
	return want
}
