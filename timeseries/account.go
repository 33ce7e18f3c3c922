package timeseries

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"lastgasp/headend"
)

// ErrLastAdministrator says that nobody would be left who may make accounts.
var ErrLastAdministrator = &headend.BadRequest{Reason: "this is the last administrator of everything who may log in; make another one first"}

// Account is the account of a name, whatever the case of its letters, or *headend.Unknown.
func (s *Store) Account(ctx context.Context, name string) (headend.Account, error) {
	return s.account(ctx, sqlAccountByName, name, name)
}

// AccountOf is the account of a subject at an identity provider, or *headend.Unknown.
func (s *Store) AccountOf(ctx context.Context, subject string) (headend.Account, error) {
	return s.account(ctx, sqlAccountBySubject, subject, subject)
}

func (s *Store) account(ctx context.Context, condition string, value any, id string) (a headend.Account, err error) {
	err = s.readAll(ctx, func(tx pgx.Tx) error {
		a, err = oneAccount(ctx, tx, condition, value, id)
		return err
	})
	if err != nil {
		return a, fmt.Errorf("account: %w", err)
	}
	return a, nil
}

func oneAccount(ctx context.Context, tx pgx.Tx, condition string, value any, id string) (headend.Account, error) {
	found, err := list(ctx, tx, scanAccount, picked(sqlAccountSelect, pick{"one", condition}), value)
	if err != nil {
		return headend.Account{}, err
	}
	if len(found) == 0 {
		return headend.Account{}, &headend.Unknown{What: "account", ID: id}
	}
	return found[0], nil
}

// Accounts lists at most so many accounts in the order of their names, after one.
func (s *Store) Accounts(ctx context.Context, after string, limit int) (found []headend.Account, err error) {
	err = s.readAll(ctx, func(tx pgx.Tx) error {
		found, err = list(ctx, tx, scanAccount, picked(sqlAccountSelect, pick{"list", sqlAccountList}), after, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	return found, nil
}

func scanAccount(row pgx.CollectableRow) (a headend.Account, err error) {
	var disabled *time.Time
	err = row.Scan(&a.Number, &a.Name, &a.Role, &a.Organisations, &a.Language, &a.Password, &a.Subject, &disabled, &a.Made)
	a.Disabled, a.Made = end(disabled), a.Made.UTC()
	return a, err
}

// AddAccount makes an account. It returns it with its number, *headend.Taken for a name that is in use, and *headend.Unknown for an
// organisation that is not there.
func (s *Store) AddAccount(ctx context.Context, a headend.Account) (headend.Account, error) {
	a.Organisations = ofNames(a.Organisations)
	err := s.change(ctx, func(tx pgx.Tx) error {
		if err := known(ctx, tx, sqlOrganisationUnknown, a.Organisations); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, sqlAccountInsert, a.Name, a.Role, a.Organisations, a.Language, a.Password, a.Subject, a.Made).Scan(&a.Number); err != nil {
			return takenAccount(err, &a)
		}
		return audit(ctx, tx, "accounts/"+a.Name, nil, auditedAccountOf(&a))
	})
	if err != nil {
		return a, fmt.Errorf("account: %w", err)
	}
	return a, nil
}

// AddFirstAccount makes an administrator of everything in a store without accounts; made is false where there is one.
func (s *Store) AddFirstAccount(ctx context.Context, a headend.Account) (made bool, err error) {
	a.Role, a.Organisations = headend.Administrator, []string{}
	err = s.change(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlAccountLock); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, sqlAccountFirst, a.Name, a.Language, a.Password, a.Made).Scan(&a.Number)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		made = true
		return audit(ctx, tx, "accounts/"+a.Name, nil, auditedAccountOf(&a))
	})
	if err != nil {
		return false, fmt.Errorf("first account: %w", err)
	}
	return made, nil
}

// errNoWayIn says that an account would be left with nothing to log in with.
var errNoWayIn = &headend.BadRequest{Reason: "the account has no password: bound to no subject nobody could come in with it; give it a password first"}

// ChangeAccount writes role, organisations, language, subject and whether an account is disabled; who is disabled, or bound to
// another subject, is out at once. It returns *headend.Unknown, *headend.Taken for a subject that another account is bound to, and
// *headend.BadRequest, such as ErrLastAdministrator.
func (s *Store) ChangeAccount(ctx context.Context, a headend.Account) error {
	return s.ChangeAccountWithPassword(ctx, a, "")
}

// ChangeAccountWithPassword is ChangeAccount that also writes the hash of another password, which ends all sessions of the account;
// "" leaves the password as it is.
func (s *Store) ChangeAccountWithPassword(ctx context.Context, a headend.Account, password string) error {
	a.Organisations = ofNames(a.Organisations)
	err := s.change(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlAccountLock); err != nil { // so that two do not disable each other
			return err
		}
		before, err := oneAccount(ctx, tx, sqlAccountByNumber, a.Number, a.Name)
		if err != nil {
			return err
		}
		rebound := a.Subject != before.Subject
		switch {
		case rebound && a.Subject == "" && before.Password == "" && password == "":
			return errNoWayIn
		case rebound && a.Subject != "":
			if err := headend.ValidateSubject(a.Subject); err != nil {
				return err
			}
		}
		if err := known(ctx, tx, sqlOrganisationUnknown, a.Organisations); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlAccountUpdate, a.Number, a.Role, a.Organisations, a.Language, orNull(a.Disabled), a.Subject); err != nil {
			return taken(err, "subject", a.Subject)
		}
		var administrators int
		if err := tx.QueryRow(ctx, sqlAccountAdministrators).Scan(&administrators); err != nil {
			return err
		}
		if administrators == 0 {
			return ErrLastAdministrator
		}
		if password != "" {
			if _, err := tx.Exec(ctx, sqlAccountPassword, a.Number, password); err != nil {
				return err
			}
		}
		if !a.Disabled.IsZero() || password != "" || rebound {
			if _, err := tx.Exec(ctx, sqlSessionEndOthers, a.Number, nil); err != nil {
				return err
			}
		}
		after := auditedAccountOf(&a)
		after.PasswordChanged = password != ""
		return audit(ctx, tx, "accounts/"+before.Name, auditedAccountOf(&before), after)
	})
	if err != nil {
		return fmt.Errorf("account: %w", err)
	}
	return nil
}

// SetPassword writes the hash of a password, and ends every session of the account but the one with the hash keep.
func (s *Store) SetPassword(ctx context.Context, account int64, password string, keep []byte) error {
	err := s.change(ctx, func(tx pgx.Tx) error {
		a, err := oneAccount(ctx, tx, sqlAccountByNumber, account, "")
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlAccountPassword, account, password); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlSessionEndOthers, account, keep); err != nil {
			return err
		}
		former := "set"
		if a.Password == "" {
			former = "none"
		}
		return audit(ctx, tx, "accounts/"+a.Name, map[string]string{"password": former}, map[string]string{"password": "changed"})
	})
	if err != nil {
		return fmt.Errorf("password: %w", err)
	}
	return nil
}

// SetLanguage writes the language of an account.
func (s *Store) SetLanguage(ctx context.Context, account int64, language string) error {
	err := s.change(ctx, func(tx pgx.Tx) error {
		a, err := oneAccount(ctx, tx, sqlAccountByNumber, account, "")
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlAccountLanguage, account, language); err != nil {
			return err
		}
		return audit(ctx, tx, "accounts/"+a.Name, map[string]string{"language": a.Language}, map[string]string{"language": language})
	})
	if err != nil {
		return fmt.Errorf("language: %w", err)
	}
	return nil
}

// auditedAccount is what the trail shows of an account: all but its secret.
type auditedAccount struct {
	Name            string   `json:"name"`
	Role            string   `json:"role"`
	Organisations   []string `json:"organisations"`
	Language        string   `json:"language"`
	Subject         string   `json:"subject,omitempty"`
	Disabled        bool     `json:"disabled"`
	PasswordChanged bool     `json:"password_changed,omitempty"`
}

func auditedAccountOf(a *headend.Account) *auditedAccount {
	return &auditedAccount{Name: a.Name, Role: string(a.Role), Organisations: ofNames(a.Organisations), Language: a.Language, Subject: a.Subject, Disabled: !a.Disabled.IsZero()}
}

// taken is *headend.Taken where a name is in use.
func taken(err error, what, id string) error {
	var server *pgconn.PgError
	if errors.As(err, &server) && server.Code == "23505" {
		return &headend.Taken{What: what, ID: id}
	}
	return err
}

// takenAccount is *headend.Taken where the name of an account, or its subject, is in use.
func takenAccount(err error, a *headend.Account) error {
	var server *pgconn.PgError
	if errors.As(err, &server) && server.ConstraintName == "account_subject_key" {
		return taken(err, "subject", a.Subject)
	}
	return taken(err, "account", a.Name)
}

func ofNames(texts []string) []string {
	if texts == nil {
		return []string{}
	}
	return slices.Clone(texts)
}

// LoginFailures are the refused attempts under a name.
func (s *Store) LoginFailures(ctx context.Context, name string) (f headend.Failures, err error) {
	f, err = failures(s.pool.QueryRow(ctx, sqlLoginFailureSelect, name))
	return f, unlessNil("failures", slow(ctx, err))
}

func failures(row pgx.Row) (f headend.Failures, err error) {
	err = row.Scan(&f.Count, &f.Last)
	if errors.Is(err, pgx.ErrNoRows) {
		return f, nil
	}
	return f, err
}

// CountFailure counts one more refused attempt, and returns those before it. Of several at once each sees those before.
func (s *Store) CountFailure(ctx context.Context, name string, at time.Time) (f headend.Failures, err error) {
	err = s.transact(ctx, func(tx pgx.Tx) error {
		if f, err = failures(tx.QueryRow(ctx, sqlLoginFailureLock, name)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, sqlLoginFailureCount, name, at)
		return err
	})
	return f, unlessNil("failures", err)
}

// ForgetFailures forgets the refused attempts under a name.
func (s *Store) ForgetFailures(ctx context.Context, name string) error {
	_, err := s.pool.Exec(ctx, sqlLoginFailureForget, name)
	return unlessNil("failures", slow(ctx, err))
}

func unlessNil(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
