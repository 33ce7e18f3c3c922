package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/access"
	"lastgasp/headend/access/accesstest"
	"lastgasp/headend/api"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// attacked is what the OpenAPI document says of a route, as far as an attacker cares.
type attacked struct {
	route
	parameters []struct {
		Name, In string
		Required bool
		Schema   struct{ Type any }
	}
	body map[string]any // an example; nil: it takes none
}

func (s *server) attackable(t *testing.T) (all []attacked) {
	t.Helper()
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string
			Parameters  []struct {
				Name, In string
				Required bool
				Schema   struct{ Type any }
			}
			RequestBody *struct {
				Content map[string]struct{ Example map[string]any }
			}
		}
	}
	s.read(t, "/api/v1/openapi.json", &document)
	for path, methods := range document.Paths {
		for method, o := range methods {
			a := attacked{route: route{strings.ToUpper(method), path, o.OperationID}, parameters: o.Parameters}
			if o.RequestBody != nil {
				a.body = o.RequestBody.Content["application/json"].Example
			}
			all = append(all, a)
		}
	}
	return all
}

// Each write route, asked with a session: without the token against cross-site requests, with that of another session, and from a page
// of another site it is refused, whatever else is right.
func TestEveryWriteIsRefusedAcrossSites(t *testing.T) {
	s := everything(t)
	s.account(t, "lan", headend.Administrator)
	b, _, _ := s.login(t, "lan", password)
	other, _, _ := s.login(t, "lan", password)
	if b.cookie.Value == other.cookie.Value || b.csrf == other.csrf {
		t.Fatal("two logins have one session")
	}
	asked := 0
	for _, r := range s.routes(t) {
		if r.method == http.MethodGet {
			continue
		}
		asked++
		path := pathParameter.ReplaceAllString(r.path, "1")
		for what, headers := range map[string][]string{
			"from another site":             {"Sec-Fetch-Site", "cross-site"},
			"from another origin":           {"Origin", "https://evil.example"},
			"from a sandboxed frame":        {"Origin", "null"},
			"without the token":             {"X-CSRF-Token", ""},
			"with a forged token":           {"X-CSRF-Token", strings.Repeat("0", 64)},
			"with that of another session":  {"X-CSRF-Token", other.csrf},
			"with the secret of the cookie": {"X-CSRF-Token", b.cookie.Value},
		} {
			if r.id == "login" && headers[0] == "X-CSRF-Token" {
				continue // nobody has a session yet
			}
			if status, answer := b.status(t, r.method, path, "{}", headers...); status != http.StatusForbidden {
				t.Errorf("%s %s: %d %s", r.id, what, status, answer)
			}
		}
		if r.id == "login" || r.id == "logout" {
			continue
		}
		if status, answer := b.status(t, r.method, path, "{}"); status == http.StatusUnauthorized || status == http.StatusForbidden {
			t.Errorf("%s with all that is right: %d %s", r.id, status, answer)
		}
	}
	if asked < 18 {
		t.Errorf("only %d routes were asked", asked)
	}
}

// A session ends without a request for a while, and after its length however busy it is; nothing brings it back.
func TestSessionsEndByTheClock(t *testing.T) {
	store := storetest.Open(t, timeseries.Postgres)
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	accesstest.AddToken(t, store)
	doors := access.New(store, access.Options{Cost: accesstest.Cost, Rate: 10_000, Now: now, Limits: access.Limits{Session: 8 * time.Hour, Idle: time.Hour}})
	s := serve(t, store, api.Options{Access: doors, Now: now})
	s.account(t, "lan", headend.Engineer)
	for what, c := range map[string]struct {
		steps []time.Duration // each followed by a request that is let in
		last  time.Duration   // followed by one that is not
	}{
		"idle":                {[]time.Duration{59 * time.Minute, 59 * time.Minute}, time.Hour},
		"busy to its end":     {[]time.Duration{50 * time.Minute, 50 * time.Minute, 50 * time.Minute, 50 * time.Minute, 50 * time.Minute, 50 * time.Minute, 50 * time.Minute, 50 * time.Minute, 50 * time.Minute}, 40 * time.Minute},
		"idle from the login": {nil, 61 * time.Minute},
	} {
		b, status, session := s.login(t, "lan", password)
		if status != http.StatusOK || session.Expires == nil || session.Expires.Sub(now()) > 8*time.Hour || session.Expires.Sub(now()) < 8*time.Hour-time.Minute {
			t.Fatalf("%s: %d %+v", what, status, session)
		}
		for i, step := range c.steps {
			ahead.Add(int64(step))
			if status, answer := b.status(t, http.MethodGet, "/api/v1/session", ""); status != http.StatusOK {
				t.Errorf("%s, step %d: %d %s", what, i, status, answer)
			}
		}
		ahead.Add(int64(c.last))
		for _, method := range []string{http.MethodGet, http.MethodPatch} {
			if status, answer := b.status(t, method, "/api/v1/session", ""); status != http.StatusUnauthorized {
				t.Errorf("%s, %s when it is over: %d %s", what, method, status, answer)
			}
		}
		if status, answer := b.status(t, http.MethodPut, "/api/v1/plans/P1", "{}"); status != http.StatusUnauthorized {
			t.Errorf("%s, a write when it is over: %d %s", what, status, answer)
		}
	}
	b, _, _ := s.login(t, "lan", password)
	first := *b.cookie
	answer := b.send(t, http.MethodPost, "/api/v1/session", `{"name":"lan","password":"`+password+`"}`) // logs in again in the same browser
	answer.Body.Close()
	for _, c := range answer.Cookies() {
		if c.Name == first.Name && c.Value == first.Value {
			t.Error("another login has the secret of before")
		}
	}
	if status, _ := b.status(t, http.MethodDelete, "/api/v1/session", ""); status != http.StatusNoContent {
		t.Errorf("logout: %d", status)
	}
	if status, _ := b.status(t, http.MethodGet, "/api/v1/meters", ""); status != http.StatusUnauthorized {
		t.Errorf("after logout: %d", status)
	}
}

func TestCookiesOfASessionStayWithTheBrowser(t *testing.T) {
	store := storetest.Open(t, timeseries.Postgres)
	for _, secure := range []bool{false, true} {
		s := serve(t, store, api.Options{SecureProxy: secure})
		if !secure {
			s.account(t, "lan", headend.Viewer)
		}
		b, _, _ := s.login(t, "lan", password)
		if c := b.cookie; c == nil || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure != secure || c.Domain != "" || c.Path != "/" {
			t.Errorf("behind TLS %v: %+v", secure, c)
		}
		answer := b.send(t, http.MethodDelete, "/api/v1/session", "")
		answer.Body.Close()
		if c := answer.Cookies(); len(c) != 1 || c[0].Value != "" || c[0].MaxAge >= 0 || c[0].Secure != secure || !c[0].HttpOnly {
			t.Errorf("logout: %+v", c)
		}
		if got := answer.Header.Get("Strict-Transport-Security") != ""; got != secure {
			t.Errorf("behind TLS %v: HSTS %v", secure, got)
		}
	}
}

// attacks are what somebody tries in place of any text.
var attacks = map[string]string{
	"SQL":       `' OR '1'='1'; DROP TABLE reading; -- \`,
	"path":      "../../../../etc/passwd",
	"header":    "\"><script>alert(1)</script>\r\nSet-Cookie: lastgasp_session=x",
	"NUL":       "a\x00b",
	"no UTF-8":  "\xff\xfe\xc0\xaf",
	"very long": strings.Repeat("A", 6000),
}

// Whatever stands in a parameter or in a text of a body is only text: never a fault, never a file, never another header.
func TestAttacksInEveryParameterAreOnlyText(t *testing.T) {
	store := storetest.Open(t, timeseries.Postgres)
	options, _ := joined(t, store)
	s := serve(t, store, options)
	s.outagesOfDistrict(t)
	s.account(t, "lan", headend.Administrator)
	b, _, _ := s.login(t, "lan", password)
	usual := map[string]string{"from": "2026-11-01", "to": "2026-11-20", "at": "2026-11-20", "usage_point": "U1", "since": "1", "month": "2026-10", "id": "M1", "name": "lan", "organisation": "D1", "number": "1", "delivery": "1", "kind": "cut", "token": "1"}
	try := func(what string, o *attacked, path, body string) {
		t.Helper()
		answer := b.send(t, o.method, path, body)
		defer answer.Body.Close()
		text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
		if err != nil {
			t.Fatal(err)
		}
		kind := answer.Header.Get("Content-Type")
		if answer.StatusCode >= 500 || strings.Contains(string(text), "root:") || strings.Contains(kind, "html") || len(answer.Header.Values("Set-Cookie")) > 0 && o.id != "logout" {
			t.Errorf("%s, %s %s %s: %d %s %v %.300s", o.id, what, path, body, answer.StatusCode, kind, answer.Header.Values("Set-Cookie"), text)
		}
	}
	tried := 0
	for _, o := range s.attackable(t) {
		if o.id == "logout" {
			continue
		}
		for name, attack := range attacks {
			for _, attackedOne := range o.parameters {
				if attackedOne.In != "path" && attackedOne.In != "query" {
					continue
				}
				path, query := o.path, url.Values{}
				for _, p := range o.parameters {
					value := usual[p.Name]
					if p.Name == attackedOne.Name && p.In == attackedOne.In {
						value = attack
					}
					switch {
					case p.In == "path":
						path = strings.Replace(path, "{"+p.Name+"}", url.PathEscape(value), 1)
					case p.In == "query" && (p.Required || p.Name == attackedOne.Name):
						query.Set(p.Name, value)
					}
				}
				if len(query) > 0 {
					path += "?" + query.Encode()
				}
				tried++
				try(name+" in "+attackedOne.Name, &o, path, bodyWith(t, o.body, "", ""))
			}
			if name == "NUL" || name == "no UTF-8" { // JSON writes them otherwise
				attack = "a\u0000b"
			}
			for field, value := range o.body {
				if _, text := value.(string); text && field != "password" && field != "new_password" {
					path := o.path
					for _, p := range o.parameters {
						path = strings.Replace(path, "{"+p.Name+"}", usual[p.Name], 1)
					}
					tried++
					try(name+" in body."+field, &o, path, bodyWith(t, o.body, field, attack))
				}
			}
		}
	}
	if tried < 600 {
		t.Errorf("only %d were tried", tried)
	}
	if n, err := store.Scalar(t.Context(), "SELECT count(*)::text FROM reading"); err != nil || n != "1" {
		t.Errorf("readings after all of it: %s %v", n, err)
	}
}

// bodyWith is an example with another value in one field; "" for no body.
func bodyWith(t *testing.T, example map[string]any, field, value string) string {
	t.Helper()
	if example == nil {
		return ""
	}
	body := map[string]any{}
	for k, v := range example {
		body[k] = v
	}
	if field != "" {
		body[field] = value
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A body that is too large is refused as such, whether it says how long it is or not.
func TestHugeBodiesAreRefusedEverywhere(t *testing.T) {
	s := everything(t)
	s.account(t, "lan", headend.Administrator)
	b, _, _ := s.login(t, "lan", password)
	huge := `{"note":"` + strings.Repeat("x", 100_000) + `"}`
	for _, o := range s.attackable(t) {
		if o.method == http.MethodGet || o.id == "logout" {
			continue
		}
		path := pathParameter.ReplaceAllString(o.path, "1")
		if status, answer := b.status(t, o.method, path, huge); status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %d %s", o.id, status, answer)
		}
		request, err := http.NewRequestWithContext(t.Context(), o.method, s.URL+path, io.MultiReader(strings.NewReader(huge))) // chunked
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-CSRF-Token", b.csrf)
		request.AddCookie(b.cookie)
		answer, err := s.Client().Do(request)
		if err != nil {
			t.Errorf("%s: %v", o.id, err)
			continue
		}
		answer.Body.Close()
		if o.body != nil && answer.StatusCode != http.StatusRequestEntityTooLarge || answer.StatusCode >= 500 {
			t.Errorf("%s, without its length: %d", o.id, answer.StatusCode)
		}
	}
}

// Who sends a request slowly is cut off, in the head and in the body; others are answered meanwhile.
func TestSlowClientsAreCutOff(t *testing.T) {
	store := storetest.Open(t, timeseries.Postgres)
	a, err := api.New(api.Options{Access: accesstest.Doors(t, store), Accounts: store, Listen: "127.0.0.1:0", Store: store, Outages: store})
	if err != nil {
		t.Fatal(err)
	}
	a.Hasten(500*time.Millisecond, time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	<-a.Started()
	for what, text := range map[string]string{
		"a head":        "GET /api/v1/meters HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
		"a first line":  "GET /api/v1/met",
		"a body":        "PUT /api/v1/plans/P1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 500\r\nAuthorization: Bearer " + accesstest.Token() + "\r\n\r\n{\"kind\":",
		"a chunked one": "PUT /api/v1/plans/P1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nAuthorization: Bearer " + accesstest.Token() + "\r\n\r\n8\r\n{\"kind\":\r\n",
	} {
		conn, err := net.Dial("tcp", a.Address())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(bufio.NewReader(conn)) // to the end of the connection, which the server makes
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			t.Errorf("who stops in the middle of %s is not cut off", what)
		}
		if strings.HasPrefix(string(answer), "HTTP/1.1 2") || strings.HasPrefix(string(answer), "HTTP/1.1 5") {
			t.Errorf("%s: %s", what, answer)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	other, err := accesstest.Client().Get("http://" + a.Address() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	other.Body.Close()
	if other.StatusCode != http.StatusOK {
		t.Errorf("others: %d", other.StatusCode)
	}
}

// No answer lets a page of another site read it, guess its type, or sends anybody elsewhere.
func TestAnswersAreForThisSiteAlone(t *testing.T) {
	s := everything(t)
	s.account(t, "lan", headend.Administrator)
	b, _, _ := s.login(t, "lan", password)
	look := func(method, path string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.URL.Opaque = path // as it is, not cleaned
		request.Header.Set("Origin", "https://evil.example")
		request.Header.Set("Access-Control-Request-Method", "DELETE")
		request.Header.Set("Access-Control-Request-Headers", "X-CSRF-Token")
		request.AddCookie(b.cookie)
		answer, err := (&http.Transport{}).RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		for name := range answer.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s %s: %s", method, path, name)
			}
		}
		if answer.Header.Get("X-Content-Type-Options") != "nosniff" || answer.Header.Get("Content-Type") == "" && answer.StatusCode != http.StatusNoContent && method != http.MethodHead && answer.ContentLength != 0 {
			t.Errorf("%s %s: %d %v", method, path, answer.StatusCode, answer.Header)
		}
		if to := answer.Header.Get("Location"); to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\`)) {
			t.Errorf("%s %s sends to %s", method, path, to)
		}
	}
	for _, r := range s.routes(t) {
		path := pathParameter.ReplaceAllString(r.path, "1")
		look(http.MethodOptions, path)
		if r.method == http.MethodGet && r.id != "follow-outages" {
			look(http.MethodGet, path)
		}
	}
	for _, path := range []string{"//evil.example/", "//evil.example/..", `/\evil.example`, "/%5cevil.example", "/%2f%2fevil.example/%2e%2e", "/api/v1//evil.example", "/?next=https://evil.example", "/login?next=//evil.example", "/.//evil.example/", "/api/v1/docs/..//..//evil.example"} {
		look(http.MethodGet, path)
	}
}
