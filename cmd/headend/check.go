package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"lastgasp/protocols/modbus"
	"lastgasp/protocols/mqtt"
)

// checkCommand is `headend check`.
type checkCommand struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Levels of a finding.
const (
	levelOK   = "ok"
	levelWarn = "warn" // it works, and somebody should look at it
	levelFail = "fail" // it does not work, or loses data
)

// finding is what was found about one thing.
type finding struct {
	Level string `json:"level"`
	About string `json:"about"`
	Says  string `json:"says"`
	Do    string `json:"do,omitempty"` // what to do; "" where all is well
}

// checkup collects findings.
type checkup struct {
	program  *program
	config   Config
	now      time.Time
	findings []finding
}

func (c *checkup) add(level, about, says, do string) {
	c.findings = append(c.findings, finding{level, about, says, do})
}

// checkTimeout is how long one thing may take to answer.
const checkTimeout = 20 * time.Second

// Run looks at everything and changes nothing. Its error says that something failed; each finding has been printed.
func (c *checkCommand) Run(p *program) error {
	p.looks.Store(true)
	look := &checkup{program: p, now: time.Now()}
	config, err := p.config()
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "the configuration cannot") {
				look.add(levelFail, "configuration", line, "correct this key; headend config prints all, with what they mean")
			}
		}
	} else {
		look.config = config
		look.add(levelOK, "configuration", "can be used", "")
		for _, part := range []func(context.Context){look.files, look.listeners, look.certificates, look.profiles, look.database, look.brokers, look.access, look.provider, look.running} {
			part(p.ctx)
		}
	}
	if err := look.print(p.stdout, c.JSON); err != nil {
		return err
	}
	failed := 0
	for _, f := range look.findings {
		if f.Level == levelFail {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d checks failed", failed, len(look.findings))
	}
	return nil
}

func (c *checkup) print(to io.Writer, asJSON bool) error {
	if asJSON {
		text, err := json.MarshalIndent(c.findings, "", "  ")
		if err != nil {
			return fmt.Errorf("findings: %w", err)
		}
		_, err = fmt.Fprintln(to, string(text))
		return err
	}
	for _, f := range c.findings {
		text := fmt.Sprintf("%-5s %-14s %s\n", f.Level, f.About, f.Says)
		if f.Do != "" {
			text += fmt.Sprintf("%-20s %s\n", "", "→ "+f.Do)
		}
		if _, err := io.WriteString(to, text); err != nil {
			return err
		}
	}
	return nil
}

// files looks at what others on this machine could read. Files with nothing but a secret have been looked at with the configuration.
func (c *checkup) files(context.Context) {
	name := c.program.flags.Config
	if name == "" {
		name = configFile
	}
	if info, err := os.Stat(name); err == nil && info.Mode().Perm()&0o077 != 0 && c.config.hasSecrets() {
		c.add(levelWarn, "files", fmt.Sprintf("%s holds a password and has mode %04o, so others on this machine may read it", name, info.Mode().Perm()),
			"chmod 600 it, or put the password into a file of its own (database.url_file, password_file)")
	} else {
		c.add(levelOK, "files", "no secret can be read by others on this machine", "")
	}
	key := c.config.Webhooks.KeyFile
	switch info, err := os.Stat(key); {
	case errors.Is(err, os.ErrNotExist):
		if err := writable(filepath.Dir(key)); err != nil {
			c.add(levelWarn, "webhooks", fmt.Sprintf("the key file %s is not there and cannot be made: %v", key, err), "let the head-end write there, or set webhooks.key_file: without it no webhook can be entered")
		}
	case err != nil:
		c.add(levelFail, "webhooks", fmt.Sprintf("the key file cannot be looked at: %v", err), "give it to the head-end's account, mode 0600")
	case info.Mode().Perm()&0o077 != 0:
		c.add(levelFail, "webhooks", fmt.Sprintf("the key file %s has mode %04o, so it is not used", key, info.Mode().Perm()), "chmod 600 "+key)
	}
}

// hasSecrets tells whether a password stands in the configuration itself; where it came from is not known any more.
func (c *Config) hasSecrets() bool {
	_, password, _ := strings.Cut(c.Database.URL, "://")
	if user, _, ok := strings.Cut(password, "@"); c.Database.URLFile == "" && ok && strings.Contains(user, ":") {
		return true
	}
	for _, m := range c.MQTT {
		if m.Password != "" {
			return true
		}
	}
	return false
}

// writable tells why nothing can be made in a folder, or in the nearest one above it that is there.
func writable(folder string) error {
	for {
		info, err := os.Stat(folder)
		switch {
		case errors.Is(err, os.ErrNotExist) && filepath.Dir(folder) != folder:
			folder = filepath.Dir(folder)
			continue
		case err != nil:
			return err
		case !info.IsDir():
			return fmt.Errorf("%s is no folder", folder)
		}
		if err := syscall.Access(folder, 2); err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
		return nil
	}
}

// listeners looks for what other machines reach in the clear. Where nobody wrote that it is meant, it is a fault of the configuration.
func (c *checkup) listeners(context.Context) {
	open := 0
	look := func(part, listen string, insecure bool, do string) {
		host, _, ok := cutLast(listen, ":")
		if ok && insecure && !loopback(strings.Trim(host, "[]")) {
			open++
			c.add(levelWarn, "listeners", fmt.Sprintf("%s is reached from other machines in the clear, at %s", part, listen), do)
		}
	}
	look("the API", c.config.HTTP.Listen, c.config.HTTP.Insecure && c.config.HTTP.TLS.Certificate == "", "set http.tls, or listen on 127.0.0.1 with a proxy that has TLS in front")
	if c.config.Broker.Enabled {
		look("the embedded broker", c.config.Broker.Listen, c.config.Broker.Insecure, "set broker.tls: devices send their passwords in the clear")
	}
	for _, m := range c.config.MQTT {
		for _, server := range m.Servers {
			if strings.HasPrefix(server, "tcp://") && m.Insecure {
				open++
				c.add(levelWarn, "broker "+m.Name, server+" is connected to without TLS: password and readings go in the clear", "use ssl://, unless the network between is yours alone")
			}
		}
	}
	if open == 0 {
		c.add(levelOK, "listeners", "nothing leaves this machine in the clear", "")
	}
}

func (c *checkup) profiles(context.Context) {
	if !c.config.Modbus.Enabled {
		return
	}
	all, err := modbus.LoadProfiles(c.config.Modbus.Profiles)
	if err != nil {
		c.add(levelFail, "profiles", err.Error(), "correct the profile; devices of that model are not polled until then")
		return
	}
	c.add(levelOK, "profiles", fmt.Sprintf("%d models of Modbus devices", len(all.All())), "")
}

func (c *checkup) brokers(ctx context.Context) {
	for _, m := range c.config.MQTT {
		asking, cancel := context.WithTimeout(ctx, checkTimeout)
		version, err := mqtt.Probe(asking, m.Config)
		cancel()
		about := "broker " + m.Name
		switch {
		case err != nil:
			c.add(levelFail, about, fmt.Sprintf("%s: %v", strings.Join(m.Servers, ", "), err), "is it running, can it be reached from here, are name, password and certificate right? docs/brokers.md")
		case version == "":
			c.add(levelOK, about, "takes the head-end's name and password. Its limits cannot be asked for: docs/brokers.md lists what is needed", "")
		default:
			c.add(levelOK, about, version+" takes the head-end's name and password. Its limits cannot be asked for: docs/brokers.md lists what is needed", "")
		}
	}
}

// running asks a head-end that runs with this configuration whether it is ready.
func (c *checkup) running(ctx context.Context) {
	if c.config.HTTP.Listen == "" {
		return
	}
	address := ownAddress(c.config)
	asking, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(asking, http.MethodGet, address+"/readyz", nil)
	if err != nil {
		c.add(levelWarn, "head-end", err.Error(), "correct http.listen")
		return
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		c.add(levelWarn, "head-end", fmt.Sprintf("none answers at %s", address), "start it: systemctl start lastgasp, or headend serve. ("+err.Error()+")")
		return
	}
	defer answer.Body.Close()
	var said struct{ Detail string }
	if err := json.NewDecoder(io.LimitReader(answer.Body, 64<<10)).Decode(&said); err != nil || answer.StatusCode != http.StatusOK {
		c.add(levelFail, "head-end", fmt.Sprintf("runs, and is not ready: %s (%s)", said.Detail, answer.Status), address+"/readyz gives each reason")
		return
	}
	c.add(levelOK, "head-end", "runs and is ready", "")
}

// access looks for a first password that still lies about. Whether there is an administrator is seen with the database.
func (c *checkup) access(context.Context) {
	for _, name := range []string{firstLoginFile, demoLoginFile} {
		if c.config.Database.URL != "" && name == demoLoginFile {
			continue // the demonstration has a private database
		}
		if file := besidePrivate(c.config, name); fileThere(file) {
			c.add(levelWarn, "access", fmt.Sprintf("the password of the first administrator still stands in %s", file), "log in, change it, and delete the file")
		}
	}
}

// provider asks the identity provider what it says of itself.
func (c *checkup) provider(ctx context.Context) {
	provider := newProvider(c.config.Access.OIDC, nil)
	if provider == nil {
		return
	}
	defer provider.Close()
	asking, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	about := "login"
	if err := provider.Ready(asking); err != nil {
		c.add(levelFail, about, fmt.Sprintf("the identity provider %s cannot be used: %v", c.config.Access.OIDC.Issuer, err),
			"is it running, can it be reached from here, is access.oidc.issuer written as it calls itself? Passwords go on letting people in; docs/access.md")
		return
	}
	c.add(levelOK, about, "the identity provider "+provider.Name()+" answers", "")
}

func fileThere(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
