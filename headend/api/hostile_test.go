package api_test

import (
	"net/http"
	"strings"
	"testing"

	"lastgasp/headend"
	"lastgasp/headend/access"
	"lastgasp/headend/api"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

func TestForgedAndForeignRequestsAreRefused(t *testing.T) {
	s := serve(t, storetest.Open(t, timeseries.Postgres), api.Options{})
	s.account(t, "lan", headend.Engineer)
	b, _, _ := s.login(t, "lan", password)
	const plan = "/api/v1/plans/P1"
	csrf := b.csrf
	b.csrf = ""
	if status, _ := b.status(t, http.MethodDelete, plan, ""); status != 403 {
		t.Errorf("without the token against cross-site requests: %d", status)
	}
	b.csrf = strings.Repeat("0", len(csrf))
	if status, _ := b.status(t, http.MethodDelete, plan, ""); status != 403 {
		t.Errorf("with a forged one: %d", status)
	}
	b.csrf = csrf
	if status, _ := b.status(t, http.MethodDelete, plan, ""); status != 404 {
		t.Errorf("with the right one: %d", status)
	}
	if status, _ := b.status(t, http.MethodDelete, plan, "", "Sec-Fetch-Site", "cross-site"); status != 403 {
		t.Errorf("from a page of another site: %d", status)
	}
	for what, authorization := range map[string]string{"no token": "Bearer x", "one that was never made": "Bearer " + access.NewToken(), "basic": "Basic bGFuOng=", "injection": "Bearer ' OR 1=1 --"} {
		if status, _ := b.status(t, http.MethodGet, "/api/v1/meters", "", "Authorization", authorization); status != 401 { // the cookie does not help it
			t.Errorf("%s: %d", what, status)
		}
	}
	fixed := access.NewSecret() // a secret that somebody else has put into the browser
	c := &browser{s: s, cookie: &http.Cookie{Name: "lastgasp_session", Value: fixed}}
	if status, _ := c.status(t, http.MethodGet, "/api/v1/session", ""); status != 401 {
		t.Errorf("a forged session: %d", status)
	}
	answer := c.send(t, http.MethodPost, "/api/v1/session", `{"name":"lan","password":"`+password+`"}`)
	answer.Body.Close()
	for _, cookie := range answer.Cookies() {
		if cookie.Value == fixed {
			t.Error("the session has the secret that was there before it")
		}
	}
	if status, _ := c.status(t, http.MethodGet, "/api/v1/session", ""); status != 401 {
		t.Errorf("the secret of before the login lets in: %d", status)
	}
	if _, status, _ := s.login(t, "lan' OR '1'='1", password); status != 401 {
		t.Errorf("injection: %d", status)
	}
	if status, _ := b.status(t, http.MethodPost, "/api/v1/session", `{"name":"`+strings.Repeat("x", 100_000)+`"}`); status != 413 {
		t.Errorf("a huge body: %d", status)
	}
	for _, path := range []string{"/api/v1/../../etc/passwd", "/api/v1/meters/..%2f..%2fusers", "/api/v1//users", "/%2e%2e/api/v1/users"} {
		if status, body := b.status(t, http.MethodGet, path, ""); status < 400 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	answer = c.send(t, http.MethodGet, "/api/v1/session/options", "")
	answer.Body.Close()
	for header, want := range map[string]string{"Content-Security-Policy": "default-src 'self'", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"} {
		if got := answer.Header.Get(header); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
}

func TestANameIsLockedAfterFailures(t *testing.T) {
	s := serve(t, storetest.Open(t, timeseries.Postgres), api.Options{})
	s.account(t, "lan", headend.Viewer)
	for _, name := range []string{"lan", "nobody"} { // whether there is such an account does not show
		for i := range 5 {
			if _, status, _ := s.login(t, name, "a wrong password"); status != 401 {
				t.Errorf("%s, failure %d: %d", name, i+1, status)
			}
		}
		answer := (&browser{s: s}).send(t, http.MethodPost, "/api/v1/session", `{"name":"`+name+`","password":"`+password+`"}`)
		answer.Body.Close()
		if answer.StatusCode != 429 || answer.Header.Get("Retry-After") == "" {
			t.Errorf("%s, after five failures: %d %v", name, answer.StatusCode, answer.Header)
		}
	}
}

func TestATokenMakesItselfNoHome(t *testing.T) {
	s := serve(t, storetest.Open(t, timeseries.Postgres), api.Options{})
	s.account(t, "lan", headend.Administrator)
	b, _, _ := s.login(t, "lan", password)
	for path, body := range map[string]string{"/api/v1/tokens": `{"name":"more","scopes":["administer"]}`, "/api/v1/users": `{"name":"x","role":"administrator","password":"` + password + `"}`} {
		if status, _, answer := s.send(t, http.MethodPost, path, body); status != 403 {
			t.Errorf("%s with a token: %d %s", path, status, answer)
		}
		if status, answer := b.status(t, http.MethodPost, path, body); status != 200 {
			t.Errorf("%s as a person: %d %s", path, status, answer)
		}
	}
	if status, answer := b.status(t, http.MethodGet, "/api/v1/audit?what=add-user", ""); status != 200 || !strings.Contains(answer, `"who":"lan"`) || strings.Contains(answer, password) {
		t.Errorf("the audit trail: %d %s", status, answer)
	}
}
