package headend

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Credential stands for the secret a device has logged in with, without telling it: after a change of the secret it is another
// one. "" is none, as of a device that shows a certificate.
type Credential string

// Bounds of a device's password: characters at least, because it is stored under a fast hash, and bytes at most.
const (
	minDevicePassword = 16
	maxDevicePassword = 256
)

// ValidateDevicePassword returns an error that says what is wrong with a password for a device, and never repeats it.
func ValidateDevicePassword(password string) error {
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password):
		return errors.New("is not UTF-8")
	case n < minDevicePassword:
		return fmt.Errorf("has %d characters, at least %d are needed", n, minDevicePassword)
	case len(password) > maxDevicePassword:
		return fmt.Errorf("has %d bytes, at most %d are allowed", len(password), maxDevicePassword)
	}
	return nil
}
