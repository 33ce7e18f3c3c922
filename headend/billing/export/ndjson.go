package export

import (
	"encoding/json"
	"io"

	"lastgasp/headend/billing"
)

// jsonRow is a row as a line of JSON. Keys are those of CSV; what says nothing is left out.
type jsonRow struct {
	UsagePoint string   `json:"usage_point"`
	Meter      string   `json:"meter,omitempty"`
	Quantity   string   `json:"quantity"`
	Kind       string   `json:"kind"`
	From       string   `json:"from"`
	To         string   `json:"to"`
	Wh         *int64   `json:"wh,omitempty"`
	State      string   `json:"state"`
	Method     string   `json:"method,omitempty"`
	Absent     string   `json:"absent,omitempty"`
	How        string   `json:"how,omitempty"`
	Distance   float64  `json:"distance_s,omitempty"`
	Outage     bool     `json:"outage,omitempty"`
	Quality    []string `json:"quality,omitempty"`
	Verdicts   []string `json:"verdicts,omitempty"`
}

type ndjsonWriter struct {
	out  *text
	json *json.Encoder
}

func newNDJSON(w io.Writer, _ Options) (Writer, error) {
	out := newText(w)
	n := &ndjsonWriter{out: out, json: json.NewEncoder(out)}
	n.json.SetEscapeHTML(false)
	return n, nil
}

func (n *ndjsonWriter) Write(r Row) error {
	row := jsonRow{UsagePoint: r.UsagePoint, Meter: string(r.Meter), Quantity: string(r.Quantity), Kind: r.Kind.String(), From: stamp(r.From), To: stamp(r.To),
		State: r.State.String(), Method: string(r.Method), Absent: string(r.Absent), How: r.How.String(), Distance: r.Distance.Seconds(), Outage: r.Outage,
		Quality: r.Quality.Names(), Verdicts: r.Verdicts.Names()}
	if r.State != billing.Missing {
		row.Wh = &r.Wh
	}
	return n.json.Encode(row)
}

func (n *ndjsonWriter) Close() error { return n.out.end() }
