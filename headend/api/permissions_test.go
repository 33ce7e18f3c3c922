package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/access/accesstest"
	"lastgasp/headend/api"
	"lastgasp/headend/billing/office"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// routesByRole is the table of who may use what, written down a second time: by operation id, or by pattern where a route is no
// operation. n: nobody has to log in; a: anybody who has; else v viewer, o operator, b billing, e engineer, d administrator.
const routesByRole = `
n: login session-options begin-provider-login end-provider-login
a: get-session change-session logout list-tokens add-token revoke-token
d: list-users get-user add-user change-user list-audit verify-audit export-audit
vobed: list-meters get-meter list-devices get-device list-readings get-series list-usage-points get-usage-point list-nodes get-node list-organisations
vobed: list-energy list-load list-events list-meter-events list-device-events list-node-events list-quarantine get-quarantined get-supply get-overview
vobed: list-connections export-readings list-outages get-outage follow-outages list-interruptions list-plans get-plan
vobed: reliability service-indicators counted-interruptions losses list-periods get-period completeness list-gaps list-findings list-value-versions
oed: decide-outage put-plan drop-plan
ed: replay-quarantined attach-meter set-device-credential close-period
ed: list-webhooks get-webhook ping-webhook list-deliveries get-delivery redeliver
d: add-webhook change-webhook drop-webhook renew-webhook-secret
bd: billing-consumption billing-registers list-runs get-run ask-run run-snapshot export-run run-changes
`

func rolesOfRoutes(t *testing.T) map[string]string {
	t.Helper()
	table := map[string]string{}
	for line := range strings.Lines(strings.TrimSpace(routesByRole)) {
		who, ids, _ := strings.Cut(line, ":")
		for _, id := range strings.Fields(ids) {
			if table[id] != "" {
				t.Errorf("%s stands twice in the table", id)
			}
			table[id] = who
		}
	}
	return table
}

// everything is an API with all its routes.
func everything(t *testing.T) *server {
	t.Helper()
	store := storetest.Open(t, timeseries.Postgres)
	options, _ := joined(t, store)
	options.Provider = noProvider{}
	s := serve(t, store, options)
	s.replay = func(context.Context, headend.Quarantined) ([]headend.Refusal, error) { return nil, nil }
	return s
}

// noProvider lets nobody in.
type noProvider struct{}

func (noProvider) Name() string { return "SSO" }

func (noProvider) Begin(context.Context, string, string) (string, string, time.Time, error) {
	return "", "", time.Time{}, &headend.LoginRefused{Fault: headend.LoginAway}
}

func (noProvider) Finish(context.Context, headend.ProviderAnswer) (string, headend.Session, error) {
	return "", headend.Session{}, &headend.LoginRefused{Fault: headend.LoginForeign}
}

type route struct{ method, path, id string }

func (s *server) routes(t *testing.T) []route {
	t.Helper()
	var document struct {
		Paths map[string]map[string]struct{ OperationID string }
	}
	_, _, body := s.ask(t, http.MethodGet, "/api/v1/openapi.json")
	if err := json.Unmarshal(body, &document); err != nil {
		t.Fatal(err)
	}
	var routes []route
	for path, methods := range document.Paths {
		for method, o := range methods {
			routes = append(routes, route{strings.ToUpper(method), path, o.OperationID})
		}
	}
	slices.SortFunc(routes, func(a, b route) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return routes
}

var pathParameter = regexp.MustCompile(`\{[a-z]+\}`)

func TestRoutesByRole(t *testing.T) {
	s := everything(t)
	want, routes := rolesOfRoutes(t), s.routes(t)
	roles := map[byte]headend.Role{'v': headend.Viewer, 'o': headend.Operator, 'b': headend.Billing, 'e': headend.Engineer, 'd': headend.Administrator}
	tokens := map[byte]string{}
	for letter, role := range roles {
		tokens[letter] = accesstest.TokenOf(t, s.store, string(role), role.Permissions())
	}
	seen := map[string]bool{}
	for _, r := range routes {
		who, ok := want[r.id]
		if !ok {
			t.Errorf("%s %s (%s) stands in no line of the table of routes and roles: say here and in permissions.go who may use it", r.method, r.path, r.id)
			continue
		}
		seen[r.id] = true
		path := pathParameter.ReplaceAllString(r.path, "1")
		status := func(token string) int {
			status, _, _ := s.send(t, r.method, path, "{}", "Authorization", "Bearer "+token)
			return status
		}
		nobody := &browser{s: s}
		if got, _ := nobody.status(t, r.method, path, "{}"); (got != http.StatusUnauthorized) != (who == "n") && r.id != "login" {
			t.Errorf("%s for nobody: %d, the table says %q", r.id, got, who)
		}
		if r.id == "follow-outages" {
			continue // it has no end; TestAStreamNeedsARole asks
		}
		if r.id == "add-user" || r.id == "change-user" {
			continue // for people alone: TestATokenMakesItselfNoHome
		}
		for letter, role := range roles {
			may := who == "n" || who == "a" || strings.Contains(who, string(letter))
			if got := status(tokens[letter]); (got != http.StatusForbidden && got != http.StatusUnauthorized) != may && who != "a" && who != "n" {
				t.Errorf("%s for %s: %d, the table says %q", r.id, role, got, who)
			}
		}
	}
	for id := range want {
		if !seen[id] {
			t.Errorf("%s stands in the table, and there is no such route", id)
		}
	}
}

// Routes that are no operations: each pattern in the code has a rule.
func TestPlainRoutesHaveARule(t *testing.T) {
	plain := map[string]int{"GET /healthz": 200, "GET /readyz": 200, "GET /api/v1/session/oidc": 503, "GET /api/v1/session/oidc/callback": 400, "GET /metrics": 401, "GET /api/v1/docs": 200, "GET /api/v1/docs/reference.css": 200, "GET /api/v1/docs/reference.js": 200,
		"/": 404, "GET /api/v1/stream": 401, "GET /api/v1/readings": 401, "GET /api/v1/billing/registers": 401, "GET /api/v1/audit/export": 401, "GET /api/v1/billing/runs/{id}/snapshot": 401, "GET /api/v1/billing/runs/{id}/export": 401, "GET /api/v1/billing/runs/{id}/changes": 401}
	pattern := regexp.MustCompile(`mux\.Handle(?:Func)?\("([^"]+)"(\+?)`)
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		text, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range pattern.FindAllStringSubmatch(string(text), -1) {
			found++
			if _, ok := plain[m[1]]; !ok && m[2] == "" {
				t.Errorf("%s: the route %s is in no table: say in permissions.go who may use it, and here what nobody gets", f.Name(), m[1])
			}
		}
	}
	if found < 8 {
		t.Errorf("only %d routes were found in the code", found)
	}
	s := everything(t)
	nobody := &browser{s: s}
	for p, want := range plain {
		_, path, ok := strings.Cut(p, " ")
		if !ok {
			path = p
		}
		// Through a proxy nobody is on this machine, whom /metrics needs no token from.
		if got, body := nobody.status(t, http.MethodGet, pathParameter.ReplaceAllString(path, "1"), "", "X-Forwarded-For", "192.0.2.9"); got != want {
			t.Errorf("%s: %d %s, want %d", p, got, body, want)
		}
	}
	if got, _ := nobody.status(t, http.MethodGet, "/metrics", ""); got != 200 {
		t.Errorf("metrics on this machine: %d", got)
	}
}

// districts is two districts on one substation; all that is of the second one has ZZ in it.
func (s *server) districts(t *testing.T) {
	t.Helper()
	s.load(t, "C1,Công ty,company,,2020-01-01,\nD1,Tam Kỳ,district,C1,2020-01-01,\nZZD,ZZ Hội An,district,C1,2020-01-01,\nT1,ZZ Twin,district,C1,2020-01-01,\n",
		"S0,E15,substation,,C1,,2020-01-01,\nF1,471,feeder,S0,D1,,2020-01-01,\nT1,Trạm 1,transformer,F1,D1,,2020-01-01,\nZZF,ZZ472,feeder,S0,ZZD,,2020-01-01,\nZZT,ZZ Trạm,transformer,ZZF,ZZD,,2020-01-01,\n",
		"U1,Ông An,,T1,D1,,2020-01-01,\nU2,Bà Bình,,T1,D1,,2020-01-01,\nU3,,,T1,D1,,2020-01-01,\nU5,,,T1,D1,,2020-01-01,\nZZX,,,ZZT,ZZD,,2020-01-01,\nZZU,ZZ Cúc,,ZZT,ZZD,,2020-01-01,\nZZV,ZZ Dũng,,ZZT,ZZD,,2020-01-01,\nZZW,,,ZZT,ZZD,,2020-01-01,\n",
		"G1,gateway,mqtt,,,,,,2020-01-01,\nM1,meter,mqtt,,,G1,U1,,2020-01-01,\nM2,meter,mqtt,,,G1,U2,,2020-01-01,\nZZG,gateway,mqtt,,,,,,2020-01-01,\nZZM,meter,mqtt,,,ZZG,ZZU,,2020-01-01,\nZZN,meter,mqtt,,,ZZG,ZZV,,2020-01-01,\n"+
			"MOVED,meter,mqtt,,,,ZZW,,2020-01-01,2020-06-01\nMOVED,meter,mqtt,,,,U3,,2020-06-01,\nGONE,meter,mqtt,,,ZZG,U5,,2020-01-01,2026-11-20T00:00:00Z\nGONE,meter,mqtt,,,ZZG,ZZX,,2026-11-20T00:00:00Z,\n")
	for _, device := range []headend.DeviceID{"M1", "ZZM"} {
		b := says(device, noon, "import_wh", 1000, "v1", 229.8)
		b.Events = []headend.Event{{Time: noon, Type: "power_down"}}
		s.append(t, b, says(device, noon.Add(time.Hour), "import_wh", 2000))
	}
	s.append(t, says("MOVED", time.Date(2020, 3, 1, 0, 0, 0, 0, time.UTC), "v1", 111.25), says("MOVED", noon, "v1", 230.5), // the first at a customer of the others
		says("GONE", noon.AddDate(0, 0, -2), "import_wh", 4100), says("GONE", noon.AddDate(0, 0, -1), "import_wh", 4200), says("GONE", noon.AddDate(0, 0, 1), "import_wh", 999000)) // the last too
	at := func(number int64, node string, customers int) headend.Outage {
		o := transformerOut(number)
		o.Node, o.Customers, o.Out, o.Seen, o.Summary, o.Trail = node, customers, customers, customers, "ZZ words", []string{"ZZ words"}
		if node == "T1" {
			o.Summary, o.Trail = "words", []string{"words"}
		}
		return o
	}
	row := func(point string, id, outage int64) headend.LedgerRow {
		r := headend.LedgerRow{Point: point, Interruption: headend.Interruption{ID: id, Outage: outage, Start: noon}}
		number, err := s.store.Scalar(t.Context(), "SELECT number::text FROM usage_point WHERE id = $1", point)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(number, &r.UsagePoint); err != nil {
			t.Fatal(err)
		}
		return r
	}
	s.ledger(t)([]headend.Outage{at(1, "T1", 1), at(2, "ZZT", 1), at(3, "S0", 3), at(4, "S0", 1)},
		row("U1", 1, 1), row("ZZU", 2, 2), row("U2", 3, 3), row("ZZV", 4, 3), row("ZZU", 5, 3), row("ZZV", 6, 4))
	for id, node := range map[string]string{"P1": "T1", "ZZP": "ZZT"} {
		if status, _, body := s.send(t, http.MethodPut, "/api/v1/plans/"+id, `{"kind":"cut","node":"`+node+`","from":"2026-11-25","to":"2026-11-26"}`); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
}

func TestADistrictSeesNothingOfAnother(t *testing.T) {
	storetest.Each(t, func(t *testing.T, store *timeseries.Store) {
		options, bills := joined(t, store)
		s := serve(t, store, options)
		s.districts(t)
		runs := s.billed(t, bills)
		own := accesstest.TokenOf(t, s.store, "district", headend.Permissions, "D1")
		ask := func(method, path, body string) (int, string) {
			t.Helper()
			status, _, text := s.send(t, method, path, body, "Authorization", "Bearer "+own)
			return status, string(text)
		}
		foreign := map[string]string{"/runs/": strconv.FormatInt(runs.whole.Number, 10), "/meters/": "ZZM", "/devices/": "ZZM", "/usage-points/": "ZZU", "/nodes/": "ZZT", "/plans/": "ZZP", "/outages/": "2", "/quarantine/": "1"}
		ids, lists := 0, 0
		for _, r := range s.routes(t) {
			if r.method != http.MethodGet || r.id == "follow-outages" || strings.Contains(r.path, "webhooks") || strings.Contains(r.path, "users") {
				continue
			}
			if !strings.Contains(r.path, "{") {
				lists++
				for _, query := range []string{"", "?from=2026-11-01&to=2026-12-01", "?q=ZZ", "?node=ZZT", "?node=S0", "?node=S0&from=2026-11-01&to=2026-12-01", "?usage_point=ZZU", "?organisation=ZZD", "?parent=S0", "?device=ZZM&from=2026-11-01&to=2026-12-01", "?outage=2", "?state=open", "?limit=1", "?revision=1",
					"?from=2026-11-01&to=2026-11-21&unit=ZZD", "?from=2026-11-01&to=2026-11-21&unit=ZZT", "?from=2026-11-01&to=2026-11-21&unit=S0", "?from=2026-11-01&to=2026-11-21&unit=D1", "?from=2026-11&to=2026-12&unit=T1",
					"?from=2026-11-01&to=2026-11-21&unit=F1&by=transformer", "?from=2026-11-01&to=2026-11-21&by=feeder", "?from=2026-11-01&to=2026-11-21&by=gateway&each=whole", "?from=2026-11-01&to=2026-11-21&by=model",
					"?from=2026-11-01&to=2026-11-21&usage_point=ZZU", "?from=2026-11-01&to=2026-11-21&organisation=ZZD", "?at=2026-11-21", "?at=2026-11-21&usage_point=ZZU", "?at=2026-11-21&organisation=ZZD",
					"?from=2026-11-01&to=2026-12-01&device=GONE&format=csv", "?from=2026-11-01&to=2026-12-01&organisation=C1"} {
					if status, body := ask(http.MethodGet, r.path+query, ""); status < 300 && strings.Contains(body, "ZZ") || status >= 500 {
						t.Errorf("%s%s: %d %s", r.path, query, status, body)
					}
				}
				continue
			}
			for prefix, id := range foreign {
				if !strings.Contains(r.path, prefix) {
					continue
				}
				ids++
				path := pathParameter.ReplaceAllString(r.path, id)
				nowhere := pathParameter.ReplaceAllString(r.path, nothing(id))
				for _, query := range []string{"", "?from=2026-11-19&to=2026-11-22"} {
					status, body := ask(http.MethodGet, path+query, "")
					if status != http.StatusNotFound && status != http.StatusUnprocessableEntity {
						t.Errorf("%s%s of the other district: %d %s", path, query, status, body)
					}
					if other, words := ask(http.MethodGet, nowhere+query, ""); other != status || status == http.StatusNotFound && strings.ReplaceAll(words, nothing(id), id) != body {
						t.Errorf("%s%s tells that there is something: %d %s; of nothing: %d %s", path, query, status, body, other, words)
					}
				}
			}
		}
		if ids < 15 || lists < 10 {
			t.Errorf("only %d routes with an id and %d lists were asked", ids, lists)
		}
		var outages api.Page[api.Outage]
		status, body := ask(http.MethodGet, "/api/v1/outages", "")
		if err := json.Unmarshal([]byte(body), &outages); status != 200 || err != nil || len(outages.Items) != 2 {
			t.Fatalf("%d %s", status, body)
		}
		for _, o := range outages.Items { // the one at the substation with its own customer alone; 4 is the others' alone
			if o.Customers != 1 || o.Out != 1 || o.Number != 1 && o.Number != 3 {
				t.Errorf("outage %+v", o)
			}
		}
		for path, want := range map[string]string{"/api/v1/usage-points": "U1 U2 U3 U5", "/api/v1/nodes": "F1 S0 T1", "/api/v1/devices": "G1 M1 M2 MOVED", "/api/v1/organisations": "D1", "/api/v1/plans": "P1"} {
			var page api.Page[struct{ ID string }]
			_, body := ask(http.MethodGet, path, "")
			if err := json.Unmarshal([]byte(body), &page); err != nil {
				t.Fatal(path, err)
			}
			var got []string
			for _, item := range page.Items {
				got = append(got, item.ID)
			}
			if text := strings.Join(got, " "); text != want {
				t.Errorf("%s: %s, want %s", path, text, want)
			}
		}
		for path, body := range map[string]string{"PATCH /api/v1/outages/2": `{"planned":true}`, "PUT /api/v1/plans/N1": `{"kind":"cut","node":"ZZT","from":"2026-11-25","to":"2026-11-26"}`,
			"PUT /api/v1/plans/N2": `{"kind":"cut","usage_points":["ZZU"],"from":"2026-11-25","to":"2026-11-26"}`, "PUT /api/v1/plans/N3": `{"kind":"cut","node":"S0","from":"2026-11-25","to":"2026-11-26"}`,
			"PUT /api/v1/plans/ZZP": `{"kind":"cut","node":"T1","from":"2026-11-25","to":"2026-11-26"}`, "DELETE /api/v1/plans/ZZP": "", "PATCH /api/v1/outages/3": `{"planned":true}`,
			"PATCH /api/v1/outages/1": `{"merge":2}`, "POST /api/v1/periods": `{"organisation":"ZZD","month":"2026-10"}`, "POST /api/v1/billing/runs": `{"from":"2026-11-19","to":"2026-11-21","organisation":"ZZD"}`} {
			method, path, _ := strings.Cut(path, " ")
			if status, answer := ask(method, path, body); status < 400 || status >= 500 {
				t.Errorf("%s %s %s: %d %s", method, path, body, status, answer)
			}
		}
		if status, answer := ask(http.MethodPatch, "/api/v1/outages/1", `{"planned":true}`); status != 202 {
			t.Errorf("its own outage: %d %s", status, answer)
		}
		if status, answer := ask(http.MethodGet, "/api/v1/meters/M1/readings?"+url.Values{"from": {"2026-11-20"}, "to": {"2026-11-21"}}.Encode(), ""); status != 200 || !strings.Contains(answer, "229.8") {
			t.Errorf("its own readings: %d %s", status, answer)
		}
		if status, answer := ask(http.MethodGet, "/api/v1/meters/MOVED/readings?from=2020-01-01&to=2026-12-01", ""); status != 200 || !strings.Contains(answer, "230.5") || strings.Contains(answer, "111.25") {
			t.Errorf("readings of a meter that was at a customer of the others: %d %s", status, answer)
		}
		if status, answer := ask(http.MethodGet, "/api/v1/nodes/S0/load?from=2026-11-20&to=2026-11-21", ""); status != 200 || !strings.Contains(answer, `"usage_points":4`) {
			t.Errorf("load below the substation that both hang on: %d %s", status, answer)
		}
		s.billsItsOwn(t, ask, runs, bills)
		s.reportsItsOwn(t, ask)
	})
}

// nothing is an id like another, of what there is not.
func nothing(id string) string {
	if strings.Trim(id, "0123456789") == "" {
		return "987654"
	}
	return "QQQ"
}

// billedRuns are runs of whoever asked for them.
type billedRuns struct{ whole, foreign, own, district api.Run }

// billed adds to the districts what billing keeps of both, and runs: of everything, of the other district, of its own, and one that somebody
// who sees everything asked for about the district alone.
func (s *server) billed(t *testing.T, bills *office.Office) (runs billedRuns) {
	t.Helper()
	for _, sql := range []string{
		`INSERT INTO gap (usage_point, quantity, gap_from, gap_to, state, attempts, opened, changed) SELECT number, 'import_wh', '2026-11-20', '2026-11-20 01:00', 'open', 0, now(), now() FROM usage_point WHERE id IN ('U1', 'ZZU')`,
		`INSERT INTO value_version SELECT number, 'import_wh', '2026-11-20', '2026-11-20 00:30', 1, 'estimated', 50, 'linear', false, 'lost', now(), id || ' words' FROM usage_point WHERE id IN ('U1', 'ZZU')`,
		`INSERT INTO finding SELECT number, 'import_wh', 'spike', '2026-11-20', '2026-11-20', id || ' words', now() FROM usage_point WHERE id IN ('U1', 'ZZU')`,
		`INSERT INTO read_success SELECT '2026-11-20', o.number, d.number, d.id || ' model', 'half_hour', 'import_wh', 48, 47, 1 FROM organisation o JOIN device d ON (o.id, d.id) IN (('D1', 'G1'), ('ZZD', 'ZZG'))`,
	} {
		if n, err := s.store.Scalar(t.Context(), "WITH x AS ("+sql+" RETURNING 1) SELECT count(*)::text FROM x"); err != nil || n != "2" {
			t.Fatal(n, err)
		}
	}
	other := accesstest.TokenOf(t, s.store, "ZZ district", headend.Permissions, "ZZD")
	own := accesstest.TokenOf(t, s.store, "clerk", headend.Role("billing").Permissions(), "D1")
	for _, r := range []struct {
		run         *api.Run
		token, body string
	}{{&runs.whole, accesstest.Token(), ""}, {&runs.foreign, other, ""}, {&runs.own, own, ""}, {&runs.district, accesstest.Token(), `,"organisation":"D1"`}} {
		status, _, answer := s.send(t, http.MethodPost, "/api/v1/billing/runs", `{"from":"2026-11-18","to":"2026-11-21","values":true`+r.body+`}`, "Authorization", "Bearer "+r.token)
		if err := json.Unmarshal(answer, r.run); status != http.StatusAccepted || err != nil {
			t.Fatalf("%d %s", status, answer)
		}
	}
	if err := bills.MakeWaiting(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*api.Run{&runs.whole, &runs.foreign, &runs.own, &runs.district} {
		if s.read(t, fmt.Sprintf("/api/v1/billing/runs/%d", r.Number), r); r.State != "made" {
			t.Fatalf("%+v", r)
		}
	}
	return runs
}

// billsItsOwn looks what a district has of billing.
func (s *server) billsItsOwn(t *testing.T, ask func(method, path, body string) (int, string), runs billedRuns, bills *office.Office) {
	t.Helper()
	has := func(path string, want ...string) string {
		t.Helper()
		status, body := ask(http.MethodGet, path, "")
		if status != http.StatusOK || strings.Contains(body, "ZZ") {
			t.Errorf("%s: %d %s", path, status, body)
		}
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%s: no %s in %s", path, w, body)
			}
		}
		return body
	}
	const days = "?from=2026-11-18&to=2026-11-23"
	has("/api/v1/billing/gaps", `"usage_point":"U1"`)
	has("/api/v1/billing/findings"+days, `"usage_point":"U1"`)
	has("/api/v1/billing/versions"+days+"&usage_point=U1", `U1 words`)
	has("/api/v1/completeness"+days+"&each=whole", `"expected":48`)
	has("/api/v1/completeness"+days+"&by=gateway", `"key":"G1"`)
	has("/api/v1/billing/registers?at=2026-11-20T05:00:00Z", `"usage_point":"U1"`, `"wh":1000`)
	has("/api/v1/billing/consumption"+days+"&usage_point=U5", `GONE`) // the meter that was there, though it is elsewhere now
	if body := has("/api/v1/readings"+days+"&quantity=import_wh&format=csv", "U1,M1", "U5,GONE", "4200"); strings.Contains(body, "999000") || strings.Count(body, "\n") != 5 {
		t.Errorf("readings: %s", body)
	}
	if body := has("/api/v1/readings" + days + "&device=GONE"); strings.Contains(body, "999000") {
		t.Errorf("of the meter that has gone: %s", body)
	}
	s.pagesOfItsOwn(t, ask)
	for _, query := range []string{"device=%s", "usage_point=%s", "organisation=%s", "node=%s"} {
		for _, id := range []string{"ZZM", "ZZU", "ZZD", "ZZT"} {
			status, body := ask(http.MethodGet, "/api/v1/readings"+days+"&"+fmt.Sprintf(query, id), "")
			other, words := ask(http.MethodGet, "/api/v1/readings"+days+"&"+fmt.Sprintf(query, "QQQ"), "")
			if status != http.StatusUnprocessableEntity || other != status || strings.ReplaceAll(words, "QQQ", id) != body {
				t.Errorf("%s of %s: %d %s; of nothing %d %s", query, id, status, body, other, words)
			}
		}
	}

	var list api.Page[api.Run]
	if err := json.Unmarshal([]byte(has("/api/v1/billing/runs")), &list); err != nil || len(list.Items) != 2 || list.Items[0].Number != runs.district.Number || list.Items[1].Number != runs.own.Number {
		t.Errorf("runs: %+v %v", list.Items, err)
	}
	for _, r := range []api.Run{runs.own, runs.district} {
		path := "/api/v1/billing/runs/" + r.ID
		first := has(path+"/snapshot", `"usage_point":"U1"`, `"usage_point":"U5"`)
		if again := has(path + "/snapshot"); again != first {
			t.Error("the same snapshot has other bytes")
		}
		has(path+"/export?format=csv", "U1")
		has(fmt.Sprintf("%s/changes?since=%d", path, runs.own.Number))
	}
	for _, r := range []api.Run{runs.whole, runs.foreign} {
		for _, name := range []string{strconv.FormatInt(r.Number, 10), r.ID} {
			none := "987654"
			if name == r.ID {
				none = strings.Repeat("0", 64)
			}
			for _, rest := range []string{"", "/snapshot", "/export?format=csv", "/changes?since=1"} {
				status, body := ask(http.MethodGet, "/api/v1/billing/runs/"+name+rest, "")
				_, words := ask(http.MethodGet, "/api/v1/billing/runs/"+none+rest, "")
				if rest != "/changes?since=1" && status != http.StatusNotFound || status < 400 || strings.ReplaceAll(words, none, name) != body {
					t.Errorf("%s%s of others: %d %s; of nothing %s", name, rest, status, body, words)
				}
			}
			if status, body := ask(http.MethodGet, fmt.Sprintf("/api/v1/billing/runs/%s/changes?since=%s", runs.own.ID, name), ""); status != http.StatusNotFound {
				t.Errorf("changes since a run of others: %d %s", status, body)
			}
		}
	}
	status, body := ask(http.MethodPost, "/api/v1/billing/runs", `{"from":"2026-11-19","to":"2026-11-21","usage_points":["ZZU"]}`)
	other, words := ask(http.MethodPost, "/api/v1/billing/runs", `{"from":"2026-11-19","to":"2026-11-21","usage_points":["QQQ"]}`)
	if status != http.StatusUnprocessableEntity || other != status || strings.ReplaceAll(words, "QQQ", "ZZU") != body {
		t.Errorf("a run of others' usage points: %d %s; of nothing %s", status, body, words)
	}
	if text, err := io.ReadAll(s.store.BillingBytes(headend.WithPrincipal(t.Context(), &headend.Principal{Organisations: []string{"D1"}}), runs.whole.ID)); unknown(err) == nil || len(text) > 0 {
		t.Errorf("bytes of a run of others: %d, %v", len(text), err)
	}
}

func unknown(err error) *headend.Unknown {
	var u *headend.Unknown
	errors.As(err, &u)
	return u
}

// pagesOfItsOwn goes through an export with cursors, its own and one that somebody got who sees everything.
func (s *server) pagesOfItsOwn(t *testing.T, ask func(method, path, body string) (int, string)) {
	t.Helper()
	const path = "/api/v1/readings?from=2026-11-18&to=2026-11-23&quantity=import_wh&limit=1"
	type part struct {
		Items []struct {
			UsagePoint string `json:"usage_point"`
		}
		Next string
	}
	var seen []string
	for next := ""; ; {
		_, body := ask(http.MethodGet, path+"&cursor="+next, "")
		var p part
		if err := json.Unmarshal([]byte(body), &p); err != nil || len(seen) > 10 {
			t.Fatal(body, err)
		}
		for _, i := range p.Items {
			seen = append(seen, i.UsagePoint)
		}
		if next = p.Next; next == "" {
			break
		}
	}
	if slices.Sort(seen); strings.Join(seen, " ") != "U1 U1 U5 U5" {
		t.Errorf("page by page: %v", seen)
	}
	for next := ""; ; {
		var p part
		if s.read(t, path+"&cursor="+next, &p); p.Next == "" {
			break
		}
		next = p.Next
		if status, body := ask(http.MethodGet, path+"&cursor="+next, ""); status >= 500 || strings.Contains(body, "ZZ") {
			t.Errorf("with a cursor of somebody else: %d %s", status, body)
		}
	}
}

// reportsItsOwn looks what a district has of the books.
func (s *server) reportsItsOwn(t *testing.T, ask func(method, path, body string) (int, string)) {
	t.Helper()
	for path, want := range map[string]string{
		"/api/v1/reliability?from=2026-10&to=2026-12&unit=D1":               "Tam Kỳ",
		"/api/v1/reliability?from=2026-10&to=2026-12":                       "Tam Kỳ",
		"/api/v1/reliability?from=2026-10&to=2026-12&unit=F1&by=feeder":     "471",
		"/api/v1/service-indicators?from=2026-10&to=2026-11":                "D1",
		"/api/v1/reliability/interruptions?from=2026-11&to=2026-12&unit=D1": "items",
		"/api/v1/losses?from=2026-11-19&to=2026-11-21&unit=F1":              "rows",
		"/api/v1/losses?from=2026-11-19&to=2026-11-21&by=organisation":      "rows",
	} {
		if status, body := ask(http.MethodGet, path, ""); status != http.StatusOK || !strings.Contains(body, want) || strings.Contains(body, "ZZ") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	// Of an organisation and a node with one id reports are about the organisation; here it is another's.
	if status, body := ask(http.MethodGet, "/api/v1/reliability?from=2026-10&to=2026-12&unit=T1", ""); status != http.StatusNotFound {
		t.Errorf("an organisation of others with the id of an own node: %d %s", status, body)
	}
	if status, body := ask(http.MethodPost, "/api/v1/periods", `{"organisation":"D1","month":"2026-10"}`); status != http.StatusCreated || strings.Contains(body, "ZZ") {
		t.Errorf("its own month: %d %s", status, body)
	}
}
