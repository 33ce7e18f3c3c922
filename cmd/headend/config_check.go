package main

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"lastgasp/headend/access/oidc"
	"lastgasp/headend/webhook"
	"lastgasp/protocols/mqtt"
	"lastgasp/timeseries"
)

// readSecrets fills in what the configuration keeps in files of their own. Brokers' passwords are read when
// connecting, so that they can be changed.
func (c *Config) readSecrets() []error {
	var faults []error
	read := func(path string, into *string, file string) {
		if file == "" {
			return
		}
		if *into != "" {
			faults = append(faults, &keyFault{path + "_file", path + " is set too; one of the two is enough"})
			return
		}
		text, err := readSecretFile(file)
		if err != nil {
			faults = append(faults, &keyFault{path + "_file", err.Error()})
			return
		}
		*into = text
	}
	read("database.url", &c.Database.URL, c.Database.URLFile)
	return faults
}

// readSecretFile reads a file that nobody but its owner may read.
func readSecretFile(name string) (string, error) {
	if err := checkPrivate(name); err != nil {
		return "", err
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("secret: %w", err)
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("secret: %s is empty", name)
	}
	return secret, nil
}

func checkPrivate(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("secret: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("secret: %s has mode %04o, so others on this machine may read it; chmod 600 %s", name, mode, name)
	}
	return nil
}

// faults lists what is wrong with the values, each as a *keyFault.
func (c *Config) faults() []error {
	faults := bounds(reflect.ValueOf(*c), "")
	add := func(path, format string, args ...any) {
		faults = append(faults, &keyFault{path, fmt.Sprintf(format, args...)})
	}
	if _, err := time.LoadLocation(c.Zone); err != nil || c.Zone == "" || c.Zone == "Local" {
		add("zone", "%q is not a name of the time zone database, such as Asia/Ho_Chi_Minh", c.Zone)
	}
	if c.Database.URL == "" && c.Database.PrivateDir == "" {
		add("database.private_dir", "is empty, and there is no database.url either")
	}
	if r := c.Database.Retain; r != 0 && r < timeseries.ShortestRetention {
		add("database.retain", "%s is too short: at least %s, or 0s to keep all", formatDuration(r), formatDuration(timeseries.ShortestRetention))
	}
	if c.Ingest.MaxAhead < c.Ingest.DoubtAhead {
		add("ingest.max_ahead", "%s is less than ingest.doubt_ahead (%s): no clock could be doubtful and its reading kept",
			formatDuration(c.Ingest.MaxAhead), formatDuration(c.Ingest.DoubtAhead))
	}
	if _, err := mqtt.NewRouter(c.codecs()); err != nil {
		add("codecs", "%v", err)
	}
	if _, err := c.Billing.settings(); err != nil {
		add("billing", "%v", err)
	}
	checkListen(add, "http", c.HTTP.Listen, c.HTTP.Insecure, c.HTTP.TLS.Certificate != "")
	if (c.HTTP.TLS.Certificate == "") != (c.HTTP.TLS.Key == "") {
		add("http.tls", "certificate and key belong together")
	}
	checkKey(add, "http.tls.key", c.HTTP.TLS.Key)
	if c.Broker.Enabled {
		if c.Broker.Listen == "" && c.Broker.TLS.Listen == "" {
			add("broker", "neither listen nor tls.listen is set; enabled: false turns the broker off")
		}
		checkListen(add, "broker", c.Broker.Listen, c.Broker.Insecure, false)
		if c.Broker.TLS.Listen != "" && (c.Broker.TLS.Certificate == "" || c.Broker.TLS.Key == "") {
			add("broker.tls", "listen needs certificate and key")
		}
		checkKey(add, "broker.tls.key", c.Broker.TLS.Key)
	}
	if _, err := webhook.NewGuard(c.Webhooks.Allow, c.Webhooks.Insecure); err != nil {
		add("webhooks.allow", "%v", err)
	}
	if c.Webhooks.KeyFile == "" {
		add("webhooks.key_file", "is empty: secrets could not be kept")
	}
	if c.Access.Idle > c.Access.Session {
		add("access.idle", "%s is more than access.session (%s)", formatDuration(c.Access.Idle), formatDuration(c.Access.Session))
	}
	c.Access.OIDC.check(add)
	for i, text := range c.Access.Proxies {
		if _, err := parsePrefix(text); err != nil {
			add("access.proxies["+strconv.Itoa(i)+"]", "%q is neither an address nor a network such as 10.0.0.0/8", text)
		}
	}
	names := map[string]bool{}
	for i, m := range c.MQTT {
		path := "mqtt[" + strconv.Itoa(i) + "]"
		if names[m.Name] {
			add(path+".name", "%q names two brokers", m.Name)
		}
		names[m.Name] = true
		m.check(path, add)
	}
	return faults
}

// check tells what is wrong with the way to an identity provider, without asking it.
func (c OIDCConfig) check(add func(path, format string, args ...any)) {
	const path = "access.oidc"
	if c.Issuer == "" {
		if c != (OIDCConfig{}) {
			add(path+".issuer", "is missing; without it the rest of %s says nothing", path)
		}
		return
	}
	if err := oidc.Check(c.Issuer); err != nil {
		add(path+".issuer", "%v", err)
	}
	if c.ClientID == "" {
		add(path+".client_id", "is missing")
	}
	if c.ClientSecretFile == "" {
		add(path+".client_secret_file", "is missing")
	} else if _, err := readSecretFile(c.ClientSecretFile); err != nil {
		add(path+".client_secret_file", "%v", err)
	}
	if len(c.Name) > 64 || strings.ContainsFunc(c.Name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		add(path+".name", "is more than 64 printable bytes")
	}
}

// codecs is the codecs section with the utility's zone where it names none.
func (c *Config) codecs() mqtt.RouterConfig {
	router := c.Codecs
	if router.Zone == "" {
		router.Zone = c.Zone
	}
	return router
}

func (m MQTTConfig) check(path string, add func(path, format string, args ...any)) {
	if m.Name == "" {
		add(path+".name", "is missing")
	}
	for _, server := range m.Servers {
		if u, err := url.Parse(server); err == nil && u.Scheme == "tcp" && !loopback(u.Hostname()) && !m.Insecure {
			add(path+".servers", "%s leaves this machine without TLS; use ssl://, or write insecure: true", u.Redacted())
		}
	}
	checkKey(add, path+".tls.key", m.TLS.Key)
	if _, err := mqtt.New(m.Config, nil); err != nil { // it starts nothing
		add(path, "%s", strings.TrimPrefix(err.Error(), "mqtt: "))
	}
}

func checkKey(add func(path, format string, args ...any), path, file string) {
	if file == "" {
		return
	}
	if err := checkPrivate(file); err != nil {
		add(path, "%v", err)
	}
}

// checkListen refuses a listener that other machines reach in the clear, unless somebody wrote that this
// is what they want.
func checkListen(add func(path, format string, args ...any), path, listen string, insecure, tls bool) {
	if listen == "" {
		return
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		add(path+".listen", "%q is not of the form host:port", listen)
		return
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		add(path+".listen", "%q is not a port", port)
	}
	if !loopback(host) && !insecure && !tls {
		add(path+".listen", "%s is reachable from other machines without TLS; set up %s.tls, listen on 127.0.0.1, or write %s.insecure: true", listen, path, path)
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// bounds checks the min, max and oneof tags. No number and no length of time may be negative.
func bounds(v reflect.Value, path string) []error {
	var faults []error
	for _, f := range fieldsOf(v.Type()) {
		name, _ := keyName(f)
		key, value := joinPath(path, name), v.FieldByIndex(f.Index)
		switch {
		case value.Kind() == reflect.Struct:
			faults = append(faults, bounds(value, key)...)
		case value.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			for i := range value.Len() {
				faults = append(faults, bounds(value.Index(i), key+"["+strconv.Itoa(i)+"]")...)
			}
		default:
			if reason := outOfBounds(value, f.Tag); reason != "" {
				faults = append(faults, &keyFault{key, reason})
			}
		}
	}
	return faults
}

func outOfBounds(value reflect.Value, tag reflect.StructTag) string {
	if words := strings.Fields(tag.Get("oneof")); len(words) > 0 && !slices.Contains(words, value.String()) {
		return fmt.Sprintf("%q is none of %s", value.String(), strings.Join(words, ", "))
	}
	if !value.CanInt() {
		return ""
	}
	if n, least := value.Int(), bound(tag.Get("min"), value.Type()); n < least {
		return fmt.Sprintf("%v is less than %s", value.Interface(), cmp.Or(tag.Get("min"), "0"))
	}
	if most := tag.Get("max"); most != "" && value.Int() > bound(most, value.Type()) {
		return fmt.Sprintf("%v is more than %s", value.Interface(), most)
	}
	return ""
}

// bound reads a min or max tag; the tags are ours, so a wrong one is a fault of the program.
func bound(text string, t reflect.Type) int64 {
	if text == "" {
		return 0
	}
	if t == durationType {
		d, err := parseDuration(text)
		if err != nil {
			panic(err)
		}
		return int64(d)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}
