package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
	"lastgasp/headend/api"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// TestTheTrailIsVerifiedAndExported: what an administrator did stands in the export, oldest first; what somebody does to the trail
// behind the head-end's back is told, with the entry's number.
func TestTheTrailIsVerifiedAndExported(t *testing.T) {
	url := storetest.URL(t)
	s := serve(t, storetest.OpenURL(t, url, timeseries.Options{Engine: timeseries.Postgres}), api.Options{})
	s.account(t, "lan", headend.Administrator)
	b, _, _ := s.login(t, "lan", password)
	for _, name := range []string{"minh", "hoa"} {
		if status, answer := b.status(t, http.MethodPost, "/api/v1/users", `{"name":"`+name+`","role":"viewer","password":"`+password+`"}`); status != 200 {
			t.Fatal(status, answer)
		}
	}
	if status, answer := b.status(t, http.MethodPatch, "/api/v1/users/hoa", `{"language":"en","role":"operator"}`); status != 200 || !strings.Contains(answer, `"language":"en"`) {
		t.Fatal(status, answer)
	}
	verdict := func() (v api.AuditVerdict) {
		t.Helper()
		status, answer := b.status(t, http.MethodGet, "/api/v1/audit/verification", "")
		if err := json.Unmarshal([]byte(answer), &v); status != 200 || err != nil {
			t.Fatal(status, answer, err)
		}
		return v
	}
	v := verdict()
	if len(v.Faults) != 0 || v.Entries < 3 || v.Last != v.Entries || len(v.Hash) != 64 {
		t.Errorf("a trail nobody has touched: %+v", v)
	}

	answer := b.send(t, http.MethodGet, "/api/v1/audit/export", "")
	defer answer.Body.Close()
	if kind := answer.Header.Get("Content-Type"); answer.StatusCode != 200 || kind != "application/x-ndjson" || !strings.Contains(answer.Header.Get("Content-Disposition"), ".ndjson") {
		t.Errorf("export: %d %v", answer.StatusCode, answer.Header)
	}
	var entries []api.AuditEntry
	for lines := json.NewDecoder(answer.Body); lines.More(); {
		var e api.AuditEntry
		if err := lines.Decode(&e); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, e)
	}
	if int64(len(entries)) != v.Entries || entries[0].Number != 1 || entries[len(entries)-1].Hash != v.Hash {
		t.Errorf("%d entries, the verdict is of %d", len(entries), v.Entries)
	}
	last := entries[len(entries)-1]
	if last.Who != "lan" || last.What != "change-user" || last.Target != "accounts/hoa" || !strings.Contains(string(last.Before), `"viewer"`) || !strings.Contains(string(last.After), `"operator"`) {
		t.Errorf("the last entry is %+v", last)
	}

	connection, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(t.Context())
	if _, err := connection.Exec(t.Context(), "ALTER TABLE audit DISABLE TRIGGER audit_stays; UPDATE audit SET who = 'nobody' WHERE number = 2"); err != nil {
		t.Fatal(err)
	}
	if v := verdict(); len(v.Faults) != 1 || !strings.Contains(v.Faults[0], "entry 2 was changed") {
		t.Errorf("a changed entry: %q", v.Faults)
	}
}
