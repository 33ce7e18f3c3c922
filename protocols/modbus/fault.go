package modbus

import (
	"context"
	"errors"
	"fmt"

	"github.com/goburrow/modbus"
)

// Fault is the class of what went wrong with a request: few and fixed, for counting.
type Fault uint8

// Faults.
const (
	FaultTimeout          Fault = iota + 1 // no reply in time
	FaultConnect                           // the connection could not be made
	FaultClosed                            // the peer closed or reset the connection
	FaultException                         // the device refused the request
	FaultGateway                           // exception 0x0A or 0x0B: the gateway has no path, or the unit behind it is silent
	FaultWrongTransaction                  // replies came, none to this request
	FaultWrongUnit                         // another unit answered
	FaultWrongFunction                     // a reply to another function
	FaultWrongLength                       // fewer or more bytes than were asked for
	FaultMalformed                         // no Modbus frame: CRC, header, half a frame
	FaultDiscovery                         // SunSpec: the model is not there
	FaultStopped                           // the driver stops
	faults                                 // how many, plus one
)

var faultNames = [faults]string{"", "timeout", "connect", "closed", "exception", "gateway", "wrong_transaction", "wrong_unit",
	"wrong_function", "wrong_length", "malformed", "discovery", "stopped"}

// String is the fault's name in metrics.
func (f Fault) String() string {
	if int(f) < len(faultNames) {
		return faultNames[f]
	}
	return fmt.Sprintf("fault %d", uint8(f))
}

// RequestError says why a request has no answer that can be used.
type RequestError struct {
	Fault     Fault
	Exception byte // the device's exception code, 0 where it sent none
	Cause     error
	innocent  bool // the connection ended under this request for what another unit sent
}

// Error names the fault and what lies behind it.
func (e *RequestError) Error() string {
	if e.Cause == nil {
		return e.Fault.String()
	}
	return e.Fault.String() + ": " + e.Cause.Error()
}

// Unwrap gives the cause.
func (e *RequestError) Unwrap() error { return e.Cause }

// answered tells whether the unit itself is alive, whatever it said.
func (e *RequestError) answered() bool { return e.Fault == FaultException }

func faultOf(f Fault, format string, args ...any) *RequestError {
	return &RequestError{Fault: f, Cause: fmt.Errorf(format, args...)}
}

// classify makes a RequestError of whatever a goburrow client returned.
func classify(err error) *RequestError {
	var request *RequestError
	if errors.As(err, &request) {
		return request
	}
	var exception *modbus.ModbusError
	if errors.As(err, &exception) {
		e := &RequestError{Fault: FaultException, Exception: exception.ExceptionCode, Cause: err}
		if c := exception.ExceptionCode; c == modbus.ExceptionCodeGatewayPathUnavailable || c == modbus.ExceptionCodeGatewayTargetDeviceFailedToRespond {
			e.Fault = FaultGateway
		}
		return e
	}
	if errors.Is(err, context.Canceled) {
		return &RequestError{Fault: FaultStopped, Cause: err}
	}
	return &RequestError{Fault: FaultMalformed, Cause: err} // the packager's own checks: lengths and CRC
}
