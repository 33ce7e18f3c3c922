package broker

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"
)

// FuzzFrame compares our reading of a PUBLISH with mochi's, which shares no code with it.
func FuzzFrame(f *testing.F) {
	f.Add(publishPacket("ami/v1/m1/reads", []byte(`{"time":1,"values":{"import_wh":1}}`), 1, 7), false)
	f.Add(publishPacket("ami/v1/m1/reads", []byte("x"), 0, 0), false)
	f.Add(publishPacket5("ami/v1/m1/reads", []byte("x"), 2, 9), true)
	f.Add(frame(0x32, text("t"), []byte{0, 1}, []byte{3, 35, 0, 1}, []byte("payload")), true)
	f.Add(frame(0x3f, text("a/+/b"), []byte{0, 0}), false)
	f.Add([]byte{0x32, 0xff, 0xff, 0xff, 0x7f}, false)
	f.Add([]byte{0x32, 0x80, 0x80, 0x80, 0x80, 0x01}, true)
	f.Fuzz(func(t *testing.T, b []byte, v5 bool) {
		head, body, err := header(b)
		if err != nil || head == 0 {
			return
		}
		n, _, theirErr := packets.DecodeLength(bytes.NewReader(b[1:]))
		if theirErr != nil || n != body {
			t.Fatalf("remaining length %d, mochi says %d, %v", body, n, theirErr)
		}
		if len(b) < head+body {
			return
		}
		p, err := parsePublish(b[0], b[head:head+body], v5)
		if err != nil {
			return
		}
		theirs := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: b[0] >> 1 & 3, Remaining: body}, ProtocolVersion: 4}
		if v5 {
			theirs.ProtocolVersion = 5
		}
		if err := theirs.PublishDecode(bytes.Clone(b[head : head+body])); err != nil {
			if v5 { // we skip properties that mochi reads
				return
			}
			t.Fatalf("we read %q, mochi: %v", b, err)
		}
		if string(p.topic) != theirs.TopicName || p.id != theirs.PacketID || !bytes.Equal(p.payload, theirs.Payload) || p.qos != theirs.FixedHeader.Qos {
			t.Fatalf("%q: ours %+v, mochi's %q %d %q", b, p, theirs.TopicName, theirs.PacketID, theirs.Payload)
		}
		if p.qos > 2 || len(p.topic) == 0 || len(p.topic) > maxTopicBytes || bytes.ContainsAny(p.topic, "+#\x00") {
			t.Fatalf("accepted %+v", p)
		}
	})
}

// FuzzCovers checks covers against its meaning: a filter that is covered matches no topic that its
// pattern does not match.
func FuzzCovers(f *testing.F) {
	f.Add("a/+/b/#", "a/x/b/c/d", "a/x/b/c/d")
	f.Add("a/#", "a/+/b", "a/q/b")
	f.Add("+/b", "#", "x/b")
	f.Fuzz(func(t *testing.T, pattern, filter, topic string) {
		p, q, levels := strings.Split(pattern, "/"), strings.Split(filter, "/"), strings.Split(topic, "/")
		if strings.ContainsAny(topic, "+#") {
			return
		}
		if covers(p, q) && covers(q, levels) && !covers(p, levels) {
			t.Errorf("%q covers %q, which matches %q; the former does not", pattern, filter, topic)
		}
	})
}
