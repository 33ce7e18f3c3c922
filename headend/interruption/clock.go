package interruption

import "slices"

// sync is one look at a device's clock.
type sync struct {
	at     moment // true time
	offset moment // the clock was ahead by so much
	set    bool   // and was set right
}

func (s sync) after() moment {
	if s.set {
		return 0
	}
	return s.offset
}

// clock is what is known of a device's clock, in order of time.
type clock []sync

// add keeps the order; it tells whether the sync is new.
func (c *clock) add(s sync) bool {
	if slices.Contains(*c, s) {
		return false
	}
	*c = append(*c, s)
	slices.SortFunc(*c, func(a, b sync) int {
		if k := compare(a.at, b.at); k != 0 {
			return k
		}
		return compare(a.offset, b.offset)
	})
	return true
}

// before is the true time of the last sync before a moment; unknown when there is none.
func (c clock) before(m moment) moment {
	last := unknown
	for _, s := range c {
		if s.at < m {
			last = s.at
		}
	}
	return last
}

// prune drops what is older than a moment but the last of it, which still holds.
func (c clock) prune(before moment) clock {
	k := 0
	for k+1 < len(c) && c[k+1].at < before {
		k++
	}
	return slices.Delete(c, 0, k)
}

// ahead is by how much the clock was ahead when it showed m: the offset at the syncs, linear between them, the
// nearest outside (case 19).
func (c clock) ahead(m moment) moment {
	if len(c) == 0 {
		return 0
	}
	i := 0
	for i < len(c) && c[i].at+c[i].offset < m {
		i++
	}
	switch {
	case i == 0:
		return c[0].offset
	case i == len(c):
		return c[i-1].after()
	}
	from, to := c[i-1].at+c[i-1].after(), c[i].at+c[i].offset
	if m <= from || to <= from {
		return c[i-1].after()
	}
	share := float64(m-from) / float64(to-from)
	return c[i-1].after() + moment(share*float64(c[i].offset-c[i-1].after()))
}

// correct is the true time of what the clock showed.
func (c clock) correct(m moment) moment { return m - c.ahead(m) }
