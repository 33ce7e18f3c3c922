package access

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
)

var cheap = Cost{Memory: 64, Passes: 1, Threads: 1}

func TestAPasswordIsHashedWithItsOwnSalt(t *testing.T) {
	h := newHasher(cheap, 1)
	const password = "một mật khẩu dài"
	first, err := h.make(t.Context(), password)
	if err != nil || !strings.HasPrefix(first, "$argon2id$v=19$m=64,t=1,p=1$") || strings.Contains(first, password) {
		t.Fatal(first, err)
	}
	second, err := h.make(t.Context(), password)
	if err != nil || second == first {
		t.Errorf("the same password is hashed to the same text: %v", err)
	}
	dear := newHasher(PasswordCost, 1) // what it costs stands in the text, so that it can be raised
	for given, want := range map[string]bool{password: true, password + " ": false, "": false, strings.ToUpper(password): false} {
		if right, err := dear.check(t.Context(), given, first); right != want || err != nil {
			t.Errorf("%q: %v %v, want %v", given, right, err, want)
		}
	}
	if right, err := h.check(t.Context(), "", ""); right || err != nil { // of an account that has none
		t.Errorf("no password: %v %v", right, err)
	}
}

// A row of the store that was tampered with stalls nobody, and lets nobody in.
func TestAStoredPasswordOutOfBoundsIsRefused(t *testing.T) {
	h := newHasher(cheap, 1)
	const salt, key = "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	for _, stored := range []string{"x", "plain text", "$argon2id$v=19$m=64,t=1,p=1$" + salt, "$argon2i$v=19$m=64,t=1,p=1$" + salt + "$" + key, "$argon2id$v=16$m=64,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=1048576,t=1,p=1$" + salt + "$" + key, "$argon2id$v=19$m=64,t=1000,p=1$" + salt + "$" + key, "$argon2id$v=19$m=0,t=1,p=1$" + salt + "$" + key, "$argon2id$v=19$m=64,t=0,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=64,t=1,p=0$" + salt + "$" + key, "$argon2id$v=19$m=64,t=1,p=1$$" + key, "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$", "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$%%%", "$argon2id$v=19$m=-1,t=1,p=1$" + salt + "$" + key} {
		if right, err := h.check(t.Context(), "a password", stored); right || err == nil {
			t.Errorf("%s: %v %v", stored, right, err)
		}
	}
}

func TestWhoWaitsForAHashIsNotHeldForEver(t *testing.T) {
	h := newHasher(cheap, 1)
	h.places <- struct{}{} // somebody else's
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.make(ctx, "a long password"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestPasswordsThatAreNotTaken(t *testing.T) {
	for password, want := range map[string]string{"short": "at least 12", strings.Repeat("x", 513): "at most 512", "aaaaaaaaaaaaaaaa": "first that is guessed", "Administrator": "first that is guessed",
		"\xff\xfe0123456789ab": "UTF-8", "0123456\x0089abcd": "UTF-8", "correct horse battery": "", "một mật khẩu": ""} {
		err := CheckPassword("administrator", password)
		var bad *headend.BadRequest
		if (err == nil) != (want == "") || err != nil && (!errors.As(err, &bad) || !strings.Contains(bad.Reason, want) || strings.Contains(bad.Reason, password)) {
			t.Errorf("%q: %v, want %q", password, err, want)
		}
	}
}

func TestSecretsAreLongAndKeptAsHashes(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		secret, token, made := NewSecret(), NewToken(), NewPassword()
		if !isSecret(secret) || !isToken(token) || isToken(secret) || isSecret(token) || len(made) != 23 || CheckPassword("lan", made) != nil {
			t.Fatalf("%s %s %s", secret, token, made)
		}
		for _, s := range []string{secret, token, made} {
			if seen[s] {
				t.Fatal("a secret came twice")
			}
			seen[s] = true
		}
		if hash := Hash(secret); len(hash) != 32 || bytes.Contains(hash, []byte(secret)) || !bytes.Equal(hash, Hash(secret)) || bytes.Equal(hash, Hash(token)) {
			t.Fatal("hashes")
		}
		if csrf := csrfOf(secret); len(csrf) != 64 || csrf == csrfOf(token) || strings.Contains(csrf, secret) {
			t.Fatal("csrf", csrf)
		}
	}
	good := NewSecret()
	for _, text := range []string{"", good[:42], good + "A", strings.Repeat("!", 43), good[:42] + " ", good[:42] + "\x00", "lg_", "lg_" + good + "x", "LG_" + good} {
		if isSecret(text) || isToken(text) {
			t.Errorf("%q", text)
		}
	}
}

func TestARateLetsABurstThroughAndThenOneAtATime(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := &Rate{Every: time.Second, Burst: 3, Most: 100}
	for i := range 3 {
		if _, ok := r.Take("a", now); !ok {
			t.Fatalf("the %d. of a burst", i+1)
		}
	}
	until, ok := r.Take("a", now)
	if ok || !until.Equal(now.Add(time.Second)) {
		t.Errorf("a fourth: %v, again at %v", ok, until)
	}
	if _, ok := r.Look("a", now); ok {
		t.Error("looking finds room that there is not")
	}
	if _, ok := r.Take("b", now); !ok {
		t.Error("one key takes the room of another")
	}
	if _, ok := r.Take("a", until); !ok {
		t.Error("none when it was said that there is one")
	}
	if _, ok := r.Look("a", until); ok {
		t.Error("two at once")
	}
	later := until.Add(time.Hour)
	for i := range 3 {
		if _, ok := r.Take("a", later); !ok {
			t.Errorf("after a rest the %d.", i+1)
		}
	}
}

// A flood of keys takes no more memory than a number of them, and those that have rested are forgotten.
func TestARateRemembersSoManyKeys(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := &Rate{Every: time.Second, Burst: 1, Most: 10}
	let := 0
	for i := range 1000 {
		if _, ok := r.Take(NewSecret(), now); ok {
			let++
		}
		if len(r.full) > 11 {
			t.Fatalf("%d keys after %d", len(r.full), i)
		}
	}
	if let != 11 { // ten that are remembered, and the one that all others share
		t.Errorf("%d were let through", let)
	}
	if _, ok := r.Take("x", now.Add(time.Minute)); !ok || len(r.full) > 2 {
		t.Errorf("after a rest %v, %d keys", ok, len(r.full))
	}
}
