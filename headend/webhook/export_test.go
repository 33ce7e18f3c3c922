package webhook

import (
	"net"
	"net/netip"
)

// WithResolver is the options with a resolver of the test's.
func (o Options) WithResolver(r *net.Resolver) Options {
	o.resolver = r
	return o
}

// CheckAddress is what decides about an address that is about to be connected to.
func (g Guard) CheckAddress(address netip.Addr) error { return g.checkAddress(address) }
