package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// Books answers questions about reliability. Answers are documents that are passed on as they are; docs/reliability.md
// says what stands in them. Errors are *headend.Unknown, *headend.BadRequest and what the store returns.
type Books interface {
	Reliability(ctx context.Context, q headend.ReportRequest) (any, error)
	CountedInterruptions(ctx context.Context, q headend.ReportRequest, first uint32, limit int) (any, error)
	Losses(ctx context.Context, q headend.ReportRequest) (any, error)
	ServiceIndicators(ctx context.Context, q headend.ReportRequest) (any, error)
	ClosedPeriods(ctx context.Context, organisation string, month time.Time, policy string, number int) ([]headend.ClosedPeriod, error)
	ClosePeriod(ctx context.Context, p headend.ClosedPeriod) (headend.ClosedPeriod, error) // Organisation, Month, Policy, By, Reason are looked at
}

// ReportInput are the parameters every report has.
type ReportInput struct {
	Unit   string `query:"unit" maxLength:"128" doc:"an organisation or node, with all below it; default: all"`
	By     string `query:"by" enum:"organisation,corporation,company,district,substation,feeder,switch,transformer,month" default:"organisation" doc:"what a row is"`
	Policy string `query:"policy" maxLength:"64" default:"vn" doc:"by which rules" example:"ieee1366"`
	From   string `query:"from" required:"true" maxLength:"10" doc:"first day or month" example:"2026-10"`
	To     string `query:"to" required:"true" maxLength:"10" doc:"the day or month after the last: not included" example:"2026-11"`
}

type reliabilityInput struct {
	ReportInput
	Monthly   bool  `query:"monthly" doc:"true: a row for each unit and month"`
	Revision  int64 `query:"revision" minimum:"0" doc:"of the ledger; default: as it is now"`
	Customers bool  `query:"customers" doc:"true: with CN, CAIFI, CTAIDI, CEMI, CEMSMI, CELID"`
	Outages   bool  `query:"outages" doc:"true: with the number of outages; this reads the ledger of the period"`
}

// document is an answer that another part of the head-end has made.
type document struct{ Body any }

func (a *API) registerReliability(h huma.API) {
	huma.Register(h, huma.Operation{OperationID: "reliability", Method: http.MethodGet, Path: "/api/v1/reliability",
		Summary: "SAIFI, SAIDI, CAIDI, MAIFI and their kin, with the year so far, the same period of the former year and targets", Tags: []string{"reliability"}}, a.reliability)
	huma.Register(h, huma.Operation{OperationID: "service-indicators", Method: http.MethodGet, Path: "/api/v1/service-indicators",
		Summary: "Restoration within the limit, notice before planned and after emergency cuts, overruns; whole months", Tags: []string{"reliability"}}, a.serviceIndicators)
	huma.Register(h, huma.Operation{OperationID: "counted-interruptions", Method: http.MethodGet, Path: "/api/v1/reliability/interruptions",
		Summary: "What a figure is made of: each interruption as the policy counts it, with its outage and the rows of the ledger", Tags: []string{"reliability"}}, a.countedInterruptions)
	huma.Register(h, huma.Operation{OperationID: "losses", Method: http.MethodGet, Path: "/api/v1/losses",
		Summary: "Energy received and delivered between two midnights, with completeness", Tags: []string{"reliability"}}, a.losses)
	a.registerPeriods(h)
}

type lossesInput struct {
	Unit string `query:"unit" maxLength:"128" doc:"an organisation or node, with all below it; default: all"`
	By   string `query:"by" enum:"organisation,corporation,company,district,substation,feeder,switch,transformer" default:"transformer" doc:"what a row is"`
	From string `query:"from" required:"true" maxLength:"10" doc:"first day or month" example:"2026-10"`
	To   string `query:"to" required:"true" maxLength:"10" doc:"the day or month after the last: not included" example:"2026-11"`
}

func (a *API) losses(ctx context.Context, in *lossesInput) (*document, error) {
	q, err := (&ReportInput{Unit: in.Unit, By: in.By, From: in.From, To: in.To}).request()
	if err != nil {
		return nil, err
	}
	if err := a.checkUnit(ctx, "query.unit", &q.Unit); err != nil {
		return nil, err
	}
	answer, err := a.options.Books.Losses(wholeBooks(ctx), q)
	if err != nil {
		return nil, a.bookProblem(ctx, err)
	}
	return &document{answer}, nil
}

type countedInput struct {
	ReportInput
	Revision int64  `query:"revision" minimum:"0" doc:"of the ledger; default: as it is now"`
	First    uint32 `query:"first" doc:"next of the page before: number of the usage point to go on with"`
	Limit    int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"about so many; those of a usage point stay together"`
}

func (a *API) countedInterruptions(ctx context.Context, in *countedInput) (*document, error) {
	q, err := in.request()
	if err != nil {
		return nil, err
	}
	q.Revision = in.Revision
	if err := a.checkUnit(ctx, "query.unit", &q.Unit); err != nil {
		return nil, err
	}
	answer, err := a.options.Books.CountedInterruptions(wholeBooks(ctx), q, in.First, in.Limit)
	if err != nil {
		return nil, a.bookProblem(ctx, err)
	}
	return &document{answer}, nil
}

func (a *API) reliability(ctx context.Context, in *reliabilityInput) (*document, error) {
	q, err := in.request()
	if err != nil {
		return nil, err
	}
	q.Monthly, q.Revision, q.Customers, q.Outages = in.Monthly, in.Revision, in.Customers, in.Outages
	if err := a.checkUnit(ctx, "query.unit", &q.Unit); err != nil {
		return nil, err
	}
	answer, err := a.options.Books.Reliability(wholeBooks(ctx), q)
	if err != nil {
		return nil, a.bookProblem(ctx, err)
	}
	return &document{answer}, nil
}

func (a *API) serviceIndicators(ctx context.Context, in *ReportInput) (*document, error) {
	q, err := in.request()
	if err != nil {
		return nil, err
	}
	if err := a.checkUnit(ctx, "query.unit", &q.Unit); err != nil {
		return nil, err
	}
	answer, err := a.options.Books.ServiceIndicators(wholeBooks(ctx), q)
	if err != nil {
		return nil, a.bookProblem(ctx, err)
	}
	return &document{answer}, nil
}

func (in *ReportInput) request() (headend.ReportRequest, error) {
	q := headend.ReportRequest{Unit: in.Unit, By: in.By, Policy: in.Policy}
	var err error
	if q.From, err = parseDay("query.from", in.From); err != nil {
		return q, err
	}
	if q.To, err = parseDay("query.to", in.To); err != nil {
		return q, err
	}
	if !q.From.Before(q.To) {
		return q, invalid("query.to", in.To, "to is not after from; it is the day or month after the last")
	}
	return q, nil
}

// parseDay reads a day, or a month, which is its first day.
func parseDay(location, text string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		t, err = time.Parse("2006-01", text)
	}
	if err != nil || t.Year() < 1971 || t.Year() > 2149 {
		return t, invalid(location, text, "neither a day such as 2026-11-21 nor a month such as 2026-11, from 1971 to 2149")
	}
	return t, nil
}

// bookProblem is problem for what the books answer.
func (a *API) bookProblem(ctx context.Context, err error) error {
	var bad *headend.BadRequest
	if errors.As(err, &bad) {
		return huma.Error422UnprocessableEntity(bad.Reason)
	}
	return a.problem(ctx, err)
}

// Period is one revision of a closed month.
type Period struct {
	Organisation string          `json:"organisation"`
	Month        string          `json:"month" example:"2026-10"`
	Policy       string          `json:"policy"`
	Number       int             `json:"number" doc:"1, 2, …: later truth makes another revision"`
	Revision     int64           `json:"revision" doc:"of the ledger it was computed from"`
	AsOf         time.Time       `json:"as_of"`
	By           string          `json:"by"`
	Closed       time.Time       `json:"closed"`
	Reason       string          `json:"reason,omitempty" doc:"why there is another revision"`
	Figures      json.RawMessage `json:"figures,omitempty" doc:"as they were signed: a document of /api/v1/reliability; only where one revision is asked for"`
	Difference   json.RawMessage `json:"difference,omitempty" doc:"to the revision before"`
}

type periodsInput struct {
	Paging
	Organisation string `query:"organisation" maxLength:"128"`
	Month        string `query:"month" maxLength:"7" example:"2026-10"`
	Policy       string `query:"policy" maxLength:"64"`
}

type periodInput struct {
	Organisation string `path:"organisation" maxLength:"128"`
	Month        string `path:"month" maxLength:"7" example:"2026-10"`
	Number       int    `path:"number" minimum:"1" maximum:"100000"`
	Policy       string `query:"policy" maxLength:"64" default:"vn"`
}

type closeInput struct {
	Body struct {
		Organisation string `json:"organisation" maxLength:"128"`
		Month        string `json:"month" maxLength:"7" example:"2026-10"`
		Policy       string `json:"policy,omitempty" maxLength:"64" default:"vn"`
		By           string `json:"by,omitempty" maxLength:"128" doc:"who closes it: nobody but the one who asks; may be left out"`
		Reason       string `json:"reason,omitempty" maxLength:"2000" doc:"of another revision; default: the reasons that stand in the ledger"`
	}
}

type periodOutput struct{ Body Period }

// periodPlace is where a revision of a closed month stands in the list.
type periodPlace struct {
	Organisation string `json:"o"`
	Month        string `json:"m"`
	Policy       string `json:"p"`
	Number       int    `json:"n"`
}

func placeOfPeriod(p headend.ClosedPeriod) any {
	return periodPlace{p.Organisation, p.Month.Format("2006-01"), p.Policy, p.Number}
}

func (a *API) registerPeriods(h huma.API) {
	huma.Register(h, huma.Operation{OperationID: "list-periods", Method: http.MethodGet, Path: "/api/v1/periods",
		Summary: "Closed months and their revisions, without figures", Tags: []string{"reliability"}}, a.periods)
	huma.Register(h, huma.Operation{OperationID: "get-period", Method: http.MethodGet, Path: "/api/v1/periods/{organisation}/{month}/{number}",
		Summary: "One revision of a closed month, as it was signed", Tags: []string{"reliability"}}, a.period)
	huma.Register(h, huma.Operation{OperationID: "close-period", Method: http.MethodPost, Path: "/api/v1/periods", DefaultStatus: http.StatusCreated,
		Summary: "Close a month, or make another revision of it where its figures have changed", Tags: []string{"reliability"}}, a.closePeriod)
}

func (a *API) periods(ctx context.Context, in *periodsInput) (*PageOf[Period], error) {
	month := time.Time{}
	if in.Month != "" {
		var err error
		if month, err = parseMonth("query.month", in.Month); err != nil {
			return nil, err
		}
	}
	if err := a.checkUnit(ctx, "query.organisation", &in.Organisation); err != nil {
		return nil, err
	}
	found, err := a.options.Books.ClosedPeriods(wholeBooks(ctx), in.Organisation, month, in.Policy, 0)
	if err != nil {
		return nil, a.bookProblem(ctx, err)
	}
	var after *periodPlace
	if err := in.begin("periods", &after); err != nil {
		return nil, err
	}
	if after != nil { // months that are closed are few; their order is the store's
		at := slices.IndexFunc(found, func(p headend.ClosedPeriod) bool { return placeOfPeriod(p) == *after })
		if at < 0 {
			return nil, invalid("query.cursor", in.Cursor, "the cursor is not one that a page of this list gave as next")
		}
		found = found[at+1:]
	}
	return page("periods", in.Paging, found, func(p headend.ClosedPeriod) Period {
		p.Figures, p.Difference = nil, nil
		return periodOf(p)
	}, placeOfPeriod), nil
}

func (a *API) period(ctx context.Context, in *periodInput) (*periodOutput, error) {
	month, err := parseMonth("path.month", in.Month)
	if err != nil {
		return nil, err
	}
	if err := a.checkUnit(ctx, "path.organisation", &in.Organisation); err != nil {
		return nil, err
	}
	found, err := a.options.Books.ClosedPeriods(wholeBooks(ctx), in.Organisation, month, in.Policy, in.Number)
	switch {
	case err != nil:
		return nil, a.bookProblem(ctx, err)
	case len(found) == 0:
		return nil, a.problem(ctx, &headend.Unknown{What: "revision of a closed month", ID: in.Organisation + " " + in.Month})
	}
	return &periodOutput{periodOf(found[0])}, nil
}

func (a *API) closePeriod(ctx context.Context, in *closeInput) (*periodOutput, error) {
	month, err := parseMonth("body.month", in.Body.Month)
	if err != nil {
		return nil, err
	}
	by, err := Operator{}.name(ctx, "body.by", in.Body.By)
	if err != nil {
		return nil, err
	}
	if err := a.checkUnit(ctx, "body.organisation", &in.Body.Organisation); err != nil {
		return nil, err
	}
	closed, err := a.options.Books.ClosePeriod(wholeBooks(ctx), headend.ClosedPeriod{Organisation: in.Body.Organisation, Month: month, Policy: in.Body.Policy, By: by, Reason: in.Body.Reason})
	if err != nil {
		return nil, a.bookProblem(ctx, err)
	}
	return &periodOutput{periodOf(closed)}, nil
}

func parseMonth(location, text string) (time.Time, error) {
	t, err := time.Parse("2006-01", text)
	if err != nil || t.Year() < 1971 || t.Year() > 2149 {
		return t, invalid(location, text, "not a month such as 2026-10, from 1971 to 2149")
	}
	return t, nil
}

func periodOf(p headend.ClosedPeriod) Period {
	return Period{Organisation: p.Organisation, Month: p.Month.Format("2006-01"), Policy: p.Policy, Number: p.Number, Revision: p.Revision, AsOf: p.AsOf, By: p.By,
		Closed: p.Closed, Reason: p.Reason, Figures: p.Figures, Difference: p.Difference}
}
