package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing"
	"lastgasp/headend/billing/export"
	"lastgasp/headend/billing/office"
	"lastgasp/timeseries"
)

// exportOfRun is `headend export run`.
type exportOfRun struct {
	ID       string `arg:"" name:"run" help:"Id or number of a billing run that is made."`
	Format   string `default:"csv" enum:"csv,ndjson,arrow,parquet,nem12,espi,iec61968-9" help:"csv, ndjson, arrow, parquet, nem12, espi (Green Button) or iec61968-9."`
	Out      string `required:"" short:"o" placeholder:"FILE" help:"The file appears when it is whole."`
	Sender   string `placeholder:"ID" help:"Participant id of the sender, for NEM12."`
	Receiver string `placeholder:"ID" help:"Participant id of the receiver, for NEM12."`
}

// Run writes what the snapshot of the run holds: the same bytes each time.
func (c *exportOfRun) Run(p *program) error {
	return withBilling(p, func(store *timeseries.Store, _ *office.Office) error { return c.export(p.ctx, store, p.stderr) })
}

func (c *exportOfRun) export(ctx context.Context, store *timeseries.Store, stderr io.Writer) error {
	n := 0
	if err := wholeFile(c.Out, func(w io.Writer) (err error) {
		n, err = writeRun(ctx, store, headend.RunExport{ID: c.ID, Format: c.Format, Sender: c.Sender, Receiver: c.Receiver}, w)
		return err
	}); err != nil {
		return err
	}
	fmt.Fprintln(stderr, strconv.Itoa(n), "rows")
	return nil
}

// writeRun writes what the snapshot of a run holds, and tells how many rows that were. Errors are those of the store,
// *headend.BadRequest for what cannot be had of this run, export.ErrRow for a row the format cannot carry, and what w said.
func writeRun(ctx context.Context, store *timeseries.Store, of headend.RunExport, w io.Writer) (int, error) {
	run, err := store.BillingRun(ctx, of.ID)
	if err != nil {
		return 0, err
	}
	if run.State != "made" {
		return 0, &headend.BadRequest{Reason: fmt.Sprintf("run %d is not made: it is %s", run.Number, run.State)}
	}
	intervals := of.Format == "nem12" || of.Format == "espi"
	if intervals && !run.Values {
		return 0, &headend.BadRequest{Reason: fmt.Sprintf("run %d holds no intervals, which %s is made of: make one with values", run.Number, of.Format)}
	}
	snapshot, err := billing.OpenSnapshot(store.BillingBytes(ctx, run.ID))
	if err != nil {
		return 0, err
	}
	zone, err := time.LoadLocation(snapshot.Header.Zone)
	if err != nil {
		return 0, fmt.Errorf("zone of run %d: %w", run.Number, err)
	}
	first, end := snapshot.Next()
	if end != nil && !errors.Is(end, io.EOF) {
		return 0, end
	}
	o := export.Options{Zone: zone, Made: run.Made, Sender: of.Sender, Receiver: of.Receiver, Quantities: run.Quantities}
	if len(first.Values) > 0 {
		o.Interval = first.Values[0].Period.Length()
	}
	out, err := export.New(of.Format, w, o)
	if err != nil {
		return 0, &headend.BadRequest{Reason: fmt.Sprintf("run %d: %v", run.Number, err)}
	}
	return export.Copy(out, rowsOfRun(snapshot, first, end, intervals))
}

// rowsOfRun are the rows of a snapshot whose first line has been read. What the ledger proved is known by the method of the
// estimate: the snapshot holds no more of it.
func rowsOfRun(snapshot *billing.SnapshotReader, line billing.Line, err error, intervals bool) iter.Seq2[export.Row, error] {
	return func(yield func(export.Row, error) bool) {
		for ; err == nil; line, err = snapshot.Next() {
			var dark []billing.Period
			for _, v := range line.Values {
				if v.Method == billing.ByInterruption {
					dark = append(dark, v.Period)
				}
			}
			for row, fault := range export.Rows(line, billing.Runs(dark)) {
				if fault == nil && intervals && row.Kind != export.Interval {
					continue
				}
				if !yield(row, fault) {
					return
				}
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(export.Row{}, err)
		}
	}
}
