package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// What billing pulls in one go is written as it is read, and never held as a whole.
const (
	pullsAtOnce  = 4                // further ones are told to come again
	pullPatience = 30 * time.Second // for a client to take the next 64 KiB
	pullRegister = 1000             // registers of a page of JSON without a limit
	mostRegister = 10_000
	ndjson       = "application/x-ndjson"
)

// pulls adds the routes that huma does not answer, and their description.
func (a *API) pulls(h huma.API, mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/billing/registers", a.registers)
	mux.HandleFunc("GET /api/v1/billing/runs/{id}/snapshot", a.snapshot)
	mux.HandleFunc("GET /api/v1/billing/runs/{id}/export", a.exportOfRun)
	mux.HandleFunc("GET /api/v1/billing/runs/{id}/changes", a.changes)
	text := &huma.Schema{Type: huma.TypeString}
	param := func(name, in, doc string) *huma.Param {
		return &huma.Param{Name: name, In: in, Description: doc, Required: in == "path" || name == "at" || name == "since", Schema: text}
	}
	object := &huma.Schema{Type: huma.TypeObject}
	add := func(id, path, summary, description string, content map[string]*huma.MediaType, params ...*huma.Param) {
		h.OpenAPI().AddOperation(&huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Summary: summary, Description: description, Tags: []string{"billing"}, Parameters: params,
			Responses: map[string]*huma.Response{"200": {Description: "OK", Content: content},
				"default": {Description: "Error", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: &huma.Schema{Ref: "#/components/schemas/ErrorModel"}}}}}})
	}
	lines := map[string]*huma.MediaType{ndjson: {Schema: text}}
	add("billing-registers", "/api/v1/billing/registers", "Registers at a moment: as read then, the nearest with its distance, or interpolated",
		"With Accept: application/x-ndjson all of them, a line each, in byte order of usage points; otherwise a page of JSON.",
		map[string]*huma.MediaType{ndjson: {Schema: text}, "application/json": {Schema: object}},
		param("at", "query", "the moment, RFC 3339 or a date, not in the future"), param("quantity", "query", "an energy register; default: import_wh"),
		param("organisation", "query", "it and those below it"), param("usage_point", "query", "may be repeated, at most 1,000; default: all"),
		param("limit", "query", "of a page, at most 10,000; default: 1,000"), param("cursor", "query", "next of the page before"))
	add("run-snapshot", "/api/v1/billing/runs/{id}/snapshot", "The bytes of a run that is made, the same each time",
		"Lines of JSON: a header, a line for each usage point and quantity, totals. Their SHA-256 is the id of the run, and the ETag of the answer; Ledger-Revision is the revision of the ledger it was made of.", lines, param("id", "path", "id or number of the run"))
	forms, words := map[string]*huma.MediaType{}, make([]string, 0, len(runFormats))
	for _, f := range runFormats {
		forms[f.ContentType()] = &huma.MediaType{Schema: text}
		words = append(words, f.Name+" ("+f.ContentType()+"): "+f.Words)
	}
	add("export-run", "/api/v1/billing/runs/{id}/export", "A run that is made, in a format of billing systems", "Accept or format chooses: "+strings.Join(words, "; ")+
		". The same bytes each time, so that If-None-Match with the ETag of the answer saves the way (304). An answer that breaks off is not whole.", forms, param("id", "path", "id or number of the run"), param("format", "query", "name of a format, before Accept"),
		param("sender", "query", "participant id of the sender, of NEM12"), param("receiver", "query", "participant id of the receiver, of NEM12"))
	add("run-changes", "/api/v1/billing/runs/{id}/changes", "What differs in a run from an earlier one over the same period, a line of JSON each",
		"What changed of what was handed out: consumption, the gate's word, demand, and each interval with its value before and after. Ledger-Revision and Since-Ledger-Revision are the revisions of the ledger that the two were made of.", lines,
		param("id", "path", "id or number of the run"), param("since", "query", "id or number of the earlier run; without it between a run and its last review"))
}

// pull answers with what write writes. An error before the first byte is a problem document; one after it cuts the connection, so
// that nobody takes a part for the whole.
func (a *API) pull(w http.ResponseWriter, r *http.Request, contentType, name string, write func(ctx context.Context, w io.Writer) error) {
	select {
	case a.pulling <- struct{}{}:
		defer func() { <-a.pulling }()
	default:
		w.Header().Set("Retry-After", "15")
		writeProblem(w, http.StatusServiceUnavailable, fmt.Sprintf("%d pulls for billing are being answered; no more can at once: ask again later", cap(a.pulling)))
		return
	}
	out := &pulled{w: w, control: http.NewResponseController(w), contentType: contentType, name: name}
	buffer := bufio.NewWriterSize(out, 64<<10)
	err := write(r.Context(), buffer)
	if err == nil {
		err = buffer.Flush()
	}
	switch {
	case err == nil && !out.begun: // an answer without a line
		err = out.begin()
	case err != nil && !out.begun:
		a.writeHumaError(w, a.bookProblem(r.Context(), err))
		return
	}
	if err != nil {
		a.options.Log.Warn("pull for billing broken off", "error", err, "route", r.Pattern)
		panic(http.ErrAbortHandler)
	}
}

// writeHumaError writes an error of huma's as the problem document that it is.
func (a *API) writeHumaError(w http.ResponseWriter, err error) {
	var model *huma.ErrorModel
	if !errors.As(err, &model) {
		model = &huma.ErrorModel{Status: http.StatusInternalServerError, Detail: "a fault inside the head-end; its log has the details"}
	}
	writeProblem(w, model.Status, model.Detail, model.Errors...)
}

// pulled is the body of such an answer.
type pulled struct {
	w                 http.ResponseWriter
	control           *http.ResponseController
	contentType, name string
	begun             bool
}

func (p *pulled) begin() error {
	p.begun = true
	p.w.Header().Set("Content-Type", p.contentType)
	if p.name != "" {
		p.w.Header().Set("Content-Disposition", `attachment; filename="`+p.name+`"`)
	}
	p.w.WriteHeader(http.StatusOK)
	return nil
}

// Write sends what is next; a client that does not take it in time is cut off.
func (p *pulled) Write(b []byte) (int, error) {
	if !p.begun {
		if err := p.begin(); err != nil {
			return 0, err
		}
	}
	if err := p.control.SetWriteDeadline(time.Now().Add(pullPatience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return p.w.Write(b)
}

// onlyParameters reads the query and refuses parameters that are not there, are given more than once, or cannot be read.
func onlyParameters(r *http.Request, names ...string) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, huma.Error400BadRequest("the query cannot be read: " + err.Error())
	}
	for name, values := range query {
		switch {
		case !readable(name) || !readable(strings.Join(values, "")):
			return nil, huma.Error400BadRequest("the query is not UTF-8 or holds a NUL character")
		case !slices.Contains(names, name):
			return nil, invalid("query."+name, values[0], "unknown parameter; there are "+strings.Join(names, ", "))
		case len(values) > 1 && name != "usage_point":
			return nil, huma.Error400BadRequest(fmt.Sprintf("the parameter %q is given %d times", name, len(values)))
		}
	}
	return query, nil
}

func (a *API) registers(w http.ResponseWriter, r *http.Request) {
	q, paging, err := a.cutOff(r)
	if err != nil {
		a.writeHumaError(w, err)
		return
	}
	w.Header().Set("Vary", "Accept")
	if strings.Contains(r.Header.Get("Accept"), ndjson) {
		q.Limit = 0
		a.pull(w, r, ndjson, "", func(ctx context.Context, w io.Writer) error {
			lines := json.NewEncoder(w)
			return a.options.Billing.Registers(ctx, q, func(_ string, document any) error { return lines.Encode(document) })
		})
		return
	}
	q.Limit = paging.Limit + 1
	a.pull(w, r, "application/json", "", func(ctx context.Context, w io.Writer) error {
		page := Page[any]{Items: []any{}}
		last, more := "", false
		if err := a.options.Billing.Registers(ctx, q, func(usagePoint string, document any) error {
			if more = len(page.Items) == paging.Limit; !more {
				last, page.Items = usagePoint, append(page.Items, document)
			}
			return nil
		}); err != nil {
			return err
		}
		if more {
			page.Next = cursorTo("registers", last)
		}
		return json.NewEncoder(w).Encode(page)
	})
}

func (a *API) cutOff(r *http.Request) (q headend.CutOffQuestion, p Paging, err error) {
	query, err := onlyParameters(r, "at", "quantity", "organisation", "usage_point", "limit", "cursor")
	if err != nil {
		return q, p, err
	}
	if query.Get("at") == "" {
		return q, p, invalid("query.at", "", "at is needed: the moment of the registers, such as 2026-11-01")
	}
	if q.At, err = parseTime("query.at", query.Get("at"), a.options.Zone); err != nil {
		return q, p, err
	}
	if q.At.After(time.Now()) {
		return q, p, invalid("query.at", query.Get("at"), "at is in the future")
	}
	q.Quantity = headend.ImportWh
	if name := query.Get("quantity"); name != "" {
		if q.Quantity, err = energyQuantity(name); err != nil {
			return q, p, err
		}
	}
	q.Set = headend.BillingSet{Organisation: query.Get("organisation"), UsagePoints: query["usage_point"]}
	if n := len(q.Set.UsagePoints); n > 1000 {
		return q, p, invalid("query.usage_point", n, "at most 1,000 usage points can be named; leave it out for all")
	}
	p = Paging{Limit: pullRegister, Cursor: query.Get("cursor")}
	if text := query.Get("limit"); text != "" {
		if p.Limit, err = strconv.Atoi(text); err != nil || p.Limit < 1 || p.Limit > mostRegister {
			return q, p, invalid("query.limit", text, fmt.Sprintf("1 to %d are possible; with Accept: %s all are told", mostRegister, ndjson))
		}
	}
	return q, p, p.begin("registers", &q.After)
}

// made is the run that a path names, if it is made.
func (a *API) made(ctx context.Context, location, id string) (headend.BillingRun, error) {
	if !runName(id) {
		return headend.BillingRun{}, &headend.Unknown{What: "billing run", ID: id}
	}
	run, err := a.options.Billing.BillingRun(ctx, id)
	if err == nil && run.State != "made" {
		err = &headend.BadRequest{Reason: fmt.Sprintf("run %d is not made: it is %s (%s)", run.Number, run.State, location)}
	}
	return run, err
}

func (a *API) snapshot(w http.ResponseWriter, r *http.Request) {
	if _, err := onlyParameters(r); err != nil {
		a.writeHumaError(w, err)
		return
	}
	run, err := a.made(r.Context(), "path", r.PathValue("id"))
	if err != nil {
		a.writeHumaError(w, a.bookProblem(r.Context(), err))
		return
	}
	noteRevision(w, "Ledger-Revision", &run)
	if has(w, r, run.ID) {
		return
	}
	a.pull(w, r, ndjson, "run-"+strconv.FormatInt(run.Number, 10)+".ndjson", func(ctx context.Context, w io.Writer) error {
		_, err := io.Copy(w, a.options.Billing.BillingBytes(ctx, run.ID))
		return err
	})
}

// noteRevision names the revision of the ledger that a run was made of, where it was noted.
func noteRevision(w http.ResponseWriter, header string, run *headend.BillingRun) {
	if run.Revision > 0 {
		w.Header().Set(header, strconv.FormatInt(run.Revision, 10))
	}
}

// has tags an answer whose bytes never change, and answers that nothing has, where the client has them already.
func has(w http.ResponseWriter, r *http.Request, tag string) bool {
	tag = `"` + tag + `"`
	w.Header().Set("ETag", tag)
	for _, known := range strings.Split(strings.Join(r.Header.Values("If-None-Match"), ","), ",") {
		if known = strings.TrimPrefix(strings.TrimSpace(known), "W/"); known == tag || known == "*" {
			w.WriteHeader(http.StatusNotModified)
			return true
		}
	}
	return false
}

func (a *API) changes(w http.ResponseWriter, r *http.Request) {
	query, err := onlyParameters(r, "since")
	if err != nil {
		a.writeHumaError(w, err)
		return
	}
	names := [2]string{query.Get("since"), r.PathValue("id")}
	if names[0] == "" { // between a run and its review, whichever of the two it is
		run, err := a.made(r.Context(), "path", names[1])
		if err != nil {
			a.writeHumaError(w, a.bookProblem(r.Context(), err))
			return
		}
		switch number := strconv.FormatInt(run.Number, 10); {
		case run.ReviewOf != 0:
			names = [2]string{strconv.FormatInt(run.ReviewOf, 10), number}
		case run.Review != 0:
			names = [2]string{number, strconv.FormatInt(run.Review, 10)}
		default: // nothing has changed
			names = [2]string{number, number}
		}
	}
	var ids [2]string
	for i, name := range names {
		run, err := a.made(r.Context(), [2]string{"since", "path"}[i], name)
		if err != nil {
			a.writeHumaError(w, a.bookProblem(r.Context(), err))
			return
		}
		ids[i] = run.ID
		noteRevision(w, [2]string{"Since-Ledger-Revision", "Ledger-Revision"}[i], &run)
	}
	a.pull(w, r, ndjson, "", func(ctx context.Context, w io.Writer) error {
		lines := json.NewEncoder(w)
		return a.options.Billing.Changes(ctx, ids[0], ids[1], func(document any) error { return lines.Encode(document) })
	})
}
