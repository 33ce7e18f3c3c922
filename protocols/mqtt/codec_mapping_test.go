package mqtt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"lastgasp/protocols"
)

func decodeMapping(t testing.TB, options map[string]any, topic, text string, retained bool) protocols.Decoded {
	t.Helper()
	var out protocols.Decoded
	r := newTestRouter(t, Binding{Filter: "#", Codec: "mapping", Options: options})
	r.Decode(protocols.Message{Topic: topic, Payload: []byte(text), Received: mustTime(t, received), Retained: retained}, &out)
	return out
}

const ownMapping = `
zone: Asia/Ho_Chi_Minh
mapping:
  messages:
    - topics: ["site/{site}/data"]
      each: meters.*
      device: "{site}.{$.id}"
      device_pattern: '^(\w+\.\d+)'
      time: {path: at, format: "02/01/2006 15:04:05"}
      values:
        - {path: kwh, quantity: import_wh, unit: kWh}
        - {path: dv, quantity: v1, unit: V, scale: "0.1"}
        - {path: "'a.b'.0", quantity: "1-0:31.7.0", unit: mA}
        - {path: "m.*.v", name: "{*}", names: {p: p kW, "q": q}}
        - {path: "list", name: "list", names: {"list[]": [v1, v2, v3]}}
      events:
        - {path: door, map: {open: cover_opened, "1": tamper, "true": tamper}}
  ignore: ["site/+/log"]
`

func TestMapping(t *testing.T) {
	var options map[string]any
	if err := yaml.Unmarshal([]byte(ownMapping), &options); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, payload, want string }{
		{"all at once", `{"meters":[{"id":"7 (north)","at":"21/11/2026 14:00:00","kwh":"12.3456","dv":2301,"a.b":[1500],"m":{"p":{"v":1.5},"x":{"v":9}},"door":"open"},
			{"id":8,"at":"21/11/2026 14:00:00","list":[230,null,229,5],"door":1}]}`,
			"S1.7 import_wh=12345 measured\nS1.7 v1=230.1 measured\nS1.7 i1=1.5 measured\nS1.7 p=1500 measured\nS1.7 cover_opened measured\n" +
				"S1.8 v1=230 measured\nS1.8 v3=229 measured\nS1.8 tamper measured\n"},
		{"bad values beside good", `{"meters":[{"id":7,"at":"21/11/2026 14:00:00","kwh":"x","dv":2301},{"id":"?","kwh":1},{"id":9,"at":"soon"}]}`,
			"S1.7 v1=230.1 measured\n refused bad_value\n"},
		{"absent", `{"meters":[{"id":7,"kwh":"unavailable","dv":null}]}`, "ignored 1\n"},
		{"no such path", `{"other":1}`, "ignored 1\n"},
		{"no time given", `{"meters":[{"id":7,"kwh":1}]}`, "S1.7 import_wh=1000 received_time\n"},
		{"not JSON", `{"meters":`, " refused malformed\n"},
		{"not UTF-8", "\"\xff\"", " refused malformed\n"},
		{"deep", strings.Repeat("[", 99) + strings.Repeat("]", 99), " refused too_large\n"},
	} {
		out := decodeMapping(t, options, "site/S1/data", c.payload, false)
		wantLines(t, c.name, out, c.want)
	}
	at := decodeMapping(t, options, "site/S1/data", `{"meters":[{"id":7,"at":"21/11/2026 14:00:00","kwh":1}]}`, false).Batches[0].Readings[0].Time
	if !at.Equal(mustTime(t, "2026-11-21T07:00:00Z")) {
		t.Errorf("local time is %s, want 07:00 UTC", at)
	}
	wantLines(t, "ignored topic", decodeMapping(t, options, "site/S1/log", "x", false), "ignored 1\n")
	wantLines(t, "other topic", decodeMapping(t, options, "site/S1/else", "x", false), " refused no_codec\n")
	wantLines(t, "retained, no time", decodeMapping(t, options, "site/S1/data", `{"meters":[{"id":7,"kwh":1,"door":"open"}]}`, true), "ignored 1\n")
}

func TestReadyMappings(t *testing.T) {
	for _, c := range []struct{ use, topic, payload, want string }{
		{"tasmota", "tele/plug/LWT", "Offline", "plug offline received_time\n"},
		{"tasmota", "tele/plug/STATE", "{}", "ignored 1\n"},
		{"tasmota", "tele/plug/SENSOR", `{"Time":"2026-11-21T14:00:00","ENERGY":{"Total":1.5,"Power":[1,2,3],"Voltage":[230,231,232]},"AM2301":{"Temperature":20}}`,
			"plug import_wh=1500 measured\nplug p1=1 measured\nplug p2=2 measured\nplug p3=3 measured\nplug v1=230 measured\nplug v2=231 measured\nplug v3=232 measured\n"},
		{"shelly_gen1", "shellies/s/online", "true", "s online received_time\n"},
		{"shelly_gen1", "shellies/s/emeter/0/energy", "12", "ignored 1\n"},
		{"shelly_gen2", "s/events/rpc", `{"method":"NotifyStatus","params":{"ts":1717312521.48,"switch:0":{"id":0,"aenergy":{"total":11.679,"minute_ts":1717312500}}}}`,
			"s import_wh=11 measured\n"},
		{"shelly_gen2", "s/status/emdata:0", `{"id":0,"total_act":1234.5,"total_act_ret":6.0}`, "s import_wh=1234 received_time\ns export_wh=6 received_time\n"},
		{"zigbee2mqtt", "zigbee2mqtt/plug1", `{"power":12.5,"energy":1.25,"voltage":230,"linkquality":80,"last_seen":1763721000123}`,
			"plug1 p=12.5 measured\nplug1 import_wh=1250 measured\nplug1 v1=230 measured\n"},
		{"zigbee2mqtt", "zigbee2mqtt/plug1/availability", `{"state":"offline"}`, "plug1 offline received_time\n"},
		{"zigbee2mqtt", "zigbee2mqtt/bridge/info", `{}`, "ignored 1\n"},
		{"wmbusmeters", "wmbusmeters/Main", `{"media":"electricity","meter":"amiplus","name":"Main","id":"10101010","total_energy_consumption_kwh":15694.05,"current_power_consumption_kw":0.45,"voltage_at_phase_1_v":236,"timestamp":"2020-02-08T19:59:47Z"}`,
			"10101010 import_wh=15694050 measured\n10101010 p=450 measured\n10101010 v1=236 measured\n"},
		{"esphome", "box/sensor/outdoor_temperature/state", "21.5", "ignored 1\n"},
		{"esphome", "box/sensor/power/state", "NaN", "ignored 1\n"},
		{"esphome", "box/sensor/power/state", "12 W", "box refused bad_value\n"},
		{"chirpstack", "application/1/device/fc48c900000001c5/event/up", `{"time":"2024-11-12T10:25:15.319593255+00:00","object":{"import_wh":5,"v1":230.5,"battery":88}}`,
			"fc48c900000001c5 import_wh=5 measured\nfc48c900000001c5 v1=230.5 measured\n"},
		{"chirpstack", "application/1/device/fc48c900000001c5/event/join", `{}`, "ignored 1\n"},
		{"neuron", "/neuron/ami/n/g", `{"node":"n","group":"g","timestamp":1718000012345,"values":{"custom":1},"errors":{"u_l1":2014}}`, "ignored 1\n"},
		{"neuron", "/neuron/ami/n/g", `{"timestamp":1718000012345,"values":{"u_l1":1}}`, " refused bad_device\n"},
		{"datapoint", "smartmeter/M/X", `{"value":1,"timestamp":1777887561,"obis":"Bad Code"}`, "M refused bad_quantity\n"},
		{"datapoint", "smartmeter/M/X", `{"value":1,"timestamp":"x","obis":"1.8.0"}`, "M refused bad_time\n"},
	} {
		out := decodeMapping(t, map[string]any{"use": c.use}, c.topic, c.payload, false)
		wantLines(t, c.use+" "+c.topic, out, c.want)
	}
	out := decodeMapping(t, map[string]any{"use": "esphome", "names": map[string]any{"heat_pump": "p2 kW"}, "prefix": "home/"}, "home/box/sensor/heat_pump/state", "1.5", false)
	wantLines(t, "own name below a prefix", out, "box p2=1500 received_time\n")
}

func TestMappingFromFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "own.yaml")
	if err := os.WriteFile(name, []byte("messages:\n  - topics: [\"m/{device}\"]\n    format: text\n    values: [{quantity: p, unit: kW}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantLines(t, "own file", decodeMapping(t, map[string]any{"file": name}, "m/7", "1.5", false), "7 p=1500 received_time\n")
}

// TestLocalTime is about the hour that autumn repeats and the one that spring leaves out.
func TestLocalTime(t *testing.T) {
	zone, err := loadZone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ text, received, want, quality string }{
		{"2024-06-02T07:15:21", received, "2024-06-02T05:15:21Z", "measured"},
		{"2024-10-27T02:30:00", "2024-10-27T00:30:05Z", "2024-10-27T00:30:00Z", "clock_doubtful"},
		{"2024-10-27T02:30:00", "2024-10-27T01:30:05Z", "2024-10-27T01:30:00Z", "clock_doubtful"},
		{"2024-10-27T01:59:59", received, "2024-10-26T23:59:59Z", "measured"},
		{"2024-10-27T03:00:00", received, "2024-10-27T02:00:00Z", "measured"},
		{"2024-03-31T02:30:00", received, "2024-03-31T01:30:00Z", "clock_doubtful"},
		{"2024-03-31T03:00:00", received, "2024-03-31T01:00:00Z", "measured"},
		{"2024-10-27T02:30:00+01:00", received, "2024-10-27T01:30:00Z", "measured"},
	} {
		at, quality, err := parseTimeIn(c.text, zone, mustTime(t, c.received))
		if err != nil || !at.Equal(mustTime(t, c.want)) || quality.String() != c.quality {
			t.Errorf("%s: %s %s %v, want %s %s", c.text, at, quality, err, c.want, c.quality)
		}
	}
}
