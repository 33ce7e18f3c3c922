package mqtt

import (
	"encoding/hex"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"lastgasp/headend"
	"lastgasp/protocols"
)

// fuzzCodec feeds a codec, without the router's guard, what the fuzzer makes of real payloads.
func fuzzCodec(f *testing.F, b Binding, topics []string, prefixes ...string) {
	for i := range topics {
		for _, seed := range seeds(f, prefixes...) {
			f.Add(uint8(i), seed, false)
		}
	}
	r := newTestRouter(f, b)
	f.Fuzz(func(t *testing.T, topic uint8, payload []byte, retained bool) {
		m := protocols.Message{Topic: topics[int(topic)%len(topics)], Payload: payload,
			Received: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC), Retained: retained}
		if len(payload) > r.limits.Bytes {
			return
		}
		before := string(payload)
		var decoded protocols.Decoded
		out := output{Decoded: &decoded, m: &m, limits: &r.limits}
		r.routes[0].codec.decode(&m, &out)
		if string(payload) != before {
			t.Fatal("the payload was changed")
		}
		checkDecoded(t, m, decoded, r.limits)
	})
}

// seeds are the collection's payloads whose names begin with one of the prefixes.
func seeds(t testing.TB, prefixes ...string) [][]byte {
	var list [][]byte
	for _, dir := range []string{filepath.Join("testdata", "own"), filepath.Join(sharedFolder(), "devices", "mqtt", "field")} {
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			base := filepath.Base(name)
			if strings.HasSuffix(base, ".expected.json") || base == "README.md" {
				continue
			}
			for _, p := range prefixes {
				if !strings.HasPrefix(base, p) {
					continue
				}
				text, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, text)
			}
		}
	}
	return list
}

// checkDecoded holds for whatever a message says.
func checkDecoded(t *testing.T, m protocols.Message, d protocols.Decoded, limits Limits) {
	t.Helper()
	if len(d.Batches) == 0 && d.Ignored == 0 {
		t.Fatal("the message ends nowhere: no batch, no refusal, not counted as empty")
	}
	readings, events := 0, 0
	for _, b := range d.Batches {
		if !b.Received.Equal(m.Received) || b.Source.Protocol != "mqtt" || b.Source.Address != m.Topic || b.Raw == nil && len(m.Payload) > 0 {
			t.Fatalf("batch does not say where it came from: %+v", b)
		}
		if b.Refusal != nil {
			if b.Device != "" && b.Device.Validate() != nil {
				t.Fatalf("refusal of device %q", b.Device)
			}
			if len(b.Readings) > 0 || len(b.Events) > 0 {
				t.Fatal("a refusal carries readings or events")
			}
			if b.Refusal.Reason == "" || !utf8.ValidString(b.Refusal.Detail) || strings.ContainsRune(b.Refusal.Detail, 0) || len(b.Refusal.Detail) > 400 {
				t.Fatalf("refusal %q", b.Refusal.Error())
			}
			continue
		}
		if err := b.Device.Validate(); err != nil {
			t.Fatal(err)
		}
		if b.Gateway != "" && b.Gateway.Validate() != nil {
			t.Fatalf("gateway %q", b.Gateway)
		}
		readings += len(b.Readings)
		events += len(b.Events)
		for _, r := range b.Readings {
			if f := r.Value.Float64(); math.IsNaN(f) || math.IsInf(f, 0) {
				t.Fatalf("%s is %v", r.Quantity, f)
			}
			if !headend.ValidQuantityName(string(r.Quantity)) || r.Time.IsZero() || r.Time.Location() != time.UTC {
				t.Fatalf("reading %+v", r)
			}
			if r.Quantity.IsEnergy() && !r.Value.IsWhole() {
				t.Fatalf("register %s is a float", r.Quantity)
			}
		}
		for _, e := range b.Events {
			if !headend.ValidQuantityName(string(e.Type)) || e.Duration < 0 || e.Seq < headend.NoSeq || e.Time.IsZero() ||
				len(e.Detail) > headend.MaxEventDetail || !utf8.ValidString(e.Detail) {
				t.Fatalf("event %+v", e)
			}
		}
	}
	if readings > limits.Readings || events > limits.Events || len(d.Batches) > limits.Batches+1 || len(d.Replies) > 1 {
		t.Fatalf("%d readings, %d events, %d batches, %d replies", readings, events, len(d.Batches), len(d.Replies))
	}
}

func FuzzNative(f *testing.F) {
	for _, s := range []string{
		`{"time":"2026-11-21T10:30:00Z","values":{"import_wh":1234567,"v1":229.8,"1-0:1.8.1*255":"12.5","x":null}}`,
		`[{"device":"M2","time":1763721000123,"values":{"v1":1,"v1":2}},{"values":{}},7]`,
		`[{"time":"2026-11-21T10:30:00+07:00","event":"power_down","seq":17,"phases":["L1"],"duration_s":1.5,"x":{"a":"\u0000"}}]`,
		`{"online":true}`, `{"id":"c","status":"done","result":{"a":[1,2]}}`,
	} {
		for i := range 4 {
			f.Add(uint8(i), []byte(s), false)
		}
	}
	fuzzCodec(f, Binding{Filter: "#", Codec: "native"},
		[]string{"ami/v1/M1/reads", "ami/v1/M1/events", "ami/v1/M1/status", "ami/v1/M1/ack", "ami/v1/a b/reads"}, "10", "17", "60")
}

func FuzzSparkplug(f *testing.F) {
	fuzzCodec(f, Binding{Filter: "#", Codec: "sparkplug"},
		[]string{"spBv1.0/G/NBIRTH/N", "spBv1.0/G/DBIRTH/N/D", "spBv1.0/G/NDATA/N", "spBv1.0/G/DDATA/N/D", "spBv1.0/G/NDEATH/N", "spBv1.0/G/DDEATH/N/D"}, "6", "7")
}

func FuzzSenML(f *testing.F) {
	pack, err := hex.DecodeString(rfcPack)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(0), pack, false)
	f.Add(uint8(0), []byte(`[{"bn":"m:","bt":1732000000,"bu":"kWh","bv":1000.25,"n":"energy","v":0.5},{"n":"x","u":"A","v":1e-3,"t":-5}]`), true)
	fuzzCodec(f, Binding{Filter: "#", Codec: "senml"}, []string{"senml/x"}, "58")
}

func FuzzP1(f *testing.F) {
	f.Add(uint8(0), []byte(telegram("0-0:96.1.1(M1)", "0-0:1.0.0(261121083000W)", "1-0:1.8.0(1*kWh)", "1-0:99.97.0(1)(0-0:96.7.19)(190326095015W)(2014*s)")), false)
	f.Add(uint8(0), []byte("/X\r\n0-0:96.1.1(M1)\r\n1-0:1.8.0(1*kWh)\r\n0-1:24.2.1(261121080000W)(7.5*kWh)\r\n1-0:1.6.0(261101120000W)(2*kW)\r\n!"), true)
	fuzzCodec(f, Binding{Filter: "#", Codec: "p1"}, []string{"dsmr/raw"}, "0")
}

func FuzzMapping(f *testing.F) {
	topics := []string{"tele/plug/SENSOR", "stat/plug/STATUS8", "tele/plug/LWT"}
	fuzzCodec(f, Binding{Filter: "#", Codec: "mapping", Options: map[string]any{"use": "tasmota"}}, topics, "1", "2", "5", "6")
}

func FuzzLoRaWAN(f *testing.F) {
	f.Add(uint8(0), []byte(`{"deviceInfo":{"devEui":"e"},"time":"2024-11-12T10:25:15Z","fPort":85,"data":"hJi4C9AHxAkF"}`), false)
	f.Add(uint8(0), []byte(`{"end_device_ids":{"dev_eui":"E"},"uplink_message":{"f_port":85,"frm_payload":"BJj//w=="}}`), true)
	f.Add(uint8(0), []byte(`{"cmd":"rx","EUI":"01","ts":1690901260493,"port":85,"data":"0498b80b00000000"}`), false)
	fuzzCodec(f, Binding{Filter: "#", Codec: "lorawan", Options: map[string]any{"use": "milesight_ct"}}, []string{"up"}, "39", "40", "41")
}

// FuzzMappingEach is about the parts of a mapping that no ready one uses.
func FuzzMappingEach(f *testing.F) {
	f.Add(uint8(0), []byte(`{"i":[{"id":"7x","t":"2026-11-21 14:00:00","v":{"a":1,"b":{"c":"2"}},"e":true}]}`), false)
	fuzzCodec(f, Binding{Filter: "#", Codec: "mapping", Options: map[string]any{"mapping": map[string]any{
		"messages": []any{map[string]any{
			"topics": []any{"x/{a}"}, "each": "i.*", "device": "{a}{$.id}", "device_pattern": `(.+)x`, "time": map[string]any{"path": "t", "format": "2006-01-02 15:04:05"},
			"values": []any{
				map[string]any{"path": "v.*", "quantity": "{key}"},
				map[string]any{"path": "v.*.c", "name": "{*}", "names": map[string]any{"b": "import_wh MJ", "b[]": []any{"p1", "p2"}}},
			},
			"events": []any{map[string]any{"path": "e", "map": map[string]any{"true": "tamper"}}},
		}}}}}, []string{"x/y"}, "1")
}

// FuzzTimes compares our reading of RFC 3339 with that of the standard library.
func FuzzTimes(f *testing.F) {
	shape := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)
	for _, s := range []string{"2026-11-21T10:30:00Z", "2026-11-21T10:30:00.123456789+07:00", "2024-02-29T00:00:00-00:30", "0000-01-01T00:00:00Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := time.Parse(time.RFC3339, s)
		if err != nil || !shape.MatchString(s) {
			return // the library also takes one digit of an hour; we a blank for the T
		}
		c, offset, has, ok := parseISO(s)
		if !ok || !has || !c.in(offset).Equal(want) {
			t.Fatalf("%q: %v %t, want %s", s, c.in(offset), ok, want)
		}
	})
}
