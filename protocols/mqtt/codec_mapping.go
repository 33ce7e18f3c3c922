package mqtt

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/valyala/fastjson"
	"go.yaml.in/yaml/v3"

	"lastgasp/headend"
	"lastgasp/protocols"
)

// Ready mappings, by the name of the file.
//
//go:embed mappings/*.yaml
var readyMappings embed.FS

// mappingOptions configure the mapping codec: one of use, file and mapping says which mapping.
type mappingOptions struct {
	Use     string       `yaml:"use"`     // a ready mapping
	File    string       `yaml:"file"`    // a file of the user's own
	Mapping *mappingFile `yaml:"mapping"` // written right here
	// Device is the device of messages whose topic and payload name none.
	Device string `yaml:"device"`
	// Zone is the zone of times without an offset; the router's unless set.
	Zone string `yaml:"zone"`
	// Prefix stands before every topic of the mapping, with its slash.
	Prefix string `yaml:"prefix"`
	// Names adds to every table of names, or changes what is there.
	Names map[string]target `yaml:"names"`
}

// mappingFile says where in the messages of one kind of device the readings are.
type mappingFile struct {
	About    string           `yaml:"about"`
	Messages []mappingMessage `yaml:"messages"`
	// Ignore lists topics that such devices publish too and that hold nothing to keep.
	Ignore []string `yaml:"ignore"`
	// Tables is a place for YAML anchors.
	Tables map[string]any `yaml:"tables"`
}

// mappingMessage is the messages of one kind. The first whose topic matches decodes the message.
type mappingMessage struct {
	Topics []string `yaml:"topics"` // filters; a level {name} is captured
	Format string   `yaml:"format"` // json, or text: the payload is one plain value; json unless set
	Each   string   `yaml:"each"`   // path of items that each are a message of their own; the whole unless set
	// Device is a template of captures {name} and paths {$.path}; "{device}" unless set.
	Device string `yaml:"device"`
	// DevicePattern is a regular expression whose first group is the device, within Device.
	DevicePattern string         `yaml:"device_pattern"`
	Time          mappingTime    `yaml:"time"`
	Values        []mappingValue `yaml:"values"`
	Events        []mappingEvent `yaml:"events"`
}

// mappingTime says where the time is. Without a path the message has none.
type mappingTime struct {
	Path string `yaml:"path"`
	// Format is auto (RFC 3339, date and time without offset, Unix seconds or milliseconds), unix,
	// unix_ms, or a layout of Go's package time; auto unless set.
	Format string `yaml:"format"`
}

// mappingValue is one value, or with * in the path many. Either quantity says what it is, or name and
// names do: name is a template, and names the table it is looked up in; what is not in the table is
// no reading.
type mappingValue struct {
	Path     string            `yaml:"path"` // keys and indices with dots between, * for any, 'a.b' for a key with a dot; the whole unless set
	Quantity string            `yaml:"quantity"`
	Unit     string            `yaml:"unit"`
	Scale    string            `yaml:"scale"` // a power of ten: 0.01
	Name     string            `yaml:"name"`  // {*} is what the wildcards of the path stood for, with dots between; {key} the last of them
	Names    map[string]target `yaml:"names"`
}

// mappingEvent maps the values of one place to events.
type mappingEvent struct {
	Path string                       `yaml:"path"`
	Map  map[string]headend.EventType `yaml:"map"`
}

// target is what a name of the device's means: written "quantity", or "quantity unit", or as a list
// of quantities for the elements of an array (then the name ends in []).
type target struct {
	quantities []quantityInfo
	unit       unit
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (t *target) UnmarshalYAML(n *yaml.Node) error {
	var list []string
	if n.Kind == yaml.SequenceNode {
		if err := n.Decode(&list); err != nil {
			return err
		}
	} else {
		var text string
		if err := n.Decode(&text); err != nil {
			return err
		}
		quantity, unitName, _ := strings.Cut(text, " ")
		list = []string{quantity}
		var ok bool
		if t.unit, ok = lookupUnit(unitName); !ok {
			return fmt.Errorf("line %d: unit %q is not known", n.Line, unitName)
		}
	}
	for _, name := range list {
		q, ok := lookupQuantity(name)
		if !ok {
			return fmt.Errorf("line %d: quantity %q cannot be stored", n.Line, name)
		}
		t.quantities = append(t.quantities, q)
	}
	return nil
}

// mapping reads JSON and plain values of any shape through paths.
type mapping struct {
	limits   Limits
	zone     *time.Location
	device   string
	messages []mappedMessage
	ignore   []pattern
}

type mappedMessage struct {
	topics  []pattern
	text    bool
	each    jsonPath
	device  template
	pattern *regexp.Regexp
	time    jsonPath
	hasTime bool
	format  string
	values  []mappedValue
	events  []mappedEvent
}

type mappedValue struct {
	path     jsonPath
	name     template
	names    map[string]target // nil: the name is the quantity
	unit     unit
	scale    int
	original string
}

type mappedEvent struct {
	path  jsonPath
	types map[string]headend.EventType
}

func newMapping(b Binding, s settings) (codec, error) {
	var o mappingOptions
	if err := parseOptions(b.Options, &o); err != nil {
		return nil, err
	}
	file, err := o.load()
	if err != nil {
		return nil, err
	}
	c := &mapping{limits: s.limits, zone: s.zone, device: o.Device}
	if o.Zone != "" {
		if c.zone, err = loadZone(o.Zone); err != nil {
			return nil, err
		}
	}
	for i, m := range file.Messages {
		compiled, err := m.compile(o)
		if err != nil {
			return nil, fmt.Errorf("message %d: %w", i+1, err)
		}
		c.messages = append(c.messages, compiled)
	}
	if len(c.messages) == 0 {
		return nil, errors.New("mapping has no messages")
	}
	for _, f := range file.Ignore {
		p, err := parsePattern(o.Prefix + f)
		if err != nil {
			return nil, err
		}
		c.ignore = append(c.ignore, p)
	}
	return c, nil
}

func (o mappingOptions) load() (*mappingFile, error) {
	given := 0
	for _, is := range []bool{o.Use != "", o.File != "", o.Mapping != nil} {
		if is {
			given++
		}
	}
	if given != 1 {
		return nil, fmt.Errorf("one of the options use, file and mapping is needed; ready mappings are %s", strings.Join(readyNames(), ", "))
	}
	if o.Mapping != nil {
		return o.Mapping, nil
	}
	var text []byte
	var err error
	if o.Use != "" {
		if text, err = readyMappings.ReadFile("mappings/" + o.Use + ".yaml"); err != nil {
			return nil, fmt.Errorf("no ready mapping %q; there are %s", o.Use, strings.Join(readyNames(), ", "))
		}
	} else if text, err = os.ReadFile(o.File); err != nil {
		return nil, fmt.Errorf("mapping: %w", err)
	}
	var file mappingFile
	if err := strictYAML(text, &file); err != nil {
		return nil, fmt.Errorf("mapping %s%s: %w", o.Use, o.File, err)
	}
	return &file, nil
}

func readyNames() []string {
	entries, err := readyMappings.ReadDir("mappings")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(path.Base(e.Name()), ".yaml"))
	}
	return names
}

func (m mappingMessage) compile(o mappingOptions) (c mappedMessage, err error) {
	counted := make(map[string]int)
	if len(m.Topics) == 0 {
		return c, errors.New("no topics")
	}
	for _, t := range m.Topics {
		p, err := parsePattern(o.Prefix + t)
		if err != nil {
			return c, err
		}
		c.topics = append(c.topics, p)
		for _, n := range p.names {
			counted[n]++
		}
	}
	captured := map[string]bool{"device": o.Device != ""}
	for name, n := range counted {
		captured[name] = captured[name] || n == len(m.Topics) // in every topic
	}
	switch m.Format {
	case "", "json":
	case "text":
		c.text = true
	default:
		return c, fmt.Errorf("format %q is neither json nor text", m.Format)
	}
	if c.each, err = parsePath(m.Each); err != nil {
		return c, err
	}
	if m.Device == "" {
		m.Device = "{device}"
	}
	if c.device, err = parseTemplate(m.Device, captured); err != nil {
		return c, fmt.Errorf("device: %w", err)
	}
	if m.DevicePattern != "" {
		if c.pattern, err = regexp.Compile(m.DevicePattern); err != nil {
			return c, fmt.Errorf("device_pattern: %w", err)
		}
		if c.pattern.NumSubexp() < 1 {
			return c, errors.New("device_pattern has no group")
		}
	}
	if c.time, err = parsePath(m.Time.Path); err != nil {
		return c, err
	}
	c.hasTime, c.format = m.Time.Path != "", m.Time.Format
	switch c.format {
	case "", "auto", "unix", "unix_ms":
	default:
		if !strings.Contains(c.format, "06") {
			return c, fmt.Errorf("time format %q is none of auto, unix, unix_ms and no layout", c.format)
		}
	}
	captured["*"], captured["key"] = true, true
	for _, v := range m.Values {
		mv, err := v.compile(o, captured)
		if err != nil {
			return c, fmt.Errorf("value %q: %w", v.Path, err)
		}
		c.values = append(c.values, mv)
	}
	for _, e := range m.Events {
		p, err := parsePath(e.Path)
		if err != nil {
			return c, err
		}
		for text, t := range e.Map {
			if !headend.ValidQuantityName(string(t)) {
				return c, fmt.Errorf("event %q of value %q cannot be stored", t, text)
			}
		}
		c.events = append(c.events, mappedEvent{path: p, types: e.Map})
	}
	return c, nil
}

func (v mappingValue) compile(o mappingOptions, captured map[string]bool) (c mappedValue, err error) {
	c.original = v.Path
	if c.path, err = parsePath(v.Path); err != nil {
		return c, err
	}
	var ok bool
	if c.unit, ok = lookupUnit(v.Unit); !ok {
		return c, fmt.Errorf("unit %q is not known", v.Unit)
	}
	if v.Scale != "" {
		d, err := headend.ParseDecimal(v.Scale)
		if err != nil {
			return c, fmt.Errorf("scale: %w", err)
		}
		for d.Coefficient != 0 && d.Coefficient%10 == 0 {
			d.Coefficient /= 10
			d.Exponent++
		}
		if d.Coefficient != 1 {
			return c, fmt.Errorf("scale %q is no power of ten", v.Scale)
		}
		c.scale = d.Exponent
	}
	switch {
	case v.Quantity != "" && v.Name == "" && v.Names == nil:
		c.name, err = parseTemplate(v.Quantity, captured)
	case v.Quantity == "" && v.Name != "" && v.Names != nil:
		c.names = make(map[string]target, len(v.Names)+len(o.Names))
		for k, t := range v.Names {
			c.names[k] = t
		}
		for k, t := range o.Names {
			c.names[k] = t
		}
		c.name, err = parseTemplate(v.Name, captured)
	default:
		err = errors.New("either quantity, or name and names, are needed")
	}
	return c, err
}

// filters lists the topics of the mapping's messages.
func (c *mapping) filters() []string {
	var list []string
	for _, m := range c.messages {
		for _, t := range m.topics {
			list = append(list, t.filter())
		}
	}
	return list
}

func (c *mapping) decode(m *protocols.Message, out *output) {
	captures := make(map[string]string, 4)
	for i := range c.messages {
		for j := range c.messages[i].topics {
			clear(captures)
			captures["device"] = c.device
			if c.messages[i].topics[j].captures(m.Topic, func(name, text string) { captures[name] = text }) {
				c.decodeAs(&c.messages[i], captures, m, out)
				return
			}
		}
	}
	for i := range c.ignore {
		if c.ignore[i].match(m.Topic) {
			out.Ignored++
			return
		}
	}
	out.refuse("", "", m.Payload, headend.ReasonNoCodec, "the mapping has no message of this topic")
}

func (c *mapping) decodeAs(message *mappedMessage, captures map[string]string, m *protocols.Message, out *output) {
	if !validText(m.Payload) {
		out.refuse("", "", m.Payload, headend.ReasonMalformed, "payload is not UTF-8")
		return
	}
	state := jsonStates.Get().(*jsonState)
	defer jsonStates.Put(state)
	var root *fastjson.Value
	if message.text {
		var arena fastjson.Arena
		root = arena.NewStringBytes(m.Payload)
	} else {
		var err error
		if root, err = state.parse(m.Payload, c.limits.Depth); err != nil {
			reason, detail := refusalOf(err)
			out.refuse("", "", m.Payload, reason, detail)
			return
		}
	}
	r := mappingRun{codec: c, message: message, captures: captures, state: state, out: out}
	message.each.walk(root, "", func(v *fastjson.Value, _ string) bool { return r.item(v) })
	if out.full {
		return
	}
	if r.refusal != nil { // one for the whole message: its bytes are the only ones that can be decoded again
		out.refuse(r.refused, "", m.Payload, r.refusal.Reason, r.refusal.Detail)
		return
	}
	out.finish()
}

// mappingRun decodes one message.
type mappingRun struct {
	codec    *mapping
	message  *mappedMessage
	captures map[string]string
	state    *jsonState
	out      *output
	refusal  *headend.Refusal
	refused  headend.DeviceID
}

func (r *mappingRun) refuse(device headend.DeviceID, reason headend.Reason, detail string) {
	if r.refusal == nil {
		r.refusal, r.refused = &headend.Refusal{Reason: reason, Detail: clip(detail)}, device
		return
	}
	if r.refused != device {
		r.refused = ""
	}
	r.refusal.Detail = clip(r.refusal.Detail + "; " + detail)
}

func (r *mappingRun) item(v *fastjson.Value) bool {
	device, err := r.device(v)
	if err != nil {
		r.refuse("", headend.ReasonBadDevice, err.Error())
		return true
	}
	at, quality, err := r.time(v)
	if err != nil {
		r.refuse(device, headend.ReasonBadTime, err.Error())
		return true
	}
	set := newReadingSet(r.state, len(r.message.values))
	if quality&headend.QualityReceivedTime == 0 || !stale(r.out.m) {
		for i := range r.message.values {
			r.value(v, &r.message.values[i], &set, at, quality)
		}
	}
	events := r.events(v, at, quality)
	if set.refusal != nil {
		r.refuse(device, set.refusal.Reason, set.refusal.Detail)
	}
	return r.out.deliver(headend.Batch{Device: device, Raw: r.out.m.Payload, Readings: set.readings, Events: events})
}

func (r *mappingRun) device(v *fastjson.Value) (headend.DeviceID, error) {
	text, err := r.message.device.expand(r.captures, "", v)
	if err != nil {
		return "", err
	}
	if r.message.pattern != nil {
		found := r.message.pattern.FindStringSubmatch(text)
		if found == nil {
			return "", fmt.Errorf("%.80q does not match %s", text, r.message.pattern)
		}
		text = found[1]
	}
	id := headend.DeviceID(strings.Clone(text))
	return id, id.Validate()
}

func (r *mappingRun) time(v *fastjson.Value) (time.Time, headend.Quality, error) {
	received := r.out.m.Received
	if !r.message.hasTime {
		return received, headend.QualityReceivedTime, nil
	}
	at := r.message.time.first(v)
	if at == nil || at.Type() == fastjson.TypeNull {
		return received, headend.QualityReceivedTime, nil
	}
	text, ok := scalarText(at)
	if !ok {
		return received, 0, fmt.Errorf("a JSON %s is %w", at.Type(), errNotATime)
	}
	var t time.Time
	var quality headend.Quality
	var err error
	switch r.message.format {
	case "", "auto":
		t, quality, err = parseTimeIn(text, r.codec.zone, received)
	case "unix", "unix_ms":
		d, parseErr := headend.ParseDecimal(text)
		power := 9
		if r.message.format == "unix_ms" {
			power = 6
		}
		ns, scaleErr := d.Scale(power).Floor()
		if err = errors.Join(parseErr, scaleErr); err == nil {
			t = time.Unix(0, ns).UTC()
		}
	default:
		if t, err = time.Parse(r.message.format, text); err == nil && !hasZone(r.message.format) {
			t, quality = localTime(civilOf(t), r.codec.zone, received)
		}
	}
	if err != nil {
		return received, 0, fmt.Errorf("%.60q is %w", text, errNotATime)
	}
	return t.UTC(), quality, nil
}

// hasZone tells whether a layout of package time reads an offset.
func hasZone(layout string) bool {
	return strings.Contains(layout, "Z07") || strings.Contains(layout, "-07") || strings.Contains(layout, "MST")
}

func civilOf(t time.Time) civil {
	return civil{year: t.Year(), month: int(t.Month()), day: t.Day(), hour: t.Hour(), minute: t.Minute(),
		second: t.Second(), nano: t.Nanosecond()}
}

// value adds what one entry of the mapping finds.
func (r *mappingRun) value(item *fastjson.Value, entry *mappedValue, set *readingSet, at time.Time, quality headend.Quality) {
	entry.path.walk(item, "", func(v *fastjson.Value, wild string) bool {
		name, err := entry.name.expand(r.captures, wild, item)
		if err != nil {
			set.refuse([]byte(entry.original), v, headend.ReasonBadQuantity, err.Error())
			return true
		}
		if entry.names == nil {
			info, ok := lookupQuantity(name)
			if !ok {
				set.refuse([]byte(name), v, headend.ReasonBadQuantity, "the name cannot be stored")
				return true
			}
			r.put(set, name, v, info, entry.unit, entry.scale, at, quality)
			return true
		}
		if v.Type() == fastjson.TypeArray {
			t := entry.names[name+"[]"]
			for i, element := range v.GetArray() {
				if i < len(t.quantities) {
					r.put(set, name, element, t.quantities[i], t.unit, entry.scale, at, quality)
				}
			}
			return true
		}
		if t, ok := entry.names[name]; ok && v.Type() != fastjson.TypeObject {
			r.put(set, name, v, t.quantities[0], t.unit, entry.scale, at, quality)
		}
		return true
	})
}

func (r *mappingRun) put(set *readingSet, name string, v *fastjson.Value, info quantityInfo, u unit, scale int, at time.Time, quality headend.Quality) {
	d, err := r.state.number(v)
	if errors.Is(err, errNotMeasured) || isAbsent(v) {
		return
	}
	var value headend.Value
	if err == nil {
		value, err = info.convert(d.Scale(scale), u)
	}
	if err != nil {
		set.refuse([]byte(name), v, headend.ReasonBadValue, err.Error())
		return
	}
	set.put([]byte(name), v, info, headend.Reading{Time: at, Quantity: info.quantity, Value: value, Quality: quality})
}

// isAbsent knows the words that home automation puts where there is no value.
func isAbsent(v *fastjson.Value) bool {
	if v.Type() != fastjson.TypeString {
		return false
	}
	switch strings.ToLower(strings.TrimSpace(string(v.GetStringBytes()))) {
	case "unavailable", "unknown", "none", "n/a":
		return true
	}
	return false
}

func (r *mappingRun) events(item *fastjson.Value, at time.Time, quality headend.Quality) []headend.Event {
	var events []headend.Event
	for i := range r.message.events {
		e := &r.message.events[i]
		e.path.walk(item, "", func(v *fastjson.Value, _ string) bool {
			text, ok := scalarText(v)
			if !ok {
				return true
			}
			t, ok := e.types[strings.TrimSpace(text)]
			if !ok || quality&headend.QualityReceivedTime != 0 && stale(r.out.m) && !isLink(t) {
				return true
			}
			events = append(events, headend.Event{Time: at, Type: t, Seq: headend.NoSeq, Quality: quality})
			return len(events) <= r.out.limits.Events
		})
	}
	return events
}

// isLink tells whether an event is about the link: a retained one is true until another comes.
func isLink(t headend.EventType) bool { return t == headend.EventOnline || t == headend.EventOffline }

// scalarText is a text, number or truth value as text.
func scalarText(v *fastjson.Value) (string, bool) {
	switch v.Type() {
	case fastjson.TypeString:
		return string(v.GetStringBytes()), true
	case fastjson.TypeNumber:
		return string(v.MarshalTo(nil)), true
	case fastjson.TypeTrue:
		return "true", true
	case fastjson.TypeFalse:
		return "false", true
	}
	return "", false
}
