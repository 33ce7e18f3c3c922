package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"lastgasp/headend"
	"lastgasp/headend/access"
	"lastgasp/timeseries"
)

// userCommand is `headend user`: accounts, at the database itself.
type userCommand struct {
	Add      userAdd      `cmd:"" help:"Make an account. Its password is asked for, read from standard input, or made and printed."`
	List     userList     `cmd:"" help:"List the accounts."`
	Password userPassword `cmd:"" help:"Give an account another password; all its sessions end."`
	Disable  userDisable  `cmd:"" help:"Let an account in no more; all its sessions end."`
	Enable   userEnable   `cmd:"" help:"Let an account in again."`
	Bind     userBind     `cmd:"" help:"Bind an account to a subject at the identity provider; all its sessions end."`
}

type userAdd struct {
	Name          string       `arg:""`
	Role          headend.Role `required:"" placeholder:"ROLE" help:"viewer, operator, billing, engineer or administrator."`
	Organisations []string     `name:"organisation" placeholder:"ID" help:"It sees this one and all below it; may be repeated (default: everything)."`
	Language      string       `default:"vi" help:"vi or en."`
	Subject       string       `placeholder:"ISSUER#SUBJECT" help:"At an identity provider; without a password it comes in that way alone."`
	NoPassword    bool         `help:"Only the identity provider lets it in."`
}

type userList struct{}

type userPassword struct {
	Name string `arg:""`
}

type userDisable struct {
	Name string `arg:""`
}

type userEnable struct {
	Name string `arg:""`
}

type userBind struct {
	Name    string `arg:""`
	Subject string `arg:"" optional:"" placeholder:"ISSUER#SUBJECT" help:"As the page says of which nobody is let in; without it the account is bound to none."`
}

// Run makes an account.
func (c *userAdd) Run(p *program) error {
	if c.NoPassword && c.Subject == "" {
		return errors.New("--no-password: with --subject alone, else nobody could come in")
	}
	return withDoors(p, func(store *timeseries.Store, doors *access.Doors) error {
		password, made := "", false
		if !c.NoPassword {
			var err error
			if password, made, err = p.newPassword(); err != nil {
				return err
			}
		}
		a, err := doors.AddAccount(p.acting("user add"), headend.Account{Name: c.Name, Role: c.Role, Organisations: c.Organisations, Language: c.Language, Subject: c.Subject}, password)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(p.stdout, "account %s, %s\n", a.Name, a.Role); err != nil || !made {
			return err
		}
		_, err = fmt.Fprintf(p.stdout, "password %s\n", password)
		return err
	})
}

// Run lists accounts.
func (c *userList) Run(p *program) error {
	return withDoors(p, func(store *timeseries.Store, _ *access.Doors) error {
		w := tabwriter.NewWriter(p.stdout, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tROLE\tORGANISATIONS\tLOGIN\tSINCE")
		for after := ""; ; {
			const some = 500
			found, err := store.Accounts(p.ctx, after, some)
			if err != nil {
				return err
			}
			for i := range found {
				a := &found[i]
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", a.Name, a.Role, orAll(a.Organisations), loginOf(a), a.Made.Format(time.DateOnly))
				after = a.Name
			}
			if len(found) < some {
				return w.Flush()
			}
		}
	})
}

func orAll(organisations []string) string {
	if len(organisations) == 0 {
		return "all"
	}
	return strings.Join(organisations, " ")
}

func loginOf(a *headend.Account) string {
	switch {
	case !a.Disabled.IsZero():
		return "disabled"
	case a.Password == "":
		return "identity provider"
	case a.Subject != "":
		return "password, identity provider"
	}
	return "password"
}

// Run changes a password.
func (c *userPassword) Run(p *program) error {
	return withDoors(p, func(store *timeseries.Store, doors *access.Doors) error {
		if _, err := store.Account(p.ctx, c.Name); err != nil { // before a password is asked for in vain
			return err
		}
		password, made, err := p.newPassword()
		if err != nil {
			return err
		}
		if err := doors.SetPassword(p.acting("user password"), c.Name, password); err != nil {
			return err
		}
		if !made {
			_, err = fmt.Fprintf(p.stdout, "%s has another password\n", c.Name)
		} else {
			_, err = fmt.Fprintf(p.stdout, "password %s\n", password)
		}
		return err
	})
}

// Run disables an account.
func (c *userDisable) Run(p *program) error { return setDisabled(p, c.Name, time.Now()) }

// Run enables an account.
func (c *userEnable) Run(p *program) error { return setDisabled(p, c.Name, time.Time{}) }

func setDisabled(p *program, name string, at time.Time) error {
	what, done := "user disable", "may not log in any more"
	if at.IsZero() {
		what, done = "user enable", "may log in"
	}
	return withDoors(p, func(store *timeseries.Store, _ *access.Doors) error {
		a, err := store.Account(p.ctx, name)
		if err != nil {
			return err
		}
		a.Disabled = at
		if err := store.ChangeAccount(p.acting(what), a); err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.stdout, "%s %s\n", a.Name, done)
		return err
	})
}

// Run binds an account.
func (c *userBind) Run(p *program) error {
	return withDoors(p, func(store *timeseries.Store, _ *access.Doors) error {
		a, err := store.Account(p.ctx, c.Name)
		if err != nil {
			return err
		}
		a.Subject = c.Subject
		if err := store.ChangeAccount(p.acting("user bind"), a); err != nil {
			return err
		}
		says := "is bound to no subject"
		if c.Subject != "" {
			says = "comes in as " + c.Subject
		}
		_, err = fmt.Fprintf(p.stdout, "%s %s\n", a.Name, says)
		return err
	})
}

// withDoors opens the database for a command about accounts and tokens.
func withDoors(p *program, do func(store *timeseries.Store, doors *access.Doors) error) error {
	config, err := p.config()
	if err != nil {
		return err
	}
	log := p.logger(config.Log)
	database, err := openDatabase(p.ctx, config, log, p.stderr)
	if err != nil {
		return err
	}
	return errors.Join(do(database.Store, newDoors(config.Access, database.Store, log)), database.Close())
}

// newPassword asks for a password twice on a terminal, reads it from standard input where that is a pipe with something in it,
// and makes one where nothing is said.
func (p *program) newPassword() (password string, made bool, err error) {
	switch {
	case p.stdin == nil:
	case term.IsTerminal(int(p.stdin.Fd())):
		password, err = p.askTwice()
	default:
		password, err = firstLine(p.stdin)
	}
	if err != nil || password != "" {
		return password, false, err
	}
	return access.NewPassword(), true, nil
}

func (p *program) askTwice() (string, error) {
	var typed [2]string
	for i, prompt := range []string{"Password (empty: one is made): ", "Again: "} {
		if i == 1 && typed[0] == "" {
			return "", nil
		}
		if _, err := fmt.Fprint(p.stderr, prompt); err != nil {
			return "", err
		}
		text, err := term.ReadPassword(int(p.stdin.Fd()))
		if err != nil {
			return "", err
		}
		if _, err := fmt.Fprintln(p.stderr); err != nil {
			return "", err
		}
		typed[i] = string(text)
	}
	if typed[0] != typed[1] {
		return "", errors.New("the two are not the same")
	}
	return typed[0], nil
}

func firstLine(f *os.File) (string, error) {
	lines := bufio.NewScanner(f)
	if lines.Scan() {
		return lines.Text(), nil
	}
	return "", lines.Err()
}

// tokenCommand is `headend token`: tokens, at the database itself.
type tokenCommand struct {
	Add    tokenAdd    `cmd:"" help:"Make a token and print it. It is not shown again."`
	List   tokenList   `cmd:"" help:"List the tokens."`
	Revoke tokenRevoke `cmd:"" help:"Let a token in no more."`
}

type tokenAdd struct {
	Name          string               `arg:""`
	Scopes        []headend.Permission `name:"scope" default:"look" help:"What it may do: look, operate, bill, maintain, sign, administer; may be repeated or separated by commas."`
	Organisations []string             `name:"organisation" placeholder:"ID" help:"It sees this one and all below it; may be repeated (default: everything)."`
	Expires       string               `default:"365d" help:"After which it lets nobody in; 0s: never."`
	User          string               `placeholder:"NAME" help:"Whose it is: it may no more than that account, and ends with it (default: nobody's)."`
}

type tokenList struct {
	All bool `help:"Revoked ones and those that are over too."`
}

type tokenRevoke struct {
	Number int64 `arg:"" help:"As in the list."`
}

// Run makes a token.
func (c *tokenAdd) Run(p *program) error {
	lasts, err := parseDuration(c.Expires)
	if err != nil {
		return fmt.Errorf("--expires: %w", err)
	}
	return withDoors(p, func(store *timeseries.Store, doors *access.Doors) error {
		ctx := p.acting("token add")
		t := headend.Token{Name: c.Name, Permissions: slices.Compact(slices.Sorted(slices.Values(c.Scopes))), Organisations: c.Organisations, By: headend.ActOf(ctx).Who}
		if lasts > 0 {
			t.Expires = time.Now().Add(lasts).UTC().Truncate(time.Second)
		}
		if c.User != "" {
			a, err := store.Account(p.ctx, c.User)
			if err != nil {
				return err
			}
			t.Account = a.Number
		}
		secret, _, err := doors.AddToken(ctx, t)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(p.stdout, secret)
		return err
	})
}

// Run lists tokens.
func (c *tokenList) Run(p *program) error {
	return withDoors(p, func(store *timeseries.Store, _ *access.Doors) error {
		w := tabwriter.NewWriter(p.stdout, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "NO\tNAME\tOF\tSCOPES\tORGANISATIONS\tEXPIRES\tLAST USED")
		for after := int64(0); ; {
			const some = 500
			found, err := store.Tokens(p.ctx, 0, after, some)
			if err != nil {
				return err
			}
			for i := range found {
				t := &found[i]
				if after = t.Number; c.All || t.Revoked.IsZero() && (t.Expires.IsZero() || t.Expires.After(time.Now())) {
					fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", t.Number, t.Name, t.Owner, joined(t.Permissions), orAll(t.Organisations), expiry(t), dateOrNever(t.Used))
				}
			}
			if len(found) < some {
				return w.Flush()
			}
		}
	})
}

func joined(permissions []headend.Permission) string {
	var words []string
	for _, p := range permissions {
		words = append(words, string(p))
	}
	return strings.Join(words, ",")
}

func expiry(t *headend.Token) string {
	if !t.Revoked.IsZero() {
		return "revoked"
	}
	return dateOrNever(t.Expires)
}

func dateOrNever(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format(time.DateOnly)
}

// Run revokes a token.
func (c *tokenRevoke) Run(p *program) error {
	return withDoors(p, func(store *timeseries.Store, _ *access.Doors) error {
		t, err := store.RevokeToken(p.acting("token revoke"), c.Number, 0, time.Now())
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.stdout, "token %d, %s, lets nobody in any more\n", t.Number, t.Name)
		return err
	})
}
