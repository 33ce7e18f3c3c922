//go:build !unix

package modbus

import (
	"errors"
	"fmt"
)

func openSerial(a Address) (stream, error) {
	return nil, fmt.Errorf("serial port %s: %w", a.Target, errors.ErrUnsupported)
}
