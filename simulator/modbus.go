package simulator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"lastgasp/headend"
)

// ModbusConfig says how the units of a simulation are reached.
type ModbusConfig struct {
	Ports       *ModbusPorts  // from ListenModbus; nil: Run opens the grid's ports itself
	Latency     time.Duration // every reply takes so long, one request of a connection after the other; 0
	Connections int           // at once, for each port; what is beyond is closed. 0: 100
	Idle        time.Duration // a connection that asks nothing for so long is closed; 0: 5 min
	Log         *slog.Logger
}

// ModbusCounts is what a face has done so far.
type ModbusCounts struct {
	Connections int64 // open now
	Refused     int64 // connections that were too many
	Requests    int64
	Replies     int64 // sent in full and meant well, exceptions included
	Exceptions  int64 // of them
	Spoilt      int64 // replies that a fault has spoilt, delayed or kept back
	Garbage     int64 // connections closed because what came was not Modbus
}

// ModbusPorts are open TCP ports of a grid.
type ModbusPorts struct{ listeners []net.Listener }

// ListenModbus opens the ports of the grid's units, so that a busy one is known at once, and puts the numbers
// of those that were asked for as port 0 into the grid. It is for the time before a Simulation is made. Close
// them unless a Modbus has run with them.
func ListenModbus(grid *Grid) (*ModbusPorts, error) {
	p := &ModbusPorts{}
	for i := range grid.Ports {
		l, err := net.Listen("tcp", grid.Ports[i].Address)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("modbus port of %d units: %w", len(grid.ofPlace(int32(i), placePort)), err), p.Close())
		}
		p.listeners = append(p.listeners, l)
		grid.Ports[i].Address = l.Addr().String()
	}
	return p, nil
}

// Close closes the ports.
func (p *ModbusPorts) Close() error {
	var err error
	for _, l := range p.listeners {
		if e := l.Close(); !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// Modbus is the face that a poller sees: TCP ports as gateways have them, with units of the simulated grid behind.
// Each is read as a device of its model is (see modbus_model.go); writing is refused with exception 1. A unit that does not
// answer, and one that is not there, is answered for by its port with exception 0x0B, or not at all where the
// scenario says mute. Requests of one connection are answered one after the other.
type Modbus struct {
	config     ModbusConfig
	simulation *Simulation
	ports      []*modbusPort
	ready      chan struct{}

	connections, refused, requests, replies, exceptions, spoilt, garbage atomic.Int64
}

// modbusPort is a port and what is behind it.
type modbusPort struct {
	face   *Modbus
	framer framer
	units  [unitsPerPort + 1]*modbusUnit // by number; nil where there is none

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil once the port is closing
}

// NewModbus makes the face of a simulation's units; it opens nothing before Run.
func NewModbus(config ModbusConfig, s *Simulation) (*Modbus, error) {
	if config.Connections == 0 {
		config.Connections = 100
	}
	if config.Idle == 0 {
		config.Idle = 5 * time.Minute
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	f := &Modbus{config: config, simulation: s, ready: make(chan struct{})}
	for _, p := range s.grid.Ports {
		port := &modbusPort{face: f, framer: mbap{}, conns: map[net.Conn]struct{}{}}
		if p.Framing == FramingRTU {
			port.framer = rtu{}
		}
		f.ports = append(f.ports, port)
		if _, number, err := net.SplitHostPort(p.Address); config.Ports == nil && (err != nil || number == "0") {
			return nil, fmt.Errorf("modbus: nobody would know the port of %q: open it with ListenModbus first", p.Address)
		}
	}
	if config.Ports != nil && len(config.Ports.listeners) != len(f.ports) {
		return nil, fmt.Errorf("modbus: %d ports are open, the grid has %d", len(config.Ports.listeners), len(f.ports))
	}
	for i := range s.units {
		u := &s.units[i]
		f.ports[u.Port].units[u.Number] = u
	}
	return f, nil
}

// Address is where a unit is reached, as in tcp://127.0.0.1:1502?unit=7; "" when the grid has none with the id.
func (f *Modbus) Address(id headend.DeviceID) string {
	if i := f.simulation.grid.FindUnit(id); i >= 0 {
		return f.simulation.grid.UnitAddress(i)
	}
	return ""
}

// Ready is closed once every port takes connections.
func (f *Modbus) Ready() <-chan struct{} { return f.ready }

// Counts is safe to call at any time.
func (f *Modbus) Counts() ModbusCounts {
	return ModbusCounts{Connections: f.connections.Load(), Refused: f.refused.Load(), Requests: f.requests.Load(), Replies: f.replies.Load(),
		Exceptions: f.exceptions.Load(), Spoilt: f.spoilt.Load(), Garbage: f.garbage.Load()}
}

// Run answers until ctx ends, then closes ports and connections and returns nil. It returns an error when a port
// cannot be opened. It runs once.
func (f *Modbus) Run(ctx context.Context) error {
	open := f.config.Ports
	if open == nil {
		var err error
		if open, err = ListenModbus(f.simulation.grid); err != nil {
			return err
		}
	}
	f.simulation.warm(func() bool { return ctx.Err() != nil })
	var group sync.WaitGroup
	for i, p := range f.ports {
		group.Go(func() { p.listen(ctx, open.listeners[i], &group) })
	}
	close(f.ready)
	<-ctx.Done()
	err := open.Close()
	for _, p := range f.ports {
		p.closeAll()
	}
	group.Wait()
	return err
}

// listen accepts connections until the listener is closed.
func (p *modbusPort) listen(ctx context.Context, l net.Listener, group *sync.WaitGroup) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of file descriptors, or gone before it was accepted
			p.face.config.Log.Debug("modbus connection not accepted", "error", err)
			wait(ctx, 50*time.Millisecond)
			continue
		}
		if !p.admit(conn) {
			p.face.refused.Add(1)
			p.shut(conn)
			continue
		}
		group.Go(func() {
			c := &modbusConn{port: p, conn: conn, out: bufio.NewWriterSize(conn, 4096)}
			c.serve(ctx)
			p.dismiss(conn)
		})
	}
}

func (p *modbusPort) admit(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil || len(p.conns) >= p.face.config.Connections {
		return false
	}
	p.conns[conn] = struct{}{}
	p.face.connections.Add(1)
	return true
}

func (p *modbusPort) dismiss(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
	p.face.connections.Add(-1)
	p.shut(conn)
}

func (p *modbusPort) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		p.shut(conn)
	}
	p.conns = nil
}

// shut closes a connection that may be closed already.
func (p *modbusPort) shut(conn net.Conn) {
	if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		p.face.config.Log.Debug("modbus connection not closed", "error", err)
	}
}

// modbusConn is one connection.
type modbusConn struct {
	port *modbusPort
	conn net.Conn
	late sync.WaitGroup // replies that are still to be sent
	held atomic.Int64   // how many

	mu  sync.Mutex // of out
	out *bufio.Writer
}

// mostHeld bounds the late replies of a connection; further ones are never sent.
const mostHeld = 100

// serve answers requests until the connection or ctx ends.
func (c *modbusConn) serve(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer c.late.Wait()
	defer cancel()
	face := c.port.face
	in := bufio.NewReaderSize(c.conn, 4096)
	var buffer [mostFrame]byte
	for ctx.Err() == nil {
		if in.Buffered() == 0 && c.flush() != nil {
			return
		}
		if err := c.conn.SetReadDeadline(time.Now().Add(face.config.Idle)); err != nil {
			return
		}
		q, err := c.port.framer.read(in, buffer[:])
		switch {
		case errors.Is(err, errFraming):
			face.garbage.Add(1)
			return
		case err != nil:
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				face.config.Log.Debug("modbus connection ends", "error", err)
			}
			return
		}
		face.requests.Add(1)
		if face.config.Latency > 0 {
			if c.flush() != nil {
				return
			}
			wait(ctx, face.config.Latency)
		}
		if !c.answer(ctx, q) {
			return
		}
	}
}

const writePatience = 10 * time.Second

// write sends bytes with the next flush.
func (c *modbusConn) write(frame []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.conn.SetWriteDeadline(time.Now().Add(writePatience)); err != nil {
		return err
	}
	_, err := c.out.Write(frame)
	return err
}

func (c *modbusConn) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out.Buffered() == 0 {
		return nil
	}
	return c.out.Flush()
}

// answer answers one request; false when the connection is over.
func (c *modbusConn) answer(ctx context.Context, q modbusRequest) bool {
	var u *modbusUnit
	if int(q.unit) < len(c.port.units) {
		u = c.port.units[q.unit]
	}
	if u == nil || !u.now().reachable() {
		if c.port.face.simulation.scenario.Modbus.Mute {
			return true
		}
		return c.reply(q, q.unit, []byte{q.pdu[0] | 0x80, ExceptionNoResponse})
	}
	if w := u.fault(); w != nil && (w.Kind != FaultAbsentValues || u.model.absent) {
		c.port.face.spoilt.Add(1)
		return c.spoil(ctx, q, u, w)
	}
	var room [mostPDU]byte
	return c.reply(q, q.unit, c.port.face.values(room[:0], q.pdu, u))
}

// values appends the reply of a unit that is well.
func (f *Modbus) values(b, pdu []byte, u *modbusUnit) []byte {
	return u.model.appendReply(b, pdu, func() *unitView { v := f.simulation.look(u); return &v }, u.now)
}

// reply sends a reply as it should be.
func (c *modbusConn) reply(q modbusRequest, unit byte, pdu []byte) bool {
	var room [mostFrame]byte
	if pdu[0]&0x80 != 0 {
		c.port.face.exceptions.Add(1)
	}
	c.port.face.replies.Add(1)
	return c.write(c.port.framer.frame(room[:0], q.transaction, unit, pdu)) == nil
}

// next is the unit of the port after number; u itself when it is alone.
func (p *modbusPort) next(number byte) *modbusUnit {
	for i := 1; i <= unitsPerPort; i++ {
		if u := p.units[(int(number)-1+i)%unitsPerPort+1]; u != nil {
			return u
		}
	}
	return p.units[number]
}
