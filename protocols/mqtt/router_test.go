package mqtt

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"

	"lastgasp/headend"
	"lastgasp/protocols"
)

func TestFilters(t *testing.T) {
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"ami/v1/+/+", "ami/v1/M1/reads", true},
		{"ami/v1/+/+", "ami/v1/M1", false},
		{"ami/v1/+/+", "ami/v1/M1/reads/x", false},
		{"ami/v1/+/+", "ami/v1//", true},
		{"ami/#", "ami", true},
		{"ami/#", "ami/v1/x/y", true},
		{"ami/#", "amiga", false},
		{"#", "a/b", true},
		{"#", "$SYS/x", false},
		{"+/x", "$SYS/x", false},
		{"$SYS/#", "$SYS/x", true},
		{"/a", "/a", true},
		{"+/a", "/a", true},
		{"a/+", "a", false},
	} {
		p, err := parseFilter(c.filter)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.match(c.topic); got != c.want {
			t.Errorf("%q matches %q: %t, want %t", c.filter, c.topic, got, c.want)
		}
	}
}

func TestNewRouterRefuses(t *testing.T) {
	for _, c := range []struct{ yaml, want string }{
		{`bindings: [{filter: "a/#/b", codec: native}]`, "# is not the last"},
		{`bindings: [{filter: "a/b+", codec: native}]`, "neither text nor a wildcard"},
		{`bindings: [{filter: "$share/g/a", codec: native}]`, "$share"},
		{`bindings: [{filter: "a/{device}", codec: native}]`, "{device}"},
		{`bindings: [{codec: native}]`, "no filter"},
		{`bindings: [{filter: a, codec: xml}]`, "no such codec"},
		{`bindings: [{filter: a, codec: native, options: {x: 1}}]`, "field x not found"},
		{`bindings: [{filter: a, codec: p1, options: {device: "a b"}}]`, "device id"},
		{`bindings: [{filter: a, codec: p1, options: {standard_offset: "1h"}}]`, "standard_offset"},
		{`bindings: [{filter: a, codec: senml, options: {keep: some}}]`, "keep"},
		{`bindings: [{filter: a, codec: sparkplug, options: {device_id: x}}]`, "device_id"},
		{`bindings: [{filter: a, codec: mapping}]`, "one of the options"},
		{`bindings: [{codec: mapping, options: {use: nothing}}]`, "no ready mapping"},
		{`bindings: [{codec: mapping, options: {use: dsmr_reader}}]`, "option device"},
		{`bindings: [{codec: mapping, options: {use: tasmota, zone: Mars/Base}}]`, "Mars/Base"},
		{`bindings: [{codec: mapping, options: {use: esphome, names: {a: "p parsec"}}}]`, "parsec"},
		{`bindings: [{codec: mapping, options: {mapping: {messages: [{topics: ["a/{d}"], values: [{path: x}]}]}}}]`, "option device"},
		{`bindings: [{codec: mapping, options: {mapping: {messages: [{topics: ["{device}"], values: [{path: x}]}]}}}]`, "quantity"},
		{`zone: Mars/Base`, "Mars/Base"},
		{`limits: {json_depth: -1}`, "json_depth"},
	} {
		var cfg RouterConfig
		if err := yaml.Unmarshal([]byte(c.yaml), &cfg); err != nil {
			t.Fatal(err)
		}
		if _, err := NewRouter(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.yaml, err, c.want)
		}
	}
}

func TestRouterOrderAndFilters(t *testing.T) {
	r := newTestRouter(t,
		Binding{Filter: "ami/v1/+/+", Codec: "native"},
		Binding{Codec: "mapping", Options: map[string]any{"use": "tasmota"}},
		Binding{Filter: "#", Codec: "p1"})
	want := []string{"ami/v1/+/+", "tele/+/SENSOR", "stat/+/STATUS8", "stat/+/STATUS10", "tele/+/LWT", "#"}
	if got := r.Filters(); !slices.Equal(got, want) {
		t.Errorf("filters %q, want %q", got, want)
	}
	var out protocols.Decoded
	for _, topic := range []string{"ami/v1/M1/reads", "tele/x/SENSOR", "other"} {
		r.Decode(protocols.Message{Topic: topic, Payload: []byte(`{"time":1,"values":{"v1":1}}`), Received: mustTime(t, received)}, &out)
	}
	wantLines(t, "first match wins", out, "M1 v1=1 measured\n refused malformed\nignored 1\n")
	out.Reset()
	newTestRouter(t).Decode(protocols.Message{Topic: "other", Payload: []byte("x"), Received: mustTime(t, received)}, &out)
	wantLines(t, "no match", out, " refused no_codec\n")
	if b := out.Batches[0]; string(b.Raw) != "x" || b.Source != (headend.Source{Protocol: "mqtt", Address: "other"}) || b.Received != mustTime(t, received) {
		t.Errorf("refusal %+v lacks where it came from", b)
	}
}

func TestLimits(t *testing.T) {
	r, err := NewRouter(RouterConfig{Limits: Limits{Bytes: 400, Readings: 5, Batches: 3, Events: 2}})
	if err != nil {
		t.Fatal(err)
	}
	item := func(n int) string {
		values := ""
		for i := range n {
			values += fmt.Sprintf(`,"x%d":1`, i)
		}
		return `{"time":1,"values":{` + strings.TrimPrefix(values, ",") + `}}`
	}
	event := `{"time":1,"event":"tamper"}`
	for _, c := range []struct{ name, topic, payload, want string }{
		{"bytes", "reads", strings.Repeat("x", 401), " refused too_large\n"},
		{"values", "reads", "[" + item(3) + "," + item(3) + "]", " refused too_large\n"},
		{"devices", "reads", "[1,2,3,4]", " refused too_large\n"},
		{"events", "events", "[" + event + "," + event + "," + event + "]", " refused too_large\n"},
	} {
		var out protocols.Decoded
		out.Batches = append(out.Batches, headend.Batch{Device: "before", Readings: []headend.Reading{{Quantity: "v1"}}})
		r.Decode(protocols.Message{Topic: "ami/v1/M1/" + c.topic, Payload: []byte(c.payload), Received: mustTime(t, received)}, &out)
		if out.Batches[0].Device != "before" {
			t.Errorf("%s: the batch of another message is gone", c.name)
		}
		out.Batches = out.Batches[1:]
		wantLines(t, c.name, out, c.want)
	}
}

// TestCodecFaultIsOneMessagesOwn: a panic in a codec sets its message aside.
func TestCodecFaultIsOneMessagesOwn(t *testing.T) {
	r := newTestRouter(t)
	r.routes[0].codec = faulty{}
	var out protocols.Decoded
	r.Decode(protocols.Message{Topic: "ami/v1/M1/reads", Payload: []byte("x"), Received: mustTime(t, received)}, &out)
	wantLines(t, "panic", out, " refused malformed\n")
}

type faulty struct{}

func (faulty) decode(m *protocols.Message, out *output) {
	out.deliver(headend.Batch{Device: "half", Readings: []headend.Reading{{Quantity: "v1"}}})
	panic("index out of range")
}

// TestReadyMappingsLoad loads every ready mapping, with a device for those that need one.
func TestReadyMappingsLoad(t *testing.T) {
	names := readyNames()
	if len(names) < 10 {
		t.Errorf("only %d ready mappings: %q", len(names), names)
	}
	for _, name := range names {
		r := newTestRouter(t, mappingBinding("", name, "device", "d1")...)
		if len(r.Filters()) == 0 {
			t.Errorf("%s subscribes to nothing", name)
		}
	}
}

// TestConcurrentDecoding decodes every payload of the collection from several goroutines at once, for
// the race detector and for memory that codecs share: all of them must get what one alone gets.
func TestConcurrentDecoding(t *testing.T) {
	var messages []protocols.Message
	var bindings []Binding
	for _, c := range vectorCases {
		dir := filepath.Join("testdata", "own", c.name+".expected.json")
		if _, err := os.Stat(dir); err != nil {
			continue
		}
		v, p := loadVector(t, c.name)
		for _, m := range messagesOf(v, p, mustTime(t, received)) {
			messages = append(messages, m)
			bindings = append(bindings, Binding{Filter: m.Topic, Codec: c.bindings[0].Codec, Options: c.bindings[0].Options})
		}
	}
	messages = append(messages, protocols.Message{Topic: "ami/v1/M1/reads", Received: mustTime(t, received),
		Payload: []byte(`[{"device":"M2","time":1,"values":{"v1":230,"own":1,"Bad":2}},{"time":1,"values":{"import_wh":5}}]`)})
	r := newTestRouter(t, append(bindings, Binding{Filter: "ami/v1/+/+", Codec: "native"})...)
	want := make([]string, len(messages))
	for i, m := range messages {
		var out protocols.Decoded
		r.Decode(m, &out)
		want[i] = lines(out)
	}
	var done sync.WaitGroup
	for range 4 {
		done.Go(func() {
			var out protocols.Decoded
			for range 20 {
				for i, m := range messages {
					out.Reset()
					r.Decode(m, &out)
					if got := lines(out); got != want[i] {
						t.Errorf("%s: got %s, alone %s", m.Topic, got, want[i])
						return
					}
				}
			}
		})
	}
	done.Wait()
}
