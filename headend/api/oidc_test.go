package api_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/access"
	"lastgasp/headend/access/accesstest"
	"lastgasp/headend/access/oidc"
	"lastgasp/headend/access/oidc/oidctest"
	"lastgasp/headend/api"
	"lastgasp/headend/console"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// sso is a head-end, and a provider through which people log in.
type sso struct {
	*server
	provider *oidctest.Provider
	secret   atomic.Value // of the head-end at the provider, a string
	ahead    atomic.Int64 // of the head-end's clock before the real one
	log      *logged
	visitors int
}

// logged keeps what a head-end logs.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

const callback = "/api/v1/session/oidc/callback"

func startSSO(t *testing.T) *sso {
	t.Helper()
	s := &sso{provider: oidctest.Start(t, "lan-7"), log: &logged{}}
	s.secret.Store(oidctest.ClientSecret)
	store := storetest.Open(t, timeseries.Postgres)
	now := func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }
	way := oidc.New(oidc.Config{Issuer: s.provider.Issuer(), ClientID: oidctest.ClientID, Name: "EVN SSO", Now: now, Secret: func() (string, error) { return s.secret.Load().(string), nil }},
		access.New(store, access.Options{Cost: accesstest.Cost, Now: now}))
	t.Cleanup(way.Close)
	pages, err := console.New()
	if err != nil {
		t.Fatal(err)
	}
	s.server = serve(t, store, api.Options{Console: pages, Provider: way, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Log: slog.New(slog.NewTextHandler(s.log, nil))})
	s.provider.Set(func(b *oidctest.Behaviour) { b.Redirects = []string{s.URL + callback} })
	s.account(t, "lan", headend.Operator)
	s.bind(t, "lan", s.provider.Issuer()+"#lan-7", http.StatusOK)
	return s
}

// bind binds an account over the API, as an administrator who has logged in.
func (s *sso) bind(t *testing.T, name, subject string, want int) string {
	t.Helper()
	if _, err := s.store.Account(t.Context(), "chief"); err != nil {
		s.account(t, "chief", headend.Administrator)
	}
	b, status, _ := s.login(t, "chief", password)
	if status != http.StatusOK {
		t.Fatal("the administrator is not let in: ", status)
	}
	body, err := json.Marshal(map[string]string{"subject": subject})
	if err != nil {
		t.Fatal(err)
	}
	got, text := b.status(t, http.MethodPatch, "/api/v1/users/"+name, string(body))
	if got != want {
		t.Errorf("bind %s to %q: %d %s, want %d", name, subject, got, text, want)
	}
	return text
}

// visitor is a browser of its own: it keeps cookies, and stops at each redirect.
type visitor struct {
	t       *testing.T
	client  *http.Client
	address string
}

// visitor comes from an address of its own, so that limits of one do not meet the others.
func (s *sso) visitor(t *testing.T) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{} // not the one of these tests, which lets everybody in
	t.Cleanup(transport.CloseIdleConnections)
	s.visitors++
	return &visitor{t: t, address: fmt.Sprintf("203.0.113.%d", s.visitors), client: &http.Client{Jar: jar, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// opens asks for a page; the answer's body is returned beside it.
func (v *visitor) opens(address string, headers ...string) (*http.Response, string) {
	v.t.Helper()
	request, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	request.Header.Set("Accept", "text/html,application/xhtml+xml")
	request.Header.Set("X-Forwarded-For", v.address)
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := v.client.Do(request)
	if err != nil {
		v.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer, string(text)
}

// leaves begins a login and returns the address at which the provider sends the browser back.
func (s *sso) leaves(v *visitor, to string) string {
	v.t.Helper()
	answer, text := v.opens(s.URL + "/api/v1/session/oidc?to=" + url.QueryEscape(to))
	if answer.StatusCode != http.StatusSeeOther || !strings.HasPrefix(answer.Header.Get("Location"), s.provider.URL+"/authorize?") {
		v.t.Fatalf("begin: %s %s %s", answer.Status, answer.Header.Get("Location"), text)
	}
	answer, text = v.opens(answer.Header.Get("Location"))
	if answer.StatusCode != http.StatusFound {
		v.t.Fatalf("provider: %s %s", answer.Status, text)
	}
	return answer.Header.Get("Location")
}

func (v *visitor) cookie(address, name string) string {
	u, err := url.Parse(address)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, c := range v.client.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// changed is an address with a parameter of its query changed; "" takes it away.
func changed(address, name, value string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	q := u.Query()
	q.Set(name, value)
	if value == "" {
		q.Del(name)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

func TestALoginThroughAProvider(t *testing.T) {
	s := startSSO(t)
	v := s.visitor(t)
	if _, text := v.opens(s.URL + "/api/v1/session/options"); !strings.Contains(text, `"oidc":true,"oidc_url":"/api/v1/session/oidc","oidc_name":"EVN SSO"`) {
		t.Errorf("ways to log in: %s", text)
	}
	answer, _ := v.opens(s.URL + "/api/v1/session/oidc")
	if cookies := answer.Cookies(); len(cookies) != 1 || cookies[0].Name != "lastgasp_login" || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteLaxMode ||
		cookies[0].Path != "/api/v1/session/oidc" || time.Until(cookies[0].Expires) > 11*time.Minute {
		t.Errorf("cookies of the way there: %+v", cookies)
	}
	asked, err := url.Parse(answer.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	if q := asked.Query(); q.Get("code_challenge_method") != "S256" || q.Get("scope") != "openid" || q.Get("redirect_uri") != s.URL+callback || q.Has("client_secret") || q.Has("code_verifier") {
		t.Errorf("asked for %v", q)
	}

	back := s.leaves(v, "/outages?state=open#17")
	answer, text := v.opens(back)
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/outages?state=open#17" {
		t.Fatalf("back: %s %s %s", answer.Status, answer.Header.Get("Location"), text)
	}
	var opened *http.Cookie
	for _, c := range answer.Cookies() {
		switch {
		case c.Name == "lastgasp_session":
			opened = c
		case c.Name != "lastgasp_login" || c.MaxAge >= 0:
			t.Errorf("cookie %+v", c)
		}
	}
	if opened == nil || !opened.HttpOnly || opened.SameSite != http.SameSiteStrictMode || opened.Path != "/" || len(opened.Value) != 43 || !opened.Expires.After(time.Now()) {
		t.Fatalf("session %+v", opened)
	}
	b := &browser{s: s.server, cookie: opened}
	status, text := b.status(t, http.MethodGet, "/api/v1/session", "")
	var session api.Session
	if err := json.Unmarshal([]byte(text), &session); err != nil || status != 200 || session.User.Name != "lan" || session.User.Role != "operator" {
		t.Fatalf("%d %s %v", status, text, err)
	}
	if status, _ := b.status(t, http.MethodPatch, "/api/v1/session", `{"language":"en"}`); status != 403 {
		t.Errorf("a change without the page's proof: %d", status)
	}
	b.csrf = session.CSRF
	if status, text := b.status(t, http.MethodPatch, "/api/v1/session", `{"language":"en"}`); status != 200 {
		t.Errorf("a change with it: %d %s", status, text)
	}

	// Carried out it is over: for the browser, which has no cookie of it any more, and for whoever kept that cookie.
	if answer, text := v.opens(back); answer.StatusCode != 400 || !strings.Contains(text, "did not begin in this browser") {
		t.Errorf("the same once more: %s %s", answer.Status, text)
	}
	twice := s.visitor(t)
	back = s.leaves(twice, "")
	kept := twice.cookie(back, "lastgasp_login")
	if answer, _ := twice.opens(back); answer.Header.Get("Location") != "/" {
		t.Errorf("without a path it leads to %q", answer.Header.Get("Location"))
	}
	if answer, text := s.visitor(t).opens(back, "Cookie", "lastgasp_login="+kept); answer.StatusCode != 400 || !strings.Contains(text, "used already") {
		t.Errorf("with the cookie that was kept: %s %s", answer.Status, text)
	}

	// Bound to another subject, or to none, the account is out at once.
	s.bind(t, "lan", "", http.StatusOK)
	if status, _ := b.status(t, http.MethodGet, "/api/v1/session", ""); status != 401 {
		t.Errorf("the session of a subject that is bound no more: %d", status)
	}
	s.account(t, "mai", headend.Viewer)
	s.bind(t, "mai", s.provider.Issuer()+"#lan-7", http.StatusOK)
	if text := s.bind(t, "lan", s.provider.Issuer()+"#lan-7", http.StatusConflict); !strings.Contains(text, "subject") {
		t.Errorf("a subject that is taken: %s", text)
	}
	s.bind(t, "lan", "lan-7", http.StatusUnprocessableEntity)

	status, _, trail := s.ask(t, http.MethodGet, "/api/v1/audit?what=end-provider-login")
	if status != 200 || strings.Count(string(trail), `"who":"lan","role":"operator"`) != 2 || strings.Count(string(trail), `"number"`) != 2 {
		t.Errorf("the trail: %d %s", status, trail)
	}
	code, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	for what, secret := range map[string]string{"code": code.Query().Get("code"), "cookie": kept, "session": opened.Value, "client secret": oidctest.ClientSecret} {
		if secret == "" || strings.Contains(string(trail)+s.log.String(), secret) {
			t.Errorf("the %s %q stands in the trail or the log", what, secret)
		}
	}
}

// Everything that must let nobody in: what the provider does, and what becomes of the address at which the browser comes back.
func TestNobodyIsLetInByWhatProvesNothing(t *testing.T) {
	s := startSSO(t)
	claim := func(name string, value any) func(*oidctest.Behaviour) {
		return func(b *oidctest.Behaviour) { b.Claims = func(c map[string]any) { c[name] = value } }
	}
	all := func(changes ...func(*oidctest.Behaviour)) func(*oidctest.Behaviour) {
		return func(b *oidctest.Behaviour) {
			for _, change := range changes {
				change(b)
			}
		}
	}
	algorithm := func(name string) func(*oidctest.Behaviour) {
		return func(b *oidctest.Behaviour) { b.Algorithm = name }
	}
	s.account(t, "off", headend.Viewer)
	s.bind(t, "off", s.provider.Issuer()+"#off-1", http.StatusOK)
	off, err := s.store.Account(t.Context(), "off")
	if err != nil {
		t.Fatal(err)
	}
	off.Disabled = time.Now()
	if err := s.store.ChangeAccount(t.Context(), off); err != nil {
		t.Fatal(err)
	}
	// Another visitor's code that is good still, and one that was used.
	foreign, err := url.Parse(s.leaves(s.visitor(t), ""))
	if err != nil {
		t.Fatal(err)
	}
	used := s.visitor(t)
	spent := s.leaves(used, "")
	if answer, text := used.opens(spent); answer.StatusCode != http.StatusSeeOther {
		t.Fatalf("a good login: %s %s", answer.Status, text)
	}
	spentAt, err := url.Parse(spent)
	if err != nil {
		t.Fatal(err)
	}
	sessions := func() string {
		t.Helper()
		n, err := s.store.Scalar(t.Context(), "SELECT (SELECT count(*) FROM session WHERE account IN (SELECT number FROM account WHERE name <> 'chief')) || ' sessions, ' || (SELECT count(*) FROM account) || ' accounts'")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := sessions()
	for name, c := range map[string]struct {
		does   func(*oidctest.Behaviour)
		back   func(address string) string
		status int
		words  string
	}{
		"wrong state":           {nil, func(a string) string { return changed(a, "state", "x"+foreign.Query().Get("state")[1:]) }, 400, "did not begin"},
		"state of another":      {nil, func(a string) string { return changed(a, "state", foreign.Query().Get("state")) }, 400, "did not begin"},
		"no state":              {nil, func(a string) string { return changed(a, "state", "") }, 400, "did not begin"},
		"no code":               {nil, func(a string) string { return changed(a, "code", "") }, 403, "proves nothing"},
		"made up code":          {nil, func(a string) string { return changed(a, "code", "guess") }, 403, "proves nothing"},
		"code that was used":    {nil, func(a string) string { return changed(a, "code", spentAt.Query().Get("code")) }, 403, "proves nothing"},
		"code of another":       {nil, func(a string) string { return changed(a, "code", foreign.Query().Get("code")) }, 403, "proves nothing"}, // PKCE
		"answer of another":     {nil, func(a string) string { return changed(a, "iss", "https://other.example.com") }, 403, "proves nothing"},
		"wrong nonce":           {claim("nonce", "of another login"), nil, 403, "proves nothing"},
		"no nonce":              {claim("nonce", nil), nil, 403, "proves nothing"},
		"wrong audience":        {claim("aud", "billing"), nil, 403, "proves nothing"},
		"audience of several":   {claim("aud", []string{oidctest.ClientID, "billing"}), nil, 403, "proves nothing"},
		"made for another":      {all(claim("azp", "billing")), nil, 403, "proves nothing"},
		"wrong issuer":          {claim("iss", "https://other.example.com"), nil, 403, "proves nothing"},
		"expired":               {claim("exp", time.Now().Add(-time.Minute).Unix()), nil, 403, "proves nothing"},
		"no end":                {claim("exp", nil), nil, 403, "proves nothing"},
		"no subject":            {claim("sub", ""), nil, 403, "proves nothing"},
		"unprintable subject":   {claim("sub", "lan\u202e7"), nil, 403, "proves nothing"},
		"algorithm none":        {algorithm("none"), nil, 403, "proves nothing"},
		"key that both know":    {algorithm("HS256"), nil, 403, "proves nothing"},
		"key of a stranger":     {func(b *oidctest.Behaviour) { b.Stranger = true }, nil, 403, "proves nothing"},
		"declined":              {func(b *oidctest.Behaviour) { b.User = "" }, nil, 403, "declines"},
		"unknown subject":       {func(b *oidctest.Behaviour) { b.User = "<b>eve</b>" }, nil, 403, html.EscapeString(s.provider.Issuer() + "#<b>eve</b>")},
		"subject in other case": {func(b *oidctest.Behaviour) { b.User = "LAN-7" }, nil, 403, "No account is bound"},
		"disabled account":      {func(b *oidctest.Behaviour) { b.User = "off-1" }, nil, 403, "The account is disabled"},
	} {
		t.Run(name, func(t *testing.T) {
			v := s.visitor(t)
			if c.does != nil {
				s.provider.Set(c.does)
				defer s.provider.Set(func(b *oidctest.Behaviour) { *b = oidctest.Behaviour{User: "lan-7", Redirects: b.Redirects} })
			}
			back := s.leaves(v, "/outages")
			if c.back != nil {
				back = c.back(back)
			}
			answer, text := v.opens(back)
			if answer.StatusCode != c.status || !strings.Contains(text, c.words) || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" {
				t.Errorf("%s %s, want %d and %q", answer.Status, text, c.status, c.words)
			}
			if v.cookie(s.URL, "lastgasp_session") != "" || sessions() != before {
				t.Errorf("%s, there were %s", sessions(), before)
			}
			if strings.Contains(text, "<b>") {
				t.Errorf("the page repeats what others say as it is: %s", text)
			}
		})
	}
	// What a page of somebody else does to the address leaves the login under way here.
	v := s.visitor(t)
	back := s.leaves(v, "")
	if answer, _ := v.opens(s.URL + callback + "?state=x&code=y"); answer.StatusCode != 400 {
		t.Errorf("what did not begin here: %s", answer.Status)
	}
	if answer, text := v.opens(back); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("the login under way: %s %s", answer.Status, text)
	}
	// A program gets a problem.
	if answer, text := s.visitor(t).opens(s.URL+callback+"?state=x&code=y", "Accept", "application/json"); answer.StatusCode != 400 || answer.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s %s", answer.Status, text)
	}
	if log := s.log.String(); !strings.Contains(log, "its nonce differs") || strings.Contains(log, foreign.Query().Get("code")) || strings.Contains(log, spentAt.Query().Get("code")) {
		t.Errorf("the log tells too little or too much:\n%s", log)
	}
}

func TestALoginLeadsNowhereElse(t *testing.T) {
	s := startSSO(t)
	for _, to := range []string{"https://evil.example.com", "//evil.example.com", "/\\evil.example.com", "\\\\evil", "/%2Fevil.example.com", "javascript:alert(1)", "evil", " /outages",
		"/outages\r\nSet-Cookie: x=y", "/api/v1/readings", "https:/outages", "/" + strings.Repeat("x", 600)} {
		if answer, text := s.visitor(t).opens(s.URL + "/api/v1/session/oidc?to=" + url.QueryEscape(to)); answer.StatusCode != http.StatusUnprocessableEntity || len(answer.Cookies()) > 0 {
			t.Errorf("to=%q: %s %s %s", to, answer.Status, answer.Header.Get("Location"), text)
		}
	}
	v := s.visitor(t)
	back := s.leaves(v, "/outages")
	secret, _, _ := strings.Cut(v.cookie(back, "lastgasp_login"), ".")
	answer, text := s.visitor(t).opens(back, "Cookie", "lastgasp_login="+secret+"."+base64.RawURLEncoding.EncodeToString([]byte("//evil.example.com")))
	if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/" {
		t.Errorf("a cookie that leads elsewhere: %s %s %s", answer.Status, answer.Header.Get("Location"), text)
	}
	if answer, text := s.visitor(t).opens(s.URL+"/api/v1/session/oidc", "Host", "evil.example.com"); strings.Contains(answer.Header.Get("Location"), "evil") {
		t.Errorf("asked by a name that is not its own: %s %s", answer.Status, text)
	}
}

func TestALoginThroughAProviderIsOverInTime(t *testing.T) {
	s := startSSO(t)
	v := s.visitor(t)
	back := s.leaves(v, "")
	s.ahead.Store(int64(10*time.Minute + time.Second))
	if answer, text := v.opens(back); answer.StatusCode != 400 || !strings.Contains(text, "ten minutes") {
		t.Errorf("after ten minutes: %s %s", answer.Status, text)
	}
	s.ahead.Store(0)
	for i := 0; ; i++ {
		answer, _ := v.opens(s.URL + "/api/v1/session/oidc")
		if answer.StatusCode == http.StatusTooManyRequests {
			break
		}
		if answer.StatusCode != http.StatusSeeOther || i > 40 {
			t.Fatalf("login %d of one address: %s", i, answer.Status)
		}
	}
}

// A provider that is away, or answers rubbish, costs its own logins alone.
func TestAProviderThatIsAway(t *testing.T) {
	s := startSSO(t)
	for name, broken := range map[string]func(http.ResponseWriter){
		"fails":  func(w http.ResponseWriter) { http.Error(w, strings.Repeat("sorry ", 1000), http.StatusBadGateway) },
		"talks":  func(w http.ResponseWriter) { fmt.Fprint(w, "<html>welcome") },
		"floods": func(w http.ResponseWriter) { _, _ = w.Write(bytes.Repeat([]byte(" "), 4<<20)) }, // nobody reads the end of it
		"leads elsewhere": func(w http.ResponseWriter) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(http.StatusFound)
		},
	} {
		s.provider.Set(func(b *oidctest.Behaviour) { b.Broken = broken })
		answer, text := s.visitor(t).opens(s.URL + "/api/v1/session/oidc")
		if answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(text, "Log in with name and password") || len(answer.Cookies()) > 0 {
			t.Errorf("it %s: %s %s", name, answer.Status, text)
		}
		s.ahead.Add(int64(6 * time.Second)) // it was left in peace meanwhile
	}
	if _, status, _ := s.login(t, "lan", password); status != http.StatusOK {
		t.Errorf("a password lets nobody in meanwhile: %d", status)
	}
	for name, wrong := range map[string]func(map[string]any){
		"calls itself otherwise": func(d map[string]any) { d["issuer"] = "https://other.example.com" },
		"has no endpoint":        func(d map[string]any) { d["token_endpoint"] = "" },
		"wants another proof":    func(d map[string]any) { d["token_endpoint_auth_methods_supported"] = []string{"private_key_jwt"} },
	} {
		s.provider.Set(func(b *oidctest.Behaviour) { b.Broken, b.Discovery = nil, wrong })
		if answer, text := s.visitor(t).opens(s.URL + "/api/v1/session/oidc"); answer.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("it %s: %s %s", name, answer.Status, text)
		}
		s.ahead.Add(int64(6 * time.Second))
	}
	s.provider.Set(func(b *oidctest.Behaviour) { b.Discovery = nil })
	v := s.visitor(t)
	if answer, text := v.opens(s.leaves(v, "")); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("it is back: %s %s", answer.Status, text)
	}
	// It goes away between the two halves; what it said of itself before holds for others.
	back := s.leaves(v, "")
	s.provider.Set(func(b *oidctest.Behaviour) {
		b.Broken = func(w http.ResponseWriter) { http.Error(w, back, http.StatusBadGateway) }
	})
	if answer, text := v.opens(back); answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("it went away meanwhile: %s %s", answer.Status, text)
	}
	s.provider.Set(func(b *oidctest.Behaviour) { b.Broken = nil })
	s.secret.Store("of former days")
	if answer, text := v.opens(s.leaves(v, "")); answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("with a wrong secret of the client: %s %s", answer.Status, text)
	}
	s.secret.Store(oidctest.ClientSecret)
	s.provider.Set(func(b *oidctest.Behaviour) { b.Methods = []string{"client_secret_post"} })
	s.ahead.Add(int64(2 * time.Hour)) // its discovery document is read again
	tokenInTime := func(b *oidctest.Behaviour) {
		b.Claims = func(c map[string]any) { c["exp"] = time.Now().Add(24 * time.Hour).Unix() }
	}
	s.provider.Set(tokenInTime)
	if answer, text := v.opens(s.leaves(v, "")); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("a provider that wants the secret in the body: %s %s", answer.Status, text)
	}
	log := s.log.String()
	for _, words := range []string{"502 Bad Gateway", "calls itself", "invalid_client"} {
		if !strings.Contains(log, words) {
			t.Errorf("the log does not say %q:\n%s", words, log)
		}
	}
	code, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(log, code.Query().Get("code")) || strings.Contains(log, "of former days") {
		t.Errorf("a secret stands in the log:\n%s", log)
	}
}

// A real browser, which the provider's site is another one to: cookies that keep to one site have to come through all the same.
func TestABrowserComesBackFromAProvider(t *testing.T) {
	scripts, err := filepath.Abs("../console/browser")
	if err != nil {
		t.Fatal(err)
	}
	node, nodeErr := exec.LookPath("node")
	chromium, chromiumErr := exec.LookPath("chromium")
	_, packageErr := os.Stat(filepath.Join(scripts, "node_modules", "playwright-core", "package.json"))
	if err := errors.Join(nodeErr, chromiumErr, packageErr); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("make packages-test installs what is missing: %v", err)
		}
		t.Skipf("make packages-test installs what is missing: %v", err)
	}
	s := startSSO(t)
	base := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	s.provider.Set(func(b *oidctest.Behaviour) { b.Redirects = []string{base + callback} })
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	script := exec.CommandContext(ctx, node, "provider.mjs")
	script.Dir, script.Env = scripts, append(os.Environ(), "BASE="+base, "NAME=EVN SSO", "CHROMIUM="+chromium)
	out, err := script.CombinedOutput()
	if t.Logf("%s", out); err != nil {
		t.Fatal(err)
	}
}
