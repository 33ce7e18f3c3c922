package runner

import (
	"cmp"
	"slices"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/interruption"
)

// counts are the failures that only counters know of, as they were last told.
type counts struct {
	told     map[countKey]headend.CountedFailures
	compared bool // with a detector that has derived
}

// countKey is two readings of one counter.
type countKey struct {
	point    string
	from, to int64 // milliseconds
	short    bool
}

func keyOf(c *headend.CountedFailures) countKey {
	return countKey{c.UsagePoint, c.From.UnixMilli(), c.To.UnixMilli(), c.Short}
}

func newCounts(stored []headend.CountedFailures) *counts {
	c := &counts{told: make(map[countKey]headend.CountedFailures, len(stored))}
	for i := range stored {
		c.told[keyOf(&stored[i])] = stored[i]
	}
	return c
}

// due tells whether what the detector changed may have changed counts. What becomes known leaves the list, so a change of
// rows is reason enough.
func (c *counts) due(changes *interruption.Changes) bool {
	return !c.compared || len(changes.Counted)+len(changes.Interruptions)+len(changes.Removed) > 0
}

// changed compares all that counters say now with what was told. What begins before floor the detector may have forgotten:
// it stays as it was told.
func (c *counts) changed(now []interruption.Counted, network *interruption.Network, floor time.Time) []headend.CountedFailures {
	c.compared = true
	var out []headend.CountedFailures
	said := make(map[countKey]bool, len(now))
	for i := range now {
		n := &now[i]
		f := headend.CountedFailures{UsagePoint: network.PointID(n.Point), From: n.From, To: n.To, Failures: n.Failures, Known: n.Known, Short: n.Short, Overflow: n.Overflow}
		key := keyOf(&f)
		said[key] = true
		if was, ok := c.told[key]; !ok || was.Failures != f.Failures || was.Known != f.Known || was.Overflow != f.Overflow {
			c.told[key] = f
			out = append(out, f)
		}
	}
	for key, f := range c.told {
		switch {
		case said[key]:
		case !f.From.Before(floor):
			f.Withdrawn = true
			out = append(out, f)
			delete(c.told, key)
		case f.To.Before(floor):
			delete(c.told, key)
		}
	}
	slices.SortFunc(out, func(a, b headend.CountedFailures) int {
		return cmp.Or(cmp.Compare(a.UsagePoint, b.UsagePoint), a.From.Compare(b.From), a.To.Compare(b.To))
	})
	return out
}
