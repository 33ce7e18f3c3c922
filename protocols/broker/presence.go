package broker

import (
	"errors"
	"slices"
	"sync"

	"lastgasp/headend"
)

var (
	errCrowded = errors.New("the device has all the connections it may")
	errChanged = errors.New("rights changed since they were asked for")
)

// presence knows the connections of each device: to bound them, and to end them when its right does.
type presence struct {
	mu       sync.Mutex
	of       map[headend.DeviceID][]*conn
	rechecks int // how often rights were looked at again
}

// now is what a login remembers of the time before it asks for its rights.
func (p *presence) now() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rechecks
}

// claim takes a place for a connection whose rights were asked for after asked. A client that comes
// back on a session takes over the place of the connection it had, which may not know yet that it is dead.
func (p *presence) claim(c *conn, asked, most int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rechecks != asked {
		return errChanged
	}
	others := 0
	for _, o := range p.of[c.rights.device] {
		if o.session != c.session {
			others++
		}
	}
	if others >= most {
		return errCrowded
	}
	if p.of == nil {
		p.of = map[headend.DeviceID][]*conn{}
	}
	p.of[c.rights.device] = append(p.of[c.rights.device], c)
	return nil
}

// release gives up c's place, if it has one.
func (p *presence) release(c *conn) {
	if c.rights == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	have := p.of[c.rights.device]
	i := slices.Index(have, c)
	switch {
	case i < 0:
	case len(have) == 1:
		delete(p.of, c.rights.device)
	default:
		p.of[c.rights.device] = slices.Delete(have, i, i+1)
	}
}

// recheck returns the connections there are; later ones will have been asked for anew.
func (p *presence) recheck() []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rechecks++
	var all []*conn
	for _, have := range p.of {
		all = append(all, have...)
	}
	return all
}

// Recheck closes the connections of devices that are no longer allowed what they were when they logged
// in, and returns how many those were. allowed is given the identity of that login without its patterns.
// Their wills are not spoken. A login under way meanwhile is authenticated once more.
func (b *Broker) Recheck(allowed func(id Identity) bool) int {
	n := 0
	for _, c := range b.present.recheck() {
		if allowed(Identity{Device: c.rights.device, Gateway: c.rights.gateway, Credential: c.rights.shown}) {
			continue
		}
		n++
		c.takeWill()
		b.metrics.disconnected.WithLabelValues("revoked").Inc()
		b.log.Info("connection closed: the device's right has ended or changed", "device", c.rights.device, "remote", c.Conn.RemoteAddr().String())
		c.shut()
	}
	return n
}
