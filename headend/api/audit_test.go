package api_test

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/api"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// write is a request that changes something, with what the audit trail says of it.
type write struct {
	id           string // of the operation
	method, path string // below /api/v1
	body         string
	target       string
	before       string // words of what was there; "" for nothing
	after        string // and of what is there then; "" for nothing
}

// entries are those behind a number, oldest first.
func (s *server) entries(t *testing.T, behind int64) (found []headend.AuditEntry) {
	t.Helper()
	if _, _, err := s.store.WalkAudit(t.Context(), func(e headend.AuditEntry) error {
		if e.Number > behind {
			found = append(found, e)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return found
}

func (s *server) lastEntry(t *testing.T) int64 {
	t.Helper()
	found, err := s.store.AuditTrail(t.Context(), headend.AuditFilter{}, math.MaxInt64, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		return 0
	}
	return found[0].Number
}

// outagesOfDistrict is a district in which there is something to write about: an outage of October and its interruption, one that lasts, an
// unassigned meter, a quarantined message.
func (s *server) outagesOfDistrict(t *testing.T) (more func()) {
	t.Helper()
	s.grid(t)
	s.load(t, "", "", "U4,Ông Dũng,,T2,D1,L1,2020-01-01,\n", "")
	s.append(t, says("new-1", noon, "v1", 229.8), headend.Refused("M1", noon, headend.Source{Protocol: "mqtt", Address: "ami/v1/M1/reads"}, []byte(`{"time":`), headend.ReasonMalformed, "cut off"))
	s.replay = func(context.Context, headend.Quarantined) ([]headend.Refusal, error) { return nil, nil }
	points, record := s.points(t), s.ledger(t)
	october := time.Date(2026, 10, 7, 5, 0, 0, 0, time.UTC)
	row := func(point string, id int64) headend.LedgerRow {
		return headend.LedgerRow{Interruption: headend.Interruption{UsagePoint: points[point], ID: id, Outage: 2, Start: october, End: october.Add(time.Hour)}, StartBy: headend.ByDevice, EndBy: headend.ByDevice}
	}
	closed := headend.Outage{Number: 2, State: headend.OutageClosed, Node: "T2", Start: october, End: october.Add(time.Hour), Customers: 1, Summary: "one"}
	record([]headend.Outage{transformerOut(1), closed}, row("U3", 1))
	return func() { record([]headend.Outage{closed}, row("U1", 1)) }
}

// Every write leaves one entry in the audit trail, in which stands who did what to what, and what was there before and after. A request
// that is refused changes nothing and leaves none.
func TestEveryWriteLeavesOneEntry(t *testing.T) {
	each := func(t *testing.T, store *timeseries.Store) {
		options, _ := joined(t, store)
		s := serve(t, store, options)
		correct := s.outagesOfDistrict(t)
		s.account(t, "lan", headend.Administrator)
		left := s.lastEntry(t)
		b, status, _ := s.login(t, "lan", password)
		if status != http.StatusOK {
			t.Fatal(status)
		}
		done := map[string]bool{"login": true}
		if found := s.entries(t, left); len(found) != 1 || found[0].What != "login" || found[0].Who != "lan" || found[0].Role != headend.Administrator || found[0].From == "" ||
			found[0].Target != "accounts/lan" || !strings.Contains(found[0].After, "session_expires") {
			t.Errorf("login: %+v", found)
		}
		refused := s.refusals(t, b)
		for _, w := range []write{
			{"change-session", "PATCH", "/session", `{"language":"en"}`, "accounts/lan", `"language":"vi"`, `"language":"en"`},
			{"change-session", "PATCH", "/session", `{"password":"` + password + `","new_password":"another long one"}`, "accounts/lan", `"password":"set"`, `"password":"changed"`},
			{"add-token", "POST", "/tokens", `{"name":"bills","scopes":["look"]}`, "tokens/bills", "", `"scopes":["look"]`},
			{"revoke-token", "DELETE", "/tokens/{token}", "", "tokens/bills", `"revoked":false`, `"revoked":true`},
			{"add-user", "POST", "/users", `{"name":"mai","role":"viewer","password":"` + password + `"}`, "accounts/mai", "", `"role":"viewer"`},
			{"change-user", "PATCH", "/users/mai", `{"role":"operator","disabled":true,"organisations":["D1"],"password":"another long one"}`, "accounts/mai", `"role":"viewer"`, `"role":"operator"`},
			{"decide-outage", "PATCH", "/outages/1", `{"cause":"tree","planned":true,"note":"cây đổ"}`, "outages/1", `"cause":""`, `"cause":"tree"`},
			{"decide-outage", "PATCH", "/outages/1", `{"note":"the crew is there"}`, "outages/1", `"state":"confirmed"`, `"note":"the crew is there"`},
			{"decide-outage", "PATCH", "/outages/2", `{"declared":true,"cause":"storm"}`, "outages/2", `"declared":false`, `"declared":true`},
			{"put-plan", "PUT", "/plans/P1", `{"kind":"cut","node":"T1","from":"2026-12-01","to":"2026-12-02"}`, "plans/P1", "", `"node":"T1"`},
			{"put-plan", "PUT", "/plans/P1", `{"kind":"cut","node":"T2","from":"2026-12-01","to":"2026-12-02"}`, "plans/P1", `"node":"T1"`, `"node":"T2"`},
			{"drop-plan", "DELETE", "/plans/P1", "", "plans/P1", `"dropped":false`, `"dropped":true`},
			{"drop-plan", "DELETE", "/plans/P1", "", "plans/P1", `"dropped":true`, `"dropped":true`}, // it changes nothing, and somebody did it
			{"replay-quarantined", "POST", "/quarantine/1/replay", "", "quarantine/1", `"replayed":null`, `"replayed":"20`},
			{"attach-meter", "POST", "/meters/new-1/installations", `{"usage_point":"U4","from":"2026-11-21"}`, "meters/new-1", `"state":"unassigned"`, `"usage_point":"U4"`},
			{"set-device-credential", "POST", "/devices/M1/credential", `{"password":"another long one"}`, "devices/M1", `"password":"none"`, `"password":`},
			{"close-period", "POST", "/periods", `{"organisation":"D1","month":"2026-10"}`, "periods/D1/2026-10", "", `"number":1`},
			{"close-period", "POST", "/periods", `{"organisation":"D1","month":"2026-10","reason":"U1 was out too"}`, "periods/D1/2026-10", `"number":1`, `"number":2`},
			{"add-webhook", "POST", "/webhooks", `{"url":"https://oms.example.com/hook","events":["outage.opened"]}`, "webhooks/1", "", `"url":"https://oms.example.com/hook"`},
			{"change-webhook", "PATCH", "/webhooks/1", `{"enabled":false}`, "webhooks/1", `"enabled":true`, `"enabled":false`},
			{"renew-webhook-secret", "POST", "/webhooks/1/secret", "", "webhooks/1", `"url"`, `"former_secret_until"`},
			{"ping-webhook", "POST", "/webhooks/1/ping", "", "webhooks/1/ping", "", `"event":"ping"`},
			{"redeliver", "POST", "/webhooks/1/deliveries/{delivery}/redeliver", "", "webhooks/1/deliveries/{delivery}/redeliver", "", `"again":{delivery}`},
			{"drop-webhook", "DELETE", "/webhooks/1", "", "webhooks/1", `"url":"https://oms.example.com/hook"`, ""},
			{"ask-run", "POST", "/billing/runs", `{"from":"2026-10-01","to":"2026-11-01","organisation":"D1"}`, "billing/runs/1", "", `"organisation":"D1"`},
			{"logout", "DELETE", "/session", "", "accounts/lan", `"session_expires"`, `"session":"ended"`},
		} {
			if w.id == "close-period" && w.before != "" {
				correct()
			}
			w.fill(t, s)
			if !done[w.id] {
				refused(w)
			}
			done[w.id] = true
			s.writes(t, b, w)
		}
		for _, r := range s.routes(t) {
			if r.method != http.MethodGet && !done[r.id] {
				t.Errorf("%s changes something, and nothing here looks at what it leaves in the audit trail", r.id)
			}
		}
		s.wholeTrail(t)
	}
	storetest.Each(t, each)
}

// fill puts numbers that the store gave into a path.
func (w *write) fill(t *testing.T, s *server) {
	t.Helper()
	for mark, sql := range map[string]string{"{token}": "SELECT max(number)::text FROM token", "{delivery}": "SELECT max(number)::text FROM webhook_delivery"} {
		if strings.Contains(w.path, mark) {
			number, err := s.store.Scalar(t.Context(), sql)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []*string{&w.path, &w.target, &w.after} {
				*text = strings.ReplaceAll(*text, mark, number)
			}
		}
	}
}

// writes carries one out and looks at its entry.
func (s *server) writes(t *testing.T, b *browser, w write) {
	t.Helper()
	left := s.lastEntry(t)
	if status, answer := b.status(t, w.method, "/api/v1"+w.path, w.body); status >= 300 {
		t.Fatalf("%s: %d %s", w.id, status, answer)
	}
	found := s.entries(t, left)
	if len(found) != 1 {
		t.Errorf("%s %s left %d entries: %+v", w.id, w.body, len(found), found)
		return
	}
	e := found[0]
	if e.What != w.id || e.Who != "lan" || e.Role != headend.Administrator || e.From == "" || e.Target != w.target {
		t.Errorf("%s: who, what, target: %+v, want target %s", w.id, e, w.target)
	}
	for what, texts := range map[string][2]string{"before": {e.Before, w.before}, "after": {e.After, w.after}} {
		if got, want := texts[0], texts[1]; (got == "") != (want == "") || !strings.Contains(got, want) || got != "" && !json.Valid([]byte(got)) {
			t.Errorf("%s, %s: %s, want %s", w.id, what, got, want)
		}
		for _, secret := range []string{password, "another long one", "whsec_", "lg_"} {
			if strings.Contains(texts[0], secret) {
				t.Errorf("%s, %s shows a secret: %s", w.id, what, texts[0])
			}
		}
	}
}

// refusals sends requests that are refused, each for another reason, and expects no entry.
func (s *server) refusals(t *testing.T, b *browser) func(w write) {
	t.Helper()
	s.account(t, "xem", headend.Viewer)
	viewer, _, _ := s.login(t, "xem", password)
	return func(w write) {
		t.Helper()
		left := s.lastEntry(t)
		expect := func(what string, b *browser, path, body string, headers ...string) {
			t.Helper()
			if status, answer := b.status(t, w.method, path, body, headers...); status < 400 || status >= 500 {
				t.Errorf("%s, %s: %d %s", w.id, what, status, answer)
			}
		}
		path := "/api/v1" + w.path
		expect("without the token against cross-site requests", b, path, w.body, "X-CSRF-Token", "")
		if !strings.Contains(w.path, "session") && !strings.Contains(w.path, "tokens") {
			expect("by a viewer", viewer, path, w.body)
		}
		if w.body != "" {
			expect("with words that are not in the table", b, path, `{"no":"such field"}`)
			expect("with a body that is no JSON", b, path, `{"no`)
		}
		if found := s.entries(t, left); len(found) != 0 {
			t.Errorf("%s refused, and it left %+v", w.id, found)
		}
	}
}

// wholeTrail follows the chain, and reads it over the API.
func (s *server) wholeTrail(t *testing.T) {
	t.Helper()
	var check timeseries.AuditCheck
	last, hash, err := s.store.WalkAudit(t.Context(), func(e headend.AuditEntry) error { check.Next(e); return nil })
	if check.End(last, hash); err != nil || len(check.Faults) != 0 {
		t.Errorf("the trail: %v %v", check.Faults, err)
	}
	s.account(t, "thu", headend.Administrator)
	b, _, _ := s.login(t, "thu", password)
	var page api.Page[api.AuditEntry]
	status, body := b.status(t, http.MethodGet, "/api/v1/audit?limit=1000&what=decide-outage", "")
	if err := json.Unmarshal([]byte(body), &page); status != http.StatusOK || err != nil || len(page.Items) != 3 {
		t.Fatalf("%d %s", status, body)
	}
	var after struct{ Decisions []struct{ Kind string } }
	if err := json.Unmarshal(page.Items[2].After, &after); err != nil || len(after.Decisions) != 2 || after.Decisions[1].Kind != "planned" {
		t.Errorf("%s: two decisions of one request are one entry", page.Items[2].After)
	}
	if page.Items[0].Hash == page.Items[1].Hash {
		t.Errorf("%+v", page.Items)
	}
}

// A request under a key that was carried out before leaves no second entry.
func TestARequestSentAgainLeavesOneEntry(t *testing.T) {
	store := storetest.Open(t, timeseries.Postgres)
	s := serve(t, store, api.Options{})
	s.grid(t)
	left := s.lastEntry(t)
	for i := range 2 {
		status, again, answer := s.keyed(t, http.MethodPut, "/api/v1/plans/P1", `{"kind":"cut","node":"T1","from":"2026-12-01","to":"2026-12-02"}`, "key-1")
		if status != http.StatusOK || again != (i == 1) {
			t.Fatalf("%d %v %s", status, again, answer)
		}
	}
	if found := s.entries(t, left); len(found) != 1 {
		t.Errorf("%d entries: %+v", len(found), found)
	}
}
