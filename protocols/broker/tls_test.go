package broker

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/protocols/drivertest"
)

// authority issues certificates for a test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.issue("ca", nil)
	return a
}

// issue writes name.crt and name.key.
func (a *authority) issue(name string, ips []net.IP) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: ips, BasicConstraintsValid: true,
		IsCA: a.cert == nil, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	parent, signer := template, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".crt": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(a.file(file), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) client(name string) *tls.Config {
	a.t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	c := &tls.Config{RootCAs: pool}
	if name != "" {
		pair, err := tls.LoadX509KeyPair(a.file(name+".crt"), a.file(name+".key"))
		if err != nil {
			a.t.Fatal(err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c
}

func dialTLS(t *testing.T, address string, config *tls.Config) *client {
	t.Helper()
	nc, err := tls.Dial("tcp", address, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return &client{t: t, nc: nc, br: bufio.NewReader(nc)}
}

func TestTLS(t *testing.T) {
	a := newAuthority(t)
	a.issue("server", []net.IP{net.IPv4(127, 0, 0, 1)})
	a.issue("meter-7", nil)
	stranger := newAuthority(t)
	stranger.issue("meter-7", nil)
	byCertificate := accessFunc(func(l Login) (Identity, error) {
		if l.CommonName == "" && string(l.Password) != "secret" {
			return Identity{}, ErrDenied
		}
		if l.CommonName == "" {
			return Identity{Device: headend.DeviceID(l.Username)}, nil
		}
		return Identity{Device: headend.DeviceID(l.CommonName)}, nil
	})
	config := Config{TLS: TLS{Listen: "127.0.0.1:0", Certificate: a.file("server.crt"), Key: a.file("server.key"), ClientCA: a.file("ca.crt")}}
	b := begin(t, config, byCertificate, &drivertest.Decoder{})

	cl := dialTLS(t, b.AddrTLS(), a.client("meter-7"))
	if code := cl.connect(hello{id: "x", keepAlive: 60}); code != 0 {
		t.Fatalf("CONNACK %d for a client certificate", code)
	}
	b.sink.Close() // reading ahead while waiting must not break TLS
	for i := range 100 {
		cl.write(publishPacket(drivertest.Topic("meter-7"), drivertest.Payload(i), 1, uint16(i+1)))
		cl.ping()
	}
	b.sink.Open()
	for i := range 100 {
		cl.ack(4, uint16(i+1))
	}
	if code := dialTLS(t, b.AddrTLS(), a.client("")).connect(hello{id: "x", user: "m1", password: "secret"}); code != 0 {
		t.Errorf("CONNACK %d for a password without certificate", code)
	}
	if code := dialTLS(t, b.AddrTLS(), a.client("")).connect(hello{id: "x", user: "m1", password: "guess"}); code != 5 {
		t.Errorf("CONNACK %d for a wrong password", code)
	}
	forged := stranger.client("meter-7")
	forged.RootCAs = a.client("").RootCAs
	if nc, err := tls.Dial("tcp", b.AddrTLS(), forged); err == nil {
		cl := &client{t: t, nc: nc, br: bufio.NewReader(nc)}
		cl.closed() // TLS 1.3 tells the client only when it reads
		nc.Close()
	}
	plain := dial(t, b.AddrTLS())
	plain.write(hello{id: "x", user: "m1", password: "secret"}.packet())
	plain.closed()
}

// A stop with TLS connections: the last acknowledgement reaches the device.
func TestTLSStop(t *testing.T) {
	a := newAuthority(t)
	a.issue("server", []net.IP{net.IPv4(127, 0, 0, 1)})
	b := begin(t, Config{TLS: TLS{Listen: "127.0.0.1:0", Certificate: a.file("server.crt"), Key: a.file("server.key")}}, anybody{}, &drivertest.Decoder{})
	cl := dialTLS(t, b.AddrTLS(), a.client(""))
	cl.connect(hello{id: "x", user: "m1", password: "secret"})
	b.sink.Close()
	cl.write(publishPacket(drivertest.Topic("m1"), drivertest.Payload(1), 1, 1))
	b.sink.Await(t, "an Accept", func() bool { return len(b.sink.Waiting()) == 1 })
	b.sink.Open()
	b.stop()
	cl.ack(4, 1)
}

func TestConfig(t *testing.T) {
	a := newAuthority(t)
	for _, c := range []struct {
		name   string
		config Config
		ok     bool
	}{
		{"loopback", Config{Listen: "127.0.0.1:1883"}, true},
		{"loopback of IPv6", Config{Listen: "[::1]:1883"}, true},
		{"everywhere", Config{Listen: ":1883"}, false},
		{"everywhere in numbers", Config{Listen: "0.0.0.0:1883"}, false},
		{"everywhere and knowing it", Config{Listen: ":1883", Insecure: true}, true},
		{"nowhere", Config{}, false},
		{"no port", Config{Listen: "localhost"}, false},
		{"certificate missing", Config{TLS: TLS{Listen: ":8883", Certificate: "none", Key: "none"}}, false},
		{"certificate", Config{TLS: TLS{Listen: ":8883", Certificate: a.file("ca.crt"), Key: a.file("ca.key")}}, true},
		{"client certificates without authority", Config{TLS: TLS{Listen: ":8883", Certificate: a.file("ca.crt"), Key: a.file("ca.key"), RequireClient: true}}, false},
		{"authority without certificate", Config{TLS: TLS{Listen: ":8883", Certificate: a.file("ca.crt"), Key: a.file("ca.key"), ClientCA: a.file("ca.key")}}, false},
		{"too much in flight", Config{Listen: "127.0.0.1:1", InFlight: 70000}, false},
		{"packets above all buffers", Config{Listen: "127.0.0.1:1", MaxPacketBytes: 1 << 20, MaxBufferBytes: 1 << 10}, false},
	} {
		if _, err := New(c.config, &drivertest.Decoder{}, anybody{}); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
