package interruption

import "slices"

// lives is the set of minutes in which a usage point gave a sign of life, by its meter's clock: slot m is from
// half a minute before minute m to half a minute after, so that readings on the minute stay in one slot however the
// clock trembles.
//
// Meters report in a rhythm, so the set is kept as arithmetic progressions: a day of quarter-hourly readings
// without a gap is one run of 8 bytes. The progressions differ with the order of arrival, the set does not, and
// only the set is ever asked for. The newest runs stand in the record itself.
type lives struct {
	inline [2]run // [0] is the newest; n = 0: not used
}

// run is the slots from, from+step, … n of them.
type run struct {
	from uint32
	step uint16 // 0 when n is 1
	n    uint16
}

func (r run) last() uint32 { return r.from + uint32(r.step)*uint32(r.n-1) }

const halfMinute = minute / 2

func slotOf(m moment) uint32 {
	if m < 0 {
		return 0
	}
	return uint32((m + halfMinute) / minute)
}

// add takes a slot in; it tells whether it is new.
func (r *run) add(slot uint32) (taken, fresh bool) {
	switch {
	case r.n == 0:
		*r = run{slot, 0, 1}
		return true, true
	case r.n == 1:
		if slot == r.from {
			return true, false
		}
		low, high := min(slot, r.from), max(slot, r.from)
		if high-low > 1<<15 {
			return false, false
		}
		*r = run{low, uint16(high - low), 2}
		return true, true
	case slot >= r.from && slot <= r.last():
		if (slot-r.from)%uint32(r.step) == 0 {
			return true, false
		}
		return false, false
	case r.n == 1<<16-1:
		return false, false
	case slot == r.last()+uint32(r.step):
		r.n++
		return true, true
	case slot == r.from-uint32(r.step):
		r.from, r.n = slot, r.n+1
		return true, true
	}
	return false, false
}

// add takes a sign of life in. more are the older runs, which the caller keeps; it is returned changed.
func (l *lives) add(slot uint32, more []run) ([]run, bool) {
	if taken, fresh := l.inline[0].add(slot); taken {
		if fresh {
			more = l.join(more)
		}
		return more, fresh
	}
	if taken, fresh := l.inline[1].add(slot); taken && l.inline[1].n != 1 || taken && !fresh {
		if fresh {
			more = l.join(more)
		}
		return more, fresh
	} else if taken { // the second place was empty: the newer of the two stands first
		if l.inline[1].from > l.inline[0].last() {
			l.inline[0], l.inline[1] = l.inline[1], l.inline[0]
		}
		return more, true
	}
	for i := range more {
		if taken, fresh := more[i].add(slot); taken {
			return more, fresh
		}
	}
	if slot > l.inline[0].last() {
		more = append(more, l.inline[1])
		l.inline[1] = l.inline[0]
		l.inline[0] = run{slot, 0, 1}
	} else {
		more = append(more, run{slot, 0, 1})
	}
	if len(more) >= 16 && len(more)&(len(more)-1) == 0 {
		more = l.repack(more, 0)
	}
	return more, true
}

// join makes one run of the two newest where a late slot has closed the gap between them.
func (l *lives) join(more []run) []run {
	a, b := &l.inline[1], &l.inline[0]
	if a.n == 0 || b.n == 0 || int(a.n)+int(b.n) >= 1<<16 {
		return more
	}
	step := a.step
	if step == 0 {
		step = b.step
	}
	if step == 0 || a.step != step && a.n > 1 || b.step != step && b.n > 1 || a.last()+uint32(step) != b.from {
		return more
	}
	l.inline[0] = run{a.from, step, a.n + b.n}
	l.inline[1] = run{}
	if k := len(more); k > 0 {
		l.inline[1] = more[k-1]
		more = more[:k-1]
	}
	return more
}

// repack writes the set anew in order, without what is before the slot.
func (l *lives) repack(more []run, before uint32) []run {
	var slots []uint32
	l.each(more, func(r run) {
		for i := range uint32(r.n) {
			if s := r.from + i*uint32(r.step); s >= before {
				slots = append(slots, s)
			}
		}
	})
	slices.Sort(slots)
	slots = slices.Compact(slots)
	var runs []run
	for _, s := range slots {
		if k := len(runs); k > 0 {
			last := &runs[k-1]
			if last.n == 1 && s-last.from < 1<<15 || last.n > 1 && last.n < 1<<16-1 && s == last.last()+uint32(last.step) {
				last.add(s)
				continue
			}
		}
		runs = append(runs, run{s, 0, 1})
	}
	l.inline = [2]run{}
	for i := range l.inline {
		if k := len(runs); k > 0 {
			l.inline[i] = runs[k-1]
			runs = runs[:k-1]
		}
	}
	return runs
}

func (l *lives) each(more []run, do func(run)) {
	for _, r := range l.inline {
		if r.n > 0 {
			do(r)
		}
	}
	for _, r := range more {
		do(r)
	}
}

// rhythm is the distance of a point's signs of life just before m: the smaller of the last two distances, or 0
// when there were not three. It is a question to the set, like before and after.
func (l *lives) rhythm(m moment, more []run) moment {
	last := l.before(m, more)
	if last == unknown {
		return 0
	}
	second := l.before(last, more)
	if second == unknown {
		return 0
	}
	third := l.before(second, more)
	if third == unknown {
		return 0
	}
	return min(last-second, second-third)
}

// before is the minute of the last sign wholly before m, unknown when there is none. What a reading says of its minute may
// be from the end of it, so the minute must be over.
func (l *lives) before(m moment, more []run) moment {
	if m < minute {
		return unknown
	}
	limit := uint32((m - minute) / minute)
	found := int64(-1)
	look := func(r run) {
		switch {
		case r.from > limit:
		case r.n == 1:
			found = max(found, int64(r.from))
		default:
			k := min((limit-r.from)/uint32(r.step), uint32(r.n)-1)
			found = max(found, int64(r.from+k*uint32(r.step)))
		}
	}
	l.each(more, look)
	if found < 0 {
		return unknown
	}
	return moment(found) * minute
}

// after is the beginning of the first slot that begins at or after m, open when there is none.
func (l *lives) after(m moment, more []run) moment {
	limit := uint32(max(0, (m+halfMinute+minute-1)/minute))
	found := int64(-1)
	look := func(r run) {
		s := r.from
		if s < limit {
			if r.n == 1 || r.last() < limit {
				return
			}
			s += (limit - s + uint32(r.step) - 1) / uint32(r.step) * uint32(r.step)
		}
		if found < 0 || int64(s) < found {
			found = int64(s)
		}
	}
	l.each(more, look)
	if found < 0 {
		return open
	}
	return moment(found)*minute - halfMinute
}
