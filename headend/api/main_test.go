package api_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/headend"
	"lastgasp/headend/access/accesstest"
	"lastgasp/headend/api"
	"lastgasp/headend/importer"
	"lastgasp/headend/webhook"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

func TestMain(m *testing.M) {
	http.DefaultTransport = accesstest.Transport(http.DefaultTransport)
	os.Exit(storetest.Main(m))
}

// noon of a day in Vietnam, in the past so that "now" versions hold.
var noon = time.Date(2026, 11, 20, 5, 0, 0, 0, time.UTC)

// server is the API over a real socket, in front of a real database.
type server struct {
	*httptest.Server
	store   *timeseries.Store
	metrics *prometheus.Registry
	known   map[string]bool // who has a token
	replay  func(context.Context, headend.Quarantined) ([]headend.Refusal, error)
	ready   func(context.Context) error
}

// Replay implements api.Replayer with what the test says.
func (s *server) Replay(ctx context.Context, q headend.Quarantined) ([]headend.Refusal, error) {
	return s.replay(ctx, q)
}

func each(t *testing.T, test func(t *testing.T, s *server)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, store *timeseries.Store) { test(t, serve(t, store, api.Options{})) })
}

func serve(t *testing.T, store *timeseries.Store, options api.Options) *server {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Ho_Chi_Minh")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{store: store, metrics: prometheus.NewRegistry(), ready: func(context.Context) error { return nil }}
	if options.Access == nil {
		options.Access = accesstest.Doors(t, store)
	}
	options.Accounts = store
	options.Store, options.Outages, options.Metrics, options.Zone, options.Replayer = store, store, s.metrics, zone, s
	options.Window = 10 * 365 * 24 * time.Hour // the tests stand in 2026
	options.Webhooks, options.Trail = store, store
	if options.WebhookRules == nil {
		options.WebhookRules = webhook.Rules{Key: webhook.NewKeyFile(filepath.Join(t.TempDir(), "key"))}
	}
	options.Requests = store
	if options.Sealer == nil {
		options.Sealer = webhook.NewKeyFile(filepath.Join(t.TempDir(), "key"))
	}
	options.Checks = []api.Check{{Name: "database", Ready: store.Ready}, {Name: "broker field", Ready: func(ctx context.Context) error { return s.ready(ctx) }}}
	a, err := api.New(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(a.Handler())
	t.Cleanup(s.Close)
	return s
}

// load fills the registry from CSV without headers.
func (s *server) load(t *testing.T, organisations, network, usagePoints, devices string) {
	t.Helper()
	format := importer.Format{Zone: time.UTC}
	o := timeseries.ImportOptions{}
	steps := []func() (headend.Imported, error){
		func() (headend.Imported, error) {
			return s.store.ImportOrganisations(t.Context(), importer.Organisations(strings.NewReader("id,name,kind,parent,from,to\n"+organisations), format), o)
		},
		func() (headend.Imported, error) {
			return s.store.ImportNodes(t.Context(), importer.Nodes(strings.NewReader("id,name,kind,parent,organisation,rated_kva,from,to\n"+network), format), o)
		},
		func() (headend.Imported, error) {
			return s.store.ImportUsagePoints(t.Context(), importer.UsagePoints(strings.NewReader("id,name,address,node,organisation,phases,from,to\n"+usagePoints), format), o)
		},
		func() (headend.Imported, error) {
			return s.store.ImportDevices(t.Context(), importer.Devices(strings.NewReader("id,kind,protocol,address,profile,gateway,usage_point,password,from,to\n"+devices), format), o)
		},
	}
	for _, step := range steps {
		if r, err := step(); err != nil || len(r.Refused) > 0 {
			t.Fatalf("%+v %v", r, err)
		}
	}
	if err := s.store.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// grid is a small district: two transformers on one feeder.
func (s *server) grid(t *testing.T) {
	t.Helper()
	s.load(t, "C1,Quảng Nam,company,,2020-01-01,\nD1,Tam Kỳ,district,C1,2020-01-01,\n",
		"S1,E15,substation,,D1,40000,2020-01-01,\nF1,471,feeder,S1,D1,,2020-01-01,\nT1,Trạm 1,transformer,F1,D1,400,2020-01-01,\nT2,Trạm 2,transformer,F1,D1,250,2020-01-01,\n",
		"U1,Ông An,Số 1 Tam Kỳ,T1,D1,L1,2020-01-01,\nU2,Bà Bình,,T1,D1,\"L1,L2,L3\",2020-01-01,\nU3,Cô Cúc,,T2,D1,L2,2020-01-01,\n",
		"G1,gateway,mqtt,,,,,,2020-01-01,\nM1,meter,mqtt,,EM24,G1,U1,,2020-01-01,\nM2,meter,mqtt,,,G1,U2,,2020-01-01,\nplant/line/M3,meter,mqtt,,,,U3,,2020-01-01,\n")
}

func (s *server) append(t *testing.T, batches ...headend.Batch) {
	t.Helper()
	if _, err := s.store.Append(t.Context(), batches); err != nil {
		t.Fatal(err)
	}
}

func says(device headend.DeviceID, at time.Time, pairs ...any) headend.Batch {
	b := headend.Batch{Device: device, Received: at.Add(2 * time.Second), Source: headend.Source{Protocol: "mqtt", Address: "ami/v1/" + string(device) + "/reads"}}
	for i := 0; i < len(pairs); i += 2 {
		r := headend.Reading{Time: at, Quantity: headend.Quantity(pairs[i].(string))}
		switch v := pairs[i+1].(type) {
		case int:
			r.Value = headend.Whole(int64(v))
		case float64:
			r.Value = headend.Real(v)
		}
		b.Readings = append(b.Readings, r)
	}
	return b
}

// ask sends a request and returns status, content type and body.
func (s *server) ask(t *testing.T, method, path string, headers ...string) (int, string, []byte) {
	t.Helper()
	return s.send(t, method, path, "", headers...)
}

// send is ask with a body, which is JSON; "" for none.
func (s *server) send(t *testing.T, method, path, body string, headers ...string) (int, string, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Authorization", "Bearer "+s.tokenFor(t, request, body, headers))
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := s.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	found, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header.Get("Content-Type"), found
}

// tokenFor is the token of whom a request names as the one who does it, so that nobody else does.
func (s *server) tokenFor(t *testing.T, request *http.Request, body string, headers []string) string {
	t.Helper()
	var named struct{ By string }
	if err := json.Unmarshal([]byte(body), &named); err != nil {
		named.By = "" // a request that is wrong on purpose
	}
	name := strings.TrimSpace(cmp.Or(named.By, request.URL.Query().Get("by")))
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "X-Operator" && name == "" {
			name = strings.TrimSpace(headers[i+1])
		}
	}
	if name == "" || !utf8.ValidString(name) || strings.ContainsRune(name, 0) || strings.HasPrefix(request.URL.Path, "/api/v1/usage-points") {
		return accesstest.Token()
	}
	if s.known == nil {
		s.known = map[string]bool{}
	}
	if !s.known[name] {
		s.known[name] = true
		return accesstest.TokenOf(t, s.store, name, headend.Permissions)
	}
	return accesstest.SecretOf(name)
}

// get asks for a document and compares it with the one that is wanted, both as JSON.
func (s *server) get(t *testing.T, path, want string) {
	t.Helper()
	status, kind, body := s.ask(t, http.MethodGet, path)
	if status != http.StatusOK || !strings.HasPrefix(kind, "application/json") {
		t.Fatalf("%s: %d %s %s", path, status, kind, body)
	}
	var got, wanted any
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatalf("%s: %v\n%s", path, err, body)
	}
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatalf("the test's own JSON: %v\n%s", err, want)
	}
	if diff := gocmp.Diff(wanted, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s\n%s", path, diff, body)
	}
}

// read asks for a document and reads it into what is given.
func (s *server) read(t *testing.T, path string, into any) {
	t.Helper()
	status, _, body := s.ask(t, http.MethodGet, path)
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, status, body)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v\n%s", path, err, body)
	}
}

// problem expects a problem document with a status and words.
func (s *server) problem(t *testing.T, method, path string, status int, words ...string) {
	t.Helper()
	got, kind, body := s.ask(t, method, path)
	var p struct {
		Title  string
		Status int
		Detail string
		Errors []struct{ Location, Message string }
	}
	err := json.Unmarshal(body, &p)
	switch {
	case got != status || kind != "application/problem+json" || err != nil || p.Status != status || p.Title == "" || p.Detail == "":
		t.Errorf("%s %s: %d %s %s, want a problem document with %d", method, path, got, kind, body, status)
	default:
		for _, word := range words {
			if !strings.Contains(string(body), word) {
				t.Errorf("%s %s does not say %q: %s", method, path, word, body)
			}
		}
	}
}

// newClientFor is a client for a server that runs elsewhere; without an address it is a server of its own.
func newClientFor(t *testing.T, address string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	if address != "" {
		s.URL = "http://" + address
	}
	return s
}
