package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// Access lets people and programs in. Errors are headend.ErrDenied, *headend.TooMany, *headend.BadRequest, *headend.Unknown,
// *headend.Taken and those of Store.
type Access interface {
	// Authenticate tells on whose behalf a request comes, by a token or else by the secret of a session, and counts it.
	Authenticate(ctx context.Context, token, session, address string) (*headend.Principal, error)
	// Still tells whether what let somebody in still does.
	Still(ctx context.Context, token, session string) error
	Login(ctx context.Context, name, password, address string) (secret string, s headend.Session, err error)
	Session(ctx context.Context, secret string) (headend.Session, error)
	Logout(ctx context.Context, secret string) error
	ChangePassword(ctx context.Context, secret, former, password string) error
	ChangeLanguage(ctx context.Context, account int64, language string) error
	CSRF(secret string) string
	IsCSRF(secret, given string) bool

	AddAccount(ctx context.Context, a headend.Account, password string) (headend.Account, error)
	// ChangeAccount changes what an account is, and its password unless that is "".
	ChangeAccount(ctx context.Context, a headend.Account, password string) error
	AddToken(ctx context.Context, t headend.Token) (secret string, made headend.Token, err error)
	// NewPassword makes a password for a device.
	NewPassword() string
}

// Accounts is what the API asks about accounts, tokens and the audit trail. Errors as in Access.
type Accounts interface {
	Accounts(ctx context.Context, after string, limit int) ([]headend.Account, error)
	Account(ctx context.Context, name string) (headend.Account, error)
	Tokens(ctx context.Context, account, after int64, limit int) ([]headend.Token, error)
	RevokeToken(ctx context.Context, number, account int64, at time.Time) (headend.Token, error)
	// Audit adds an entry to the audit trail for the act of the context.
	Audit(ctx context.Context) error
	AuditTrail(ctx context.Context, f headend.AuditFilter, before int64, limit int) ([]headend.AuditEntry, error)
}

// sessionCookie holds the secret of a session.
const sessionCookie = "lastgasp_session"

// csrfHeader proves that a request that changes something was made by a page that could read what login answered.
const csrfHeader = "X-CSRF-Token"

// patienceOfGate is how long it may take to know who asks.
const patienceOfGate = 10 * time.Second

// rulesOf gives each pattern of the mux its rule; a pattern that has none is refused to everybody.
func rulesOf(document *huma.OpenAPI) map[string]rule {
	rules := map[string]rule{}
	for pattern, r := range permissions {
		if strings.Contains(pattern, "/") {
			rules[pattern] = r
		}
	}
	for path, item := range document.Paths {
		for method, o := range map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete} {
			if o == nil {
				continue
			}
			if r, ok := permissions[o.OperationID]; ok {
				rules[method+" "+path] = r
			}
		}
	}
	return rules
}

// operationIDs gives each pattern the name that the audit trail has for it.
func operationIDs(document *huma.OpenAPI) map[string]string {
	ids := map[string]string{}
	for path, item := range document.Paths {
		for method, o := range map[string]*huma.Operation{http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete} {
			if o != nil {
				ids[method+" "+path] = o.OperationID
			}
		}
	}
	return ids
}

// gate lets a request through to its route where the table of permissions says so. Behind it the context has the principal,
// and for what changes something the act.
func (a *API) gate(mux *http.ServeMux, document *huma.OpenAPI) http.Handler {
	rules, ids := rulesOf(document), operationIDs(document)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		rule, known := rules[pattern]
		if !known && pattern != "" {
			writeProblem(w, http.StatusForbidden, "no role may use this route")
			return
		}
		ctx, ok := a.enter(w, r, rule)
		if !ok {
			return
		}
		inner := r.WithContext(ctx)
		defer func() { r.Pattern = inner.Pattern }() // the count of requests names it
		if !changes(r.Method) {
			mux.ServeHTTP(w, inner)
			return
		}
		act := &headend.Act{From: a.addressOf(r), What: ids[pattern], Target: strings.TrimPrefix(r.URL.Path, "/api/v1/")}
		if p := headend.PrincipalOf(ctx); p != nil {
			act.Who, act.Role = p.Name, p.Role
		}
		inner = r.WithContext(headend.WithAct(ctx, act))
		if !a.receive(w, inner) {
			return
		}
		mux.ServeHTTP(w, inner)
		a.audit(inner, w, act)
	})
}

// receive reads the body of a request that changes something, which guard bounds, before anything is done about it: who sends it
// slowly has no place among those who are answered, and one that is too large is refused as such. It tells whether it was read; where
// not the request has been answered, and its connection ends.
func (a *API) receive(w http.ResponseWriter, r *http.Request) bool {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		return true
	}
	w.Header().Set("Connection", "close")
	var large *http.MaxBytesError
	var network net.Error
	switch {
	case errors.As(err, &large):
		writeProblem(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is too large; at most %d bytes", maxBody))
	case errors.As(err, &network) && network.Timeout():
		writeProblem(w, http.StatusRequestTimeout, "the body did not come in time")
	default:
		writeProblem(w, http.StatusBadRequest, "the body cannot be read")
	}
	return false
}

// audit sees to it that what changed something stands in the audit trail, also where the store was not asked to change
// anything itself.
func (a *API) audit(r *http.Request, w http.ResponseWriter, act *headend.Act) {
	status, ok := w.(*statusWriter)
	if act.Entries > 0 || act.Who == "" || w.Header().Get(replayed) != "" || !ok || status.status >= http.StatusBadRequest || a.options.Accounts == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 10*time.Second)
	defer cancel()
	if err := a.options.Accounts.Audit(ctx); err != nil {
		a.options.Log.Error("not in the audit trail", "what", act.What, "target", act.Target, "who", act.Who, "error", err)
	}
}

func changes(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

// enter tells whether a request may use its route; where not it has been answered.
func (a *API) enter(w http.ResponseWriter, r *http.Request, rule rule) (context.Context, bool) {
	ctx := r.Context()
	switch {
	case rule.everybody, rule.machine && a.isThisMachine(r):
		return ctx, true
	}
	token, session := shown(r)
	if token == "" && session == "" {
		refuse(w, "log in, or send a token: Authorization: Bearer lg_...")
		return nil, false
	}
	asking, cancel := context.WithTimeout(ctx, patienceOfGate)
	defer cancel()
	p, err := a.options.Access.Authenticate(asking, token, session, a.addressOf(r))
	if err != nil {
		a.refused(w, r, err)
		return nil, false
	}
	if token == "" && changes(r.Method) && !a.options.Access.IsCSRF(session, r.Header.Get(csrfHeader)) {
		writeProblem(w, http.StatusForbidden, csrfHeader+" is missing, or not the one of this session; GET /api/v1/session tells it")
		return nil, false
	}
	if !rule.mayUse(p) {
		a.options.Log.Info("not allowed", "who", p.Name, "route", r.Method+" "+r.URL.Path)
		writeProblem(w, http.StatusForbidden, forbidden(p, rule))
		return nil, false
	}
	return headend.WithPrincipal(ctx, p), true
}

// still tells whether who was let in still may be: for answers that have no end. While the database is away nobody is sent away.
func (a *API) still(r *http.Request, token, session string) error {
	ctx, cancel := context.WithTimeout(r.Context(), patienceOfGate)
	defer cancel()
	if err := a.options.Access.Still(ctx, token, session); errors.Is(err, headend.ErrDenied) {
		return err
	}
	return nil
}

func forbidden(p *headend.Principal, r rule) string {
	switch {
	case r.permission != "" && !p.May(r.permission):
		return fmt.Sprintf("%s may not: it takes the permission %q", p.Name, r.permission)
	default:
		return p.Name + " sees a part of the organisation alone, and this concerns the whole"
	}
}

// refused answers where nobody was let in.
func (a *API) refused(w http.ResponseWriter, r *http.Request, err error) {
	var often *headend.TooMany
	switch {
	case errors.Is(err, headend.ErrDenied):
		refuse(w, "the session or token is not valid, or over")
	case errors.As(err, &often):
		w.Header().Set("Retry-After", a.retryAfter(often.Until))
		writeProblem(w, http.StatusTooManyRequests, often.Error())
	case errors.Is(err, headend.ErrAway), errors.Is(err, headend.ErrTooSlow), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		a.options.Log.Warn("not known who asks", "error", err)
		w.Header().Set("Retry-After", retryAway)
		writeProblem(w, http.StatusServiceUnavailable, "the database does not answer; ask again later")
	default:
		a.options.Log.Error("not known who asks", "error", err, "route", r.URL.Path)
		writeProblem(w, http.StatusInternalServerError, "a fault inside the head-end; its log has the details")
	}
}

func refuse(w http.ResponseWriter, detail string) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="lastgasp"`)
	writeProblem(w, http.StatusUnauthorized, detail)
}

// retryAfter is the seconds until a time, at least one.
func (a *API) retryAfter(until time.Time) string {
	return strconv.Itoa(max(1, int(math.Ceil(until.Sub(a.options.Now()).Seconds()))))
}

// shown is what a request brings to be let in with: a token, or else the secret of a session. A header that is no token lets
// nobody in by its cookie instead.
func shown(r *http.Request) (token, session string) {
	if header := r.Header.Get("Authorization"); header != "" {
		kind, token, _ := strings.Cut(header, " ")
		if !strings.EqualFold(kind, "Bearer") || token == "" {
			return header, ""
		}
		return strings.TrimSpace(token), ""
	}
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		return "", cookie.Value
	}
	return "", ""
}

// addressOf is the address of the client: of the connection, or what a proxy that is trusted says it forwards for.
func (a *API) addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(forwarded) - 1; i >= 0 && a.isProxy(host); i-- { // the last one was written by the nearest proxy
		next := strings.TrimSpace(forwarded[i])
		if _, err := netip.ParseAddr(next); err != nil {
			break
		}
		host = next
	}
	return host
}

func (a *API) isProxy(host string) bool {
	address, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	for _, prefix := range a.options.Proxies {
		if prefix.Contains(address.Unmap()) {
			return true
		}
	}
	return false
}

// isThisMachine tells whether a request comes from this machine itself, not through a proxy on it.
func (a *API) isThisMachine(r *http.Request) bool {
	for _, header := range []string{"X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Real-Ip", "Via"} {
		if r.Header.Get(header) != "" {
			return false
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// accessProblem is problem for what accounts, sessions and tokens answer.
func (a *API) accessProblem(ctx context.Context, err error) error {
	var often *headend.TooMany
	var bad *headend.BadRequest
	var taken *headend.Taken
	switch {
	case errors.Is(err, headend.ErrDenied):
		return huma.Error401Unauthorized("name or password are wrong, or the session is over")
	case errors.As(err, &often):
		return huma.ErrorWithHeaders(huma.Error429TooManyRequests(often.Error()), http.Header{"Retry-After": {a.retryAfter(often.Until)}})
	case errors.As(err, &bad):
		return huma.Error422UnprocessableEntity(bad.Reason)
	case errors.As(err, &taken):
		return huma.Error409Conflict(taken.Error())
	}
	return a.problem(ctx, err)
}
