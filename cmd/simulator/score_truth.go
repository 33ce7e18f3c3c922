package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"lastgasp/headend"
	"lastgasp/simulator"
)

// sustained is the length above which an interruption counts for SAIFI and SAIDI: strictly more than it.
const sustained = 5 * time.Minute

// truth is what a ledger is compared with. It is a simulator.Truth that keeps what is asked for later.
type truth struct {
	from, to      time.Time // the period that is compared; interruptions are cut at its end
	interruptions []simulator.Interruption
	damages       []simulator.Damage
	gasps         map[string][]time.Time // by usage point: when gasps that got through were sent
}

func newTruth() *truth { return &truth{gasps: map[string][]time.Time{}} }

func (t *truth) Reading(*simulator.Measurement, simulator.Fate) error { return nil }

func (t *truth) Happened(h *simulator.Happening, fate simulator.Fate) error {
	if h.Event == headend.EventPowerDown && fate != simulator.FateLost && h.UsagePoint != "" && !h.MadeUp {
		t.gasps[h.UsagePoint] = append(t.gasps[h.UsagePoint], h.Said)
	}
	return nil
}

func (t *truth) Interrupted(i simulator.Interruption) error {
	t.interruptions = append(t.interruptions, i)
	return nil
}

func (t *truth) Damaged(d simulator.Damage) error {
	t.damages = append(t.damages, d)
	return nil
}

// readTruth reads what simulator run --truth wrote. The period is what its lines speak of.
func readTruth(r io.Reader) (*truth, error) {
	t := newTruth()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if err := t.line(lines.Bytes()); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if t.from.IsZero() {
		return nil, fmt.Errorf("it holds nothing")
	}
	return t, nil
}

func (t *truth) line(text []byte) error {
	var x struct {
		Kind       string
		UsagePoint string `json:"usage_point"`
		Start, End time.Time
		Fault      string
		ID         string
		Where      string
		Points     int `json:"usage_points"`
		At, Said   time.Time
		Event      headend.EventType
		Fate       simulator.Fate
		MadeUp     bool `json:"made_up"`
	}
	if err := json.Unmarshal(text, &x); err != nil {
		return err
	}
	for _, at := range [...]time.Time{x.Start, x.End, x.At} {
		if at.IsZero() {
			continue
		}
		if t.from.IsZero() || at.Before(t.from) {
			t.from = at
		}
		if at.After(t.to) {
			t.to = at
		}
	}
	switch x.Kind {
	case "interruption":
		return t.Interrupted(simulator.Interruption{UsagePoint: x.UsagePoint, Start: x.Start, End: x.End, Fault: x.Fault})
	case "fault":
		return t.Damaged(simulator.Damage{ID: x.ID, Kind: simulator.FaultKind(x.Fault), Where: x.Where, Start: x.Start, End: x.End, Points: x.Points})
	case "event":
		return t.Happened(&simulator.Happening{UsagePoint: x.UsagePoint, At: x.At, Said: x.Said, Event: x.Event, MadeUp: x.MadeUp}, x.Fate)
	case "reading":
		return nil
	}
	return fmt.Errorf("%q is no kind of truth", x.Kind)
}

// lapse is a time in which a usage point had no, or not all, supply.
type lapse struct {
	from, to time.Time
	fault    string // of the truth: that began it
	outage   int64  // of a ledger
	planned  bool
	used     bool // it is the counterpart of one on the other side
}

// String is for what is told of misses.
func (l lapse) String() string {
	text := l.from.UTC().Format("02 15:04:05") + " to " + l.to.UTC().Format("15:04:05")
	if l.fault != "" {
		return text + " " + l.fault
	}
	return fmt.Sprintf("%s #%d", text, l.outage)
}

func (l *lapse) length() time.Duration { return l.to.Sub(l.from) }
func (l *lapse) sustained() bool       { return l.length() > sustained }
func (l *lapse) overlaps(o *lapse) bool {
	return l.from.Before(o.to) && o.from.Before(l.to)
}

// unite makes one of lapses that overlap or touch, with what the earliest says. The list is sorted in place.
func unite(list []lapse) []lapse {
	slices.SortStableFunc(list, func(a, b lapse) int { return a.from.Compare(b.from) })
	out := list[:0]
	for _, l := range list {
		k := len(out) - 1
		if k < 0 || l.from.After(out[k].to) {
			out = append(out, l)
			continue
		}
		if l.to.After(out[k].to) {
			out[k].to = l.to
		}
	}
	return out
}

// lapses are the true ones of each usage point.
func (t *truth) lapses() map[string][]lapse {
	planned := map[string]bool{}
	for i := range t.damages {
		planned[t.damages[i].ID] = t.damages[i].Kind == simulator.FaultPlanned
	}
	all := map[string][]lapse{}
	for i := range t.interruptions {
		x := &t.interruptions[i]
		l := lapse{from: x.Start, to: x.End, fault: x.Fault, planned: planned[x.Fault]}
		if l.to.IsZero() || l.to.After(t.to) {
			l.to = t.to
		}
		all[x.UsagePoint] = append(all[x.UsagePoint], l)
	}
	for point := range all {
		all[point] = unite(all[point])
	}
	return all
}

// points lists usage points in order, so that what is drawn from them does not change from run to run.
func points(of map[string][]lapse) []string { return slices.Sorted(maps.Keys(of)) }
