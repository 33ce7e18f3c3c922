package webhook

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
)

// Guard decides which addresses may be called.
type Guard struct {
	Allow    []netip.Prefix // networks that may be called though they are not public
	Insecure bool           // http:// too
}

// NewGuard reads networks such as 10.20.0.0/16 or single addresses. The error names the one that is neither.
func NewGuard(allow []string, insecure bool) (Guard, error) {
	g := Guard{Insecure: insecure}
	for _, text := range allow {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			address, err := netip.ParseAddr(text)
			if err != nil {
				return Guard{}, fmt.Errorf("%q is neither a network such as 10.20.0.0/16 nor an address", text)
			}
			prefix = netip.PrefixFrom(address, address.BitLen())
		}
		g.Allow = append(g.Allow, prefix.Masked())
	}
	return g, nil
}

// Check says what is wrong with a URL that is to be called, as far as can be said before its name is resolved.
func (g Guard) Check(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > 2048 || u.Host == "" || u.Hostname() == "":
		return errors.New("not a URL such as https://oms.example.com/hooks/lastgasp")
	case u.Scheme != "https" && !(u.Scheme == "http" && g.Insecure):
		return errors.New("must be https://; http:// is for tests, with webhooks.insecure in the configuration")
	case u.User != nil:
		return errors.New("holds a name or password; deliveries are signed instead")
	case u.Fragment != "":
		return errors.New("has a part after #, which is never sent")
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return errors.New("holds a blank or control character")
	}
	if address, err := netip.ParseAddr(u.Hostname()); err == nil {
		return g.checkAddress(address)
	}
	return nil
}

// control is called with the address that is about to be connected to, after every name was resolved: what it refuses is
// not connected to, whatever a name server says.
func (g Guard) control(network, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("%s %s is not called", network, address)
	}
	return g.checkAddress(at.Addr())
}

func (g Guard) checkAddress(address netip.Addr) error {
	address = address.WithZone("").Unmap()
	for _, prefix := range g.Allow {
		if prefix.Contains(address) {
			return nil
		}
	}
	if !address.IsGlobalUnicast() || address.IsPrivate() {
		return refusedAddress(address)
	}
	for _, prefix := range special {
		if prefix.Contains(address) {
			return refusedAddress(address)
		}
	}
	return nil
}

func refusedAddress(address netip.Addr) error {
	return fmt.Errorf("%s is not a public address; webhooks.allow in the configuration lists what may be called inside", address)
}

// special are the networks of IANA's special-purpose registries that are not globally reachable, or lead to an IPv4
// address that this table would refuse, beside those netip knows as private, loopback, link-local and multicast.
var special = prefixes("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	"5f00::/16", "fec0::/10", "::/96")

func prefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}
