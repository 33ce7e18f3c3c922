// Package accesstest lets tests into an API that lets nobody in without a role: with a token of every permission.
package accesstest

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/access"
)

// Cost is a cheap guess: tests have other things to show than patience.
var Cost = access.Cost{Memory: 64, Passes: 1, Threads: 1}

// Doors are doors of a store to which Token is known.
func Doors(t testing.TB, store access.Store) *access.Doors {
	t.Helper()
	AddToken(t, store)
	return access.New(store, access.Options{Cost: Cost, Rate: 10_000})
}

// AddToken makes Token known to a store.
func AddToken(t testing.TB, store access.Store) { TokenOf(t, store, "test", headend.Permissions) }

// Token is a token of every permission, by the name of test.
func Token() string { return SecretOf("test") }

// TokenOf makes a token of a name known to a store, and returns its secret, the same in every store.
func TokenOf(t testing.TB, store access.Store, name string, permissions []headend.Permission, organisations ...string) string {
	t.Helper()
	secret := SecretOf(name)
	_, err := store.AddToken(context.WithoutCancel(t.Context()), access.Hash(secret), headend.Token{Name: name, Permissions: permissions, Organisations: organisations, Made: time.Now(), By: "tests"})
	var taken *headend.Taken // it is known already
	if err != nil && !errors.As(err, &taken) {
		t.Fatal(err)
	}
	return secret
}

var (
	mu      sync.Mutex
	secrets = map[string]string{}
)

// SecretOf is the secret of the token of a name.
func SecretOf(name string) string {
	mu.Lock()
	defer mu.Unlock()
	if secrets[name] == "" {
		secrets[name] = access.NewToken()
	}
	return secrets[name]
}

// Transport sends Token with every request that brings nothing else to be let in with.
func Transport(next http.RoundTripper) http.RoundTripper { return transport{next} }

// Client is http.DefaultClient with Token.
func Client() *http.Client { return &http.Client{Transport: Transport(http.DefaultTransport)} }

type transport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Authorization") == "" && r.Header.Get("Cookie") == "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+Token())
	}
	return t.next.RoundTrip(r)
}

// CloseIdleConnections is what http.Client asks for.
func (t transport) CloseIdleConnections() {
	if closing, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		closing.CloseIdleConnections()
	}
}
