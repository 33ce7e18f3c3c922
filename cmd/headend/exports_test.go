package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/jackc/pgx/v5"

	"lastgasp/headend/access/accesstest"
	"lastgasp/headend/api"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// Readings of the tests: so many meters, a reading each half hour of some days, from the first of November.
const exportFrom = "2026-11-01T00:00:00Z"

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

type exporter struct {
	*httptest.Server
	store *timeseries.Store
	url   string
	rows  int
}

// exported is a store with readings.
func exported(t *testing.T, server *storetest.Server, engine timeseries.Engine, meters, days int) *exporter {
	t.Helper()
	e := &exporter{url: server.Database(t), rows: meters * days * 48}
	e.store = storetest.OpenURL(t, e.url, timeseries.Options{Engine: engine})
	e.fill(t, meters, days)
	return e
}

// serve has an API answer in front of the readings.
func (e *exporter) serve(t *testing.T, options api.Options) *exporter {
	t.Helper()
	options.Store, options.Exports = e.store, exports{e.store}
	options.Access = accesstest.Doors(t, e.store)
	a, err := api.New(options)
	if err != nil {
		t.Fatal(err)
	}
	served := *e
	served.Server = httptest.NewServer(a.Handler())
	served.Client().Transport = accesstest.Transport(served.Client().Transport)
	t.Cleanup(served.Close)
	return &served
}

// fill stores what meters would have sent: registers, voltages with gaps, a doubtful clock now and then.
func (e *exporter) fill(t *testing.T, meters, days int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), e.url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	statements := []string{
		"INSERT INTO node (id) VALUES ('T1')",
		"INSERT INTO usage_point (id) SELECT 'U,' || to_char(i, 'FM00000') FROM generate_series(1, $1::int) i",
		"INSERT INTO device (id, kind, state) SELECT 'M' || to_char(i, 'FM00000'), 'meter', 'active' FROM generate_series(1, $1::int) i",
		"INSERT INTO installation (device, usage_point, valid_from) SELECT d.number, u.number, '2020-01-01' FROM device d JOIN usage_point u ON u.id = 'U,' || substr(d.id, 2) WHERE d.number <= $1::int",
		`INSERT INTO reading (meter, time, received, quality, import_wh, v1)
			SELECT d.number, t, t + interval '2.5 s', CASE WHEN extract(hour FROM t) = 7 THEN 6 ELSE 0 END, d.number * 100000 + extract(epoch FROM t - '` + exportFrom + `') / 10,
				CASE WHEN (d.number + extract(epoch FROM t)::bigint / 1800) % 3 > 0 THEN 220 + d.number % 20 + 0.25 END
			FROM generate_series('` + exportFrom + `'::timestamptz, '` + exportFrom + `'::timestamptz + make_interval(days => $2::int) - interval '1 s', interval '30 min') t, device d WHERE $1::int > 0`,
	}
	if e.store.Engine() == timeseries.Postgres {
		statements = slices.Insert(statements, 0, "SELECT make_partition('reading', '2026-11-01')")
	}
	for _, sql := range statements {
		var args []any
		for i, value := range []any{meters, days} {
			if strings.Contains(sql, "$"+strconv.Itoa(i+1)) {
				args = append(args, value)
			}
		}
		if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	if err := e.store.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (e *exporter) pull(t *testing.T, query url.Values, headers ...string) (*http.Response, []byte) {
	t.Helper()
	if !query.Has("from") {
		query.Set("from", exportFrom)
		query.Set("to", "2026-11-28T00:00:00Z")
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.URL+"/api/v1/readings?"+query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	answer, err := e.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, body
}

// facts are the rows of an answer, whatever its format: usage point, meter, time, quality, import_wh, v1.
func facts(t *testing.T, kind string, body []byte) (rows []string) {
	t.Helper()
	fact := func(point, meter string, at time.Time, quality, wh, v string) {
		rows = append(rows, fmt.Sprint(point, " ", meter, " ", at.UTC().Format(time.RFC3339Nano), " ", quality, " ", wh, " ", v))
	}
	switch kind {
	case "text/csv; charset=utf-8":
		table, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if head := strings.Join(table[0], " "); head != "usage_point meter time received quality import_wh v1" {
			t.Fatalf("header %s", head)
		}
		for _, r := range table[1:] {
			at, err := time.Parse(time.RFC3339, r[2])
			if err != nil {
				t.Fatal(err)
			}
			fact(r[0], r[1], at, r[4], r[5], r[6])
		}
	case "application/json", "application/x-ndjson":
		var list struct{ Items []json.RawMessage }
		if kind == "application/json" {
			if err := json.Unmarshal(body, &list); err != nil {
				t.Fatalf("%v: %.300s", err, body)
			}
		} else {
			for line := range bytes.Lines(body) {
				list.Items = append(list.Items, line)
			}
		}
		for _, item := range list.Items {
			var r struct {
				UsagePoint string `json:"usage_point"`
				Meter      string
				Time       time.Time
				Quality    []string
				Values     map[string]json.Number
			}
			if err := json.Unmarshal(item, &r); err != nil {
				t.Fatalf("%v: %s", err, item)
			}
			quality := strings.Join(r.Quality, ",")
			if quality == "" {
				quality = "measured"
			}
			fact(r.UsagePoint, r.Meter, r.Time, quality, r.Values["import_wh"].String(), r.Values["v1"].String())
		}
	case "application/vnd.apache.arrow.stream":
		in, err := ipc.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for in.Next() {
			r := in.Record()
			for i := range int(r.NumRows()) {
				words := map[string]string{}
				for k, field := range r.Schema().Fields() {
					if words[field.Name] = ""; r.Column(k).IsValid(i) {
						words[field.Name] = r.Column(k).ValueStr(i)
					}
				}
				at := time.UnixMicro(int64(r.Column(2).(*array.Timestamp).Value(i)))
				fact(words["usage_point"], words["meter"], at, words["quality"], words["import_wh"], words["v1"])
			}
		}
		if in.Err() != nil {
			t.Fatal(in.Err())
		}
	case "application/vnd.apache.parquet":
		in, err := file.NewParquetReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for range in.NumRows() { // what is in it is for readers of others: export's tests
			rows = append(rows, "")
		}
	default:
		t.Fatalf("content type %q: %.300s", kind, body)
	}
	return rows
}

const bothQuantities = "import_wh,v1"

// The tests of exports share a server, and most of them 100,800 readings of 300 meters over a week.
func TestExports(t *testing.T) {
	server := startServer(t)
	t.Run("EveryFormat", func(t *testing.T) { testReadingsInEveryFormat(t, server) })
	week := exported(t, server, timeseries.Postgres, 300, 7)
	for name, test := range map[string]func(*testing.T, *exporter){
		"Negotiated": testReadingsNegotiated, "Refused": testReadingsRefused, "Described": testReadingsAreDescribed, "Trailer": testTrailerOfALongAnswer,
		"Stalled": testAClientThatStopsReadingIsCutOff, "BrokenOff": testAnExportThatBreaksOffIsNoWholeOne, "Thousand": testAThousandPullsAtOnce, "File": testExportToAFile, "Parts": testExportIntoParts,
	} {
		t.Run(name, func(t *testing.T) { test(t, week) })
	}
	t.Run("Disturbed", func(t *testing.T) { // more than sockets hold
		testExportSurvivesTheDatabase(t, exported(t, server, timeseries.Postgres, 900, 7))
	})
}

// Every format tells the same of the same readings, in one go and in parts.
func testReadingsInEveryFormat(t *testing.T, server *storetest.Server) {
	storetest.EachEngine(t, func(t *testing.T, engine timeseries.Engine) {
		e := exported(t, server, engine, 25, 2).serve(t, api.Options{})
		var want []string
		for _, f := range exportFormats {
			answer, body := e.pull(t, url.Values{"quantity": {bothQuantities}, "limit": {"100000"}}, "Accept", f.ContentType())
			if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != f.ContentType() || answer.Header.Get(api.NextCursor)+answer.Trailer.Get(api.NextCursor) != "" {
				t.Fatalf("%s: %s %v %.300s", f.Name, answer.Status, answer.Header, body)
			}
			whole := facts(t, answer.Header.Get("Content-Type"), body)
			if len(whole) != e.rows {
				t.Fatalf("%s: %d rows, want %d", f.Name, len(whole), e.rows)
			}
			if f.Name != "parquet" {
				if want == nil {
					want = whole
					for _, row := range []string{"U,00001 M00001 2026-11-01T00:00:00Z measured 100000 221.25", "U,00003 M00003 2026-11-02T07:30:00Z clock_doubtful,backwards 311340 "} {
						if !slices.Contains(whole, row) {
							t.Errorf("%s has no %q", f.Name, row)
						}
					}
				}
				if !slices.Equal(whole, want) {
					t.Errorf("%s tells other rows than %s", f.Name, exportFormats[0].Name)
				}
			}
			var parts []string
			for cursor, n := "", 0; ; n++ {
				query := url.Values{"quantity": {bothQuantities}, "limit": {"700"}, "format": {f.Name}}
				if cursor != "" {
					query.Set("cursor", cursor)
				}
				answer, body := e.pull(t, query, "Accept", "image/png") // format is before Accept
				part := facts(t, answer.Header.Get("Content-Type"), body)
				parts = append(parts, part...)
				if cursor = answer.Header.Get(api.NextCursor); cursor == "" {
					break
				}
				if len(part) != 700 || n > 10 {
					t.Fatalf("part %d of %s has %d rows", n, f.Name, len(part))
				}
				if f.Name == "json" && !strings.Contains(string(body), `"next":"`+cursor+`"`) {
					t.Errorf("the document has no next: %.100s", body[len(body)-100:])
				}
			}
			if !slices.Equal(whole, parts) {
				t.Errorf("%s: %d rows in parts, %d in one go", f.Name, len(parts), len(whole))
			}
		}
	})
}

func testReadingsNegotiated(t *testing.T, week *exporter) {
	e := week.serve(t, api.Options{})
	for accept, want := range map[string]string{
		"":                         "application/json",
		"*/*":                      "application/json",
		"text/*":                   "text/csv; charset=utf-8",
		"text/csv;charset=utf-8":   "text/csv; charset=utf-8",
		"TEXT/CSV":                 "text/csv; charset=utf-8",
		"text/csv, */*":            "text/csv; charset=utf-8", // as much, but named
		"text/csv;q=0.5, */*;q=.6": "application/json",
		"text/csv;q=0.5, application/vnd.apache.parquet;q=0.9, application/json;q=0.8":       "application/vnd.apache.parquet",
		"application/vnd.apache.arrow.stream, application/json;q=0.1":                        "application/vnd.apache.arrow.stream",
		"application/json;q=0, application/x-ndjson;q=0.1, */*;q=0":                          "application/x-ndjson",
		"application/*, application/json;q=0, application/x-ndjson;q=0":                      "application/vnd.apache.arrow.stream",
		"image/webp, nonsense, text/csv;q=3, application/x-ndjson;q=\"x\", text/csv; q=0.01": "text/csv; charset=utf-8",
	} {
		answer, body := e.pull(t, url.Values{"device": {"M00001"}, "quantity": {"v1"}}, "Accept", accept)
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != want || answer.Header.Get("Vary") != "Accept" {
			t.Errorf("%q: %s %s %.200s", accept, answer.Status, answer.Header.Get("Content-Type"), body)
		}
	}
	for _, accept := range []string{"image/png", "text/csv;q=0", "application/json;profile=other", "*/*;q=0, text/csv;q=0"} {
		answer, body := e.pull(t, url.Values{"device": {"M00001"}, "quantity": {"v1"}}, "Accept", accept)
		if answer.StatusCode != http.StatusNotAcceptable || answer.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%q: %s %s", accept, answer.Status, body)
		}
		for _, f := range exportFormats {
			if !strings.Contains(string(body), f.ContentType()) {
				t.Errorf("%q: the refusal does not name %s: %s", accept, f.ContentType(), body)
			}
		}
	}
}

func testReadingsRefused(t *testing.T, week *exporter) {
	e := week.serve(t, api.Options{})
	for query, words := range map[string]string{
		"from=2026-11-03&to=2026-11-02": "query.from",
		"from=2126-11-03&to=2126-11-04": "future",
		"from=yesterday":                "neither a time",
		"usage_point=U9":                "query.usage_point",
		"usage_point=":                  "query.usage_point",
		"device=M9":                     "query.device",
		"device=%00":                    "query.device",
		"device=%ff":                    "query.device",
		"organisation=O9":               "query.organisation",
		"node=N9%27--":                  "query.node",
		"quantity=import_wh,Import":     "query.quantity",
		"quantity=humidity":             "query.quantity",
		"format=xlsx":                   "json, ndjson, csv, arrow, parquet",
		"limit=0":                       "query.limit",
		"limit=1000001":                 "query.limit",
		"limit=ten":                     "query.limit",
		"interval=30m":                  "query.interval", // readings are as they were read
		"sender=MDPX":                   "query.sender",   // these are of runs
		"receiver=RETX":                 "query.receiver",
		"cursor=x":                      "query.cursor",
		"cursor=cmVhZGluZ3Mge30":        "query.cursor", // of an empty place
		"cursor=cmVhZGluZ3MgbnVsbA":     "query.cursor",
		"metre=M1":                      "query.metre",
		"format=csv&format=json":        "twice",
		strings.Repeat("device=M00001&", 1001)[:14013]: "at most 1000",
		"from=%zz": "cannot be read",
	} {
		values := e.URL + "/api/v1/readings?" + query
		answer, err := e.Client().Get(values)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusUnprocessableEntity || answer.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(string(body), words) {
			t.Errorf("%.100s: %s %s", query, answer.Status, body)
		}
	}
	answer, _ := e.pull(t, url.Values{"cursor": {writeCursor(nil)}, "device": {"M00001", "M00002"}})
	if answer.StatusCode != http.StatusOK {
		t.Errorf("no cursor: %s", answer.Status)
	}
	head, err := e.Client().Head(e.URL + "/api/v1/readings?format=csv")
	if err != nil || head.StatusCode != http.StatusOK || head.Header.Get("Content-Type") != "text/csv; charset=utf-8" {
		t.Errorf("%v %v", head, err)
	}
}

// The OpenAPI document names the route, its formats and its parameters.
func testReadingsAreDescribed(t *testing.T, week *exporter) {
	e := week.serve(t, api.Options{})
	answer, err := e.Client().Get(e.URL + "/api/v1/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name string }
			Responses  map[string]struct{ Content map[string]any }
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	operation := doc.Paths["/api/v1/readings"]["get"]
	if len(operation.Parameters) < 10 || len(operation.Responses["200"].Content) != len(exportFormats) {
		t.Errorf("%+v", operation)
	}
}

// A long answer has its cursor in the trailer.
func testTrailerOfALongAnswer(t *testing.T, week *exporter) {
	e := week.serve(t, api.Options{})
	answer, body := e.pull(t, url.Values{"quantity": {bothQuantities}, "limit": {"99000"}, "format": {"ndjson"}})
	if answer.Header.Get(api.NextCursor) != "" || answer.Trailer.Get(api.NextCursor) == "" {
		t.Fatalf("%v %v", answer.Header, answer.Trailer)
	}
	rest, tail := e.pull(t, url.Values{"quantity": {bothQuantities}, "format": {"ndjson"}, "cursor": {answer.Trailer.Get(api.NextCursor)}})
	rows := append(facts(t, "application/x-ndjson", body), facts(t, "application/x-ndjson", tail)...)
	slices.Sort(rows)
	if len(slices.Compact(rows)) != e.rows || rest.Header.Get(api.NextCursor)+rest.Trailer.Get(api.NextCursor) != "" {
		t.Errorf("%d rows in two parts", len(rows))
	}
}

// stalled asks for an export over a connection of its own and takes no more than the first bytes.
func (e *exporter) stalled(t *testing.T, query string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(e.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "GET /api/v1/readings?from=%s&%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", exportFrom, query, accesstest.Token()); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReaderSize(conn, 16).ReadString(' ')
	if err != nil || line != "HTTP/1.1 " {
		t.Fatalf("%q %v", line, err)
	}
}

// running is how many exports run in the database.
func (e *exporter) running(t *testing.T) string {
	t.Helper()
	n, err := e.store.Scalar(t.Context(), "SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%COPY (%' AND state <> 'idle' AND pid <> pg_backend_pid()")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A client that stops reading is cut off, and what it held is free again: its place, and its connection to the database.
func testAClientThatStopsReadingIsCutOff(t *testing.T, week *exporter) {
	e := week.serve(t, api.Options{ExportsAtOnce: 1, ExportPatience: 2 * time.Second})
	for range 2 {
		e.stalled(t, "format=ndjson")
		if n := e.running(t); n == "0" {
			t.Fatal("no export runs in the database: the test looks for the wrong thing")
		}
		deadline := time.Now().Add(patience)
		for {
			answer, _ := e.pull(t, url.Values{"limit": {"1"}, "device": {"M00001"}})
			if answer.StatusCode == http.StatusOK {
				break
			}
			if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" || time.Now().After(deadline) {
				t.Fatalf("%s after %s", answer.Status, time.Since(deadline)+patience)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	deadline := time.Now().Add(patience)
	for { // the server has noticed that nobody reads
		n := e.running(t)
		if n == "0" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s exports still run in the database", n)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// An export whose database goes away breaks off: what came is not taken for the whole.
func testAnExportThatBreaksOffIsNoWholeOne(t *testing.T, week *exporter) {
	e := week.serve(t, api.Options{})
	for _, format := range []string{"csv", "ndjson", "arrow"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.URL+"/api/v1/readings?format="+format+"&from="+exportFrom, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := e.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, answer.Body, 300<<10); err != nil {
			t.Fatal(err)
		}
		if n, err := e.store.Scalar(t.Context(), "SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%COPY (%' AND pid <> pg_backend_pid()"); err != nil || n == "0" {
			t.Fatalf("%s: %s exports ended, %v", format, n, err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err == nil {
			t.Errorf("%s: the answer ended as if it were whole", format)
		}
		answer.Body.Close()
	}
}

// A thousand pulls at once: some are answered, the others are told when to come again, and memory stays within bounds.
func testAThousandPullsAtOnce(t *testing.T, week *exporter) {
	e := week.serve(t, api.Options{ExportsAtOnce: 4})
	client := &http.Client{Transport: accesstest.Transport(&http.Transport{MaxIdleConnsPerHost: 1000})}
	defer client.CloseIdleConnections()
	var made, refused atomic.Int64
	var most atomic.Uint64
	watch, stop := context.WithCancel(t.Context())
	watched := make(chan struct{})
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	go func() {
		defer close(watched)
		for watch.Err() == nil {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most.Store(max(most.Load(), m.HeapInuse))
			time.Sleep(10 * time.Millisecond)
		}
	}()
	var wait sync.WaitGroup
	for i := range 1000 {
		wait.Go(func() {
			format := exportFormats[1+i%(len(exportFormats)-1)].Name
			answer, err := client.Get(e.URL + "/api/v1/readings?quantity=import_wh&from=" + exportFrom + "&format=" + format)
			if err != nil {
				t.Error(err)
				return
			}
			defer answer.Body.Close()
			switch n, err := io.Copy(io.Discard, answer.Body); {
			case err != nil:
				t.Error(err)
			case answer.StatusCode == http.StatusOK && n > 250_000:
				made.Add(1)
			case answer.StatusCode == http.StatusServiceUnavailable && answer.Header.Get("Retry-After") != "":
				refused.Add(1)
			default:
				t.Errorf("%s: %s, %d bytes", format, answer.Status, n)
			}
		})
	}
	wait.Wait()
	stop()
	<-watched
	if made.Load() < 4 || refused.Load() == 0 || made.Load()+refused.Load() != 1000 {
		t.Errorf("%d made, %d refused", made.Load(), refused.Load())
	}
	grown := int64(most.Load()) - int64(before.HeapInuse)
	t.Logf("%d made, %d refused, heap grew by %d MB, connections of both sides and the clients' goroutines with it", made.Load(), refused.Load(), grown>>20)
	if grown > 300<<20 {
		t.Errorf("the heap grew by %d MB", grown>>20)
	}
}
