package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"lastgasp/headend"
)

// runFormats are what a billing run can be had in, first what is given to who does not care.
var runFormats = []headend.ExportFormat{
	{Name: "csv", MediaType: "text/csv", Charset: "utf-8", Extension: ".csv", Words: "RFC 4180, with a header"},
	{Name: "ndjson", MediaType: ndjson, Extension: ".ndjson", Words: "a row a line"},
	{Name: "arrow", MediaType: "application/vnd.apache.arrow.stream", Extension: ".arrows", Words: "Arrow IPC stream"},
	{Name: "parquet", MediaType: "application/vnd.apache.parquet", Extension: ".parquet", Words: "Parquet, Snappy"},
	{Name: "nem12", MediaType: "text/csv", Profile: "nem12", Extension: ".nem12.csv", Words: "AEMO NEM12; needs sender, receiver and a run with values"},
	{Name: "espi", MediaType: "application/atom+xml", Extension: ".xml", Words: "Green Button; needs a run with values"},
	{Name: "iec61968-9", MediaType: "application/xml", Extension: ".xml", Words: "IEC 61968-9 MeterReadings"},
}

// exportOfRun answers with a run from its snapshot, in the format that is asked for.
func (a *API) exportOfRun(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept")
	query, err := onlyParameters(r, "format", "sender", "receiver")
	if err != nil {
		a.writeHumaError(w, err)
		return
	}
	format, err := chooseFormat(query.Get("format"), r.Header, runFormats)
	if err != nil {
		a.writeHumaError(w, err)
		return
	}
	for _, name := range [2]string{"sender", "receiver"} {
		if query.Has(name) && format.Name != "nem12" {
			a.writeHumaError(w, invalid("query."+name, query.Get(name), "only format=nem12 names a "+name))
			return
		}
	}
	run, err := a.made(r.Context(), "path", r.PathValue("id"))
	if err != nil {
		a.writeHumaError(w, a.bookProblem(r.Context(), err))
		return
	}
	noteRevision(w, "Ledger-Revision", &run)
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s %q %q", run.Number, run.ID, format.Name, query.Get("sender"), query.Get("receiver")))
	if has(w, r, hex.EncodeToString(sum[:16])) {
		return
	}
	of := headend.RunExport{ID: run.ID, Format: format.Name, Sender: query.Get("sender"), Receiver: query.Get("receiver")}
	a.pull(w, r, format.ContentType(), "run-"+strconv.FormatInt(run.Number, 10)+format.Extension, func(ctx context.Context, w io.Writer) error {
		return a.options.Billing.ExportRun(ctx, of, w)
	})
}
