package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"lastgasp/headend"
	"lastgasp/headend/billing/export"
	"lastgasp/timeseries"
)

// exportCommand is `headend export`.
type exportCommand struct {
	Readings exportReadings `cmd:"" help:"Readings of many meters as CSV, NDJSON, JSON, Arrow or Parquet, straight from the database."`
	Run      exportOfRun    `cmd:"" help:"A billing run that is made, from its snapshot: CSV, NDJSON, Arrow, Parquet, NEM12, Green Button, IEC 61968-9."`
}

type exportReadings struct {
	From         string   `required:"" placeholder:"TIME" help:"Beginning, by the devices' clocks: a month, a day, or a time such as 2026-10-01T00:00:00+07:00."`
	To           string   `placeholder:"TIME" help:"End: a month or day is included, a time is not (default: the month or day of --from)."`
	Quantity     []string `placeholder:"NAME" help:"Names of quantities, separated by commas (default: all that have a column of their own)."`
	UsagePoint   []string `sep:"none" placeholder:"ID" help:"Readings of a usage point, by whichever meter was there; may be repeated."`
	Device       []string `sep:"none" placeholder:"ID" help:"Readings of a device; may be repeated."`
	Organisation string   `placeholder:"ID" help:"Of usage points of an organisation and those below it."`
	Node         string   `placeholder:"ID" help:"Of usage points at or below a node."`
	Format       string   `default:"" enum:",csv,ndjson,json,arrow,parquet" help:"csv, ndjson, json, arrow or parquet (default: as --out ends, else csv)."`
	Out          string   `short:"o" placeholder:"FILE" help:"Write there instead of to standard output. The file appears when it is whole; with --part-rows it is a folder."`
	PartRows     int      `placeholder:"N" help:"Write files of so many rows into the folder --out; the same command goes on where one before was ended."`
}

// Run writes the readings.
func (c *exportReadings) Run(p *program) error {
	if err := c.check(p); err != nil {
		return err
	}
	config, err := p.config()
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(config.Zone)
	if err != nil {
		return fmt.Errorf("zone: %w", err)
	}
	of, err := c.selection(zone)
	if err != nil {
		return err
	}
	log := p.logger(config.Log)
	database, err := openDatabase(p.ctx, config, log, p.stderr)
	if err != nil {
		return err
	}
	e := &exportRun{store: database.Store, of: of, format: c.Format, stderr: p.stderr, progress: newExportProgress(p.stderr, of)}
	switch {
	case c.PartRows > 0:
		err = e.parts(p.ctx, c.Out, c.PartRows)
	case c.Out != "":
		err = wholeFile(c.Out, func(w io.Writer) error {
			_, err := e.write(p.ctx, w, nil, 0)
			return err
		})
	default:
		_, err = e.write(p.ctx, p.stdout, nil, 0)
	}
	e.progress.end()
	if err == nil {
		fmt.Fprintf(p.stderr, "%d readings\n", e.rows)
	}
	return errors.Join(err, database.Close())
}

// check decides the format.
func (c *exportReadings) check(p *program) error {
	if c.PartRows < 0 || c.PartRows > 0 && c.Out == "" {
		return errors.New("--part-rows needs a number of rows and a folder, --out")
	}
	if c.Format == "" {
		c.Format = "csv"
		for _, f := range exportFormats {
			if c.Out != "" && strings.HasSuffix(c.Out, f.Extension) {
				c.Format = f.Name
			}
		}
	}
	if f, ok := p.stdout.(*os.File); ok && c.Out == "" && (c.Format == "arrow" || c.Format == "parquet") && term.IsTerminal(int(f.Fd())) {
		return fmt.Errorf("%s is not for a terminal: name a file with --out", c.Format)
	}
	return nil
}

func (c *exportReadings) selection(zone *time.Location) (of headend.ReadingSelection, err error) {
	of = headend.ReadingSelection{UsagePoints: c.UsagePoint, Organisation: c.Organisation, Node: c.Node}
	for _, id := range c.Device {
		of.Devices = append(of.Devices, headend.DeviceID(id))
	}
	for _, name := range c.Quantity {
		if !headend.ValidQuantityName(name) {
			return of, fmt.Errorf("--quantity: %q is not the name of a quantity", name)
		}
		if q := headend.Quantity(name); !slices.Contains(of.Quantities, q) {
			of.Quantities = append(of.Quantities, q)
		}
	}
	if len(of.Quantities) == 0 {
		of.Quantities = slices.Clone(headend.Columns[:])
	}
	to := c.To
	if to == "" {
		to = c.From
	}
	if of.From, _, err = exportTime(c.From, zone); err != nil {
		return of, fmt.Errorf("--from: %w", err)
	}
	if _, of.To, err = exportTime(to, zone); err != nil {
		return of, fmt.Errorf("--to: %w", err)
	}
	if !of.From.Before(of.To) {
		return of, fmt.Errorf("--to %s does not come after --from %s", to, c.From)
	}
	return of, nil
}

// exportTime reads a month, a day or a time: its beginning, and its end.
func exportTime(text string, zone *time.Location) (from, to time.Time, err error) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t.UTC(), t.UTC(), nil
	}
	first, next, err := firstAndNext(text)
	if err != nil {
		return from, to, fmt.Errorf("%w, nor a time such as 2026-10-01T00:00:00+07:00", err)
	}
	at := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, zone).UTC() }
	return at(first), at(next), nil
}

// exportRun is one export under way.
type exportRun struct {
	store    *timeseries.Store
	of       headend.ReadingSelection
	format   string
	stderr   io.Writer
	progress *exportProgress
	rows     int64
}

// exportPatience is how long an export waits for a database that has gone.
const exportPatience = 5 * time.Minute

// exportPause is how often it asks.
var exportPause = 2 * time.Second

// write exports at most so many rows after a place, and tells where the rest begins. While the database does not answer it
// waits; then it goes on behind the last row it wrote.
func (e *exportRun) write(ctx context.Context, w io.Writer, place *headend.ReadingPlace, limit int) (next *headend.ReadingPlace, err error) {
	out, err := export.NewReadings(e.format, w, e.of.Quantities)
	if err != nil {
		return nil, err
	}
	written := 0
	give := func(b *headend.ReadingBlock) error {
		if err := out.WriteBlock(b); err != nil {
			return err
		}
		written, e.rows = written+b.Rows(), e.rows+int64(b.Rows())
		e.progress.at(b.Time[b.Rows()-1], e.rows)
		return nil
	}
	for since := time.Now(); ; {
		former := written
		left := 0
		if limit > 0 {
			left = limit - written
		}
		if place, err = e.store.ExportReadings(ctx, e.of, place, left, give); err == nil {
			break
		}
		if written > former {
			since = time.Now()
		}
		if !errors.Is(err, headend.ErrAway) || time.Since(since) > exportPatience || limit > 0 && written == limit {
			return place, err
		}
		fmt.Fprintf(e.stderr, "%v; the export goes on when it is back\n", err)
		select {
		case <-ctx.Done():
			return place, ctx.Err()
		case <-time.After(exportPause):
		}
	}
	return place, out.Close("")
}

// wholeFile has a file appear under its name when all of it is written, and not before.
func wholeFile(name string, write func(io.Writer) error) (err error) {
	temporary := filepath.Join(filepath.Dir(name), fmt.Sprintf(".%s.%d.part", filepath.Base(name), os.Getpid()))
	file, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary))
		}
	}()
	if err := errors.Join(write(file), file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(temporary, name)
}
