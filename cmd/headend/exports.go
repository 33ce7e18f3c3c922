package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"lastgasp/headend"
	"lastgasp/headend/billing/export"
	"lastgasp/timeseries"
)

// exports writes readings in the formats of billing, for the API and for `headend export`.
type exports struct {
	store *timeseries.Store
}

// exportFormats are all formats there are, first what is given to who does not care.
var exportFormats = []headend.ExportFormat{
	{Name: "json", MediaType: "application/json", Extension: ".json", Words: "items, with next as the cursor of what follows"},
	{Name: "ndjson", MediaType: "application/x-ndjson", Extension: ".ndjson", Words: "an item a line"},
	{Name: "csv", MediaType: "text/csv", Charset: "utf-8", Extension: ".csv", Words: "RFC 4180, with a header; empty: not measured"},
	{Name: "arrow", MediaType: "application/vnd.apache.arrow.stream", Extension: ".arrows", Words: "Arrow IPC stream"},
	{Name: "parquet", MediaType: "application/vnd.apache.parquet", Extension: ".parquet", Words: "Parquet, Snappy"},
}

// Formats implements api.Exports.
func (e exports) Formats() []headend.ExportFormat { return exportFormats }

// Export implements api.Exports.
func (e exports) Export(ctx context.Context, of headend.ExportRequest, w io.Writer) (next string, err error) {
	place, err := readCursor(of.Cursor)
	if err != nil {
		return "", err
	}
	if len(of.Quantities) == 0 {
		of.Quantities = slices.Clone(headend.Columns[:])
	}
	out, err := export.NewReadings(of.Format, w, of.Quantities)
	if err != nil {
		return "", err
	}
	place, err = e.store.ExportReadings(ctx, of.ReadingSelection, place, of.Limit, out.WriteBlock)
	if err != nil {
		return "", err
	}
	next = writeCursor(place)
	return next, out.Close(next)
}

// readingsCursor begins every cursor of an export of readings.
const readingsCursor = "readings "

// writeCursor is a place as a text; "" for none.
func writeCursor(place *headend.ReadingPlace) string {
	if place == nil {
		return ""
	}
	text, err := json.Marshal(place)
	if err != nil { // numbers always can be
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(append([]byte(readingsCursor), text...))
}

// readCursor is the inverse of writeCursor. It returns headend.ErrCursor for what is none.
func readCursor(cursor string) (*headend.ReadingPlace, error) {
	if cursor == "" {
		return nil, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	rest, ours := strings.CutPrefix(string(text), readingsCursor)
	var place headend.ReadingPlace
	if err != nil || !ours || json.Unmarshal([]byte(rest), &place) != nil {
		return nil, headend.ErrCursor
	}
	return &place, nil
}
