package mqtt

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"lastgasp/headend"
	"lastgasp/protocols"
)

var sparkplugSession = []string{
	"68-sparkplug-meter-1-nbirth", "69-sparkplug-meter-2-dbirth", "70-sparkplug-meter-3-ddata-alias",
	"71-sparkplug-meter-4-ddata-historical", "72-sparkplug-meter-5-ddata-null", "73-sparkplug-meter-6-ddata-seq-gap",
	"74-sparkplug-meter-7-ddata-lastgasp", "75-sparkplug-meter-8-ddeath", "76-sparkplug-meter-9-ndeath",
	"77-sparkplug-state-online",
}

func newSparkplugRouter(t testing.TB, options map[string]any) *Router {
	return newTestRouter(t, Binding{Filter: "spBv1.0/#", Codec: "sparkplug", Options: options})
}

// TestSparkplugSession decodes the collection's session in order; the births give the aliases. Only
// the gap in seq may ask for a rebirth.
func TestSparkplugSession(t *testing.T) {
	r := newSparkplugRouter(t, nil)
	for _, name := range sparkplugSession {
		v, payload := loadVector(t, name)
		for _, again := range []string{"", " delivered again"} { // as after a lost acknowledgement
			t.Run(name+again, func(t *testing.T) {
				var out protocols.Decoded
				for _, m := range messagesOf(v, payload, mustTime(t, received)) {
					r.Decode(m, &out)
				}
				compareVector(t, v, vectorCase{name: name}, out)
				wantReplies := 0
				if strings.Contains(name, "seq-gap") && again == "" {
					wantReplies = 1
				}
				if len(out.Replies) != wantReplies {
					t.Fatalf("%d rebirth requests, want %d", len(out.Replies), wantReplies)
				}
				for _, reply := range out.Replies {
					checkRebirth(t, reply, "spBv1.0/AMI/NCMD/DCU-0042")
				}
				for _, b := range out.Batches {
					if strings.Contains(v.Topic, "/MTR-") && b.Gateway != "DCU-0042" {
						t.Errorf("gateway is %q, want the node", b.Gateway)
					}
				}
			})
			if strings.Contains(name, "ddeath") {
				break // a device that is dead stays dead, but its death is told once
			}
		}
	}
}

// checkRebirth reads the request with a parser of its own.
func checkRebirth(t *testing.T, m protocols.Message, topic string) {
	t.Helper()
	if m.Topic != topic {
		t.Errorf("rebirth request goes to %q, want %q", m.Topic, topic)
	}
	if !bytes.Contains(m.Payload, []byte("\x0a\x14Node Control/Rebirth")) || !bytes.Contains(m.Payload, []byte{0x20, 0x0b, 0x70, 0x01}) {
		t.Errorf("payload %x is no metric Node Control/Rebirth, Boolean, true", m.Payload)
	}
}

// metric encodes one metric for the tests; value is a whole field with its tag.
func metric(name string, alias uint64, datatype uint64, at time.Time, value []byte, more ...[]byte) []byte {
	var b []byte
	if name != "" {
		b = protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), name)
	}
	if alias != 0 {
		b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), alias)
	}
	if !at.IsZero() {
		b = protowire.AppendVarint(protowire.AppendTag(b, 3, protowire.VarintType), uint64(at.UnixMilli()))
	}
	b = protowire.AppendVarint(protowire.AppendTag(b, 4, protowire.VarintType), datatype)
	for _, m := range more {
		b = append(b, m...)
	}
	return append(b, value...)
}

func varintField(number protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), v)
}

func floatField(f float32) []byte {
	return protowire.AppendFixed32(protowire.AppendTag(nil, 12, protowire.Fixed32Type), math.Float32bits(f))
}

func doubleField(f float64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(nil, 13, protowire.Fixed64Type), math.Float64bits(f))
}

func property(key, text string) []byte {
	value := protowire.AppendString(protowire.AppendTag(varintField(1, 12), 8, protowire.BytesType), text)
	return propertySet(key, value)
}

func propertySet(key string, value []byte) []byte {
	set := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), key)
	set = protowire.AppendBytes(protowire.AppendTag(set, 2, protowire.BytesType), value)
	return protowire.AppendBytes(protowire.AppendTag(nil, 9, protowire.BytesType), set)
}

func payload(at time.Time, seq int, metrics ...[]byte) []byte {
	b := varintField(1, uint64(at.UnixMilli()))
	for _, m := range metrics {
		b = protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), m)
	}
	if seq >= 0 {
		b = append(b, varintField(3, uint64(seq))...)
	}
	return b
}

// sparkplugBench sends messages to one router.
type sparkplugBench struct {
	t   *testing.T
	r   *Router
	now time.Time
}

func newSparkplugBench(t *testing.T, options map[string]any) *sparkplugBench {
	return &sparkplugBench{t: t, r: newSparkplugRouter(t, options), now: mustTime(t, received)}
}

func (s *sparkplugBench) send(topic string, p []byte) protocols.Decoded {
	var out protocols.Decoded
	s.r.Decode(protocols.Message{Topic: "spBv1.0/" + topic, Payload: p, Received: s.now}, &out)
	return out
}

// lines prints what was decoded, for comparison with what is wanted.
func lines(out protocols.Decoded) string {
	var b strings.Builder
	for _, batch := range out.Batches {
		if batch.Refusal != nil {
			fmt.Fprintf(&b, "%s refused %s\n", batch.Device, batch.Refusal.Reason)
		}
		for _, r := range batch.Readings {
			fmt.Fprintf(&b, "%s %s=%s %s\n", batch.Device, r.Quantity, r.Value, r.Quality)
		}
		for _, e := range batch.Events {
			fmt.Fprintf(&b, "%s %s %s\n", batch.Device, e.Type, e.Quality)
		}
	}
	if len(out.Replies) > 0 {
		fmt.Fprintf(&b, "replies %d\n", len(out.Replies))
	}
	if out.Ignored > 0 {
		fmt.Fprintf(&b, "ignored %d\n", out.Ignored)
	}
	return b.String()
}

func wantLines(t *testing.T, what string, out protocols.Decoded, want string) {
	t.Helper()
	want = strings.ReplaceAll(strings.TrimLeft(want, "\n"), "\t", "")
	if got := lines(out); got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

func TestSparkplugValues(t *testing.T) {
	s := newSparkplugBench(t, nil)
	at := s.now.Add(-time.Second)
	out := s.send("G/NBIRTH/N", payload(at, 0,
		metric("bdSeq", 0, 4, at, varintField(11, 3)),
		metric("Energy/Import", 1, 9, at, floatField(16000.5), property("engUnit", "kWh")),
		metric("Energy/Export", 2, 9, at, floatField(48112.7), property("engUnit", "kWh")),
		metric("Power", 3, 3, at, varintField(10, 0xffffff38)),
		metric("Energy/Import/T1", 4, 10, at, doubleField(1.5), property("engUnit", "MWh")),
		metric("Frequency", 5, 9, at, floatField(float32(math.NaN()))),
		metric("Voltage/L1", 6, 9, at, floatField(229.1), propertySet("Quality", append(varintField(1, 3), varintField(3, 0)...))),
		metric("Cabinet Temperature", 7, 9, at, floatField(21.5), property("engUnit", "°C")),
		metric("Serial", 8, 12, at, nil),
		metric("Voltage/L2", 9, 9, at, floatField(229), property("engUnit", "A")),
		metric("Export/Total", 10, 8, at, varintField(11, math.MaxUint64)),
	))
	wantLines(t, "birth", out, `
		N import_wh=16000500 measured
		N export_wh=48112700 coarse
		N p=-200 measured
		N import_wh_t1=1500000 measured
		N v1=229.1 uncertain
		N cabinet_temperature__c=21.5 measured
		N online measured
		N refused bad_value
	`+"\t")
}

func TestSparkplugUnknownAlias(t *testing.T) {
	s := newSparkplugBench(t, map[string]any{"rebirth_interval": "1m"})
	at := s.now
	data := payload(at, 9, metric("", 5, 9, at, floatField(1)), metric("Voltage/L1", 0, 9, at, floatField(230)))
	wantLines(t, "data before any birth: what has a name is good", s.send("G/DDATA/N/D", data), `
		D v1=230 measured
		D refused unknown_alias
		replies 1
	`+"\t")
	wantLines(t, "at once again: not asked twice", s.send("G/DDATA/N/D", data), `
		D v1=230 measured
		D refused unknown_alias
	`+"\t")
	s.now = s.now.Add(time.Minute)
	wantLines(t, "a minute later: asked again", s.send("G/DDATA/N/D", data), `
		D v1=230 measured
		D refused unknown_alias
		replies 1
	`+"\t")
}

func TestSparkplugStaleWill(t *testing.T) {
	s := newSparkplugBench(t, nil)
	at := s.now
	birth := func(bdSeq uint64) []byte {
		return payload(at, 0, metric("bdSeq", 0, 4, at, varintField(11, bdSeq)), metric("Voltage/L1", 1, 9, at, floatField(230)))
	}
	death := func(bdSeq uint64) []byte {
		return payload(at.Add(-time.Hour), -1, metric("bdSeq", 0, 4, at, varintField(11, bdSeq)))
	}
	s.send("G/NBIRTH/N", birth(4))
	s.send("G/NBIRTH/N", birth(5))
	wantLines(t, "the former connection's will", s.send("G/NDEATH/N", death(4)), "ignored 1\n")
	data := payload(at, 1, metric("", 1, 9, at, floatField(231)))
	wantLines(t, "still alive", s.send("G/NDATA/N", data), "N v1=231 measured\n")
	wantLines(t, "the will of this one", s.send("G/NDEATH/N", death(5)), "N offline received_time\n")
	wantLines(t, "its aliases are void", s.send("G/NDATA/N", data), "N refused unknown_alias\nreplies 1\n")
}

func TestSparkplugSeqWraps(t *testing.T) {
	s := newSparkplugBench(t, nil)
	at := s.now
	s.send("G/NBIRTH/N", payload(at, 254, metric("bdSeq", 0, 4, at, varintField(11, 1))))
	for _, seq := range []int{255, 0, 0, 1} { // 0 is delivered twice
		if out := s.send("G/NDATA/N", payload(at, seq, metric("Power", 0, 9, at, floatField(1)))); len(out.Replies) > 0 {
			t.Errorf("seq %d: a rebirth is asked for without a gap", seq)
		}
	}
	if out := s.send("G/NDATA/N", payload(at, 3, metric("Power", 0, 9, at, floatField(1)))); len(out.Replies) != 1 {
		t.Error("no rebirth is asked for after a gap")
	}
}

// TestSparkplugMemory floods the codec with births of ever new nodes.
func TestSparkplugMemory(t *testing.T) {
	s := newSparkplugBench(t, map[string]any{"max_nodes": 50, "max_metrics": 300})
	c := s.r.routes[0].codec.(*sparkplug)
	for i := range 1000 {
		node := fmt.Sprintf("N%d", i)
		at := s.now
		s.send("G/NBIRTH/"+node, payload(at, 0, metric("bdSeq", 0, 4, at, varintField(11, 1))))
		var metrics [][]byte
		for a := range 20 {
			metrics = append(metrics, metric("m", uint64(a+1), 9, at, floatField(1)))
		}
		s.send("G/DBIRTH/"+node+"/D", payload(at, 1, metrics...))
		s.send("G/DBIRTH/"+node+"/E", payload(at, 2, metrics...))
	}
	held := 0
	for e := c.recent.Front(); e != nil; e = e.Next() {
		for _, d := range e.Value.(*sparkplugNode).devices {
			held += len(d)
		}
	}
	if len(c.nodes) > 50 || c.recent.Len() != len(c.nodes) || held > 300 || held != c.metrics {
		t.Errorf("%d nodes (%d in the list), %d metrics held, %d counted", len(c.nodes), c.recent.Len(), held, c.metrics)
	}
}

func TestSparkplugHostile(t *testing.T) {
	s := newSparkplugBench(t, nil)
	good, err := os.ReadFile(filepath.Join("testdata", "own", "69-sparkplug-meter-2-dbirth.bin"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, topic string
		payload     []byte
		want        headend.Reason
	}{
		{"truncated", "G/DBIRTH/N/D", good[:len(good)-7], headend.ReasonMalformed},
		{"bad id", "G/DBIRTH/N/a b", good, headend.ReasonBadDevice},
		{"device missing", "G/DBIRTH/N", good, headend.ReasonBadDevice},
		{"device too many", "G/NBIRTH/N/D", good, headend.ReasonBadDevice},
		{"unknown type", "G/XDATA/N", good, headend.ReasonNoCodec},
		{"long group", strings.Repeat("g", 65) + "/NBIRTH/N", good, headend.ReasonBadDevice},
		{"no time", "G/NDATA/N", varintField(1, math.MaxUint64), headend.ReasonBadTime},
		{"seq", "G/NDATA/N", varintField(3, 256), headend.ReasonMalformed},
		{"text", "G/NDATA/N", []byte(`{"a":1}`), headend.ReasonMalformed},
	} {
		out := s.send(c.topic, c.payload)
		if len(out.Batches) != 1 || out.Batches[0].Refusal == nil || out.Batches[0].Refusal.Reason != c.want {
			t.Errorf("%s: %q, want a refusal for %s", c.name, lines(out), c.want)
		}
	}
}
