package mqtt

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"lastgasp/headend"
	"lastgasp/protocols"
)

// RouterConfig binds topics to payload formats.
type RouterConfig struct {
	// Bindings are tried in order; the first whose filter matches the topic decodes the message.
	// None: the native format below ami/v1.
	Bindings []Binding `yaml:"bindings"`
	// Zone is the IANA name of the zone that local times without an offset are in, where a binding
	// does not name its own. None: Asia/Ho_Chi_Minh.
	Zone   string `yaml:"zone"`
	Limits Limits `yaml:"limits"`
}

// Binding hands the topics below one filter to one codec.
type Binding struct {
	// Filter is an MQTT topic filter with + and #, without a $share prefix. A mapping knows its own
	// topics, so there it may be left out.
	Filter string `yaml:"filter"`
	// Codec is a name in the table of codecs: native, sparkplug, senml, p1, mapping, lorawan.
	Codec string `yaml:"codec"`
	// Options are the codec's own; an unknown one is an error.
	Options map[string]any `yaml:"options"`
}

// Limits bound what one message may ask of the head-end. Zero: the default.
type Limits struct {
	Bytes    int `yaml:"message_bytes"` // of the payload; default 262,144
	Depth    int `yaml:"json_depth"`    // of nested objects and arrays; default 16
	Readings int `yaml:"readings"`      // values in one message; default 100,000
	Batches  int `yaml:"devices"`       // devices (items of an array) in one message; default 5,000
	Events   int `yaml:"events"`        // events in one message; default 5,000
}

func (l Limits) withDefaults() (Limits, error) {
	for _, f := range []struct {
		name  string
		value *int
		usual int
	}{
		{"message_bytes", &l.Bytes, 256 << 10},
		{"json_depth", &l.Depth, 16},
		{"readings", &l.Readings, 100_000},
		{"devices", &l.Batches, 5_000},
		{"events", &l.Events, 5_000},
	} {
		if *f.value < 0 {
			return l, fmt.Errorf("limit %s is %d, less than nothing", f.name, *f.value)
		}
		if *f.value == 0 {
			*f.value = f.usual
		}
	}
	return l, nil
}

// codec is one payload format. decode appends to out what the message says; like a Decoder it never
// fails, and it is safe for use from several goroutines. The message is within Limits.Bytes.
type codec interface {
	decode(m *protocols.Message, out *output)
}

// subscriber is a codec that knows the topics its format is published on.
type subscriber interface {
	filters() []string
}

// codecs is the table of payload formats: one line a file.
var codecs = map[string]func(Binding, settings) (codec, error){
	"native":    newNative,
	"sparkplug": newSparkplug,
	"senml":     newSenML,
	"p1":        newP1,
	"mapping":   newMapping,
	"lorawan":   newLoRaWAN,
}

// Router is the Decoder of MQTT messages: it finds the codec a topic is bound to.
type Router struct {
	routes  []route
	filters []string
	limits  Limits
}

type route struct {
	pattern pattern
	codec   codec
}

var _ protocols.Decoder = (*Router)(nil)

// NewRouter returns an error that names the first binding, limit or option that cannot be used.
func NewRouter(cfg RouterConfig) (*Router, error) {
	limits, err := cfg.Limits.withDefaults()
	if err != nil {
		return nil, err
	}
	if cfg.Zone == "" {
		cfg.Zone = "Asia/Ho_Chi_Minh"
	}
	zone, err := loadZone(cfg.Zone)
	if err != nil {
		return nil, err
	}
	if len(cfg.Bindings) == 0 {
		cfg.Bindings = []Binding{{Filter: "ami/v1/+/+", Codec: "native"}}
	}
	r := &Router{limits: limits}
	for i, b := range cfg.Bindings {
		if err := r.bind(b, settings{limits: limits, zone: zone}); err != nil {
			return nil, fmt.Errorf("binding %d (filter %q, codec %q): %w", i+1, b.Filter, b.Codec, err)
		}
	}
	return r, nil
}

func (r *Router) bind(b Binding, s settings) error {
	build, ok := codecs[b.Codec]
	if !ok {
		return errors.New("no such codec")
	}
	c, err := build(b, s)
	if err != nil {
		return err
	}
	filters := []string{b.Filter}
	if b.Filter == "" {
		own, ok := c.(subscriber)
		if !ok {
			return errors.New("no filter")
		}
		filters = own.filters()
	}
	for _, f := range filters {
		p, err := parseFilter(f)
		if err != nil {
			return err
		}
		r.routes = append(r.routes, route{pattern: p, codec: c})
		r.filters = append(r.filters, f)
	}
	return nil
}

// Filters lists the topic filters to subscribe to, in the order of the bindings.
func (r *Router) Filters() []string { return append([]string(nil), r.filters...) }

// Decode implements protocols.Decoder.
func (r *Router) Decode(m protocols.Message, decoded *protocols.Decoded) {
	out := outputs.Get().(*output)
	*out = output{Decoded: decoded, message: m, limits: &r.limits, first: len(decoded.Batches)}
	out.m = &out.message
	r.decode(out)
	*out = output{}
	outputs.Put(out)
}

func (r *Router) decode(out *output) {
	m := out.m
	if !utf8.ValidString(m.Topic) || strings.IndexByte(m.Topic, 0) >= 0 {
		// No database could store such an address, and the message must end somewhere.
		m.Topic = strings.ReplaceAll(strings.ToValidUTF8(m.Topic, "\ufffd"), "\x00", "\ufffd")
		out.refuse("", "", m.Payload, headend.ReasonMalformed, "topic is not UTF-8 or holds a zero byte")
		return
	}
	if len(m.Payload) > r.limits.Bytes {
		out.refuse("", "", m.Payload, headend.ReasonTooLarge,
			fmt.Sprintf("payload has %d bytes, at most %d are allowed", len(m.Payload), r.limits.Bytes))
		return
	}
	for i := range r.routes {
		if r.routes[i].pattern.match(m.Topic) {
			decodeGuarded(r.routes[i].codec, m, out)
			return
		}
	}
	out.refuse("", "", m.Payload, headend.ReasonNoCodec, "no filter matches this topic")
}

// decodeGuarded turns a fault in a codec into a refusal of the message that met it: one message must
// never end the process that all devices share. The fuzz targets call decode without this guard.
func decodeGuarded(c codec, m *protocols.Message, out *output) {
	defer func() {
		if fault := recover(); fault != nil {
			out.refuseAll(headend.ReasonMalformed, fmt.Sprintf("fault in the codec: %v", fault))
		}
	}()
	c.decode(m, out)
}

// parseOptions reads a binding's options into a struct with yaml tags; an unknown option is an error.
func parseOptions(options map[string]any, into any) error {
	if len(options) == 0 {
		return nil
	}
	text, err := yaml.Marshal(options)
	if err != nil {
		return fmt.Errorf("options: %w", err)
	}
	return strictYAML(text, into)
}

func strictYAML(text []byte, into any) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("options: %s", strings.ReplaceAll(err.Error(), "\n", " "))
	}
	return nil
}
