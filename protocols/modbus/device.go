package modbus

import (
	"fmt"
	"hash/fnv"
	"maps"
	"time"

	"lastgasp/headend"
)

// Device is one device to be polled.
type Device struct {
	ID        headend.DeviceID
	Address   string                   // as ParseAddress reads it
	Unit      int                      // 0 to 255; NoUnit where the address names it
	Profile   string                   // the model
	Node      string                   // the piece of the network it stands for, "" for none; goes into its events
	Intervals map[string]time.Duration // of groups, instead of the profile's; 0 turns a group off
}

// FromRegistry makes a Device of a row of the registry, whose address names the unit.
func FromRegistry(d headend.Device) Device {
	return Device{ID: d.ID, Address: d.Address, Unit: NoUnit, Profile: d.Profile, Node: d.Node}
}

func (d Device) same(o Device) bool {
	return d.ID == o.ID && d.Address == o.Address && d.Unit == o.Unit && d.Profile == o.Profile && d.Node == o.Node && maps.Equal(d.Intervals, o.Intervals)
}

// minInterval is the shortest time between two polls of a group.
const minInterval = 100 * time.Millisecond

// unit is a device being polled. Its line's lock guards it.
type unit struct {
	device  Device
	address Address
	id      byte
	profile *Profile
	polls   []*poll
	states  map[int]*memory // by index of the register
	gone    bool            // no longer in the configuration

	base  uint16 // SunSpec: where the model's block begins
	found bool

	failures int // polls in a row without a word from the unit
	dead     bool
	probeAt  time.Time
	pause    time.Duration // until the next probe
	probes   int
	slowest  time.Duration // reply seen lately; 0 before the first
}

// poll is one group of a unit, due again and again.
type poll struct {
	unit     *unit
	group    int
	plan     *plan
	gap      int // of the plan; 0 once the device has refused a bridged request
	source   string
	interval time.Duration
	offset   time.Duration // within the interval
	due      time.Time
	turn     time.Time // when it was due while it is asked a second time, zero otherwise
	charged  bool      // it is a probe on the line's budget
	last     []byte    // replies of the poll before, where stuck values are looked for
	same     int
	aside    time.Time // when a poll of it was last kept in quarantine
}

// newUnit checks a device and makes its polls.
func newUnit(d Device, profiles *Profiles) (*unit, error) {
	if err := d.ID.Validate(); err != nil {
		return nil, err
	}
	address, err := ParseAddress(d.Address)
	if err != nil {
		return nil, fmt.Errorf("device %s: %w", d.ID, err)
	}
	switch {
	case d.Unit == NoUnit && address.Unit == NoUnit:
		return nil, fmt.Errorf("device %s: address %q names no unit (append ?unit=1)", d.ID, d.Address)
	case d.Unit != NoUnit && address.Unit != NoUnit && d.Unit != address.Unit:
		return nil, fmt.Errorf("device %s: unit %d, but its address says %d", d.ID, d.Unit, address.Unit)
	case d.Unit < NoUnit || d.Unit > 255:
		return nil, fmt.Errorf("device %s: unit %d; units are 0 to 255", d.ID, d.Unit)
	case address.Unit == NoUnit:
		address.Unit = d.Unit
	}
	if err := address.checkUnit(); err != nil {
		return nil, fmt.Errorf("device %s: %w", d.ID, err)
	}
	profile, err := profiles.Get(d.Profile)
	if err != nil {
		return nil, fmt.Errorf("device %s: %w", d.ID, err)
	}
	u := &unit{device: d, address: address, id: byte(address.Unit), profile: profile, states: map[int]*memory{}, found: profile.SunSpec == nil}
	for name, interval := range d.Intervals {
		if profile.group(name) < 0 {
			return nil, fmt.Errorf("device %s: profile %s has no group %q", d.ID, d.Profile, name)
		}
		if interval != 0 && (interval < minInterval || interval > 24*time.Hour) {
			return nil, fmt.Errorf("device %s: interval %s of group %s; 100ms to 24h are possible, 0 turns it off", d.ID, interval, name)
		}
	}
	for g := range profile.Groups {
		u.addPoll(g)
	}
	for i := range profile.Registers {
		if profile.Registers[i].Role == State {
			u.states[i] = &memory{}
		}
	}
	return u, nil
}

func (u *unit) addPoll(g int) {
	group := u.profile.Groups[g]
	interval := group.Interval
	if own, ok := u.device.Intervals[group.Name]; ok {
		interval = own
	}
	if interval == 0 {
		return
	}
	p := &poll{unit: u, group: g, interval: interval, gap: u.profile.Gap}
	if !group.Aligned {
		p.offset = spread(u.device.ID, group.Name, interval)
	}
	if u.found {
		p.replan()
	}
	u.polls = append(u.polls, p)
}

// spread is where in the interval a group of a device is polled: by hash, so that it stays the same over
// restarts and devices do not crowd.
func spread(id headend.DeviceID, group string, interval time.Duration) time.Duration {
	h := fnv.New64a()
	h.Write([]byte(id)) // never fails
	h.Write([]byte{'/'})
	h.Write([]byte(group))
	x := h.Sum64() // FNV's upper bits are poor for short ids; mix them (murmur3's finalizer)
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	x ^= x >> 33
	return time.Duration(x % uint64(interval))
}

// replan makes the poll's plan anew, for the base the unit has now.
func (p *poll) replan() {
	l := p.unit.profile.limits()
	l.gap = p.gap
	p.plan = newPlan(p.unit.profile, p.unit.profile.inGroup(p.group), p.unit.base, l)
	p.source = p.unit.address.String() + " " + p.plan.ranges
}

// next is the poll's first time after t.
func (p *poll) next(t time.Time) time.Time {
	since := t.UnixNano() - int64(p.offset)
	step := int64(p.interval)
	n := since / step
	if since < 0 && since%step != 0 {
		n--
	}
	return time.Unix(0, (n+1)*step+int64(p.offset))
}

// deadAfter is after how many polls without a word a unit is only probed; a second try of a poll counts.
const deadAfter = 3

// A poll that brought nothing is tried a second time before its next turn: one lost frame is no reason for a register of a quarter
// of an hour to be missing. The try comes after a quarter of the interval, secondMost at most; where that is
// shorter than a timeout the next turn is soon enough.
const (
	secondShare = 4
	secondMost  = 10 * time.Second
)

// second puts a poll that brought nothing at time now up for its second try, or says that it has none.
func (p *poll) second(now time.Time) bool {
	pause := min(p.interval/secondShare, secondMost)
	if !p.turn.IsZero() || p.unit.gone || p.unit.dead || pause < p.unit.profile.Timeout {
		return false
	}
	next := p.due.Add(p.interval)
	if now.Add(pause).Add(p.unit.profile.Timeout).After(next) || now.Before(p.due) {
		return false
	}
	p.turn, p.due = p.due, now.Add(pause)
	return true
}

// timeout is how long to wait for the unit. One that failed lately is given less than the profile's, as much as
// it needed when it was well, so that it takes little of the line; every fourth probe waits in full, should it
// have become slow.
func (u *unit) timeout() time.Duration {
	full := u.profile.Timeout
	if u.failures == 0 || u.slowest == 0 || u.probes%4 == 3 {
		return full
	}
	return min(full, max(4*u.slowest, 200*time.Millisecond))
}
