//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package modbus

import "golang.org/x/sys/unix"

// The requests that read and set a terminal's attributes.
const (
	getAttributes = unix.TIOCGETA
	setAttributes = unix.TIOCSETA
)
