package mqtt

import (
	"strings"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// outbox is paho's store for what we publish. What we receive it does not keep: the broker has it until
// it is acknowledged, and sends it again. It outlives a connection, so that a command under way when
// one breaks is sent again on the next.
type outbox struct{ *paho.MemoryStore }

func newOutbox() outbox {
	o := outbox{paho.NewMemoryStore()}
	o.MemoryStore.Open()
	return o
}

// Open and Close do nothing: a connection's end is not the store's.
func (o outbox) Open() {}

// Close does nothing.
func (o outbox) Close() {}

// Put keeps what is on its way out.
func (o outbox) Put(key string, p packets.ControlPacket) {
	if strings.HasPrefix(key, "o.") {
		o.MemoryStore.Put(key, p)
	}
}

// Del forgets it.
func (o outbox) Del(key string) {
	if strings.HasPrefix(key, "o.") {
		o.MemoryStore.Del(key)
	}
}
