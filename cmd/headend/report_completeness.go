package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing/office"
	"lastgasp/timeseries"
)

// reportCompleteness is `headend report completeness`.
type reportCompleteness struct {
	From         string `required:"" placeholder:"TIME" help:"Beginning: a date, which is its midnight, or RFC 3339."`
	To           string `required:"" placeholder:"TIME" help:"End, not included."`
	By           string `default:"all" enum:"all,organisation,gateway,model,schedule" help:"What a row is: ${enum}."`
	Each         string `default:"whole" enum:"whole,day,hour" help:"The whole time, local days or local hours."`
	Organisation string `placeholder:"ID" help:"Of this organisation and those below it."`
	Format       string `default:"table" enum:"table,csv,json" help:"table, csv or json."`
}

// completeness is one row as it is printed.
type completeness struct {
	Key      string     `json:"key"`
	Name     string     `json:"name,omitempty"`
	Bucket   *time.Time `json:"bucket,omitempty"`
	Expected int64      `json:"expected"`
	InTime   int64      `json:"in_time"`
	Late     int64      `json:"late"`
	Missing  int64      `json:"missing"`
	Pending  int64      `json:"pending"`
}

// percent is the share that came in time, of what is over, rounded down; "-" where nothing is.
func (c *completeness) percent() string {
	over := c.Expected - c.Pending
	if over <= 0 {
		return "-"
	}
	h := c.InTime * 10_000 / over
	return fmt.Sprintf("%d.%02d", h/100, h%100)
}

// Run prints read success.
func (c *reportCompleteness) Run(p *program) error {
	return withBilling(p, func(store *timeseries.Store, o *office.Office) error {
		f := headend.SuccessFilter{By: c.By, Daily: c.Each == "day", Whole: c.Each == "whole", Pending: time.Now().Add(-o.InTime())}
		if c.By == "all" {
			f.By = ""
		}
		var err error
		if f.From, err = momentIn("--from", c.From, o.Zone()); err != nil {
			return err
		}
		if f.To, err = momentIn("--to", c.To, o.Zone()); err != nil {
			return err
		}
		if !f.From.Before(f.To) {
			return fmt.Errorf("--to %s is not after --from %s", c.To, c.From)
		}
		found, err := store.Success(p.ctx, f, c.Organisation)
		if err != nil {
			return err
		}
		rows := make([]completeness, len(found))
		for i, r := range found {
			rows[i] = completeness{Key: r.Key, Name: r.Name, Expected: r.Expected, InTime: r.InTime, Late: r.Late, Missing: r.Missing, Pending: r.Pending}
			if !r.Bucket.IsZero() {
				at := r.Bucket.In(o.Zone())
				rows[i].Bucket = &at
			}
		}
		return c.print(p, rows)
	})
}

func (c *reportCompleteness) print(p *program, rows []completeness) error {
	if c.Format == "json" {
		e := json.NewEncoder(p.stdout)
		e.SetIndent("", "  ")
		return e.Encode(rows)
	}
	header := []string{c.By, "name", "from", "expected", "in_time", "late", "missing", "pending", "percent"}
	texts := [][]string{header}
	for i := range rows {
		r, from := &rows[i], ""
		if r.Bucket != nil {
			from = r.Bucket.Format(shownTime)
		}
		row := []string{r.Key, r.Name, from}
		for _, n := range []int64{r.Expected, r.InTime, r.Late, r.Missing, r.Pending} {
			row = append(row, strconv.FormatInt(n, 10))
		}
		texts = append(texts, append(row, r.percent()))
	}
	if c.Format == "csv" {
		return csv.NewWriter(p.stdout).WriteAll(texts)
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	var errs []error
	for _, row := range texts {
		for i, text := range row {
			separator := "\t"
			if i+1 == len(row) {
				separator = "\n"
			}
			_, err := fmt.Fprint(table, text, separator)
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, table.Flush())...)
}
