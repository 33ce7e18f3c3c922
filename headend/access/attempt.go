package access

import (
	"context"
	"time"

	"lastgasp/headend"
)

// attemptLasts is how long somebody may take at an identity provider.
const attemptLasts = 10 * time.Minute

// OpenAttempt begins a login that goes on at an identity provider. The secret stays in the browser; it is good until expires, for
// one CloseAttempt. It returns *headend.TooMany.
func (d *Doors) OpenAttempt(ctx context.Context, address string) (secret string, expires time.Time, err error) {
	now := d.now()
	if until, ok := d.logins.Take(address, now); !ok {
		return "", expires, &headend.TooMany{What: "attempts to log in", Until: until}
	}
	secret, expires = NewSecret(), now.Add(attemptLasts)
	return secret, expires, d.store.AddLoginAttempt(ctx, Hash(secret), now, expires)
}

// CloseAttempt ends such a login, once: headend.ErrDenied where it is over, or there was none.
func (d *Doors) CloseAttempt(ctx context.Context, secret, address string) error {
	now := d.now()
	if until, ok := d.strays.Look(address, now); !ok {
		return &headend.TooMany{What: "attempts to log in", Until: until}
	}
	if isSecret(secret) {
		if err := d.store.TakeLoginAttempt(ctx, Hash(secret), now); err == nil || !isUnknown(err) {
			return err
		}
	}
	d.strays.Take(address, now)
	return headend.ErrDenied
}

// LoginAs opens a session of the account that is bound to a subject, of which an identity provider has given proof. It returns
// *headend.LoginRefused where there is none, or it is disabled.
func (d *Doors) LoginAs(ctx context.Context, subject, address string) (secret string, s headend.Session, err error) {
	account, err := d.store.AccountOf(ctx, subject)
	switch {
	case isUnknown(err):
		return "", s, &headend.LoginRefused{Fault: headend.LoginUnknown, Subject: subject}
	case err != nil:
		return "", s, err
	case !account.Disabled.IsZero():
		return "", s, &headend.LoginRefused{Fault: headend.LoginDisabled, Subject: subject}
	}
	return d.open(ctx, account, address, d.now())
}
