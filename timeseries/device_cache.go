package timeseries

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// registered is what the store keeps in memory of a device.
type registered struct {
	number        int32
	standing      headend.Standing
	salt          []byte
	hash          []byte
	installations []installed
}

// installed is an installation in the store's own numbers; times as µs since 2000.
type installed struct {
	usagePoint int32
	from, to   int64
}

// assigned tells whether a usage point had the device at the time.
func (r *registered) assigned(at int64) bool {
	for _, i := range r.installations {
		if i.from <= at && at < i.to {
			return true
		}
	}
	return false
}

// deviceCache is the registry's index by id. It holds every device: 400,000 take some 60 MB.
type deviceCache struct {
	mu         sync.RWMutex
	byID       map[headend.DeviceID]*registered
	unassigned int
	maxNew     int
	version    string                   // of the registry it was read from
	brought    map[headend.DeviceID]int // unknown devices each gateway has brought since the start
}

// devicesAGateway is how many unknown devices one gateway may bring: more than any concentrator serves, and
// few enough that one gateway cannot use up the room of all others.
const devicesAGateway = 5_000

// mayBring tells whether a gateway may bring one more unknown device, and counts it.
func (c *deviceCache) mayBring(gateway headend.DeviceID) bool {
	if gateway == "" {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.brought[gateway] >= devicesAGateway {
		return false
	}
	if c.brought == nil {
		c.brought = map[headend.DeviceID]int{}
	}
	c.brought[headend.DeviceID(strings.Clone(string(gateway)))]++
	return true
}

// get returns what is known of a device, or nil. It is never changed, only replaced.
func (c *deviceCache) get(id headend.DeviceID) *registered {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.byID[id]
}

// ErrCredentials says that a device is unknown, retired, has no secret, or gave the wrong one. It does
// not say which: that is for the log of refused connections, not for who is knocking.
var ErrCredentials = errors.New("unknown device or wrong password")

// Authenticate checks the password of a device and returns its standing and what Credential says of the password, or
// ErrCredentials.
func (s *Store) Authenticate(id headend.DeviceID, password []byte) (headend.Standing, headend.Credential, error) {
	d := s.devices.get(id)
	if d == nil || d.hash == nil || d.standing.State == headend.DeviceRetired {
		return headend.Standing{}, "", ErrCredentials
	}
	if subtle.ConstantTimeCompare(hashSecret(d.salt, password), d.hash) != 1 {
		return headend.Standing{}, "", ErrCredentials
	}
	return d.standing, credentialOf(d), nil
}

// Credential stands for the password a device has now; "" where it has none, or is unknown.
func (s *Store) Credential(id headend.DeviceID) headend.Credential {
	if d := s.devices.get(id); d != nil {
		return credentialOf(d)
	}
	return ""
}

// credentialOf is the salt: each password that is stored gets a random one of its own.
func credentialOf(d *registered) headend.Credential { return headend.Credential(d.salt) }

// hashSecret is SHA-256 of salt and password. Device passwords are long random strings (at least 16
// characters), so a slow hash would add nothing but a way to stall the broker in a reconnect storm.
func hashSecret(salt, password []byte) []byte {
	h := sha256.New()
	h.Write(salt)
	h.Write(password)
	return h.Sum(nil)
}

// Reload reads the registry's index again where an import, by whatever process, has changed the registry since. Both indices
// are in memory until the new one is whole.
func (s *Store) Reload(ctx context.Context) error {
	done, err := s.readingRegistry(ctx)
	if err != nil {
		return err
	}
	defer done()
	version, err := s.registryVersion(ctx)
	if err != nil || s.devices.has(version) {
		return err
	}
	byID, err := s.loadDevices(ctx, sqlDeviceAll)
	if err != nil {
		return err
	}
	rows, err := s.pool.Query(ctx, sqlInstallationAll)
	if err != nil {
		return fmt.Errorf("load installations: %w", err)
	}
	devices := byNumber(byID)
	var device, usagePoint int32
	var from, to instant
	_, err = pgx.ForEachRow(rows, []any{&device, &usagePoint, &from, &to}, func() error {
		if int(device) >= len(devices) || devices[device] == nil {
			return nil // registered after the devices were read
		}
		d := devices[device]
		d.installations = append(d.installations, installed{usagePoint: usagePoint, from: int64(from), to: int64(to)})
		return nil
	})
	if err != nil {
		return fmt.Errorf("load installations: %w", err)
	}
	unassigned := 0
	for _, d := range byID {
		if d.standing.State == headend.DeviceUnassigned {
			unassigned++
		}
	}
	if s.devices.replace(byID, unassigned, version) {
		s.changes.tell()
	}
	return nil
}

// readingRegistry is passed by one reader at a time, until done: what was read first must not replace what was read later.
func (s *Store) readingRegistry(ctx context.Context) (done func(), err error) {
	select {
	case s.reading <- struct{}{}:
		return func() { <-s.reading }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("read the registry: %w", ctx.Err())
	}
}

// has tells whether the index was read from this version of the registry.
func (c *deviceCache) has(version string) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.byID != nil && c.version == version
}

// registryVersion is another text after each import; "" before the first.
func (s *Store) registryVersion(ctx context.Context) (version string, err error) {
	if err := s.pool.QueryRow(ctx, sqlSetting, "registry").Scan(&version); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("version of the registry: %w", err)
	}
	return version, nil
}

// replace takes a registry read from the database. Devices registered while it was being read are kept:
// no device is ever deleted, so what the reading does not have is newer.
// It tells whether an import has changed the registry since it was read last.
func (c *deviceCache) replace(byID map[headend.DeviceID]*registered, unassigned int, version string) (changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	changed, c.version = version != c.version, version
	for id, d := range c.byID {
		if _, read := byID[id]; !read {
			byID[id] = d
			if d.standing.State == headend.DeviceUnassigned {
				unassigned++
			}
		}
	}
	c.byID, c.unassigned = byID, unassigned
	return changed
}

// byNumber lists devices by their number in the registry.
func byNumber(byID map[headend.DeviceID]*registered) []*registered {
	last := int32(-1)
	for _, d := range byID {
		last = max(last, d.number)
	}
	list := make([]*registered, last+1)
	for _, d := range byID {
		list[d.number] = d
	}
	return list
}

// loadDevices reads devices. Texts that repeat are kept once.
func (s *Store) loadDevices(ctx context.Context, sql string, args ...any) (map[headend.DeviceID]*registered, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("load devices: %w", err)
	}
	byID := map[headend.DeviceID]*registered{}
	kinds, states, gateways := map[string]headend.DeviceKind{}, map[string]headend.DeviceState{}, map[string]headend.DeviceID{}
	var d registered
	var id headend.DeviceID
	var kind, state, gateway []byte
	_, err = pgx.ForEachRow(rows, []any{&d.number, &id, &kind, &state, &d.salt, &d.hash, &gateway}, func() error {
		own := d
		own.standing = headend.Standing{Kind: same(kinds, kind), State: same(states, state), Gateway: same(gateways, gateway), OwnSecret: d.hash != nil}
		byID[id] = &own
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load devices: %w", err)
	}
	return byID, nil
}

// register makes sure that every device named has a row, as unassigned where it is new, and puts them
// into the cache. It returns how many it made. Ids beyond the limit of unassigned devices stay in unknown,
// the others leave it.
func (s *Store) register(ctx context.Context, unknown map[headend.DeviceID]headend.DeviceKind) (int, error) {
	c := &s.devices
	c.mu.RLock()
	room := c.maxNew - c.unassigned
	c.mu.RUnlock()
	var ids, kinds []string
	for id, kind := range unknown {
		ids, kinds = append(ids, string(id)), append(kinds, string(kind))
	}
	made := 0
	if room > 0 {
		most := min(room, len(ids))
		tag, err := s.pool.Exec(ctx, sqlDeviceRegister, ids[:most], kinds[:most], "mqtt")
		if err != nil {
			return 0, classify(fmt.Errorf("register devices: %w", err))
		}
		made = int(tag.RowsAffected())
	}
	found, err := s.loadDevices(ctx, sqlDeviceByIDs, ids)
	if err != nil {
		return 0, classify(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, d := range found {
		delete(unknown, id)
		if _, there := c.byID[id]; !there {
			c.byID[id] = d
			if d.standing.State == headend.DeviceUnassigned {
				c.unassigned++
			}
		}
	}
	return made, nil
}
