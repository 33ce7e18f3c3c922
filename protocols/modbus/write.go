package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"lastgasp/headend"
)

// Write is something to write to a device: coils or registers. It switches things in the field, so nothing calls
// this but a command a person has ordered, and everything about it is on record before the frame goes out.
type Write struct {
	Device   headend.DeviceID
	Function byte     // 5 one coil, 6 one register, 15 coils, 16 registers
	Address  uint16   // on the wire
	Values   []uint16 // registers; or coils, 0 and 1
	By       string   // who ordered it
	Reason   string   // why
}

// Stage is how far a write has come.
type Stage uint8

// Stages.
const (
	WriteIntended  Stage = iota + 1 // before the frame goes out
	WriteDone                       // the device has confirmed it
	WriteRefused                    // the device refused it, or it never went out: nothing was written
	WriteUncertain                  // it went out and nothing came back: it may have been written
)

// AuditRecord is one entry of the audit trail.
type AuditRecord struct {
	Time    time.Time
	Stage   Stage
	Write   Write
	Address string // of the device
	Fault   string // why it was not done, "" otherwise
}

// Audit keeps the trail of writes. A write goes out only after Record has returned nil for its intention.
type Audit interface {
	Record(ctx context.Context, r AuditRecord) error
}

// ErrNoAudit says that the driver has no audit trail and therefore writes nothing.
var ErrNoAudit = errors.New("modbus: writing needs an audit trail")

// ErrUncertain says that a write went out and was not confirmed: whether the device has taken it is unknown. It
// is not repeated.
var ErrUncertain = errors.New("modbus: the write was not confirmed and may have been done")

// Write writes once. It returns nil when the device has confirmed it, ErrNoAudit, an error of the audit (and then
// nothing went out), a *RequestError of the device's refusal, or ErrUncertain.
func (d *Driver) Write(ctx context.Context, w Write) error {
	if d.audit == nil {
		return ErrNoAudit
	}
	if err := w.validate(); err != nil {
		return err
	}
	d.mu.Lock()
	u := d.units[w.Device]
	var l *line
	if u != nil {
		l = d.lines[u.address.line()]
	}
	d.mu.Unlock()
	if l == nil {
		return fmt.Errorf("modbus: no device %s", w.Device)
	}
	record := AuditRecord{Time: stamp(time.Now()), Stage: WriteIntended, Write: w, Address: u.address.String()}
	if err := d.audit.Record(ctx, record); err != nil {
		return fmt.Errorf("modbus: write to %s not sent, its audit failed: %w", w.Device, err)
	}
	began := make(chan struct{})
	err := l.do(ctx, func(running context.Context, m *master) error {
		if ctx.Err() != nil { // whoever ordered it has gone
			return &RequestError{Fault: FaultStopped, Cause: ctx.Err()}
		}
		close(began)
		return m.write(running, u.id, w, u.profile.Timeout)
	})
	record.Time, record.Stage = stamp(time.Now()), WriteDone
	if err != nil {
		record.Stage, record.Fault = WriteUncertain, err.Error()
		if !sent(began, err) {
			record.Stage = WriteRefused
		} else {
			err = fmt.Errorf("%w: %w", ErrUncertain, err)
		}
	}
	if recording := d.audit.Record(context.WithoutCancel(ctx), record); recording != nil {
		err = errors.Join(err, fmt.Errorf("modbus: the outcome of the write to %s is not in the audit trail: %w", w.Device, recording))
	}
	return err
}

// sent tells whether a write that failed may have been done.
func sent(began chan struct{}, err error) bool {
	select {
	case <-began:
	default:
		return false
	}
	var request *RequestError
	if errors.As(err, &request) {
		return request.Fault != FaultException && request.Fault != FaultConnect
	}
	return true
}

func (w Write) validate() error {
	most := map[byte]int{writeCoil: 1, writeRegister: 1, writeCoils: 1968, writeRegisters: 123}[w.Function]
	switch {
	case most == 0:
		return fmt.Errorf("modbus: function %d does not write; 5, 6, 15 and 16 do", w.Function)
	case len(w.Values) == 0 || len(w.Values) > most:
		return fmt.Errorf("modbus: %d values; function %d writes 1 to %d", len(w.Values), w.Function, most)
	case int(w.Address)+len(w.Values) > 65536:
		return fmt.Errorf("modbus: address %d and %d values reach beyond 65535", w.Address, len(w.Values))
	case w.By == "":
		return errors.New("modbus: a write needs to say who ordered it")
	}
	for _, v := range w.Values {
		if v > 1 && (w.Function == writeCoil || w.Function == writeCoils) {
			return fmt.Errorf("modbus: a coil is 0 or 1, not %d", v)
		}
	}
	return nil
}

// write makes one request that writes. It is never repeated.
func (m *master) write(ctx context.Context, unit byte, w Write, timeout time.Duration) error {
	m.begin(ctx, unit, timeout)
	var err error
	switch w.Function {
	case writeCoil:
		_, err = m.client.WriteSingleCoil(w.Address, w.Values[0]*0xFF00)
	case writeRegister:
		_, err = m.client.WriteSingleRegister(w.Address, w.Values[0])
	case writeCoils:
		packed := make([]byte, (len(w.Values)+7)/8)
		for i, v := range w.Values {
			packed[i/8] |= byte(v) << (i % 8)
		}
		_, err = m.client.WriteMultipleCoils(w.Address, uint16(len(w.Values)), packed)
	default:
		var data []byte
		for _, v := range w.Values {
			data = binary.BigEndian.AppendUint16(data, v)
		}
		_, err = m.client.WriteMultipleRegisters(w.Address, uint16(len(w.Values)), data)
	}
	if err != nil {
		return classify(err)
	}
	return nil
}
