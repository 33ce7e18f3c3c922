package interruption

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// book is a store of rows as a runner keeps it: every version by usage point, id and revision.
type book struct {
	d       *Detector
	rows    map[string]Interruption // by usage point and id, the last version
	gone    map[string]bool
	outages map[uint64]Outage
	dropped map[uint64]bool
}

func newBook(d *Detector) *book {
	return &book{d: d, rows: map[string]Interruption{}, gone: map[string]bool{}, outages: map[uint64]Outage{}, dropped: map[uint64]bool{}}
}

// write takes changes in and says what a store would refuse.
func (b *book) write(c Changes) error {
	for _, r := range c.Interruptions {
		key := fmt.Sprintf("%s/%d", b.d.net.PointID(r.Point), r.ID)
		old, known := b.rows[key]
		switch {
		case r.ID == 0:
			return fmt.Errorf("%s has no id", key)
		case b.gone[key]:
			return fmt.Errorf("%s is told again after it was removed", key)
		case !known && r.Revision != 1 || known && r.Revision != old.Revision+1:
			return fmt.Errorf("%s: revision %d after %d", key, r.Revision, old.Revision)
		case r.Reason == "":
			return fmt.Errorf("%s revision %d has no reason", key, r.Revision)
		}
		b.rows[key] = r
	}
	for _, r := range c.Removed {
		key := fmt.Sprintf("%s/%d", b.d.net.PointID(r.Point), r.ID)
		if old, known := b.rows[key]; !known || b.gone[key] || r.Revision != old.Revision+1 || r.Reason == "" {
			return fmt.Errorf("%s is removed as revision %d (%q), known %v, gone %v", key, r.Revision, r.Reason, known, b.gone[key])
		}
		b.gone[key] = true
	}
	for _, o := range c.Outages {
		if b.dropped[o.ID] {
			return fmt.Errorf("outage %d is told again after it was withdrawn", o.ID)
		}
		b.outages[o.ID] = o
	}
	if len(c.Retracted) != len(c.Withdrawn) {
		return fmt.Errorf("%d outages withdrawn, %d with a reason", len(c.Withdrawn), len(c.Retracted))
	}
	for i, r := range c.Retracted {
		if _, known := b.outages[r.ID]; r.ID != c.Withdrawn[i] || r.Reason == "" || !known || b.dropped[r.ID] {
			return fmt.Errorf("outage %d is withdrawn with reason %q, known %v", r.ID, r.Reason, known)
		}
		b.dropped[r.ID] = true
	}
	return nil
}

// current is what the store holds, in the detector's order.
func (b *book) current() []Interruption {
	var out []Interruption
	for key, r := range b.rows {
		if !b.gone[key] {
			out = append(out, r)
		}
	}
	return inOrder(out)
}

func inOrder(rows []Interruption) []Interruption {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b Interruption) int {
		if a.Point != b.Point {
			return compare(a.Point, b.Point)
		}
		return a.begins().Compare(b.begins())
	})
	return rows
}

// news tells whether changes say nothing that a store would write.
func news(c Changes) string {
	if len(c.Outages)+len(c.Withdrawn)+len(c.Retracted)+len(c.Interruptions)+len(c.Removed) == 0 {
		return ""
	}
	return fmt.Sprintf("outages %+v, withdrawn %v, interruptions %+v, removed %+v", c.Outages, c.Retracted, c.Interruptions, c.Removed)
}

func reload(t interface{ Fatal(...any) }, s Snapshot) Snapshot {
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var kept Snapshot
	if err := json.Unmarshal(text, &kept); err != nil {
		t.Fatal(err)
	}
	return kept
}

// A store that appends what is told, over random late evidence and a restart in the middle, holds the ledger: ids are stable, never
// used twice, each version follows the one before, and after a restart the same set in another order tells nothing new.
func TestRowsKeepTheirIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		d := New(w.net, Settings{})
		b := newBook(d)
		write := func(c Changes) {
			if err := b.write(c); err != nil {
				t.Fatal(err)
			}
		}
		every, killed := 1+rapid.IntRange(0, 20).Draw(t, "every"), rapid.IntRange(0, len(w.evidence)).Draw(t, "killed")
		for i := range w.evidence {
			d.Observe(&w.evidence[i])
			if i == len(w.evidence)/3 {
				for _, p := range w.plans {
					d.Plan(p)
				}
				for _, x := range w.decided {
					d.Decide(x)
				}
			}
			if i%every == 0 {
				write(d.Advance(w.evidence[i].Received))
			}
			if i == killed {
				now := w.evidence[i].Received.Add(2 * time.Minute) // so that none waits to be derived
				write(d.Advance(now))
				d = w.again(t, d, i, now)
				b.d = d
			}
		}
		end := noon.Add(40 * time.Hour)
		write(d.Advance(end))
		write(d.Advance(end.Add(2 * time.Minute)))
		if diff := cmp.Diff(inOrder(d.Interruptions()), b.current()); diff != "" {
			t.Fatalf("the store holds something else than the detector:\n%s", diff)
		}
		for _, r := range b.current() {
			if b.dropped[r.Outage] {
				t.Errorf("row %d is part of outage %d, which is withdrawn", r.ID, r.Outage)
			}
		}
		if len(w.evidence) > 0 {
			w.again(t, d, len(w.evidence)-1, end.Add(2*time.Minute))
		}
	})
}

// again starts a new detector from a snapshot with everything that was observed, in another order; it has nothing to tell.
func (w *world) again(t *rapid.T, old *Detector, last int, now time.Time) *Detector {
	kept := reload(t, old.Snapshot(nil))
	d := New(w.net, Settings{})
	d.Restore(kept)
	order := make([]int, last+1)
	for i := range order {
		order[i] = i
	}
	for _, i := range rapid.Permutation(order).Draw(t, "replay") {
		d.Observe(&w.evidence[i])
	}
	if last >= len(w.evidence)/3 {
		for _, p := range w.plans {
			d.Plan(p)
		}
		for _, x := range w.decided {
			d.Decide(x)
		}
	}
	if why := news(d.Advance(now)); why != "" {
		t.Fatalf("after a restart it tells what is not new: %s", why)
	}
	return d
}

// A restart after the outages have left memory does not bring them back, and one that lasts longer than the window stays.
func TestRestartAfterTheWindow(t *testing.T) {
	n := grid(t, 100)
	say := func(d *Detector, kind Kind, p int, m time.Time) {
		e := Evidence{Kind: kind, Device: meterOf(n, p), Gateway: NoDevice, Time: m, Received: m, Seq: 7}
		d.Observe(&e)
	}
	feed := func(d *Detector, since time.Time) {
		for p := range 100 {
			for m := noon.Add(-2 * time.Hour); m.Before(noon.Add(100 * time.Hour)); m = m.Add(15 * time.Minute) {
				dark := p < 50 && m.After(noon) && m.Before(noon.Add(time.Hour)) || p >= 50 && m.After(noon.Add(10*time.Hour))
				if !dark && m.After(since) {
					say(d, LifeSign, p, m)
				}
			}
		}
		for p := range 100 {
			switch {
			case p < 50:
				say(d, PowerDown, p, noon)
				say(d, PowerUp, p, noon.Add(time.Hour))
			default:
				say(d, PowerDown, p, noon.Add(10*time.Hour))
			}
		}
	}
	d := New(n, Settings{})
	b := newBook(d)
	feed(d, time.Time{})
	if err := b.write(d.Advance(noon.Add(20 * time.Hour))); err != nil {
		t.Fatal(err)
	}
	if k := len(d.Interruptions()); k != 100 {
		t.Fatalf("%d interruptions", k)
	}
	if c := d.Advance(noon.Add(100 * time.Hour)); len(c.Removed)+len(c.Withdrawn) > 0 || len(d.Interruptions()) != 50 {
		t.Fatalf("%d removed, %d withdrawn, %d held", len(c.Removed), len(c.Withdrawn), len(d.Interruptions()))
	}
	kept := reload(t, d.Snapshot(nil))
	if kept.NextRow != 101 {
		t.Errorf("next row %d", kept.NextRow)
	}
	for _, stored := range []bool{false, true} {
		if stored { // put together from what was told
			kept.Kept, kept.Interruptions, kept.Outages = nil, b.current(), slices.Collect(maps.Values(b.outages))
		}
		again := New(n, Settings{})
		again.Restore(kept)
		feed(again, kept.ReplayFrom)
		if why := news(again.Advance(noon.Add(101 * time.Hour))); why != "" {
			t.Errorf("it tells what is not new: %.600s", why)
		}
		if k := len(again.Interruptions()); k != 50 {
			t.Errorf("%d interruptions", k)
		}
	}
}

// Joined rows keep the id of the earlier, parts that are split off are new, and what is withdrawn says why.
func TestRowsJoinSplitAndGo(t *testing.T) {
	n := grid(t, 1)
	d := New(n, Settings{})
	b := newBook(d)
	say := func(kind Kind, m, length time.Duration) {
		e := Evidence{Kind: kind, Device: meterOf(n, 0), Gateway: NoDevice, Time: noon.Add(m), Received: noon.Add(m), Duration: length, Seq: -1}
		d.Observe(&e)
	}
	step := func(m time.Duration, want ...string) {
		t.Helper()
		c := d.Advance(noon.Add(m))
		if err := b.write(c); err != nil {
			t.Error(err)
		}
		var got []string
		for _, r := range c.Interruptions {
			got = append(got, fmt.Sprintf("%d.%d", r.ID, r.Revision))
		}
		for _, r := range c.Removed {
			got = append(got, fmt.Sprintf("-%d.%d %s", r.ID, r.Revision, r.Reason))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after %v:\n%s", m, diff)
		}
	}
	say(LifeSign, -15*time.Minute, 0)
	say(LifeSign, 0, 0)
	say(PowerDown, 7*time.Minute, 0)
	say(PowerUp, 20*time.Minute, 0)
	say(PowerDown, 40*time.Minute, 0)
	say(PowerUp, 45*time.Minute, 0)
	step(time.Hour, "1.1", "2.1")
	say(PowerFailure, 45*time.Minute, 37*time.Minute) // the log knows one, from 8 to 45
	step(2*time.Hour, "1.2", "-2.2 it is one with interruption 1")
	say(PowerDown, 4*time.Hour, 0)
	step(4*time.Hour+time.Minute, "3.1")
	say(LogRead, 5*time.Hour, 5*time.Hour) // and not this one
	say(LifeSign, 4*time.Hour+20*time.Minute, 0)
	step(5*time.Hour, "-3.2 the meter's own log or counter does not have it")
	if len(b.dropped) != 2 {
		t.Errorf("%d outages withdrawn", len(b.dropped))
	}
}
