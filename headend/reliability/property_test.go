package reliability_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lastgasp/headend"
	"lastgasp/headend/reliability"
)

const points = 6

var causes = []string{"", "tree", "transmission", "maintenance", "non_payment", "force_majeure", "kite"}

// ledger draws rows of a few usage points over some months, so dense that they overlap, touch and follow each other within
// minutes.
func ledger(t *rapid.T) []headend.Interruption {
	n := rapid.IntRange(0, 30).Draw(t, "rows")
	rows := make([]headend.Interruption, 0, n)
	for i := range n {
		start := local("2026-01-31 20:00").Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "block")) * 6 * time.Hour).
			Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "minute")) * time.Minute).Add(time.Duration(rapid.SampledFrom([]int{0, 1, 400}).Draw(t, "ms")) * time.Millisecond)
		length := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 5 * time.Minute, 5*time.Minute + time.Millisecond, 20 * time.Minute, 3 * time.Hour, 9 * time.Hour, 26 * time.Hour}).Draw(t, "length")
		r := headend.Interruption{UsagePoint: uint32(rapid.IntRange(0, points).Draw(t, "point")), ID: int64(i + 1), Revision: 1, Outage: int64(i), Start: start, End: start.Add(length),
			Cause: rapid.SampledFrom(causes).Draw(t, "cause"), Planned: rapid.Bool().Draw(t, "planned"), Inferred: rapid.Bool().Draw(t, "inferred"), Declared: rapid.Bool().Draw(t, "declared")}
		if rapid.IntRange(0, 9).Draw(t, "open") == 0 {
			r.End = time.Time{}
		}
		rows = append(rows, r)
	}
	return rows
}

var asOf = local("2026-04-01")

func asOfApril(s *reliability.Settings) { s.Edition.AsOf = asOf }

// naive computes the same by the definitions, slowly and in rationals only: no code is shared but the types.
type naive struct {
	ci, cmi, mi map[string]*big.Rat // by line
	sustained   map[uint32]int
	millis      map[uint32]int64
	events      map[uint32]int
	inferred    *big.Rat // customer-minutes
	byMonth     map[time.Month]*big.Rat
}

func recompute(rows []headend.Interruption, events bool) *naive {
	out := &naive{ci: map[string]*big.Rat{}, cmi: map[string]*big.Rat{}, mi: map[string]*big.Rat{}, sustained: map[uint32]int{}, millis: map[uint32]int64{},
		events: map[uint32]int{}, inferred: new(big.Rat), byMonth: map[time.Month]*big.Rat{}}
	for point := range uint32(points) { // the last usage point of the ledger is nobody's
		var list []block
		for _, r := range rows {
			if r.UsagePoint == point {
				end := r.End
				if end.IsZero() {
					end = asOf
				}
				list = append(list, block{r.Start, end, r.End.IsZero(), r, []headend.Interruption{r}})
			}
		}
		for joined := true; joined; { // until no two overlap or touch
			joined = false
			for i := 0; i < len(list) && !joined; i++ {
				for k := i + 1; k < len(list) && !joined; k++ {
					if !list[i].from.After(list[k].to) && !list[k].from.After(list[i].to) {
						list[i] = list[i].with(list[k])
						list = slices.Delete(list, k, k+1)
						joined = true
					}
				}
			}
		}
		slices.SortFunc(list, func(a, b block) int { return a.from.Compare(b.from) })
		out.take(point, list, events)
	}
	return out
}

type block struct {
	from, to time.Time
	open     bool
	earliest headend.Interruption
	rows     []headend.Interruption
}

func (a block) with(b block) block {
	c := block{a.from, a.to, a.open || b.open, a.earliest, append(slices.Clone(a.rows), b.rows...)}
	if b.from.Before(c.from) {
		c.from = b.from
	}
	if b.to.After(c.to) {
		c.to = b.to
	}
	if e := b.earliest; e.Start.Before(c.earliest.Start) || e.Start.Equal(c.earliest.Start) && e.ID < c.earliest.ID {
		c.earliest = e
	}
	return c
}

// line is "" for what is not counted.
func (b block) line() string {
	switch e := b.earliest; {
	case e.Cause == "transmission":
		return "transmission"
	case e.Cause == "non_payment":
		return ""
	case e.Cause == "force_majeure" && e.Declared:
		return "" // under vn
	case e.Cause == "force_majeure":
		return "fault" // under vn, whether planned or not
	case e.Cause == "maintenance" || e.Planned:
		return "planned"
	}
	return "fault"
}

func (b block) isSustained() bool { return b.open || b.to.Sub(b.from) > 5*time.Minute }

func plus(m map[string]*big.Rat, key string, r *big.Rat) {
	if m[key] == nil {
		m[key] = new(big.Rat)
	}
	m[key].Add(m[key], r)
}

func (n *naive) take(point uint32, list []block, events bool) {
	list = slices.DeleteFunc(list, func(b block) bool { return b.line() == "" })
	var first *block // of the event that is being looked at
	pending := 0
	for i := range list {
		b := &list[i]
		inside := first != nil && b.from.Sub(first.from) <= 5*time.Minute
		if !b.isSustained() {
			plus(n.mi, b.line(), big.NewRat(1, 1))
			if !inside {
				n.events[point] += pending
				first, pending = b, 1
			}
			continue
		}
		if !inside {
			n.events[point] += pending
		}
		first, pending = nil, 0
		minutes := big.NewRat(b.to.Sub(b.from).Milliseconds(), 60000)
		plus(n.ci, b.line(), big.NewRat(1, 1))
		plus(n.cmi, b.line(), minutes)
		n.sustained[point]++
		n.millis[point] += b.to.Sub(b.from).Milliseconds()
		month := b.from.In(hanoi).Month()
		if n.byMonth[month] == nil {
			n.byMonth[month] = new(big.Rat)
		}
		n.byMonth[month].Add(n.byMonth[month], minutes)
		n.inferred.Add(n.inferred, new(big.Rat).Sub(minutes, big.NewRat(observedMs(b), 60000)))
	}
	n.events[point] += pending
	if !events {
		n.events[point] = 0
	}
}

// observedMs walks the edges of all rows of a block.
func observedMs(b *block) (ms int64) {
	var edges []time.Time
	end := func(r headend.Interruption) time.Time {
		if r.End.IsZero() {
			return asOf
		}
		return r.End
	}
	for _, r := range b.rows {
		edges = append(edges, r.Start, end(r))
	}
	slices.SortFunc(edges, time.Time.Compare)
	for i := 1; i < len(edges); i++ {
		for _, r := range b.rows {
			if !r.Inferred && !r.Start.After(edges[i-1]) && !end(r).Before(edges[i]) {
				ms += edges[i].Sub(edges[i-1]).Milliseconds()
				break
			}
		}
	}
	return ms
}

func total(m map[string]*big.Rat) *big.Rat {
	sum := new(big.Rat)
	for _, r := range m {
		sum.Add(sum, r)
	}
	return sum
}

func exactly(t *rapid.T, what string, got reliability.Ratio, want *big.Rat) {
	t.Helper()
	if !got.Equal(reliability.Exactly(want)) {
		t.Errorf("%s is %s, want %s", what, got, want.FloatString(6))
	}
}

// The figures agree with a slow computation that shares no code with them.
func TestAgreesWithNaiveComputation(t *testing.T) {
	registry := district(t, points)
	vn := policy(t, "vn")
	with := *vn // vn with momentary events, so that all is compared at once
	with.Momentary = policy(t, "ieee1366").Momentary
	with.Shares = policy(t, "ieee1366").Shares
	mean := with
	mean.PeriodCustomers = reliability.MeanOfMonths
	rapid.Check(t, func(rt *rapid.T) {
		rows := ledger(rt)
		want := recompute(rows, true)
		for _, p := range []*reliability.Policy{&with, &mean} {
			x := indices(t, p, registry, rows, asOfApril)
			n := big.NewRat(points, 1)
			over := func(r *big.Rat) *big.Rat { return new(big.Rat).Quo(r, n) }
			exactly(rt, "SAIFI", x.SAIFI, over(total(want.ci)))
			exactly(rt, "SAIDI", x.SAIDI, over(total(want.cmi)))
			exactly(rt, "MAIFI", x.MAIFI, over(total(want.mi)))
			if total(want.ci).Sign() == 0 {
				exactly(rt, "CAIDI", x.CAIDI, nil)
			} else {
				exactly(rt, "CAIDI", x.CAIDI, new(big.Rat).Quo(total(want.cmi), total(want.ci)))
			}
			exactly(rt, "inferred", x.Inferred.CMI, want.inferred)
			events, cn := int64(0), int64(0)
			for point := range uint32(points) {
				events += int64(want.events[point])
				if want.sustained[point] > 0 {
					cn++
				}
			}
			exactly(rt, "ME", x.ME, big.NewRat(events, 1))
			exactly(rt, "CN", x.CN, big.NewRat(cn, 1))
			for _, l := range x.Lines {
				for _, pair := range []struct {
					what string
					got  reliability.Ratio
					want map[string]*big.Rat
				}{{"SAIFI", l.SAIFI, want.ci}, {"SAIDI", l.SAIDI, want.cmi}, {"MAIFI", l.MAIFI, want.mi}} {
					r := pair.want[l.Line]
					if r == nil {
						r = new(big.Rat)
					}
					exactly(rt, pair.what+" of "+l.Line, pair.got, over(r))
				}
			}
			atLeast := func(bound func(uint32) bool) (n int64) {
				for point := range uint32(points) {
					if bound(point) {
						n++
					}
				}
				return n
			}
			for _, s := range x.CEMI {
				if n := atLeast(func(p uint32) bool { return want.sustained[p] >= s.Bound }); s.Customers != n {
					rt.Errorf("CEMI_%d of %d customers, want %d", s.Bound, s.Customers, n)
				}
			}
			for _, s := range x.CEMSMI {
				if n := atLeast(func(p uint32) bool { return want.sustained[p]+want.events[p] >= s.Bound }); s.Customers != n {
					rt.Errorf("CEMSMI_%d of %d customers, want %d", s.Bound, s.Customers, n)
				}
			}
			for _, s := range x.CELIDT {
				if n := atLeast(func(p uint32) bool { return want.millis[p] >= int64(s.Bound)*3_600_000 }); s.Customers != n {
					rt.Errorf("CELID_t %d h of %d customers, want %d", s.Bound, s.Customers, n)
				}
			}
		}
	})
}

// fault + planned + transmission is the total, to the last digit, month by month and in the year.
func TestPartsAddUp(t *testing.T) {
	registry := district(t, points)
	rapid.Check(t, func(rt *rapid.T) {
		rows := ledger(rt)
		for _, name := range []string{"vn", "ieee1366"} {
			b := books(t, policy(t, name), registry, rows, asOfApril)
			for _, period := range []reliability.Period{reliability.Year(2026), reliability.MonthOf(2026, 2).Period(), {From: reliability.DayOf(2026, 1, 20), To: reliability.DayOf(2026, 2, 9)}} {
				for _, id := range []string{"EVN", "A", "B"} {
					x := state(t, b, registry, id, period).All
					var ci, mi int64
					cmi, saifi, saidi, maifi := reliability.RatioOf(0, 1), reliability.RatioOf(0, 1), reliability.RatioOf(0, 1), reliability.RatioOf(0, 1)
					for _, l := range x.Lines {
						ci, mi, cmi = ci+l.CI, mi+l.MI, cmi.Plus(l.CMI)
						saifi, saidi, maifi = saifi.Plus(l.SAIFI), saidi.Plus(l.SAIDI), maifi.Plus(l.MAIFI)
					}
					if ci != x.CI || mi != x.MI || !cmi.Equal(x.CMI) || !saifi.Equal(x.SAIFI) || !saidi.Equal(x.SAIDI) || !maifi.Equal(x.MAIFI) {
						rt.Errorf("%s, %s, %s: the lines make %d %s %s %s %d %s, the total is %+v", name, id, period, ci, cmi, saifi, saidi, mi, maifi, x)
					}
					if !x.Observed.SAIDI.Plus(x.Inferred.SAIDI).Equal(x.SAIDI) {
						rt.Errorf("observed and inferred do not make the total")
					}
				}
			}
			a, bb, whole := state(t, b, registry, "A", reliability.Year(2026)).All, state(t, b, registry, "B", reliability.Year(2026)).All, state(t, b, registry, "EVN", reliability.Year(2026)).All
			if a.CI+bb.CI != whole.CI || !a.CMI.Plus(bb.CMI).Equal(whole.CMI) {
				rt.Errorf("districts make %d, %s; the corporation has %d, %s", a.CI+bb.CI, a.CMI.Plus(bb.CMI), whole.CI, whole.CMI)
			}
		}
	})
}

// Books made in parts, stored and added are those made in one pass; by month they are those made by day.
func TestSumsOfPartsMakeTheWhole(t *testing.T) {
	registry, p := district(t, points), policy(t, "ieee1366")
	rapid.Check(t, func(rt *rapid.T) {
		rows := ledger(rt)
		whole := books(t, p, registry, rows, asOfApril)
		var half [2][]headend.Interruption
		for _, r := range rows {
			half[r.UsagePoint%2] = append(half[r.UsagePoint%2], r)
		}
		sum := books(t, p, registry, half[0], asOfApril)
		if err := sum.Add(books(t, p, registry, half[1], asOfApril)); err != nil {
			rt.Fatal(err)
		}
		for _, s := range sum.Cells { // as if they had been stored
			for i := range s.Parts {
				if s.Parts[i].Customers == nil {
					continue
				}
				data, err := s.Parts[i].Customers.MarshalBinary()
				if err != nil {
					rt.Fatal(err)
				}
				s.Parts[i].Customers = &reliability.Customers{}
				if err := s.Parts[i].Customers.UnmarshalBinary(data); err != nil {
					rt.Fatal(err)
				}
			}
		}
		byMonth := books(t, p, registry, rows, asOfApril, func(s *reliability.Settings) { s.Grain = reliability.ByMonth })
		for _, id := range []string{"EVN", "A"} {
			want := state(t, whole, registry, id, reliability.Year(2026))
			for what, b := range map[string]*reliability.Books{"parts": sum, "months": byMonth} {
				if got := state(t, b, registry, id, reliability.Year(2026)); !same(got, want) {
					rt.Errorf("%s of %s: %+v\nwant %+v", what, id, got.All, want.All)
				}
			}
		}
	})
}

// same compares two statements; rationals are equal when they print the same.
func same(a, b *reliability.Statement) bool { return fmt.Sprint(*a.All) == fmt.Sprint(*b.All) }

func TestOrderAndRepetitionDoNotShow(t *testing.T) {
	registry, p := district(t, points), policy(t, "ieee1366")
	rapid.Check(t, func(rt *rapid.T) {
		rows := ledger(rt)
		for i := range rows { // some are revisions of others
			if rows[i].ID > 3 && rapid.IntRange(0, 4).Draw(rt, "revises") == 0 {
				earlier := rows[rapid.IntRange(0, 2).Draw(rt, "which")]
				rows[i].UsagePoint, rows[i].ID, rows[i].Revision = earlier.UsagePoint, earlier.ID, int64(i+1)
				rows[i].Withdrawn = rapid.IntRange(0, 4).Draw(rt, "withdrawn") == 0
			}
		}
		want := state(t, books(t, p, registry, rows, asOfApril), registry, "EVN", reliability.Year(2026))
		other := append(slices.Clone(rows), rows...)
		rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1)).Shuffle(len(other), func(i, k int) { other[i], other[k] = other[k], other[i] })
		if got := state(t, books(t, p, registry, other, asOfApril), registry, "EVN", reliability.Year(2026)); !same(got, want) {
			rt.Errorf("shuffled and doubled: %+v\nwant %+v", got.All, want.All)
		}
	})
}

func TestMergingIsIdempotent(t *testing.T) {
	e := reliability.Edition{AsOf: asOf}
	rapid.Check(t, func(rt *rapid.T) {
		rows := ledger(rt)
		for i := range rows {
			rows[i].UsagePoint = 0
		}
		once, err := reliability.Merge(rows, e)
		if err != nil {
			rt.Fatal(err)
		}
		var again []headend.Interruption
		for i, m := range once {
			r := m.Row
			r.Start, r.End = m.Start, m.End
			again = append(again, r)
			if i > 0 && !once[i-1].End.Before(m.Start) {
				rt.Errorf("%v and %v are apart", once[i-1], m)
			}
		}
		twice, err := reliability.Merge(again, e)
		if err != nil {
			rt.Fatal(err)
		}
		if len(twice) != len(once) {
			rt.Fatalf("merged again there are %d, not %d", len(twice), len(once))
		}
		for i := range once {
			if !twice[i].Start.Equal(once[i].Start) || !twice[i].End.Equal(once[i].End) || twice[i].Row.Cause != once[i].Row.Cause {
				rt.Errorf("merged again %v is %v", once[i], twice[i])
			}
		}
	})
}

// Moving a minute across midnight moves no figure but its day.
func TestMovingAMinuteAcrossMidnight(t *testing.T) {
	registry, p := district(t, points), policy(t, "ieee1366")
	rapid.Check(t, func(rt *rapid.T) {
		day := reliability.DayOf(2026, 3, rapid.IntRange(2, 30).Draw(rt, "day"))
		midnight := calendar.Begin(day)
		length := time.Duration(rapid.IntRange(1, 600).Draw(rt, "minutes")) * time.Minute
		at := func(start time.Time) *reliability.Books {
			r := headend.Interruption{UsagePoint: 3, ID: 1, Start: start, End: start.Add(length)}
			return books(t, p, registry, []headend.Interruption{r})
		}
		before, after := at(midnight.Add(-time.Minute)), at(midnight)
		month := reliability.MonthOf(2026, 3).Period()
		if a, b := state(t, before, registry, "EVN", month), state(t, after, registry, "EVN", month); !same(a, b) {
			rt.Errorf("the month changes: %+v and %+v", a.All, b.All)
		}
		one := reliability.Period{From: day - 1, To: day}
		next := reliability.Period{From: day, To: day + 1}
		a, b := state(t, before, registry, "EVN", one).All, state(t, after, registry, "EVN", next).All
		if a.CI+a.MI != 1 || b.CI+b.MI != 1 || !a.SAIDI.Equal(b.SAIDI) {
			rt.Errorf("the day before has %+v, the day %+v", a, b)
		}
		if x := state(t, before, registry, "EVN", next).All; x.CI+x.MI != 0 {
			rt.Errorf("the day after its start has a part of it: %+v", x)
		}
	})
}

// The changes between two revisions sum up to the difference of their books.
func TestDifferenceOfRevisions(t *testing.T) {
	registry, p := district(t, points), policy(t, "ieee1366")
	rapid.Check(t, func(rt *rapid.T) {
		rows := ledger(rt)
		for _, r := range slices.Clone(rows) {
			if rapid.IntRange(0, 2).Draw(rt, "revised") > 0 {
				continue
			}
			r.Revision, r.Reason = 2, "log read"
			switch rapid.IntRange(0, 3).Draw(rt, "how") {
			case 0:
				r.Withdrawn = true
			case 1:
				r.End = r.Start.Add(time.Minute)
			case 2:
				r.Start = r.Start.Add(-3 * time.Hour)
			case 3:
				r.Cause = "non_payment"
			}
			rows = append(rows, r)
		}
		changes := 0
		c := reliability.NewComparer(p, registry.View(reliability.ByOrganisation), calendar, reliability.Edition{Revision: 1, AsOf: asOf}, reliability.Edition{Revision: 2, AsOf: asOf},
			func(change reliability.Change) {
				changes++
				if len(change.Effects) == 0 || change.Before == nil && change.After == nil {
					rt.Errorf("a change that says nothing: %+v", change)
				}
			})
		for _, group := range together(rows) {
			if err := c.Take(group); err != nil {
				rt.Fatal(err)
			}
		}
		type cell struct {
			reliability.Cell
			category string
		}
		want := map[cell]reliability.Delta{}
		for revision, sign := range map[int64]int64{1: -1, 2: 1} {
			b := books(t, p, registry, rows, asOfApril, func(s *reliability.Settings) { s.Edition.Revision = revision })
			for at, sum := range b.Cells {
				for _, part := range sum.Parts {
					f, k := part.Figures, cell{at, part.Category}
					d := want[k]
					want[k] = reliability.Delta{CI: d.CI + sign*f.CI, CMS: d.CMS + sign*f.CMS, MI: d.MI + sign*f.MI, ME: d.ME + sign*f.ME}
				}
			}
		}
		got := map[cell]reliability.Delta{}
		for at, d := range c.Deltas {
			got[cell{reliability.Cell{Unit: at.Unit, Month: at.Day.Month(), Day: at.Day}, at.Category}] = *d
		}
		for _, m := range []map[cell]reliability.Delta{got, want} {
			for k, d := range m {
				if d == (reliability.Delta{}) {
					delete(m, k)
				}
			}
		}
		if !reflect.DeepEqual(got, want) {
			rt.Errorf("the changes make %v, the books differ by %v", got, want)
		}
		if len(want) > 0 && changes == 0 {
			rt.Error("nothing was explained")
		}
	})
}
