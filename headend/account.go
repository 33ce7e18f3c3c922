package headend

import (
	"errors"
	"time"
)

// Account is a person who may log in.
type Account struct {
	Number        int64
	Name          string // unique whatever the case of its letters
	Role          Role
	Organisations []string  // with all below them; none: everything
	Language      string    // vi or en
	Password      string    // argon2id, in the PHC form; "" where only the identity provider lets it in
	Subject       string    // issuer and subject at an identity provider; "" for none
	Disabled      time.Time // zero: it may log in
	Made          time.Time
}

// Session is an account that is logged in from one browser.
type Session struct {
	Account Account
	Made    time.Time
	Seen    time.Time // last request, to a minute
	Expires time.Time // whatever is done
}

// Token lets a program in.
type Token struct {
	Number        int64
	Name          string
	Account       int64        // whose it is; 0: nobody's, made on the machine of the head-end
	Owner         string       // name of that account
	Permissions   []Permission // those of its owner's role that it has
	Organisations []string     // none: all that its owner sees
	Made          time.Time
	By            string    // who made it
	Expires       time.Time // zero: never
	Used          time.Time // last request, to a minute; zero: never
	Revoked       time.Time // zero: it holds
}

// Failures are the refused attempts to log in under a name since the last one that succeeded.
type Failures struct {
	Count int
	Last  time.Time
}

// ErrDenied says that nobody is let in with what was shown: a name, a password, a session or a token is unknown, wrong or
// over. It does not say which.
var ErrDenied = errors.New("not let in")

// TooMany says that somebody asks too often, and when it may ask again.
type TooMany struct {
	What  string // attempts, requests
	Until time.Time
}

func (t *TooMany) Error() string { return "too many " + t.What + "; try again later" }

// Taken says that a name is in use.
type Taken struct{ What, ID string }

func (t *Taken) Error() string { return t.What + " " + t.ID + " is there already" }
