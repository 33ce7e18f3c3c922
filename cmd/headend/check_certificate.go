package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"
)

// soon is how long before its end a certificate is worth a warning.
const soon = 21 * 24 * time.Hour

func (c *checkup) certificates(context.Context) {
	if t := c.config.HTTP.TLS; t.Certificate != "" {
		c.certificate("http.tls", t.Certificate, t.Key, c.config.HTTP.Hosts)
	}
	if t := c.config.Broker.TLS; c.config.Broker.Enabled && t.Listen != "" {
		c.certificate("broker.tls", t.Certificate, t.Key, nil)
	}
	for _, m := range c.config.MQTT {
		if m.TLS.Certificate != "" {
			c.certificate("broker "+m.Name, m.TLS.Certificate, m.TLS.Key, nil)
		}
	}
}

// certificate looks at one that we show: whether it can be used, until when, and for which names.
func (c *checkup) certificate(about, file, key string, names []string) {
	pair, err := tls.LoadX509KeyPair(file, key)
	if err != nil || pair.Leaf == nil {
		c.add(levelFail, about, fmt.Sprintf("certificate %s with key %s: %v", file, key, err), "the two must belong together, in PEM")
		return
	}
	leaf := pair.Leaf
	day := leaf.NotAfter.Format(time.DateOnly)
	switch left := leaf.NotAfter.Sub(c.now); {
	case left <= 0:
		c.add(levelFail, about, fmt.Sprintf("the certificate %s is over since %s", file, day), "renew it and restart the head-end")
	case c.now.Before(leaf.NotBefore):
		c.add(levelFail, about, fmt.Sprintf("the certificate %s holds only from %s on", file, leaf.NotBefore.Format(time.RFC3339)), "is this machine's clock right?")
	case left < soon:
		c.add(levelWarn, about, fmt.Sprintf("the certificate %s is over on %s, in %d days", file, day, int(left/(24*time.Hour))), "renew it and restart the head-end")
	default:
		c.add(levelOK, about, "certificate until "+day, "")
	}
	for _, name := range names {
		if err := leaf.VerifyHostname(hostPart(name)); err != nil {
			c.add(levelWarn, about, fmt.Sprintf("the certificate %s is not for %s, which http.hosts lists: %v", file, name, err), "browsers that ask by this name refuse it; have it issued for all names")
		}
	}
}
