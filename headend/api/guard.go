package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// maxBody bounds what a request may send, in bytes.
const maxBody = 64 << 10

// guard is what every request passes: bounds, refusal of requests that another site made a browser send,
// and the count.
func (a *API) guard(next http.Handler) (http.Handler, error) {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "lastgasp_http_request_seconds",
		Help: "Time to answer a request, by route and status.", Buckets: []float64{.001, .005, .025, .1, .5, 2.5, 10, 30}}, []string{"route", "status"})
	if a.options.Metrics != nil {
		if err := a.options.Metrics.Register(seconds); err != nil {
			return nil, fmt.Errorf("http: %w", err)
		}
	}
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, http.StatusForbidden, "the request was made by a page of another site")
	}))
	inner := a.refuseForeignHost(crossOrigin.Handler(next))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		a.harden(w.Header())
		status := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		if r.ContentLength > maxBody {
			writeProblem(status, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is too large; at most %d bytes", maxBody))
			return
		}
		r.Body = http.MaxBytesReader(status, r.Body, maxBody)
		a.answer(status, r, inner)
		route := r.Pattern // never the path: it holds meter ids
		if route == "" {
			route = "none"
		}
		seconds.WithLabelValues(route, strconv.Itoa(status.status)).Observe(time.Since(begin).Seconds())
	}), nil
}

// harden says what a browser may do with an answer: nothing but show what comes from here, in no frame, and forget it.
func (a *API) harden(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store") // customers' data
	h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	if a.secure() {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// refuseForeignHost turns away requests for a host that this is not. A page of another site can give its
// own name our address (DNS rebinding); its requests then look as if they came from this site, but they
// still carry its name.
func (a *API) refuseForeignHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "" && !a.isOurs(r) { // without one it is HTTP/1.0, which no browser speaks
			writeProblem(w, http.StatusMisdirectedRequest, fmt.Sprintf("%q is not a name of this head-end; http.hosts lists more than loopback and the address it listens on", r.Host))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isOurs: loopback, the host that is listened on, the address the connection came in at, or a name that is
// configured. The port may be any: a tunnel has its own.
func (a *API) isOurs(r *http.Request) bool {
	host := hostOf(r.Host)
	if ip := net.ParseIP(host); ip != nil {
		local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
		if ip.IsLoopback() || ok && ip.Equal(local.IP) {
			return true
		}
	}
	return host == "localhost" || host == hostOf(a.options.Listen) && host != "" ||
		slices.ContainsFunc(a.options.Hosts, func(name string) bool { return hostOf(name) == host })
}

// hostOf is the host of host, host:port, [v6] or [v6]:port, in the form in which hosts are compared.
func hostOf(text string) string {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(text, "[]"), "."))
}

// answer answers a request; a fault in a handler ends that request alone.
func (a *API) answer(w http.ResponseWriter, r *http.Request, next http.Handler) {
	defer func() {
		fault := recover()
		if fault == nil {
			return
		}
		if err, ok := fault.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(fault) // how net/http is told to cut the connection
		}
		a.options.Log.Error("fault while answering", "route", r.Pattern, "fault", fault, "stack", string(debug.Stack()))
		if s, ok := w.(*statusWriter); ok && s.begun {
			panic(http.ErrAbortHandler) // a part was sent already: nobody may take it for the whole
		}
		writeProblem(w, http.StatusInternalServerError, "a fault inside the head-end; its log has the details")
	}()
	next.ServeHTTP(w, r)
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
	begun  bool // the header is sent, or some of the body
}

// WriteHeader sends the status, once: where a client goes in the middle of an answer, what is said of that comes too late.
func (w *statusWriter) WriteHeader(status int) {
	if w.begun {
		return
	}
	if status >= http.StatusOK {
		w.begun = true
	}
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Write sends a piece of the body.
func (w *statusWriter) Write(p []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Console answers for paths that the API does not have.
type Console interface {
	http.Handler
	Serves(r *http.Request) bool // it has something at this path
}

// nothingThere answers for paths and methods that the API does not have: with the console, or a problem document.
func (a *API) nothingThere(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) {
	if a.options.Console != nil && a.options.Console.Serves(r) {
		a.options.Console.ServeHTTP(w, r)
		return
	}
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "/" && pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		writeProblem(w, http.StatusMethodNotAllowed, fmt.Sprintf("%s is not allowed here; %s is", r.Method, strings.Join(allowed, " or ")))
		return
	}
	writeProblem(w, http.StatusNotFound, "there is nothing at this path; /api/v1/openapi.json lists what there is")
}

// refuseUnreadable turns away text that no id, name or cursor can be.
func (a *API) refuseUnreadable(h huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		u := ctx.URL()
		query, err := url.ParseQuery(u.RawQuery)
		reason := ""
		switch {
		case err != nil:
			reason = "the query cannot be read: " + err.Error()
		case !readable(u.Path):
			reason = "the path is not UTF-8 or holds a NUL character"
		}
		for name, values := range query {
			if len(values) > 1 && !mayRepeat(u.Path, name) {
				reason = fmt.Sprintf("the parameter %q is given %d times", name, len(values))
			}
			if !readable(name) || !readable(strings.Join(values, "")) {
				reason = "the query is not UTF-8 or holds a NUL character"
			}
		}
		if reason == "" {
			next(ctx)
			return
		}
		a.writeHuma(h, ctx, http.StatusBadRequest, reason)
	}
}

// mayRepeat: of all parameters only the states of outages may be given several times.
func mayRepeat(path, name string) bool { return path == "/api/v1/outages" && name == "state" }

func readable(text string) bool { return utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 }

// askInTurn gives a question its time, and lets only so many be asked at once.
func (a *API) askInTurn(h huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		waiting, cancel := context.WithTimeout(ctx.Context(), a.options.QuestionTimeout/3)
		defer cancel()
		if !a.takePlace(waiting) {
			ctx.SetHeader("Retry-After", "5")
			a.writeHuma(h, ctx, http.StatusServiceUnavailable, "too many questions are being answered; ask again later")
			return
		}
		place := &place{humaContext: ctx, free: sync.OnceFunc(func() { <-a.questions })}
		defer place.free()
		asking, cancel := context.WithTimeout(ctx.Context(), a.options.QuestionTimeout)
		defer cancel()
		next(huma.WithContext(place, asking))
	}
}

// humaContext gives the embedded field of place a name that its method Context leaves free.
type humaContext = huma.Context

// place is a question's place among those asked at once. It is given back when the answer is about to be
// written: by then the database has done its part, and whoever reads slowly keeps nobody from asking.
type place struct {
	humaContext
	free func()
}

// BodyWriter is where the answer goes.
func (p *place) BodyWriter() io.Writer {
	p.free()
	return p.humaContext.BodyWriter()
}

// Unwrap lets the adapter reach its own context.
func (p *place) Unwrap() huma.Context { return p.humaContext }

// takePlace waits for a place among the questions until ctx ends; a free place is taken at once.
func (a *API) takePlace(ctx context.Context) bool {
	select {
	case a.questions <- struct{}{}:
		return true
	default:
	}
	select {
	case a.questions <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (a *API) writeHuma(h huma.API, ctx huma.Context, status int, detail string) {
	if err := huma.WriteErr(h, ctx, status, detail); err != nil {
		a.options.Log.Debug("answer not written", "error", err)
	}
}
