package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/access"
	"lastgasp/headend/access/accesstest"
	"lastgasp/headend/api"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

const password = "một mật khẩu dài"

// browser keeps a cookie, as browsers do, and what the page knows.
type browser struct {
	s      *server
	cookie *http.Cookie
	csrf   string
}

// account makes an account that logs in with password.
func (s *server) account(t *testing.T, name string, role headend.Role, organisations ...string) {
	t.Helper()
	doors := access.New(s.store, access.Options{Cost: accesstest.Cost})
	if _, err := doors.AddAccount(t.Context(), headend.Account{Name: name, Role: role, Organisations: organisations, Language: "vi"}, password); err != nil {
		t.Fatal(err)
	}
}

// login logs an account in.
func (s *server) login(t *testing.T, name, password string) (*browser, int, api.Session) {
	t.Helper()
	b := &browser{s: s}
	body, err := json.Marshal(map[string]string{"name": name, "password": password})
	if err != nil {
		t.Fatal(err)
	}
	answer := b.send(t, http.MethodPost, "/api/v1/session", string(body))
	defer answer.Body.Close()
	var session api.Session
	if answer.StatusCode == http.StatusOK {
		if err := json.NewDecoder(answer.Body).Decode(&session); err != nil {
			t.Fatal(err)
		}
		b.csrf = session.CSRF
		for _, c := range answer.Cookies() {
			if c.Name == "lastgasp_session" {
				b.cookie = c
			}
		}
	}
	return b, answer.StatusCode, session
}

// send sends a request with the cookie, and the header that goes with it; further headers replace.
func (b *browser) send(t *testing.T, method, path, body string, headers ...string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, b.s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if b.cookie != nil {
		request.AddCookie(b.cookie)
	}
	if b.csrf != "" {
		request.Header.Set("X-CSRF-Token", b.csrf)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := b.s.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// status sends a request and returns the status and body of the answer.
func (b *browser) status(t *testing.T, method, path, body string, headers ...string) (int, string) {
	t.Helper()
	answer := b.send(t, method, path, body, headers...)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestASessionFromLoginToLogout(t *testing.T) {
	s := serve(t, storetest.Open(t, timeseries.Postgres), api.Options{})
	s.account(t, "lan", headend.Operator)
	nobody := &browser{s: s}
	if status, _ := nobody.status(t, http.MethodGet, "/api/v1/session", ""); status != 401 {
		t.Errorf("nobody's session: %d", status)
	}
	if _, status, _ := s.login(t, "lan", "another one, wrong"); status != 401 {
		t.Errorf("a wrong password: %d", status)
	}
	if _, status, _ := s.login(t, "mai", password); status != 401 {
		t.Errorf("a name that there is not: %d", status)
	}
	b, status, session := s.login(t, "Lan", password) // whatever the case of its letters
	if status != 200 || session.User.Name != "lan" || session.User.Role != "operator" || session.User.Language != "vi" || len(session.User.Organisations) != 0 || session.CSRF == "" {
		t.Fatalf("%d %+v", status, session)
	}
	if c := b.cookie; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || len(c.Value) != 43 || !c.Expires.After(time.Now()) {
		t.Errorf("cookie %+v", c)
	}
	if status, body := b.status(t, http.MethodGet, "/api/v1/session", ""); status != 200 || !strings.Contains(body, session.CSRF) {
		t.Errorf("%d %s", status, body)
	}
	if status, body := b.status(t, http.MethodPatch, "/api/v1/session", `{"language":"en"}`); status != 200 || !strings.Contains(body, `"language":"en"`) {
		t.Errorf("%d %s", status, body)
	}
	other, _, _ := s.login(t, "lan", password)
	if status, _ := b.status(t, http.MethodPatch, "/api/v1/session", `{"password":"not this one","new_password":"another long one"}`); status != 401 {
		t.Errorf("the former password wrong: %d", status)
	}
	if status, body := b.status(t, http.MethodPatch, "/api/v1/session", `{"password":"`+password+`","new_password":"short"}`); status != 422 {
		t.Errorf("a short password: %d %s", status, body)
	}
	if status, body := b.status(t, http.MethodPatch, "/api/v1/session", `{"password":"`+password+`","new_password":"another long one"}`); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := other.status(t, http.MethodGet, "/api/v1/session", ""); status != 401 {
		t.Errorf("a session of before the password: %d", status)
	}
	if status, _ := b.status(t, http.MethodDelete, "/api/v1/session", ""); status != 204 {
		t.Errorf("logout: %d", status)
	}
	if status, _ := b.status(t, http.MethodGet, "/api/v1/meters", ""); status != 401 {
		t.Errorf("after logout: %d", status)
	}
}
