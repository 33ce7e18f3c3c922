package timeseries

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// plan is what one transaction writes.
type plan struct {
	rows     []row
	others   []other
	history  []replaced
	appended headend.Appended
}

// key is the identity of a row: of the wide table, or of the narrow one with a quantity.
type key struct {
	meter    int32
	quantity int16
	time     int64
}

type stored struct {
	wide
	received int64
	quality  headend.Quality
}

// former is a value that was current once: meter, time, quantity, decimal text.
type former struct {
	meter    int32
	time     int64
	quantity headend.Quantity
	value    string
}

func formerly(meter int32, at int64, column int, raw uint64) former {
	return former{meter, at, headend.Columns[column], decode(column, raw).String()}
}

// replace notes for the history that a value gives way, once for each value.
func (out *plan) replace(gone map[former]bool, r replaced) {
	f := former{r.meter, r.time, r.quantity, r.value}
	if gone[f] {
		return
	}
	gone[f] = true
	out.appended.Conflicts++
	out.history = append(out.history, r)
}

// compare looks up what is already stored under the keys of p and plans what is left to do. Whole
// calls of it take turns (advisory lock), so that two of them never replace the same row at once; the
// straight COPY of another transaction can only add a key, which then makes this one start again.
func (s *Store) compare(ctx context.Context, tx pgx.Tx, p *pivot) (plan, error) {
	out := plan{appended: p.appended}
	if _, err := tx.Exec(ctx, sqlSlowLock); err != nil {
		return out, fmt.Errorf("take turns: %w", err)
	}
	gone, err := s.formerValues(ctx, tx, p)
	if err != nil {
		return out, err
	}
	for _, r := range p.history { // replaced within the batches: unless that happened before
		out.appended.Conflicts--
		if gone[former{r.meter, r.time, r.quantity, r.value}] {
			out.appended.Duplicates++
			continue
		}
		out.replace(gone, r)
	}
	if err := s.compareRows(ctx, tx, p, gone, &out); err != nil {
		return out, err
	}
	return out, s.compareOthers(ctx, tx, p, gone, &out)
}

func (s *Store) compareRows(ctx context.Context, tx pgx.Tx, p *pivot, gone map[former]bool, out *plan) error {
	found := map[key]stored{}
	for chunk := range byDay(len(p.rows), func(i int) int64 { return p.rows[i].time }) {
		meters, times := make([]int32, len(chunk)), make([]time.Time, len(chunk))
		for i, at := range chunk {
			meters[i], times[i] = p.rows[at].meter, fromMicros(p.rows[at].time)
		}
		if err := readExisting(ctx, tx, meters, times, found); err != nil {
			return err
		}
	}
	var again []row
	for _, r := range p.rows {
		have, there := found[key{meter: r.meter, time: r.time}]
		if !there {
			out.rows = append(out.rows, r)
			continue
		}
		if merged, changed := p.merge(r, have, gone, out); changed {
			again = append(again, merged)
		}
	}
	if err := deleteRows(ctx, tx, again); err != nil {
		return err
	}
	out.rows = append(out.rows, again...)
	return nil
}

// merge decides value by value what a row that is there already becomes.
func (p *pivot) merge(r row, have stored, gone map[former]bool, out *plan) (row, bool) {
	var w wide
	p.get(&r, &w)
	changed := false
	for m := w.mask; m != 0; m &= m - 1 {
		column := bits.TrailingZeros64(m)
		if have.mask&(1<<column) != 0 {
			if have.value[column] == w.value[column] || gone[formerly(r.meter, r.time, column, w.value[column])] {
				out.appended.Duplicates++
				out.appended.Readings--
				continue
			}
			out.replace(gone, replaced{meter: r.meter, time: r.time, quantity: headend.Columns[column],
				value: decode(column, have.value[column]).String(), received: have.received})
		}
		have.value[column] = w.value[column]
		have.mask |= 1 << column
		changed = true
	}
	if !changed {
		return r, false
	}
	r.mask, r.quality, r.received, r.again = have.mask, r.quality|have.quality, max(r.received, have.received), true
	r.first = int32(len(p.values))
	for m := have.mask; m != 0; m &= m - 1 {
		p.values = append(p.values, have.value[bits.TrailingZeros64(m)])
	}
	return r, true
}

func readExisting(ctx context.Context, tx pgx.Tx, meters []int32, times []time.Time, found map[key]stored) error {
	low, high := bounds(times)
	rows, err := tx.Query(ctx, sqlReadingExisting, meters, times, low, high)
	if err != nil {
		return fmt.Errorf("look for stored readings: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		raw := rows.RawValues()
		k := key{meter: int32(binary.BigEndian.Uint32(raw[0])), time: int64(binary.BigEndian.Uint64(raw[1]))}
		have := stored{received: int64(binary.BigEndian.Uint64(raw[2])), quality: headend.Quality(binary.BigEndian.Uint16(raw[3]))}
		for column := range columns {
			if v := raw[4+column]; v != nil {
				have.value[column] = binary.BigEndian.Uint64(v)
				have.mask |= 1 << column
			}
		}
		found[k] = have
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("look for stored readings: %w", err)
	}
	return nil
}

func deleteRows(ctx context.Context, tx pgx.Tx, rows []row) error {
	for chunk := range byDay(len(rows), func(i int) int64 { return rows[i].time }) {
		meters, times := make([]int32, len(chunk)), make([]time.Time, len(chunk))
		for i, at := range chunk {
			meters[i], times[i] = rows[at].meter, fromMicros(rows[at].time)
		}
		low, high := bounds(times)
		tag, err := tx.Exec(ctx, sqlReadingDelete, meters, times, low, high)
		if err != nil {
			return fmt.Errorf("replace %d readings: %w", len(chunk), err)
		}
		if int(tag.RowsAffected()) != len(chunk) {
			return fmt.Errorf("replace %d readings: %d were there", len(chunk), tag.RowsAffected())
		}
	}
	return nil
}

func (s *Store) compareOthers(ctx context.Context, tx pgx.Tx, p *pivot, gone map[former]bool, out *plan) error {
	found := map[key]other{}
	for chunk := range byDay(len(p.others), func(i int) int64 { return p.others[i].time }) {
		if err := readExistingOthers(ctx, tx, otherKeys(p.others, chunk), found); err != nil {
			return err
		}
	}
	var again []other
	for _, o := range p.others {
		have, there := found[key{o.meter, o.quantity, o.time}]
		if !there {
			out.others = append(out.others, o)
			continue
		}
		name := s.quantities.name(o.quantity)
		if have.value == o.value || gone[former{o.meter, o.time, name, headend.Real(o.value).String()}] {
			out.appended.Duplicates++
			out.appended.Readings--
			continue
		}
		out.replace(gone, replaced{meter: o.meter, time: o.time, quantity: name,
			value: headend.Real(have.value).String(), received: have.received})
		again = append(again, o)
	}
	for chunk := range byDay(len(again), func(i int) int64 { return again[i].time }) {
		keys := otherKeys(again, chunk)
		low, high := bounds(keys.times)
		if _, err := tx.Exec(ctx, sqlReadingOtherDelete, keys.meters, keys.times, keys.quantities, low, high); err != nil {
			return fmt.Errorf("replace %d other readings: %w", len(chunk), err)
		}
	}
	out.others = append(out.others, again...)
	return nil
}

type narrowKeys struct {
	meters     []int32
	times      []time.Time
	quantities []int16
}

func otherKeys(others []other, chunk []int) narrowKeys {
	var k narrowKeys
	for _, at := range chunk {
		k.meters = append(k.meters, others[at].meter)
		k.times = append(k.times, fromMicros(others[at].time))
		k.quantities = append(k.quantities, others[at].quantity)
	}
	return k
}

func readExistingOthers(ctx context.Context, tx pgx.Tx, keys narrowKeys, found map[key]other) error {
	low, high := bounds(keys.times)
	rows, err := tx.Query(ctx, sqlReadingOtherExisting, keys.meters, keys.times, keys.quantities, low, high)
	if err != nil {
		return fmt.Errorf("look for stored other readings: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		raw := rows.RawValues()
		o := other{meter: int32(binary.BigEndian.Uint32(raw[0])), time: int64(binary.BigEndian.Uint64(raw[1])),
			quantity: int16(binary.BigEndian.Uint16(raw[2])), received: int64(binary.BigEndian.Uint64(raw[3])),
			quality: headend.Quality(binary.BigEndian.Uint16(raw[4])), value: math.Float64frombits(binary.BigEndian.Uint64(raw[5]))}
		found[key{o.meter, o.quantity, o.time}] = o
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("look for stored other readings: %w", err)
	}
	return nil
}

// formerValues are the values of the keys of p that have been current once: hearing one of them again
// is a late redelivery and must not make it current a second time.
func (s *Store) formerValues(ctx context.Context, tx pgx.Tx, p *pivot) (map[former]bool, error) {
	var meters []int32
	var times []time.Time
	for i := range p.rows {
		meters, times = append(meters, p.rows[i].meter), append(times, fromMicros(p.rows[i].time))
	}
	for i := range p.others {
		meters, times = append(meters, p.others[i].meter), append(times, fromMicros(p.others[i].time))
	}
	rows, err := tx.Query(ctx, sqlHistoryExisting, meters, times)
	if err != nil {
		return nil, fmt.Errorf("look for replaced readings: %w", err)
	}
	gone := map[former]bool{}
	var f former
	var at instant
	_, err = pgx.ForEachRow(rows, []any{&f.meter, &at, &f.quantity, &f.value}, func() error {
		f.time = int64(at)
		gone[f] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for replaced readings: %w", err)
	}
	return gone, nil
}

// byDay groups the indices 0..n-1 by UTC day, so that each statement's time bounds leave out all other
// chunks.
func byDay(n int, at func(int) int64) func(func([]int) bool) {
	days := map[int64][]int{}
	var order []int64
	for i := range n {
		day := (at(i) - mod(at(i), 86_400_000_000)) / 86_400_000_000
		if _, there := days[day]; !there {
			order = append(order, day)
		}
		days[day] = append(days[day], i)
	}
	return func(yield func([]int) bool) {
		for _, day := range order {
			if !yield(days[day]) {
				return
			}
		}
	}
}

func bounds(times []time.Time) (low, high time.Time) {
	low, high = times[0], times[0]
	for _, t := range times {
		if t.Before(low) {
			low = t
		}
		if t.After(high) {
			high = t
		}
	}
	return low, high
}
