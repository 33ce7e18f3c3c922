package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Options say what the API answers with and where.
type Options struct {
	Listen      string   // host:port
	Certificate string   // PEM file; "" serves without TLS
	Key         string   // PEM file
	Hosts       []string // names it is asked by, beside loopback and the host of Listen; others are refused

	Access      Access         // lets people and programs in
	Accounts    Accounts       // nil: users, tokens and the audit trail are not shown, and there is no trail
	Trail       Trail          // nil: the audit trail is neither verified nor exported
	Proxies     []netip.Prefix // whose X-Forwarded-For is believed
	SecureProxy bool           // browsers come over TLS though this serves without: cookies say so

	Provider IdentityProvider // nil: nobody comes in through one

	Store        Store
	Outages      Outages       // nil: it knows of no outages, interruptions and plans
	Window       time.Duration // how long after its end the detector still cuts and joins an outage; 0: for ever
	Books        Books         // nil: it knows of no reliability reports
	Exports      Exports       // nil: readings are only had meter by meter
	Billing      Billing       // nil: it knows of no billing
	Webhooks     Webhooks      // nil: it tells no other systems; WebhookRules with it
	WebhookRules WebhookRules
	Requests     Requests // nil: Idempotency-Key is not heeded; Sealer with it
	Sealer       Sealer
	Checks       []Check              // what has to be in order for /readyz
	Replayer     Replayer             // nil: quarantined messages cannot be replayed
	Console      Console              // the pages for operators; nil: there are none
	Metrics      *prometheus.Registry // shown at /metrics; nil for none
	Zone         *time.Location       // dates without a time are midnights here; nil is UTC

	QuestionTimeout time.Duration    // longest a question may take; 0 is 30 s
	Questions       int              // at once, others wait; 0 is 6
	ExportsAtOnce   int              // others are refused until one has ended; 0 is 4
	ExportPatience  time.Duration    // a client that has not taken a piece of an export for so long is cut off; 0 is 30 s
	Now             func() time.Time // what sessions, tokens and lock-outs go by; nil is time.Now
	Log             *slog.Logger     // nil is slog.Default()
}

// Check is one thing that has to be in order for the head-end to be ready.
type Check struct {
	Name  string
	Ready func(ctx context.Context) error // nil, or why it is not
}

// API is the HTTP server. Run starts it.
type API struct {
	options   Options
	handler   http.Handler
	questions chan struct{} // a place for each question that may be asked at once
	exports   chan struct{} // a place for each export that may be made at once
	pulling   chan struct{} // and for each pull for billing
	names     names
	stream    *stream
	slowest   slowest
	started   chan struct{}
	address   string // known once started is closed
}

// slowest is how long a client may take to send a request: who is slower is cut off, and keeps no connection from others.
type slowest struct{ header, request time.Duration }

// New makes the server. It returns an error when the certificate cannot be read, and without Access.
func New(options Options) (*API, error) {
	if options.Access == nil {
		return nil, errors.New("http: nobody decides who is let in")
	}
	if options.Zone == nil {
		options.Zone = time.UTC
	}
	if options.QuestionTimeout == 0 {
		options.QuestionTimeout = 30 * time.Second
	}
	if options.Questions == 0 {
		options.Questions = 6
	}
	if options.ExportsAtOnce == 0 {
		options.ExportsAtOnce = 4
	}
	if options.ExportPatience == 0 {
		options.ExportPatience = 30 * time.Second
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Log == nil {
		options.Log = slog.Default()
	}
	if options.Certificate != "" {
		if _, err := tls.LoadX509KeyPair(options.Certificate, options.Key); err != nil {
			return nil, fmt.Errorf("http: certificate %s with key %s: %w", options.Certificate, options.Key, err)
		}
	}
	a := &API{options: options, questions: make(chan struct{}, options.Questions), exports: make(chan struct{}, options.ExportsAtOnce), names: names{registry: options.Store}, stream: newStream(), slowest: slowest{header: 10 * time.Second, request: 30 * time.Second}, started: make(chan struct{}), pulling: make(chan struct{}, pullsAtOnce)}
	mux := http.NewServeMux()
	described := humago.New(mux, describe())
	a.operations(described)
	if options.Billing != nil {
		a.pulls(described, mux)
	}
	describeOnce(described.OpenAPI())
	describeExamples(described.OpenAPI())
	a.serveReference(mux, described.OpenAPI())
	if options.Provider != nil {
		mux.HandleFunc("GET /api/v1/session/oidc", a.beginProviderLogin)
		mux.HandleFunc("GET /api/v1/session/oidc/callback", a.endProviderLogin)
	}
	if options.Outages != nil {
		mux.HandleFunc("GET /api/v1/stream", a.follow)
	}
	if options.Exports != nil {
		mux.HandleFunc("GET /api/v1/readings", a.export)
	}
	if options.Trail != nil {
		mux.HandleFunc("GET /api/v1/audit/export", a.exportTrail)
	}
	mux.HandleFunc("GET /healthz", a.healthz)
	mux.HandleFunc("GET /readyz", a.readyz)
	if options.Metrics != nil {
		mux.Handle("GET /metrics", promhttp.HandlerFor(options.Metrics, promhttp.HandlerOpts{Registry: options.Metrics}))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { a.nothingThere(mux, w, r) })
	handler, err := a.guard(a.gate(mux, described.OpenAPI()))
	if err != nil {
		return nil, err
	}
	a.handler = handler
	return a, nil
}

// describe is the head of the OpenAPI document.
func describe() huma.Config {
	config := huma.DefaultConfig("Lastgasp", "1")
	config.Info.Description = "Readings, registry, events, outages, interruptions and quarantine of a head-end for smart meters. " +
		"Times are RFC 3339 (or dates, in the utility's zone), ranges are half-open: from ≤ time < to. " +
		"Energy registers are whole Wh or varh, cumulative; other quantities are V, A, W, var, VA, Hz. " +
		"Lists are pages: pass next as cursor for the page that follows, with the same filters."
	config.OpenAPIPath = "/api/v1/openapi"
	config.DocsPath = "" // its page would load scripts from elsewhere
	config.SchemasPath = ""
	config.CreateHooks = nil // no $schema in answers
	config.RejectUnknownQueryParameters = true
	return config
}

// operations lists the resources.
func (a *API) operations(h huma.API) {
	h.UseMiddleware(a.refuseUnreadable(h), a.askInTurn(h), a.once(h))
	a.registerSession(h)
	if a.options.Provider != nil {
		describeProvider(h)
	}
	if a.options.Accounts != nil {
		a.registerAccounts(h)
	}
	if a.options.Trail != nil {
		a.registerTrail(h)
	}
	a.registerDevices(h)
	a.registerReadings(h)
	a.registerPlaces(h)
	a.registerSupply(h)
	a.registerField(h)
	a.registerSeries(h)
	a.registerEnergy(h)
	a.registerEvents(h)
	a.registerQuarantine(h)
	if a.options.Exports != nil {
		describeExports(h, a.options.Exports.Formats())
	}
	if a.options.Books != nil {
		a.registerReliability(h)
	}
	if a.options.Billing != nil {
		a.registerBilling(h)
	}
	if a.options.Webhooks != nil {
		a.registerWebhooks(h)
	}
	if a.options.Outages != nil {
		a.registerOutages(h)
		a.registerDecisions(h)
		a.registerInterruptions(h)
		a.registerPlans(h)
		describeStream(h)
	}
}

// Handler answers requests; for tests and other servers.
func (a *API) Handler() http.Handler { return a.handler }

// Started is closed once requests are answered.
func (a *API) Started() <-chan struct{} { return a.started }

// Address is the host:port that is listened on, once Started is closed.
func (a *API) Address() string { return a.address }

// Run answers requests until ctx ends, then lets those under way finish for a moment. It returns an error
// when it cannot listen.
func (a *API) Run(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", a.options.Listen)
	if err != nil {
		return fmt.Errorf("%w; end what uses the address, or set http.listen to another", err)
	}
	server := &http.Server{
		Handler:           a.handler,
		ReadHeaderTimeout: a.slowest.header,
		ReadTimeout:       a.slowest.request,
		WriteTimeout:      2*a.options.QuestionTimeout + 30*time.Second, // waiting, asking, and writing a page
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12},
		ErrorLog:          slog.NewLogLogger(a.options.Log.Handler(), slog.LevelDebug),
	}
	a.address = listener.Addr().String()
	close(a.started)
	a.options.Log.Info("API listens", "address", a.address, "tls", a.options.Certificate != "")
	ended := make(chan error, 1)
	go func() {
		if a.options.Certificate != "" {
			ended <- server.ServeTLS(listener, a.options.Certificate, a.options.Key)
		} else {
			ended <- server.Serve(listener)
		}
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("http: %w", err)
	case <-ctx.Done():
	}
	close(a.stream.ending) // who follows would stay for ever
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(late); errors.Is(err, context.DeadlineExceeded) {
		err = server.Close() // whoever is still reading is cut off
		if err != nil {
			a.options.Log.Warn("close of the API", "error", err)
		}
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("http: %w", err)
	}
	return nil
}
