package broker

import (
	"bytes"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"lastgasp/protocols/drivertest"
)

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// 200 clients push large messages against a sink that stands still: what the broker takes is bounded by
// its configuration, not by what they push.
func TestMemoryIsBoundedUnderFlood(t *testing.T) {
	const clients, size = 200, 60 << 10
	b := begin(t, Config{MaxPacketBytes: 64 << 10, MaxBufferBytes: 8 << 20, BatchBytes: 1 << 20, Accepts: 2, ConnectTimeout: time.Minute}, anybody{}, &drivertest.Decoder{})
	b.sink.Close()
	before := heap()
	var all sync.WaitGroup
	for i := range clients {
		user := fmt.Sprint("m", i)
		cl := dial(t, b.Addr())
		cl.connect(hello{id: "x", user: user, password: "secret"})
		p := publishPacket("ami/v1/"+user+"/reads", bytes.Repeat([]byte("x"), size), 1, 1)
		all.Go(func() {
			for range 100 {
				if err := cl.nc.SetWriteDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
					return
				}
				if _, err := cl.nc.Write(p); err != nil {
					return // the socket takes no more: back-pressure
				}
			}
		})
	}
	all.Wait()
	// Batches: one filling and one with each collector, each up to twice its size as it grows. The
	// packets of this test's own clients are on the same heap.
	const bound = 8<<20 + 3*2*(1<<20+size) + clients*size
	if used := heap() - before; used > bound {
		t.Errorf("%d MB held under flood, at most %d MB are allowed", used>>20, bound>>20)
	} else {
		t.Logf("%d MB held, bound %d MB", used>>20, bound>>20)
	}
}

// An idle fleet: what one connection costs.
func TestMemoryOfAConnection(t *testing.T) {
	const clients = 1000
	b := begin(t, Config{}, anybody{}, &drivertest.Decoder{})
	before := heap()
	for i := range clients {
		cl := dial(t, b.Addr())
		cl.connect(hello{id: "x", user: fmt.Sprint("m", i), password: "secret"})
	}
	each := (heap() - before) / clients
	t.Logf("%d bytes a connection, the test's own client included", each)
	if each > 40<<10 {
		t.Errorf("%d bytes a connection, at most 40 KiB are allowed", each)
	}
}
