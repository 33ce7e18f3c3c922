package timeseries

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// Measurements lists what one device measured in a half-open time, oldest first, at most so many times.
// Without quantities it lists all of them. It returns *headend.Unknown for a device or quantity that
// nobody has heard of.
func (s *Store) Measurements(ctx context.Context, id headend.DeviceID, quantities []headend.Quantity, from, to time.Time, limit int) (found []headend.Measurement, err error) {
	err = s.read(ctx, func(tx pgx.Tx) error {
		found, err = measurements(ctx, tx, id, quantities, from, to, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("readings: %w", err)
	}
	return found, nil
}

func measurements(ctx context.Context, tx pgx.Tx, id headend.DeviceID, quantities []headend.Quantity, from, to time.Time, limit int) ([]headend.Measurement, error) {
	var number int32
	if err := tx.QueryRow(ctx, sqlQueryDeviceNumber, id).Scan(&number); errors.Is(err, pgx.ErrNoRows) {
		return nil, &headend.Unknown{What: "device", ID: string(id)}
	} else if err != nil {
		return nil, err
	}
	want, err := wantedQuantities(ctx, tx, quantities)
	if err != nil {
		return nil, err
	}
	var wide, narrow []headend.Measurement
	if want.wide {
		sql := strings.Replace(sqlQueryReading, "/*wanted*/", want.condition, 1)
		if wide, err = list(ctx, tx, want.scanWide, sql, number, from, to, limit); err != nil {
			return nil, err
		}
	}
	if want.narrow {
		if narrow, err = list(ctx, tx, scanNarrow, sqlQueryReadingOther, number, from, to, limit, want.names); err != nil {
			return nil, err
		}
	}
	return mergeMeasurements(wide, narrow, limit), nil
}

// wanted is a choice of quantities, turned into what the two tables are asked for.
type wanted struct {
	wide, narrow bool
	mask         uint64   // of columns; all ones without a choice
	condition    string   // of the wide table
	names        []string // of the narrow table; nil without a choice
}

func wantedQuantities(ctx context.Context, tx pgx.Tx, quantities []headend.Quantity) (wanted, error) {
	if len(quantities) == 0 {
		return wanted{wide: true, narrow: true, mask: ^uint64(0)}, nil
	}
	var w wanted
	var filled []string
	for _, q := range quantities {
		if column := q.Column(); column >= 0 {
			w.wide, w.mask = true, w.mask|1<<column
			// A name of headend.Columns, never what was asked with.
			filled = append(filled, pgx.Identifier{string(headend.Columns[column])}.Sanitize()+" IS NOT NULL")
			continue
		}
		w.narrow, w.names = true, append(w.names, string(q))
	}
	if w.wide {
		w.condition = "AND (" + strings.Join(filled, " OR ") + ")"
	}
	if !w.narrow {
		return w, nil
	}
	var unknown string
	err := tx.QueryRow(ctx, sqlQueryQuantityUnknown, w.names).Scan(&unknown)
	if errors.Is(err, pgx.ErrNoRows) {
		return w, nil
	} else if err != nil {
		return w, err
	}
	return w, &headend.Unknown{What: "quantity", ID: unknown}
}

func (w wanted) scanWide(row pgx.CollectableRow) (headend.Measurement, error) {
	var m headend.Measurement
	var quality int16
	var whole [headend.EnergyColumns]*int64
	var real [columns - headend.EnergyColumns]*float64
	into := []any{&m.Time, &m.Received, &quality}
	for i := range whole {
		into = append(into, &whole[i])
	}
	for i := range real {
		into = append(into, &real[i])
	}
	if err := row.Scan(into...); err != nil {
		return m, err
	}
	for i, v := range whole {
		if v != nil && w.mask&(1<<i) != 0 {
			m.Values = append(m.Values, headend.QuantityValue{Quantity: headend.Columns[i], Value: headend.Whole(*v)})
		}
	}
	for i, v := range real {
		if column := i + headend.EnergyColumns; v != nil && w.mask&(1<<column) != 0 {
			m.Values = append(m.Values, headend.QuantityValue{Quantity: headend.Columns[column], Value: headend.Real(*v)})
		}
	}
	m.Time, m.Received, m.Quality = m.Time.UTC(), m.Received.UTC(), headend.Quality(quality)
	return m, nil
}

func scanNarrow(row pgx.CollectableRow) (m headend.Measurement, err error) {
	var quality int16
	var names []headend.Quantity
	var values []float64
	if err := row.Scan(&m.Time, &m.Received, &quality, &names, &values); err != nil {
		return m, err
	}
	for i, name := range names {
		m.Values = append(m.Values, headend.QuantityValue{Quantity: name, Value: headend.Real(values[i])})
	}
	m.Time, m.Received, m.Quality = m.Time.UTC(), m.Received.UTC(), headend.Quality(quality)
	return m, nil
}

// mergeMeasurements joins two lists in the order of time into one of at most so many times.
func mergeMeasurements(a, b []headend.Measurement, limit int) []headend.Measurement {
	merged := slices.Concat(a, b)
	slices.SortStableFunc(merged, func(x, y headend.Measurement) int { return x.Time.Compare(y.Time) })
	out := merged[:0]
	for _, m := range merged {
		if n := len(out); n > 0 && out[n-1].Time.Equal(m.Time) {
			out[n-1] = joinMeasurements(out[n-1], m)
			continue
		}
		out = append(out, m)
	}
	return out[:min(len(out), limit)]
}

func joinMeasurements(a, b headend.Measurement) headend.Measurement {
	if b.Received.After(a.Received) {
		a.Received = b.Received
	}
	a.Quality |= b.Quality
	a.Values = slices.Concat(a.Values, b.Values)
	return a
}

// lastMeasurement is what a device measured last, nil where it never did.
func lastMeasurement(ctx context.Context, tx pgx.Tx, number int32) (*headend.Measurement, error) {
	all := wanted{mask: ^uint64(0)}
	wide, err := list(ctx, tx, all.scanWide, sqlQueryReadingLast, number)
	if err != nil {
		return nil, err
	}
	narrow, err := list(ctx, tx, scanNarrow, sqlQueryReadingOtherLast, number)
	if err != nil {
		return nil, err
	}
	both := mergeMeasurements(wide, narrow, 2)
	if len(both) == 0 {
		return nil, nil
	}
	return &both[len(both)-1], nil
}
