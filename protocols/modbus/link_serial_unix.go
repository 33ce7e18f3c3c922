//go:build unix

package modbus

import "syscall"

// openFlags let Go's poller wait for the port, and keep it from becoming our terminal.
const openFlags = syscall.O_NOCTTY | syscall.O_NONBLOCK
