package api

import (
	"context"
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

// Exports is what the API asks for readings by the million.
type Exports interface {
	// Formats lists what Export writes, first what is given to who does not care.
	Formats() []headend.ExportFormat
	// Export writes what is asked for and tells the cursor of what follows, "" where nothing does. Its errors are those of
	// Store, headend.ErrCursor, headend.ErrUnfit, and what the writer said.
	Export(ctx context.Context, of headend.ExportRequest, w io.Writer) (next string, err error)
}

// Bounds of exports.
const (
	rowsOfJSON  = 1_000     // of a document without a limit
	mostRows    = 1_000_000 // a limit may be
	mostNamed   = 1_000     // usage points or devices of a request
	retryExport = "15"      // seconds
)

// NextCursor is the header, or the trailer of an answer that is too long to be held back, with the cursor of what follows.
const NextCursor = "Next-Cursor"

// exportParameters are the parameters there are, as they are described.
var exportParameters = []struct{ name, text string }{
	{"from", "beginning, by the devices' clocks, RFC 3339 or a date; default: a day before to"},
	{"to", "end, not included, RFC 3339 or a date; default: now"},
	{"quantity", "names of quantities, separated by commas; default: all that have a column of their own"},
	{"usage_point", "readings of a usage point, by the meters that were installed there at their time; may be repeated"},
	{"device", "readings of a device; may be repeated"},
	{"organisation", "of usage points of an organisation and those below it, as they are now"},
	{"node", "of usage points at or below a node, as they are now"},
	{"format", "name of a format, before Accept"},
	{"limit", "most rows in the answer; default: all, in JSON 1,000"},
	{"cursor", "Next-Cursor of the part before, or next of its JSON, with the same filters"},
}

// describeExports adds to the OpenAPI document what huma does not answer itself.
func describeExports(h huma.API, formats []headend.ExportFormat) {
	text := &huma.Schema{Type: huma.TypeString}
	content := map[string]*huma.MediaType{}
	var names []string
	for _, f := range formats {
		schema := text
		if f.MediaType == "application/json" {
			schema = &huma.Schema{Type: huma.TypeObject, Required: []string{"items"}, Properties: map[string]*huma.Schema{
				"items": {Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeObject}}, "next": text}}
		}
		content[f.ContentType()] = &huma.MediaType{Schema: schema}
		names = append(names, f.Name+" ("+f.ContentType()+"): "+f.Words)
	}
	operation := &huma.Operation{OperationID: "export-readings", Method: http.MethodGet, Path: "/api/v1/readings", Tags: []string{"readings"},
		Summary: "Readings of many meters, in the format that is asked for",
		Description: "Accept or format chooses: " + strings.Join(names, "; ") + ". Rows come in an order that a cursor can go on from; with a limit " + NextCursor +
			" is a header of answers of up to 256 kB and a trailer of longer ones; it is absent where nothing follows. An answer that breaks off is not whole. " +
			"Only so many exports are made at once: 503 says when to ask again.",
		Responses: map[string]*huma.Response{
			"200":     {Description: "OK", Content: content, Headers: map[string]*huma.Param{NextCursor: {Description: "cursor of what follows", Schema: text}}},
			"default": {Description: "Error", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: &huma.Schema{Ref: "#/components/schemas/ErrorModel"}}}},
		}}
	for _, p := range exportParameters {
		operation.Parameters = append(operation.Parameters, &huma.Param{Name: p.name, In: "query", Description: p.text, Schema: text})
	}
	h.OpenAPI().AddOperation(operation)
}

// export answers with readings in the format that is asked for.
func (a *API) export(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept")
	format, request, err := a.exportRequest(r)
	if err != nil {
		a.writeError(w, err)
		return
	}
	select {
	case a.exports <- struct{}{}:
		defer func() { <-a.exports }()
	default:
		w.Header().Set("Retry-After", retryExport)
		writeProblem(w, http.StatusServiceUnavailable, fmt.Sprintf("%d exports are being made; no more can at once: ask again later", cap(a.exports)))
		return
	}
	out := newExportAnswer(w, format, request, a.options.ExportPatience)
	if r.Method == http.MethodHead {
		out.header()
		return
	}
	next, err := a.options.Exports.Export(r.Context(), request, out)
	if err == nil {
		err = out.end(next)
	}
	switch {
	case err == nil:
	case !out.begun:
		a.writeError(w, a.exportProblem(r.Context(), err))
	default: // whoever reads it must not take what it has for the whole
		a.options.Log.Warn("export broken off", "error", err, "format", format.Name, "client", r.RemoteAddr)
		panic(http.ErrAbortHandler)
	}
}

// exportProblem is a.problem, with what only exports say.
func (a *API) exportProblem(ctx context.Context, err error) error {
	var unknown *headend.Unknown
	switch {
	case errors.As(err, &unknown):
		return invalid("query."+strings.ReplaceAll(unknown.What, " ", "_"), unknown.ID, unknown.Error())
	case errors.Is(err, headend.ErrCursor):
		return invalid("query.cursor", nil, "the cursor is not one that a part of this export gave")
	case errors.Is(err, headend.ErrUnfit):
		return huma.Error422UnprocessableEntity(err.Error())
	}
	return a.problem(ctx, err)
}

// writeError writes an error of huma's as the problem document that it is.
func (a *API) writeError(w http.ResponseWriter, err error) {
	var model *huma.ErrorModel
	if errors.As(err, &model) {
		writeProblem(w, model.Status, model.Detail, model.Errors...)
		return
	}
	a.options.Log.Error("question not answered", "error", err)
	writeProblem(w, http.StatusInternalServerError, "a fault inside the head-end; its log has the details")
}

// exportRequest reads what is asked for.
func (a *API) exportRequest(r *http.Request) (format headend.ExportFormat, of headend.ExportRequest, err error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return format, of, invalid("query", r.URL.RawQuery, "the query cannot be read: "+err.Error())
	}
	if err := checkQuery(query); err != nil {
		return format, of, err
	}
	if format, err = chooseFormat(query.Get("format"), r.Header, a.options.Exports.Formats()); err != nil {
		return format, of, err
	}
	of = headend.ExportRequest{Format: format.Name, Cursor: query.Get("cursor")}
	of.UsagePoints, of.Organisation, of.Node = query["usage_point"], query.Get("organisation"), query.Get("node")
	for _, id := range query["device"] {
		of.Devices = append(of.Devices, headend.DeviceID(id))
	}
	if of.From, of.To, err = (Range{query.Get("from"), query.Get("to")}).times(a.options.Zone, 0); err != nil {
		return format, of, err
	}
	if of.From.After(time.Now()) {
		return format, of, invalid("query.from", query.Get("from"), "from lies in the future: nothing has been read yet")
	}
	if of.Quantities, err = quantitiesOf(query.Get("quantity")); err != nil {
		return format, of, err
	}
	of.Limit, err = limitOf(query.Get("limit"), format)
	return format, of, err
}

// checkQuery refuses parameters there are not, those that are given twice, and text that is none.
func checkQuery(query url.Values) error {
	for name, values := range query {
		if !slices.ContainsFunc(exportParameters, func(p struct{ name, text string }) bool { return p.name == name }) {
			return invalid("query."+name, values[0], "there is no such parameter")
		}
		if repeated := name == "usage_point" || name == "device"; len(values) > 1 && !repeated {
			return invalid("query."+name, values, "the parameter is given twice")
		}
		if len(values) > mostNamed {
			return invalid("query."+name, len(values), fmt.Sprintf("at most %d can be named; take all, an organisation or a node", mostNamed))
		}
		for _, v := range values {
			if !readable(v) || v == "" && (name == "usage_point" || name == "device") {
				return invalid("query."+name, nil, "not a text that can be a name")
			}
		}
	}
	return nil
}

func chooseFormat(name string, h http.Header, formats []headend.ExportFormat) (headend.ExportFormat, error) {
	var names, kinds []string
	for _, f := range formats {
		if f.Name == name {
			return f, nil
		}
		names, kinds = append(names, f.Name), append(kinds, f.ContentType())
	}
	if name != "" {
		return headend.ExportFormat{}, invalid("query.format", name, "there is no such format; there are "+strings.Join(names, ", "))
	}
	if f, ok := negotiate(h, formats); ok {
		return f, nil
	}
	return headend.ExportFormat{}, huma.NewError(http.StatusNotAcceptable, "none of what Accept names can be had; there are "+strings.Join(kinds, ", "))
}

// quantitiesOf reads a list of names, each once.
func quantitiesOf(text string) (list []headend.Quantity, err error) {
	for name := range strings.SplitSeq(text, ",") {
		if name == "" {
			continue
		}
		if !headend.ValidQuantityName(name) {
			return nil, invalid("query.quantity", name, "not the name of a quantity: lower-case letters, digits and . _ : * / - are allowed")
		}
		if q := headend.Quantity(name); !slices.Contains(list, q) {
			list = append(list, q)
		}
	}
	if len(list) > 2*len(headend.Columns) {
		return nil, invalid("query.quantity", len(list), fmt.Sprintf("at most %d quantities can be asked for at once", 2*len(headend.Columns)))
	}
	return list, nil
}

func limitOf(text string, f headend.ExportFormat) (int, error) {
	if text == "" {
		if f.MediaType == "application/json" {
			return rowsOfJSON, nil
		}
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > mostRows {
		return 0, invalid("query.limit", text, fmt.Sprintf("not a whole number from 1 to %d", mostRows))
	}
	return n, nil
}
