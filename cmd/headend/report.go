package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"lastgasp/headend"
	"lastgasp/headend/reliability/books"
)

// reportCommand is `headend report`.
type reportCommand struct {
	Reliability  reportReliability  `cmd:"" help:"SAIFI, SAIDI, MAIFI and their kin, by unit or by month."`
	Service      reportService      `cmd:"" help:"Service indicators: restoration within the limit, notice before planned cuts, overruns. Whole months."`
	Losses       reportLosses       `cmd:"" help:"Energy received and delivered between two midnights, with completeness."`
	Completeness reportCompleteness `cmd:"" help:"Read success: registers that were owed, came in time, late, or not."`
	Closed       reportClosed       `cmd:"" help:"A closed month as it was signed, any revision of it."`
}

// reportOver is what reports have in common.
type reportOver struct {
	From   string `required:"" placeholder:"MONTH" help:"First month or day: 2026-10 or 2026-10-01."`
	To     string `placeholder:"MONTH" help:"Last month or day, included (default: that of --from)."`
	Unit   string `placeholder:"ID" help:"An organisation or node, with all below it (default: all)."`
	By     string `default:"organisation" enum:"organisation,corporation,company,district,substation,feeder,switch,transformer,month" help:"What a row is: ${enum}."`
	Policy string `default:"vn" help:"By which rules: vn or ieee1366."`
	reportPrint
}

// reportPrint is how a report is printed.
type reportPrint struct {
	Language string `default:"vi" enum:"vi,en" help:"Of the labels: vi or en."`
	Format   string `default:"table" enum:"table,csv,json,xlsx" help:"table, csv, json or xlsx."`
	Output   string `short:"o" placeholder:"FILE" help:"Write there instead of to standard output."`
}

type reportReliability struct {
	reportOver
	Layout   string `default:"" enum:",evn,ieee" help:"evn: fault, planned, transmission and total, with plan, cumulative and last year; ieee: with and without major event days, CEMI, CELID (default: ieee for policies with major event days)."`
	Monthly  bool   `help:"A row for each unit and month."`
	Revision int64  `help:"Of the ledger (default: as it is now)."`
	Counts   bool   `default:"true" negatable:"" help:"With the numbers of outages in the EVN layout: this reads the ledger of the period."`
}

type reportService struct{ reportOver }

type reportLosses struct {
	From string `required:"" placeholder:"MONTH" help:"First month or day: 2026-10 or 2026-10-01."`
	To   string `placeholder:"MONTH" help:"Last month or day, included (default: that of --from)."`
	Unit string `placeholder:"ID" help:"An organisation or node, with all below it (default: all)."`
	By   string `default:"transformer" enum:"organisation,corporation,company,district,substation,feeder,switch,transformer" help:"What a row is: ${enum}."`
	reportPrint
}

type reportClosed struct {
	Month        string `arg:"" help:"2026-10"`
	Organisation string `required:"" placeholder:"ID" help:"Whose."`
	Policy       string `default:"vn" help:"By which rules it was closed."`
	Number       int    `placeholder:"N" help:"Revision of the month (default: the last)."`
	Layout       string `default:"" enum:",evn,ieee" help:"evn or ieee, as in report reliability."`
	reportPrint
}

// Run prints the reliability report.
func (c *reportReliability) Run(p *program) error {
	q, err := c.request()
	if err != nil {
		return err
	}
	return withOffice(p, func(o *books.Office) error {
		layout, err := layoutOf(o, c.Layout, c.Policy)
		if err != nil {
			return err
		}
		q.Monthly, q.Revision, q.Customers = c.Monthly, c.Revision, layout == "ieee"
		q.Outages = layout == "evn" && c.Counts && c.By != "month" && !c.Monthly
		report, err := o.Report(p.ctx, q)
		if err != nil {
			return err
		}
		return c.print(p, report, func(words words) *sheet { return reliabilitySheet(report, layout, words) })
	})
}

// Run prints the service indicators.
func (c *reportService) Run(p *program) error {
	q, err := c.request()
	if err != nil {
		return err
	}
	return withOffice(p, func(o *books.Office) error {
		report, err := o.Service(p.ctx, q)
		if err != nil {
			return err
		}
		return c.print(p, report, func(words words) *sheet { return serviceSheet(report, words) })
	})
}

// Run prints the losses.
func (c *reportLosses) Run(p *program) error {
	q, err := (&reportOver{From: c.From, To: c.To, Unit: c.Unit, By: c.By}).request()
	if err != nil {
		return err
	}
	return withOffice(p, func(o *books.Office) error {
		report, err := o.Losses(p.ctx, q)
		if err != nil {
			return err
		}
		return c.print(p, report, func(words words) *sheet { return lossSheet(report, words) })
	})
}

// Run prints a closed month.
func (c *reportClosed) Run(p *program) error {
	month, err := time.Parse("2006-01", c.Month)
	if err != nil {
		return fmt.Errorf("%q is not a month such as 2026-10", c.Month)
	}
	return withOffice(p, func(o *books.Office) error {
		found, err := o.Closed(p.ctx, c.Organisation, month, c.Policy, c.Number)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("%s of %s is not closed under policy %s, or has no such revision", c.Month, c.Organisation, c.Policy)
		}
		closed := found[len(found)-1]
		var report books.Report
		if err := json.Unmarshal(closed.Figures, &report); err != nil {
			return fmt.Errorf("figures of revision %d: %w", closed.Number, err)
		}
		layout, err := layoutOf(o, c.Layout, c.Policy)
		if err != nil {
			return err
		}
		return c.print(p, closed, func(words words) *sheet {
			s := reliabilitySheet(&report, layout, words)
			s.notes = append(s.notes, fmt.Sprintf(words["closed"], closed.Number, closed.By, closed.Closed.In(o.Calendar().Zone()).Format("2006-01-02 15:04")))
			if closed.Reason != "" {
				s.notes = append(s.notes, words["reason"]+": "+closed.Reason)
			}
			return s
		})
	})
}

// layoutOf is the layout that goes with a policy.
func layoutOf(o *books.Office, layout, policy string) (string, error) {
	rules, err := o.Policy(policy)
	switch {
	case err != nil:
		return "", err
	case layout != "":
		return layout, nil
	case rules.MajorDays.On:
		return "ieee", nil
	}
	return "evn", nil
}

// request reads the period.
func (c *reportOver) request() (headend.ReportRequest, error) {
	q := headend.ReportRequest{Unit: c.Unit, By: c.By, Policy: c.Policy}
	var err error
	if q.From, _, err = firstAndNext(c.From); err != nil {
		return q, fmt.Errorf("--from: %w", err)
	}
	to := c.To
	if to == "" {
		to = c.From
	}
	if _, q.To, err = firstAndNext(to); err != nil {
		return q, fmt.Errorf("--to: %w", err)
	}
	if !q.From.Before(q.To) {
		return q, fmt.Errorf("--to %s lies before --from %s", to, c.From)
	}
	return q, nil
}

// firstAndNext reads a month or a day: its first day, and the one after its last.
func firstAndNext(text string) (first, next time.Time, err error) {
	if t, err := time.Parse("2006-01", text); err == nil {
		return t, t.AddDate(0, 1, 0), nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return t, t, fmt.Errorf("%q is neither a month such as 2026-10 nor a day such as 2026-10-01", text)
	}
	return t, t.AddDate(0, 0, 1), nil
}

// withOffice opens the database for a question.
func withOffice(p *program, ask func(*books.Office) error) (err error) {
	config, err := p.config()
	if err != nil {
		return err
	}
	log := p.logger(config.Log)
	database, err := openDatabase(p.ctx, config, log, p.stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	office, err := books.New(database.Store, books.Options{Log: log})
	if err != nil {
		return err
	}
	return ask(office)
}

// print writes a report in the format that is asked for.
func (c *reportPrint) print(p *program, report any, layout func(words) *sheet) (err error) {
	out := p.stdout
	if c.Output != "" {
		file, err := os.Create(c.Output)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		out = file
	}
	switch c.Format {
	case "json":
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(report)
	case "csv":
		return layout(wordsIn(c.Language)).csv(out)
	case "xlsx":
		if f, ok := out.(*os.File); ok && c.Output == "" && term.IsTerminal(int(f.Fd())) {
			return errors.New("a workbook is not for a terminal: name a file with --output")
		}
		return layout(wordsIn(c.Language)).xlsx(out)
	}
	return layout(wordsIn(c.Language)).table(out)
}
