package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"
)

// Config says which broker to use and how. Zero numbers take the default named.
type Config struct {
	Name         string     `koanf:"name"`      // of the broker, in logs and metrics; broker
	Servers      []string   `koanf:"servers"`   // tcp://host:1883 or ssl://host:8883, tried in order
	ClientID     string     `koanf:"client_id"` // connection i is client_id-i; must stay the same and be this head-end's alone; lastgasp-<host name>
	Username     string     `koanf:"username"`  //
	Password     string     `koanf:"password"`
	PasswordFile string     `koanf:"password_file"` // readable by its owner only; read again at each connect
	TLS          SessionTLS `koanf:"tls"`

	Filters     []string `koanf:"filters"`     // topics to receive; those the native format sends on
	QoS         int      `koanf:"qos"`         // of the subscriptions: 1 or 2; 1
	Connections int      `koanf:"connections"` // 4; without shared subscriptions each filter has one connection
	Shared      Shared   `koanf:"shared"`      // off
	Group       string   `koanf:"group"`       // of the shared subscription, the same for all head-ends; lastgasp

	InFlight      int           `koanf:"in_flight"`      // messages of one connection not yet acknowledged; 8,192
	BatchMessages int           `koanf:"batch_messages"` // most messages in one Accept; 4,096
	BatchBytes    int           `koanf:"batch_bytes"`    // most payload bytes in one Accept, plus one message; 4 MiB
	BatchDelay    time.Duration `koanf:"batch_delay"`    // how long a batch may wait for company; 2 ms
	Accepts       int           `koanf:"accepts"`        // calls of Accept in flight; 3

	KeepAlive      time.Duration `koanf:"keep_alive"`      // between pings, whole seconds; 60 s
	ConnectTimeout time.Duration `koanf:"connect_timeout"` // 10 s
	WriteTimeout   time.Duration `koanf:"write_timeout"`   // 10 s
	RetryMost      time.Duration `koanf:"retry_most"`      // longest pause between attempts to connect; 5 s
	StopTimeout    time.Duration `koanf:"stop_timeout"`    // how long the last Accepts may take once Run's context ended; 20 s
}

// SessionTLS is for servers with ssl://.
type SessionTLS struct {
	CA          string `koanf:"ca"`          // PEM file; none: the system's
	Certificate string `koanf:"certificate"` // PEM file of our own, with Key
	Key         string `koanf:"key"`
	ServerName  string `koanf:"server_name"` // expected in the server's certificate; none: the host
}

// Shared says whether to use shared subscriptions ($share/group/filter), by which a broker spreads
// messages over several connections and head-ends.
type Shared string

// Values of Shared. A broker of MQTT 3.1.1 cannot be asked for them, so auto tries with a message to
// itself below lastgasp/probe/; where the broker forbids that, set on or off.
//
// Off is the default: one connection carries 180,000 messages a second, and a Mosquitto that is killed
// forgets shared subscriptions until they are made again, with all that is published in between, while it
// keeps ordinary ones. On is for several head-ends behind one broker.
const (
	SharedAuto Shared = "auto"
	SharedOn   Shared = "on"
	SharedOff  Shared = "off"
)

var nativeFilters = []string{"ami/v1/+/reads", "ami/v1/+/events", "ami/v1/+/status", "ami/v1/+/ack"}

func (c Config) withDefaults() Config {
	number := func(n *int, standard int) {
		if *n <= 0 {
			*n = standard
		}
	}
	length := func(d *time.Duration, standard time.Duration) {
		if *d <= 0 {
			*d = standard
		}
	}
	if c.Name == "" {
		c.Name = "broker"
	}
	if c.ClientID == "" {
		c.ClientID = "lastgasp"
		if host, err := os.Hostname(); err == nil {
			c.ClientID += "-" + host
		}
	}
	if len(c.Filters) == 0 {
		c.Filters = nativeFilters
	}
	if c.Shared == "" {
		c.Shared = SharedOff
	}
	if c.Group == "" {
		c.Group = "lastgasp"
	}
	number(&c.QoS, 1)
	number(&c.Connections, 4)
	number(&c.InFlight, 8192)
	number(&c.BatchMessages, 4096)
	number(&c.BatchBytes, 4<<20)
	length(&c.BatchDelay, 2*time.Millisecond)
	number(&c.Accepts, 3)
	length(&c.KeepAlive, time.Minute)
	length(&c.ConnectTimeout, 10*time.Second)
	length(&c.WriteTimeout, 10*time.Second)
	length(&c.RetryMost, 5*time.Second)
	length(&c.StopTimeout, 20*time.Second)
	return c
}

func (c Config) validate() error {
	if len(c.Servers) == 0 {
		return errors.New("mqtt: no servers")
	}
	for _, s := range c.Servers {
		u, err := url.Parse(s)
		if err != nil {
			return fmt.Errorf("mqtt: server %q: %w", s, err)
		}
		if u.Scheme != "tcp" && u.Scheme != "ssl" || u.Port() == "" {
			return fmt.Errorf("mqtt: server %q is neither tcp://host:port nor ssl://host:port", u.Redacted())
		}
		if u.User != nil {
			return fmt.Errorf("mqtt: server %q bears a password; use username and password_file", u.Redacted())
		}
	}
	if c.QoS > 2 {
		return fmt.Errorf("mqtt: qos %d, only 1 and 2 are acknowledged", c.QoS)
	}
	if c.Shared != SharedAuto && c.Shared != SharedOn && c.Shared != SharedOff {
		return fmt.Errorf("mqtt: shared %q is none of auto, on, off", c.Shared)
	}
	if c.Group == "" || strings.ContainsAny(c.Group, "/+#") {
		return fmt.Errorf("mqtt: group %q must not hold / + #", c.Group)
	}
	for _, f := range c.Filters {
		if f == "" || strings.HasPrefix(f, "$share/") {
			return fmt.Errorf("mqtt: filter %q; shared subscriptions are asked for by shared and group", f)
		}
	}
	if _, err := c.password(); err != nil {
		return err
	}
	_, err := c.TLS.config()
	return err
}

// password is the one given or that in the password file; "" when there is neither.
func (c Config) password() (string, error) {
	if c.PasswordFile == "" {
		return c.Password, nil
	}
	if c.Password != "" {
		return "", errors.New("mqtt: both password and password_file are set")
	}
	info, err := os.Stat(c.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("mqtt: password_file: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("mqtt: password_file %s has mode %#o; others can read it, 0600 is needed", c.PasswordFile, mode)
	}
	b, err := os.ReadFile(c.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("mqtt: password_file: %w", err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

func (t SessionTLS) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("mqtt: tls.ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("mqtt: tls.ca %s holds no certificate", t.CA)
		}
	}
	if t.Certificate != "" || t.Key != "" {
		pair, err := tls.LoadX509KeyPair(t.Certificate, t.Key)
		if err != nil {
			return nil, fmt.Errorf("mqtt: tls.certificate %s with key %s: %w", t.Certificate, t.Key, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
