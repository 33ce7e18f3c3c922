package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"lastgasp/timeseries"
	"lastgasp/timeseries/limit"
)

// exportLine is an export beside a raw COPY of the same rows.
type exportLine struct {
	what  string
	rate  float64 // rows a second
	limit float64
	bytes float64 // a second
	peak  int64   // resident, kB
	cpu   time.Duration
	rows  int
}

// The month that is exported.
var (
	exportedFrom = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	exportedTo   = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
)

// exports: a month of half-hourly registers of 20,000 usage points by `headend export readings`, beside COPY TO STDOUT binary
// of the same rows. With TimescaleDB both as they came and compressed.
func (b *bench) exports(ctx context.Context, t *table) error {
	b.database++
	name := fmt.Sprintf("bench_%d", b.database)
	if err := b.server.CreateDatabase(ctx, name); err != nil {
		return err
	}
	url := b.server.URL(name)
	store, err := timeseries.Open(ctx, url, timeseries.Options{Zone: "UTC"})
	if err != nil {
		return err
	}
	engine := store.Engine()
	store.Close()
	if engine == timeseries.Postgres {
		return errors.New("exports are measured with TimescaleDB, and this server has none")
	}
	rows, err := limit.HalfHours(ctx, url, meters, exportedFrom, exportedTo)
	if err != nil {
		return err
	}
	if err := b.exported(ctx, t, url, "as they came", rows); err != nil {
		return err
	}
	if err := limit.Compress(ctx, url); err != nil {
		return err
	}
	return b.exported(ctx, t, url, "compressed", rows)
}

func (b *bench) exported(ctx context.Context, t *table, url, state string, rows int) error {
	raw, _, err := limit.CopyOut(ctx, url, exportedFrom, exportedTo)
	if err != nil {
		return err
	}
	for _, format := range []string{"parquet", "arrow", "csv"} {
		l, err := b.export(ctx, url, format, rows)
		if err != nil {
			return fmt.Errorf("%s: %w", format, err)
		}
		l.what, l.limit = format+", rows "+state, raw
		fmt.Fprintf(os.Stderr, "export %s: %s of %s rows/s, peak %d MB\n", l.what, thousands(l.rate), thousands(raw), l.peak/1024)
		t.exports = append(t.exports, l)
	}
	return nil
}

// counted counts what a program writes.
type counted int64

// Write implements io.Writer.
func (c *counted) Write(p []byte) (int, error) {
	*c += counted(len(p))
	return len(p), nil
}

func (b *bench) export(ctx context.Context, url, format string, rows int) (exportLine, error) {
	var bytes counted
	command := exec.CommandContext(ctx, b.program, "export", "readings", "--from", exportedFrom.Format(time.RFC3339), "--to", exportedTo.Format(time.RFC3339), "--quantity", "import_wh", "--format", format)
	command.Env = append(os.Environ(), "LASTGASP_DATABASE_URL="+url, "LASTGASP_ZONE=UTC", "LASTGASP_LOG_LEVEL=warn")
	command.Stdout, command.Stderr = &bytes, os.Stderr
	began := time.Now()
	if err := command.Run(); err != nil {
		return exportLine{}, err
	}
	took := time.Since(began).Seconds()
	used, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return exportLine{}, errors.New("this system does not tell what a process used")
	}
	return exportLine{rate: float64(rows) / took, bytes: float64(bytes) / took, peak: used.Maxrss, cpu: command.ProcessState.UserTime() + command.ProcessState.SystemTime(), rows: rows}, nil
}

func (t *table) printExports(w io.Writer) {
	fmt.Fprintf(w, "\n| export of %s readings | rows/s | COPY TO STDOUT binary of the same rows | ratio | aim | MB/s | peak memory | head-end, µs a row |\n|---|---|---|---|---|---|---|---|\n", thousands(float64(t.exports[0].rows)))
	for _, l := range t.exports {
		aim := "50 %"
		if l.what[:3] == "csv" {
			aim = "-"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %.0f %% | %s | %.0f | %d MB | %.2f |\n", l.what, thousands(l.rate), thousands(l.limit), 100*l.rate/l.limit, aim, l.bytes/1e6, l.peak/1024,
			float64(l.cpu.Microseconds())/float64(l.rows))
	}
}
