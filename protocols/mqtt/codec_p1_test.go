package mqtt

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"lastgasp/protocols"
)

func decodeP1(t testing.TB, options map[string]any, text string, retained bool) protocols.Decoded {
	t.Helper()
	var out protocols.Decoded
	r := newTestRouter(t, Binding{Filter: "#", Codec: "p1", Options: options})
	r.Decode(protocols.Message{Topic: "dsmr/raw", Payload: []byte(text), Received: mustTime(t, received), Retained: retained}, &out)
	return out
}

// telegram makes a telegram with its CRC from lines.
func telegram(lines ...string) string {
	body := "/XXX5\\1\r\n\r\n" + strings.Join(lines, "\r\n") + "\r\n!"
	return fmt.Sprintf("%s%04X\r\n", body, crc16ARC([]byte(body)))
}

// TestCRC is the check value of CRC-16/ARC in the catalogue of CRC algorithms.
func TestCRC(t *testing.T) {
	if got := crc16ARC([]byte("123456789")); got != 0xbb3d {
		t.Errorf("CRC of 123456789 is %04X, want BB3D", got)
	}
}

func TestP1(t *testing.T) {
	const id, clock = "0-0:96.1.1(M1)", "0-0:1.0.0(261121083000W)"
	good := telegram(id, clock, "1-0:1.8.0(000001.234*kWh)")
	for _, c := range []struct {
		name, text, want string
		options          map[string]any
	}{
		{name: "good", text: good, want: "M1 import_wh=1234 measured\n"},
		{name: "two in one message", text: good + strings.ReplaceAll(good, "M1", "M1"), want: "M1 import_wh=1234 measured\nM1 import_wh=1234 measured\n"},
		{name: "line ends changed on the way", text: strings.ReplaceAll(good, "\r\n", "\n"), want: "M1 import_wh=1234 measured\n"},
		{name: "wrong CRC", text: strings.Replace(good, "1.234", "1.235", 1), want: " refused malformed\n"},
		{name: "no CRC but letters", text: strings.Split(good, "!")[0] + "!zzzz\r\n", want: " refused malformed\n"},
		{name: "no end", text: good[:40], want: " refused malformed\n"},
		{name: "no telegram", text: "hello\n", want: " refused malformed\n"},
		{name: "empty", text: "", want: " refused malformed\n"},
		{name: "no id", text: telegram(clock, "1-0:1.8.0(1*kWh)"), want: " refused bad_device\n"},
		{name: "bad id", text: telegram("0-0:96.1.1(a b)", clock, "1-0:1.8.0(1*kWh)"), want: " refused bad_device\n"},
		{name: "id by option", text: telegram(clock, "1-0:1.8.0(1*kWh)"), options: map[string]any{"device": "d1"}, want: "d1 import_wh=1000 measured\n"},
		{name: "clock is no time", text: telegram(id, "0-0:1.0.0(632525252525W)", "1-0:1.8.0(1*kWh)"), want: "M1 refused bad_time\n"},
		{name: "clock without suffix", text: telegram(id, "0-0:1.0.0(261121083000)", "1-0:1.8.0(1*kWh)"), want: "M1 import_wh=1000 received_time\n"},
		{name: "bad lines beside good", text: telegram(id, clock, "1-0:1.8.0(--.-*kWh)", "1-0:2.8.0(1*V)", "1-0:32.7.0(230*furlong)", "1-0:52.7.0()", "1-0:72.7.0(229.5*V)"),
			want: "M1 v3=229.5 measured\nM1 refused bad_value\n"},
		{name: "log with a bad entry", text: telegram(id, clock, "1-0:99.97.0(2)(0-0:96.7.19)(190326095015W)(0000002014*s)(632525252525W)(1*s)"),
			want: "M1 power_failure measured\nM1 refused bad_time\n"},
		{name: "log cut short", text: telegram(id, clock, "1-0:99.97.0(2)(0-0:96.7.19)(190326095015W)"), want: "ignored 1\n"},
		{name: "brackets not closed", text: telegram(id, clock, "1-0:1.8.0(1*kWh", "1-0:2.8.0(2*kWh)"), want: "M1 export_wh=2000 measured\n"},
		{name: "two values", text: telegram(id, clock, "1-0:1.8.0(1*kWh)", "1-0:1.8.0(2*kWh)"), want: "M1 refused bad_value\n"},
		{name: "heat and another meter", text: telegram(id, clock, "0-1:24.2.1(261121080000W)(12.5*GJ)", "0-2:24.2.1(261121080000W)(7.5*kWh)", "0-3:24.2.1(261121080000W)(1*m3)"),
			want: "M1 mbus1_wh=3472222 measured\nM1 mbus2_wh=7500 measured\nM1 mbus3_m3=1 measured\n"},
		{name: "invalid UTF-8 in a text", text: telegram(id, clock, "0-0:96.13.0(\xff\xfe)", "1-0:1.8.0(1*kWh)"), want: "M1 import_wh=1000 measured\n"},
	} {
		wantLines(t, c.name, decodeP1(t, c.options, c.text, false), c.want)
	}
}

func TestP1Offset(t *testing.T) {
	text := telegram("0-0:96.1.1(M1)", "0-0:1.0.0(260701120000S)", "1-0:1.8.0(1*kWh)")
	out := decodeP1(t, map[string]any{"standard_offset": "+02:00"}, text, false)
	if got := out.Batches[0].Readings[0].Time; !got.Equal(mustTime(t, "2026-07-01T09:00:00Z")) {
		t.Errorf("time is %s", got)
	}
}

// TestP1RetainedWithoutClock keeps what has a time of its own only.
func TestP1RetainedWithoutClock(t *testing.T) {
	text := telegram("0-0:96.1.1(M1)", "1-0:1.8.0(1*kWh)", "1-0:1.6.0(261101120000W)(2*kW)")
	wantLines(t, "retained", decodeP1(t, nil, text, true), "M1 demand_p_max=2000 measured\n")
}

// TestP1Truncated cuts a real telegram at every byte: no part of it may be taken for a reading.
func TestP1Truncated(t *testing.T) {
	_, payload := loadVector(t, "03-dsmr-p1-v5-two-mbus")
	end := bytes.IndexByte(payload, '!')
	for n := range end {
		if out := decodeP1(t, nil, string(payload[:n]), false); len(out.Batches) != 1 || out.Batches[0].Refusal == nil {
			t.Fatalf("first %d bytes: %s", n, lines(out))
		}
	}
}
