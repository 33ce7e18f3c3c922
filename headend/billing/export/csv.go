package export

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing"
)

// csvHeader names the columns. wh is Wh or varh, as the quantity says; empty where it is not known.
var csvHeader = []string{"usage_point", "meter", "quantity", "kind", "from", "to", "wh", "state", "method", "absent", "how", "distance_s", "outage", "quality", "verdicts"}

type csvWriter struct {
	out    *csv.Writer
	fields []string
}

func newCSV(w io.Writer, _ Options) (Writer, error) {
	c := &csvWriter{out: csv.NewWriter(w), fields: make([]string, len(csvHeader))}
	c.out.UseCRLF = true // RFC 4180
	return c, c.out.Write(csvHeader)
}

func (c *csvWriter) Write(r Row) error {
	wh, distance, quality := "", "", ""
	if r.State != billing.Missing {
		wh = strconv.FormatInt(r.Wh, 10)
		quality = r.Quality.String()
		if r.Kind == Register {
			distance = strconv.FormatFloat(r.Distance.Seconds(), 'f', -1, 64)
		}
	}
	copy(c.fields, []string{r.UsagePoint, string(r.Meter), string(r.Quantity), r.Kind.String(), stamp(r.From), stamp(r.To), wh, r.State.String(),
		string(r.Method), string(r.Absent), r.How.String(), distance, strconv.FormatBool(r.Outage), quality, r.Verdicts.String()})
	return c.out.Write(c.fields)
}

func (c *csvWriter) Close() error {
	c.out.Flush()
	return c.out.Error()
}

// stamp is RFC 3339 in UTC, to the second or as fine as the time is.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// register quantities by their base, without the tariff.
func base(q headend.Quantity) (of headend.Quantity, tariff int) {
	if n := len(q); n > 3 && q[n-3:n-1] == "_t" && q[n-1] >= '1' && q[n-1] <= '4' {
		return q[:n-3], int(q[n-1] - '0')
	}
	return q, 0
}
