package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/access/oidc/oidctest"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// findings runs headend check and gives its status and what it found, by level and subject.
func findings(t *testing.T, args ...string) (status int, found []finding) {
	t.Helper()
	status, out, errs := command(t, nil, append(args, "check", "--json")...)
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, errs)
	}
	return status, found
}

// expectFinding looks for a finding of a level whose words hold a text.
func expectFinding(t *testing.T, found []finding, level, about, says string) {
	t.Helper()
	for _, f := range found {
		if f.About == about && f.Level == level && strings.Contains(f.Says, says) {
			if level != levelOK && f.Do == "" {
				t.Errorf("%s: %q does not say what to do", about, f.Says)
			}
			return
		}
	}
	t.Errorf("no %s of %s with %q in %+v", level, about, says, found)
}

func TestCheckFindsFaultsOfADatabase(t *testing.T) {
	server := startServer(t)
	const off = "broker.enabled=false"
	set := func(url string, more ...string) []string {
		args := []string{"--set", "database.url=" + url, "--set", off, "--set", "http.listen="}
		for _, m := range more {
			args = append(args, "--set", m)
		}
		return args
	}
	url := server.Database(t)
	_, found := findings(t, set(url)...)
	expectFinding(t, found, levelWarn, "schema", "nothing is in the database yet")

	store := storetest.OpenURL(t, url, timeseries.Options{Engine: timeseries.Postgres})
	status, found := findings(t, set(url)...)
	expectFinding(t, found, levelOK, "schema", "up to date")
	expectFinding(t, found, levelOK, "clock", "differ by")
	expectFinding(t, found, levelWarn, "backup", "no backup is known")
	expectFinding(t, found, levelWarn, "meters", "none is installed")
	expectFinding(t, found, levelWarn, "access", "no administrator")
	expectFinding(t, found, levelFail, "database", "fsync") // the server of the tests has it off
	if status != exitFailed {
		t.Errorf("fsync is off, and the status is %d", status)
	}

	run := func(sql string) {
		t.Helper()
		if _, err := store.Scalar(t.Context(), "WITH x AS ("+sql+" RETURNING 1) SELECT count(*)::text FROM x"); err != nil {
			t.Fatal(err)
		}
	}
	run("INSERT INTO setting (name, value) VALUES ('backup', (now() - interval '3 days')::text)")
	for i := range 150 {
		_, err := store.Append(t.Context(), []headend.Batch{{Device: "M1", Received: time.Now(), Source: headend.Source{Protocol: "mqtt"}, Raw: []byte{byte(i)}, Refusal: &headend.Refusal{Reason: "malformed"}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	run("INSERT INTO device (id, kind, state) SELECT 'M' || n, 'meter', CASE WHEN n = 9 THEN 'unassigned' ELSE 'active' END FROM generate_series(2, 9) n")
	run("INSERT INTO usage_point (id) SELECT 'U' || n FROM generate_series(2, 8) n")
	run("INSERT INTO installation (device, usage_point, valid_from) SELECT d.number, u.number, now() - interval '9 days' FROM device d JOIN usage_point u ON substr(u.id, 2) = substr(d.id, 2)")
	run("INSERT INTO webhook (url, events, description, enabled, secret) VALUES ('https://x', '{}', '', true, '')")
	run("INSERT INTO webhook_delivery (webhook, event, message, subject, body, state, ended) SELECT number, 'ping', '', '', '', 'given_up', now() FROM webhook")
	_, found = findings(t, set(url)...)
	expectFinding(t, found, levelWarn, "backup", "72 hours ago")
	expectFinding(t, found, levelWarn, "quarantine", "150 messages were set aside in the last day")
	expectFinding(t, found, levelFail, "meters", "of 7 installed none has a reading")
	expectFinding(t, found, levelWarn, "meters", "belong to no usage point")
	expectFinding(t, found, levelWarn, "webhooks", "1 deliveries were given up")

	_, found = findings(t, set(url, "zone=Europe/Berlin", "database.engine=timescale", "database.connections=500")...)
	expectFinding(t, found, levelFail, "schema", "zone is Europe/Berlin, and the database was made for Asia/Ho_Chi_Minh")
	expectFinding(t, found, levelFail, "engine", "database.engine is timescale, and the database was made with postgres")
	expectFinding(t, found, levelWarn, "database", "takes 60 connections")

	run("UPDATE schema_version SET version = version - 1")
	_, found = findings(t, set(url)...)
	expectFinding(t, found, levelWarn, "schema", "this program brings")
	run("UPDATE schema_version SET version = version + 2")
	_, found = findings(t, set(url)...)
	expectFinding(t, found, levelFail, "schema", "made by a newer program")

	wrong := strings.Replace(url, "/test_", "/nowhere_", 1)
	status, found = findings(t, set(wrong)...)
	expectFinding(t, found, levelFail, "database", "does not exist")
	if text, err := json.Marshal(found); err != nil || status != exitFailed || strings.Contains(string(text), passwordOf(t, url)) {
		t.Errorf("a wrong name: status %d, %s", status, text)
	}
}

func passwordOf(t *testing.T, url string) string {
	t.Helper()
	_, rest, _ := strings.Cut(url, "://")
	user, _, _ := strings.Cut(rest, "@")
	_, password, ok := strings.Cut(user, ":")
	if !ok {
		t.Fatal("the test's server has no password")
	}
	return password
}

func TestCheckFindsFaultsOfFilesAndConnections(t *testing.T) {
	dir := t.TempDir()
	closed := freeAddress(t)
	certificate := func(name string, from, to time.Time) (string, string) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, DNSNames: []string{"headend.example.vn"}, NotBefore: from, NotAfter: to},
			&x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}}, &key.PublicKey, key)
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
	now := time.Now()
	base := []string{"--set", "database.url=postgres://ami:hunter2hunter2@" + closed + "/ami", "--set", "webhooks.key_file=" + filepath.Join(dir, "key")}
	with := func(more ...string) []finding {
		t.Helper()
		args := append([]string{}, base...)
		for _, m := range more {
			args = append(args, "--set", m)
		}
		status, found := findings(t, args...)
		if status != exitFailed { // the database is not there
			t.Errorf("status %d", status)
		}
		return found
	}
	for name, c := range map[string]struct {
		from, to    time.Time
		level, says string
	}{
		"over":    {now.Add(-48 * time.Hour), now.Add(-24 * time.Hour), levelFail, "is over since"},
		"soon":    {now.Add(-48 * time.Hour), now.Add(5*24*time.Hour + time.Hour), levelWarn, "in 5 days"},
		"not yet": {now.Add(24 * time.Hour), now.Add(48 * time.Hour), levelFail, "holds only from"},
		"good":    {now.Add(-time.Hour), now.Add(365 * 24 * time.Hour), levelOK, "certificate until"},
	} {
		pair, key := certificate(name, c.from, c.to)
		found := with("broker.enabled=false", "http.listen="+closed, "http.tls.certificate="+pair, "http.tls.key="+key, "http.hosts=[headend.example.vn]")
		expectFinding(t, found, c.level, "http.tls", c.says)
		if name == "good" {
			found = with("broker.enabled=false", "http.listen="+closed, "http.tls.certificate="+pair, "http.tls.key="+key, "http.hosts=[other.example.vn]")
			expectFinding(t, found, levelWarn, "http.tls", "is not for other.example.vn")
		}
	}

	// A database and a broker that are not there, one that speaks something else, listeners in the clear, a key others may read.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Write([]byte("220 mail.example.vn ESMTP\r\n")) // the client is told something it does not know
			conn.Close()
		}
	}()
	defer l.Close()
	write(t, filepath.Join(dir, "key"), "x", 0o644)
	found := with("broker.listen=0.0.0.0:1883", "broker.insecure=true", "http.listen=0.0.0.0:1", "http.insecure=true", "modbus.profiles="+dir,
		`mqtt=[{name: away, client_id: a, servers: ["tcp://`+closed+`"], connect_timeout: 2s}, {name: mail, client_id: b, servers: ["tcp://`+l.Addr().String()+`"], connect_timeout: 2s}]`)
	expectFinding(t, found, levelFail, "database", "refused")
	expectFinding(t, found, levelFail, "broker away", "refused")
	expectFinding(t, found, levelFail, "broker mail", "connect:")
	expectFinding(t, found, levelWarn, "listeners", "the API is reached from other machines in the clear")
	expectFinding(t, found, levelWarn, "listeners", "the embedded broker is reached")
	expectFinding(t, found, levelFail, "webhooks", "mode 0644")
	expectFinding(t, found, levelWarn, "head-end", "none answers")
	expectFinding(t, found, levelOK, "profiles", "models")
	if text, err := json.Marshal(found); err != nil || strings.Contains(string(text), "hunter2") {
		t.Errorf("a password is printed: %s", text)
	}

	write(t, filepath.Join(dir, "broken.yaml"), "model: broken\nregisters: 7\n", 0o644)
	expectFinding(t, with("broker.enabled=false", "http.listen=", "modbus.profiles="+dir), levelFail, "profiles", "broken.yaml")

	// A configuration that cannot be used: every fault is a line, and nothing else is looked at.
	file := write(t, filepath.Join(dir, "lastgasp.yaml"), "zonne: UTC\nlog: {levl: x}\n", 0o644)
	status, found := findings(t, "--config", file)
	expectFinding(t, found, levelFail, "configuration", `unknown key "zonne"`)
	expectFinding(t, found, levelFail, "configuration", `unknown key "log.levl"`)
	if status != exitFailed || len(found) != 2 {
		t.Errorf("status %d, %+v", status, found)
	}
	file = write(t, filepath.Join(dir, "open.yaml"), "database: {url: \"postgres://ami:hunter2hunter2@"+closed+"/ami\"}\nbroker: {enabled: false}\nhttp: {listen: \"\"}\n", 0o644)
	_, found = findings(t, "--config", file)
	expectFinding(t, found, levelWarn, "files", "holds a password and has mode 0644")
	if _, err := os.Stat(filepath.Join(dir, "var")); err == nil {
		t.Error("a check made something")
	}
}

// The identity provider is asked what it says of itself; one that is away does not keep passwords from working.
func TestCheckAsksTheIdentityProvider(t *testing.T) {
	dir := t.TempDir()
	secret := write(t, filepath.Join(dir, "client.secret"), oidctest.ClientSecret, 0o600)
	provider := oidctest.Start(t, "lan")
	look := func(issuer string) []finding {
		t.Helper()
		_, found := findings(t, "--set", "database.private_dir="+filepath.Join(dir, "postgres"), "--set", "http.listen=", "--set", "broker.enabled=false",
			"--set", "webhooks.key_file="+filepath.Join(dir, "key"), "--set", "access.oidc.issuer="+issuer, "--set", "access.oidc.client_id=lastgasp", "--set", "access.oidc.client_secret_file="+secret)
		return found
	}
	expectFinding(t, look(provider.Issuer()), levelOK, "login", "127.0.0.1 answers")
	expectFinding(t, look(provider.Issuer()+"/"), levelFail, "login", "it calls itself")
	expectFinding(t, look("http://"+loopbackAddress(t)), levelFail, "login", "connection refused")
	provider.Set(func(b *oidctest.Behaviour) { b.Methods = []string{"private_key_jwt"} })
	expectFinding(t, look(provider.Issuer()), levelFail, "login", "private_key_jwt alone")
}
