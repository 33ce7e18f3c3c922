package interruption

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The set of minutes answers as a sorted list does, whatever the order of arrival.
func TestLifeSignsAreASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l lives
		var more []run
		var list []uint32
		step := rapid.SampledFrom([]uint32{1, 5, 15, 30}).Draw(t, "step")
		n := rapid.IntRange(1, 200).Draw(t, "n")
		for range n {
			slot := 1000 + step*rapid.Uint32Range(0, 120).Draw(t, "k")
			if rapid.IntRange(0, 9).Draw(t, "odd") == 0 {
				slot += rapid.Uint32Range(0, 40000).Draw(t, "shift")
			}
			var fresh bool
			more, fresh = l.add(slot, more)
			if fresh == slices.Contains(list, slot) && !slices.Contains(list, slot) {
				t.Fatalf("slot %d is new and was called known", slot)
			}
			list = append(list, slot)
		}
		slices.Sort(list)
		list = slices.Compact(list)
		for range 20 {
			m := moment(rapid.Int64Range(900*60_000, 5000*60_000).Draw(t, "m"))
			wantBefore, wantAfter := unknown, open
			for _, s := range list {
				if start := moment(s) * minute; start+minute <= m {
					wantBefore = start
				}
				if begin := moment(s)*minute - halfMinute; begin >= m && wantAfter == open {
					wantAfter = begin
				}
			}
			if got := l.before(m, more); got != wantBefore {
				t.Fatalf("before %d: %d, want %d (%v %v of %v)", m, got, wantBefore, l, more, list)
			}
			if got := l.after(m, more); got != wantAfter {
				t.Fatalf("after %d: %d, want %d", m, got, wantAfter)
			}
		}
	})
}

// A day of quarter-hourly readings in any order, one in fifty lost, takes little room.
func TestRhythmTakesLittleRoom(t *testing.T) {
	var l lives
	var more []run
	for i := range uint32(2 * 96) {
		if i%50 == 49 {
			continue
		}
		more, _ = l.add(28_000_000+15*i, more)
	}
	if len(more) > 3 {
		t.Errorf("%d runs beside the two in place", len(more))
	}
	if got := l.rhythm(28_000_100*minute, more); got != 15*minute {
		t.Errorf("rhythm is %d minutes", got)
	}
}
