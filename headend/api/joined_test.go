package api_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"log/slog"
	"slices"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/api"
	"lastgasp/headend/billing"
	"lastgasp/headend/billing/export"
	"lastgasp/headend/billing/office"
	"lastgasp/headend/reliability/books"
	"lastgasp/timeseries"
)

// The parts of the head-end that the API asks, joined over a store as cmd/headend joins them.

// joined are options with all there is to ask: nothing behind a route is missing.
func joined(t *testing.T, store *timeseries.Store) (api.Options, *office.Office) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	accounts, err := books.New(store, books.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	settings := office.DefaultSettings()
	settings.LookBack = 400 * 24 * time.Hour
	bills, err := office.New(store, office.Options{Settings: settings, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return api.Options{Books: bookkeeper{accounts}, Billing: biller{store, bills}, Exports: exporter{store}}, bills
}

type bookkeeper struct{ office *books.Office }

func (b bookkeeper) Reliability(ctx context.Context, q headend.ReportRequest) (any, error) {
	return b.office.Report(ctx, q)
}

func (b bookkeeper) CountedInterruptions(ctx context.Context, q headend.ReportRequest, first uint32, limit int) (any, error) {
	return b.office.Interruptions(ctx, q, first, limit)
}

func (b bookkeeper) Losses(ctx context.Context, q headend.ReportRequest) (any, error) {
	return b.office.Losses(ctx, q)
}

func (b bookkeeper) ServiceIndicators(ctx context.Context, q headend.ReportRequest) (any, error) {
	return b.office.Service(ctx, q)
}

func (b bookkeeper) ClosedPeriods(ctx context.Context, organisation string, month time.Time, policy string, number int) ([]headend.ClosedPeriod, error) {
	return b.office.Closed(ctx, organisation, month, policy, number)
}

func (b bookkeeper) ClosePeriod(ctx context.Context, p headend.ClosedPeriod) (headend.ClosedPeriod, error) {
	closed, err := b.office.Close(ctx, books.Closing{Organisation: p.Organisation, Month: p.Month, Policy: p.Policy, By: p.By, Reason: p.Reason})
	var unchanged *books.Unchanged
	if errors.As(err, &unchanged) {
		return closed, &headend.BadRequest{Reason: unchanged.Error()}
	}
	return closed, err
}

type biller struct {
	*timeseries.Store
	office *office.Office
}

func (b biller) InTime() time.Duration { return b.office.InTime() }

func (b biller) AskRun(ctx context.Context, run headend.BillingRun) (headend.BillingRun, error) {
	return b.office.Ask(ctx, run)
}

func (b biller) Changes(ctx context.Context, since, id string, tell func(any) error) error {
	return b.office.Changes(ctx, since, id, func(c billing.Change) error { return tell(c) })
}

func (b biller) Account(ctx context.Context, usagePoint string, q headend.Quantity, from, to time.Time, _ bool) (any, error) {
	line, _, err := b.office.Account(ctx, usagePoint, q, billing.Period{From: from, To: to})
	return line, err
}

func (b biller) Registers(ctx context.Context, q headend.CutOffQuestion, tell func(string, any) error) error {
	return b.office.Registers(ctx, q, func(usagePoint string, r billing.Read, _ *headend.Multiplier) error {
		return tell(usagePoint, map[string]any{"usage_point": usagePoint, "meter": r.Meter, "wh": r.Wh, "absent": r.Absent})
	})
}

func (b biller) ExportRun(ctx context.Context, of headend.RunExport, w io.Writer) error {
	run, err := b.BillingRun(ctx, of.ID)
	if err != nil {
		return err
	}
	snapshot, err := billing.OpenSnapshot(b.BillingBytes(ctx, run.ID))
	if err != nil {
		return err
	}
	out, err := export.New(of.Format, w, export.Options{Zone: b.office.Zone(), Made: run.Made, Sender: of.Sender, Receiver: of.Receiver, Quantities: run.Quantities, Interval: 30 * time.Minute})
	if err != nil {
		return &headend.BadRequest{Reason: err.Error()}
	}
	_, err = export.Copy(out, rowsOf(snapshot))
	if errors.Is(err, export.ErrRow) {
		return &headend.BadRequest{Reason: err.Error()}
	}
	return err
}

func rowsOf(snapshot *billing.SnapshotReader) iter.Seq2[export.Row, error] {
	return func(yield func(export.Row, error) bool) {
		for {
			line, err := snapshot.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(export.Row{}, err)
				return
			}
			for row, err := range export.Rows(line, nil) {
				if !yield(row, err) {
					return
				}
			}
		}
	}
}

type exporter struct{ store *timeseries.Store }

func (e exporter) Formats() []headend.ExportFormat {
	return []headend.ExportFormat{{Name: "json", MediaType: "application/json", Extension: ".json"}, {Name: "csv", MediaType: "text/csv", Extension: ".csv"}}
}

func (e exporter) Export(ctx context.Context, of headend.ExportRequest, w io.Writer) (string, error) {
	var place *headend.ReadingPlace
	if of.Cursor != "" {
		text, err := base64.RawURLEncoding.DecodeString(of.Cursor)
		if err != nil || json.Unmarshal(text, &place) != nil {
			return "", headend.ErrCursor
		}
	}
	if len(of.Quantities) == 0 {
		of.Quantities = slices.Clone(headend.Columns[:])
	}
	out, err := export.NewReadings(of.Format, w, of.Quantities)
	if err != nil {
		return "", err
	}
	if place, err = e.store.ExportReadings(ctx, of.ReadingSelection, place, of.Limit, out.WriteBlock); err != nil {
		return "", err
	}
	next := ""
	if place != nil {
		text, err := json.Marshal(place)
		if err != nil {
			return "", err
		}
		next = base64.RawURLEncoding.EncodeToString(text)
	}
	return next, out.Close(next)
}
