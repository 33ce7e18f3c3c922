package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
	"lastgasp/headend/api"
	"lastgasp/protocols/drivertest"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// TestReadingsReadByOthers has the API's Arrow and Parquet read by apache-arrow and hyparquet, in JavaScript, and compares every
// value with what the database holds.
func TestReadingsReadByOthers(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		drivertest.Missing(t, "node is not installed (make packages-test installs it)")
	}
	readers, err := filepath.Abs("../../headend/billing/export/testdata/readers")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(readers, "node_modules", "apache-arrow", "package.json")); err != nil {
		drivertest.Missing(t, "the readers are not installed (make packages-test installs them: npm ci in headend/billing/export/testdata/readers)")
	}
	server := startServer(t)
	storetest.EachEngine(t, func(t *testing.T, engine timeseries.Engine) {
		e := exported(t, server, engine, 25, 2)
		e.addOdd(t)
		stored := e.stored(t)
		if len(stored) != e.rows+3 {
			t.Fatalf("%d readings are stored", len(stored))
		}
		served := e.serve(t, api.Options{})
		for _, format := range []string{"arrow", "parquet"} {
			answer, body := served.pull(t, url.Values{"quantity": {bothQuantities}, "format": {format}})
			if answer.StatusCode != http.StatusOK {
				t.Fatalf("%s: %s %.300s", format, answer.Status, body)
			}
			name := filepath.Join(t.TempDir(), "readings."+format)
			if err := os.WriteFile(name, body, 0o600); err != nil {
				t.Fatal(err)
			}
			command := exec.CommandContext(t.Context(), node, "read.mjs", name)
			command.Dir = readers
			var errs bytes.Buffer
			command.Stderr = &errs
			out, err := command.Output()
			if err != nil {
				t.Fatalf("%s: %v: %s", format, err, &errs)
			}
			got := rowsOfReaders(t, out)
			if slices.Sort(got); !slices.Equal(got, stored) {
				for i := range min(len(got), len(stored)) {
					if got[i] != stored[i] {
						t.Errorf("%s tells %s, stored is %s", format, got[i], stored[i])
						break
					}
				}
				t.Errorf("%s: %d rows, %d are stored", format, len(got), len(stored))
			}
		}
	})
}

// addOdd stores what readers may stumble over: a meter that is installed nowhere, a register beyond 2^53, microseconds, words that
// need quotes or more than a byte a letter, numbers without a short binary form.
func (e *exporter) addOdd(t *testing.T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), e.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, sql := range []string{
		`INSERT INTO device (id, kind, state) VALUES ('nowhere', 'meter', 'active'), ('Đồng hồ "9"', 'meter', 'active')`,
		`INSERT INTO usage_point (id) VALUES ('Nhà 東, số 1')`,
		`INSERT INTO installation (device, usage_point, valid_from) SELECT d.number, u.number, '2020-01-01' FROM device d, usage_point u WHERE d.id LIKE 'Đồng%' AND u.id LIKE 'Nhà%'`,
		`INSERT INTO reading (meter, time, received, quality, import_wh, v1)
			SELECT number, timestamptz '2026-11-02T03:04:05.678901Z', timestamptz '2026-11-02T03:04:06.000001Z', 5, 9007199254740993, 229.8 FROM device WHERE id = 'nowhere'
			UNION ALL SELECT number, timestamptz '2026-11-02T03:04:05.999999Z', timestamptz '2026-11-02T03:05:00Z', 0, 9223372036854775807, 1e-300 FROM device WHERE id LIKE 'Đồng%'
			UNION ALL SELECT number, timestamptz '2026-11-02T03:30:00Z', timestamptz '2026-11-02T03:30:00Z', 63, 0, 0.1 + 0.2::double precision FROM device WHERE id LIKE 'Đồng%'`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	if err := e.store.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// stored are the readings as the database holds them, asked for with SQL of this test alone: usage point, meter, time and received in
// microseconds since 1970, quality, import_wh, v1.
func (e *exporter) stored(t *testing.T) (rows []string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), e.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	found, err := conn.Query(t.Context(), `SELECT u.id, d.id, r.time, r.received, r.quality, r.import_wh, r.v1 FROM reading r JOIN device d ON d.number = r.meter
		LEFT JOIN installation i ON i.device = r.meter LEFT JOIN usage_point u ON u.number = i.usage_point`)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	for found.Next() {
		var point *string
		var meter string
		var at, received time.Time
		var quality int32
		var wh *int64
		var volts *float64
		if err := found.Scan(&point, &meter, &at, &received, &quality, &wh, &volts); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, fmt.Sprintf("%v|%v|%v|%v|%v|%v|%v", known(point), meter, at.UnixMicro(), received.UnixMicro(), headend.Quality(quality), known(wh), known(volts)))
	}
	if found.Err() != nil {
		t.Fatal(found.Err())
	}
	slices.Sort(rows)
	return rows
}

// known is a value, or nil.
func known[T any](value *T) any {
	if value == nil {
		return nil
	}
	return *value
}

// rowsOfReaders are the lines the readers printed, as stored tells them.
func rowsOfReaders(t *testing.T, out []byte) (rows []string) {
	t.Helper()
	for line := range bytes.Lines(out) {
		var r map[string]any
		in := json.NewDecoder(bytes.NewReader(line))
		in.UseNumber()
		if err := in.Decode(&r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if n, ok := r["v1"].(json.Number); ok {
			volts, err := n.Float64()
			if err != nil {
				t.Fatal(err)
			}
			r["v1"] = volts
		}
		var words []string
		for _, name := range strings.Fields("usage_point meter time received quality import_wh v1") {
			value, ok := r[name]
			if !ok {
				t.Fatalf("no %s: %s", name, line)
			}
			words = append(words, fmt.Sprint(value))
		}
		rows = append(rows, strings.Join(words, "|"))
	}
	return rows
}
