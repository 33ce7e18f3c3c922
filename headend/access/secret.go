package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// tokenPrefix makes a token that has leaked easy to find and to recognise.
const tokenPrefix = "lg_"

// secretLength is 256 bits as base64url without padding.
const secretLength = 43

// NewSecret makes 256 random bits as text that can stand in a cookie, a header or an address.
func NewSecret() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// NewToken makes the secret of an API token.
func NewToken() string { return tokenPrefix + NewSecret() }

// isToken tells whether a text can be a token.
func isToken(text string) bool {
	rest, ok := strings.CutPrefix(text, tokenPrefix)
	return ok && isSecret(rest)
}

func isSecret(text string) bool {
	if len(text) != secretLength {
		return false
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && len(b) == 32
}

// Hash is what is stored of a secret of 256 random bits: nobody guesses it, so a slow hash would add nothing.
func Hash(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// csrfOf is what a page shows to prove that it can read what was answered to its login. It follows from the session's
// secret, which no other site can read, and says nothing about it.
func csrfOf(secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("lastgasp csrf"))
	return hex.EncodeToString(mac.Sum(nil))
}

// NewPassword makes a password for a person or a device: 20 characters that are not mistaken for each other, 98 bits.
func NewPassword() string {
	const letters = "abcdefghijkmnpqrstuvwxyz23456789" // 32: five bits of a random byte each, all alike
	b := make([]byte, 20)
	rand.Read(b)
	for i := range b {
		b[i] = letters[b[i]&31]
	}
	return string(b[:5]) + "-" + string(b[5:10]) + "-" + string(b[10:15]) + "-" + string(b[15:])
}
