//go:build unix

package modbus

import (
	"errors"
	"fmt"
	"os"

	"github.com/goburrow/serial"
	"golang.org/x/sys/unix"
)

// serialPort reads and writes through Go's poller, so that deadlines and interruption work; the library's own
// port sets the line, and puts its former settings back when it is closed. The library's Read waits in
// select(2), which knows no file descriptor above 1023 and cannot be interrupted.
type serialPort struct {
	*os.File
	settings serial.Port
}

func openSerial(a Address) (stream, error) {
	settings, err := serial.Open(a.Port.config(a.Target))
	if err != nil {
		return nil, fmt.Errorf("serial port %s: %w", a.Target, err)
	}
	file, err := os.OpenFile(a.Target, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("serial port %s: %w", a.Target, errors.Join(err, settings.Close()))
	}
	if err := waitForBytes(file); err != nil {
		return nil, fmt.Errorf("serial port %s: %w", a.Target, errors.Join(err, file.Close(), settings.Close()))
	}
	return serialPort{file, settings}, nil
}

// waitForBytes makes a read wait for at least one byte. The library leaves VMIN at 0, where a read of nothing
// returns at once and looks like the end of the file.
func waitForBytes(file *os.File) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failing error
	err = raw.Control(func(fd uintptr) {
		attributes, err := unix.IoctlGetTermios(int(fd), getAttributes)
		if err != nil {
			failing = err
			return
		}
		attributes.Cc[unix.VMIN], attributes.Cc[unix.VTIME] = 1, 0
		failing = unix.IoctlSetTermios(int(fd), setAttributes, attributes)
	})
	return errors.Join(err, failing)
}

// Close closes the port, its former settings first.
func (p serialPort) Close() error { return errors.Join(p.settings.Close(), p.File.Close()) }
