package oidc

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	coreos "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"lastgasp/headend"
)

// Bounds of what a provider may take.
const (
	longestRequest = 10 * time.Second
	largestAnswer  = 1 << 20 // bytes
	knownFor       = time.Hour
	leftInPeace    = 5 * time.Second // after a failure
)

// Config names a provider and what this program is there.
type Config struct {
	Issuer   string                 // exactly as the discovery document and the tokens have it
	ClientID string                 // of this program
	Secret   func() (string, error) // of this program; asked for each login, so that it can be changed
	Name     string                 // as people know the provider; "" is the host of the issuer
	Now      func() time.Time       // nil is time.Now
}

// Check tells what is wrong with an issuer.
func Check(issuer string) error {
	u, err := url.Parse(issuer)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%q is not an address such as https://sso.example.com/realms/company", issuer)
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.Contains(issuer, "#"):
		return fmt.Errorf("%q has a name, a query or a fragment, which an issuer has not", issuer)
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return fmt.Errorf("%q is reached in the clear; use https://", issuer)
	}
	return nil
}

func isLoopback(host string) bool { return host == "127.0.0.1" || host == "::1" || host == "localhost" }

// Provider lets people in through an identity provider. It starts nothing.
type Provider struct {
	config Config
	doors  Doors
	client *http.Client

	mu     sync.Mutex
	known  *known // nil before it was first read
	failed error  // of the last try to read it
	tried  time.Time
}

// known is what a provider says of itself.
type known struct {
	at       time.Time
	endpoint oauth2.Endpoint
	verifier *coreos.IDTokenVerifier
}

// New makes a provider, after Check.
func New(config Config, doors Doors) *Provider {
	if config.Now == nil {
		config.Now = time.Now
	}
	if u, err := url.Parse(config.Issuer); err == nil {
		config.Name = cmp.Or(config.Name, u.Hostname())
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		MaxIdleConns: 2, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true}
	return &Provider{config: config, doors: doors, client: &http.Client{Timeout: longestRequest, Transport: bounded{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}} // no secret goes to where it was not meant for
}

// Name is what people know the provider as.
func (p *Provider) Name() string { return p.config.Name }

// bounded cuts answers off that are too large.
type bounded struct{ next *http.Transport }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(r)
	if err == nil {
		answer.Body = &boundedBody{Reader: io.LimitReader(answer.Body, largestAnswer), Closer: answer.Body}
	}
	return answer, err
}

// CloseIdleConnections is what http.Client asks for.
func (b bounded) CloseIdleConnections() { b.next.CloseIdleConnections() }

type boundedBody struct {
	io.Reader
	io.Closer
}

// Close closes connections to the provider that wait for a next request.
func (p *Provider) Close() { p.client.CloseIdleConnections() }

// Ready asks the provider for its discovery document, and returns why it cannot be used.
func (p *Provider) Ready(ctx context.Context) error {
	_, err := p.discover(ctx)
	return err
}

// provider is what the provider says of itself. Where it does not answer, what it said before holds.
func (p *Provider) provider(ctx context.Context) (*known, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.config.Now()
	if p.known != nil && now.Sub(p.known.at) < knownFor {
		return p.known, nil
	}
	if now.Sub(p.tried) >= leftInPeace {
		found, err := p.discover(context.WithoutCancel(ctx)) // for all who wait, whoever goes
		p.tried, p.failed = p.config.Now(), err
		if err == nil {
			p.known = found
		}
	}
	if p.known == nil {
		return nil, p.failed
	}
	return p.known, nil
}

// discover reads the discovery document.
func (p *Provider) discover(ctx context.Context) (*known, error) {
	ctx = coreos.ClientContext(ctx, p.client)
	found, err := coreos.NewProvider(ctx, p.config.Issuer)
	if err != nil {
		return nil, clipped(err)
	}
	var more struct {
		Keys    string   `json:"jwks_uri"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := found.Claims(&more); err != nil {
		return nil, clipped(err)
	}
	endpoint := found.Endpoint()
	for what, address := range map[string]string{"authorization_endpoint": endpoint.AuthURL, "token_endpoint": endpoint.TokenURL, "jwks_uri": more.Keys} {
		if err := p.checkEndpoint(address); err != nil {
			return nil, fmt.Errorf("%s of its discovery document: %w", what, err)
		}
	}
	switch { // absent it is client_secret_basic (OpenID Connect Discovery 1.0, 3)
	case len(more.Methods) == 0, slices.Contains(more.Methods, "client_secret_basic"):
		endpoint.AuthStyle = oauth2.AuthStyleInHeader
	case slices.Contains(more.Methods, "client_secret_post"):
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	default:
		return nil, fmt.Errorf("it takes a client's proof as %s alone; client_secret_basic or client_secret_post is needed", strings.Join(more.Methods, ", "))
	}
	return &known{at: p.config.Now(), endpoint: endpoint,
		verifier: found.Verifier(&coreos.Config{ClientID: p.config.ClientID, Now: p.config.Now})}, nil
}

// checkEndpoint: an endpoint is as safe as the issuer.
func (p *Provider) checkEndpoint(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || strings.HasPrefix(p.config.Issuer, "https:")) {
		return fmt.Errorf("%q cannot be used", clip(address))
	}
	return nil
}

// clipped is an error without the page that somebody else has answered with.
func clipped(err error) error {
	var mismatch *coreos.IssuerMismatchError
	if errors.As(err, &mismatch) {
		return fmt.Errorf("it calls itself %q; the issuer has to be written exactly so", clip(mismatch.Discovered))
	}
	if text := err.Error(); len(text) > longestCause {
		return errors.New(clip(text))
	}
	return err
}

const longestCause = 300

// clip is a text of others as a log may repeat it.
func clip(text string) string {
	if len(text) > longestCause {
		text = text[:longestCause] + "…"
	}
	return strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text), "?")
}

func away(err error) error { return &headend.LoginRefused{Fault: headend.LoginAway, Cause: err} }
