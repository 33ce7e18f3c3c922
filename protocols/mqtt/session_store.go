package mqtt

import (
	"strings"
	"sync"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// outbox keeps what was published and not acknowledged, for each client id, longer than one connection:
// a command under way when a connection breaks is sent again on the next.
type outbox struct {
	mu     *sync.Mutex
	stores map[string]outStore
}

func newOutbox() outbox { return outbox{new(sync.Mutex), map[string]outStore{}} }

func (o outbox) of(client string) outStore {
	o.mu.Lock()
	defer o.mu.Unlock()
	s, ok := o.stores[client]
	if !ok {
		s = outStore{paho.NewMemoryStore()}
		s.MemoryStore.Open()
		o.stores[client] = s
	}
	return s
}

// outStore is paho's store without what we receive: the broker has that until it is acknowledged, and
// sends it again.
type outStore struct{ *paho.MemoryStore }

// Open and Close do nothing: a connection's end is not the store's.
func (outStore) Open() {}

// Close does nothing.
func (outStore) Close() {}

// Put keeps what is on its way out.
func (s outStore) Put(key string, p packets.ControlPacket) {
	if strings.HasPrefix(key, "o.") {
		s.MemoryStore.Put(key, p)
	}
}

// Del forgets it.
func (s outStore) Del(key string) {
	if strings.HasPrefix(key, "o.") {
		s.MemoryStore.Del(key)
	}
}
