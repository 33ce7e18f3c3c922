package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// secretPrefix marks a secret as one of a webhook, by Standard Webhooks.
const secretPrefix = "whsec_"

// NewSecret makes a secret as it is shown: "whsec_" and 32 random bytes in base64.
func NewSecret() string {
	secret := make([]byte, 32)
	rand.Read(secret) // it never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(secret)
}

// Sign is the signature of a message under a secret as it is shown.
func Sign(secret, message string, at time.Time, body []byte) (string, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
	if err != nil {
		return "", fmt.Errorf("secret of the webhook: %w", err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message + "." + strconv.FormatInt(at.Unix(), 10) + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}

// messageID is the id of a message that is about one thing at one state of it, the same whoever makes it.
func messageID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "msg_" + hex.EncodeToString(sum[:16])
}

// About is what a secret belongs to, for KeyFile: who can write to the database alone cannot send what is signed with it
// elsewhere.
func About(url string) string { return "webhook " + url }
