package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"lastgasp/headend"
	"lastgasp/headend/billing"
	"lastgasp/headend/billing/office"
	"lastgasp/timeseries"
)

// billingCommand is `headend billing`.
type billingCommand struct {
	Gaps      billingGaps      `cmd:"" help:"What is missing, and what became of it."`
	Registers billingRegisters `cmd:"" help:"Registers of usage points at a moment."`
	Run       billingRun       `cmd:"" help:"Make a billing run: what usage points consumed over a period, with a snapshot that never changes."`
	Runs      billingRuns      `cmd:"" help:"List billing runs, the latest first."`
	Changes   billingChanges   `cmd:"" help:"What differs between two runs over the same period, a line of JSON each."`
}

// billed says which usage points are meant.
type billed struct {
	UsagePoint   []string `placeholder:"ID" help:"Of this usage point; may be repeated (default: all)."`
	Organisation string   `placeholder:"ID" help:"Of this organisation and those below it."`
}

func (b billed) set() headend.BillingSet {
	return headend.BillingSet{UsagePoints: b.UsagePoint, Organisation: b.Organisation}
}

type billingGaps struct {
	UsagePoint   string `placeholder:"ID" help:"Of this usage point alone."`
	Organisation string `placeholder:"ID" help:"Of this organisation and those below it."`
	State        string `default:"" enum:",open,requested,filled,estimated,given_up" help:"open, requested, filled, estimated or given_up (default: all)."`
	From         string `placeholder:"TIME" help:"That reach beyond this time: a date, or RFC 3339."`
	To           string `placeholder:"TIME" help:"That begin before this time."`
	Limit        int    `default:"100" help:"At most so many."`
}

type billingRegisters struct {
	At       string `required:"" placeholder:"TIME" help:"The moment: a date, which is its midnight, or RFC 3339."`
	Quantity string `default:"import_wh" help:"An energy register."`
	Format   string `default:"table" enum:"table,csv,json" help:"table, csv or json (a line each)."`
	billed
}

type billingRun struct {
	From     string   `required:"" placeholder:"TIME" help:"Beginning of the period: a date, which is its midnight, or RFC 3339."`
	To       string   `required:"" placeholder:"TIME" help:"Its end, not included."`
	By       string   `required:"" placeholder:"NAME" help:"Who makes it."`
	Quantity []string `placeholder:"NAME" help:"Energy register; may be repeated (default: import_wh)."`
	Values   bool     `help:"Lines hold their intervals."`
	Output   string   `short:"o" placeholder:"FILE" help:"Write the snapshot there."`
	billed
}

type billingRuns struct {
	Limit int `default:"20" help:"At most so many."`
}

type billingChanges struct {
	Since string `arg:"" help:"Id or number of the earlier run."`
	ID    string `arg:"" help:"Id or number of the later run."`
}

// withBilling opens the database for a question.
func withBilling(p *program, ask func(*timeseries.Store, *office.Office) error) (err error) {
	config, err := p.config()
	if err != nil {
		return err
	}
	log := p.logger(config.Log)
	settings, err := config.Billing.settings()
	if err != nil {
		return err
	}
	database, err := openDatabase(p.ctx, config, log, p.stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	o, err := office.New(database.Store, office.Options{Settings: settings, Log: log})
	if err != nil {
		return err
	}
	return ask(database.Store, o)
}

// momentIn reads a date or a time; "" is the zero time.
func momentIn(flag, text string, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t, err = time.ParseInLocation(time.DateOnly, text, zone)
	}
	if err != nil {
		return t, fmt.Errorf("%s: %q is neither a date such as 2026-11-01 nor a time such as 2026-11-01T00:00:00+07:00", flag, text)
	}
	return t.UTC(), nil
}

const shownTime = "2006-01-02 15:04"

// Run lists gaps.
func (c *billingGaps) Run(p *program) error {
	return withBilling(p, func(store *timeseries.Store, o *office.Office) error {
		f := headend.GapFilter{UsagePoint: c.UsagePoint, Organisation: c.Organisation, State: c.State}
		var err error
		if f.From, err = momentIn("--from", c.From, o.Zone()); err != nil {
			return err
		}
		if f.To, err = momentIn("--to", c.To, o.Zone()); err != nil {
			return err
		}
		gaps, err := store.Gaps(p.ctx, f, 0, max(1, c.Limit)+1)
		if err != nil {
			return err
		}
		more := len(gaps) > c.Limit
		table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "USAGE POINT\tQUANTITY\tFROM\tTO\tSTATE\tASKED\tSINCE")
		for _, g := range gaps[:min(len(gaps), max(1, c.Limit))] {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", g.UsagePoint, g.Quantity, g.From.In(o.Zone()).Format(shownTime), g.To.In(o.Zone()).Format(shownTime),
				g.State, g.Attempts, g.Changed.In(o.Zone()).Format(shownTime))
		}
		if err := table.Flush(); err != nil {
			return err
		}
		if more {
			_, err = fmt.Fprintf(p.stdout, "… and more: --limit, --state, --usage-point, --organisation, --from and --to choose\n")
		}
		return err
	})
}

// Run prints registers as they come.
func (c *billingRegisters) Run(p *program) error {
	return withBilling(p, func(_ *timeseries.Store, o *office.Office) error {
		at, err := momentIn("--at", c.At, o.Zone())
		if err != nil {
			return err
		}
		q := headend.CutOffQuestion{Set: c.set(), At: at, Quantity: headend.Quantity(c.Quantity)}
		out := registerPrinter(p.stdout, c.Format, o.Zone())
		if err := o.Registers(p.ctx, q, out.register); err != nil {
			return err
		}
		return out.end()
	})
}

// registerOut prints registers in one format.
type registerOut struct {
	register func(usagePoint string, r billing.Read, m *headend.Multiplier) error
	end      func() error
}

func registerPrinter(w io.Writer, format string, zone *time.Location) registerOut {
	columns := func(usagePoint string, r billing.Read, m *headend.Multiplier) []string {
		row := []string{usagePoint, string(r.Meter), "", r.How.String(), "", string(r.Absent), ""}
		if r.Absent == "" {
			row[2], row[4] = strconv.FormatInt(r.Wh, 10), r.At.Add(r.Distance).In(zone).Format(time.RFC3339)
		}
		if m != nil {
			row[6] = strconv.FormatInt(m.Numerator, 10)
			if m.Denominator != 1 {
				row[6] += "/" + strconv.FormatInt(m.Denominator, 10)
			}
		}
		return row
	}
	header := []string{"usage_point", "meter", "wh", "how", "read_at", "absent", "multiplier"}
	switch format {
	case "json":
		lines := json.NewEncoder(w)
		return registerOut{func(usagePoint string, r billing.Read, m *headend.Multiplier) error {
			return lines.Encode(struct {
				UsagePoint string `json:"usage_point"`
				Read       any    `json:"register"`
			}{usagePoint, r})
		}, func() error { return nil }}
	case "csv":
		out := csv.NewWriter(w)
		first := out.Write(header)
		return registerOut{func(usagePoint string, r billing.Read, m *headend.Multiplier) error {
			return errors.Join(first, out.Write(columns(usagePoint, r, m)))
		}, func() error {
			out.Flush()
			return errors.Join(first, out.Error())
		}}
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "USAGE POINT\tMETER\tWH\tHOW\tREAD AT\tABSENT\tMULTIPLIER")
	return registerOut{func(usagePoint string, r billing.Read, m *headend.Multiplier) error {
		c := columns(usagePoint, r, m)
		_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c[0], c[1], c[2], c[3], c[4], c[5], c[6])
		return err
	}, table.Flush}
}

// Run makes a run and says what came of it.
func (c *billingRun) Run(p *program) error {
	return withBilling(p, func(store *timeseries.Store, o *office.Office) error {
		run := headend.BillingRun{By: c.By, Set: c.set(), Values: c.Values}
		var err error
		if run.From, err = momentIn("--from", c.From, o.Zone()); err != nil {
			return err
		}
		if run.To, err = momentIn("--to", c.To, o.Zone()); err != nil {
			return err
		}
		for _, q := range c.Quantity {
			run.Quantities = append(run.Quantities, headend.Quantity(q))
		}
		if run, err = o.Ask(p.acting("billing run"), run); err != nil {
			return err
		}
		progress := runProgress(p.stderr)
		number := run.Number
		run, made, err := o.Make(p.ctx, number, progress)
		progress(-1)
		switch {
		case err != nil:
			return fmt.Errorf("%w\nrun %d waits: a head-end that serves makes it", err, number)
		case !made:
			_, err = fmt.Fprintf(p.stdout, "run %d is being made by a head-end that serves; headend billing runs says when it is\n", number)
			return err
		case run.State != "made":
			return fmt.Errorf("run %d cannot be made: %s", run.Number, run.Reason)
		}
		if _, err := fmt.Fprintf(p.stdout, "run %d, id %s\n%d lines: %d pass, %d are held; %d bytes\n", run.Number, run.ID, run.Lines, run.Passed, run.Held, run.Bytes); err != nil {
			return err
		}
		return c.write(p, store, run)
	})
}

// write copies the snapshot to a file.
func (c *billingRun) write(p *program, store *timeseries.Store, run headend.BillingRun) (err error) {
	if c.Output == "" {
		return nil
	}
	file, err := os.Create(c.Output)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = io.Copy(file, store.BillingBytes(p.ctx, run.ID))
	return err
}

// runProgress counts usage points on a terminal; -1 ends it. Elsewhere it says nothing.
func runProgress(to io.Writer) func(points int) {
	f, ok := to.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func(int) {}
	}
	bar := progressbar.NewOptions(-1, progressbar.OptionSetWriter(to), progressbar.OptionSetDescription("usage points"), progressbar.OptionShowCount(),
		progressbar.OptionShowIts(), progressbar.OptionThrottle(200*time.Millisecond), progressbar.OptionClearOnFinish())
	return func(points int) {
		var err error
		if points < 0 {
			err = bar.Finish()
		} else {
			err = bar.Set(points)
		}
		if err != nil { // a terminal that has gone is no reason to end a run
			bar = progressbar.DefaultSilent(-1)
		}
	}
}

// Run lists runs.
func (c *billingRuns) Run(p *program) error {
	return withBilling(p, func(store *timeseries.Store, o *office.Office) error {
		runs, err := store.BillingRuns(p.ctx, "", 0, max(1, c.Limit))
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "RUN\tSTATE\tFROM\tTO\tBY\tASKED\tLINES\tHELD\tID")
		for _, r := range runs {
			fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s%s\n", r.Number, r.State, r.From.In(o.Zone()).Format(shownTime), r.To.In(o.Zone()).Format(shownTime), r.By,
				r.Asked.In(o.Zone()).Format(shownTime), r.Lines, r.Held, r.ID, r.Reason)
		}
		return table.Flush()
	})
}

// Run prints what differs.
func (c *billingChanges) Run(p *program) error {
	return withBilling(p, func(_ *timeseries.Store, o *office.Office) error {
		lines := json.NewEncoder(p.stdout)
		return o.Changes(p.ctx, c.Since, c.ID, func(change billing.Change) error { return lines.Encode(change) })
	})
}
