package timeseries

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"lastgasp/headend"
)

// ErrClosedMeanwhile says that another has closed the same revision of a period at the same time.
var ErrClosedMeanwhile = errors.New("somebody else has closed the period at the same time")

// ClosePeriod stores a revision of a closed month; Number has to be the one after the last that is stored. It returns it
// with the time, *headend.Unknown for an organisation that is not there, and ErrClosedMeanwhile.
func (s *Store) ClosePeriod(ctx context.Context, p headend.ClosedPeriod) (headend.ClosedPeriod, error) {
	err := s.change(ctx, func(tx pgx.Tx) error {
		var difference *string
		if len(p.Difference) > 0 {
			text := string(p.Difference)
			difference = &text
		}
		err := tx.QueryRow(ctx, sqlBooksPeriodInsert, p.Organisation, p.Month, p.Policy, p.Number, p.Revision, p.AsOf, p.By, p.Reason, string(p.Figures), difference).Scan(&p.Closed)
		var server *pgconn.PgError
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return &headend.Unknown{What: "organisation", ID: p.Organisation}
		case errors.As(err, &server) && server.Code == "23505":
			return ErrClosedMeanwhile
		case err != nil:
			return err
		}
		return auditPeriod(ctx, tx, &p)
	})
	if err != nil {
		return p, fmt.Errorf("close %s of %s: %w", p.Month.Format("2006-01"), p.Organisation, err)
	}
	p.Closed = p.Closed.UTC()
	return p, nil
}

// auditedPeriod is what the trail shows of a revision of a closed month: the figures themselves stay in the period.
type auditedPeriod struct {
	Organisation string    `json:"organisation"`
	Month        string    `json:"month"`
	Policy       string    `json:"policy"`
	Number       int       `json:"number"`
	Revision     int64     `json:"revision"` // of the ledger
	By           string    `json:"by"`
	Closed       time.Time `json:"closed"`
	Reason       string    `json:"reason,omitempty"`
	Figures      string    `json:"figures_sha256"`
}

func auditedPeriodOf(p *headend.ClosedPeriod) *auditedPeriod {
	return &auditedPeriod{Organisation: p.Organisation, Month: p.Month.Format("2006-01"), Policy: p.Policy, Number: p.Number, Revision: p.Revision, By: p.By,
		Closed: p.Closed.UTC(), Reason: p.Reason, Figures: fmt.Sprintf("%x", sha256.Sum256(p.Figures))}
}

// auditPeriod shows the revision before, where there is one, and the new one.
func auditPeriod(ctx context.Context, tx pgx.Tx, p *headend.ClosedPeriod) error {
	if headend.ActOf(ctx) == nil {
		return nil
	}
	var before *auditedPeriod
	if p.Number > 1 {
		former, err := list(ctx, tx, scanPeriod, sqlBooksPeriod, p.Organisation, p.Month, p.Policy, p.Number-1)
		if err != nil {
			return err
		}
		if len(former) > 0 {
			before = auditedPeriodOf(&former[0])
		}
	}
	return audit(ctx, tx, "periods/"+p.Organisation+"/"+p.Month.Format("2006-01"), before, auditedPeriodOf(p))
}

// ClosedPeriods lists revisions of closed months by month, organisation, policy and number; empty arguments pick all.
func (s *Store) ClosedPeriods(ctx context.Context, organisation string, month time.Time, policy string, number int) (found []headend.ClosedPeriod, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		found, err = list(ctx, tx, scanPeriod, sqlBooksPeriod, organisation, orNull(month), policy, number)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("closed periods: %w", err)
	}
	return found, nil
}

func scanPeriod(row pgx.CollectableRow) (p headend.ClosedPeriod, err error) {
	var figures string
	var difference *string
	err = row.Scan(&p.Organisation, &p.Month, &p.Policy, &p.Number, &p.Revision, &p.AsOf, &p.By, &p.Closed, &p.Reason, &figures, &difference)
	p.Month, p.AsOf, p.Closed, p.Figures = p.Month.UTC(), p.AsOf.UTC(), p.Closed.UTC(), json.RawMessage(figures)
	if difference != nil {
		p.Difference = json.RawMessage(*difference)
	}
	return p, err
}
