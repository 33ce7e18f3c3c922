package broker

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/protocols/drivertest"
)

// packet is what the broker sent.
type packet struct {
	first byte
	body  []byte
}

func (p packet) kind() byte { return p.first >> 4 }

// client is an MQTT client with nothing between the test and the wire.
type client struct {
	t  testing.TB
	nc net.Conn
	br *bufio.Reader
}

func dial(t testing.TB, address string) *client {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return &client{t: t, nc: nc, br: bufio.NewReader(nc)}
}

func text(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

func frame(first byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	out := []byte{first}
	for {
		b := byte(n % 128)
		if n /= 128; n > 0 {
			out = append(out, b|0x80)
			continue
		}
		out = append(out, b)
		break
	}
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// hello is what a CONNECT says.
type hello struct {
	id, user, password string
	keepAlive          uint16
	persistent         bool
	v5                 bool
	expiry             uint32 // MQTT 5 session expiry
	willTopic, will    string
	willRetain         bool
	willDelay          uint32
}

func (h hello) packet() []byte {
	version, flags := byte(4), byte(0)
	if h.v5 {
		version = 5
	}
	if !h.persistent {
		flags |= 2
	}
	if h.willTopic != "" {
		flags |= 4 | 1<<3
		if h.willRetain {
			flags |= 0x20
		}
	}
	if h.user != "" {
		flags |= 0x80
	}
	if h.password != "" {
		flags |= 0x40
	}
	parts := [][]byte{text("MQTT"), {version, flags}, binary.BigEndian.AppendUint16(nil, h.keepAlive)}
	if h.v5 {
		if h.expiry > 0 {
			parts = append(parts, []byte{5, 17}, binary.BigEndian.AppendUint32(nil, h.expiry))
		} else {
			parts = append(parts, []byte{0})
		}
	}
	parts = append(parts, text(h.id))
	if h.willTopic != "" {
		if h.v5 {
			if h.willDelay > 0 {
				parts = append(parts, []byte{5, 24}, binary.BigEndian.AppendUint32(nil, h.willDelay))
			} else {
				parts = append(parts, []byte{0})
			}
		}
		parts = append(parts, text(h.willTopic), text(h.will))
	}
	if h.user != "" {
		parts = append(parts, text(h.user))
	}
	if h.password != "" {
		parts = append(parts, text(h.password))
	}
	return frame(0x10, parts...)
}

// connect logs in and returns the CONNACK's code.
func (c *client) connect(h hello) byte {
	c.t.Helper()
	c.write(h.packet())
	p := c.read()
	if p.kind() != 2 || len(p.body) < 2 {
		c.t.Fatalf("no CONNACK but % x", p)
	}
	return p.body[1]
}

func publishPacket(topic string, payload []byte, qos byte, id uint16) []byte {
	if qos == 0 {
		return frame(0x30, text(topic), payload)
	}
	return frame(0x30|qos<<1, text(topic), binary.BigEndian.AppendUint16(nil, id), payload)
}

func publishPacket5(topic string, payload []byte, qos byte, id uint16) []byte {
	return frame(0x30|qos<<1, text(topic), binary.BigEndian.AppendUint16(nil, id), []byte{0}, payload)
}

func (c *client) write(b []byte) {
	c.t.Helper()
	if _, err := c.nc.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

func readPacket(br *bufio.Reader) (packet, error) {
	first, err := br.ReadByte()
	if err != nil {
		return packet{}, err
	}
	n, err := binary.ReadUvarint(br)
	if err != nil {
		return packet{}, err
	}
	body := make([]byte, n)
	_, err = io.ReadFull(br, body)
	return packet{first, body}, err
}

// read waits for a packet of the broker.
func (c *client) read() packet {
	c.t.Helper()
	p, err := c.tryRead()
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

func (c *client) tryRead() (packet, error) {
	if err := c.nc.SetReadDeadline(time.Now().Add(drivertest.Patience)); err != nil {
		return packet{}, err
	}
	return readPacket(c.br)
}

// closed waits for the broker to close the connection.
func (c *client) closed() {
	c.t.Helper()
	for {
		p, err := c.tryRead()
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			c.t.Fatal("the connection stays open")
		}
		if err != nil {
			return
		}
		c.t.Logf("before the close: % x", p)
	}
}

// ack waits for the acknowledgement of packet id.
func (c *client) ack(kind byte, id uint16) packet {
	c.t.Helper()
	p := c.read()
	if p.kind() != kind || len(p.body) < 2 || binary.BigEndian.Uint16(p.body) != id {
		c.t.Fatalf("got % x, want packet type %d with id %d", p, kind, id)
	}
	return p
}

// ping makes a round trip.
func (c *client) ping() {
	c.t.Helper()
	c.write([]byte{0xc0, 0})
	if p := c.read(); p.kind() != 13 {
		c.t.Fatalf("got % x, want a PINGRESP", p)
	}
}

// device is a drivertest.Device over a client.
type device struct {
	f       *drivertest.Field
	id      headend.DeviceID
	address func() string

	mu      sync.Mutex
	nc      net.Conn
	next    uint16
	unacked map[uint16][]byte
	order   []uint16
	reading sync.WaitGroup
	pong    chan struct{}
}

func newDevice(f *drivertest.Field, id headend.DeviceID, address func() string) *device {
	d := &device{f: f, id: id, address: address, unacked: map[uint16][]byte{}, pong: make(chan struct{}, 1)}
	d.connect()
	f.T.Cleanup(d.Break)
	return d
}

func (d *device) connect() {
	nc, err := net.Dial("tcp", d.address())
	if err != nil {
		d.f.T.Error(err)
		return
	}
	br := bufio.NewReader(nc)
	_, err = nc.Write(hello{id: string(d.id), user: string(d.id), password: "secret", keepAlive: 60}.packet())
	if err == nil {
		_, err = readPacket(br)
	}
	if err != nil {
		d.f.T.Errorf("connect: %v", err)
		return
	}
	d.mu.Lock()
	d.nc = nc
	d.mu.Unlock()
	d.reading.Go(func() { d.read(br) })
}

func (d *device) read(br *bufio.Reader) {
	for {
		p, err := readPacket(br)
		if err != nil {
			return
		}
		if p.kind() == 13 {
			d.pong <- struct{}{}
		}
		if p.kind() != 4 {
			continue
		}
		id := binary.BigEndian.Uint16(p.body)
		d.mu.Lock()
		payload := d.unacked[id]
		delete(d.unacked, id)
		d.mu.Unlock()
		if n, err := strconv.Atoi(string(payload[strings.IndexByte(string(payload), '=')+1:])); err == nil {
			d.f.Acked(drivertest.Message{Device: d.id, N: n})
		}
	}
}

// Send implements drivertest.Device.
func (d *device) Send(payloads ...[]byte) {
	for _, p := range payloads {
		d.mu.Lock()
		d.next++
		id := d.next
		d.unacked[id] = p
		d.order = append(d.order, id)
		nc := d.nc
		d.mu.Unlock()
		if _, err := nc.Write(publishPacket(drivertest.Topic(d.id), p, 1, id)); err != nil {
			return
		}
	}
}

// Sync implements drivertest.Syncer.
func (d *device) Sync() {
	if _, err := d.nc.Write([]byte{0xc0, 0}); err != nil {
		d.f.T.Error(err)
		return
	}
	select {
	case <-d.pong:
	case <-time.After(drivertest.Patience):
		d.f.T.Error("no PINGRESP")
	}
}

// Break implements drivertest.Device.
func (d *device) Break() {
	d.mu.Lock()
	nc := d.nc
	d.mu.Unlock()
	if nc != nil {
		nc.Close()
	}
	d.reading.Wait()
}

// Resume implements drivertest.Device.
func (d *device) Resume() {
	d.connect()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range d.order {
		if p, ok := d.unacked[id]; ok {
			if _, err := d.nc.Write(publishPacket(drivertest.Topic(d.id), p, 1, id)); err != nil {
				d.f.T.Errorf("resend: %v", err)
				return
			}
		}
	}
}
