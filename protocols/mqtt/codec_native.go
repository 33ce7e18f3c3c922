package mqtt

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"lastgasp/headend"
	"lastgasp/protocols"
)

// native is the format of our own devices: the last two levels of the topic are the device and one of
// reads, events, status, ack.
//
// Rules the format leaves open:
//   - A key given twice in one object makes time, values, device and the like ambiguous: the object is
//     refused. A quantity given twice with one value is one reading; with two values neither is
//     believed and both are refused.
//   - A device named in the payload is the reading's device, the topic's device its gateway. Whether
//     that device is a gateway is not known here: ingest decides.
//   - A bad item of an array, or a bad value of an item, is refused alone, as bytes that say the same
//     when they are published again on the topic.
type native struct{ limits Limits }

func newNative(b Binding, s settings) (codec, error) {
	if err := parseOptions(b.Options, &struct{}{}); err != nil {
		return nil, err
	}
	return native{limits: s.limits}, nil
}

func (c native) decode(m *protocols.Message, out *output) {
	rest, kind := cutLast(m.Topic)
	_, name := cutLast(rest)
	device := headend.DeviceID(name)
	if err := nativeDevice(device); err != nil {
		out.refuse("", "", m.Payload, headend.ReasonBadDevice, err.Error())
		return
	}
	var item func(*jsonState, headend.DeviceID, []byte, *output) bool
	switch kind {
	case "reads":
		item = c.reads
	case "events":
		item = c.event
	case "status":
		item = c.status
	case "ack":
		item = c.ack
	case "cmd": // our own commands, heard through a wildcard
		out.Ignored++
		return
	default:
		out.refuse(device, "", m.Payload, headend.ReasonNoCodec, fmt.Sprintf("topic ends in %q; reads, events, status and ack are known", kind))
		return
	}
	if !validText(m.Payload) {
		out.refuse(device, "", m.Payload, headend.ReasonMalformed, "payload is not UTF-8")
		return
	}
	state := jsonStates.Get().(*jsonState)
	defer jsonStates.Put(state)
	err := eachItem(m.Payload, func(text []byte) bool { return item(state, device, text, out) })
	if err != nil {
		out.refuseAll(headend.ReasonMalformed, err.Error())
		return
	}
	out.finish()
}

// cutLast splits a topic before its last level.
func cutLast(topic string) (rest, last string) {
	i := strings.LastIndexByte(topic, '/')
	if i < 0 {
		return "", topic
	}
	return topic[:i], topic[i+1:]
}

// nativeDevice checks an id: below ami/v1 a device id has no slash.
func nativeDevice(id headend.DeviceID) error {
	if strings.IndexByte(string(id), '/') >= 0 {
		return fmt.Errorf("device id %.80q has a slash", string(id))
	}
	return id.Validate()
}

// object parses an item and refuses it when it is no object.
func (c native) object(s *jsonState, device headend.DeviceID, text []byte, out *output) (*fastjson.Object, bool) {
	v, err := s.parse(text, c.limits.Depth)
	if err != nil {
		reason, detail := refusalOf(err)
		return nil, out.refuse(device, "", text, reason, detail)
	}
	o, err := v.Object()
	if err != nil {
		return nil, out.refuse(device, "", text, headend.ReasonMalformed, err.Error())
	}
	return o, true
}

// envelope is what reads and events have in common.
type envelope struct {
	device, gateway headend.DeviceID
	time            time.Time
	quality         headend.Quality
}

// open fills the envelope from the time and device of an object, either of which may be nil. On a
// fault it returns the reason.
func (e *envelope) open(s *jsonState, topicDevice headend.DeviceID, at, device *fastjson.Value, m *protocols.Message) (headend.Reason, error) {
	e.device = topicDevice
	if device != nil && device.Type() != fastjson.TypeNull {
		text, err := device.StringBytes()
		if err != nil {
			return headend.ReasonBadDevice, fmt.Errorf("device is a JSON %s", device.Type())
		}
		if string(text) != string(topicDevice) {
			e.device, e.gateway = headend.DeviceID(text), topicDevice
			if err := nativeDevice(e.device); err != nil {
				e.device = ""
				return headend.ReasonBadDevice, err
			}
		}
	}
	if at == nil || at.Type() == fastjson.TypeNull {
		e.time, e.quality = m.Received, headend.QualityReceivedTime
		return "", nil
	}
	var err error
	if e.time, err = s.time(at); err != nil {
		return headend.ReasonBadTime, err
	}
	return "", nil
}

// reads decodes {"time":...,"values":{...},"device":...}.
func (c native) reads(s *jsonState, device headend.DeviceID, text []byte, out *output) bool {
	o, ok := c.object(s, device, text, out)
	if o == nil {
		return ok
	}
	var at, values, named *fastjson.Value
	twice := false
	o.Visit(func(key []byte, v *fastjson.Value) {
		var slot **fastjson.Value
		switch string(key) {
		case "time":
			slot = &at
		case "values":
			slot = &values
		case "device":
			slot = &named
		default:
			return
		}
		twice = twice || *slot != nil
		*slot = v
	})
	if twice {
		return out.refuse(device, "", text, headend.ReasonMalformed, "time, values or device is given twice")
	}
	var e envelope
	if reason, err := e.open(s, device, at, named, out.m); err != nil {
		return out.refuse(e.device, e.gateway, text, reason, err.Error())
	}
	if values == nil || values.Type() != fastjson.TypeObject {
		return out.refuse(e.device, e.gateway, text, headend.ReasonMalformed, `no object "values"`)
	}
	if e.quality&headend.QualityReceivedTime != 0 && stale(out.m) {
		return true
	}
	set := newReadingSet(s, values.GetObject().Len())
	values.GetObject().Visit(func(key []byte, v *fastjson.Value) { set.add(key, v, e.time, e.quality) })
	if !out.deliver(headend.Batch{Device: e.device, Gateway: e.gateway, Raw: text, Readings: set.readings}) {
		return false
	}
	if set.refusal == nil {
		return true
	}
	return out.refuse(e.device, e.gateway, set.rawRefused(at, named), set.refusal.Reason, set.refusal.Detail)
}

// readingSet collects the readings of one object and, apart, the values it has to refuse.
type readingSet struct {
	state     *jsonState
	readings  []headend.Reading
	seen      uint64                    // columns that have a reading
	others    map[headend.Quantity]int  // index of each reading without a column, once there are many
	contested map[headend.Quantity]bool // given with different values: none is believed
	bad       []byte                    // members of an object: the refused values as they were sent
	refusal   *headend.Refusal
}

func newReadingSet(s *jsonState, n int) readingSet {
	return readingSet{state: s, readings: make([]headend.Reading, 0, n)}
}

func (r *readingSet) add(key []byte, v *fastjson.Value, at time.Time, quality headend.Quality) {
	info, ok := lookupQuantity(key)
	if !ok {
		r.refuse(key, v, headend.ReasonBadQuantity, "the name cannot be stored")
		return
	}
	d, err := r.state.number(v)
	if err != nil {
		if !errors.Is(err, errNotMeasured) {
			r.refuse(key, v, headend.ReasonBadValue, err.Error())
		}
		return
	}
	value, err := info.value(d)
	if err != nil {
		r.refuse(key, v, headend.ReasonBadValue, err.Error())
		return
	}
	r.put(key, v, info, headend.Reading{Time: at, Quantity: info.quantity, Value: value, Quality: quality})
}

// put adds a reading unless the set has one of that quantity.
func (r *readingSet) put(key []byte, v *fastjson.Value, info quantityInfo, reading headend.Reading) {
	if r.contested[info.quantity] {
		r.refuse(key, v, headend.ReasonBadValue, "given once more")
		return
	}
	if i := r.find(info); i >= 0 {
		if r.readings[i].Value != reading.Value {
			r.refuse(key, v, headend.ReasonBadValue, "given twice with different values, "+r.readings[i].Value.String()+" before")
			r.contest(i)
		}
		return
	}
	r.readings = append(r.readings, reading)
}

// find gives the index of the quantity's reading and notes that it now has one; -1 where it is new.
func (r *readingSet) find(info quantityInfo) int {
	if info.column >= 0 {
		bit := uint64(1) << info.column
		if r.seen&bit == 0 {
			r.seen |= bit
			return -1
		}
	} else if r.others == nil && len(r.readings) >= 64 {
		r.others = make(map[headend.Quantity]int, cap(r.readings))
		for i := range r.readings {
			r.others[r.readings[i].Quantity] = i
		}
	}
	if r.others != nil {
		if i, ok := r.others[info.quantity]; ok {
			return i
		}
		if info.column < 0 {
			r.others[info.quantity] = len(r.readings)
			return -1
		}
	}
	for i := range r.readings {
		if r.readings[i].Quantity == info.quantity {
			return i
		}
	}
	return -1
}

// contest takes back the reading at i because another value was given for it.
func (r *readingSet) contest(i int) {
	q, v := r.readings[i].Quantity, r.readings[i].Value
	r.member([]byte(q), v.AppendJSON(nil))
	if r.contested == nil {
		r.contested = make(map[headend.Quantity]bool)
	}
	r.contested[q] = true
	last := len(r.readings) - 1
	r.readings[i] = r.readings[last]
	r.readings = r.readings[:last]
	if r.others != nil {
		delete(r.others, q)
		if i < last {
			r.others[r.readings[i].Quantity] = i
		}
	}
}

func (r *readingSet) refuse(key []byte, v *fastjson.Value, reason headend.Reason, detail string) {
	r.member(key, appendJSON(nil, v))
	switch {
	case r.refusal == nil:
		r.refusal = &headend.Refusal{Reason: reason, Detail: strconv.QuoteToASCII(string(key[:min(len(key), 80)])) + ": " + detail}
	default:
		r.refusal.Detail = clip(r.refusal.Detail + "; " + strconv.QuoteToASCII(string(key[:min(len(key), 80)])) + ": " + detail)
	}
}

func (r *readingSet) member(key, raw []byte) {
	if len(r.bad) > 0 {
		r.bad = append(r.bad, ',')
	}
	r.bad = appendJSONString(r.bad, key)
	r.bad = append(append(r.bad, ':'), raw...)
}

// rawRefused is an object that holds the refused values only.
func (r *readingSet) rawRefused(at, device *fastjson.Value) []byte {
	b := []byte{'{'}
	for _, f := range [...]struct {
		key string
		v   *fastjson.Value
	}{{"time", at}, {"device", device}} {
		if f.v != nil {
			b = append(appendJSONString(b, f.key), ':')
			b = append(appendJSON(b, f.v), ',')
		}
	}
	return append(append(append(b, `"values":{`...), r.bad...), `}}`...)
}

// event decodes {"time":...,"event":"power_down","seq":17,...}.
func (c native) event(s *jsonState, device headend.DeviceID, text []byte, out *output) bool {
	o, ok := c.object(s, device, text, out)
	if o == nil {
		return ok
	}
	var fields [6]*fastjson.Value
	const at, name, seq, phases, duration, named = 0, 1, 2, 3, 4, 5
	var extra detail
	twice := false
	o.Visit(func(key []byte, v *fastjson.Value) {
		i := -1
		switch string(key) {
		case "time":
			i = at
		case "event":
			i = name
		case "seq":
			i = seq
		case "phases":
			i = phases
		case "duration_s":
			i = duration
		case "device":
			i = named
		default:
			extra.add(key, appendJSON(nil, v))
			return
		}
		twice = twice || fields[i] != nil
		fields[i] = v
	})
	if twice {
		return out.refuse(device, "", text, headend.ReasonMalformed, "a key is given twice")
	}
	var e envelope
	if reason, err := e.open(s, device, fields[at], fields[named], out.m); err != nil {
		return out.refuse(e.device, e.gateway, text, reason, err.Error())
	}
	event := headend.Event{Time: e.time, Quality: e.quality, Seq: headend.NoSeq}
	if reason, err := readEvent(s, &event, fields[name], fields[seq], fields[phases], fields[duration]); err != nil {
		return out.refuse(e.device, e.gateway, text, reason, err.Error())
	}
	var err error
	if event.Detail, err = extra.String(); err != nil {
		return out.refuse(e.device, e.gateway, text, headend.ReasonMalformed, err.Error())
	}
	if e.quality&headend.QualityReceivedTime != 0 && stale(out.m) {
		return true
	}
	return out.deliver(headend.Batch{Device: e.device, Gateway: e.gateway, Raw: text, Events: []headend.Event{event}})
}

// eventTypes holds the events the head-end understands, so that their names need no memory.
var eventTypes = func() map[string]headend.EventType {
	m := make(map[string]headend.EventType)
	for _, t := range [...]headend.EventType{
		headend.EventPowerDown, headend.EventPowerUp, headend.EventPowerFailure, headend.EventPhaseLost,
		headend.EventPhaseBack, headend.EventRelayOpen, headend.EventRelayClosed, headend.EventTamper,
		headend.EventClockSet, headend.EventOnline, headend.EventOffline, headend.EventUndervoltage,
		headend.EventOvervoltage, headend.EventBreakerOpen, headend.EventBreakerClosed,
		headend.EventBreakerUnknown, headend.EventFaultPassage, headend.EventSupplyPresent,
		headend.EventSupplyAbsent, headend.EventAck,
	} {
		m[string(t)] = t
	}
	return m
}()

func readEvent(s *jsonState, e *headend.Event, name, seq, phases, duration *fastjson.Value) (headend.Reason, error) {
	if name == nil || name.Type() != fastjson.TypeString {
		return headend.ReasonMalformed, errors.New(`no text "event"`)
	}
	text := name.GetStringBytes()
	known, ok := eventTypes[string(text)]
	if !ok {
		if known = headend.EventType(text); !headend.ValidQuantityName(string(known)) {
			return headend.ReasonMalformed, fmt.Errorf("event name %.80q cannot be stored", text)
		}
	}
	e.Type = known
	if seq != nil && seq.Type() != fastjson.TypeNull {
		d, err := s.number(seq)
		if err == nil {
			e.Seq, err = d.Floor()
		}
		if err != nil || e.Seq < 0 || !isInteger(d) {
			return headend.ReasonBadValue, fmt.Errorf("seq %.40q is no whole number from 0 up", s.text)
		}
	}
	if duration != nil && duration.Type() != fastjson.TypeNull {
		d, err := s.number(duration)
		var ns int64
		if err == nil {
			ns, err = d.Scale(9).Floor()
		}
		if err != nil || ns < 0 {
			return headend.ReasonBadValue, fmt.Errorf("duration_s %.40q is no length of time", s.text)
		}
		e.Duration = time.Duration(ns)
	}
	if phases != nil && phases.Type() != fastjson.TypeNull {
		var err error
		if e.Phases, err = readPhases(phases); err != nil {
			return headend.ReasonBadValue, err
		}
	}
	return "", nil
}

// isInteger tells whether a number has no fraction, however it is written.
func isInteger(d headend.Decimal) bool {
	down, err := d.Floor()
	if err != nil {
		return false
	}
	up, err := headend.Decimal{Coefficient: -d.Coefficient, Exponent: d.Exponent}.Floor()
	return err == nil && down == -up
}

// readPhases reads ["L1","L3"] or "L1,L3".
func readPhases(v *fastjson.Value) (headend.Phases, error) {
	var set headend.Phases
	one := func(text []byte) error {
		switch string(bytes.ToUpper(bytes.TrimSpace(text))) {
		case "L1":
			set |= headend.L1
		case "L2":
			set |= headend.L2
		case "L3":
			set |= headend.L3
		default:
			return fmt.Errorf("phase %.40q is none of L1, L2, L3", text)
		}
		return nil
	}
	switch v.Type() {
	case fastjson.TypeString:
		for _, part := range bytes.Split(v.GetStringBytes(), []byte{','}) {
			if err := one(part); err != nil {
				return 0, err
			}
		}
	case fastjson.TypeArray:
		for _, part := range v.GetArray() {
			if part.Type() != fastjson.TypeString {
				return 0, fmt.Errorf("phase is a JSON %s", part.Type())
			}
			if err := one(part.GetStringBytes()); err != nil {
				return 0, err
			}
		}
	default:
		return 0, fmt.Errorf("phases are a JSON %s", v.Type())
	}
	return set, nil
}

// status decodes {"online":true}. It is retained and it is the will, so it has no time of its own
// unless the device adds one; a retained one is true until another comes.
func (c native) status(s *jsonState, device headend.DeviceID, text []byte, out *output) bool {
	o, ok := c.object(s, device, text, out)
	if o == nil {
		return ok
	}
	online := o.Get("online")
	if online == nil || online.Type() != fastjson.TypeTrue && online.Type() != fastjson.TypeFalse {
		return out.refuse(device, "", text, headend.ReasonMalformed, `no true or false "online"`)
	}
	var e envelope
	if reason, err := e.open(s, device, o.Get("time"), o.Get("device"), out.m); err != nil {
		return out.refuse(e.device, e.gateway, text, reason, err.Error())
	}
	kind := headend.EventOffline
	if online.Type() == fastjson.TypeTrue {
		kind = headend.EventOnline
	}
	return out.deliver(headend.Batch{Device: e.device, Gateway: e.gateway, Raw: text,
		Events: []headend.Event{{Time: e.time, Quality: e.quality, Type: kind, Seq: headend.NoSeq}}})
}

// ack decodes {"id":"...","status":"done","result":{...}}: the answer is kept as the device wrote it,
// without the members that make it too long for an event.
func (c native) ack(s *jsonState, device headend.DeviceID, text []byte, out *output) bool {
	o, ok := c.object(s, device, text, out)
	if o == nil {
		return ok
	}
	id := o.Get("id")
	if id == nil || id.Type() != fastjson.TypeString || len(id.GetStringBytes()) == 0 {
		return out.refuse(device, "", text, headend.ReasonMalformed, `no text "id" of the command`)
	}
	var e envelope
	if reason, err := e.open(s, device, o.Get("time"), o.Get("device"), out.m); err != nil {
		return out.refuse(e.device, e.gateway, text, reason, err.Error())
	}
	var answer detail
	answer.add([]byte("id"), appendJSON(nil, id)) // first, so that it always fits
	o.Visit(func(key []byte, v *fastjson.Value) {
		if k := string(key); k != "id" && k != "time" && k != "device" {
			answer.add(key, appendJSON(nil, v))
		}
	})
	if len(answer.buffer) == 0 {
		return out.refuse(e.device, e.gateway, text, headend.ReasonTooLarge, "the command's id is longer than an event may be")
	}
	kept, err := answer.String()
	if err != nil {
		return out.refuse(e.device, e.gateway, text, headend.ReasonMalformed, err.Error())
	}
	return out.deliver(headend.Batch{Device: e.device, Gateway: e.gateway, Raw: text,
		Events: []headend.Event{{Time: e.time, Quality: e.quality, Type: headend.EventAck, Seq: headend.NoSeq, Detail: kept}}})
}
