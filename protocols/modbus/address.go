package modbus

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/goburrow/serial"
)

// Transport is the way frames travel.
type Transport uint8

// The three transports.
const (
	TCP        Transport = iota + 1 // Modbus TCP: MBAP header, transaction ids
	RTUOverTCP                      // RTU frames with CRC in a TCP stream, as serial servers pass them on
	Serial                          // RTU on a serial port
)

var schemes = map[string]Transport{"tcp": TCP, "rtutcp": RTUOverTCP, "serial": Serial}

// String is the scheme of the transport in an address.
func (t Transport) String() string {
	for scheme, transport := range schemes {
		if transport == t {
			return scheme
		}
	}
	return "transport " + strconv.Itoa(int(t))
}

// Port is the serial line's setting.
type Port struct {
	Baud   int    // default 19200
	Data   int    // 7 or 8; default 8
	Parity string // N, E or O; default E, as the Modbus specification has it
	Stop   int    // 1 or 2; default 1
}

// NoUnit says that an address names no unit.
const NoUnit = -1

// Address says where a device is reached.
//
//	tcp://10.1.2.3:502?unit=7                              Modbus TCP, port 502 where none is given
//	rtutcp://10.1.2.3:4001?unit=7                          RTU frames over TCP
//	serial:///dev/ttyUSB0?baud=9600&parity=N&stop=1&unit=7 serial RTU
type Address struct {
	Transport Transport
	Target    string // host:port, or the path of the serial device
	Port      Port   // of serial addresses
	Unit      int    // 0 to 255 (serial and RTU over TCP: 1 to 247), NoUnit where the address names none
}

// ParseAddress reads an address. The error says which part is wrong.
func ParseAddress(text string) (Address, error) {
	u, err := url.Parse(text)
	if err != nil {
		return Address{}, fmt.Errorf("address %q: not a URL: %w", text, err)
	}
	a := Address{Transport: schemes[u.Scheme], Unit: NoUnit}
	switch {
	case a.Transport == 0:
		return Address{}, fmt.Errorf("address %q: scheme %q; tcp, rtutcp and serial are known", text, u.Scheme)
	case u.User != nil || u.Fragment != "":
		return Address{}, fmt.Errorf("address %q: Modbus knows neither users nor fragments", text)
	case a.Transport == Serial && (u.Host != "" || len(u.Path) < 2):
		return Address{}, fmt.Errorf("address %q: a serial port is named as serial:///dev/ttyUSB0", text)
	case a.Transport == Serial:
		a.Target = u.Path
		a.Port = Port{Baud: 19200, Data: 8, Parity: "E", Stop: 1}
	case u.Hostname() == "" || strings.Trim(u.Path, "/") != "":
		return Address{}, fmt.Errorf("address %q: wanted %s://host:port", text, u.Scheme)
	default:
		port := u.Port()
		if port == "" {
			port = "502"
		}
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return Address{}, fmt.Errorf("address %q: port %s", text, port)
		}
		a.Target = net.JoinHostPort(u.Hostname(), port)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Address{}, fmt.Errorf("address %q: %w", text, err)
	}
	for key, values := range query {
		if err := a.set(key, values); err != nil {
			return Address{}, fmt.Errorf("address %q: %w", text, err)
		}
	}
	return a, a.checkUnit()
}

func (a *Address) set(key string, values []string) error {
	if len(values) != 1 {
		return fmt.Errorf("%s is given %d times", key, len(values))
	}
	number := func(into *int, allowed ...int) error {
		n, err := strconv.Atoi(values[0])
		for _, ok := range allowed {
			if err == nil && n == ok {
				*into = n
				return nil
			}
		}
		return fmt.Errorf("%s=%s; allowed are %v", key, values[0], allowed)
	}
	switch {
	case key == "unit":
		n, err := strconv.Atoi(values[0])
		if err != nil || n < 0 || n > 255 {
			return fmt.Errorf("unit=%s; units are 0 to 255", values[0])
		}
		a.Unit = n
		return nil
	case a.Transport != Serial:
		return fmt.Errorf("unknown setting %q; only unit is known for %s", key, a.Transport)
	case key == "baud":
		return number(&a.Port.Baud, 300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400)
	case key == "data":
		return number(&a.Port.Data, 7, 8)
	case key == "stop":
		return number(&a.Port.Stop, 1, 2)
	case key == "parity":
		if p := strings.ToUpper(values[0]); p == "N" || p == "E" || p == "O" {
			a.Port.Parity = p
			return nil
		}
		return fmt.Errorf("parity=%s; N, E and O are known", values[0])
	}
	return fmt.Errorf("unknown setting %q; baud, data, parity, stop and unit are known for serial", key)
}

// checkUnit refuses the broadcast and the reserved numbers where units share a line.
func (a Address) checkUnit() error {
	if a.Transport != TCP && a.Unit != NoUnit && (a.Unit < 1 || a.Unit > 247) {
		return fmt.Errorf("unit %d: on an RTU line units are 1 to 247", a.Unit)
	}
	return nil
}

// line names what devices share: the connection.
func (a Address) line() string { return a.Transport.String() + "://" + a.Target }

// String is the address without what is default.
func (a Address) String() string {
	if a.Unit == NoUnit {
		return a.line()
	}
	return a.line() + "?unit=" + strconv.Itoa(a.Unit)
}

func (p Port) config(path string) *serial.Config {
	return &serial.Config{Address: path, BaudRate: p.Baud, DataBits: p.Data, Parity: p.Parity, StopBits: p.Stop}
}
