package mqtt

import (
	"embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/valyala/fastjson"
	"go.yaml.in/yaml/v3"

	"lastgasp/headend"
	"lastgasp/protocols"
)

// Ready frame tables, by the name of the file.
//
//go:embed frames/*.yaml
var readyFrames embed.FS

// lorawanOptions configure the lorawan codec: one of use and file says how the frames are built.
type lorawanOptions struct {
	Use  string `yaml:"use"`  // a ready frame table
	File string `yaml:"file"` // one of the user's own
}

// frameFile is how one maker's devices build their frames: fields of a channel byte, a tag byte and a value.
type frameFile struct {
	About     string      `yaml:"about"`
	ByteOrder string      `yaml:"byte_order"` // big or little
	Ports     []framePort `yaml:"ports"`
}

// framePort is the fields that appear on some LoRaWAN ports. A key is a tag, or a channel and a tag,
// in hexadecimal; the longer one counts first.
type framePort struct {
	Ports  []int                 `yaml:"ports"`
	Fields map[string]frameField `yaml:"fields"`
}

// frameField is the parts of a field's value, one after another.
type frameField []framePart

// framePart is one number in a frame. Without a quantity, events or role it is passed over.
type framePart struct {
	Bytes    int            `yaml:"bytes"` // 1 to 8; 0: all that is left
	Signed   bool           `yaml:"signed"`
	Power    int            `yaml:"power"` // the number times 10^power is in the unit of Quantity
	Quantity *target        `yaml:"quantity"`
	Events   map[int]string `yaml:"events"` // value → "event" or "event words that explain it"
	Flags    map[int]string `yaml:"flags"`  // bit → the same
	Role     string         `yaml:"role"`   // time: of the readings, Unix seconds; clock: the device's own, to compare
	Absent   *int           `yaml:"absent"` // the number that says nothing was measured
	AbsentIs string         `yaml:"absent_is"`
}

// UnmarshalYAML lets a field of one part be written without a list.
func (f *frameField) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		return n.Decode((*[]framePart)(f))
	}
	*f = make(frameField, 1)
	return n.Decode(&(*f)[0])
}

// lorawan reads uplinks as network servers publish them (ChirpStack 4, The Things Stack 3, LORIOT), and
// the frame of the device within. The device is its EUI, as the server writes it. The same uplink heard by
// two gateways gives the same readings twice.
//
// The device's own time of a value counts; where it is ahead of the network's, or the device's clock is
// away from it by more than clockTolerance, it is marked doubtful.
type lorawan struct {
	limits Limits
	little bool
	ports  map[int]map[string]frameField
}

const clockTolerance = 10 * time.Minute

func newLoRaWAN(b Binding, s settings) (codec, error) {
	var o lorawanOptions
	if err := parseOptions(b.Options, &o); err != nil {
		return nil, err
	}
	text, err := o.load()
	if err != nil {
		return nil, err
	}
	var file frameFile
	if err := strictYAML(text, &file); err != nil {
		return nil, fmt.Errorf("frames %s%s: %w", o.Use, o.File, err)
	}
	c := &lorawan{limits: s.limits, little: file.ByteOrder == "little", ports: make(map[int]map[string]frameField)}
	if file.ByteOrder != "little" && file.ByteOrder != "big" {
		return nil, fmt.Errorf("byte_order %q is neither big nor little", file.ByteOrder)
	}
	for _, p := range file.Ports {
		for key, field := range p.Fields {
			if raw, err := hex.DecodeString(key); err != nil || len(raw) < 1 || len(raw) > 2 || key != strings.ToLower(key) {
				return nil, fmt.Errorf("field %q is not two or four small hexadecimal digits", key)
			}
			if err := field.validate(); err != nil {
				return nil, fmt.Errorf("field %q: %w", key, err)
			}
		}
		for _, port := range p.Ports {
			c.ports[port] = p.Fields
		}
	}
	if len(c.ports) == 0 {
		return nil, errors.New("frames: no ports")
	}
	return c, nil
}

func (o lorawanOptions) load() ([]byte, error) {
	switch {
	case (o.Use == "") == (o.File == ""):
		return nil, errors.New("one of the options use and file is needed")
	case o.File != "":
		text, err := os.ReadFile(o.File)
		if err != nil {
			return nil, fmt.Errorf("frames: %w", err)
		}
		return text, nil
	}
	text, err := readyFrames.ReadFile("frames/" + o.Use + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("no ready frames %q", o.Use)
	}
	return text, nil
}

func (f frameField) validate() error {
	for _, p := range f {
		if p.Bytes < 0 || p.Bytes > 8 && (p.Quantity != nil || p.Role != "" || p.Events != nil || p.Flags != nil) {
			return fmt.Errorf("a number of %d bytes", p.Bytes)
		}
		if p.Role != "" && p.Role != "time" && p.Role != "clock" {
			return fmt.Errorf("role %q is neither time nor clock", p.Role)
		}
		names := []string{p.AbsentIs}
		for _, e := range p.Events {
			names = append(names, e)
		}
		for _, e := range p.Flags {
			names = append(names, e)
		}
		for _, e := range names {
			if name, _, _ := strings.Cut(e, " "); e != "" && !headend.ValidQuantityName(name) {
				return fmt.Errorf("event %q cannot be stored", name)
			}
		}
	}
	return nil
}

// uplink is what a network server says of one frame.
type uplink struct {
	device  headend.DeviceID
	time    time.Time
	quality headend.Quality
	port    int
	frame   []byte
}

// errNoUplink says a message is of another kind: a join, an acknowledgement, a downlink.
var errNoUplink = errors.New("no uplink")

func (c *lorawan) decode(m *protocols.Message, out *output) {
	if !validText(m.Payload) {
		out.refuse("", "", m.Payload, headend.ReasonMalformed, "payload is not UTF-8")
		return
	}
	state := jsonStates.Get().(*jsonState)
	defer jsonStates.Put(state)
	v, err := state.parse(m.Payload, c.limits.Depth)
	if err != nil {
		reason, detail := refusalOf(err)
		out.refuse("", "", m.Payload, reason, detail)
		return
	}
	u, err := readUplink(state, v, m.Received)
	switch {
	case errors.Is(err, errNoUplink):
		out.Ignored++
		return
	case errors.Is(err, errNotATime):
		out.refuse("", "", m.Payload, headend.ReasonBadTime, err.Error())
		return
	case err != nil:
		out.refuse("", "", m.Payload, headend.ReasonMalformed, err.Error())
		return
	}
	if err := u.device.Validate(); err != nil {
		out.refuse("", "", m.Payload, headend.ReasonBadDevice, err.Error())
		return
	}
	fields, ok := c.ports[u.port]
	if !ok {
		out.refuse(u.device, "", m.Payload, headend.ReasonMalformed, fmt.Sprintf("the frame table has no port %d", u.port))
		return
	}
	if u.quality&headend.QualityReceivedTime != 0 && stale(m) {
		out.Ignored++
		return
	}
	c.deliver(u, fields, out)
}

// readUplink finds the frame in the envelope of whichever network server it is.
func readUplink(s *jsonState, v *fastjson.Value, received time.Time) (u uplink, err error) {
	text := func(path ...string) string { return string(v.GetStringBytes(path...)) }
	var at, port *fastjson.Value
	switch {
	case v.Exists("deviceInfo"):
		u.device, at, port = headend.DeviceID(text("deviceInfo", "devEui")), v.Get("time"), v.Get("fPort")
		u.frame, err = base64.StdEncoding.DecodeString(text("data"))
	case v.Exists("end_device_ids"):
		u.device, at, port = headend.DeviceID(text("end_device_ids", "dev_eui")), v.Get("uplink_message", "received_at"), v.Get("uplink_message", "f_port")
		u.frame, err = base64.StdEncoding.DecodeString(text("uplink_message", "frm_payload"))
	case v.Exists("EUI"):
		if cmd := text("cmd"); cmd != "gw" && cmd != "rx" {
			return u, errNoUplink
		}
		u.device, at, port = headend.DeviceID(text("EUI")), v.Get("ts"), v.Get("port")
		u.frame, err = hex.DecodeString(text("data"))
	default:
		return u, errors.New("the envelope is of no known network server")
	}
	if err != nil {
		return u, fmt.Errorf("frame: %w", err)
	}
	if len(u.frame) == 0 || port == nil {
		return u, errNoUplink
	}
	if u.port, err = port.Int(); err != nil {
		return u, fmt.Errorf("port: %w", err)
	}
	if at == nil || at.Type() == fastjson.TypeNull {
		u.time, u.quality = received, headend.QualityReceivedTime
		return u, nil
	}
	u.time, err = s.time(at)
	return u, err
}

// frameRun reads one frame.
type frameRun struct {
	codec    *lorawan
	uplink   uplink
	at       time.Time // of the values
	quality  headend.Quality
	readings []headend.Reading // their times follow: the field with the time may come last
	events   []headend.Event
	faults   faults
}

func (c *lorawan) deliver(u uplink, fields map[string]frameField, out *output) {
	r := frameRun{codec: c, uplink: u, at: u.time, quality: u.quality}
	if err := r.frame(u.frame, fields); err != nil {
		r.faults.add(headend.ReasonMalformed, err.Error())
	}
	var set distinct
	for _, reading := range r.readings {
		reading.Time, reading.Quality = r.at, reading.Quality|r.quality
		if err := set.add(reading); err != nil {
			r.faults.add(headend.ReasonBadValue, err.Error())
		}
	}
	raw := out.m.Payload
	if !out.deliver(headend.Batch{Device: u.device, Raw: raw, Readings: set.believed(), Events: r.events}) {
		return
	}
	if f := r.faults.refusal; f != nil && !out.refuse(u.device, "", raw, f.Reason, f.Detail) {
		return
	}
	out.finish()
}

func (r *frameRun) frame(b []byte, fields map[string]frameField) error {
	for len(b) >= 2 {
		if allZero(b) { // padding
			return nil
		}
		key := hex.EncodeToString(b[:2])
		field, ok := fields[key]
		if !ok {
			if field, ok = fields[key[2:]]; !ok {
				return fmt.Errorf("field %s at %d bytes before the end is not in the frame table", key, len(b))
			}
		}
		b = b[2:]
		for _, p := range field {
			n := p.Bytes
			if n == 0 {
				n = len(b)
			}
			if n > len(b) {
				return fmt.Errorf("field %s ends after %d of %d bytes", key, len(b), n)
			}
			if err := r.part(p, b[:n]); err != nil {
				return fmt.Errorf("field %s: %w", key, err)
			}
			b = b[n:]
		}
	}
	if len(b) == 1 && b[0] != 0 {
		return errors.New("one byte is left over")
	}
	return nil
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func (r *frameRun) part(p framePart, b []byte) error {
	if p.Bytes == 0 {
		return nil
	}
	n, ok := r.number(p, b)
	if !ok {
		return headend.ErrNumberRange
	}
	if p.Absent != nil && n == int64(*p.Absent) {
		r.event(p.AbsentIs)
		return nil
	}
	switch p.Role {
	case "time":
		r.at = time.Unix(n, 0).UTC()
		r.quality &^= headend.QualityReceivedTime
		if r.at.Sub(r.uplink.time) > clockTolerance {
			r.quality |= headend.QualityClockDoubtful
		}
	case "clock":
		if time.Unix(n, 0).Sub(r.uplink.time).Abs() > clockTolerance {
			r.quality |= headend.QualityClockDoubtful
		}
	}
	if len(p.Events) > 0 {
		r.event(p.Events[int(n)])
	}
	for bit := 1; bit <= 0x80; bit <<= 1 {
		if int(n)&bit != 0 {
			r.event(p.Flags[bit])
		}
	}
	if p.Quantity == nil {
		return nil
	}
	info := p.Quantity.quantities[0]
	value, err := info.convert(headend.Decimal{Coefficient: n, Exponent: p.Power}, p.Quantity.unit)
	if err != nil {
		return err
	}
	r.readings = append(r.readings, headend.Reading{Quantity: info.quantity, Value: value})
	return nil
}

// event adds one written "event words that explain it". It happened when the frame was sent.
func (r *frameRun) event(text string) {
	if text == "" {
		return
	}
	name, words, _ := strings.Cut(text, " ")
	e := headend.Event{Time: r.uplink.time, Quality: r.uplink.quality, Type: headend.EventType(name), Seq: headend.NoSeq}
	if words != "" {
		e.Detail = `{"detail":` + string(appendJSONString(nil, words)) + `}`
	}
	r.events = append(r.events, e)
}

// number is the bytes as a number; it is false where that does not fit.
func (r *frameRun) number(p framePart, b []byte) (int64, bool) {
	if len(b) > 8 {
		return 0, true // passed over
	}
	var n uint64
	for i := range b {
		if r.codec.little {
			n |= uint64(b[i]) << (8 * i)
		} else {
			n = n<<8 | uint64(b[i])
		}
	}
	if p.Signed {
		shift := 64 - 8*len(b)
		return int64(n<<shift) >> shift, true
	}
	return int64(n), n <= 1<<63-1
}
