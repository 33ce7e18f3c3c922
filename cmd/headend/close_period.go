package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"lastgasp/headend/reliability/books"
)

// closePeriodCommand is `headend close-period`.
type closePeriodCommand struct {
	Month        string `arg:"" help:"2026-10"`
	Organisation string `required:"" placeholder:"ID" help:"Whose month, with all below it."`
	By           string `required:"" placeholder:"NAME" help:"Who closes it."`
	Policy       string `default:"vn" help:"By which rules: vn or ieee1366."`
	Reason       string `help:"Why a closed month gets another revision (default: the reasons that stand in the ledger)."`
}

// Run closes the month, or makes another revision of it.
func (c *closePeriodCommand) Run(p *program) error {
	month, err := time.Parse("2006-01", c.Month)
	if err != nil {
		return fmt.Errorf("%q is not a month such as 2026-10", c.Month)
	}
	return withOffice(p, func(o *books.Office) error {
		closed, err := o.Close(p.acting("close-period"), books.Closing{Organisation: c.Organisation, Month: month, Policy: c.Policy, By: c.By, Reason: c.Reason})
		var unchanged *books.Unchanged
		if errors.As(err, &unchanged) {
			_, err = fmt.Fprintf(p.stdout, "%v: there is nothing to revise\n", unchanged)
			return err
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(p.stdout, "%s of %s is closed: revision %d, from ledger revision %d\n", c.Month, c.Organisation, closed.Number, closed.Revision); err != nil {
			return err
		}
		if len(closed.Difference) == 0 {
			return nil
		}
		var d books.Difference
		if err := json.Unmarshal(closed.Difference, &d); err != nil {
			return err
		}
		return printDifference(p, closed.Reason, &d)
	})
}

// printDifference says what the new revision changes.
func printDifference(p *program, reason string, d *books.Difference) error {
	text := "Reason: " + reason + "\n"
	for _, r := range d.Rows {
		text += fmt.Sprintf("%s: SAIFI %s → %s, SAIDI %s → %s, MAIFI %s → %s\n", r.ID, r.SAIFI[0].Decimal(4), r.SAIFI[1].Decimal(4),
			r.SAIDI[0].Decimal(2), r.SAIDI[1].Decimal(2), r.MAIFI[0].Decimal(4), r.MAIFI[1].Decimal(4))
	}
	for _, u := range d.Units {
		text += fmt.Sprintf("%s, %s: %+d sustained, %s minutes, %+d momentary\n", u.Unit, u.Category, u.CI, u.CMI.Decimal(1), u.MI)
	}
	text += fmt.Sprintf("%d interruptions count otherwise\n", len(d.Changes)+d.More)
	_, err := fmt.Fprint(p.stdout, text)
	return err
}
