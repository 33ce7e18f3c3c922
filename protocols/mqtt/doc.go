// Package mqtt speaks MQTT with devices: a session with a broker, and the payload formats devices use.
//
// The two vary apart. A transport delivers messages and knows no format; the Router, a
// protocols.Decoder, finds the codec that a topic is bound to, and the codec turns the payload into
// batches:
//
//	message ──▶ Router ──first filter that matches──▶ codec ──▶ batches, refusals, replies
//	                 └──none──▶ refusal "no_codec"
//
// One file codec_<format>.go is one payload format:
//
//	native     our own devices: ami/v1/{device}/reads, events, status, ack
//	sparkplug  Sparkplug B 3.0, with births, aliases, deaths and rebirth requests
//	senml      SenML packs in JSON and CBOR (RFC 8428)
//	p1         telegrams of DSMR/ESMR P1 ports and IEC 62056-21 data lines
//	lorawan    uplinks of ChirpStack, The Things Stack and LORIOT, with frames by tables in frames/
//	mapping    any JSON or plain values, through paths in a YAML file; mappings/ holds ready ones
//
// Guarantees of every codec:
//
//   - A message ends as batches, as refusals, or counted as empty; never as an error, never as nothing.
//   - What cannot be used is refused alone, with the bytes that say it, and its neighbours are kept.
//   - Energy goes from the decimal text of the payload to whole Wh without a float between. What is
//     below 1 Wh is dropped: a register keeps what it has counted in full.
//   - null, NaN, an infinity and an empty text are no reading. Nothing stands for a value that is missing.
//   - A statement without a time gets the time of receipt and a mark. On a retained message it gets
//     nothing: its age is not known, and an old voltage taken for one of now would be a sign of life
//     from a dead meter. What the link is (online, offline) is believed, since the will replaces it.
//   - An impossible time (1970, 2099) is passed on, for ingest to judge; what is no time is refused.
//   - One message has bounded bytes, depth, values, devices and events; state kept between messages
//     (Sparkplug's births) has a bound too.
//   - The payload is not changed, and nothing is kept of it after Decode.
//
// Two values for one quantity and time in one message contradict each other: neither is believed,
// both are refused. The same value twice is one reading.
//
// Names of quantities that have no column: a phase is _l1 to _l3 after counters (voltage_sag_count_l1)
// and a digit after electrical quantities (q1, s1, pf1, f1), _export is the other direction
// (p_export, p1_export), demand_p and demand_p_max are mean and highest demand, mbus1_m3 is what a meter on
// M-Bus channel 1 counts.
//
// To add a format, write codec_<format>.go with a constructor, and one line in the table of codecs in
// router.go, with payloads that another program made in its test. To add a device that speaks JSON,
// write a file in mappings/, or one of your own named by the option file.
package mqtt
