//go:build unix

package modbus

import (
	"errors"
	"syscall"
)

// gone tells whether the peer has closed an idle connection. Without this a request would be written into
// it and only its missing reply would tell.
func (p *peer) gone() bool {
	conn, ok := p.current().(syscall.Conn)
	if !ok || p.address.Transport == Serial {
		return false
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return true
	}
	closed := false
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case err == nil:
			closed = n == 0
		case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		default:
			closed = true
		}
		return true
	})
	return err != nil || closed
}
