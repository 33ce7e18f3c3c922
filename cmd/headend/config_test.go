package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastgasp/protocols/mqtt"
)

// inEmptyDir runs a test where no lastgasp.yaml lies about.
func inEmptyDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	return dir
}

func write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestAnEmptyConfigurationIsTheDefaults(t *testing.T) {
	inEmptyDir(t)
	for name, text := range map[string]string{"no file": "", "comments only": "# nothing\n", "empty sections": "database:\nhttp: {}\nmqtt: []\n"} {
		if text != "" {
			write(t, configFile, text, 0o644)
		}
		got, err := LoadConfig(configSources{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(Defaults().HTTP, got.HTTP) + cmp.Diff(Defaults().Database, got.Database) + cmp.Diff(Defaults().Broker, got.Broker) +
			cmp.Diff(Defaults().Codecs.Limits, got.Codecs.Limits) + cmp.Diff(Defaults().Ingest, got.Ingest); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestFlagsWinOverEnvironmentOverFile(t *testing.T) {
	inEmptyDir(t)
	write(t, configFile, `
zone: Europe/Berlin
database: {url: "postgres://file@db/one", connections: 5, statement_timeout: 7s}
http:
  listen: 127.0.0.1:1000
codecs:
  bindings:
    - {filter: "ami/v1/+/+", codec: native}
  limits: {json_depth: 9}
mqtt:
  - {name: field, servers: ["ssl://broker:8883"], client_id: lastgasp, connections: 3, group: ami, keep_alive: 90s}
`, 0o644)
	got, err := LoadConfig(configSources{
		Environment: []string{"DATABASE_URL=postgres://everybody@db/two", "LASTGASP_HTTP_LISTEN=127.0.0.1:2000", "LASTGASP_DATABASE_CONNECTIONS=6", "PATH=/bin",
			"LASTGASP_SHARED=/somewhere", `LASTGASP_BROKER_PUBLISH=["zigbee2mqtt/{device}"]`},
		Settings: []string{"http.listen=127.0.0.1:3000", "broker.session_expiry=2d"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	if got.Zone != "Europe/Berlin" || got.Database.URL != "postgres://everybody@db/two" || got.Database.Connections != 6 ||
		got.Database.StatementTimeout != 7*time.Second || got.HTTP.Listen != "127.0.0.1:3000" || got.Broker.SessionExpiry != 48*time.Hour ||
		got.Broker.Listen != want.Broker.Listen || got.Codecs.Limits.Depth != 9 || got.Codecs.Limits.Bytes != want.Codecs.Limits.Bytes {
		t.Errorf("got %+v", got)
	}
	if diff := cmp.Diff([]MQTTConfig{{Config: mqtt.Config{Name: "field", Servers: []string{"ssl://broker:8883"}, ClientID: "lastgasp", Connections: 3, Group: "ami", KeepAlive: 90 * time.Second}}}, got.MQTT); diff != "" {
		t.Error(diff)
	}
	if len(got.Codecs.Bindings) != 1 || got.Codecs.Bindings[0].Codec != "native" || len(got.Broker.Publish) != 1 {
		t.Errorf("bindings %+v, publish %v", got.Codecs.Bindings, got.Broker.Publish)
	}
	if got, err = LoadConfig(configSources{Environment: []string{"LASTGASP_DATABASE_URL=postgres://ours@db/three", "DATABASE_URL=postgres://everybody@db/two"}}); err != nil || got.Database.URL != "postgres://ours@db/three" {
		t.Errorf("database.url is %s, %v", got.Database.URL, err)
	}
}

func TestFaultsNamePlaceKeyAndWhatToDo(t *testing.T) {
	inEmptyDir(t)
	write(t, "loose", "secretsecretsecret\n", 0o644)
	write(t, "empty", "\n", 0o600)
	for name, c := range map[string]struct {
		file        string
		environment string
		set         string
		want        []string
	}{
		"unknown key":              {file: "database:\n  ulr: x\n", want: []string{"lastgasp.yaml:2:", `unknown key "database.ulr"`, "nearest known key is database.url"}},
		"key of another section":   {file: "listen: 127.0.0.1:80\n", want: []string{"lastgasp.yaml:1:", `"listen"`, ".listen"}},
		"unknown section":          {file: "databse: {url: x}\n", want: []string{`unknown key "databse"`, "is database"}},
		"unknown key in a list":    {file: "mqtt:\n  - name: a\n    usernam: b\n", want: []string{"lastgasp.yaml:3:", `"mqtt[0].usernam"`, "mqtt[].username"}},
		"key set twice":            {file: "zone: UTC\nlog: {}\nzone: UTC\n", want: []string{"lastgasp.yaml:3: zone: is set in line 1 already"}},
		"a text for a number":      {file: "\n\ndatabase:\n  connections: many\n", want: []string{"lastgasp.yaml:4: database.connections:", `"many" is not a whole number`}},
		"a number for a switch":    {file: "broker: {enabled: 7}", want: []string{"broker.enabled:", "neither true nor false"}},
		"a length without unit":    {file: "ingest: {max_age: 400}", want: []string{"ingest.max_age:", "is not a length of time"}},
		"a value for a section":    {file: "http: 8080", want: []string{"lastgasp.yaml:1: http: is a section"}},
		"no YAML":                  {file: "http: [", want: []string{"lastgasp.yaml: line "}},
		"two documents":            {file: "zone: UTC\n---\nzone: UTC\n", want: []string{"second document"}},
		"unknown variable":         {environment: "LASTGASP_DATABASE_URI=x", want: []string{"environment variable LASTGASP_DATABASE_URI", "database.url"}},
		"bad variable":             {environment: "LASTGASP_LOG_LEVEL=loud", want: []string{"environment variable LASTGASP_LOG_LEVEL: log.level:", "debug, info, warn, error"}},
		"unknown flag key":         {set: "log.levle=debug", want: []string{"--set log.levle", "nearest known key is log.level"}},
		"flag without value":       {set: "log.level", want: []string{"has no ="}},
		"too many":                 {file: "database: {connections: 5000}", want: []string{"lastgasp.yaml:1: database.connections: 5000 is more than 1000"}},
		"negative":                 {file: "broker: {in_flight: -1}", want: []string{"broker.in_flight: -1 is less than 0"}},
		"zone":                     {file: "zone: Asia/Hanoi2", want: []string{`zone: "Asia/Hanoi2" is not a name of the time zone database`}},
		"http in the clear":        {file: "http:\n  listen: 0.0.0.0:8080\n", want: []string{"lastgasp.yaml:2: http.listen:", "reachable from other machines without TLS", "insecure: true"}},
		"http everywhere":          {file: "http: {listen: ':8080'}", want: []string{"without TLS"}},
		"broker in the clear":      {environment: "LASTGASP_BROKER_LISTEN=192.0.2.1:1883", want: []string{"broker.listen: 192.0.2.1:1883 is reachable"}},
		"too short a memory":       {set: "database.retain=30d", want: []string{"--set database.retain: database.retain: 30d is too short"}},
		"doubt after refusal":      {file: "ingest: {max_ahead: 1m}", want: []string{"lastgasp.yaml:1: ingest.max_ahead:", "1m is less than ingest.doubt_ahead (5m)"}},
		"no port":                  {file: "http: {listen: localhost}", want: []string{"is not of the form host:port"}},
		"password in the clear":    {file: "mqtt: [{name: a, client_id: b, servers: ['tcp://broker:1883']}]", want: []string{"mqtt[0].servers: tcp://broker:1883 leaves this machine without TLS"}},
		"two brokers of a name":    {file: "mqtt: [{name: a, servers: ['ssl://b:8883']}, {name: a, servers: ['ssl://c:8883']}]", want: []string{"mqtt[1].name: \"a\" names two brokers"}},
		"no server":                {file: "mqtt: [{name: a}]", want: []string{"mqtt[0]: no servers"}},
		"broker password loose":    {file: "mqtt: [{name: a, servers: ['ssl://b:8883'], password_file: loose}]", want: []string{"mqtt[0]: password_file", "0644"}},
		"secret others may read":   {file: "database: {url_file: loose}", want: []string{"lastgasp.yaml:1: database.url_file:", "mode 0644", "chmod 600 loose"}},
		"secret that is not there": {file: "database: {url_file: gone}", want: []string{"database.url_file:", "gone"}},
		"empty secret":             {file: "database: {url_file: empty}", want: []string{"is empty"}},
		"provider in the clear":    {file: "access: {oidc: {issuer: 'http://sso.example.com', client_id: a, client_secret_file: gone}}", want: []string{"access.oidc.issuer:", "in the clear", "access.oidc.client_secret_file:", "gone"}},
		"provider with a fragment": {file: "access: {oidc: {issuer: 'https://sso.example.com/#x'}}", want: []string{"which an issuer has not", "access.oidc.client_id: is missing", "access.oidc.client_secret_file: is missing"}},
		"provider's secret loose":  {file: "access: {oidc: {issuer: 'https://sso.example.com', client_id: a, client_secret_file: loose}}", want: []string{"access.oidc.client_secret_file:", "mode 0644", "chmod 600 loose"}},
		"provider without a name":  {file: "access: {oidc: {client_id: a}}", want: []string{"access.oidc.issuer: is missing"}},
		"secret twice":             {file: "database: {url_file: empty, url: x}", want: []string{"one of the two is enough"}},
		"unknown codec":            {file: "codecs: {bindings: [{filter: a, codec: morse}]}", want: []string{"codecs:", "morse"}},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, configFile, c.file, 0o644)
			sources := configSources{}
			if c.environment != "" {
				sources.Environment = []string{c.environment}
			}
			if c.set != "" {
				sources.Settings = []string{c.set}
			}
			_, err := LoadConfig(sources)
			if err == nil {
				t.Fatal("it was accepted")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q:\n%v", want, err)
				}
			}
		})
	}
}

func TestEveryFaultIsReportedAtOnce(t *testing.T) {
	inEmptyDir(t)
	write(t, configFile, "zonne: UTC\nlog: {levl: x}\nhttp: {listen: 1}\nbroker: {in_flight: x}\n", 0o644)
	_, err := LoadConfig(configSources{})
	if err == nil || strings.Count(err.Error(), "lastgasp.yaml:") != 3 {
		t.Errorf("want three faults, got:\n%v", err)
	}
}

func TestSecretsComeFromFilesAndAreMasked(t *testing.T) {
	inEmptyDir(t)
	write(t, "url", "postgres://ami:hunter2hunter2@db:5432/ami?sslmode=require\n", 0o600)
	write(t, configFile, "database: {url_file: url}\nmqtt: [{name: a, servers: ['ssl://b:8883'], password: correct horse battery}]\n", 0o644)
	config, err := LoadConfig(configSources{})
	if err != nil {
		t.Fatal(err)
	}
	if config.Database.URL != "postgres://ami:hunter2hunter2@db:5432/ami?sslmode=require" || config.MQTT[0].Password != "correct horse battery" {
		t.Errorf("secrets are %q and %q", config.Database.URL, config.MQTT[0].Password)
	}
	var out, errs bytes.Buffer
	if status := run(&program{ctx: t.Context(), stdout: &out, stderr: &errs}, []string{"config"}); status != exitDone {
		t.Fatalf("status %d: %s", status, errs.String())
	}
	if strings.Contains(out.String(), "hunter2") || strings.Contains(out.String(), "horse") {
		t.Errorf("a secret is printed:\n%s", out.String())
	}
	if !strings.Contains(out.String(), "postgres://ami:********@db:5432/ami?sslmode=require") {
		t.Errorf("the rest of the URL is not:\n%s", out.String())
	}
	for secret, value := range map[string]string{"host=db password='a b' user=x": masked, "postgres://h/d?user=x&password=y": "postgres://h/d?" + masked,
		"postgres://u:p@ss@h/d": "postgres://u:" + masked + "@h/d", "postgres://h/d": "postgres://h/d"} {
		if got := mask(secret, "url"); got != value {
			t.Errorf("%s is shown as %s, want %s", secret, got, value)
		}
	}
}

func TestWhatIsPrintedCanBeReadAgain(t *testing.T) {
	inEmptyDir(t)
	want := Defaults()
	want.MQTT = []MQTTConfig{{Insecure: true, Config: mqtt.Config{Name: "a", ClientID: "b", Servers: []string{"ssl://b:8883", "tcp://c:1883"}, Connections: 1}}}
	want.Ingest.MaxAge = 90 * time.Minute
	text, err := want.Print()
	if err != nil {
		t.Fatal(err)
	}
	write(t, configFile, string(text), 0o644)
	got, err := LoadConfig(configSources{})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	again, err := got.Print()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(text), string(again)); diff != "" {
		t.Error(diff)
	}
}

func TestEveryKeySaysWhatItMeans(t *testing.T) {
	variables := map[string]string{}
	for _, k := range configKeys() {
		if keyDoc(k.path, k.tag) == "" {
			t.Errorf("nothing is said of %s", k.path)
		}
		if name := k.environment(); name != "" && variables[name] != "" {
			t.Errorf("%s sets both %s and %s", name, k.path, variables[name])
		} else {
			variables[name] = k.path
		}
		if k.typ.Kind() == reflect.Struct && !k.nested {
			t.Errorf("%s: a section that is none", k.path)
		}
	}
}

// docsExample is what `headend config` prints for an empty configuration, in docs/configuration.md.
func TestTheDocumentedExampleIsTrue(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```yaml\n")
	if len(blocks) != 3 {
		t.Fatalf("docs/configuration.md has %d YAML blocks, want the full table and one with brokers", len(blocks)-1)
	}
	want, err := Defaults().Print()
	if err != nil {
		t.Fatal(err)
	}
	full, _, _ := strings.Cut(blocks[1], "```")
	if diff := cmp.Diff(string(want), full); diff != "" {
		t.Errorf("the table in docs/configuration.md is not what headend config prints:\n%s", diff)
	}
	example, _, _ := strings.Cut(blocks[2], "```")
	dir := inEmptyDir(t)
	for _, file := range []string{"/etc/lastgasp/database-url", "/etc/lastgasp/broker-password", "/etc/lastgasp/key.pem"} {
		own := write(t, filepath.Join(dir, filepath.Base(file)), "postgres://x\n", 0o600)
		example = strings.ReplaceAll(example, file, own)
	}
	write(t, configFile, example, 0o644)
	if _, err := LoadConfig(configSources{}); err != nil {
		t.Errorf("the example in docs/configuration.md:\n%v", err)
	}
}
