package access

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"lastgasp/headend"
)

// Store keeps accounts, sessions and tokens. What is not there is *headend.Unknown, a name in use *headend.Taken.
type Store interface {
	Account(ctx context.Context, name string) (headend.Account, error)
	AccountOf(ctx context.Context, subject string) (headend.Account, error)
	AddAccount(ctx context.Context, a headend.Account) (headend.Account, error)
	// ChangeAccountWithPassword writes what an account is, and the hash of another password unless it is "".
	ChangeAccountWithPassword(ctx context.Context, a headend.Account, password string) error
	AddFirstAccount(ctx context.Context, a headend.Account) (made bool, err error)
	// SetPassword ends every session of the account but the one with the hash keep.
	SetPassword(ctx context.Context, account int64, password string, keep []byte) error
	SetLanguage(ctx context.Context, account int64, language string) error

	LoginFailures(ctx context.Context, name string) (headend.Failures, error)
	// CountFailure counts one more, and returns those before it.
	CountFailure(ctx context.Context, name string, at time.Time) (headend.Failures, error)
	ForgetFailures(ctx context.Context, name string) error

	// AddLoginAttempt stores that a login goes on elsewhere; TakeLoginAttempt takes it away, or is *headend.Unknown.
	AddLoginAttempt(ctx context.Context, hash []byte, now, expires time.Time) error
	TakeLoginAttempt(ctx context.Context, hash []byte, now time.Time) error

	OpenSession(ctx context.Context, hash []byte, s headend.Session, address string) error
	Session(ctx context.Context, hash []byte) (headend.Session, error)
	TouchSession(ctx context.Context, hash []byte, at time.Time) error
	EndSession(ctx context.Context, hash []byte) error

	AddToken(ctx context.Context, hash []byte, t headend.Token) (headend.Token, error)
	TokenWith(ctx context.Context, hash []byte) (headend.Token, *headend.Account, error) // nil: it is nobody's
	TouchToken(ctx context.Context, number int64, at time.Time) error
}

// Options say how long sessions last and how often may be asked. Zeros are the defaults.
type Options struct {
	Limits
	Rate int              // requests of a principal in a second; 0 is 50
	Cost Cost             // of a guess at a password; zero is PasswordCost
	Now  func() time.Time // nil is time.Now
	Log  *slog.Logger     // nil is slog.Default()
}

// Doors let people and programs in.
type Doors struct {
	store    Store
	limits   Limits
	hasher   *hasher
	now      func() time.Time
	log      *slog.Logger
	logins   *Rate         // attempts of an address
	strays   *Rate         // requests of an address with what lets nobody in
	requests *Rate         // of a principal
	lookups  chan struct{} // places for those asked of the store at once: a flood takes no more of its connections
}

// Bounds of what is asked.
const (
	hashesAtOnce  = 2
	lookupsAtOnce = 3
	mostKeys      = 50_000
)

// New makes the doors. It starts nothing.
func New(store Store, o Options) *Doors {
	if o.Session == 0 {
		o.Session = 12 * time.Hour
	}
	if o.Idle == 0 {
		o.Idle = 2 * time.Hour
	}
	if o.Rate == 0 {
		o.Rate = 50
	}
	if o.Cost == (Cost{}) {
		o.Cost = PasswordCost
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Doors{store: store, limits: o.Limits, hasher: newHasher(o.Cost, hashesAtOnce), now: o.Now, log: o.Log,
		logins:   &Rate{Every: 3 * time.Second, Burst: 30, Most: mostKeys},
		strays:   &Rate{Every: 100 * time.Millisecond, Burst: 200, Most: mostKeys},
		requests: &Rate{Every: time.Second / time.Duration(o.Rate), Burst: 4 * o.Rate, Most: mostKeys},
		lookups:  make(chan struct{}, lookupsAtOnce)}
}

// Login opens a session. Errors are headend.ErrDenied, *headend.TooMany and what the store returns.
func (d *Doors) Login(ctx context.Context, name, password, address string) (secret string, s headend.Session, err error) {
	now := d.now()
	if until, ok := d.logins.Take(address, now); !ok {
		return "", s, &headend.TooMany{What: "attempts to log in", Until: until}
	}
	name = strings.TrimSpace(name)
	if CheckName(name) != nil || len(password) > longestPassword || !utf8.ValidString(password) { // nobody's
		return "", s, headend.ErrDenied
	}
	if err := d.attempt(ctx, name, now); err != nil {
		return "", s, err
	}
	account, err := d.check(ctx, name, password)
	switch {
	case errors.Is(err, headend.ErrDenied):
		d.log.Warn("login refused", "name", name, "from", address)
		return "", s, err
	case err != nil:
		return "", s, err
	}
	if err := d.store.ForgetFailures(ctx, name); err != nil {
		return "", s, err
	}
	return d.open(ctx, account, address, now)
}

// attempt counts an attempt as failed before the password is looked at, so that many at once are as many.
func (d *Doors) attempt(ctx context.Context, name string, now time.Time) error {
	before, err := d.store.LoginFailures(ctx, name)
	if err != nil {
		return err
	}
	until := LockedUntil(before, now)
	if until.IsZero() {
		if before, err = d.store.CountFailure(ctx, name, now); err != nil {
			return err
		}
		until = LockedUntil(before, now)
	}
	if !until.IsZero() {
		return &headend.TooMany{What: "attempts to log in as " + name, Until: until}
	}
	return nil
}

// check returns the account whose password was given. It takes as long for a name that there is not.
func (d *Doors) check(ctx context.Context, name, password string) (headend.Account, error) {
	account, err := d.store.Account(ctx, name)
	if err != nil && !isUnknown(err) {
		return account, err
	}
	right, err := d.hasher.check(ctx, password, account.Password)
	if err != nil {
		return account, err
	}
	if !right || !account.Disabled.IsZero() {
		return account, headend.ErrDenied
	}
	return account, nil
}

func isUnknown(err error) bool {
	var unknown *headend.Unknown
	return errors.As(err, &unknown)
}

func (d *Doors) open(ctx context.Context, account headend.Account, address string, now time.Time) (string, headend.Session, error) {
	secret := NewSecret()
	s := headend.Session{Account: account, Made: now, Seen: now, Expires: now.Add(d.limits.Session)}
	if err := d.store.OpenSession(ctx, Hash(secret), s, address); err != nil {
		return "", s, err
	}
	return secret, s, nil
}

// Authenticate tells on whose behalf a request comes: by the token of its Authorization header where there is one, else by
// its session. It counts the request. Errors are headend.ErrDenied, *headend.TooMany and what the store returns.
func (d *Doors) Authenticate(ctx context.Context, token, session, address string) (*headend.Principal, error) {
	now := d.now()
	if until, ok := d.strays.Look(address, now); !ok {
		return nil, &headend.TooMany{What: "requests without a valid session or token", Until: until}
	}
	p, err := d.identify(ctx, token, session, now)
	if errors.Is(err, headend.ErrDenied) {
		d.strays.Take(address, now)
	}
	if err != nil {
		return nil, err
	}
	if until, ok := d.requests.Take(fmt.Sprintf("%d/%d", p.Account, p.Token), now); !ok {
		return nil, &headend.TooMany{What: "requests", Until: until}
	}
	return p, nil
}

// Still tells whether what let somebody in still does, without counting a request: for answers that have no end.
func (d *Doors) Still(ctx context.Context, token, session string) error {
	_, err := d.identify(ctx, token, session, d.now())
	return err
}

func (d *Doors) identify(ctx context.Context, token, session string, now time.Time) (*headend.Principal, error) {
	select {
	case d.lookups <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-d.lookups }()
	if token != "" {
		return d.byToken(ctx, token, now)
	}
	s, err := d.session(ctx, session, now)
	if err != nil {
		return nil, err
	}
	return principalOf(&s.Account), nil
}

func (d *Doors) byToken(ctx context.Context, secret string, now time.Time) (*headend.Principal, error) {
	if !isToken(secret) {
		return nil, headend.ErrDenied
	}
	t, owner, err := d.store.TokenWith(ctx, Hash(secret))
	switch {
	case isUnknown(err):
		return nil, headend.ErrDenied
	case err != nil:
		return nil, err
	case !t.Revoked.IsZero(), !t.Expires.IsZero() && !now.Before(t.Expires), owner != nil && !owner.Disabled.IsZero():
		return nil, headend.ErrDenied
	}
	if now.Sub(t.Used) >= time.Minute {
		if err := d.store.TouchToken(ctx, t.Number, now); err != nil {
			return nil, err
		}
	}
	p := &headend.Principal{Token: t.Number, Name: t.Name, Permissions: t.Permissions, Organisations: t.Organisations, Language: "en"}
	if owner != nil { // never more than its owner may do now
		p.Account, p.Role, p.Name, p.Language = owner.Number, owner.Role, owner.Name+"/"+t.Name, owner.Language
		allowed := owner.Role.Permissions()
		p.Permissions = slices.DeleteFunc(slices.Clone(t.Permissions), func(x headend.Permission) bool { return !slices.Contains(allowed, x) })
		if len(owner.Organisations) > 0 {
			p.Organisations = owner.Organisations
		}
	}
	return p, nil
}

// session is one that holds still.
func (d *Doors) session(ctx context.Context, secret string, now time.Time) (headend.Session, error) {
	if !isSecret(secret) {
		return headend.Session{}, headend.ErrDenied
	}
	s, err := d.store.Session(ctx, Hash(secret))
	switch {
	case isUnknown(err):
		return s, headend.ErrDenied
	case err != nil:
		return s, err
	case d.limits.Over(&s, now), !s.Account.Disabled.IsZero():
		if err := d.store.EndSession(ctx, Hash(secret)); err != nil {
			return s, err
		}
		return s, headend.ErrDenied
	}
	if now.Sub(s.Seen) >= time.Minute {
		if err := d.store.TouchSession(ctx, Hash(secret), now); err != nil {
			return s, err
		}
		s.Seen = now
	}
	return s, nil
}

func principalOf(a *headend.Account) *headend.Principal {
	return &headend.Principal{Account: a.Number, Name: a.Name, Role: a.Role, Permissions: a.Role.Permissions(), Organisations: a.Organisations, Language: a.Language}
}

// Session is the session of a cookie, or headend.ErrDenied.
func (d *Doors) Session(ctx context.Context, secret string) (headend.Session, error) {
	return d.session(ctx, secret, d.now())
}

// CSRF is what a request that changes something must bring beside the cookie of its session.
func (d *Doors) CSRF(secret string) string { return csrfOf(secret) }

// IsCSRF tells whether a request brought it.
func (d *Doors) IsCSRF(secret, given string) bool {
	return hmac.Equal([]byte(csrfOf(secret)), []byte(given))
}

// Logout ends a session.
func (d *Doors) Logout(ctx context.Context, secret string) error {
	if !isSecret(secret) {
		return nil
	}
	return d.store.EndSession(ctx, Hash(secret))
}

// ChangePassword changes the password of who is logged in, whose former one must be given, and ends its other sessions. A
// wrong former one is headend.ErrDenied, and counts as a failed login.
func (d *Doors) ChangePassword(ctx context.Context, secret, former, password string) error {
	now := d.now()
	s, err := d.session(ctx, secret, now)
	if err != nil {
		return err
	}
	if err := CheckPassword(s.Account.Name, password); err != nil {
		return err
	}
	if err := d.attempt(ctx, s.Account.Name, now); err != nil {
		return err
	}
	if _, err := d.check(ctx, s.Account.Name, former); err != nil {
		return err
	}
	if err := d.store.ForgetFailures(ctx, s.Account.Name); err != nil {
		return err
	}
	hash, err := d.hasher.make(ctx, password)
	if err != nil {
		return err
	}
	return d.store.SetPassword(ctx, s.Account.Number, hash, Hash(secret))
}

// ChangeLanguage changes the language of an account.
func (d *Doors) ChangeLanguage(ctx context.Context, account int64, language string) error {
	return d.store.SetLanguage(ctx, account, language)
}

// AddAccount makes an account that may log in with a password, or without one through the identity provider alone.
func (d *Doors) AddAccount(ctx context.Context, a headend.Account, password string) (headend.Account, error) {
	a.Name = strings.TrimSpace(a.Name)
	if err := CheckAccount(&a); err != nil {
		return a, err
	}
	if password == "" && a.Subject == "" {
		return a, &headend.BadRequest{Reason: "an account needs a password, or a subject at the identity provider, or nobody could come in with it"}
	}
	if password != "" {
		if err := CheckPassword(a.Name, password); err != nil {
			return a, err
		}
		var err error
		if a.Password, err = d.hasher.make(ctx, password); err != nil {
			return a, err
		}
	}
	a.Made = d.now()
	return d.store.AddAccount(ctx, a)
}

// SetPassword gives an account a password, and ends all its sessions.
func (d *Doors) SetPassword(ctx context.Context, name, password string) error {
	a, err := d.store.Account(ctx, name)
	if err != nil {
		return err
	}
	if err := CheckPassword(a.Name, password); err != nil {
		return err
	}
	hash, err := d.hasher.make(ctx, password)
	if err != nil {
		return err
	}
	if err := d.store.ForgetFailures(ctx, a.Name); err != nil {
		return err
	}
	return d.store.SetPassword(ctx, a.Number, hash, nil)
}

// NewPassword makes a password for a person or a device.
func (d *Doors) NewPassword() string { return NewPassword() }

// ChangeAccount changes what an account is, and its password unless that is "": one change, which ends all its sessions where it
// has another password or is disabled.
func (d *Doors) ChangeAccount(ctx context.Context, a headend.Account, password string) error {
	hash := ""
	if password != "" {
		var err error
		if err = CheckPassword(a.Name, password); err != nil {
			return err
		}
		if hash, err = d.hasher.make(ctx, password); err != nil {
			return err
		}
		if err := d.store.ForgetFailures(ctx, a.Name); err != nil {
			return err
		}
	}
	return d.store.ChangeAccountWithPassword(ctx, a, hash)
}

// AddToken makes a token and returns its secret, which cannot be had again.
func (d *Doors) AddToken(ctx context.Context, t headend.Token) (secret string, made headend.Token, err error) {
	t.Name = strings.TrimSpace(t.Name)
	t.Made = d.now()
	if err := CheckToken(&t); err != nil {
		return "", t, err
	}
	secret = NewToken()
	made, err = d.store.AddToken(ctx, Hash(secret), t)
	return secret, made, err
}

// CheckName tells why a name cannot be taken, as *headend.BadRequest.
func CheckName(name string) error {
	if name == "" || utf8.RuneCountInString(name) > 64 || !utf8.ValidString(name) || name != strings.TrimSpace(name) ||
		strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == '/' }) {
		return &headend.BadRequest{Reason: "a name has 1 to 64 printable characters, no / among them and no blanks at its ends"}
	}
	return nil
}

// CheckAccount tells what is wrong with an account, as *headend.BadRequest.
func CheckAccount(a *headend.Account) error {
	if a.Language == "" {
		a.Language = "vi"
	}
	switch err := CheckName(a.Name); {
	case err != nil:
		return err
	case !slices.Contains(headend.Roles, a.Role):
		return &headend.BadRequest{Reason: fmt.Sprintf("there is no role %q; there are %v", a.Role, headend.Roles)}
	case a.Language != "vi" && a.Language != "en":
		return &headend.BadRequest{Reason: fmt.Sprintf("there is no language %q; there are vi and en", a.Language)}
	case a.Subject != "":
		return headend.ValidateSubject(a.Subject)
	}
	return nil
}

// CheckToken tells what is wrong with a token, as *headend.BadRequest.
func CheckToken(t *headend.Token) error {
	if err := CheckName(t.Name); err != nil {
		return err
	}
	if len(t.Permissions) == 0 {
		return &headend.BadRequest{Reason: fmt.Sprintf("a token needs scopes, some of %v", headend.Permissions)}
	}
	for _, p := range t.Permissions {
		if !slices.Contains(headend.Permissions, p) {
			return &headend.BadRequest{Reason: fmt.Sprintf("there is no scope %q; there are %v", p, headend.Permissions)}
		}
	}
	if !t.Expires.IsZero() && !t.Expires.After(t.Made) {
		return &headend.BadRequest{Reason: "the token would be over before it is made"}
	}
	return nil
}

// AddFirstAccount makes an administrator where there is no account yet; made is false where there is one.
func (d *Doors) AddFirstAccount(ctx context.Context, name, password string) (made bool, err error) {
	hash, err := d.hasher.make(ctx, password)
	if err != nil {
		return false, err
	}
	return d.store.AddFirstAccount(ctx, headend.Account{Name: name, Language: "vi", Password: hash, Made: d.now()})
}
