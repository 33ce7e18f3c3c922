package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// Interruption is one usage point without supply: a row of the ledger.
type Interruption struct {
	UsagePoint string     `json:"usage_point"`
	ID         int64      `json:"id" doc:"the same in all versions, unique within its usage point; negative where it was imported"`
	Revision   int64      `json:"revision" doc:"of the ledger in which this version was written"`
	Outage     int64      `json:"outage,omitempty" doc:"number of the outage it belongs to"`
	Start      *time.Time `json:"start,omitempty" doc:"absent: not known, but not before not_before"`
	NotBefore  *time.Time `json:"not_before,omitempty" doc:"last sign of life, where start is not known"`
	StartBy    string     `json:"start_by,omitempty" enum:"log,device,breaker,arrival,neighbour,life_sign,unknown,import" doc:"what the start rests on"`
	End        *time.Time `json:"end,omitempty" doc:"absent: it lasts"`
	EndBy      string     `json:"end_by,omitempty" enum:"log,device,breaker,arrival,neighbour,life_sign,unknown,import" doc:"what the end rests on; absent: it lasts"`
	Phases     string     `json:"phases,omitempty" example:"L1" doc:"lost; absent: all"`
	Cause      string     `json:"cause,omitempty" doc:"absent: not known"`
	Planned    bool       `json:"planned"`
	Own        bool       `json:"own" doc:"the fault was in this customer's own installation"`
	Declared   bool       `json:"declared" doc:"declared force majeure"`
	Withdrawn  bool       `json:"withdrawn,omitempty" doc:"there was none; reason says why"`
	Inferred   bool       `json:"inferred" doc:"without evidence of its own: it has the interruption of what it hangs on"`
	Reason     string     `json:"reason,omitempty" doc:"why this version was written; absent: it is the first"`
	Written    time.Time  `json:"written" doc:"when this version was"`
}

// InterruptionPage is a part of the ledger, with the revision it was read at.
type InterruptionPage struct {
	Page[Interruption]
	Revision int64 `json:"revision" doc:"of the ledger as it is shown here; asked for with revision= the same rows come again, whatever is corrected later"`
}

// interruptionPlace is where a row stands in the list, and the revision the first page was read at.
type interruptionPlace struct {
	Revision   int64     `json:"r"`
	Start      time.Time `json:"s"`
	NotBefore  time.Time `json:"b"`
	Number     uint32    `json:"u"`
	UsagePoint string    `json:"p"`
	ID         int64     `json:"i"`
}

type interruptionsInput struct {
	Paging
	Overlap
	UsagePoint string `query:"usage_point" maxLength:"128"`
	Outage     int64  `query:"outage" doc:"number of the outage"`
	Node       string `query:"node" maxLength:"128" doc:"a node at or below which the usage point hung when it began"`
	Open       bool   `query:"open" doc:"true: only those without an end"`
	Withdrawn  bool   `query:"withdrawn" doc:"true: also those that were taken back, which say so"`
	Revision   int64  `query:"revision" minimum:"0" doc:"as the ledger stood at this revision; default: now"`
}

func (a *API) registerInterruptions(h huma.API) {
	huma.Register(h, huma.Operation{OperationID: "list-interruptions", Method: http.MethodGet, Path: "/api/v1/interruptions",
		Summary: "The ledger: which usage point was without supply from when to when, by start", Tags: []string{"outages"}}, a.interruptions)
}

func (a *API) interruptions(ctx context.Context, in *interruptionsInput) (*struct{ Body InterruptionPage }, error) {
	f := headend.LedgerFilter{UsagePoint: in.UsagePoint, Outage: in.Outage, Node: in.Node, Open: in.Open, Revision: in.Revision}
	var err error
	if f.From, f.To, err = in.times(a.options.Zone); err != nil {
		return nil, err
	}
	var place *interruptionPlace
	if err := in.begin("interruptions", &place); err != nil {
		return nil, err
	}
	last, err := a.options.Outages.LedgerRevision(ctx)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	var after *headend.LedgerRow
	switch {
	case place != nil && f.Revision != 0 && f.Revision != place.Revision:
		return nil, invalid("query.revision", in.Revision, "the cursor is of a list at another revision")
	case place != nil:
		f.Revision = place.Revision
		after = &headend.LedgerRow{Point: place.UsagePoint, NotBefore: place.NotBefore,
			Interruption: headend.Interruption{UsagePoint: place.Number, ID: place.ID, Start: place.Start}}
	case f.Revision > last:
		return nil, invalid("query.revision", in.Revision, "the ledger has no such revision yet")
	case f.Revision == 0:
		f.Revision = last // so that all pages show the same ledger, whatever is written meanwhile
	}
	found, err := a.ledgerAt(ctx, f, last, after, in.Limit+1, in.Withdrawn)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	rows := page("interruptions", in.Paging, found, interruptionOf, func(r headend.LedgerRow) any {
		return interruptionPlace{f.Revision, r.Start, r.NotBefore, r.UsagePoint, r.Point, r.ID}
	})
	return &struct{ Body InterruptionPage }{InterruptionPage{Page: rows.Body, Revision: f.Revision}}, nil
}

// ledgerAt reads rows at a revision. That is much quicker for the ledger as it is now, so where the revision is the last one it
// asks for now, and keeps the answer if the revision still is the last one afterwards.
func (a *API) ledgerAt(ctx context.Context, f headend.LedgerFilter, last int64, after *headend.LedgerRow, limit int, withdrawn bool) ([]headend.LedgerRow, error) {
	if f.Revision == last {
		now := f
		now.Revision = 0
		rows, err := a.ledger(ctx, now, after, limit, withdrawn)
		if err != nil {
			return nil, err
		}
		still, err := a.options.Outages.LedgerRevision(ctx)
		if err != nil {
			return nil, err
		}
		if still == last {
			return rows, nil
		}
	}
	return a.ledger(ctx, f, after, limit, withdrawn)
}

// ledger reads rows until there are enough that count: a list must not show as interruptions what was taken back.
func (a *API) ledger(ctx context.Context, f headend.LedgerFilter, after *headend.LedgerRow, limit int, withdrawn bool) (rows []headend.LedgerRow, err error) {
	for {
		found, err := a.options.Outages.Ledger(ctx, f, after, limit)
		if err != nil {
			return nil, err
		}
		for i := range found {
			if withdrawn || !found[i].Withdrawn {
				rows = append(rows, found[i])
			}
		}
		if len(found) < limit || len(rows) >= limit {
			return rows[:min(len(rows), limit)], nil
		}
		after = &found[len(found)-1]
	}
}

func interruptionOf(r headend.LedgerRow) Interruption {
	endBy := ""
	if !r.End.IsZero() {
		endBy = r.EndBy.String()
	}
	return Interruption{UsagePoint: r.Point, ID: r.ID, Revision: r.Revision, Outage: r.Outage, Start: moment(r.Start), NotBefore: moment(r.NotBefore),
		StartBy: r.StartBy.String(), End: moment(r.End), EndBy: endBy, Phases: r.Phases.String(), Cause: r.Cause, Planned: r.Planned,
		Own: r.Own, Declared: r.Declared, Inferred: r.Inferred, Withdrawn: r.Withdrawn, Reason: r.Reason, Written: r.Written}
}
