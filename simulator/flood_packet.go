package simulator

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"
)

// dialBroker opens a connection to tcp://, mqtt://, tls://, ssl:// or mqtts:// host[:port].
func dialBroker(ctx context.Context, broker string, config *tls.Config) (net.Conn, error) {
	address, secure, err := brokerAddress(broker)
	if err != nil {
		return nil, err
	}
	if secure {
		dialer := tls.Dialer{Config: config}
		return dialer.DialContext(ctx, "tcp", address)
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", address)
}

// brokerAddress splits a broker's URL into host:port and whether it is TLS.
func brokerAddress(broker string) (address string, secure bool, err error) {
	if !strings.Contains(broker, "://") {
		broker = "tcp://" + broker
	}
	u, err := url.Parse(broker)
	if err != nil {
		return "", false, fmt.Errorf("broker %q is no address: %w", broker, err)
	}
	port := "1883"
	switch u.Scheme {
	case "tcp", "mqtt":
	case "tls", "ssl", "mqtts":
		secure, port = true, "8883"
	default:
		return "", false, fmt.Errorf("broker %q: scheme %q is not tcp, mqtt, tls, ssl or mqtts", broker, u.Scheme)
	}
	if u.Hostname() == "" {
		return "", false, fmt.Errorf("broker %q names no host", broker)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	return net.JoinHostPort(u.Hostname(), port), secure, nil
}

// connect says CONNECT (MQTT 3.1.1, clean session, no keep-alive) and waits for CONNACK. A refusal
// of the client's identifier, name or password is ErrFloodRefused; a broker that is unavailable is not.
func connect(conn net.Conn, client, username, password string) error {
	text := func(b []byte, s string) []byte {
		return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
	}
	flags := byte(0x02)
	body := []byte{0, 4, 'M', 'Q', 'T', 'T', 4, 0, 0, 0}
	body = text(body, client)
	if username != "" {
		flags |= 0x80
		body = text(body, username)
		if password != "" {
			flags |= 0x40
			body = text(body, password)
		}
	}
	body[7] = flags
	packet := append(appendLength([]byte{0x10}, len(body)), body...)
	if _, err := conn.Write(packet); err != nil {
		return err
	}
	var ack [4]byte
	if _, err := io.ReadFull(conn, ack[:]); err != nil {
		return fmt.Errorf("no CONNACK: %w", err)
	}
	switch {
	case ack[0] != 0x20 || ack[1] != 2:
		return fmt.Errorf("answer to CONNECT is packet type %#02x, not CONNACK", ack[0])
	case ack[3] == 0:
		return nil
	case ack[3] == 3:
		return fmt.Errorf("broker is unavailable (CONNACK 3)")
	default:
		return fmt.Errorf("%w: CONNACK %d (%s)", ErrFloodRefused, ack[3], connackText(ack[3]))
	}
}

func connackText(code byte) string {
	switch code {
	case 1:
		return "protocol version"
	case 2:
		return "client identifier"
	case 4:
		return "user name or password"
	case 5:
		return "not authorised"
	}
	return "unknown code"
}

// appendLength appends MQTT's variable-length number.
func appendLength(b []byte, n int) []byte {
	for n > 127 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}

const floodPrefix, floodSuffix = "ami/v1/", "/reads"

// appendPublish appends message n as a PUBLISH packet of QoS 1.
func (c *floodConnection) appendPublish(out []byte, n int64, again bool) []byte {
	from, to, k := c.content(n)
	if k != c.bodyRound {
		c.bodyRound = k
		at := c.config.Base.UnixMilli() + k*c.config.Interval.Milliseconds()
		copy(c.body[floodAtTime:], appendTime(nil, at))
	}
	name := c.sender.Gateway
	if name == "" {
		name = c.sender.Meters[from]
	}
	header := byte(0x32)
	if again {
		header |= 0x08
	}
	topic := len(floodPrefix) + len(name) + len(floodSuffix)
	out = append(out, header)
	out = appendLength(out, 2+topic+2+c.payloadLength(from, to))
	out = binary.BigEndian.AppendUint16(out, uint16(topic))
	out = append(append(append(out, floodPrefix...), name...), floodSuffix...)
	out = binary.BigEndian.AppendUint16(out, uint16(n%65535)+1)
	return c.appendPayload(out, from, to, k)
}

const floodDevice = `"device":"`

// payloadLength is what appendPayload will append.
func (c *floodConnection) payloadLength(from, to int) int {
	length := (to - from) * (1 + len(floodBody))
	if c.sender.Gateway != "" {
		for _, id := range c.sender.Meters[from:to] {
			length += len(floodDevice) + len(id) + len(`",`)
		}
	}
	if c.config.PerMessage > 1 {
		length += len(`[]`) + to - from - 1
	}
	return length
}

// appendPayload appends one object, or an array of them.
func (c *floodConnection) appendPayload(out []byte, from, to int, k int64) []byte {
	array := c.config.PerMessage > 1
	if array {
		out = append(out, '[')
	}
	for m := from; m < to; m++ {
		if m > from {
			out = append(out, ',')
		}
		out = append(out, '{')
		if c.sender.Gateway != "" {
			out = append(append(append(out, floodDevice...), c.sender.Meters[m]...), `",`...)
		}
		out = append(out, c.body...)
		values := FloodReading(c.first+m, k)
		values.patch(out[len(out)-len(c.body):])
	}
	if array {
		out = append(out, ']')
	}
	return out
}

// Probe tells why a broker cannot be reached: nil when something listens there.
func Probe(ctx context.Context, broker string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	address, _, err := brokerAddress(broker)
	if err != nil {
		return err
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("broker %s cannot be reached: %w", broker, err)
	}
	return conn.Close()
}
