package timeseries

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// OpenSession stores a session under the hash of its secret.
func (s *Store) OpenSession(ctx context.Context, hash []byte, session headend.Session, address string) error {
	err := s.change(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlSessionInsert, hash, session.Account.Number, session.Made, session.Expires, address); err != nil {
			return err
		}
		if act := headend.ActOf(ctx); act != nil && act.Who == "" {
			act.Who, act.Role = session.Account.Name, session.Account.Role // until now nobody knew
		}
		return audit(ctx, tx, "accounts/"+session.Account.Name, nil, map[string]any{"session_expires": session.Expires.UTC().Truncate(time.Second)})
	})
	return unlessNil("session", err)
}

// mostLoginAttempts is how many logins may be under way at an identity provider.
const mostLoginAttempts = 100_000

// AddLoginAttempt stores that a login goes on at an identity provider, under the hash of what the browser keeps; *headend.TooMany
// where there are too many.
func (s *Store) AddLoginAttempt(ctx context.Context, hash []byte, now, expires time.Time) error {
	done, err := s.pool.Exec(ctx, sqlLoginAttemptInsert, hash, now, expires, mostLoginAttempts)
	if err == nil && done.RowsAffected() == 0 {
		return &headend.TooMany{What: "logins under way", Until: expires}
	}
	return unlessNil("login attempt", slow(ctx, err))
}

// TakeLoginAttempt takes one away, or returns *headend.Unknown where there is none, or none any more.
func (s *Store) TakeLoginAttempt(ctx context.Context, hash []byte, now time.Time) error {
	done, err := s.pool.Exec(ctx, sqlLoginAttemptTake, hash, now)
	if err == nil && done.RowsAffected() == 0 {
		return &headend.Unknown{What: "login attempt"}
	}
	return unlessNil("login attempt", slow(ctx, err))
}

// Session is the session whose secret has a hash, or *headend.Unknown. Whether it is over is for others to say.
func (s *Store) Session(ctx context.Context, hash []byte) (session headend.Session, err error) {
	rows, err := s.pool.Query(ctx, sqlSessionSelect, hash)
	if err == nil {
		session, err = pgx.CollectExactlyOneRow(rows, scanSession)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return session, &headend.Unknown{What: "session"}
	}
	return session, unlessNil("session", slow(ctx, err))
}

func scanSession(row pgx.CollectableRow) (session headend.Session, err error) {
	var disabled *time.Time
	a := &session.Account
	err = row.Scan(&session.Made, &session.Seen, &session.Expires,
		&a.Number, &a.Name, &a.Role, &a.Organisations, &a.Language, &a.Password, &a.Subject, &disabled, &a.Made)
	session.Made, session.Seen, session.Expires = session.Made.UTC(), session.Seen.UTC(), session.Expires.UTC()
	a.Disabled, a.Made = end(disabled), a.Made.UTC()
	return session, err
}

// TouchSession notes when a session was last used.
func (s *Store) TouchSession(ctx context.Context, hash []byte, at time.Time) error {
	_, err := s.pool.Exec(ctx, sqlSessionTouch, hash, at)
	return unlessNil("session", slow(ctx, err))
}

// EndSession ends a session; one that is over already is no error.
func (s *Store) EndSession(ctx context.Context, hash []byte) error {
	err := s.change(ctx, func(tx pgx.Tx) error {
		ended, err := list(ctx, tx, scanSession, sqlSessionSelect, hash)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlSessionEnd, hash); err != nil || len(ended) == 0 {
			return err
		}
		return audit(ctx, tx, "accounts/"+ended[0].Account.Name, map[string]any{"session_expires": ended[0].Expires.Truncate(time.Second)}, map[string]string{"session": "ended"})
	})
	return unlessNil("session", err)
}

// dropSessions drops sessions that are over.
func (s *Store) dropSessions(ctx context.Context, now time.Time) error {
	_, err := s.pool.Exec(ctx, sqlSessionDrop, now)
	return unlessNil("sessions", slow(ctx, err))
}

// AddToken stores a token under the hash of its secret, and returns it with its number; *headend.Taken where its owner has one of
// the name, *headend.Unknown for an organisation that is not there.
func (s *Store) AddToken(ctx context.Context, hash []byte, t headend.Token) (headend.Token, error) {
	t.Organisations = ofNames(t.Organisations)
	err := s.change(ctx, func(tx pgx.Tx) error {
		if err := known(ctx, tx, sqlOrganisationUnknown, t.Organisations); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, sqlTokenInsert, hash, t.Name, t.Account, t.Permissions, t.Organisations, t.Made, t.By, orNull(t.Expires)).Scan(&t.Number); err != nil {
			return taken(err, "token", t.Name)
		}
		return audit(ctx, tx, "tokens/"+t.Name, nil, auditedToken(&t))
	})
	return t, unlessNil("token", err)
}

// TokenWith is the token whose secret has a hash, and its owner, nil where it is nobody's; or *headend.Unknown.
func (s *Store) TokenWith(ctx context.Context, hash []byte) (t headend.Token, owner *headend.Account, err error) {
	err = s.readAll(ctx, func(tx pgx.Tx) error {
		if t, err = oneToken(ctx, tx, sqlTokenByHash, hash); err != nil || t.Account == 0 {
			return err
		}
		a, err := oneAccount(ctx, tx, sqlAccountByNumber, t.Account, t.Owner)
		owner = &a
		return err
	})
	return t, owner, unlessNil("token", err)
}

func oneToken(ctx context.Context, tx pgx.Tx, condition string, value any) (headend.Token, error) {
	found, err := list(ctx, tx, scanToken, picked(sqlTokenSelect, pick{"one", condition}), value)
	if err != nil {
		return headend.Token{}, err
	}
	if len(found) == 0 {
		return headend.Token{}, &headend.Unknown{What: "token"}
	}
	return found[0], nil
}

// Tokens lists at most so many tokens in the order of their numbers, after one; of an account, or all for 0.
func (s *Store) Tokens(ctx context.Context, account, after int64, limit int) (found []headend.Token, err error) {
	err = s.readAll(ctx, func(tx pgx.Tx) error {
		found, err = list(ctx, tx, scanToken, picked(sqlTokenSelect, pick{"list", sqlTokenList}), after, limit, account)
		return err
	})
	return found, unlessNil("tokens", err)
}

// RevokeToken ends a token, of an account or of anybody for 0, and returns it, or *headend.Unknown.
func (s *Store) RevokeToken(ctx context.Context, number, account int64, at time.Time) (t headend.Token, err error) {
	err = s.change(ctx, func(tx pgx.Tx) error {
		if t, err = oneToken(ctx, tx, sqlTokenByNumber, number); err != nil {
			return err
		}
		if account != 0 && t.Account != account {
			return &headend.Unknown{What: "token"}
		}
		if _, err := tx.Exec(ctx, sqlTokenRevoke, number, at); err != nil {
			return err
		}
		before := auditedToken(&t)
		if t.Revoked.IsZero() {
			t.Revoked = at
		}
		return audit(ctx, tx, "tokens/"+t.Name, before, auditedToken(&t))
	})
	return t, unlessNil("token", err)
}

// TouchToken notes when a token was last used.
func (s *Store) TouchToken(ctx context.Context, number int64, at time.Time) error {
	_, err := s.pool.Exec(ctx, sqlTokenTouch, number, at)
	return unlessNil("token", slow(ctx, err))
}

func scanToken(row pgx.CollectableRow) (t headend.Token, err error) {
	var expires, used, revoked *time.Time
	err = row.Scan(&t.Number, &t.Name, &t.Account, &t.Owner, &t.Permissions, &t.Organisations, &t.Made, &t.By, &expires, &used, &revoked)
	t.Made, t.Expires, t.Used, t.Revoked = t.Made.UTC(), end(expires), end(used), end(revoked)
	return t, err
}

// auditedToken is what the trail shows of a token: all but its secret.
func auditedToken(t *headend.Token) any {
	return struct {
		Number        int64                `json:"number"`
		Name          string               `json:"name"`
		Account       int64                `json:"account,omitempty"`
		Permissions   []headend.Permission `json:"scopes"`
		Organisations []string             `json:"organisations"`
		Expires       *time.Time           `json:"expires,omitempty"`
		Revoked       bool                 `json:"revoked"`
	}{t.Number, t.Name, t.Account, t.Permissions, ofNames(t.Organisations), orNull(t.Expires), !t.Revoked.IsZero()}
}
