package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"lastgasp/headend"
)

// Cost is what a guess at a password costs.
type Cost struct {
	Memory  uint32 // KiB
	Passes  uint32
	Threads uint8
}

// PasswordCost takes some 60 ms of one core and 32 MiB: more than OWASP's least (19 MiB, 2 passes), and little enough that a
// shift can log in beside the readings.
var PasswordCost = Cost{Memory: 32 << 10, Passes: 3, Threads: 1}

// Bounds of a cost that is read from the store: a row that was tampered with must not stall the head-end.
const (
	mostMemory = 256 << 10
	mostPasses = 16
)

// Lengths of passwords: in characters, and in bytes at most.
const (
	shortestPassword = 12
	longestPassword  = 512
)

// CheckPassword tells why a password cannot be taken, as *headend.BadRequest.
func CheckPassword(name, password string) error {
	switch {
	case !utf8.ValidString(password) || strings.ContainsRune(password, 0):
		return &headend.BadRequest{Reason: "a password is text in UTF-8"}
	case utf8.RuneCountInString(password) < shortestPassword:
		return &headend.BadRequest{Reason: fmt.Sprintf("a password has at least %d characters; some words one after the other are easy to keep in mind", shortestPassword)}
	case len(password) > longestPassword:
		return &headend.BadRequest{Reason: fmt.Sprintf("a password has at most %d bytes", longestPassword)}
	case strings.EqualFold(password, name), strings.Count(password, password[:1]) == len(password):
		return &headend.BadRequest{Reason: "this password is the first that is guessed"}
	}
	return nil
}

// hasher hashes passwords, so many at once.
type hasher struct {
	cost   Cost
	places chan struct{}
}

func newHasher(cost Cost, atOnce int) *hasher {
	return &hasher{cost: cost, places: make(chan struct{}, atOnce)}
}

// make hashes a new password into the PHC form.
func (h *hasher) make(ctx context.Context, password string) (string, error) {
	salt := make([]byte, 16)
	rand.Read(salt) // never fails
	key, err := h.key(ctx, password, salt, h.cost, 32)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.cost.Memory, h.cost.Passes, h.cost.Threads, b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// check tells whether a password is the one that was hashed. Where stored is "" it does the work in vain.
func (h *hasher) check(ctx context.Context, password, stored string) (bool, error) {
	cost, salt, want := h.cost, make([]byte, 16), make([]byte, 32)
	if stored != "" {
		var err error
		if cost, salt, want, err = parsePHC(stored); err != nil {
			return false, err
		}
	}
	key, err := h.key(ctx, password, salt, cost, uint32(len(want)))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(key, want) == 1 && stored != "", nil
}

func (h *hasher) key(ctx context.Context, password string, salt []byte, cost Cost, length uint32) ([]byte, error) {
	select {
	case h.places <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-h.places }()
	return argon2.IDKey([]byte(password), salt, cost.Passes, cost.Memory, cost.Threads, length), nil
}

// parsePHC reads $argon2id$v=19$m=32768,t=3,p=1$salt$key.
func parsePHC(text string) (cost Cost, salt, key []byte, err error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return cost, nil, nil, fmt.Errorf("stored password: not in the form $argon2id$v=19$m=..,t=..,p=..$salt$key")
	}
	var version int
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &cost.Memory, &cost.Passes, &cost.Threads); err != nil {
		return cost, nil, nil, fmt.Errorf("stored password: parameters %s: %w", parts[3], err)
	}
	if version != argon2.Version || cost.Memory == 0 || cost.Memory > mostMemory || cost.Passes == 0 || cost.Passes > mostPasses || cost.Threads == 0 {
		return cost, nil, nil, fmt.Errorf("stored password: parameters %s$%s are out of bounds", parts[2], parts[3])
	}
	if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err == nil {
		key, err = base64.RawStdEncoding.DecodeString(parts[5])
	}
	if err != nil || len(salt) < 8 || len(key) < 16 || len(key) > 64 {
		return cost, nil, nil, fmt.Errorf("stored password: salt or key cannot be read")
	}
	return cost, salt, key, nil
}
