package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/headend/ingest"
	"lastgasp/protocols/broker"
	"lastgasp/protocols/drivertest"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// headendWithBroker is what of a head-end devices meet: the embedded broker, what it stores through, and the database.
type headendWithBroker struct {
	store *timeseries.Store
	*broker.Broker
}

// oneAtATime lets several goroutines log into one buffer.
type oneAtATime struct {
	mu sync.Mutex
	to bytes.Buffer
}

func (w *oneAtATime) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(b)
}

func (w *oneAtATime) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.String()
}

func startWithBroker(t *testing.T, url string, tls broker.TLS, said *oneAtATime) *headendWithBroker {
	t.Helper()
	log := slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	store := storetest.OpenURL(t, url, timeseries.Options{Engine: timeseries.Postgres, Log: log})
	c := Defaults()
	c.Broker.Listen, c.Broker.TLS, c.Modbus.Enabled = "127.0.0.1:0", tls, false
	made, err := newDrivers(c, store, prometheus.NewRegistry(), log)
	if err != nil {
		t.Fatal(err)
	}
	in := ingest.New(store, ingest.Options{Limits: ingest.Limits{MaxAge: c.Ingest.MaxAge, MaxAhead: c.Ingest.MaxAhead, DoubtAhead: c.Ingest.DoubtAhead},
		Committers: 1, Group: c.Ingest.Group, Registry: prometheus.NewRegistry(), Log: log})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() {
		ended <- runStages(ctx, log, made.stages(in), []stage{{"ingest", in.Run}}, []stage{{"store", store.Run}})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	g := made.named[0].driver.(*guarded)
	<-g.broker.Started()
	return &headendWithBroker{store, g.broker}
}

// link is a connection of a device; lost is closed when it breaks.
type link struct {
	paho.Client
	device string
	lost   chan struct{}
}

// enters logs a device in; the error is what the broker says.
func enters(t *testing.T, address, device, password string, certificate *tls.Config) (*link, error) {
	t.Helper()
	l := &link{device: device, lost: make(chan struct{})}
	options := paho.NewClientOptions().AddBroker(address).SetClientID(fmt.Sprintf("%s-%d", device, time.Now().UnixNano())).SetUsername(device).SetPassword(password).
		SetAutoReconnect(false).SetConnectTimeout(drivertest.Patience).SetConnectionLostHandler(func(paho.Client, error) { close(l.lost) })
	if certificate != nil {
		options.SetTLSConfig(certificate)
	}
	l.Client = paho.NewClient(options)
	token := l.Connect()
	if !token.WaitTimeout(drivertest.Patience) {
		t.Fatalf("%s: no answer to the login", device)
	}
	if token.Error() == nil {
		t.Cleanup(func() { l.Disconnect(0) })
	}
	return l, token.Error()
}

func (h *headendWithBroker) mustEnter(t *testing.T, device, password string) *link {
	t.Helper()
	l, err := enters(t, "tcp://"+h.Addr(), device, password, nil)
	if err != nil {
		t.Fatalf("%s with its password: %v", device, err)
	}
	return l
}

func (h *headendWithBroker) mustRefuse(t *testing.T, device, password string) {
	t.Helper()
	if _, err := enters(t, "tcp://"+h.Addr(), device, password, nil); err == nil || !strings.Contains(err.Error(), packets.ErrorRefusedNotAuthorised.Error()) {
		t.Errorf("%s with a password that is not its own: %v", device, err)
	}
}

// say publishes a reading and tells whether it was acknowledged.
func (l *link) say(at time.Time) bool {
	token := l.Publish("ami/v1/"+l.device+"/reads", 1, false, fmt.Sprintf(`{"time":%d,"values":{"v1":230.5}}`, at.Unix()))
	select {
	case <-token.Done():
		return token.Error() == nil
	case <-l.lost:
		// paho may have the acknowledgement already, and says so a moment later.
		return token.WaitTimeout(10*time.Millisecond) && token.Error() == nil
	}
}

func (l *link) mustSay(t *testing.T, at time.Time) {
	t.Helper()
	if !l.say(at) {
		t.Errorf("%s is not heard any more", l.device)
	}
}

func (l *link) mustBeCut(t *testing.T) {
	t.Helper()
	select {
	case <-l.lost:
	case <-time.After(drivertest.Patience):
		t.Fatalf("a connection of %s with the former password is still open", l.device)
	}
}

// issue makes an authority with a certificate for the broker and one for a device.
func issue(t *testing.T, device string) (broker.TLS, *tls.Config) {
	t.Helper()
	dir := t.TempDir()
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign}
	var signer *ecdsa.PrivateKey
	pair := func(name string, template *x509.Certificate) (string, string) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if signer == nil {
			signer = key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, authority, &key.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return write(t, filepath.Join(dir, name+".pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), 0o644),
			write(t, filepath.Join(dir, name+".key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})), 0o600)
	}
	leaf := func(name string, number int64) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(number), Subject: pkix.Name{CommonName: name}, NotBefore: authority.NotBefore, NotAfter: authority.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	}
	ca, _ := pair("authority", authority)
	certificate, key := pair("broker", leaf("broker", 2))
	mine, err := tls.LoadX509KeyPair(pair("device", leaf(device, 3)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return broker.TLS{Listen: "127.0.0.1:0", Certificate: certificate, Key: key, ClientCA: ca}, &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{mine}}
}

// A password that is changed, by a command or an import, cuts off who is connected with the former one, on every head-end of the
// database, and nobody else.
func TestAFormerPasswordIsCutOffOnEveryHeadend(t *testing.T) {
	environment := ownDatabase(t)
	inEmptyDir(t)
	url := strings.TrimPrefix(environment[0], "DATABASE_URL=")
	said := &oneAtATime{}
	secured, byCertificate := issue(t, "M3")
	here, there := startWithBroker(t, url, secured, said), startWithBroker(t, url, broker.TLS{}, said)
	run := func(status int, words string, args ...string) string {
		t.Helper()
		got, out, errs := command(t, environment, args...)
		if got != status || !strings.Contains(out+errs, words) {
			t.Fatalf("%v: %d %s%s, want %d and %q", args, got, out, errs, status, words)
		}
		return out
	}
	const header = "id,kind,protocol,address,profile,gateway,usage_point,password,from,to\n"
	known, cancel := here.store.Changed()
	defer cancel()
	knownThere, cancelThere := there.store.Changed()
	defer cancelThere()
	const first, second, others = "the first of the passwords", "the second of the passwords", "a password of another"
	write(t, "devices.csv", header+"M1,meter,mqtt,,,,,"+first+",2024-01-01,\nM2,meter,mqtt,,,,,"+others+",2024-01-01,\nM3,meter,mqtt,,,,,"+others+",2024-01-01,\nR1,rtu,modbus,,,,,,2024-01-01,\nOLD,meter,mqtt,,,,,,2024-01-01,2025-01-01\n", 0o600)
	run(exitDone, "5 new", "import", "devices", "devices.csv")
	<-known
	<-knownThere

	talks, alsoThere := here.mustEnter(t, "M1", first), there.mustEnter(t, "M1", first)
	other := here.mustEnter(t, "M2", others)
	certified, err := enters(t, "ssl://"+here.AddrTLS(), "M3", "", byCertificate)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now().Add(-24 * time.Hour).Truncate(time.Second)
	var acknowledged []time.Time // of M1
	spoken := make(chan struct{})
	warm := make(chan struct{})
	go func() {
		defer close(spoken)
		for i := 0; ; i++ {
			at := begin.Add(time.Duration(i) * time.Second)
			if !talks.say(at) {
				return
			}
			if acknowledged = append(acknowledged, at); i == 20 {
				close(warm)
			}
		}
	}()
	<-warm
	made := strings.TrimSpace(strings.TrimPrefix(run(exitDone, "password ", "device", "password", "M1"), "password "))
	for _, cut := range []*link{talks, alsoThere} {
		cut.mustBeCut(t)
	}
	<-spoken
	for _, h := range []*headendWithBroker{here, there} {
		h.mustRefuse(t, "M1", first)
	}
	talks, alsoThere = here.mustEnter(t, "M1", made), there.mustEnter(t, "M1", made)
	talks.mustSay(t, begin.Add(-time.Hour))

	// The same again is no change; a change by a file is one.
	write(t, "same.secret", made+"\n", 0o600)
	run(exitDone, "nothing has changed", "device", "password", "M1", "--password-file", "same.secret")
	other.mustSay(t, begin)
	alsoThere.mustSay(t, begin.Add(-2*time.Hour))
	write(t, "devices.csv", header+"M1,meter,mqtt,,,,,"+second+",2024-01-01,\nM2,meter,mqtt,,,,,"+others+",2024-01-01,\n", 0o600)
	run(exitDone, "1 changed, 1 unchanged", "import", "devices", "devices.csv")
	for _, cut := range []*link{talks, alsoThere} {
		cut.mustBeCut(t)
	}
	for _, h := range []*headendWithBroker{here, there} {
		h.mustRefuse(t, "M1", made)
		h.mustEnter(t, "M1", second).mustSay(t, begin.Add(-3*time.Hour))
	}

	// Whoever shows a certificate is let alone when the password changes that it could also have given. Twice, for connections are
	// looked at one after the other: when the second of the device is cut all have been looked at once.
	const third = "the third of the passwords"
	write(t, "third.secret", third, 0o600)
	byPassword := here.mustEnter(t, "M3", others)
	run(exitDone, "another password", "device", "password", "M3", "--password-file", "third.secret")
	byPassword.mustBeCut(t)
	byPassword = here.mustEnter(t, "M3", third)
	run(exitDone, "password ", "device", "password", "M3")
	byPassword.mustBeCut(t)
	certified.mustSay(t, begin)
	other.mustSay(t, begin.Add(time.Second))

	for _, at := range acknowledged {
		if n, err := here.store.Scalar(t.Context(), "SELECT count(*)::text FROM reading r JOIN device d ON d.number = r.meter WHERE d.id = 'M1' AND r.time = $1", at); err != nil || n != "1" {
			t.Fatalf("the reading of %s was acknowledged and is stored %s times %v", at, n, err)
		}
	}
	t.Logf("%d readings were acknowledged until the connection was cut", len(acknowledged))

	for _, c := range []struct{ words, id, secret string }{
		{`unknown device "NOBODY"`, "NOBODY", second}, {"is retired", "OLD", second}, {"Modbus", "R1", second}, {"has 5 characters, at least 16 are needed", "M1", "short"},
	} {
		write(t, "some.secret", c.secret, 0o600)
		run(exitFailed, c.words, "device", "password", c.id, "--password-file", "some.secret")
	}
	write(t, "open.secret", second, 0o644)
	run(exitFailed, "chmod 600", "device", "password", "M1", "--password-file", "open.secret")

	trail, kept := run(exitDone, `"target":"devices/M1"`, "audit", "export"), run(exitDone, "none changed", "audit", "verify")
	quarantined, err := here.store.Scalar(t.Context(), "SELECT coalesce(string_agg(q::text, ' '), '') FROM quarantine q")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(trail, `{\"password\":\"changed\"}`) || strings.Count(trail, `"what":"device password"`) != 4 {
		t.Errorf("the trail does not tell of three changes and one that was none:\n%s", trail)
	}
	for _, secret := range []string{first, second, others, made, third} {
		if strings.Contains(said.String()+trail+kept+quarantined, secret) {
			t.Errorf("the password %q stands in a log, in the trail or in quarantine", secret)
		}
	}
	if !strings.Contains(said.String(), "connection closed") {
		t.Error("the log does not tell of a connection that was closed")
	}
}
