package main

import "time"

// ledger is what a head-end says, in the words that it is compared by.
type ledger struct {
	rows    []toldRow
	outages map[int64]*toldOutage
}

// toldRow is one interruption of one usage point.
type toldRow struct {
	point      string
	start, end time.Time // zero: not known, it lasts
	notBefore  time.Time // where start is not known
	outage     int64
	planned    bool
}

// toldOutage is one outage as it stands at the end, and how it was seen before.
type toldOutage struct {
	node, point string // node "": point alone
	part        bool
	withdrawn   bool
	why         string
	shown       []shown // while it was suspected or confirmed, in order of time
}

// shown is what operators saw of an outage from a time on.
type shown struct {
	at   time.Time
	node string
}

// lapses are those of each usage point until a time. A start that is not known is the last sign of life.
func (l *ledger) lapses(until time.Time) map[string][]lapse {
	all := map[string][]lapse{}
	for i := range l.rows {
		r := &l.rows[i]
		x := lapse{from: r.start, to: r.end, outage: r.outage, planned: r.planned}
		if x.to.IsZero() || x.to.After(until) {
			x.to = until
		}
		if x.from.IsZero() {
			x.from = r.notBefore
		}
		if x.from.IsZero() || x.from.After(x.to) {
			x.from = x.to
		}
		all[r.point] = append(all[r.point], x)
	}
	for point := range all {
		all[point] = unite(all[point])
	}
	return all
}

// reason is where an outage is, and why, in one line.
func (l *ledger) reason(outage int64) string {
	o := l.outages[outage]
	if o == nil {
		return "no such outage"
	}
	return o.node + o.point + ": " + o.why
}
