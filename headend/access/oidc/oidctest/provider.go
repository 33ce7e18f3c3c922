// Package oidctest is a small identity provider over a real socket, for tests: discovery, authorization code with PKCE, a client
// that has to prove itself, tokens signed with a key of its own. It is strict about what the specification demands of a client, and
// can be told to misbehave where a client has to be strict about it.
package oidctest

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// ClientID is the one client that the provider knows, ClientSecret what it proves itself with.
const (
	ClientID     = "lastgasp"
	ClientSecret = "the client's own secret: 100 % : / +" // needs its form encoding in the header
)

// Provider is the identity provider. Change what it does with Set, while requests may run.
type Provider struct {
	*httptest.Server
	key *rsa.PrivateKey

	mu        sync.Mutex
	behaviour Behaviour
	codes     map[string]grant
	tokens    int // tokens given
}

// Behaviour is what it does.
type Behaviour struct {
	User      string                    // who logs in at it, without being asked; "" declines
	Redirects []string                  // addresses that it sends people back to
	Claims    func(map[string]any)      // changes the ID token before it is signed; nil for none
	Algorithm string                    // "" is RS256; none and HS256 are what no client may take
	Stranger  bool                      // signs with a key that it does not publish
	Methods   []string                  // of a client's proof; nil is not told
	Discovery func(map[string]any)      // changes the discovery document; nil for none
	Broken    func(http.ResponseWriter) // answers everything, where it is set
}

// grant is what a code stands for.
type grant struct{ redirect, challenge, nonce, user string }

// Start starts a provider that ends with the test, with a user who is logged in.
func Start(t testing.TB, user string, redirects ...string) *Provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &Provider{key: key, codes: map[string]grant{}, behaviour: Behaviour{User: user, Redirects: redirects}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b := p.is(); b.Broken != nil {
			b.Broken(w)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

// Issuer is what it calls itself.
func (p *Provider) Issuer() string { return p.URL }

// Set changes what it does.
func (p *Provider) Set(change func(b *Behaviour)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.behaviour)
}

func (p *Provider) is() Behaviour {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.behaviour
}

// Tokens is how many tokens it has given.
func (p *Provider) Tokens() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tokens
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	b := p.is()
	document := map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"RS256", "none", "HS256"}}
	if b.Methods != nil {
		document["token_endpoint_auth_methods_supported"] = b.Methods
	}
	if b.Discovery != nil {
		b.Discovery(document)
	}
	answer(w, http.StatusOK, document)
}

func answer(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(document); err != nil {
		panic(err) // net/http tells of it
	}
}

const keyID = "one"

func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"keys": []any{map[string]string{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": keyID,
		"n": encode(p.key.N.Bytes()), "e": encode(big.NewInt(int64(p.key.E)).Bytes())}}})
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// authorize sends the browser back with a code. What is wrong with a client or its address is told on the spot: nobody is sent to
// where the provider has not been told of.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	b, q := p.is(), r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || q.Get("client_id") != ClientID || !slices.Contains(b.Redirects, q.Get("redirect_uri")) {
		http.Error(w, fmt.Sprintf("unknown client %q or redirect_uri %q", q.Get("client_id"), q.Get("redirect_uri")), http.StatusBadRequest)
		return
	}
	say := url.Values{"state": {q.Get("state")}, "iss": {p.URL}}
	switch {
	case q.Get("response_type") != "code" || !slices.Contains(strings.Fields(q.Get("scope")), "openid"):
		say.Set("error", "invalid_request")
	case q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || q.Get("nonce") == "" || q.Get("state") == "":
		say.Set("error", "invalid_request")
		say.Set("error_description", "PKCE, nonce and state are needed")
	case b.User == "":
		say.Set("error", "access_denied")
		say.Set("error_description", "<b>no</b>")
	default:
		code := rand.Text()
		p.mu.Lock()
		p.codes[code] = grant{redirect: q.Get("redirect_uri"), challenge: q.Get("code_challenge"), nonce: q.Get("nonce"), user: b.User}
		p.mu.Unlock()
		say.Set("code", code)
	}
	back.RawQuery = say.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// token gives an ID token for a code, once, to the client that proves itself and that it was.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	b := p.is()
	if err := r.ParseForm(); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_request"})
		return
	}
	if !proves(r, b.Methods) {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	p.mu.Lock()
	g, known := p.codes[r.Form.Get("code")]
	delete(p.codes, r.Form.Get("code"))
	p.mu.Unlock()
	challenge := sha256.Sum256([]byte(r.Form.Get("code_verifier")))
	if !known || r.Form.Get("grant_type") != "authorization_code" || r.Form.Get("redirect_uri") != g.redirect || encode(challenge[:]) != g.challenge {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	now := time.Now()
	claims := map[string]any{"iss": p.URL, "sub": g.user, "aud": ClientID, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "nonce": g.nonce}
	if b.Claims != nil {
		b.Claims(claims)
	}
	signed, err := p.sign(b, claims)
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]string{"error": "server_error"})
		return
	}
	p.mu.Lock()
	p.tokens++
	p.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 300, "id_token": signed})
}

// proves tells whether a request is the client's own, by one of the methods.
func proves(r *http.Request, methods []string) bool {
	if methods == nil {
		methods = []string{"client_secret_basic"}
	}
	if name, secret, ok := r.BasicAuth(); ok {
		id, idErr := url.QueryUnescape(name) // RFC 6749, 2.3.1
		own, ownErr := url.QueryUnescape(secret)
		return idErr == nil && ownErr == nil && slices.Contains(methods, "client_secret_basic") && id == ClientID && own == ClientSecret
	}
	return slices.Contains(methods, "client_secret_post") && r.PostForm.Get("client_id") == ClientID && r.PostForm.Get("client_secret") == ClientSecret
}

func (p *Provider) sign(b Behaviour, claims map[string]any) (string, error) {
	algorithm := b.Algorithm
	if algorithm == "" {
		algorithm = "RS256"
	}
	head, err := json.Marshal(map[string]string{"alg": algorithm, "kid": keyID, "typ": "JWT"})
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	text := encode(head) + "." + encode(body)
	switch algorithm {
	case "none":
		return text + ".", nil
	case "HS256": // with what a client would hold if it took a public key, or its own secret, for one that both sides know
		mac := hmac.New(sha256.New, []byte(ClientSecret))
		mac.Write([]byte(text))
		return text + "." + encode(mac.Sum(nil)), nil
	}
	key := p.key
	if b.Stranger {
		if key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			return "", err
		}
	}
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	return text + "." + encode(signature), nil
}
