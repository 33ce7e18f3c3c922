package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"lastgasp/headend"
)

// ErrDenied is what Access returns for a credential that is wrong, expired or of a retired device. Any
// other error means that nobody can tell just now, and the client is told to come again.
var ErrDenied = errors.New("access denied")

// Access knows the devices' credentials.
type Access interface {
	// Authenticate tells who is at the other end. It may block, for at most Config.ConnectTimeout; a
	// few calls are in flight at once, the others wait.
	Authenticate(ctx context.Context, login Login) (Identity, error)
}

// Login is what a client says of itself when it connects.
type Login struct {
	ClientID   string
	Username   string
	Password   []byte
	CommonName string // of the client certificate, which was verified; "" without one
	Remote     string // host:port
}

// Identity is whom a credential stands for. Patterns are MQTT topic filters in which {device} stands
// for the device's id: "spBv1.0/plant/+/{device}/#". ValidatePattern says what else they must be.
type Identity struct {
	Device     headend.DeviceID
	Gateway    bool               // may deliver readings of other devices below its own topics
	Credential headend.Credential // that was checked; "" where it was a certificate
	Publish    []string           // patterns allowed beside ami/v1/{device}/#
	Subscribe  []string
}

// grant says by what right a topic may be used.
type grant uint8

const (
	grantNone    grant = iota + 1
	grantOwn           // below ami/v1/{device}/
	grantPattern       // by a pattern of the credential
)

// rights is an Identity made ready for many checks.
type rights struct {
	device    headend.DeviceID
	gateway   bool
	shown     headend.Credential // at the login
	own       string             // "ami/v1/{device}/", "" when the id cannot stand in a native topic
	publish   [][]string
	subscribe [][]string
}

func newRights(id Identity) (*rights, error) {
	if err := id.Device.Validate(); err != nil {
		return nil, err
	}
	r := &rights{device: id.Device, gateway: id.Gateway, shown: id.Credential}
	// An id with a / would reach below the topics of the device named by its first part.
	if !strings.Contains(string(id.Device), "/") {
		r.own = "ami/v1/" + string(id.Device) + "/"
	}
	var err error
	if r.publish, err = patterns(id.Publish, id.Device); err != nil {
		return nil, err
	}
	r.subscribe, err = patterns(id.Subscribe, id.Device)
	return r, err
}

func patterns(filters []string, device headend.DeviceID) ([][]string, error) {
	var out [][]string
	for _, f := range filters {
		if err := ValidatePattern(f); err != nil {
			return nil, fmt.Errorf("rights of device %s: %w", device, err)
		}
		out = append(out, strings.Split(strings.ReplaceAll(f, devicePlace, string(device)), "/"))
	}
	return out, nil
}

const devicePlace = "{device}"

// ValidatePattern returns an error unless a pattern of an Identity is an MQTT topic filter that one of
// the levels ties to the device: that level is {device} and nothing else. A topic beginning with $ is
// never a device's.
func ValidatePattern(pattern string) error {
	fault := func(why string) error { return fmt.Errorf("topic pattern %q: %s", pattern, why) }
	switch {
	case pattern == "":
		return fault("it is empty")
	case len(pattern) > maxTopicBytes || !utf8.ValidString(pattern) || strings.ContainsRune(pattern, 0):
		return fault(fmt.Sprintf("a filter is UTF-8 of at most %d bytes without NUL", maxTopicBytes))
	case pattern[0] == '$':
		return fault("no device may use a topic that begins with $")
	}
	levels, tied := strings.Split(pattern, "/"), false
	for i, level := range levels {
		switch {
		case level == devicePlace:
			tied = true
		case strings.Contains(level, devicePlace):
			return fault("{device} must be a level of its own")
		case level == "#" && i != len(levels)-1:
			return fault("# may only be the last level")
		case len(level) > 1 && strings.ContainsAny(level, "+#"):
			return fault("+ and # must be levels of their own")
		}
	}
	if !tied {
		return fault("no level is {device}, so every device could use the topics of all others")
	}
	return nil
}

// mayPublish tells by what right a topic, which has no wildcard, may be published to.
func (r *rights) mayPublish(topic string) grant {
	if r.own != "" && len(topic) > len(r.own) && topic[:len(r.own)] == r.own {
		return grantOwn
	}
	if covered(r.publish, topic) {
		return grantPattern
	}
	return grantNone
}

// maySubscribe tells whether everything a filter can match is the device's to read.
func (r *rights) maySubscribe(filter string) bool {
	if r.own != "" && len(filter) > len(r.own) && filter[:len(r.own)] == r.own {
		return true
	}
	return covered(r.subscribe, filter)
}

func covered(patterns [][]string, filter string) bool {
	if len(patterns) == 0 || filter == "" || filter[0] == '$' {
		return false // a pattern's wildcard never reaches $SYS or $share [MQTT-4.7.2-1]
	}
	levels := strings.Split(filter, "/")
	for _, p := range patterns {
		if covers(p, levels) {
			return true
		}
	}
	return false
}

// covers tells whether pattern matches every topic that filter matches.
func covers(pattern, filter []string) bool {
	for i, p := range pattern {
		if p == "#" {
			return true
		}
		if i >= len(filter) || filter[i] == "#" {
			return false
		}
		if p != "+" && p != filter[i] {
			return false
		}
	}
	return len(pattern) == len(filter)
}
