package timeseries

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
)

// Bounds of a look.
const (
	mostSlots    = 60
	notesKept    = 7 * time.Hour // behind what has been looked at: registers may be read up to 6 h before they are owed
	notesWaiting = 2 * 24 * time.Hour
	mostAgain    = 500_000 // rows that took the place of others, which are put together in memory
	gapsAtOnce   = 20_000
)

// Assess implements headend.BillingKeeper. Who brought what is read from the notes of arrivals; where they do not reach back, from
// the readings themselves, which say the same.
func (b *billingKeeper) Assess(ctx context.Context, duties []headend.Duty) ([]headend.Assessed, error) {
	if len(duties) == 0 {
		return nil, nil
	}
	looks := make([]*look, len(duties))
	for i := range duties {
		l, err := newLook(&duties[i])
		if err != nil {
			return nil, err
		}
		looks[i] = l
	}
	err := b.members(ctx, duties[0].Hour)
	if err == nil {
		err = b.arrived(ctx, looks)
	}
	if err == nil {
		err = b.owed(ctx, looks)
	}
	results := make([]headend.Assessed, len(looks))
	for i, l := range looks {
		if err == nil {
			err = b.count(ctx, l)
		}
		if err == nil {
			err = b.openGaps(ctx, l)
		}
		if err != nil {
			return nil, fmt.Errorf("duty of %s from %s: %w", l.duty.Schedule, l.duty.Hour.Format(time.RFC3339), err)
		}
		results[i] = l.result
	}
	return results, nil
}

// look is a duty being looked at. A slot is a bit in the sets of devices that have brought it, and of usage points that lack it.
type look struct {
	duty                          *headend.Duty
	column                        uint32
	slots, opens, closes, inUntil []int64 // µs since 2000
	got, inTime                   []set   // a slot, by number of the device
	lost                          []set   // by number of the usage point
	parts                         map[int32]*partCount
	lastTime                      int64 // whose slot is known
	lastSlot                      int
	result                        headend.Assessed
}

type partCount struct {
	organisation, gateway   int32
	model                   string
	expected, inTime, later int32
}

func newLook(d *headend.Duty) (*look, error) {
	if !d.Quantity.IsEnergy() {
		return nil, &headend.Unknown{What: "quantity", ID: string(d.Quantity)}
	}
	n := len(d.Slots)
	if n == 0 || n > mostSlots || len(d.Begins) != n {
		return nil, fmt.Errorf("a duty of %d slots and %d begins: 1 to %d slots are possible, each with its begin", n, len(d.Begins), mostSlots)
	}
	l := &look{duty: d, column: 1 << d.Quantity.Column(), got: make([]set, n), inTime: make([]set, n), lost: make([]set, n), parts: map[int32]*partCount{}, lastTime: math.MinInt64}
	for _, t := range d.Slots {
		l.slots = append(l.slots, micros(t))
		l.opens, l.closes = append(l.opens, micros(t.Add(-d.Tolerance))), append(l.closes, micros(t.Add(d.Tolerance)))
		l.inUntil = append(l.inUntil, micros(t.Add(d.Within)))
	}
	return l, nil
}

// slot is the one that a register of a time is for: the last that has opened, if it has not closed; else -1.
func (l *look) slot(at int64) int {
	if at == l.lastTime {
		return l.lastSlot
	}
	n, exact := slices.BinarySearch(l.opens, at)
	if !exact {
		n--
	}
	if n >= 0 && at > l.closes[n] {
		n = -1
	}
	l.lastTime, l.lastSlot = at, n
	return n
}

// take counts a row for the slot it is for.
func (l *look) take(r *arrived) {
	if r.mask&l.column == 0 || r.quality&l.duty.Against != 0 {
		return
	}
	if n := l.slot(r.time); n >= 0 {
		l.got[n].add(r.meter)
		if r.received <= l.inUntil[n] {
			l.inTime[n].add(r.meter)
		}
	}
}

// set is a set of numbers of the registry, which are dense and from 1.
type set []uint64

func (s *set) add(n int32) {
	if n < 0 {
		return
	}
	at := int(n >> 6)
	for at >= len(*s) {
		*s = append(*s, make([]uint64, max(1024, len(*s), at+1-len(*s)))...)
	}
	(*s)[at] |= 1 << (n & 63)
}

func (s set) has(n int32) bool {
	at := int(n >> 6)
	return n >= 0 && at < len(s) && s[at]&(1<<(n&63)) != 0
}

// arrived lets looks take what came, from notes as far as these reach.
func (b *billingKeeper) arrived(ctx context.Context, looks []*look) error {
	from, to := int64(math.MaxInt64), int64(math.MinInt64)
	for _, l := range looks {
		from, to = min(from, l.opens[0]), max(to, l.closes[len(l.closes)-1])
	}
	var again int64
	var noted *bool
	if err := b.tx.QueryRow(ctx, sqlArrivalCount, fromMicros(from), fromMicros(to), notesKept).Scan(&again, &noted); err != nil {
		return fmt.Errorf("notes of arrivals: %w", err)
	}
	if noted == nil || !*noted || again > mostAgain {
		return b.readings(ctx, looks, from, to)
	}
	take := func(r *arrived) {
		for _, l := range looks {
			l.take(r)
		}
	}
	doubt := set{}
	var held []arrived
	if again > 0 {
		if err := b.notes(ctx, from, to, 1, func(r *arrived) {
			if r.again {
				doubt.add(r.meter)
			}
		}); err != nil {
			return err
		}
	}
	if err := b.notes(ctx, from, to, 0, func(r *arrived) {
		if doubt.has(r.meter) {
			held = append(held, *r)
			return
		}
		take(r)
	}); err != nil {
		return err
	}
	for _, r := range joinArrived(held) {
		take(&r)
	}
	return nil
}

// joinArrived puts together what notes say of one row, as Append does with the rows: it has all registers, all reservations, and
// was received when the last was.
func joinArrived(rows []arrived) []arrived {
	slices.SortFunc(rows, func(a, b arrived) int {
		if a.meter != b.meter {
			return int(a.meter) - int(b.meter)
		}
		return int(max(-1, min(1, a.time-b.time)))
	})
	kept := rows[:0]
	for _, r := range rows {
		if n := len(kept) - 1; n >= 0 && kept[n].meter == r.meter && kept[n].time == r.time {
			kept[n].mask, kept[n].quality, kept[n].received = kept[n].mask|r.mask, kept[n].quality|r.quality, max(kept[n].received, r.received)
			continue
		}
		kept = append(kept, r)
	}
	return kept
}

// notes passes the rows of notes of a closed time to take: of all notes, or of those with at least so many rows that took the
// place of others.
func (b *billingKeeper) notes(ctx context.Context, from, to int64, again int, take func(*arrived)) error {
	rows, err := b.tx.Query(ctx, sqlArrivalRead, fromMicros(from), fromMicros(to), again)
	if err != nil {
		return fmt.Errorf("notes of arrivals: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		raw := rows.RawValues()
		hour := rawInt64(raw[0])
		if err := readArrivals(hour, raw[1], take); err != nil {
			return fmt.Errorf("hour %s: %w", fromMicros(hour).Format(time.RFC3339), err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("notes of arrivals: %w", err)
	}
	return nil
}

// readings lets looks take what is stored.
func (b *billingKeeper) readings(ctx context.Context, looks []*look, from, to int64) error {
	var mask []string
	for _, l := range looks {
		bit := fmt.Sprintf("(%s IS NOT NULL)::int * %d", pgx.Identifier{string(l.duty.Quantity)}.Sanitize(), l.column)
		if !slices.Contains(mask, bit) {
			mask = append(mask, bit)
		}
	}
	rows, err := b.tx.Query(ctx, strings.Replace(sqlBillingAssessRead, "/*mask*/", strings.Join(mask, " + "), 1), fromMicros(from), fromMicros(to))
	if err != nil {
		return fmt.Errorf("readings: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		raw := rows.RawValues()
		r := arrived{meter: rawInt32(raw[0]), time: rawInt64(raw[1]), received: rawInt64(raw[2]), quality: headend.Quality(rawInt16(raw[3])), mask: uint32(rawInt32(raw[4]))}
		for _, l := range looks {
			l.take(&r)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("readings: %w", err)
	}
	return nil
}

// owed goes through who owes, once for all looks.
func (b *billingKeeper) owed(ctx context.Context, looks []*look) error {
	from, to := int64(math.MaxInt64), int64(math.MinInt64)
	for _, l := range looks {
		from, to = min(from, l.slots[0]), max(to, l.slots[len(l.slots)-1])
	}
	if err := b.parts(ctx, looks); err != nil {
		return fmt.Errorf("who owes: %w", err)
	}
	if err := b.eachMember(ctx, func(m *member) {
		if m.from >= to || m.to < from {
			return
		}
		for _, l := range looks {
			if p := l.parts[m.part]; p != nil {
				l.member(p, m)
			}
		}
	}); err != nil {
		return fmt.Errorf("who owes: %w", err)
	}
	return nil
}

// member counts what a device owes at a usage point and has brought.
func (l *look) member(p *partCount, m *member) {
	expected, inTime, later := int32(0), int32(0), int32(0)
	for n, slot := range l.slots {
		switch {
		case slot <= m.from || slot > m.to:
			continue
		case l.inTime[n].has(m.device):
			inTime++
		case l.got[n].has(m.device):
			later++
		default:
			l.lost[n].add(m.point)
		}
		expected++
	}
	if expected == 0 {
		return
	}
	p.expected, p.inTime, p.later = p.expected+expected, p.inTime+inTime, p.later+later
	l.result.Devices++
	l.result.Expected += int(expected)
	l.result.Missing += int(expected - inTime - later)
}

// parts tells the looks whose duty is whose.
func (b *billingKeeper) parts(ctx context.Context, looks []*look) error {
	rows, err := b.tx.Query(ctx, sqlBillingAssessPart)
	if err != nil {
		return err
	}
	var number int32
	var p partCount
	var typed bool
	_, err = pgx.ForEachRow(rows, []any{&number, &p.organisation, &p.gateway, &p.model, &typed}, func() error {
		for _, l := range looks {
			if slices.Contains(l.duty.Models, p.model) || l.duty.Others && !typed {
				own := p
				l.parts[number] = &own
			}
		}
		return nil
	})
	return err
}

// count stores read success.
func (b *billingKeeper) count(ctx context.Context, l *look) error {
	var organisations, gateways, expected, inTime, later []int32
	var models []string
	for _, p := range l.parts {
		if p.expected > 0 {
			organisations, gateways, models = append(organisations, p.organisation), append(gateways, p.gateway), append(models, p.model)
			expected, inTime, later = append(expected, p.expected), append(inTime, p.inTime), append(later, p.later)
		}
	}
	if len(models) == 0 {
		return nil
	}
	_, err := b.tx.Exec(ctx, sqlBillingAssessCount, l.duty.Hour, l.duty.Schedule, string(l.duty.Quantity), organisations, gateways, models, expected, inTime, later)
	return err
}

// openGaps stores the runs of slots that usage points lack.
func (b *billingKeeper) openGaps(ctx context.Context, l *look) error {
	var points []int32
	var from, to []time.Time
	flush := func() error {
		var opened, extended int
		if len(points) == 0 {
			return nil
		}
		d := l.duty
		err := b.tx.QueryRow(ctx, sqlBillingAssessGap, points, from, to, string(d.Quantity), d.Now, d.First, d.Spread).Scan(&opened, &extended)
		l.result.Gaps, l.result.Extended = l.result.Gaps+opened, l.result.Extended+extended
		points, from, to = points[:0], from[:0], to[:0]
		return err
	}
	longest := 0
	for _, s := range l.lost {
		longest = max(longest, len(s))
	}
	for word := range longest {
		some := uint64(0)
		for _, s := range l.lost {
			if word < len(s) {
				some |= s[word]
			}
		}
		for ; some != 0; some &= some - 1 {
			point := int32(word<<6 + bits.TrailingZeros64(some))
			for first, last := range l.runs(point) {
				points, from, to = append(points, point), append(from, l.duty.Begins[first]), append(to, l.duty.Slots[last])
			}
		}
		if len(points) >= gapsAtOnce {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// runs yields the first and last slot of each run that a usage point lacks.
func (l *look) runs(point int32) func(func(first, last int) bool) {
	return func(yield func(first, last int) bool) {
		first := -1
		for n := 0; n <= len(l.lost); n++ {
			lacks := n < len(l.lost) && l.lost[n].has(point)
			switch {
			case lacks && first < 0:
				first = n
			case !lacks && first >= 0:
				if !yield(first, n-1) {
					return
				}
				first = -1
			}
		}
	}
}
