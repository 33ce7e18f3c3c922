package broker

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// Config says where the broker listens and what it bounds. Zero numbers take the default named.
type Config struct {
	Listen   string `koanf:"listen"`   // host:port without TLS, "" for none; loopback only unless Insecure
	Insecure bool   `koanf:"insecure"` // allows Listen on an address that others reach: passwords and reads in the clear
	TLS      TLS    `koanf:"tls"`

	MaxConnections     int           `koanf:"max_connections"`      // at once; 100,000
	ConnectRate        int           `koanf:"connect_rate"`         // new connections a second, others wait in the listen queue; 2,000
	ConnectTimeout     time.Duration `koanf:"connect_timeout"`      // from TCP accept to CONNECT, and for one packet to arrive whole; 20 s
	WriteTimeout       time.Duration `koanf:"write_timeout"`        // how long a client may refuse to read before it is cut off; 10 s
	StopTimeout        time.Duration `koanf:"stop_timeout"`         // how long the last Accepts may take once Run's context ended; 20 s
	SessionExpiry      time.Duration `koanf:"session_expiry"`       // how long a persistent session outlives its connection; 24 h
	MaxPacketBytes     int           `koanf:"max_packet_bytes"`     // 256 KiB
	MaxBufferBytes     int           `koanf:"max_buffer_bytes"`     // read buffers beyond the first 2 KiB of each connection, in all; 64 MiB
	InFlight           int           `koanf:"in_flight"`            // messages of one client not yet acknowledged; 1,024
	BatchMessages      int           `koanf:"batch_messages"`       // most messages in one Accept; 4,096
	BatchBytes         int           `koanf:"batch_bytes"`          // most payload bytes in one Accept, plus one read; 4 MiB
	BatchDelay         time.Duration `koanf:"batch_delay"`          // how long a batch may wait for company; 2 ms
	Accepts            int           `koanf:"accepts"`              // calls of Accept in flight; 3
	ConnectionsADevice int           `koanf:"connections_a_device"` // at once; further ones are refused; 16
	SessionsADevice    int           `koanf:"sessions_a_device"`    // persistent sessions of one device; further ones are clean; 4
	Subscriptions      int           `koanf:"subscriptions"`        // of one client; 32
	ForeignTopics      int           `koanf:"foreign_topics"`       // publishes to foreign topics before the connection is closed; 1
}

// TLS is the listener with TLS. Certificates are read once, by New.
type TLS struct {
	Listen        string `koanf:"listen"`      // host:port, "" for none
	Certificate   string `koanf:"certificate"` // PEM file, chain included
	Key           string `koanf:"key"`         // PEM file
	ClientCA      string `koanf:"client_ca"`   // PEM file; a client certificate it signed names the device by its common name
	RequireClient bool   `koanf:"require_client"`
}

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
	number(&c.MaxConnections, 100_000)
	number(&c.ConnectRate, 2_000)
	length(&c.ConnectTimeout, 20*time.Second)
	length(&c.WriteTimeout, 10*time.Second)
	length(&c.StopTimeout, 20*time.Second)
	length(&c.SessionExpiry, 24*time.Hour)
	number(&c.MaxPacketBytes, 256<<10)
	number(&c.MaxBufferBytes, 64<<20)
	number(&c.InFlight, 1024)
	number(&c.BatchMessages, 4096)
	number(&c.BatchBytes, 4<<20)
	length(&c.BatchDelay, 2*time.Millisecond)
	number(&c.Accepts, 3)
	number(&c.ConnectionsADevice, 16)
	number(&c.SessionsADevice, 4)
	number(&c.Subscriptions, 32)
	number(&c.ForeignTopics, 1)
	return c
}

func (c Config) validate() error {
	if c.Listen == "" && c.TLS.Listen == "" {
		return errors.New("broker: neither listen nor tls.listen is set")
	}
	if c.Listen != "" && !c.Insecure {
		host, _, err := net.SplitHostPort(c.Listen)
		if err != nil {
			return fmt.Errorf("broker: listen %q: %w", c.Listen, err)
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return fmt.Errorf("broker: listen %q is reachable without TLS; use tls.listen, a loopback address, or insecure: true", c.Listen)
		}
	}
	if c.InFlight > 65535 {
		return fmt.Errorf("broker: in_flight %d, at most 65535 packet ids exist", c.InFlight)
	}
	if most := max(2*(c.MaxPacketBytes+maxHeader), 2*floodBuffer); most > c.MaxBufferBytes {
		return fmt.Errorf("broker: max_buffer_bytes %d, at least %d is needed for packets of %d bytes", c.MaxBufferBytes, most, c.MaxPacketBytes)
	}
	return nil
}

// config reads the certificates. It returns nil when there is no TLS listener.
func (t TLS) config() (*tls.Config, error) {
	if t.Listen == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(t.Certificate, t.Key)
	if err != nil {
		return nil, fmt.Errorf("broker: tls certificate %s with key %s: %w", t.Certificate, t.Key, err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if t.ClientCA == "" {
		if t.RequireClient {
			return nil, errors.New("broker: tls.require_client without tls.client_ca")
		}
		return c, nil
	}
	pem, err := os.ReadFile(t.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("broker: tls.client_ca: %w", err)
	}
	c.ClientCAs = x509.NewCertPool()
	if !c.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("broker: tls.client_ca %s holds no certificate", t.ClientCA)
	}
	c.ClientAuth = tls.VerifyClientCertIfGiven
	if t.RequireClient {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}
