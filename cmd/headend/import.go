package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"lastgasp/headend"
	"lastgasp/headend/importer"
	"lastgasp/timeseries"
)

// importCommand is `headend import`.
type importCommand struct {
	Organisations importOrganisations `cmd:"" help:"Corporations, companies, districts: id,name,kind,parent,from,to"`
	Network       importNetwork       `cmd:"" help:"Substations, feeders, switches, transformers: id,name,kind,parent,organisation,rated_kva,from,to"`
	UsagePoints   importUsagePoints   `cmd:"" name:"usage-points" help:"Where customers are supplied: id,name,address,node,organisation,phases,from,to"`
	Devices       importDevices       `cmd:"" help:"Meters, gateways, RTUs: id,kind,protocol,address,profile,gateway,usage_point,password,from,to"`

	PlannedOutages importPlans         `cmd:"" name:"planned-outages" help:"The calendar of planned cuts and work orders: id,kind,node,usage_points,from,to,reason,notice,status"`
	Interruptions  importInterruptions `cmd:"" help:"History from before the head-end: usage_point,start,end,outage,cause,phases"`

	Books   importBooks   `embed:""`
	Billing importBilling `embed:""`
}

// importFile is what they have in common.
type importFile struct {
	File        string `arg:"" help:"CSV file (comma, UTF-8), its first line the header above."`
	SkipRefused bool   `help:"Write the good lines of a file that has bad ones. Without this one bad line means that nothing is written."`
}

type (
	importOrganisations struct{ importFile }
	importNetwork       struct{ importFile }
	importUsagePoints   struct{ importFile }
	importDevices       struct{ importFile }
	importPlans         struct{ importFile }
	importInterruptions struct{ importFile }
)

// deviceProtocols are the names the protocol column of a device may have.
var deviceProtocols = []string{"mqtt", "modbus"}

// Run imports organisations.
func (c *importOrganisations) Run(p *program) error {
	return runImport(p, c.importFile, importer.Organisations, (*timeseries.Store).ImportOrganisations)
}

// Run imports the network.
func (c *importNetwork) Run(p *program) error {
	return runImport(p, c.importFile, importer.Nodes, (*timeseries.Store).ImportNodes)
}

// Run imports usage points.
func (c *importUsagePoints) Run(p *program) error {
	return runImport(p, c.importFile, importer.UsagePoints, (*timeseries.Store).ImportUsagePoints)
}

// Run imports devices.
func (c *importDevices) Run(p *program) error {
	return runImport(p, c.importFile, importer.Devices, (*timeseries.Store).ImportDevices)
}

// Run imports the calendar.
func (c *importPlans) Run(p *program) error {
	return runImport(p, c.importFile, importer.Plans, (*timeseries.Store).ImportPlans)
}

// Run imports interruptions of the time before the head-end.
func (c *importInterruptions) Run(p *program) error {
	return runImport(p, c.importFile, importer.Interruptions, (*timeseries.Store).ImportInterruptions)
}

// runImport reads a file with one of the importer's functions, hands the lines to one of the store's, and
// says what came of it: refused lines on standard error, the sum on standard output.
func runImport[Row any](p *program, c importFile,
	read func(io.Reader, importer.Format) iter.Seq2[headend.Line[Row], error],
	store func(*timeseries.Store, context.Context, iter.Seq2[headend.Line[Row], error], timeseries.ImportOptions) (headend.Imported, error),
) (err error) {
	config, err := p.config()
	if err != nil {
		return err
	}
	if _, err := os.Stat(c.File); err != nil { // before a database is started for nothing
		return err
	}
	database, err := openDatabase(p.ctx, config, p.logger(config.Log), p.stderr)
	if err != nil {
		return err
	}
	defer func() {
		if closed := database.Close(); err == nil {
			err = closed
		}
	}()
	return importInto(p, database.Store, c, read, store)
}

// importInto is runImport with a store that is open already.
func importInto[Row any](p *program, into *timeseries.Store, c importFile,
	read func(io.Reader, importer.Format) iter.Seq2[headend.Line[Row], error],
	store func(*timeseries.Store, context.Context, iter.Seq2[headend.Line[Row], error], timeseries.ImportOptions) (headend.Imported, error),
) error {
	zone, err := time.LoadLocation(into.Zone())
	if err != nil {
		return fmt.Errorf("zone: %w", err)
	}
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer file.Close()
	progress, err := newImportProgress(p.stderr, file)
	if err != nil {
		return err
	}
	counted := &countedFile{from: progress.reader(file), sum: sha256.New()}
	lines := read(counted, importer.Format{Zone: zone, Protocols: deviceProtocols})
	result, err := store(into, p.acting("import"), lines, timeseries.ImportOptions{SkipRefused: c.SkipRefused, Progress: progress.say,
		File: func() timeseries.ImportedFile {
			return timeseries.ImportedFile{Name: c.File, Bytes: counted.bytes, SHA256: hex.EncodeToString(counted.sum.Sum(nil))}
		}})
	progress.end()
	if err != nil {
		return fmt.Errorf("%s: %w\nNothing was written", c.File, err)
	}
	return reportImport(p, c.File, result)
}

// countedFile counts and hashes what is read of a file.
type countedFile struct {
	from  io.Reader
	bytes int64
	sum   hash.Hash
}

// Read implements io.Reader.
func (c *countedFile) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.bytes += int64(n)
	c.sum.Write(p[:n]) // never fails
	return n, err
}

func reportImport(p *program, file string, result headend.Imported) error {
	for _, r := range result.Refused {
		if _, err := fmt.Fprintf(p.stderr, "%s:%d: %s%s\n", file, r.Line, prefixed(r.ID), r.Reason); err != nil {
			return err
		}
	}
	what := fmt.Sprintf("%d new, %d changed, %d unchanged", result.New, result.Changed, result.Unchanged)
	switch {
	case !result.Written:
		what = "nothing was written, because lines were refused; --skip-refused writes the others"
	case result.New+result.Changed == 0:
		what += ": nothing changed"
	}
	if _, err := fmt.Fprintf(p.stdout, "%s: %d lines, %d refused; %s\n", file, result.Lines, len(result.Refused), what); err != nil {
		return err
	}
	if len(result.Refused) > 0 {
		return errRefused
	}
	return nil
}

func prefixed(id string) string {
	if id == "" {
		return ""
	}
	return id + ": "
}

// importProgress is a bar over the file's bytes, and then words for what the database does. Where standard
// error is no terminal it says nothing.
type importProgress struct {
	bar *progressbar.ProgressBar // nil: not on a terminal
}

func newImportProgress(to io.Writer, file *os.File) (*importProgress, error) {
	f, ok := to.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &importProgress{}, nil
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return &importProgress{bar: progressbar.NewOptions64(info.Size(), progressbar.OptionSetWriter(to),
		progressbar.OptionSetDescription("reading"), progressbar.OptionShowBytes(true), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish())}, nil
}

func (p *importProgress) reader(r io.Reader) io.Reader {
	if p.bar == nil {
		return r
	}
	reader := progressbar.NewReader(r, p.bar)
	return &reader
}

// say tells what is being done once the file has been read.
func (p *importProgress) say(stage string, lines int) {
	if p.bar != nil && stage != "reading" {
		p.bar.Describe(fmt.Sprintf("%s %d lines", stage, lines))
	}
}

func (p *importProgress) end() {
	if p.bar != nil {
		// A bar that cannot be cleared from the terminal is no reason to fail an import that is done.
		if err := p.bar.Finish(); err != nil {
			p.bar = nil
		}
	}
}
