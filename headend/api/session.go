package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// SessionUser is who is logged in.
type SessionUser struct {
	Name          string   `json:"name"`
	Role          string   `json:"role,omitempty" enum:"viewer,operator,billing,engineer,administrator" doc:"absent: a token that is nobody's"`
	Permissions   []string `json:"permissions" nullable:"false" doc:"what it may do: look, operate, bill, maintain, sign, administer"`
	Organisations []string `json:"organisations" nullable:"false" doc:"it sees these and all below them; none: everything"`
	Language      string   `json:"language" enum:"vi,en"`
}

// Session is who is logged in, and what requests that change something have to bring.
type Session struct {
	User    SessionUser `json:"user"`
	CSRF    string      `json:"csrf,omitempty" doc:"to be sent as X-CSRF-Token with every request that changes something; absent for a token, which needs none"`
	Expires *time.Time  `json:"expires,omitempty" doc:"when the session is over at the latest; absent for a token"`
}

// SessionOptions are the ways to log in.
type SessionOptions struct {
	OIDC    bool   `json:"oidc" doc:"an identity provider can be used"`
	OIDCURL string `json:"oidc_url,omitempty" doc:"where logging in through it begins; with ?to=PATH it leads there"`
	Name    string `json:"oidc_name,omitempty" doc:"what people know it as" example:"EVN SSO"`
}

type loginInput struct {
	Body struct {
		Name     string `json:"name" minLength:"1" maxLength:"256"`
		Password string `json:"password" minLength:"1" maxLength:"1024"`
	}
}

// Cookie is the session of a browser. (huma reads embedded structs only when exported.)
type Cookie struct {
	Secret string `cookie:"lastgasp_session" hidden:"true"`
}

type changeSessionInput struct {
	Cookie
	Body struct {
		Password    string `json:"password,omitempty" maxLength:"1024" doc:"the present one, with new_password"`
		NewPassword string `json:"new_password,omitempty" maxLength:"1024" doc:"ends all other sessions"`
		Language    string `json:"language,omitempty" enum:"vi,en"`
	}
}

type sessionOutput struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
	Body      Session
}

type goneOutput struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
}

func (a *API) registerSession(h huma.API) {
	tags := []string{"access"}
	huma.Register(h, huma.Operation{OperationID: "session-options", Method: http.MethodGet, Path: "/api/v1/session/options",
		Summary: "The ways to log in", Tags: tags}, a.sessionOptions)
	huma.Register(h, huma.Operation{OperationID: "login", Method: http.MethodPost, Path: "/api/v1/session",
		Summary: "Log in with a name and a password", Tags: tags}, a.login)
	huma.Register(h, huma.Operation{OperationID: "get-session", Method: http.MethodGet, Path: "/api/v1/session",
		Summary: "Who is logged in", Tags: tags}, a.session)
	huma.Register(h, huma.Operation{OperationID: "change-session", Method: http.MethodPatch, Path: "/api/v1/session",
		Summary: "Change one's own password or language", Tags: tags}, a.changeSession)
	huma.Register(h, huma.Operation{OperationID: "logout", Method: http.MethodDelete, Path: "/api/v1/session", DefaultStatus: http.StatusNoContent,
		Summary: "Log out", Tags: tags}, a.logout)
}

func (a *API) sessionOptions(context.Context, *struct{}) (*struct{ Body SessionOptions }, error) {
	var ways SessionOptions
	if p := a.options.Provider; p != nil {
		ways = SessionOptions{OIDC: true, OIDCURL: providerPath, Name: p.Name()}
	}
	return &struct{ Body SessionOptions }{ways}, nil
}

func (a *API) login(ctx context.Context, in *loginInput) (*sessionOutput, error) {
	secret, s, err := a.options.Access.Login(ctx, in.Body.Name, in.Body.Password, headend.ActOf(ctx).From)
	if err != nil {
		return nil, a.accessProblem(ctx, err)
	}
	return a.opened(secret, &s), nil
}

func (a *API) opened(secret string, s *headend.Session) *sessionOutput {
	return &sessionOutput{SetCookie: []http.Cookie{a.cookie(secret, s.Expires)}, Body: a.sessionOf(secret, s)}
}

// cookie holds the secret of a session until it is over; without a secret it is taken away.
func (a *API) cookie(secret string, expires time.Time) http.Cookie {
	c := http.Cookie{Name: sessionCookie, Value: secret, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: a.secure()}
	if secret == "" {
		c.MaxAge = -1
	} else {
		c.Expires = expires.UTC()
	}
	return c
}

// secure tells whether browsers reach this over TLS: its own, or that of the proxy in front of it.
func (a *API) secure() bool { return a.options.Certificate != "" || a.options.SecureProxy }

func (a *API) session(ctx context.Context, in *Cookie) (*struct{ Body Session }, error) {
	p := headend.PrincipalOf(ctx)
	if p.Token != 0 {
		return &struct{ Body Session }{Session{User: userOf(p)}}, nil
	}
	s, err := a.options.Access.Session(ctx, in.Secret)
	if err != nil {
		return nil, a.accessProblem(ctx, err)
	}
	return &struct{ Body Session }{a.sessionOf(in.Secret, &s)}, nil
}

func (a *API) sessionOf(secret string, s *headend.Session) Session {
	account := &s.Account
	return Session{CSRF: a.options.Access.CSRF(secret), Expires: moment(s.Expires.UTC().Truncate(time.Second)),
		User: userOf(&headend.Principal{Name: account.Name, Role: account.Role, Permissions: account.Role.Permissions(), Organisations: account.Organisations, Language: account.Language})}
}

func userOf(p *headend.Principal) SessionUser {
	out := SessionUser{Name: p.Name, Role: string(p.Role), Permissions: []string{}, Organisations: append([]string{}, p.Organisations...), Language: p.Language}
	for _, x := range p.Permissions {
		out.Permissions = append(out.Permissions, string(x))
	}
	return out
}

// ofPerson tells that something is for people: a token that has leaked must not make itself at home.
func ofPerson(ctx context.Context) error {
	if p := headend.PrincipalOf(ctx); p.Token != 0 {
		return huma.Error403Forbidden("a token may not do this; log in with a name and a password")
	}
	return nil
}

func (a *API) changeSession(ctx context.Context, in *changeSessionInput) (*struct{ Body Session }, error) {
	if err := ofPerson(ctx); err != nil {
		return nil, err
	}
	if in.Body.NewPassword == "" && in.Body.Language == "" {
		return nil, invalid("body", nil, "it changes nothing: give language, or password and new_password")
	}
	if in.Body.NewPassword != "" {
		if err := a.options.Access.ChangePassword(ctx, in.Secret, in.Body.Password, in.Body.NewPassword); err != nil {
			return nil, a.accessProblem(ctx, err)
		}
	}
	if in.Body.Language != "" {
		if err := a.options.Access.ChangeLanguage(ctx, headend.PrincipalOf(ctx).Account, in.Body.Language); err != nil {
			return nil, a.accessProblem(ctx, err)
		}
	}
	return a.session(ctx, &in.Cookie)
}

func (a *API) logout(ctx context.Context, in *Cookie) (*goneOutput, error) {
	if err := ofPerson(ctx); err != nil {
		return nil, err
	}
	if err := a.options.Access.Logout(ctx, in.Secret); err != nil {
		return nil, a.accessProblem(ctx, err)
	}
	return &goneOutput{SetCookie: []http.Cookie{a.cookie("", time.Time{})}}, nil
}
