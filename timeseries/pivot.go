package timeseries

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"

	"lastgasp/headend"
)

// columns is how many value columns the wide table has.
const columns = len(headend.Columns)

// row is one row of the wide table: the values of one meter at one time.
type row struct {
	meter    int32
	first    int32 // index of its first value in pivot.values
	time     int64 // µs since 2000
	received int64
	mask     uint64 // which columns have a value; values follow in column order
	order    int32  // position of arrival, so that of equal keys the later one wins
	quality  headend.Quality
	again    bool // takes the place of one that is stored
}

// wide is a row spread over its columns, for comparing.
type wide struct {
	value [columns]uint64 // int64 of an energy column, bits of the float64 of another
	mask  uint64
}

// other is one row of the narrow table.
type other struct {
	meter    int32
	quantity int16
	quality  headend.Quality
	time     int64
	received int64
	value    float64
	order    int32
}

// replaced is one row of the history: a value another one took the place of.
type replaced struct {
	meter    int32
	time     int64
	quantity headend.Quantity
	value    string
	received int64
}

// pivot turns batches into rows. It is used again for each call, so that its memory is.
type pivot struct {
	nameless []headend.Quantity // of the batch being added: names there was no room for
	met      []*registered      // the device of each batch, nil where it was not known at first
	rows     []row
	values   []uint64
	others   []other
	history  []replaced
	events   eventRows
	refused  refusedRows
	signs    signs
	arrivals arrivals

	gone     map[former]bool // values replaced within these batches
	hours    map[int64]bool
	months   map[int]bool
	appended headend.Appended
	wire     []byte
	spread   wide
}

func (p *pivot) reset() {
	p.nameless = p.nameless[:0]
	clear(p.met)
	p.met = p.met[:0]
	p.rows, p.values, p.others, p.history = p.rows[:0], p.values[:0], p.others[:0], p.history[:0]
	p.events.reset()
	p.refused.reset()
	p.signs.reset()
	clear(p.gone)
	clear(p.hours)
	clear(p.months)
	p.appended = headend.Appended{}
	if p.hours == nil {
		p.hours, p.months, p.gone = map[int64]bool{}, map[int]bool{}, map[former]bool{}
	}
}

// encode is the value as its column keeps it. Negative zero becomes zero, so that equal numbers have
// equal bits.
func encode(column int, v headend.Value) (uint64, error) {
	if column < headend.EnergyColumns {
		if !v.IsWhole() {
			return 0, fmt.Errorf("%s is %s: energy is a whole number", headend.Columns[column], v)
		}
		return uint64(v.Int64()), nil
	}
	f := v.Float64()
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, fmt.Errorf("%s is %s: not a finite number", headend.Columns[column], v)
	}
	return math.Float64bits(f + 0), nil
}

// decode is the inverse of encode.
func decode(column int, raw uint64) headend.Value {
	if column < headend.EnergyColumns {
		return headend.Whole(int64(raw))
	}
	return headend.Real(math.Float64frombits(raw))
}

// add takes the readings of one batch. Readings of one time make one row; a batch whose readings do
// not stand together makes several, which settle joins.
func (p *pivot) add(meter *registered, b *headend.Batch, number func(headend.Quantity) (int16, bool)) error {
	received := micros(b.Received)
	firstSign := len(p.signs.all)
	for i := 0; i < len(b.Readings); {
		at := micros(b.Readings[i].Time)
		p.spread.mask = 0
		var quality, against headend.Quality // of the row, and of what has no column
		others := false                      // whether there is such
		j := i
		for ; j < len(b.Readings) && micros(b.Readings[j].Time) == at; j++ {
			r := &b.Readings[j]
			column := r.Quantity.Column()
			if column < 0 {
				against |= r.Quality
				others = true
				if err := p.addOther(meter.number, at, received, r, number); err != nil {
					return err
				}
				continue
			}
			if p.spread.mask&(1<<column) != 0 {
				break // the same quantity again at the same time: a row of its own, settled later
			}
			raw, err := encode(column, r.Value)
			if err != nil {
				return &headend.DataFault{Cause: err}
			}
			p.spread.value[column] = raw
			p.spread.mask |= 1 << column
			quality |= r.Quality
		}
		p.addRow(meter.number, at, received, quality, &p.spread)
		if (quality|against)&headend.SaysNothing == 0 && !others {
			p.signs.at(firstSign, meter.number, at).take(&p.spread)
		} else {
			p.signs.add(firstSign, meter.number, at, b.Readings[i:j])
		}
		p.hours[at-mod(at, 3_600_000_000)] = true
		if !meter.assigned(at) {
			p.appended.Unassigned += j - i
		}
		i = j
	}
	if len(p.signs.all) > firstSign {
		p.signs.received = max(p.signs.received, received)
	}
	return nil
}

func (p *pivot) addRow(meter int32, at, received int64, quality headend.Quality, w *wide) {
	if w.mask == 0 {
		return
	}
	p.rows = append(p.rows, row{meter: meter, time: at, received: received, quality: quality, mask: w.mask,
		first: int32(len(p.values)), order: int32(len(p.rows))})
	for m := w.mask; m != 0; m &= m - 1 {
		p.values = append(p.values, w.value[bits.TrailingZeros64(m)])
	}
}

func (p *pivot) addOther(meter int32, at, received int64, r *headend.Reading, number func(headend.Quantity) (int16, bool)) error {
	n, ok := number(r.Quantity)
	f := r.Value.Float64()
	if !ok {
		p.nameless = append(p.nameless, r.Quantity)
		return nil
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return &headend.DataFault{Cause: fmt.Errorf("%s is %s: not a finite number", r.Quantity, r.Value)}
	}
	p.others = append(p.others, other{meter: meter, time: at, quantity: n, quality: r.Quality, received: received,
		value: f + 0, order: int32(len(p.others))})
	return nil
}

// get spreads a row over its columns.
func (p *pivot) get(r *row, w *wide) {
	w.mask = r.mask
	next := r.first
	for m := r.mask; m != 0; m &= m - 1 {
		w.value[bits.TrailingZeros64(m)] = p.values[next]
		next++
	}
}

// settle sorts the rows by key, which also suits the index, and joins rows of one key: a later value
// replaces a former one, which goes to history. Every key is there once afterwards.
func (p *pivot) settle() {
	byKey := func(a, b row) int {
		return cmp.Or(cmp.Compare(a.meter, b.meter), cmp.Compare(a.time, b.time), cmp.Compare(a.order, b.order))
	}
	if !slices.IsSortedFunc(p.rows, byKey) {
		slices.SortFunc(p.rows, byKey)
	}
	kept := p.rows[:0]
	for _, r := range p.rows {
		if n := len(kept); n > 0 && kept[n-1].meter == r.meter && kept[n-1].time == r.time {
			kept[n-1] = p.join(kept[n-1], r)
			continue
		}
		kept = append(kept, r)
	}
	p.rows = kept
	for i := range p.rows {
		p.appended.Readings += bits.OnesCount64(p.rows[i].mask)
	}
	p.settleOthers()
}

func (p *pivot) join(a, b row) row {
	var x, y wide
	p.get(&a, &x)
	p.get(&b, &y)
	for m := y.mask; m != 0; m &= m - 1 {
		column := bits.TrailingZeros64(m)
		switch {
		case x.mask&(1<<column) == 0:
		case x.value[column] == y.value[column], p.gone[formerly(a.meter, a.time, column, y.value[column])]:
			p.appended.Duplicates++
			continue
		default:
			p.replace(a.meter, a.time, headend.Columns[column], decode(column, x.value[column]), a.received)
		}
		x.value[column] = y.value[column]
		x.mask |= 1 << column
	}
	joined := a
	joined.mask, joined.quality = x.mask, a.quality|b.quality
	joined.received = max(a.received, b.received)
	joined.first = int32(len(p.values))
	for m := x.mask; m != 0; m &= m - 1 {
		p.values = append(p.values, x.value[bits.TrailingZeros64(m)])
	}
	return joined
}

func (p *pivot) replace(meter int32, at int64, q headend.Quantity, was headend.Value, received int64) {
	p.appended.Conflicts++
	p.gone[former{meter, at, q, was.String()}] = true
	p.history = append(p.history, replaced{meter: meter, time: at, quantity: q, value: was.String(), received: received})
}

func (p *pivot) settleOthers() {
	slices.SortFunc(p.others, func(a, b other) int {
		return cmp.Or(cmp.Compare(a.meter, b.meter), cmp.Compare(a.time, b.time), cmp.Compare(a.quantity, b.quantity), cmp.Compare(a.order, b.order))
	})
	p.appended.Readings += len(p.others)
}

// joinOthers leaves each key of the narrow table once; name gives a quantity's name for the history.
func (p *pivot) joinOthers(name func(int16) headend.Quantity) {
	kept := p.others[:0]
	for _, o := range p.others {
		n := len(kept)
		if n == 0 || kept[n-1].meter != o.meter || kept[n-1].time != o.time || kept[n-1].quantity != o.quantity {
			kept = append(kept, o)
			continue
		}
		p.appended.Readings--
		if kept[n-1].value == o.value || p.gone[former{o.meter, o.time, name(o.quantity), headend.Real(o.value).String()}] {
			p.appended.Duplicates++
			continue
		}
		p.replace(o.meter, o.time, name(o.quantity), headend.Real(kept[n-1].value), kept[n-1].received)
		kept[n-1] = o
	}
	p.others = kept
}

// lateAfter is how long after the end of an hour its readings are noted as late. Who looks for what is missing looks later
// than that, by more than a commit takes.
const lateAfter = 10 * time.Minute

// late lists, side by side, hours that ended before a moment and meters that have readings of them.
func (p *pivot) late(before time.Time) (hours []time.Time, meters []int32) {
	const hour = 3_600_000_000
	limit := micros(before) - hour
	some := false
	for h := range p.hours {
		some = some || h <= limit
	}
	if !some {
		return nil, nil
	}
	var last int64
	for i := range p.rows {
		r := &p.rows[i]
		h := r.time - mod(r.time, hour)
		if r.time == h { // a register of the full hour closes the hour before
			h -= hour
		}
		if n := len(meters); h > limit || n > 0 && meters[n-1] == r.meter && last == h {
			continue
		}
		hours, meters, last = append(hours, fromMicros(h)), append(meters, r.meter), h
	}
	return hours, meters
}

// touchMonths notes the months that need partitions.
func (p *pivot) touchMonths() {
	clear(p.months)
	for i := range p.rows {
		p.months[monthOf(p.rows[i].time)] = true
	}
	for i := range p.others {
		p.months[monthOf(p.others[i].time)] = true
	}
	for _, t := range p.events.time {
		p.months[monthOf(micros(t))] = true
	}
}

// mod is the remainder that is never negative.
func mod(a, b int64) int64 { return ((a % b) + b) % b }
