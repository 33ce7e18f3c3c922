package timeseries

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"lastgasp/headend"
)

// Append stores the batches in one transaction and returns when it is committed. Devices not heard of
// before are registered as unassigned. On an error nothing is stored; a *headend.DataFault says that
// some of these very rows are to blame.
func (s *Store) Append(ctx context.Context, batches []headend.Batch) (headend.Appended, error) {
	p, ok := s.appenders.Get().(*pivot)
	if !ok {
		p = &pivot{}
	}
	defer s.appenders.Put(p)
	p.reset()
	if err := s.fill(ctx, p, batches); err != nil {
		return headend.Appended{}, err
	}
	if err := s.makePartitions(ctx, p.months); err != nil {
		return headend.Appended{}, err
	}
	return s.write(ctx, p)
}

// fill turns batches into rows, registering what is new.
func (s *Store) fill(ctx context.Context, p *pivot, batches []headend.Batch) error {
	made, leftOut, err := s.meet(ctx, p, batches)
	if err != nil {
		return err
	}
	p.appended.NewDevices = made
	for i := range batches {
		b := &batches[i]
		if b.Refusal != nil {
			p.refused.add(b, b.Refusal)
			continue
		}
		device := p.met[i]
		if device == nil {
			device = s.devices.get(b.Device)
		}
		known := device != nil
		if _, left := leftOut[b.Device]; !known && !left {
			return fmt.Errorf("device %s was registered and is not in the registry", b.Device)
		}
		if !known {
			p.refused.add(b, &headend.Refusal{Reason: headend.ReasonTooManyNew,
				Detail: fmt.Sprintf("device %s is unknown, and %d devices already wait unassigned or %d unknown ones came by its gateway; attach or retire some, or raise database.max_unassigned", b.Device, s.devices.maxNew, devicesAGateway)})
			continue
		}
		if err := p.add(device, b, s.quantities.get); err != nil {
			return fmt.Errorf("device %s: %w", b.Device, err)
		}
		if n := len(p.nameless); n > 0 {
			p.refused.add(b, &headend.Refusal{Reason: headend.ReasonBadQuantity, Detail: fmt.Sprintf(
				"%d readings under names that are not kept, first %q: a device may bring %d new names of quantities, and all together 30,000", n, p.nameless[0], namesADevice)})
			p.nameless = p.nameless[:0]
		}
		var gateway int32
		if b.Gateway != "" && len(b.Events) > 0 {
			if g := s.devices.get(b.Gateway); g != nil {
				gateway = g.number
			}
		}
		p.events.add(device.number, gateway, b)
	}
	p.appended.Quarantined = len(p.refused.received)
	p.settle()
	p.joinOthers(s.quantities.name)
	p.touchMonths()
	return nil
}

// meet registers the devices and quantities that the batches name and nobody has met before. Devices
// beyond the limit are left out.
func (s *Store) meet(ctx context.Context, p *pivot, batches []headend.Batch) (made int, leftOut map[headend.DeviceID]headend.DeviceKind, err error) {
	var devices map[headend.DeviceID]headend.DeviceKind
	var quantities map[headend.Quantity]bool
	leftOut = map[headend.DeviceID]headend.DeviceKind{}
	note := func(id, by headend.DeviceID, kind headend.DeviceKind) *registered {
		if d := s.devices.get(id); d != nil || id == "" {
			return d
		}
		if _, noted := devices[id]; !noted && !s.devices.mayBring(by) {
			leftOut[id] = kind
			return nil
		}
		if devices == nil {
			devices = map[headend.DeviceID]headend.DeviceKind{}
		}
		if devices[id] != headend.KindGateway {
			devices[id] = kind
		}
		return nil
	}
	var gateway headend.DeviceID // the last one: messages of a gateway stand together
	for i := range batches {
		b := &batches[i]
		if b.Refusal != nil {
			p.met = append(p.met, nil)
			continue
		}
		p.met = append(p.met, note(b.Device, b.Gateway, headend.KindMeter))
		if b.Gateway != gateway {
			gateway = b.Gateway
			note(gateway, "", headend.KindGateway)
		}
		for j := range b.Readings {
			q := b.Readings[j].Quantity
			if q.Column() >= 0 {
				continue
			}
			if _, known := s.quantities.get(q); known || quantities[q] || !s.quantities.mayAdd(b.Device) {
				continue
			}
			if quantities == nil {
				quantities = map[headend.Quantity]bool{}
			}
			quantities[q] = true
		}
	}
	if devices != nil {
		if made, err = s.register(ctx, devices); err != nil {
			return 0, nil, err
		}
	}
	if quantities != nil {
		if err := s.registerQuantities(ctx, quantities); err != nil {
			return 0, nil, err
		}
	}
	maps.Copy(leftOut, devices) // what register did not take
	return made, leftOut, nil
}

// attempts bounds how often a transaction that lost against another is tried again within one call.
const attempts = 5

// write commits the rows: straight COPY first, and the comparing road when a key was there already.
func (s *Store) write(ctx context.Context, p *pivot) (headend.Appended, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return headend.Appended{}, fmt.Errorf("database: %w", withoutSecret(err))
	}
	defer conn.Release()
	compare := false
	for attempt := 1; ; attempt++ {
		done, err := s.transaction(ctx, conn, p, compare)
		switch code := sqlState(err); {
		case err == nil:
			return done, nil
		case attempt == attempts:
			return headend.Appended{}, classify(err)
		case code == codeUniqueViolation:
			compare = true
		case code == codeSerialization, code == codeDeadlock:
		case code == codeCheckViolation && s.engine == Postgres: // retention dropped the partition meanwhile
			s.partitions.forget()
			if err := s.makePartitions(ctx, p.months); err != nil {
				return headend.Appended{}, err
			}
		default:
			return headend.Appended{}, classify(err)
		}
	}
}

func (s *Store) transaction(ctx context.Context, conn *pgxpool.Conn, p *pivot, compare bool) (done headend.Appended, err error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return done, fmt.Errorf("begin: %w", withoutSecret(err))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, rollback(ctx, tx))
		}
	}()
	write := plan{rows: p.rows, others: p.others, history: p.history, appended: p.appended}
	if compare {
		if write, err = s.compare(ctx, tx, p); err != nil {
			return done, err
		}
	}
	if err = s.copyRows(ctx, tx, p, write); err != nil {
		return done, err
	}
	if err = p.insertArrivals(ctx, tx, write.rows); err != nil {
		return done, err
	}
	done = write.appended
	if err = s.insertRest(ctx, tx, p, write.history, &done); err != nil {
		return done, err
	}
	if err = tx.Commit(ctx); err != nil {
		return done, fmt.Errorf("commit: %w", err)
	}
	return done, nil
}

// rollback ends a failed transaction even when the caller has gone; a connection that is broken is
// thrown away by the pool, so its error adds nothing.
func rollback(ctx context.Context, tx pgx.Tx) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := tx.Rollback(ctx); err != nil && !errors.Is(err, pgx.ErrTxClosed) && !tx.Conn().IsClosed() {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

// copyRows streams rows into both reading tables.
func (s *Store) copyRows(ctx context.Context, tx pgx.Tx, p *pivot, write plan) error {
	pg := tx.Conn().PgConn()
	if len(write.rows) > 0 {
		union := uint64(0)
		for i := range write.rows {
			union |= write.rows[i].mask
		}
		if _, err := pg.CopyFrom(ctx, bytes.NewReader(p.encodeRows(write.rows, union)), copyReading(union)); err != nil {
			return fmt.Errorf("store %d rows of readings: %w", len(write.rows), err)
		}
	}
	if len(write.others) > 0 {
		if _, err := pg.CopyFrom(ctx, bytes.NewReader(p.encodeOthers(write.others)), copyReadingOther); err != nil {
			return fmt.Errorf("store %d other readings: %w", len(write.others), err)
		}
	}
	return nil
}

// insertRest stores what is beside the readings: events, signs of life, quarantine, history, changed hours.
func (s *Store) insertRest(ctx context.Context, tx pgx.Tx, p *pivot, history []replaced, done *headend.Appended) error {
	if n := len(p.events.device); n > 0 {
		tag, err := tx.Exec(ctx, sqlEventInsert, p.events.args()...)
		if err != nil {
			return fmt.Errorf("store %d events: %w", n, err)
		}
		done.Events = int(tag.RowsAffected())
		done.Repeats = n - done.Events
	}
	if len(p.signs.all) > 0 {
		code, first, last := p.signs.encode()
		if _, err := tx.Exec(ctx, sqlLifeSignInsert, fromMicros(p.signs.received), first, last, code); err != nil {
			return fmt.Errorf("store %d signs of life: %w", len(p.signs.all), err)
		}
	}
	if n := len(p.refused.received); n > 0 {
		if _, err := tx.Exec(ctx, sqlQuarantineInsert, p.refused.args()...); err != nil {
			return fmt.Errorf("set %d messages aside: %w", n, err)
		}
	}
	if len(history) > 0 {
		if err := insertHistory(ctx, tx, history); err != nil {
			return err
		}
	}
	if hours, meters := p.late(time.Now().Add(-lateAfter)); len(hours) > 0 {
		if _, err := tx.Exec(ctx, sqlBillingLateInsert, hours, meters); err != nil {
			return fmt.Errorf("note late readings: %w", err)
		}
	}
	if s.engine == Postgres && len(p.hours) > 0 {
		hours := make([]time.Time, 0, len(p.hours))
		for hour := range p.hours {
			hours = append(hours, fromMicros(hour))
		}
		if _, err := tx.Exec(ctx, sqlRollupChangeInsert, hours); err != nil {
			return fmt.Errorf("note changed hours: %w", err)
		}
	}
	return nil
}

func insertHistory(ctx context.Context, tx pgx.Tx, history []replaced) error {
	n := len(history)
	meter, at, quantity := make([]int32, n), make([]time.Time, n), make([]string, n)
	value, received := make([]string, n), make([]time.Time, n)
	for i, h := range history {
		meter[i], at[i], quantity[i] = h.meter, fromMicros(h.time), string(h.quantity)
		value[i], received[i] = h.value, fromMicros(h.received)
	}
	if _, err := tx.Exec(ctx, sqlHistoryInsert, meter, at, quantity, value, received); err != nil {
		return fmt.Errorf("keep %d replaced values: %w", n, err)
	}
	return nil
}
