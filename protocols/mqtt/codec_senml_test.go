package mqtt

import (
	"encoding/hex"
	"strings"
	"testing"

	"lastgasp/headend"
	"lastgasp/protocols"
)

func decodeSenML(t testing.TB, options map[string]any, p []byte) protocols.Decoded {
	t.Helper()
	var out protocols.Decoded
	r := newTestRouter(t, Binding{Filter: "senml/#", Codec: "senml", Options: options})
	r.Decode(protocols.Message{Topic: "senml/x", Payload: p, Received: mustTime(t, received)}, &out)
	return out
}

// rfcPack is the CBOR example of RFC 8428, section 6; its JSON form is in section 5.1.3.
const rfcPack = "87a721781b75726e3a6465763a6f773a313065323037336130313038303036" +
	"3a22fb41d303a15b00106223614120050067766f6c7461676501615602fb405e066666666666" +
	"a3006763757272656e74062402fb3ff3333333333333a3006763757272656e74062302fb3ff4cccccccccccd" +
	"a3006763757272656e74062202fb3ff6666666666666a3006763757272656e74062102f93e00" +
	"a3006763757272656e74062002fb3ff999999999999aa3006763757272656e74060002fb3ffb333333333333"

func TestSenMLCBORExampleOfTheRFC(t *testing.T) {
	pack, err := hex.DecodeString(rfcPack)
	if err != nil {
		t.Fatal(err)
	}
	out := decodeSenML(t, nil, pack)
	if len(out.Batches) != 1 || out.Batches[0].Device != "urn:dev:ow:10e2073a0108006:" {
		t.Fatalf("%s", lines(out))
	}
	var got []string
	for _, r := range out.Batches[0].Readings {
		got = append(got, r.Time.Format("15:04:05.000")+" "+string(r.Quantity)+"="+r.Value.String()+" "+r.Quality.String())
	}
	want := []string{ // bt is 1.276020076001e+09
		"18:01:16.001 v1=120.1 measured", "18:01:11.001 i1=1.2 measured", "18:01:12.001 i1=1.3 measured",
		"18:01:13.001 i1=1.4 measured", "18:01:14.001 i1=1.5 measured", "18:01:15.001 i1=1.6 measured",
		"18:01:16.001 i1=1.7 measured",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSenML(t *testing.T) {
	for _, c := range []struct {
		name, pack, want string
		options          map[string]any
	}{
		{name: "base value and unit", pack: `[{"bn":"m:","bu":"kWh","bv":1000.25,"n":"energy","v":0.5,"t":1732000000}]`,
			want: "m: import_wh=1000750 measured\n"},
		{name: "joule", pack: `[{"bn":"m:","n":"energy","u":"J","v":7201,"t":1732000000}]`, want: "m: import_wh=2 measured\n"},
		{name: "no base name", pack: `[{"n":"urn:dev:mac:0024befffe804ff1/voltage","u":"V","v":230,"t":1732000000}]`,
			want: "urn:dev:mac:0024befffe804ff1/ v1=230 measured\n"},
		{name: "whole name in the base", pack: `[{"bn":"urn:dev:mac:0024befffe804ff1:voltage","u":"V","v":230,"t":1732000000}]`,
			want: "urn:dev:mac:0024befffe804ff1: v1=230 measured\n"},
		{name: "device by option", pack: `[{"n":"voltage","u":"V","v":230,"t":1732000000}]`, options: map[string]any{"device": "d7"},
			want: "d7 v1=230 measured\n"},
		{name: "no device", pack: `[{"n":"voltage","u":"V","v":230}]`, want: " refused bad_device\n"},
		{name: "own electrical name", pack: `[{"bn":"m:","n":"feeder 3","u":"A","v":12.5,"t":1732000000}]`, want: "m: feeder_3_a=12.5 measured\n"},
		{name: "temperature on demand", pack: `[{"bn":"m:","n":"temp","u":"Cel","v":21.5,"t":1732000000}]`, options: map[string]any{"keep": "all"},
			want: "m: temp_cel=21.5 measured\n"},
		{name: "texts, truth values, null", pack: `[{"bn":"m:","n":"a","vs":"x"},{"n":"voltage","vb":true},{"n":"voltage","u":"V","v":null}]`, want: "ignored 1\n"},
		{name: "must understand", pack: `[{"bn":"m:","n":"voltage","u":"V","v":1,"x_":2},{"n":"current","u":"A","v":2,"bt":1732000000}]`,
			want: " refused malformed\n"},
		{name: "version", pack: `[{"bn":"m:","bver":11,"n":"voltage","u":"V","v":1}]`, want: " refused malformed\n"},
		{name: "wrong type beside good", pack: `[{"bn":"m:","n":"voltage","u":"V","v":"1"},{"bn":"m:","n":"current","u":"A","v":2,"t":1732000000}]`,
			want: "m: i1=2 measured\n refused malformed\n"},
		{name: "two values", pack: `[{"bn":"m:","n":"voltage","u":"V","v":1,"t":1732000000},{"n":"voltage","u":"V","v":2,"t":1732000000}]`,
			want: " refused bad_value\n"},
		{name: "no time", pack: `[{"bn":"m:","n":"voltage","u":"V","v":1,"t":1e40}]`, want: " refused bad_time\n"},
		{name: "not a pack", pack: `[1,2`, want: " refused malformed\n"},
		{name: "deep", pack: strings.Repeat("[", 1000), want: " refused too_large\n"},
		{name: "deep cbor", pack: strings.Repeat("\x81", 1000), want: " refused malformed\n"},
		{name: "long cbor", pack: "\x9b\x00\x00\x00\x7f\xff\xff\xff\xff", want: " refused malformed\n"},
	} {
		out := decodeSenML(t, c.options, []byte(c.pack))
		if got := lines(out); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestSenMLFloat32RegisterIsCoarse(t *testing.T) {
	// [{-2: "m:", 0: "energy", 1: "kWh", 2: float32 48112.7, 6: 1732000000}]
	pack, err := hex.DecodeString("81a521626d3a0066656e6572677901636b576802fa473bf0b3061a673c3900")
	if err != nil {
		t.Fatal(err)
	}
	out := decodeSenML(t, nil, pack)
	if len(out.Batches) != 1 || len(out.Batches[0].Readings) != 1 ||
		out.Batches[0].Readings[0].Quality != headend.QualityCoarse || out.Batches[0].Readings[0].Value != headend.Whole(48112700) {
		t.Errorf("%s", lines(out))
	}
}
