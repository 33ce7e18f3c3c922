package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"

	"lastgasp/headend"
	"lastgasp/headend/access"
	"lastgasp/headend/access/oidc"
	"lastgasp/timeseries"
)

// newDoors makes what lets people and programs in.
func newDoors(c AccessConfig, store *timeseries.Store, log *slog.Logger) *access.Doors {
	return access.New(store, access.Options{Limits: access.Limits{Session: c.Session, Idle: c.Idle}, Rate: c.Rate, Log: log})
}

// newProvider makes the way in through an identity provider; nil where none is configured.
func newProvider(c OIDCConfig, doors *access.Doors) *oidc.Provider {
	if c.Issuer == "" {
		return nil
	}
	return oidc.New(oidc.Config{Issuer: c.Issuer, ClientID: c.ClientID, Name: c.Name,
		Secret: func() (string, error) { return readSecretFile(c.ClientSecretFile) }}, doors)
}

// proxies reads addresses and networks of proxies, which have been checked.
func (c AccessConfig) proxies() []netip.Prefix {
	var out []netip.Prefix
	for _, text := range c.Proxies {
		if prefix, err := parsePrefix(text); err == nil {
			out = append(out, prefix)
		}
	}
	return out
}

func parsePrefix(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}

// Files beside the private database, for whoever runs the head-end on this machine alone.
const (
	firstLoginFile    = "first-login"
	demoLoginFile     = "demo-login"
	operatorTokenFile = "operator.token"
)

// besidePrivate is the path of a file in the folder that holds the private database.
func besidePrivate(c Config, name string) string {
	return filepath.Join(filepath.Dir(c.Database.PrivateDir), name)
}

// openDoors sees to it that somebody can come in: an administrator, where there is no account yet, and with a private database a
// token for the command line of this machine.
func openDoors(p *program, c Config, store *timeseries.Store, doors *access.Doors, log *slog.Logger) error {
	ctx := p.acting("first start")
	if err := firstAdministrator(ctx, p, c, store, doors, log); err != nil {
		return err
	}
	if c.Database.URL != "" || c.HTTP.Listen == "" {
		return nil
	}
	return keepOperatorToken(ctx, c, store, doors)
}

// firstAdministrator makes the account admin in a database without accounts. Its password is told once: on the terminal, or else
// in a file that only the head-end's own account can read.
func firstAdministrator(ctx context.Context, p *program, c Config, store *timeseries.Store, doors *access.Doors, log *slog.Logger) error {
	found, err := store.Accounts(ctx, "", 1)
	if err != nil || len(found) > 0 {
		return err
	}
	name, password, file := "admin", access.NewPassword(), besidePrivate(c, firstLoginFile)
	onTerminal := isTerminal(p.stderr)
	if p.demo {
		file = besidePrivate(c, demoLoginFile)
	}
	if p.demo || !onTerminal {
		// Written before there is the account: an account whose password nobody knows would keep everybody out.
		if err := writePrivate(file, name+" "+password+"\n"); err != nil {
			log.Warn("there is no account yet, and no place for the password of a first one; make one with: headend user add NAME --role administrator", "error", err)
			return nil
		}
	}
	made, err := doors.AddFirstAccount(ctx, name, password)
	switch {
	case err != nil:
		return err
	case !made: // another head-end on this database was quicker, and told its own
		return removeIf(p.demo || !onTerminal, file)
	case p.demo: // greet says it
		return nil
	case onTerminal:
		_, err := fmt.Fprintf(p.stderr, "\nThis database has no accounts yet. An administrator has been made; its password is not shown again:\n\n    name      %s\n    password  %s\n\n", name, password)
		return err
	}
	log.Warn("an administrator has been made, because there was no account; change its password after the first login, and delete the file", "name", name, "password_in", file)
	return nil
}

func removeIf(remove bool, file string) error {
	if !remove {
		return nil
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// demoLogin is the login that the demonstration prints; "" where its file has gone.
func demoLogin(c Config) (name, password string) {
	text, err := readSecretFile(besidePrivate(c, demoLoginFile))
	if err != nil {
		return "", ""
	}
	name, password, _ = strings.Cut(text, " ")
	return name, password
}

// operatorTokenName is the token of the command line of the machine that has the private database.
const operatorTokenName = "command line of this machine"

// keepOperatorToken writes a token for commands of this machine, unless there is one that still holds. Whoever can read the file
// can read the database beside it too.
func keepOperatorToken(ctx context.Context, c Config, store *timeseries.Store, doors *access.Doors) error {
	file := besidePrivate(c, operatorTokenFile)
	if secret, err := readSecretFile(file); err == nil {
		if err := doors.Still(ctx, secret, ""); err == nil {
			return nil
		} else if !errors.Is(err, headend.ErrDenied) {
			return err
		}
	}
	for after := int64(0); ; {
		const some = 100
		found, err := store.Tokens(ctx, 0, after, some)
		if err != nil {
			return err
		}
		for _, t := range found {
			if after = t.Number; t.Name == operatorTokenName && t.Account == 0 && t.Revoked.IsZero() {
				if _, err := store.RevokeToken(ctx, t.Number, 0, time.Now()); err != nil {
					return err
				}
			}
		}
		if len(found) < some {
			break
		}
	}
	secret, _, err := doors.AddToken(ctx, headend.Token{Name: operatorTokenName, Permissions: []headend.Permission{headend.MayLook, headend.MayOperate}, By: headend.ActOf(ctx).Who})
	var taken *headend.Taken
	if errors.As(err, &taken) { // another head-end on this database is making one
		return nil
	}
	if err != nil {
		return err
	}
	return writePrivate(file, secret+"\n")
}

// writePrivate writes a file that only its owner can read, whole or not at all.
func writePrivate(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return os.Rename(file.Name(), name)
}

// acting is a context in which whoever runs the program does something: it stands in the audit trail under the name of the
// operating system's account, marked as such. An entry of the API always has an address, one of these never.
func (p *program) acting(what string) context.Context {
	who := fmt.Sprintf("uid %d at the command line", os.Getuid())
	if u, err := user.Current(); err == nil {
		who = u.Username + " at the command line"
	}
	return headend.WithAct(p.ctx, &headend.Act{Who: who, What: what})
}

// isTerminal tells whether somebody reads along.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
