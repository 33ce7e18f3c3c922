package mqtt

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/protocols"
)

func decodeNative(t testing.TB, topic, text string, retained bool) protocols.Decoded {
	t.Helper()
	var out protocols.Decoded
	newTestRouter(t).Decode(protocols.Message{Topic: topic, Payload: []byte(text), Received: mustTime(t, received), Retained: retained}, &out)
	return out
}

// quantitySpellings gives each quantity by its name and by its OBIS codes. It is written apart from the
// table of the decoder.
func TestNativeSpellings(t *testing.T) {
	spellings := map[string][]string{}
	for i, e := range []string{"import_wh", "export_wh", "import_varh", "export_varh"} {
		for tariff := range 5 {
			name := e
			if tariff > 0 {
				name = fmt.Sprintf("%s_t%d", e, tariff)
			}
			short := fmt.Sprintf("%d.8.%d", i+1, tariff)
			spellings[name] = []string{name, "1-0:" + short, "1-1:" + short, short, short + "*255", "1-0:" + short + "*255"}
		}
	}
	for name, code := range map[string]string{"v1": "32", "v2": "52", "v3": "72", "i1": "31", "i2": "51", "i3": "71",
		"p": "1", "p1": "21", "p2": "41", "p3": "61", "q": "3", "s": "9", "pf": "13", "f": "14"} {
		spellings[name] = []string{name, "1-0:" + code + ".7.0", code + ".7.0", "1-0:" + code + ".7.0*255"}
	}
	spellings["thd"] = []string{"thd"}
	if len(spellings) != len(headend.Columns) {
		t.Fatalf("%d quantities, the design has %d", len(spellings), len(headend.Columns))
	}
	for name, list := range spellings {
		for _, s := range list {
			out := decodeNative(t, "ami/v1/M1/reads", `{"time":"2026-11-21T07:59:00Z","values":{"`+s+`":12.75}}`, false)
			value := "12.75"
			if strings.Contains(name, "wh") || strings.Contains(name, "varh") {
				value = "12" // a register has counted 12 in full
			}
			wantLines(t, s, out, "M1 "+name+"="+value+" measured\n")
		}
	}
}

func TestNativeReads(t *testing.T) {
	for _, c := range []struct{ name, payload, want string }{
		{"exact beyond float64", `{"time":1,"values":{"import_wh":9007199254740993,"export_wh":"9223372036854775799"}}`,
			"M1 import_wh=9007199254740993 measured\nM1 export_wh=9223372036854775799 measured\n"},
		{"texts that hold numbers", `{"time":1,"values":{"v1":" 229.5 ","import_wh":"1e3"}}`, "M1 v1=229.5 measured\nM1 import_wh=1000 measured\n"},
		{"nothing measured", `{"time":1,"values":{"v1":null,"v2":NaN,"v3":"nan","i1":"","i2":"NaN","i3":-inf}}`, "ignored 1\n"},
		{"zero is a value", `{"time":1,"values":{"v1":0,"p":-0.0}}`, "M1 v1=0 measured\nM1 p=0 measured\n"},
		{"other names are kept", `{"time":1,"values":{"temperature_c":-3.5,"1-0:99.7.0":7,"sag_count":3}}`,
			"M1 temperature_c=-3.5 measured\nM1 1-0:99.7.0=7 measured\nM1 sag_count=3 measured\n"},
		{"a former billing period is another quantity", `{"time":1,"values":{"1-0:1.8.0":5,"1-0:1.8.0*1":4}}`,
			"M1 import_wh=5 measured\nM1 1-0:1.8.0*1=4 measured\n"},
		{"no time", `{"values":{"v1":230}}`, "M1 v1=230 received_time\n"},
		{"time null", `{"time":null,"values":{"v1":230}}`, "M1 v1=230 received_time\n"},
		{"a bad name beside good", `{"time":1,"values":{"v1":230,"Bad Name":1}}`, "M1 v1=230 measured\nM1 refused bad_quantity\n"},
		{"bad values beside good", `{"time":1,"values":{"v1":230,"v2":"high","v3":true,"i1":[1],"i2":1-2,"i3":1e99}}`,
			"M1 v1=230 measured\nM1 refused bad_value\n"},
		{"a register too large", `{"time":1,"values":{"import_wh":9223372036854775808}}`, "M1 refused bad_value\n"},
		{"the same twice", `{"time":1,"values":{"import_wh":5,"1-0:1.8.0":5}}`, "M1 import_wh=5 measured\n"},
		{"two values for one", `{"time":1,"values":{"v1":230,"import_wh":5,"1.8.0":6,"import_wh":5}}`,
			"M1 v1=230 measured\nM1 refused bad_value\n"},
		{"gateway", `[{"device":"M2","time":1,"values":{"v1":1}},{"device":"M1","time":1,"values":{"v1":2}}]`, "M2 v1=1 measured\nM1 v1=2 measured\n"},
		{"bad items beside good", `[{"time":1,"values":{"v1":1}},7,{"time":1,"values":{"v1":2}},{"time":"soon","values":{}},{"time":1},{"time":1,"values":{"v1":3}}]`,
			"M1 v1=1 measured\nM1 refused malformed\nM1 v1=2 measured\nM1 refused bad_time\nM1 refused malformed\nM1 v1=3 measured\n"},
		{"a broken item beside good", `[{"time":1,"values":{"v1":1}},{"time":1,"values":{"v1":tru}},{"time":1,"values":{"v1":3}}]`,
			"M1 v1=1 measured\nM1 refused malformed\nM1 v1=3 measured\n"},
		{"bad device", `{"device":"a/b","time":1,"values":{"v1":1}}`, " refused bad_device\n"},
		{"device a number", `{"device":7,"time":1,"values":{"v1":1}}`, "M1 refused bad_device\n"},
		{"a key twice", `{"time":1,"time":2,"values":{"v1":1}}`, "M1 refused malformed\n"},
		{"truncated", `{"time":1,"values":{"v1":1`, "M1 refused malformed\n"},
		{"truncated array", `[{"time":1,"values":{"v1":1}},{"ti`, " refused malformed\n"},
		{"after the array", `[{"time":1,"values":{"v1":1}}] x`, " refused malformed\n"},
		{"empty", ``, "M1 refused malformed\n"},
		{"empty array", `[]`, "ignored 1\n"},
		{"not UTF-8", "{\"time\":1,\"values\":{\"v1\":1,\"\xff\":2}}", "M1 refused malformed\n"},
		{"deep", `{"time":1,"values":{"v1":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}}`, "M1 refused too_large\n"},
	} {
		wantLines(t, c.name, decodeNative(t, "ami/v1/M1/reads", c.payload, false), c.want)
	}
}

// TestNativeRefusedPartsReplay decodes what was refused again, mended: the raw bytes of a refused part
// are a message of their own.
func TestNativeRefusedPartsReplay(t *testing.T) {
	out := decodeNative(t, "ami/v1/DCU/reads", `[{"device":"M2","time":"2026-11-21T07:00:00Z","values":{"v1":230,"V 2":231}}, {"device":"M3","time":"x","values":{"v1":9}}]`, false)
	if len(out.Batches) != 3 {
		t.Fatalf("%s", lines(out))
	}
	raw := out.Batches[1].Raw
	if !json.Valid(raw) {
		t.Fatalf("raw part %q is not JSON", raw)
	}
	again := decodeNative(t, "ami/v1/DCU/reads", strings.Replace(string(raw), "V 2", "v2", 1), false)
	wantLines(t, "mended name", again, "M2 v2=231 measured\n")
	if b := again.Batches[0]; b.Gateway != "DCU" || !b.Readings[0].Time.Equal(mustTime(t, "2026-11-21T07:00:00Z")) {
		t.Errorf("gateway %q, time %s", b.Gateway, b.Readings[0].Time)
	}
	if got := string(out.Batches[2].Raw); got != `{"device":"M3","time":"x","values":{"v1":9}}` {
		t.Errorf("raw of the refused item is %q", got)
	}
}

func TestNativeTimes(t *testing.T) {
	for text, want := range map[string]string{
		`"2026-11-21T10:30:00Z"`:           "2026-11-21T10:30:00Z",
		`"2026-11-21t17:30:00.25+07:00"`:   "2026-11-21T10:30:00.25Z",
		`"2026-11-21 10:30:00Z"`:           "2026-11-21T10:30:00Z",
		`"2024-02-29T23:59:59-00:30"`:      "2024-03-01T00:29:59Z",
		`1763721000`:                       "2025-11-21T10:30:00Z",
		`1763721000.5`:                     "2025-11-21T10:30:00.5Z",
		`1763721000123`:                    "2025-11-21T10:30:00.123Z",
		`1763721000123.25`:                 "2025-11-21T10:30:00.12325Z",
		`"1763721000"`:                     "2025-11-21T10:30:00Z",
		`1.763721e9`:                       "2025-11-21T10:30:00Z",
		`0`:                                "1970-01-01T00:00:00Z", // ingest judges what is impossible
		`"2099-12-31T23:59:59Z"`:           "2099-12-31T23:59:59Z",
		`"2026-11-21T10:30:00.123456789Z"`: "2026-11-21T10:30:00.123456789Z",
	} {
		out := decodeNative(t, "ami/v1/M1/reads", `{"time":`+text+`,"values":{"v1":1}}`, false)
		if len(out.Batches) != 1 || len(out.Batches[0].Readings) != 1 {
			t.Errorf("time %s: %s", text, lines(out))
			continue
		}
		r := out.Batches[0].Readings[0]
		if !r.Time.Equal(mustTime(t, want)) || r.Time.Location() != time.UTC || r.Quality != 0 {
			t.Errorf("time %s is %s (%s), want %s", text, r.Time, r.Quality, want)
		}
	}
	for _, text := range []string{`"2026-02-29T10:30:00Z"`, `"2026-11-21T24:00:00Z"`, `"2026-11-21T10:30:60Z"`, `"2026-11-21T10:30:00"`,
		`"10:30"`, `"now"`, `""`, `true`, `{}`, `[1]`, `NaN`, `1e60`, `"2026-11-21T10:30:00.Z"`, `"2026-11-21T10:30:00+25:00"`, `"2026-1x-21T10:30:00Z"`} {
		wantLines(t, "time "+text, decodeNative(t, "ami/v1/M1/reads", `{"time":`+text+`,"values":{"v1":1}}`, false), "M1 refused bad_time\n")
	}
}

func TestNativeEvents(t *testing.T) {
	out := decodeNative(t, "ami/v1/DCU/events", `[
		{"time":"2026-11-21T07:59:00Z","event":"power_down","seq":17,"device":"M2","phases":["L1","L3"]},
		{"time":"2026-11-21T07:59:00Z","event":"power_failure","duration_s":2014.5,"phases":"L2","seq":"18"},
		{"event":"cover_opened","terminal":true,"text":"a\u0000b"},
		{"time":1,"event":"Bad Event"},{"time":1,"event":"tamper","seq":-1},{"time":1,"event":"tamper","seq":1.5},
		{"time":1,"event":"tamper","phases":["L4"]},{"time":1},{"time":1,"event":"tamper","duration_s":-1}]`, false)
	var got []string
	refused := 0
	for _, b := range out.Batches {
		if b.Refusal != nil {
			refused++
			continue
		}
		for _, e := range b.Events {
			got = append(got, fmt.Sprintf("%s/%s %s %s seq %d for %s phases %q %s %s", b.Gateway, b.Device, e.Time.Format(time.RFC3339), e.Type, e.Seq, e.Duration, e.Phases, e.Quality, e.Detail))
		}
	}
	want := []string{
		`DCU/M2 2026-11-21T07:59:00Z power_down seq 17 for 0s phases "L1,L3" measured `,
		`/DCU 2026-11-21T07:59:00Z power_failure seq 18 for 33m34.5s phases "L2" measured `,
		`/DCU 2026-11-21T08:00:00Z cover_opened seq -1 for 0s phases "" received_time {"terminal":true,"text":"a\ufffdb"}`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || refused != 6 {
		t.Errorf("%d refused, want 6; got\n%s\nwant\n%s", refused, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestNativeStatusAndAck(t *testing.T) {
	wantLines(t, "online, retained", decodeNative(t, "ami/v1/M1/status", `{"online":true}`, true), "M1 online received_time\n")
	wantLines(t, "offline with a time", decodeNative(t, "ami/v1/M1/status", `{"online":false,"time":1}`, false), "M1 offline measured\n")
	wantLines(t, "neither", decodeNative(t, "ami/v1/M1/status", `{"online":"yes"}`, false), "M1 refused malformed\n")
	out := decodeNative(t, "ami/v1/M1/ack", `{"id":"c-1","status":"done","result":{"x":"`+strings.Repeat("y", 2000)+`"}}`, false)
	wantLines(t, "ack", out, "M1 ack received_time\n")
	if got := out.Batches[0].Events[0].Detail; got != `{"id":"c-1","status":"done","truncated":true}` {
		t.Errorf("detail is %q", got)
	}
	wantLines(t, "ack without id", decodeNative(t, "ami/v1/M1/ack", `{"status":"done"}`, false), "M1 refused malformed\n")
	wantLines(t, "our own command", decodeNative(t, "ami/v1/M1/cmd", `{"id":"c-1"}`, false), "ignored 1\n")
	wantLines(t, "unknown kind", decodeNative(t, "ami/v1/M1/other", `{}`, false), "M1 refused no_codec\n")
}

// TestRetainedWithoutTimeIsNoSignOfLife: what a broker kept from an unknown time must not be stored as
// measured now.
func TestRetainedWithoutTimeIsNoSignOfLife(t *testing.T) {
	wantLines(t, "reading", decodeNative(t, "ami/v1/M1/reads", `{"values":{"v1":230}}`, true), "ignored 1\n")
	wantLines(t, "event", decodeNative(t, "ami/v1/M1/events", `{"event":"power_down"}`, true), "ignored 1\n")
	wantLines(t, "with a time", decodeNative(t, "ami/v1/M1/reads", `{"time":1,"values":{"v1":230}}`, true), "M1 v1=230 measured\n")
}

func TestNativeTopics(t *testing.T) {
	for _, id := range []string{"", "a b", strings.Repeat("x", 65), "é"} {
		wantLines(t, fmt.Sprintf("device %q", id), decodeNative(t, "ami/v1/"+id+"/reads", `{"time":1,"values":{"v1":1}}`, false), " refused bad_device\n")
	}
}

// TestTopicThatCannotBeStored: its refusal must not carry what the database would refuse in turn.
func TestTopicThatCannotBeStored(t *testing.T) {
	for _, id := range []string{"a\xff", "a\x00"} {
		out := decodeNative(t, "ami/v1/"+id+"/reads", `{"time":1,"values":{"v1":1}}`, false)
		wantLines(t, fmt.Sprintf("device %q", id), out, " refused malformed\n")
		if got := out.Batches[0].Source.Address; got != "ami/v1/a\ufffd/reads" {
			t.Errorf("address is %q", got)
		}
	}
}

func BenchmarkNativeTenValues(b *testing.B) {
	m := protocols.Message{Topic: "ami/v1/MTR-0001234/reads", Received: time.Now().UTC(), Payload: []byte(
		`{"time":"2026-11-21T10:30:00Z","values":{"import_wh":1234567,"export_wh":0,"v1":229.8,"v2":230.1,"v3":228.9,"i1":4.21,"i2":3.3,"i3":0.12,"p":1834.5,"pf":0.98}}`)}
	benchmarkDecode(b, m, 1, 10)
}

func BenchmarkNativeGateway100x10(b *testing.B) {
	item := `{"device":"MTR-0001234","time":"2026-11-21T10:30:00Z","values":{"import_wh":1234567,"export_wh":0,"v1":229.8,"v2":230.1,"v3":228.9,"i1":4.21,"i2":3.3,"i3":0.12,"p":1834.5,"pf":0.98}}`
	m := protocols.Message{Topic: "ami/v1/DCU-1/reads", Received: time.Now().UTC(), Payload: []byte("[" + strings.Repeat(item+",", 99) + item + "]")}
	benchmarkDecode(b, m, 100, 10)
}

func benchmarkDecode(b *testing.B, m protocols.Message, batches, readings int) {
	r := newTestRouter(b)
	var out protocols.Decoded
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		r.Decode(m, &out)
	}
	if len(out.Batches) != batches || len(out.Batches[0].Readings) != readings {
		b.Fatal(lines(out))
	}
}
