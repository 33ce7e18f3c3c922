package reliability_test

import (
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"pgregory.net/rapid"

	"lastgasp/headend"
	"lastgasp/headend/reliability"
)

// Sums that follow a ledger usage point by usage point are those of the new ledger as a whole.
func TestReplacedUsagePointsMakeTheBooksOfTheNewLedger(t *testing.T) {
	p := policy(t, "ieee1366")
	r := district(t, points)
	rapid.Check(t, func(rt *rapid.T) {
		before, after := ledger(rt), ledger(rt)
		changed := roaring.New()
		for point := range uint32(points + 1) {
			if rapid.Bool().Draw(rt, "changed") {
				changed.Add(point)
			}
		}
		pick := func(rows []headend.Interruption, in bool) (out []headend.Interruption) {
			for _, row := range rows {
				if changed.Contains(row.UsagePoint) == in {
					out = append(out, row)
				}
			}
			return out
		}
		got := books(t, p, r, before, asOfApril)
		got.Replace(changed, books(t, p, r, pick(before, true), asOfApril), books(t, p, r, pick(after, true), asOfApril))
		want := books(t, p, r, append(pick(before, false), pick(after, true)...), asOfApril)
		sameBooks(rt, got, want)
		monthly := books(t, p, r, before, asOfApril).Monthly()
		monthly.Replace(changed, books(t, p, r, pick(before, true), asOfApril).Monthly(), books(t, p, r, pick(after, true), asOfApril).Monthly())
		sameBooks(rt, monthly, want.Monthly())
	})
}

func sameBooks(t *rapid.T, got, want *reliability.Books) {
	for c, s := range got.Cells {
		if o := want.Cells[c]; o == nil && !s.Equal(&reliability.Sum{}) || o != nil && !s.Equal(o) {
			t.Fatalf("%v: %+v, want %+v", c, s, o)
		}
	}
	for c, s := range want.Cells {
		if got.Cells[c] == nil && !s.Equal(&reliability.Sum{}) {
			t.Fatalf("%v is missing: %+v", c, s)
		}
	}
	if got.NotServed != want.NotServed || len(got.Unlisted) != len(want.Unlisted) {
		t.Fatalf("%+v %v, want %+v %v", got.NotServed, got.Unlisted, want.NotServed, want.Unlisted)
	}
}

func TestAStoredPathIsItsUnit(t *testing.T) {
	r := district(t, points)
	for _, by := range []string{reliability.ByOrganisation, "feeder"} {
		view := r.View(by)
		place, _ := view.At(0, local("2026-01-01"))
		unit, ok := r.UnitOf(by, r.Path(place.Unit))
		if !ok || unit != place.Unit || unit == reliability.Nowhere {
			t.Errorf("%s: %v is %d, %v; want %d", by, r.Path(place.Unit), unit, ok, place.Unit)
		}
	}
	if unit, ok := r.UnitOf("feeder", []string{"FA", "gone"}); ok || unit != reliability.Nowhere {
		t.Error("an unknown node has a unit", unit)
	}
}
