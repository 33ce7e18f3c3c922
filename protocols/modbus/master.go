package modbus

import (
	"context"
	"time"

	"github.com/goburrow/modbus"
)

// master asks units over one link: goburrow's client and packagers, with the link as transporter. It is for one
// goroutine; several masters may share a pipelined link.
type master struct {
	link   link
	tcp    *modbus.TCPClientHandler
	rtu    *modbus.RTUClientHandler
	client modbus.Client

	// Of the call under way: the library's Transporter takes neither.
	ctx     context.Context
	timeout time.Duration
}

func newMaster(l link, t Transport) *master {
	m := &master{link: l}
	if t == TCP {
		m.tcp = modbus.NewTCPClientHandler("")
		m.client = modbus.NewClient2(m.tcp, m)
	} else {
		m.rtu = modbus.NewRTUClientHandler("")
		m.client = modbus.NewClient2(m.rtu, m)
	}
	return m
}

// Send implements modbus.Transporter.
func (m *master) Send(request []byte) ([]byte, error) {
	return m.link.exchange(m.ctx, request, m.timeout)
}

func (m *master) begin(ctx context.Context, unit byte, timeout time.Duration) {
	m.ctx, m.timeout = ctx, timeout
	if m.tcp != nil {
		m.tcp.SlaveId = unit
	} else {
		m.rtu.SlaveId = unit
	}
}

// read makes one request. The data is valid until the next call and exactly as long as was asked for.
func (m *master) read(ctx context.Context, unit byte, q request, timeout time.Duration) ([]byte, error) {
	m.begin(ctx, unit, timeout)
	var data []byte
	var err error
	switch q.function {
	case readCoils:
		data, err = m.client.ReadCoils(q.address, q.count)
	case readInputs:
		data, err = m.client.ReadDiscreteInputs(q.address, q.count)
	case readHolding:
		data, err = m.client.ReadHoldingRegisters(q.address, q.count)
	case readInput:
		data, err = m.client.ReadInputRegisters(q.address, q.count)
	default:
		return nil, faultOf(FaultMalformed, "function %d does not read", q.function)
	}
	if err != nil {
		return nil, classify(err)
	}
	if len(data) != q.bytes() { // the link has checked it; the decoder relies on it
		return nil, faultOf(FaultWrongLength, "%d bytes of data, %d were asked for", len(data), q.bytes())
	}
	return data, nil
}
