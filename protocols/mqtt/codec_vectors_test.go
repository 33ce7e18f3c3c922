package mqtt

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/protocols"
)

// vector is one .expected.json of the device collection.
type vector struct {
	PayloadFile string `json:"payload_file"`
	Topic       string
	DeviceID    *string `json:"device_id"`
	MessageTime *string `json:"message_time"`
	Format      string
	Readings    []struct {
		Quantity     string
		Value        string
		Unit         string
		Phase        string
		Tariff       int
		Channel      int
		Time         *string
		DeviceID     string `json:"device_id"`
		RelativeTime *int   `json:"relative_time_s"`
		Historical   bool
	}
	Events []map[string]any
	Status map[string]any
	Retain bool
}

// vectorCase says how a vector is decoded: the bindings, and where its text leaves something open.
type vectorCase struct {
	name     string
	bindings []Binding
	device   string // for messages that name none
	local    string // UTC of a time the payload gives without an offset
	quality  headend.Quality
	floored  bool // sub-Wh digits are dropped
	status   []headend.EventType
}

const received = "2026-11-21T08:00:00Z"

func mappingBinding(filter, use string, more ...string) []Binding {
	options := map[string]any{"use": use}
	for i := 0; i < len(more); i += 2 {
		options[more[i]] = more[i+1]
	}
	return []Binding{{Filter: filter, Codec: "mapping", Options: options}}
}

func p1Binding(options map[string]any) []Binding {
	return []Binding{{Filter: "dsmr/raw", Codec: "p1", Options: options}, {Filter: "d0/raw", Codec: "p1"}}
}

func lorawanBinding(use string) []Binding {
	return []Binding{{Filter: "#", Codec: "lorawan", Options: map[string]any{"use": use}}}
}

var vectorCases = []vectorCase{
	{name: "01-dsmr-p1-v5-iskra", bindings: p1Binding(nil)},
	{name: "02-dsmr-p1-v42-kaifa-failurelog", bindings: p1Binding(nil)},
	{name: "03-dsmr-p1-v5-two-mbus", bindings: p1Binding(nil)},
	{name: "04-dsmr-p1-fluvius-belgium", bindings: p1Binding(nil)},
	{name: "05-dsmr-p1-fluvius-invalid-date", bindings: p1Binding(nil)},
	{name: "06-dsmr-p1-sagemcom-wh", bindings: p1Binding(map[string]any{"device": "cellar"}), device: "cellar"},
	{name: "07-d0-easymeter-q3d", bindings: p1Binding(nil), floored: true},
	{name: "08-dsmr-p1-v22-no-clock", bindings: p1Binding(nil)},
	{name: "10-dsmr-reader-json", bindings: mappingBinding("", "dsmr_reader", "device", "cellar"), device: "cellar"},
	{name: "12-tasmota-em24-status8", bindings: mappingBinding("", "tasmota", "zone", "Europe/Berlin"),
		local: "2024-10-27T01:30:00Z", quality: headend.QualityClockDoubtful},
	{name: "14-tasmota-energy-totalstart", bindings: mappingBinding("", "tasmota", "zone", "Europe/Berlin"),
		local: "2024-06-02T05:15:21Z"},
	{name: "17-shelly-pro3em-status-em0", bindings: mappingBinding("", "shelly_gen2")},
	{name: "19-shelly-gen2-notifystatus-partial", bindings: mappingBinding("", "shelly_gen2")},
	{name: "21-shelly-3em-gen1-topics", bindings: mappingBinding("shellies/#", "shelly_gen1")},
	{name: "23-esphome-topics", bindings: mappingBinding("meterbox/#", "esphome"), status: []headend.EventType{headend.EventOnline}},
	{name: "32-chirpstack-yobiiq-em4301-boot", bindings: lorawanBinding("yobiiq_em")},
	{name: "33-chirpstack-yobiiq-em4301-energy", bindings: lorawanBinding("yobiiq_em"), quality: headend.QualityClockDoubtful},
	{name: "34-chirpstack-yobiiq-em4301-instant", bindings: lorawanBinding("yobiiq_em"), quality: headend.QualityClockDoubtful},
	{name: "35-ttn-v3-yobiiq-em2101-energy", bindings: lorawanBinding("yobiiq_em"), quality: headend.QualityClockDoubtful},
	{name: "36-ttn-v3-yobiiq-em2101-relay", bindings: lorawanBinding("yobiiq_em")},
	{name: "37-ttn-v3-yobiiq-em2101-switchoff", bindings: lorawanBinding("yobiiq_em")},
	{name: "38-loriot-yobiiq-em4301-energy", bindings: lorawanBinding("yobiiq_em"), quality: headend.QualityClockDoubtful},
	{name: "39-chirpstack-milesight-ct101-current", bindings: lorawanBinding("milesight_ct")},
	{name: "40-chirpstack-milesight-ct101-readfail", bindings: lorawanBinding("milesight_ct")},
	{name: "41-chirpstack-milesight-ct101-alarm", bindings: lorawanBinding("milesight_ct")},
	{name: "50-ekz-single-datapoint-json", bindings: mappingBinding("", "datapoint")},
	{name: "58-senml-relative-time-no-base", bindings: []Binding{{Filter: "senml/#", Codec: "senml"}}},
	{name: "60-neuron-values-format", bindings: mappingBinding("", "neuron")},
}

// sharedFolder is where the device collection lies. Without it the tests that need it skip, saying so.
func sharedFolder() string {
	if dir := os.Getenv("LASTGASP_SHARED"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "..", "shared")
}

// loadVector reads a vector from testdata or, where it may not be copied, from the collection.
func loadVector(t testing.TB, name string) (vector, []byte) {
	t.Helper()
	dir := filepath.Join("testdata", "own")
	text, err := os.ReadFile(filepath.Join(dir, name+".expected.json"))
	if err != nil {
		dir = filepath.Join(sharedFolder(), "devices", "mqtt", "field")
		if text, err = os.ReadFile(filepath.Join(dir, name+".expected.json")); err != nil {
			t.Skipf("SKIPPED: the device collection is not here (set LASTGASP_SHARED): %v", err)
		}
	}
	var v vector
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	payload, err := os.ReadFile(filepath.Join(dir, v.PayloadFile))
	if err != nil {
		t.Fatal(err)
	}
	return v, payload
}

// messagesOf is the vector's message, or its messages where it lists "topic value" lines.
func messagesOf(v vector, payload []byte, at time.Time) []protocols.Message {
	if v.Format != "mosquitto_sub -v" {
		return []protocols.Message{{Topic: v.Topic, Payload: payload, Received: at, Retained: v.Retain}}
	}
	var list []protocols.Message
	for line := range strings.Lines(string(payload)) {
		topic, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		list = append(list, protocols.Message{Topic: topic, Payload: []byte(value), Received: at})
	}
	return list
}

// TestVectors decodes every payload of the collection: exactly the readings and events that were
// written down for it, and nothing else.
func TestVectors(t *testing.T) {
	for _, c := range vectorCases {
		t.Run(c.name, func(t *testing.T) {
			v, payload := loadVector(t, c.name)
			r := newTestRouter(t, c.bindings...)
			var out protocols.Decoded
			for _, m := range messagesOf(v, payload, mustTime(t, received)) {
				r.Decode(m, &out)
			}
			compareVector(t, v, c, out)
		})
	}
}

func newTestRouter(t testing.TB, bindings ...Binding) *Router {
	t.Helper()
	r, err := NewRouter(RouterConfig{Bindings: bindings})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mustTime(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// compareVector compares as sorted lines, so that a difference reads as what is missing and what is
// too much.
func compareVector(t *testing.T, v vector, c vectorCase, out protocols.Decoded) {
	t.Helper()
	want, got := map[string]int{}, map[string]int{}
	for _, r := range v.Readings {
		value := r.Value
		if c.floored && strings.HasPrefix(r.Quantity, "energy_") {
			value, _, _ = strings.Cut(value, ".")
		}
		at, quality := expectedTime(t, v, c, r.Time)
		if r.RelativeTime != nil {
			at, quality = mustTime(t, received).Add(time.Duration(*r.RelativeTime)*time.Second), headend.QualityReceivedTime
		}
		if r.Historical {
			quality |= headend.QualityHistorical
		}
		want[fmt.Sprintf("reading %s %s=%s at %s %s", deviceOf(v, c, r.DeviceID),
			neutralName(t, r.Quantity, r.Phase, r.Tariff, r.Channel, r.Unit), value, at.Format(time.RFC3339Nano), quality)]++
	}
	for _, e := range v.Events {
		want[expectedEvent(t, v, c, e)]++
	}
	for _, e := range c.status {
		want[fmt.Sprintf("event %s %s at %s for 0s, received_time", deviceOf(v, c, ""), e, received)]++
	}
	for _, b := range out.Batches {
		if b.Refusal != nil {
			got["refusal "+b.Refusal.Error()]++
		}
		for _, r := range b.Readings {
			got[fmt.Sprintf("reading %s %s=%s at %s %s", b.Device, r.Quantity, r.Value, r.Time.Format(time.RFC3339Nano), r.Quality)]++
		}
		for _, e := range b.Events {
			got[fmt.Sprintf("event %s %s at %s for %s, %s", b.Device, e.Type, e.Time.Format(time.RFC3339Nano), e.Duration, e.Quality)]++
		}
	}
	for _, line := range sorted(want) {
		if got[line] != want[line] {
			t.Errorf("missing: %s (have %d, want %d)", line, got[line], want[line])
		}
	}
	for _, line := range sorted(got) {
		if want[line] == 0 {
			t.Errorf("too much: %s", line)
		}
	}
}

func sorted(m map[string]int) []string {
	keys := slices.Collect(maps.Keys(m))
	sort.Strings(keys)
	return keys
}

func deviceOf(v vector, c vectorCase, own string) string {
	switch {
	case own != "":
		return own
	case v.DeviceID != nil:
		return *v.DeviceID
	}
	return c.device
}

func expectedTime(t *testing.T, v vector, c vectorCase, own *string) (time.Time, headend.Quality) {
	switch {
	case own != nil:
		return mustTime(t, *own), c.quality
	case c.local != "":
		return mustTime(t, c.local), c.quality
	}
	return mustTime(t, received), headend.QualityReceivedTime | c.quality
}

// expectedEvent translates an event of the collection, whose names are neutral.
func expectedEvent(t *testing.T, v vector, c vectorCase, e map[string]any) string {
	at := v.MessageTime
	name, duration, quality := "", time.Duration(0), headend.Quality(0)
	switch e["type"] {
	case "long_power_failure":
		end := e["end"].(string)
		at, name, duration = &end, "power_failure", time.Duration(e["duration_s"].(float64))*time.Second
	case "node_online", "device_online":
		name = "online"
	case "device_offline":
		name = "offline"
	case "node_offline": // a will: its time is that of the connection, so ours is taken
		now := received
		at, name, quality = &now, "offline", headend.QualityReceivedTime
	case "breaker":
		name = "breaker_" + e["value"].(string)
	case "last_gasp":
		name = "power_down"
	case "device_boot":
		name = "device_boot"
	case "sensor_alarm":
		name = "sensor_alarm"
	case "relay_status", "digital_input_status":
		name = strings.TrimSuffix(e["type"].(string), "_status") + "_" + strings.ToLower(e["value"].(string))
	case "disconnect":
		name = "relay_open"
	case "reconnect_enable":
		name = "reconnect_enabled"
	default:
		t.Fatalf("no translation of event %v", e)
	}
	if own, ok := e["time"].(string); ok {
		at = &own
	}
	return fmt.Sprintf("event %s %s at %s for %s, %s", deviceOf(v, c, ""), name,
		mustTime(t, *at).Format(time.RFC3339Nano), duration, quality)
}

// neutralName translates the collection's names into ours. It is written from the design, apart from
// the tables of the codecs, so that a wrong line there is seen here.
func neutralName(t *testing.T, quantity, phase string, tariff, channel int, unit string) string {
	digit := strings.TrimPrefix(phase, "L")
	tariffed := func(name string) string {
		if tariff > 0 {
			return fmt.Sprintf("%s_t%d", name, tariff)
		}
		return name
	}
	lined := func(name string) string {
		if digit != "" {
			return name + "_l" + digit
		}
		return name
	}
	single := digit
	if single == "" {
		single = "1"
	}
	switch quantity {
	case "energy_active_import":
		return tariffed("import_wh")
	case "energy_active_export":
		return tariffed("export_wh")
	case "energy_reactive_import":
		return tariffed("import_varh")
	case "energy_reactive_export":
		return tariffed("export_varh")
	case "power_active", "power_active_import":
		return "p" + digit
	case "power_active_export":
		return "p" + digit + "_export"
	case "power_reactive", "power_reactive_import":
		return "q" + digit
	case "power_reactive_export":
		return "q" + digit + "_export"
	case "power_apparent":
		return "s" + digit
	case "power_factor":
		return "pf" + digit
	case "frequency":
		return "f" + digit
	case "voltage":
		return "v" + single
	case "current":
		return "i" + single
	case "current_max", "current_min":
		return "i" + single + strings.TrimPrefix(quantity, "current")
	case "demand_active", "demand_active_import_running_average":
		return "demand_p"
	case "demand_active_import_max_month":
		return "demand_p_max"
	case "power_failure_count", "long_power_failure_count", "voltage_sag_count", "voltage_swell_count":
		return lined(quantity)
	case "mbus_meter_reading":
		return fmt.Sprintf("mbus%d_%s", channel, unit)
	}
	t.Fatalf("no translation of quantity %q", quantity)
	return ""
}
