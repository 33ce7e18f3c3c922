package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// IdentityProvider lets people in through an identity provider. Errors are *headend.LoginRefused, *headend.TooMany and those of Store.
type IdentityProvider interface {
	// Name is what people know it as.
	Name() string
	// Begin gives the address there at which a login goes on, and the secret that the browser keeps until it comes back.
	Begin(ctx context.Context, back, address string) (there, secret string, expires time.Time, err error)
	// Finish opens a session for who comes back.
	Finish(ctx context.Context, answer headend.ProviderAnswer) (secret string, s headend.Session, err error)
}

// Where a login through an identity provider begins and ends.
const (
	providerPath = "/api/v1/session/oidc"
	providerBack = providerPath + "/callback"
)

// loginCookie holds the secret of a login that is under way at an identity provider, and where it leads afterwards.
const loginCookie = "lastgasp_login"

// longestWay is how long a path may be to which a login leads.
const longestWay = 512

func describeProvider(h huma.API) {
	text := &huma.Schema{Type: huma.TypeString}
	problem := &huma.Response{Description: "Error", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: &huma.Schema{Ref: "#/components/schemas/ErrorModel"}}}}
	answers := map[string]*huma.Response{"303": {Description: "The browser is sent on"}, "default": problem}
	h.OpenAPI().AddOperation(&huma.Operation{OperationID: "begin-provider-login", Method: http.MethodGet, Path: providerPath, Tags: []string{"access"},
		Summary:     "Log in through the identity provider: a browser is sent there",
		Description: "Where access.oidc is configured. Browsers that ask for a page get their errors as a page.",
		Parameters:  []*huma.Param{{Name: "to", In: "query", Description: "path of the console to which the login leads; default: /", Schema: text, Example: "/outages"}}, Responses: answers})
	h.OpenAPI().AddOperation(&huma.Operation{OperationID: "end-provider-login", Method: http.MethodGet, Path: providerBack, Tags: []string{"access"},
		Summary:     "Where the identity provider sends a browser back to: it opens a session",
		Description: "Register this address at the provider. The account has to be bound to the subject before.",
		Parameters: []*huma.Param{{Name: "state", In: "query", Schema: text}, {Name: "code", In: "query", Schema: text}, {Name: "iss", In: "query", Schema: text},
			{Name: "error", In: "query", Schema: text}, {Name: "error_description", In: "query", Schema: text}}, Responses: answers})
}

// beginProviderLogin sends a browser to the identity provider.
func (a *API) beginProviderLogin(w http.ResponseWriter, r *http.Request) {
	to, ok := localPath(r.URL.Query().Get("to"))
	if !ok {
		a.refuseLogin(w, r, http.StatusUnprocessableEntity, loginWords{"Đường dẫn sau khi đăng nhập không hợp lệ.", "to is a path of this console, such as /outages."})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.options.QuestionTimeout)
	defer cancel()
	there, secret, expires, err := a.options.Provider.Begin(ctx, a.providerBack(r), a.addressOf(r))
	if err != nil {
		a.loginFault(w, r, err)
		return
	}
	a.setLoginCookie(w, secret+"."+base64.RawURLEncoding.EncodeToString([]byte(to)), expires)
	http.Redirect(w, r, there, http.StatusSeeOther)
}

// endProviderLogin opens a session for a browser that comes back.
func (a *API) endProviderLogin(w http.ResponseWriter, r *http.Request) {
	q, secret, to := r.URL.Query(), "", "/"
	if cookie, err := r.Cookie(loginCookie); err == nil {
		kept, way, _ := strings.Cut(cookie.Value, ".")
		secret = kept
		if text, err := base64.RawURLEncoding.DecodeString(way); err == nil {
			if path, ok := localPath(string(text)); ok { // looked at again: a cookie is what a browser says
				to = path
			}
		}
	}
	answer := headend.ProviderAnswer{Secret: secret, State: q.Get("state"), Code: q.Get("code"), Issuer: q.Get("iss"), Back: a.providerBack(r), Address: a.addressOf(r)}
	if q.Get("error") != "" {
		answer.Fault = strings.TrimSpace(q.Get("error") + " " + q.Get("error_description"))
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.options.QuestionTimeout)
	defer cancel()
	ctx = headend.WithAct(ctx, &headend.Act{From: answer.Address, What: "end-provider-login", Target: "session"})
	opened, s, err := a.options.Provider.Finish(ctx, answer)
	var refused *headend.LoginRefused
	if !errors.As(err, &refused) || refused.Fault != headend.LoginForeign { // which leaves the login that is under way here
		a.setLoginCookie(w, "", time.Time{})
	}
	if err != nil {
		a.loginFault(w, r, err)
		return
	}
	cookie := a.cookie(opened, s.Expires)
	http.SetCookie(w, &cookie)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// providerBack is where the provider sends a browser back to: this server, by the name it was asked by, which guard has found to be
// one of its own.
func (a *API) providerBack(r *http.Request) string {
	scheme := "http"
	if a.secure() {
		scheme = "https"
	}
	return scheme + "://" + r.Host + providerBack
}

// setLoginCookie: Lax, because the browser brings it back from another site.
func (a *API) setLoginCookie(w http.ResponseWriter, value string, expires time.Time) {
	c := http.Cookie{Name: loginCookie, Value: value, Path: providerPath, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: a.secure()}
	if value == "" {
		c.MaxAge = -1
	} else {
		c.Expires = expires.UTC()
	}
	http.SetCookie(w, &c)
}

// localPath is a path of this server, "" the first one. What a browser could take for an address elsewhere is none.
func localPath(text string) (path string, ok bool) {
	if text == "" {
		return "/", true
	}
	u, err := url.Parse(text)
	if err != nil || len(text) > longestWay || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" ||
		text[0] != '/' || strings.HasPrefix(text, "//") || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }) ||
		strings.HasPrefix(u.Path, "//") || strings.HasPrefix(u.Path, "/api/") {
		return "", false
	}
	return text, true
}

// loginWords are for people, in both languages: nobody knows yet who it is.
type loginWords struct{ Vietnamese, English string }

var loginFaults = map[headend.LoginFault]struct {
	status int
	words  loginWords
}{
	headend.LoginAway: {http.StatusServiceUnavailable, loginWords{"Hệ thống tài khoản của đơn vị không trả lời. Hãy đăng nhập bằng tên và mật khẩu, hoặc thử lại sau.",
		"The identity provider does not answer as it should. Log in with name and password, or try again later."}},
	headend.LoginForeign: {http.StatusBadRequest, loginWords{"Lần đăng nhập này không bắt đầu từ trình duyệt này. Hãy bắt đầu lại.",
		"This login did not begin in this browser, or cookies are off. Begin again."}},
	headend.LoginOver: {http.StatusBadRequest, loginWords{"Lần đăng nhập này đã được dùng hoặc quá lâu. Hãy bắt đầu lại.",
		"This login was used already, or took more than ten minutes. Begin again."}},
	headend.LoginDeclined: {http.StatusForbidden, loginWords{"Hệ thống tài khoản của đơn vị từ chối.",
		"The identity provider declines."}},
	headend.LoginUnproven: {http.StatusForbidden, loginWords{"Câu trả lời của hệ thống tài khoản không được chấp nhận. Hãy bắt đầu lại.",
		"What the identity provider gave proves nothing here. Begin again; if it stays so, the head-end's log has the reason."}},
	headend.LoginUnknown: {http.StatusForbidden, loginWords{"Chưa có tài khoản nào gắn với danh tính này. Hãy gửi danh tính cho người quản trị.",
		"No account is bound to this subject. Give it to an administrator, who can bind it to yours."}},
	headend.LoginDisabled: {http.StatusForbidden, loginWords{"Tài khoản đã bị khóa.", "The account is disabled."}},
}

// loginFault answers why nobody was let in.
func (a *API) loginFault(w http.ResponseWriter, r *http.Request, err error) {
	var refused *headend.LoginRefused
	if !errors.As(err, &refused) {
		if isPage(r) {
			a.refuseLogin(w, r, statusOf(a.accessProblem(r.Context(), err)), loginWords{"Chưa đăng nhập được lúc này. Hãy thử lại sau.", "Nobody can be let in just now. Try again later."})
			return
		}
		a.refused(w, r, err)
		return
	}
	a.options.Log.Warn("login refused", "by", a.options.Provider.Name(), "error", refused, "from", a.addressOf(r))
	told := loginFaults[refused.Fault]
	if refused.Subject != "" {
		told.words.Vietnamese += " (" + refused.Subject + ")"
		told.words.English += " (" + refused.Subject + ")"
	}
	a.refuseLogin(w, r, told.status, told.words)
}

func statusOf(problem error) int {
	var s huma.StatusError
	if errors.As(problem, &s) {
		return s.GetStatus()
	}
	return http.StatusInternalServerError
}

// isPage tells whether somebody looks on, and not a program.
func isPage(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

var loginPage = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="vi"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Lastgasp</title></head>
<body><main><h1>Lastgasp</h1><p>{{.Vietnamese}}</p><p lang="en">{{.English}}</p><p><a href="/">Đăng nhập · <span lang="en">Log in</span></a></p></main></body></html>
`))

// refuseLogin answers a person with a page, a program with a problem.
func (a *API) refuseLogin(w http.ResponseWriter, r *http.Request, status int, words loginWords) {
	if !isPage(r) {
		writeProblem(w, status, words.English)
		return
	}
	var page bytes.Buffer
	if err := loginPage.Execute(&page, words); err != nil {
		a.options.Log.Error("page not made", "error", err)
		writeProblem(w, status, words.English)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if _, err := w.Write(page.Bytes()); err != nil {
		a.options.Log.Debug("answer not written", "error", err)
	}
}
