package oidc

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	coreos "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"lastgasp/headend"
)

// Doors is what is needed of access.Doors.
type Doors interface {
	// OpenAttempt begins a login elsewhere, CloseAttempt ends it, once: headend.ErrDenied where it is over.
	OpenAttempt(ctx context.Context, address string) (secret string, expires time.Time, err error)
	CloseAttempt(ctx context.Context, secret, address string) error
	// LoginAs opens a session, or returns *headend.LoginRefused.
	LoginAs(ctx context.Context, subject, address string) (secret string, s headend.Session, err error)
}

// derived is one of the values that follow from the secret of an attempt; none tells anything of another.
func derived(secret, what string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("lastgasp oidc " + what))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Begin gives the address at the provider at which a login goes on, and the secret that the browser keeps until expires. The
// provider sends it back to the address back, which it has to know. address is the client's.
func (p *Provider) Begin(ctx context.Context, back, address string) (there, secret string, expires time.Time, err error) {
	if secret, expires, err = p.doors.OpenAttempt(ctx, address); err != nil {
		return "", "", expires, err
	}
	known, err := p.provider(ctx)
	if err != nil {
		return "", "", expires, away(err)
	}
	c := oauth2.Config{ClientID: p.config.ClientID, Endpoint: known.endpoint, RedirectURL: back, Scopes: []string{coreos.ScopeOpenID}}
	return c.AuthCodeURL(derived(secret, "state"), coreos.Nonce(derived(secret, "nonce")), oauth2.S256ChallengeOption(derived(secret, "verifier"))), secret, expires, nil
}

// Finish opens a session for who comes back from the provider.
func (p *Provider) Finish(ctx context.Context, a headend.ProviderAnswer) (secret string, s headend.Session, err error) {
	// Who was sent here by somebody else's page must not use up the attempt under way in this browser.
	if a.Secret == "" || !hmac.Equal([]byte(a.State), []byte(derived(a.Secret, "state"))) {
		return "", s, &headend.LoginRefused{Fault: headend.LoginForeign}
	}
	if err := p.doors.CloseAttempt(ctx, a.Secret, a.Address); errors.Is(err, headend.ErrDenied) {
		return "", s, &headend.LoginRefused{Fault: headend.LoginOver}
	} else if err != nil {
		return "", s, err
	}
	switch {
	case a.Issuer != "" && a.Issuer != p.config.Issuer: // an answer of another provider (RFC 9207)
		return "", s, unproven(fmt.Errorf("the answer is of the issuer %q", clip(a.Issuer)))
	case a.Fault != "":
		return "", s, &headend.LoginRefused{Fault: headend.LoginDeclined, Cause: errors.New(clip(a.Fault))}
	case a.Code == "":
		return "", s, unproven(errors.New("the answer has no code"))
	}
	known, err := p.provider(ctx)
	if err != nil {
		return "", s, away(err)
	}
	raw, err := p.exchange(ctx, known, &a)
	if err != nil {
		return "", s, err
	}
	name, err := p.proven(ctx, known, raw, derived(a.Secret, "nonce"))
	if err != nil {
		return "", s, err
	}
	return p.doors.LoginAs(ctx, headend.Subject(p.config.Issuer, name), a.Address)
}

func unproven(err error) error {
	return &headend.LoginRefused{Fault: headend.LoginUnproven, Cause: err}
}

// exchange gives the code, the verifier and the client's own secret for an ID token.
func (p *Provider) exchange(ctx context.Context, known *known, a *headend.ProviderAnswer) (raw string, err error) {
	own, err := p.config.Secret()
	if err != nil {
		return "", away(err)
	}
	c := oauth2.Config{ClientID: p.config.ClientID, ClientSecret: own, Endpoint: known.endpoint, RedirectURL: a.Back}
	token, err := c.Exchange(coreos.ClientContext(ctx, p.client), a.Code, oauth2.VerifierOption(derived(a.Secret, "verifier")))
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.ErrorCode == "invalid_grant":
		return "", unproven(errors.New("the provider takes the code no more"))
	case errors.As(err, &refused) && refused.ErrorCode != "": // invalid_client: the secret in the configuration is wrong
		return "", away(fmt.Errorf("it refuses to give a token: %s %s", clip(refused.ErrorCode), clip(refused.ErrorDescription)))
	case errors.As(err, &refused):
		return "", away(fmt.Errorf("it refuses to give a token: %s", refused.Response.Status)) // not its words, which may repeat the code
	case err != nil:
		return "", away(clipped(err))
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return "", away(errors.New("it gave a token without an ID token"))
	}
	return raw, nil
}

// proven is the provider's own name for who has logged in there (OpenID Connect Core 1.0, 3.1.3.7).
func (p *Provider) proven(ctx context.Context, known *known, raw, nonce string) (string, error) {
	token, err := known.verifier.Verify(coreos.ClientContext(ctx, p.client), raw)
	if err != nil {
		return "", unproven(clipped(err))
	}
	var more struct {
		Party string `json:"azp"`
	}
	if err := token.Claims(&more); err != nil {
		return "", unproven(clipped(err))
	}
	switch {
	case !hmac.Equal([]byte(token.Nonce), []byte(nonce)):
		return "", unproven(errors.New("the ID token is of another login: its nonce differs"))
	case more.Party != "" && more.Party != p.config.ClientID,
		more.Party == "" && slices.ContainsFunc(token.Audience, func(a string) bool { return a != p.config.ClientID }):
		return "", unproven(errors.New("the ID token was made for another program"))
	case token.Subject == "":
		return "", unproven(errors.New("the ID token names nobody"))
	}
	subject := headend.Subject(p.config.Issuer, token.Subject)
	if err := headend.ValidateSubject(subject); err != nil {
		return "", unproven(err)
	}
	return token.Subject, nil
}
