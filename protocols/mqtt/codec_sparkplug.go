package mqtt

import (
	"container/list"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"lastgasp/headend"
	"lastgasp/protocols"
)

// sparkplugOptions configure the sparkplug codec.
type sparkplugOptions struct {
	// DeviceID says how devices are named: "device" (the default), "node/device" or
	// "group/node/device". Sparkplug itself makes only the last one unique.
	DeviceID string `yaml:"device_id"`
	// Names maps metric names, as they are written, to "quantity" or "quantity unit".
	Names map[string]target `yaml:"names"`
	// Events maps boolean metrics to events; it adds to the default table.
	Events map[string]sparkplugEvent `yaml:"events"`
	// Keep says what happens to numbers whose name is not known: all (the default), electrical, mapped.
	Keep keep `yaml:"keep"`
	// RebirthInterval is the shortest time between two rebirth requests to one node; 1 min unless set.
	RebirthInterval time.Duration `yaml:"rebirth_interval"`
	// MaxNodes and MaxMetrics bound what is remembered of births; the nodes not heard for longest are
	// forgotten, and asked for a rebirth when they speak. 10,000 and 1,000,000 unless set.
	MaxNodes   int `yaml:"max_nodes"`
	MaxMetrics int `yaml:"max_metrics"`
}

// sparkplugEvent says which event a boolean metric's value is; "" is none.
type sparkplugEvent struct {
	True  headend.EventType `yaml:"true"`
	False headend.EventType `yaml:"false"`
	Null  headend.EventType `yaml:"null"` // the device does not know, or says the value is bad
}

// defaultSparkplugEvents by squeezed name.
var defaultSparkplugEvents = map[string]sparkplugEvent{
	"breakerclosed":  {True: headend.EventBreakerClosed, False: headend.EventBreakerOpen, Null: headend.EventBreakerUnknown},
	"breakeropen":    {True: headend.EventBreakerOpen, False: headend.EventBreakerClosed, Null: headend.EventBreakerUnknown},
	"relayclosed":    {True: headend.EventRelayClosed, False: headend.EventRelayOpen},
	"relayopen":      {True: headend.EventRelayOpen, False: headend.EventRelayClosed},
	"supplypresent":  {True: headend.EventSupplyPresent, False: headend.EventSupplyAbsent},
	"eventlastgasp":  {True: headend.EventPowerDown}, // false says nothing: it is how the metric is born
	"eventpowerdown": {True: headend.EventPowerDown},
	"eventpowerup":   {True: headend.EventPowerUp},
	"eventtamper":    {True: headend.EventTamper},
	"faultpassage":   {True: headend.EventFaultPassage},
}

// sparkplug reads Sparkplug B 3.0 (Eclipse Foundation, ISO/IEC 20237). Births name a node's metrics
// and give each an alias, which data messages use alone; so this codec has state, one entry a node.
// Messages of a node must come in the order they were published, over one connection.
//
//   - An alias no birth explains is refused and the node asked for a rebirth, at most once an interval.
//   - A gap in seq means messages were lost: the message itself is good, and a rebirth is asked for. The
//     last seq again is the message delivered again and is decoded again.
//   - After the death of a node its aliases are void: a birth that was lost could have given them anew.
//   - NDEATH is a will written at the connection's start: it counts only if its bdSeq is that of the
//     last birth, and happened when it was received.
//   - is_null is no reading; is_historical is a quality; DataSet and Template are passed over.
type sparkplug struct {
	limits  Limits
	options sparkplugOptions
	events  map[string]sparkplugEvent

	mu      sync.Mutex
	nodes   map[string]*list.Element // of *sparkplugNode, by group/node
	recent  *list.List               // most recently heard first
	metrics int                      // over all nodes
}

type sparkplugNode struct {
	key         string
	born        bool
	birthTime   uint64
	bdSeq       uint64
	hasBdSeq    bool
	seq         uint8
	hasSeq      bool
	lastRebirth time.Time
	devices     map[string]map[uint64]sparkplugMetric // by device, "" the node itself; then by alias
	metrics     int
}

// sparkplugMetric is what a birth said of a metric. Neither quantity nor event: nothing to keep.
type sparkplugMetric struct {
	name     string
	unitName string
	datatype uint32
}

func newSparkplug(b Binding, s settings) (codec, error) {
	o := sparkplugOptions{DeviceID: "device", Keep: keepAll, RebirthInterval: time.Minute, MaxNodes: 10_000, MaxMetrics: 1_000_000}
	if err := parseOptions(b.Options, &o); err != nil {
		return nil, err
	}
	if err := o.Keep.validate(); err != nil {
		return nil, err
	}
	switch o.DeviceID {
	case "device", "node/device", "group/node/device":
	default:
		return nil, fmt.Errorf("device_id %q is none of device, node/device, group/node/device", o.DeviceID)
	}
	if o.RebirthInterval <= 0 || o.MaxNodes <= 0 || o.MaxMetrics <= 0 {
		return nil, errors.New("rebirth_interval, max_nodes and max_metrics must be above 0")
	}
	c := &sparkplug{limits: s.limits, options: o, events: make(map[string]sparkplugEvent),
		nodes: make(map[string]*list.Element), recent: list.New()}
	for name, e := range defaultSparkplugEvents {
		c.events[name] = e
	}
	for name, e := range o.Events {
		for _, t := range [...]headend.EventType{e.True, e.False, e.Null} {
			if t != "" && !headend.ValidQuantityName(string(t)) {
				return nil, fmt.Errorf("event %q of metric %q cannot be stored", t, name)
			}
		}
		c.events[squeeze(name)] = e
	}
	return c, nil
}

func (c *sparkplug) filters() []string { return []string{"spBv1.0/#"} }

// sparkplugMessage is a message with what its topic says.
type sparkplugMessage struct {
	group, kind, node, device string
	payload                   sparkplugPayload
	id, gateway               headend.DeviceID
	out                       *output
	faults                    faults
}

func (c *sparkplug) decode(m *protocols.Message, out *output) {
	levels := strings.Split(m.Topic, "/")
	if len(levels) >= 2 && (levels[0] == "STATE" || levels[1] == "STATE") {
		out.Ignored++ // host applications, us among them
		return
	}
	if len(levels) < 4 || len(levels) > 5 || levels[0] != "spBv1.0" {
		out.refuse("", "", m.Payload, headend.ReasonNoCodec, "topic is not spBv1.0/group/type/node[/device]")
		return
	}
	s := sparkplugMessage{group: levels[1], kind: levels[2], node: levels[3], out: out}
	if len(levels) == 5 {
		s.device = levels[4]
	}
	switch s.kind {
	case "NCMD", "DCMD":
		out.Ignored++
		return
	case "NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH":
		if (s.kind[0] == 'D') != (s.device != "") {
			out.refuse("", "", m.Payload, headend.ReasonBadDevice, "a message of a device names one, a message of a node none")
			return
		}
	default:
		out.refuse("", "", m.Payload, headend.ReasonNoCodec, fmt.Sprintf("message type %.20q is not known", s.kind))
		return
	}
	var err error
	if s.id, s.gateway, err = c.deviceID(s); err != nil {
		out.refuse("", "", m.Payload, headend.ReasonBadDevice, err.Error())
		return
	}
	if s.payload, err = parseSparkplug(m.Payload, c.limits.Readings); err != nil {
		reason := headend.ReasonMalformed
		if errors.Is(err, errTooMany) {
			reason = headend.ReasonTooLarge
		}
		out.refuse(s.id, s.gateway, m.Payload, reason, err.Error())
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.apply(&s)
}

func (c *sparkplug) deviceID(s sparkplugMessage) (id, gateway headend.DeviceID, err error) {
	node, device := s.node, s.device
	switch c.options.DeviceID {
	case "node/device":
		device = s.node + "/" + s.device
	case "group/node/device":
		node = s.group + "/" + s.node
		device = node + "/" + s.device
	}
	if len(s.group) > 64 {
		return "", "", fmt.Errorf("group has %d bytes, at most 64 are allowed", len(s.group))
	}
	id = headend.DeviceID(node)
	if err := id.Validate(); err != nil {
		return "", "", err
	}
	if s.device != "" {
		id, gateway = headend.DeviceID(device), id
	}
	return id, gateway, id.Validate()
}

// apply brings the node's state forward and delivers what the message says.
func (c *sparkplug) apply(s *sparkplugMessage) {
	n := c.node(s.group + "/" + s.node)
	bdSeq, hasBdSeq := s.payload.bdSeq()
	if s.kind == "NDEATH" {
		if n.hasBdSeq && hasBdSeq && n.bdSeq != bdSeq {
			s.out.Ignored++ // the will of a former connection
			return
		}
		n.born, n.hasSeq = false, false
		c.forget(n)
		s.deliverLink(headend.EventOffline, s.out.m.Received, headend.QualityReceivedTime, bdSeq, hasBdSeq)
		return
	}
	at, quality, err := s.payload.time(s.out.m.Received)
	if err != nil {
		s.out.refuse(s.id, s.gateway, s.out.m.Payload, headend.ReasonBadTime, err.Error())
		return
	}
	switch s.kind {
	case "NBIRTH":
		again := n.born && n.birthTime == s.payload.timestamp && n.hasBdSeq == hasBdSeq && n.bdSeq == bdSeq
		if !again {
			c.forget(n)
			n.seq, n.hasSeq = uint8(s.payload.seq), s.payload.hasSeq
		}
		n.born, n.birthTime, n.bdSeq, n.hasBdSeq = true, s.payload.timestamp, bdSeq, hasBdSeq
	default:
		if !n.inOrder(s.payload) || !n.born {
			c.rebirth(n, s)
		}
	}
	switch s.kind {
	case "NBIRTH", "DBIRTH":
		if !c.learn(n, s) {
			return
		}
		readings, events := c.values(n, s)
		online := s.link(headend.EventOnline, at, quality, bdSeq, hasBdSeq)
		s.deliver(readings, append([]headend.Event{online}, events...))
	case "NDATA", "DDATA":
		s.deliver(c.values(n, s))
	case "DDEATH":
		c.drop(n, s.device)
		s.deliverLink(headend.EventOffline, at, quality, 0, false)
	}
}

func (s *sparkplugMessage) link(t headend.EventType, at time.Time, quality headend.Quality, bdSeq uint64, hasBdSeq bool) headend.Event {
	e := headend.Event{Time: at, Type: t, Seq: headend.NoSeq, Quality: quality}
	if hasBdSeq {
		e.Detail = `{"bdSeq":` + strconv.FormatUint(bdSeq, 10) + `}`
	}
	return e
}

func (s *sparkplugMessage) deliverLink(t headend.EventType, at time.Time, quality headend.Quality, bdSeq uint64, hasBdSeq bool) {
	s.deliver(nil, []headend.Event{s.link(t, at, quality, bdSeq, hasBdSeq)})
}

func (s *sparkplugMessage) deliver(readings []headend.Reading, events []headend.Event) {
	m := s.out.m
	if !s.out.deliver(headend.Batch{Device: s.id, Gateway: s.gateway, Raw: m.Payload, Readings: readings, Events: events}) {
		return
	}
	if f := s.faults.refusal; f != nil && !s.out.refuse(s.id, s.gateway, m.Payload, f.Reason, f.Detail) {
		return
	}
	s.out.finish()
}

// node finds or makes the state of a node, and forgets the one not heard for longest where there are
// too many.
func (c *sparkplug) node(key string) *sparkplugNode {
	if e, ok := c.nodes[key]; ok {
		c.recent.MoveToFront(e)
		return e.Value.(*sparkplugNode)
	}
	n := &sparkplugNode{key: strings.Clone(key), devices: make(map[string]map[uint64]sparkplugMetric)}
	c.nodes[n.key] = c.recent.PushFront(n)
	for len(c.nodes) > c.options.MaxNodes {
		c.evict()
	}
	return n
}

func (c *sparkplug) evict() {
	last := c.recent.Back()
	n := last.Value.(*sparkplugNode)
	c.forget(n)
	delete(c.nodes, n.key)
	c.recent.Remove(last)
}

// forget drops all births of a node.
func (c *sparkplug) forget(n *sparkplugNode) {
	c.metrics -= n.metrics
	n.metrics = 0
	clear(n.devices)
}

// drop forgets the birth of one device.
func (c *sparkplug) drop(n *sparkplugNode, device string) {
	k := len(n.devices[device])
	n.metrics -= k
	c.metrics -= k
	delete(n.devices, device)
}

// inOrder checks seq, which counts from 0 to 255 and around, and takes it.
func (n *sparkplugNode) inOrder(p sparkplugPayload) bool {
	if !p.hasSeq {
		return true
	}
	seq := uint8(p.seq)
	ok := !n.hasSeq || seq == n.seq || seq == n.seq+1
	n.seq, n.hasSeq = seq, true
	return ok
}

// rebirth asks the node to send its births again, unless it was asked just now.
func (c *sparkplug) rebirth(n *sparkplugNode, s *sparkplugMessage) {
	now := s.out.m.Received
	if !n.lastRebirth.IsZero() && now.Sub(n.lastRebirth).Abs() < c.options.RebirthInterval {
		return
	}
	n.lastRebirth = now
	s.out.Replies = append(s.out.Replies, protocols.Message{
		Topic:   "spBv1.0/" + s.group + "/NCMD/" + s.node,
		Payload: rebirthRequest(now), Received: now,
	})
}

// learn takes the metrics of a birth. It reports false when they are more than may be remembered.
func (c *sparkplug) learn(n *sparkplugNode, s *sparkplugMessage) bool {
	c.drop(n, s.device)
	metrics := make(map[uint64]sparkplugMetric)
	for i := range s.payload.metrics {
		m := &s.payload.metrics[i]
		if m.hasAlias && m.hasName {
			metrics[m.alias] = sparkplugMetric{name: m.name, unitName: m.unitName, datatype: m.datatype}
		}
	}
	if n.metrics+len(metrics) > c.options.MaxMetrics || len(n.devices) >= c.options.MaxMetrics {
		s.out.refuse(s.id, s.gateway, s.out.m.Payload, headend.ReasonTooLarge,
			fmt.Sprintf("node has more than %d metrics", c.options.MaxMetrics))
		return false
	}
	if len(metrics) > 0 { // an entry without any would cost memory that nothing counts
		n.devices[strings.Clone(s.device)] = metrics
		n.metrics += len(metrics)
		c.metrics += len(metrics)
	}
	for c.metrics > c.options.MaxMetrics && len(c.nodes) > 1 {
		c.evict()
	}
	return true
}

// values reads the metrics of a birth or data message.
func (c *sparkplug) values(n *sparkplugNode, s *sparkplugMessage) ([]headend.Reading, []headend.Event) {
	var readings distinct
	var events []headend.Event
	unknown, first := 0, uint64(0)
	known := n.devices[s.device]
	for i := range s.payload.metrics {
		m := &s.payload.metrics[i]
		if !m.hasName {
			birth, ok := known[m.alias]
			if !ok {
				if unknown++; unknown == 1 {
					first = m.alias
				}
				continue
			}
			m.name, m.hasName = birth.name, true
			if m.unitName == "" {
				m.unitName = birth.unitName
			}
			if m.datatype == 0 {
				m.datatype = birth.datatype
			}
		}
		at, quality, err := m.time(s)
		if err != nil {
			s.faults.add(headend.ReasonBadTime, fmt.Sprintf("%.80q: %v", m.name, err))
			continue
		}
		if e, ok := c.event(m); ok {
			if e != "" {
				events = append(events, headend.Event{Time: at, Type: e, Seq: headend.NoSeq, Quality: quality})
			}
			continue
		}
		if quality&headend.QualityReceivedTime != 0 && stale(s.out.m) {
			continue
		}
		if r, ok := c.reading(m, s); ok {
			r.Time, r.Quality = at, r.Quality|quality
			if err := readings.add(r); err != nil {
				s.faults.add(headend.ReasonBadValue, err.Error())
			}
		}
	}
	if unknown > 0 {
		s.faults.add(headend.ReasonUnknownAlias, fmt.Sprintf("%d metrics, the first with alias %d, are explained by no birth", unknown, first))
		c.rebirth(n, s)
	}
	return readings.believed(), events
}

// event tells whether the metric is one of events, and which event its value is, "" none.
func (c *sparkplug) event(m *sparkplugValue) (headend.EventType, bool) {
	e, ok := c.events[squeeze(m.name)]
	if !ok {
		return "", false
	}
	switch {
	case m.null || m.bad:
		return e.Null, true
	case m.kind != sparkplugBoolean:
		return "", true
	case m.bits != 0:
		return e.True, true
	}
	return e.False, true
}

// reading makes a metric's number a reading without its time. What is no number, or is there for the
// protocol's sake, is none.
func (c *sparkplug) reading(m *sparkplugValue, s *sparkplugMessage) (headend.Reading, bool) {
	if m.null || isProtocolMetric(m.name) || m.datatype == sparkplugDateTime {
		return headend.Reading{}, false
	}
	info, u, ok, err := c.quantity(m)
	if err != nil {
		s.faults.add(headend.ReasonBadQuantity, err.Error())
		return headend.Reading{}, false
	}
	if !ok {
		return headend.Reading{}, false
	}
	d, err := m.number()
	if errors.Is(err, errNotMeasured) {
		return headend.Reading{}, false
	}
	var v headend.Value
	if err == nil {
		v, err = info.convert(d, u)
	}
	if err != nil {
		s.faults.add(headend.ReasonBadValue, fmt.Sprintf("%.80q: %v", m.name, err))
		return headend.Reading{}, false
	}
	r := headend.Reading{Quantity: info.quantity, Value: v}
	if m.bad {
		r.Quality |= headend.QualityUncertain
	}
	if m.kind == sparkplugFloat && info.whole && coarse(m.float(), u) {
		r.Quality |= headend.QualityCoarse
	}
	return r, true
}

// quantity finds what the metric measures, and its unit.
func (c *sparkplug) quantity(m *sparkplugValue) (quantityInfo, unit, bool, error) {
	if t, ok := c.options.Names[m.name]; ok {
		u := t.unit
		if m.unitName != "" {
			var err error
			if u, err = namedUnit(m.unitName); err != nil {
				return quantityInfo{}, u, false, err
			}
		}
		return t.quantities[0], u, true, nil
	}
	info, ok := metricNames[squeeze(m.name)]
	if code, isCode := parseOBIS(m.name); !ok && isCode {
		info, ok = code.quantity()
	}
	if ok {
		u, err := namedUnit(m.unitName)
		return info, u, err == nil, err
	}
	if !m.numeric() {
		return info, unit{}, false, nil
	}
	info, u, ok, err := c.options.Keep.ownName(m.name, m.unitName)
	return info, u, ok, err
}

// isProtocolMetric knows metrics that steer the session or describe the device.
func isProtocolMetric(name string) bool {
	return name == "bdSeq" || strings.HasPrefix(name, "Node Control/") ||
		strings.HasPrefix(name, "Device Control/") || strings.HasPrefix(name, "Properties/")
}
