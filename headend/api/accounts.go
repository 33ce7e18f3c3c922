package api

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"math"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"lastgasp/headend"
)

// Token lets a program in.
type Token struct {
	Number        int64      `json:"number"`
	Name          string     `json:"name"`
	Owner         string     `json:"owner,omitempty" doc:"it may no more than this account; absent: nobody's, made on the head-end's machine"`
	Scopes        []string   `json:"scopes" nullable:"false" doc:"of look, operate, bill, maintain, sign, administer"`
	Organisations []string   `json:"organisations" nullable:"false" doc:"it sees these and all below them; none: all that its owner sees"`
	Made          time.Time  `json:"made"`
	Expires       *time.Time `json:"expires,omitempty" doc:"absent: never"`
	Used          *time.Time `json:"used,omitempty" doc:"last, to a minute; absent: never"`
	Revoked       *time.Time `json:"revoked,omitempty"`
	Secret        string     `json:"secret,omitempty" doc:"shown once, when it is made"`
}

type addTokenInput struct {
	Body struct {
		Name          string   `json:"name" minLength:"1" maxLength:"64"`
		Scopes        []string `json:"scopes" minItems:"1" maxItems:"6" enum:"look,operate,bill,maintain,sign,administer"`
		Organisations []string `json:"organisations,omitempty" maxItems:"200" doc:"it sees these and all below them; default: all that you see"`
		Expires       string   `json:"expires,omitempty" maxLength:"64" doc:"RFC 3339 or a date; default: in a year" example:"2027-11-21"`
	}
}

type tokensInput struct {
	Paging
	All bool `query:"all" doc:"true: those of everybody; for administrators"`
}

// User is an account.
type User struct {
	Name          string    `json:"name"`
	Role          string    `json:"role" enum:"viewer,operator,billing,engineer,administrator"`
	Organisations []string  `json:"organisations" nullable:"false" doc:"it sees these and all below them; none: everything"`
	Language      string    `json:"language" enum:"vi,en"`
	Subject       string    `json:"subject,omitempty" doc:"at the identity provider, by which it comes in too" example:"https://sso.example.com#8f14e45f"`
	Disabled      bool      `json:"disabled"`
	Made          time.Time `json:"made"`
}

type addUserInput struct {
	Body struct {
		Name          string   `json:"name" minLength:"1" maxLength:"64"`
		Role          string   `json:"role" enum:"viewer,operator,billing,engineer,administrator"`
		Organisations []string `json:"organisations,omitempty" maxItems:"200"`
		Language      string   `json:"language,omitempty" enum:"vi,en"`
		Password      string   `json:"password,omitempty" maxLength:"512" doc:"at least 12 characters; may be absent with subject"`
		Subject       string   `json:"subject,omitempty" maxLength:"512" doc:"at the identity provider, as ISSUER#SUBJECT"`
	}
}

type changeUserInput struct {
	Name string `path:"name" maxLength:"256"`
	Body struct {
		Role          string    `json:"role,omitempty" enum:"viewer,operator,billing,engineer,administrator"`
		Organisations *[]string `json:"organisations,omitempty" maxItems:"200"`
		Language      string    `json:"language,omitempty" enum:"vi,en"`
		Password      string    `json:"password,omitempty" maxLength:"512" doc:"ends all sessions of the account"`
		Subject       *string   `json:"subject,omitempty" maxLength:"512" doc:"at the identity provider, as ISSUER#SUBJECT; empty: none. Another one ends all sessions of the account"`
		Disabled      *bool     `json:"disabled,omitempty" doc:"true ends all sessions of the account"`
	}
}

type userInput struct {
	Name string `path:"name" maxLength:"256"`
}

// AuditEntry is an entry of the audit trail.
type AuditEntry struct {
	Number   int64           `json:"number"`
	At       time.Time       `json:"at"`
	Who      string          `json:"who"`
	Role     string          `json:"role,omitempty"`
	From     string          `json:"from,omitempty" doc:"address of the client; absent: the command line of the head-end's machine, who is then the account of its operating system"`
	What     string          `json:"what" example:"decide-outage" doc:"id of an operation, or the words of a command"`
	Target   string          `json:"target" example:"outages/17"`
	Before   json.RawMessage `json:"before,omitempty" doc:"what was there; absent: nothing"`
	After    json.RawMessage `json:"after,omitempty" doc:"what is there now; absent: nothing"`
	Previous string          `json:"previous" doc:"hash of the entry before, in hexadecimal"`
	Hash     string          `json:"hash" doc:"SHA-256 over this entry and previous"`
}

type auditInput struct {
	Paging
	Overlap
	Who    string `query:"who" maxLength:"256"`
	What   string `query:"what" maxLength:"64" doc:"id of an operation, or the words of a command such as import"`
	Target string `query:"target" maxLength:"256"`
}

func (a *API) registerAccounts(h huma.API) {
	tags := []string{"access"}
	huma.Register(h, huma.Operation{OperationID: "list-tokens", Method: http.MethodGet, Path: "/api/v1/tokens", Summary: "Your tokens, by number", Tags: tags}, a.tokens)
	huma.Register(h, huma.Operation{OperationID: "add-token", Method: http.MethodPost, Path: "/api/v1/tokens", Summary: "Make a token for a program; its secret is shown once", Tags: tags}, a.addToken)
	huma.Register(h, huma.Operation{OperationID: "revoke-token", Method: http.MethodDelete, Path: "/api/v1/tokens/{number}", Summary: "Let a token in no more", Tags: tags}, a.revokeToken)
	huma.Register(h, huma.Operation{OperationID: "list-users", Method: http.MethodGet, Path: "/api/v1/users", Summary: "Accounts, by name", Tags: tags}, a.users)
	huma.Register(h, huma.Operation{OperationID: "get-user", Method: http.MethodGet, Path: "/api/v1/users/{name}", Summary: "An account", Tags: tags}, a.user)
	huma.Register(h, huma.Operation{OperationID: "add-user", Method: http.MethodPost, Path: "/api/v1/users", Summary: "Make an account", Tags: tags}, a.addUser)
	huma.Register(h, huma.Operation{OperationID: "change-user", Method: http.MethodPatch, Path: "/api/v1/users/{name}", Summary: "Change an account: role, part of the organisation, password, subject at the identity provider; disable it", Tags: tags}, a.changeUser)
	huma.Register(h, huma.Operation{OperationID: "list-audit", Method: http.MethodGet, Path: "/api/v1/audit", Summary: "Every change by somebody, newest first", Tags: tags}, a.auditTrail)
}

func (a *API) tokens(ctx context.Context, in *tokensInput) (*PageOf[Token], error) {
	p := headend.PrincipalOf(ctx)
	owner := p.Account
	var after int64
	if err := in.begin("tokens", &after); err != nil {
		return nil, err
	}
	switch {
	case in.All && (!p.May(headend.MayAdminister) || p.Limited()):
		return nil, huma.Error403Forbidden("tokens of others are for administrators")
	case in.All:
		owner = 0
	case owner == 0:
		return page("tokens", in.Paging, nil, tokenOf, nil), nil
	}
	found, err := a.options.Accounts.Tokens(ctx, owner, after, in.Limit+1)
	if err != nil {
		return nil, a.accessProblem(ctx, err)
	}
	return page("tokens", in.Paging, found, tokenOf, func(t headend.Token) any { return t.Number }), nil
}

func tokenOf(t headend.Token) Token {
	out := Token{Number: t.Number, Name: t.Name, Owner: t.Owner, Scopes: []string{}, Organisations: append([]string{}, t.Organisations...), Made: t.Made,
		Expires: moment(t.Expires), Used: moment(t.Used), Revoked: moment(t.Revoked)}
	for _, p := range t.Permissions {
		out.Scopes = append(out.Scopes, string(p))
	}
	return out
}

func (a *API) addToken(ctx context.Context, in *addTokenInput) (*struct{ Body Token }, error) {
	if err := ofPerson(ctx); err != nil {
		return nil, err
	}
	p := headend.PrincipalOf(ctx)
	t := headend.Token{Name: in.Body.Name, Account: p.Account, Owner: p.Name, By: p.Name, Organisations: in.Body.Organisations, Expires: a.options.Now().UTC().Truncate(time.Second).AddDate(1, 0, 0)}
	for _, scope := range in.Body.Scopes {
		if !p.May(headend.Permission(scope)) {
			return nil, invalid("body.scopes", scope, "you may not "+scope+" yourself")
		}
		t.Permissions = append(t.Permissions, headend.Permission(scope))
	}
	if p.Limited() && len(t.Organisations) > 0 {
		return nil, invalid("body.organisations", t.Organisations, "you see a part of the organisation; your tokens see the same")
	}
	if in.Body.Expires != "" {
		var err error
		if t.Expires, err = parseTime("body.expires", in.Body.Expires, a.options.Zone); err != nil {
			return nil, err
		}
	}
	secret, made, err := a.options.Access.AddToken(ctx, t)
	if err != nil {
		return nil, a.accessProblem(ctx, err)
	}
	out := tokenOf(made)
	out.Secret = secret
	return &struct{ Body Token }{out}, nil
}

func (a *API) revokeToken(ctx context.Context, in *numberInput) (*struct{ Body Token }, error) {
	if err := ofPerson(ctx); err != nil {
		return nil, err
	}
	p := headend.PrincipalOf(ctx)
	owner := p.Account
	if p.May(headend.MayAdminister) && !p.Limited() {
		owner = 0
	}
	t, err := a.options.Accounts.RevokeToken(ctx, in.Number, owner, a.options.Now().UTC())
	if err != nil {
		return nil, a.accessProblem(ctx, err)
	}
	return &struct{ Body Token }{tokenOf(t)}, nil
}

func (a *API) users(ctx context.Context, in *struct{ Paging }) (*PageOf[User], error) {
	var after string
	if err := in.begin("users", &after); err != nil {
		return nil, err
	}
	found, err := a.options.Accounts.Accounts(ctx, after, in.Limit+1)
	if err != nil {
		return nil, a.accessProblem(ctx, err)
	}
	return page("users", in.Paging, found, accountOf, func(u headend.Account) any { return u.Name }), nil
}

func accountOf(u headend.Account) User {
	return User{Name: u.Name, Role: string(u.Role), Organisations: append([]string{}, u.Organisations...), Language: u.Language, Subject: u.Subject, Disabled: !u.Disabled.IsZero(), Made: u.Made}
}

func (a *API) user(ctx context.Context, in *userInput) (*struct{ Body User }, error) {
	u, err := a.options.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, a.accessProblem(ctx, err)
	}
	return &struct{ Body User }{accountOf(u)}, nil
}

func (a *API) addUser(ctx context.Context, in *addUserInput) (*struct{ Body User }, error) {
	if err := ofPerson(ctx); err != nil {
		return nil, err
	}
	b := in.Body
	made, err := a.options.Access.AddAccount(ctx, headend.Account{Name: b.Name, Role: headend.Role(b.Role), Organisations: b.Organisations, Language: b.Language, Subject: b.Subject}, b.Password)
	if err != nil {
		return nil, a.accessProblem(ctx, err)
	}
	return &struct{ Body User }{accountOf(made)}, nil
}

func (a *API) changeUser(ctx context.Context, in *changeUserInput) (*struct{ Body User }, error) {
	if err := ofPerson(ctx); err != nil {
		return nil, err
	}
	u, err := a.options.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, a.accessProblem(ctx, err)
	}
	if in.Body.Role != "" {
		u.Role = headend.Role(in.Body.Role)
	}
	if in.Body.Organisations != nil {
		u.Organisations = *in.Body.Organisations
	}
	if in.Body.Language != "" {
		u.Language = in.Body.Language
	}
	if in.Body.Subject != nil {
		u.Subject = *in.Body.Subject
	}
	if in.Body.Disabled != nil {
		u.Disabled = time.Time{}
		if *in.Body.Disabled {
			u.Disabled = a.options.Now().UTC()
		}
	}
	if err := a.options.Access.ChangeAccount(ctx, u, in.Body.Password); err != nil {
		return nil, a.accessProblem(ctx, err)
	}
	return &struct{ Body User }{accountOf(u)}, nil
}

func (a *API) auditTrail(ctx context.Context, in *auditInput) (*PageOf[AuditEntry], error) {
	from, to, err := in.times(a.options.Zone)
	if err != nil {
		return nil, err
	}
	before := int64(math.MaxInt64)
	if err := in.begin("audit", &before); err != nil {
		return nil, err
	}
	found, err := a.options.Accounts.AuditTrail(ctx, headend.AuditFilter{Who: in.Who, What: in.What, Target: in.Target, From: from, To: to}, before, in.Limit+1)
	if err != nil {
		return nil, a.accessProblem(ctx, err)
	}
	return page("audit", in.Paging, found, auditEntryOf, func(e headend.AuditEntry) any { return e.Number }), nil
}

func auditEntryOf(e headend.AuditEntry) AuditEntry {
	out := AuditEntry{Number: e.Number, At: e.At, Who: e.Who, Role: string(e.Role), From: e.From, What: e.What, Target: e.Target, Previous: hex.EncodeToString(e.Previous), Hash: hex.EncodeToString(e.Hash)}
	if e.Before != "" {
		out.Before = json.RawMessage(e.Before)
	}
	if e.After != "" {
		out.After = json.RawMessage(e.After)
	}
	return out
}
