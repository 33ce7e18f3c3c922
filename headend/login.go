package headend

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Subject is what an account is bound to at an identity provider: the issuer and its own name for the person. The same name at
// another issuer is somebody else.
func Subject(issuer, name string) string { return issuer + "#" + name }

// longestSubject is in bytes; of a provider's own name OpenID Connect allows 255.
const longestSubject = 512

// ValidateSubject tells why an account cannot be bound to a subject, as *BadRequest.
func ValidateSubject(subject string) error {
	issuer, name, ok := strings.Cut(subject, "#")
	if !ok || issuer == "" || name == "" || len(subject) > longestSubject || !utf8.ValidString(subject) ||
		strings.ContainsFunc(subject, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return &BadRequest{Reason: fmt.Sprintf("a subject is ISSUER#SUBJECT, as https://sso.example.com#8f14e45f, of at most %d printable bytes", longestSubject)}
	}
	return nil
}

// ProviderAnswer is what a browser brings back from an identity provider.
type ProviderAnswer struct {
	Secret  string // that was kept in the browser when the login began
	State   string
	Code    string
	Issuer  string // "" where the provider does not say it
	Fault   string // what the provider says against it; "" for nothing
	Back    string // address at which the browser came back
	Address string // of the client
}

// LoginFault is why nobody is let in who comes from an identity provider.
type LoginFault uint8

// The faults.
const (
	LoginAway     LoginFault = iota + 1 // the provider cannot be reached, or is not what the configuration says
	LoginForeign                        // it did not begin in this browser
	LoginOver                           // it has been carried out, or took too long
	LoginDeclined                       // the provider says no
	LoginUnproven                       // what the provider gave proves nothing here
	LoginUnknown                        // no account is bound to the subject
	LoginDisabled                       // the account is disabled
)

// LoginRefused says that nobody is let in who comes from an identity provider, and why.
type LoginRefused struct {
	Fault   LoginFault
	Subject string // where the provider has proven it
	Cause   error  // for the log; nil where the fault says it all
}

func (l *LoginRefused) Error() string {
	says := map[LoginFault]string{
		LoginAway:     "the identity provider does not answer as it should",
		LoginForeign:  "the login did not begin in this browser",
		LoginOver:     "the login has been carried out, or took too long",
		LoginDeclined: "the identity provider declines",
		LoginUnproven: "what the identity provider gave proves nothing here",
		LoginUnknown:  "no account is bound to the subject " + l.Subject,
		LoginDisabled: "the account of the subject " + l.Subject + " is disabled",
	}[l.Fault]
	if l.Cause != nil {
		return says + ": " + l.Cause.Error()
	}
	return says
}

// Unwrap is the cause.
func (l *LoginRefused) Unwrap() error { return l.Cause }
