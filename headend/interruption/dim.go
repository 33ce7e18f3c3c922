package interruption

import (
	"slices"

	"lastgasp/headend"
)

// dim is a set of minutes of which a meter's readings say the same of its voltage: it lives, and has none at these phases.
// It is kept as signs of life are, so a phase that is dead for days takes little room, and the order of arrival cannot
// show in it.
type dim struct {
	lives
	more []run
	what headend.Phases // 0: none at all; unmeasured
}

// unmeasured are the minutes in which a meter of several phases gave a sign of life that does not tell of all of them.
const unmeasured headend.Phases = 0xff

// dimmed takes a minute in; it tells whether it is new, and whether it is the first for hours.
func (d *dossier) dimmed(what headend.Phases, m moment) (fresh, first bool) {
	i := slices.IndexFunc(d.dims, func(x dim) bool { return x.what == what })
	if i < 0 {
		i = len(d.dims)
		d.dims = append(d.dims, dim{what: what})
	}
	x := &d.dims[i]
	last := x.lives.before(m+minute, x.more)
	x.more, fresh = x.lives.add(slotOf(m), x.more)
	return fresh, last == unknown || m-last > 2*60*minute
}

// silent tells that nothing is known but signs of life.
func (d *dossier) silent() bool {
	return len(d.events) == 0 && !slices.ContainsFunc(d.dims, func(x dim) bool { return x.what != unmeasured })
}

// first is the time of the first event there is.
func (d *dossier) first() moment {
	m := open
	if len(d.events) > 0 {
		m = d.events[0].at
	}
	for i := range d.dims {
		d.dims[i].each(d.dims[i].more, func(r run) { m = min(m, moment(r.from)*minute) })
	}
	return m
}

// spoken are the events that the minutes stand for.
func (s *subject) spoken(dims []dim) []said {
	var out []said
	for i := range dims {
		x := &dims[i]
		if x.what == unmeasured {
			continue
		}
		kind := PhaseLost
		if x.what == 0 {
			kind = SupplyAbsent
		}
		x.each(x.more, func(r run) {
			for k := range uint32(r.n) {
				at := moment(r.from+k*uint32(r.step)) * minute
				e := event{at: at, seq: headend.NoSeq, value: int64(minute), device: s.d.net.meterAt(s.point, at), gateway: NoDevice, kind: kind, phases: x.what}
				m := at
				if len(s.d.clocks) > 0 {
					m = s.d.clocks[e.device].correct(m)
				}
				if !s.d.suppressed(s.point, kind, m) {
					out = append(out, said{e, m})
				}
			}
		})
	}
	return out
}

// measured is the first minute wholly after m, before the end, in which voltage was measured at the phases; open: there is
// none.
func (s *subject) measured(phases headend.Phases, m, end moment) moment {
	return s.lit(m, end, func(what headend.Phases) bool { return what == 0 || what == unmeasured || what&phases != 0 })
}

// lit is the first sign of life wholly after m, before the end, in a minute of which the readings do not say what is
// dark by that; open: there is none.
func (s *subject) lit(m, end moment, dark func(what headend.Phases) bool) moment {
	for {
		life := s.lifeAfter(m)
		if life >= end {
			return open
		}
		slot := slotOf(s.shown(life))
		if !slices.ContainsFunc(s.dims, func(x dim) bool {
			return dark(x.what) && x.has(slot, x.more)
		}) {
			return life
		}
		m = life + halfMinute
	}
}

// lifeWith is the first sign of life after m that says the phases have voltage; of a meter that never tells of all its
// voltages, any that does not say they are dark.
func (s *subject) lifeWith(phases headend.Phases, m moment) moment {
	if s.measured(phases, m-24*60*minute, open) == open {
		return s.lit(m, open, func(what headend.Phases) bool { return what != unmeasured && (what == 0 || what&phases != 0) })
	}
	return s.measured(phases, m, open)
}

// has tells whether a slot is in the set.
func (l *lives) has(slot uint32, more []run) bool {
	found := false
	l.each(more, func(r run) {
		found = found || r.n == 1 && slot == r.from || r.n > 1 && slot >= r.from && slot <= r.last() && (slot-r.from)%uint32(r.step) == 0
	})
	return found
}

// pruneDims drops minutes from before a slot.
func (d *dossier) pruneDims(before uint32) {
	for i := range d.dims {
		d.dims[i].more = d.dims[i].repack(d.dims[i].more, before)
	}
	d.dims = slices.DeleteFunc(d.dims, func(x dim) bool { return x.inline[0].n == 0 && len(x.more) == 0 })
}
