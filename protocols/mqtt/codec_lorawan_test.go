package mqtt

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"testing"

	"lastgasp/protocols"
)

func decodeLoRaWAN(t testing.TB, use, text string) protocols.Decoded {
	t.Helper()
	var out protocols.Decoded
	newTestRouter(t, lorawanBinding(use)...).Decode(protocols.Message{Topic: "up", Payload: []byte(text), Received: mustTime(t, received)}, &out)
	return out
}

func chirpstack(t testing.TB, port int, frame string) string {
	raw, err := hex.DecodeString(frame)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"deviceInfo":{"devEui":"e1"},"time":"2026-11-21T07:59:00Z","fPort":%d,"data":%q}`, port, base64.StdEncoding.EncodeToString(raw))
}

func TestLoRaWAN(t *testing.T) {
	for _, c := range []struct{ name, use, text, want string }{
		// The maker's own examples of frames, from its published table.
		{"attributes", "milesight_ct", chirpstack(t, 85, "ff0bffff0101ff166746d38802580000ff090100ff0a0101ff0f00"), "ignored 1\n"},
		{"charge", "milesight_ct", chirpstack(t, 85, "039710270000"), "e1 charge_ah=100 measured\n"},
		{"unknown field after good", "milesight_ct", chirpstack(t, 85, "0498b80b7777"), "e1 i1=30 measured\ne1 refused malformed\n"},
		{"cut short", "milesight_ct", chirpstack(t, 85, "0498b8"), "e1 refused malformed\n"},
		{"left over", "milesight_ct", chirpstack(t, 85, "0498b80b01"), "e1 i1=30 measured\ne1 refused malformed\n"},
		{"port", "milesight_ct", chirpstack(t, 2, "0498b80b"), "e1 refused malformed\n"},
		{"last gasp", "yobiiq_em", chirpstack(t, 50, "ff0b00"), "e1 power_down measured\n"},
		{"negative", "yobiiq_em", chirpstack(t, 2, "fe14ffffff38"), "e1 p1=-200 measured\n"},
		{"join", "yobiiq_em", `{"deviceInfo":{"devEui":"e1"},"time":"2026-11-21T07:59:00Z"}`, "ignored 1\n"},
		{"loriot downlink", "yobiiq_em", `{"cmd":"txd","EUI":"e1"}`, "ignored 1\n"},
		{"no base64", "yobiiq_em", `{"deviceInfo":{"devEui":"e1"},"fPort":1,"data":"***"}`, " refused malformed\n"},
		{"no time", "yobiiq_em", `{"deviceInfo":{"devEui":"e1"},"time":"x","fPort":1,"data":"AQE="}`, " refused bad_time\n"},
		{"no device", "yobiiq_em", `{"deviceInfo":{},"fPort":1,"data":"AQE="}`, " refused bad_device\n"},
		{"another envelope", "yobiiq_em", `{"a":1}`, " refused malformed\n"},
		{"not JSON", "yobiiq_em", `{`, " refused malformed\n"},
	} {
		wantLines(t, c.name, decodeLoRaWAN(t, c.use, c.text), c.want)
	}
	out := decodeLoRaWAN(t, "milesight_ct", chirpstack(t, 85, "8498b80bd007c40905"))
	details := ""
	for _, e := range out.Batches[0].Events {
		details += e.Detail
	}
	if details != `{"detail":"threshold alarm"}{"detail":"over range alarm"}` {
		t.Errorf("details are %s", details)
	}
}
