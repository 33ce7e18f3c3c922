package reliability_test

import (
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/reliability"
)

// The accounting cases of the rules for interruptions, by their numbers. Ten customers, so that an interruption of one
// is 1/10.

func year2026(t *testing.T, name string, rows ...headend.Interruption) *reliability.Indices {
	t.Helper()
	return indices(t, policy(t, name), district(t, 10), rows)
}

func TestCase01ExactlyFiveMinutes(t *testing.T) {
	x := year2026(t, "ieee1366", row(0, 1, "2026-03-01 10:00:00", "2026-03-01 10:05:00"))
	is(t, "SAIFI of 300 s", x.SAIFI, "0")
	is(t, "MAIFI of 300 s", x.MAIFI, "1/10")
	x = year2026(t, "ieee1366", row(0, 1, "2026-03-01 10:00:00", "2026-03-01 10:05:00.4"))
	is(t, "SAIFI of 300.4 s", x.SAIFI, "1/10")
	is(t, "MAIFI of 300.4 s", x.MAIFI, "0")
	is(t, "SAIDI of 300.4 s", x.SAIDI, "3004/6000")
}

func TestCase02StepRestoration(t *testing.T) {
	x := year2026(t, "ieee1366",
		row(0, 1, "2026-03-01 10:00", "2026-03-01 10:30"), row(1, 1, "2026-03-01 10:00", "2026-03-01 10:30"),
		row(2, 1, "2026-03-01 10:00", "2026-03-01 11:00"))
	is(t, "CMI", x.CMI, "120")
	is(t, "SAIFI", x.SAIFI, "3/10")
	is(t, "CAIDI", x.CAIDI, "40")
}

func TestCase03TripAgainDuringRestoration(t *testing.T) {
	x := year2026(t, "ieee1366",
		row(0, 1, "2026-03-01 10:00", "2026-03-01 10:30"), row(0, 2, "2026-03-01 10:40", "2026-03-01 11:00"), // back, and out again
		row(1, 1, "2026-03-01 10:00", "2026-03-01 11:00"), row(1, 2, "2026-03-01 10:40", "2026-03-01 11:00")) // never back
	is(t, "SAIFI", x.SAIFI, "3/10")
	is(t, "CMI", x.CMI, "110")
	is(t, "CN", x.CN, "2")
}

func TestCase04Nested(t *testing.T) {
	rows := []headend.Interruption{row(0, 1, "2026-03-01 10:00", "2026-03-01 12:00"), row(0, 2, "2026-03-01 11:00", "2026-03-01 11:30"),
		row(0, 3, "2026-03-01 12:00", "2026-03-01 13:00")} // touches
	rows[0].Cause, rows[1].Cause, rows[2].Cause, rows[2].Planned = "equipment", "tree", "maintenance", true
	x := year2026(t, "ieee1366", rows...)
	is(t, "SAIFI", x.SAIFI, "1/10")
	is(t, "CMI", x.CMI, "180")
	if x.Lines[0].CI != 1 || x.Lines[1].CI != 0 || x.Mixed != 1 {
		t.Errorf("the cause is not that of the earliest: %+v, mixed %d", x.Lines, x.Mixed)
	}
}

func TestCase05RecloserShots(t *testing.T) {
	shot := func(id int64, minute string, seconds int) headend.Interruption {
		r := row(0, id, "2026-03-01 "+minute, "")
		r.End = r.Start.Add(time.Duration(seconds) * time.Second)
		return r
	}
	three := []headend.Interruption{shot(1, "10:00", 2), shot(2, "10:01", 10), shot(3, "10:02", 30)}
	x := year2026(t, "ieee1366", three...)
	is(t, "MAIFI of three shots", x.MAIFI, "3/10")
	is(t, "MAIFI_E of three shots", x.MAIFIE, "1/10")
	lockout := []headend.Interruption{shot(1, "10:00", 2), shot(2, "10:01", 10), shot(3, "10:02", 3600)}
	x = year2026(t, "ieee1366", lockout...)
	is(t, "SAIFI of a lockout", x.SAIFI, "1/10")
	is(t, "MAIFI_E of a lockout", x.MAIFIE, "0")
	is(t, "MAIFI before a lockout", x.MAIFI, "2/10")
	other := *policy(t, "ieee1366")
	other.Momentary.LockoutCounts = false
	is(t, "MAIFI before a lockout where that is not counted", indices(t, &other, district(t, 10), lockout).MAIFI, "0")
	x = year2026(t, "ieee1366", shot(1, "10:00", 2), shot(2, "10:06", 2))
	is(t, "MAIFI_E of blinks 6 minutes apart", x.MAIFIE, "2/10")
	x = year2026(t, "ieee1366", shot(1, "10:00", 2), shot(2, "10:05", 2))
	is(t, "MAIFI_E of blinks exactly 5 minutes apart", x.MAIFIE, "1/10")
	x = year2026(t, "vn", three...)
	is(t, "MAIFI under vn", x.MAIFI, "3/10")
	is(t, "MAIFI_E under vn", x.MAIFIE, "")
}

func TestCase06NotCounted(t *testing.T) {
	var rows []headend.Interruption
	for i, cause := range []string{"customer_request", "non_payment", "theft", "customer_installation", "customer_installation"} {
		r := row(uint32(i), 1, "2026-03-01 10:00", "2026-03-01 11:00")
		r.Cause, r.Own = cause, i == 3
		rows = append(rows, r)
	}
	for _, name := range []string{"ieee1366", "vn"} {
		x := year2026(t, name, rows...)
		is(t, "SAIFI under "+name, x.SAIFI, "1/10") // the neighbour of the faulty installation
		var beside []string
		for _, b := range x.Beside {
			beside = append(beside, b.Category)
		}
		if want := []string{"customer_request", "disconnected", "customer_installation"}; !slices.Equal(beside, want) {
			t.Errorf("beside the figures stand %q, want %q", beside, want)
		}
	}
	storm := row(0, 1, "2026-03-01 10:00", "2026-03-01 11:00")
	storm.Cause = "force_majeure"
	is(t, "force majeure nobody declared", year2026(t, "vn", storm).SAIFI, "1/10")
	storm.Declared = true
	is(t, "declared force majeure", year2026(t, "vn", storm).SAIFI, "0")
	is(t, "declared force majeure under IEEE", year2026(t, "ieee1366", storm).SAIFI, "1/10")
	odd := row(0, 1, "2026-03-01 10:00", "2026-03-01 11:00")
	odd.Cause = "kite"
	b := books(t, policy(t, "vn"), district(t, 10), []headend.Interruption{odd})
	if b.Unlisted["kite"] != 1 {
		t.Errorf("a cause in no table is not named: %v", b.Unlisted)
	}
}

func TestCase07PlannedOverrunsAndLateNotice(t *testing.T) {
	r := row(0, 1, "2026-03-01 08:00", "2026-03-01 13:00")
	r.Planned = true
	x := year2026(t, "vn", r)
	if x.Lines[1].Line != "planned" || x.Lines[1].CI != 1 {
		t.Errorf("lines %+v", x.Lines)
	}
	is(t, "planned SAIDI over the whole length", x.Lines[1].SAIDI, "30")
	cuts := []reliability.Cut{
		{Kind: reliability.Planned, Start: local("2026-03-01 08:00"), Restored: local("2026-03-01 13:00"), WindowFrom: local("2026-03-01 08:00"),
			WindowTo: local("2026-03-01 12:00"), Noticed: local("2026-02-24 08:00:01")},
		{Kind: reliability.Planned, Start: local("2026-03-02 08:10"), Restored: local("2026-03-02 12:00"), WindowFrom: local("2026-03-02 08:00"),
			WindowTo: local("2026-03-02 12:00"), Noticed: local("2026-02-25 08:00")},
		{Kind: reliability.Planned, Start: local("2026-03-03 08:10"), WindowFrom: local("2026-03-03 08:00"), WindowTo: local("2026-03-03 12:00")},
	}
	s := reliability.Serve(policy(t, "vn").Service, calendar, cuts, local("2026-03-03 12:30"))[reliability.ServiceCell{Month: reliability.MonthOf(2026, 3)}]
	want := reliability.Service{Planned: 3, NoticeLate: 1, NoticeInTime: 1, NoticeMissing: 1, Overruns: 2, OverrunMs: 90 * 60000, OverrunsOpen: 1}
	if !reflect.DeepEqual(*s, want) {
		t.Errorf("service %+v\nwant %+v", *s, want)
	}
}

func TestCase08SagOrModemReset(t *testing.T) {
	sag, reset := row(0, 1, "2026-03-01 10:00", "2026-03-01 10:10"), row(1, 1, "2026-03-01 10:00", "2026-03-01 10:10")
	sag.Cause, reset.Cause = "voltage_sag", "modem_reset"
	x := year2026(t, "ieee1366", sag, reset)
	is(t, "SAIFI", x.SAIFI, "0")
	is(t, "MAIFI", x.MAIFI, "0")
}

func TestCase09BelongsToItsStart(t *testing.T) {
	r := district(t, 10)
	rows := []headend.Interruption{row(0, 1, "2025-12-31 23:50", "2026-01-01 02:00"), row(1, 1, "2026-01-31 23:59", "2026-02-01 01:59")}
	b := books(t, policy(t, "ieee1366"), r, rows)
	for _, c := range []struct {
		period reliability.Period
		cmi    string
	}{{reliability.MonthOf(2025, 12).Period(), "130"}, {reliability.MonthOf(2026, 1).Period(), "120"}, {reliability.MonthOf(2026, 2).Period(), "0"},
		{reliability.Year(2025), "130"}, {reliability.Year(2026), "120"},
		{reliability.Period{From: reliability.DayOf(2026, 1, 31), To: reliability.DayOf(2026, 2, 1)}, "120"}} {
		is(t, "CMI of "+c.period.String(), state(t, b, r, "EVN", c.period).All.CMI, c.cmi)
	}
	// The month is closed at revision 1; a later log makes revision 2, and revision 1 can still be had.
	late := rows[1]
	late.Revision, late.End, late.Reason = 2, local("2026-02-01 03:59"), "log read on 3 February"
	for revision, cmi := range map[int64]string{1: "120", 2: "240", 0: "240"} {
		b := books(t, policy(t, "ieee1366"), r, append(slices.Clone(rows), late), func(s *reliability.Settings) { s.Edition.Revision = revision })
		s := state(t, b, r, "EVN", reliability.MonthOf(2026, 1).Period())
		is(t, "CMI of January", s.All.CMI, cmi)
		if s.Revision != revision {
			t.Errorf("the statement names revision %d, not %d", s.Revision, revision)
		}
	}
}

func TestCase10StillOpen(t *testing.T) {
	rows := []headend.Interruption{row(0, 1, "2026-03-01 10:00", ""), row(1, 1, "2026-03-01 10:00", "2026-03-01 10:30"), row(2, 1, "2026-03-01 12:30", "2026-03-01 12:40")}
	x := indices(t, policy(t, "ieee1366"), district(t, 10), rows, func(s *reliability.Settings) { s.Edition.AsOf = local("2026-03-01 12:00") })
	is(t, "SAIFI", x.SAIFI, "2/10")
	is(t, "SAIDI", x.SAIDI, "15")
	is(t, "provisional SAIDI", x.Provisional.SAIDI, "12")
	is(t, "provisional SAIFI", x.Provisional.SAIFI, "1/10")
	x = indices(t, policy(t, "ieee1366"), district(t, 10), rows, func(s *reliability.Settings) { s.Edition.AsOf = local("2026-03-01 10:20") })
	is(t, "SAIDI at 10:20", x.SAIDI, "4")
	is(t, "provisional SAIDI at 10:20", x.Provisional.SAIDI, "4")
}

func TestCase11CustomersNotMeters(t *testing.T) {
	// Two meters at one usage point say the same thing a second apart: one customer, one interruption.
	x := year2026(t, "ieee1366", row(0, 1, "2026-03-01 10:00:00", "2026-03-01 11:00:00"), row(0, 2, "2026-03-01 10:00:01", "2026-03-01 11:00:01"))
	is(t, "N", x.Customers, "10")
	is(t, "SAIFI", x.SAIFI, "1/10")
	is(t, "CMI", x.CMI, "3601/60")
}

func TestCase12StateAtTheMoment(t *testing.T) {
	moved := local("2026-07-01")
	spec := reliability.Spec{
		Organisations: []headend.Organisation{{ID: "EVN", Kind: "corporation"},
			{ID: "PC1", Kind: "company", Parent: "EVN"}, {ID: "PC2", Kind: "company", Parent: "EVN"},
			{ID: "A", Kind: "district", Parent: "PC1", To: moved}, {ID: "A", Kind: "district", Parent: "PC2", From: moved},
			{ID: "B", Kind: "district", Parent: "PC1"}},
		Nodes: []headend.Node{{ID: "F1", Kind: "feeder"}, {ID: "F2", Kind: "feeder"},
			{ID: "T", Kind: "transformer", Parent: "F1", To: moved}, {ID: "T", Kind: "transformer", Parent: "F2", From: moved}},
	}
	point := func(number uint32, id, organisation, from, to string) {
		p := reliability.PointVersion{Number: number, UsagePoint: headend.UsagePoint{ID: id, Node: "T", Organisation: organisation}}
		if from != "" {
			p.From = local(from)
		}
		if to != "" {
			p.To = local(to)
		}
		spec.Points = append(spec.Points, p)
	}
	point(0, "stays", "A", "", "")
	point(1, "new", "A", "2026-06-15 10:00", "")
	point(2, "closed", "A", "", "2026-06-15 10:00")
	point(3, "moves", "A", "", "2026-06-10 12:00")
	point(3, "moves", "B", "2026-06-10 12:00", "")
	r, err := reliability.NewRegistry(spec)
	if err != nil {
		t.Fatal(err)
	}
	var rows []headend.Interruption
	for _, day := range []string{"2026-06-01", "2026-06-20", "2026-07-20"} {
		for n := range uint32(4) {
			rows = append(rows, row(n, int64(len(rows)+1), day+" 10:00", day+" 11:00"))
		}
	}
	b := books(t, policy(t, "ieee1366"), r, rows)
	june, july := reliability.MonthOf(2026, 6).Period(), reliability.MonthOf(2026, 7).Period()
	for _, c := range []struct {
		id     string
		period reliability.Period
		ci     int64
		n      string
	}{
		{"EVN", june, 6, "91/30"}, // 1 and 20 June: three each; 15 June has the new and the closed one
		{"A", june, 5, "70/30"},   // the one that moves is counted on the 10th where it was last
		{"B", june, 1, "21/30"},
		{"PC1", june, 6, "91/30"}, {"PC2", june, 0, "0"},
		{"PC1", july, 1, "1"}, {"PC2", july, 2, "2"}, {"A", july, 2, "2"}, {"EVN", july, 3, "3"},
	} {
		x := state(t, b, r, c.id, c.period).All
		if x.CI != c.ci {
			t.Errorf("CI of %s in %s is %d, want %d", c.id, c.period, x.CI, c.ci)
		}
		is(t, "N of "+c.id+" in "+c.period.String(), x.Customers, c.n)
	}
	if b.NotServed.CI != 3 {
		t.Errorf("%d interruptions where no customer was, want 3", b.NotServed.CI)
	}
	// By feeder, with the transformer on another one from July on.
	a, err := reliability.NewAccountant(reliability.Settings{Policy: policy(t, "ieee1366"), Calendar: calendar, Grain: reliability.ByMonth,
		Edition: reliability.Edition{AsOf: local("2027-01-01")}}, r.View("feeder"))
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range together(rows) {
		if err := a.Take(group); err != nil {
			t.Fatal(err)
		}
	}
	for id, ci := range map[string]int64{"F1": 6, "F2": 3} {
		months, err := a.Books().Sums(r.Members("feeder", id), reliability.Year(2026), nil)
		if err != nil {
			t.Fatal(err)
		}
		got := int64(0)
		for _, m := range months {
			for _, s := range m.Sums {
				got += s.Figures(policy(t, "ieee1366"), nil).CI
			}
		}
		if got != ci {
			t.Errorf("CI of feeder %s is %d, want %d", id, got, ci)
		}
	}
}

func TestCase13And23RepeatsCountOnce(t *testing.T) {
	r := row(0, 1, "2026-03-01 10:00", "2026-03-01 11:00")
	x := year2026(t, "ieee1366", r, r, r)
	is(t, "SAIFI", x.SAIFI, "1/10")
	is(t, "CMI", x.CMI, "60")
}

func TestCase20CounterOnly(t *testing.T) {
	p, r := policy(t, "ieee1366"), district(t, 10)
	readings := []reliability.CounterReading{
		{Device: "M1", Time: local("2026-03-10"), Count: 17, Overflow: true},
		{Device: "M1", Time: local("2026-03-01"), Count: 10},
		{Device: "M1", Time: local("2026-03-20"), Count: 2}, // reset: a new baseline
		{Device: "M1", Time: local("2026-03-25"), Count: 4},
		{Device: "M2", Time: local("2026-03-27"), Count: 900}, // another meter: a new baseline
	}
	rows := []headend.Interruption{row(0, 1, "2026-03-05 10:00", "2026-03-05 11:00")}
	merged, err := reliability.Merge(rows, reliability.Edition{AsOf: local("2027-01-01")})
	if err != nil {
		t.Fatal(err)
	}
	a := accountant(t, p, r)
	if err := a.Take(rows); err != nil {
		t.Fatal(err)
	}
	for _, s := range reliability.CounterDifferences(0, readings, merged) {
		if err := a.TakeShort(s); err != nil {
			t.Fatal(err)
		}
	}
	x := state(t, a.Books(), r, "EVN", reliability.Year(2026)).All
	is(t, "MAIFI", x.MAIFI, "8/10") // 7 less the one in the ledger, and 2
	is(t, "MAIFI_E: counters have no times", x.MAIFIE, "0")
	is(t, "SAIFI", x.SAIFI, "1/10")
	if x.MICounter != 8 || !x.MIAtLeast {
		t.Errorf("%d from counters, at least %v; want 8, true", x.MICounter, x.MIAtLeast)
	}
	if err := a.TakeShort(reliability.ShortFailures{Count: -1}); err == nil {
		t.Error("a negative count is taken")
	}
}

func TestCase21SustainedBecomesMomentary(t *testing.T) {
	p, r := policy(t, "ieee1366"), district(t, 10)
	first := row(0, 7, "2026-03-01 10:00", "2026-03-01 10:30")
	second := first
	second.Revision, second.End, second.Reason = 2, local("2026-03-01 10:03"), "the meter's log was read"
	rows := []headend.Interruption{second, first}
	at := func(revision int64) *reliability.Indices {
		return indices(t, p, r, rows, func(s *reliability.Settings) { s.Edition.Revision = revision })
	}
	before, after := at(1), at(2)
	is(t, "SAIFI at revision 1", before.SAIFI, "1/10")
	is(t, "SAIDI at revision 1", before.SAIDI, "3")
	is(t, "SAIFI at revision 2", after.SAIFI, "0")
	is(t, "SAIDI at revision 2", after.SAIDI, "0")
	is(t, "MAIFI at revision 2", after.MAIFI, "1/10")
	var changes []reliability.Change
	asOf := local("2027-01-01")
	c := reliability.NewComparer(p, r.View(reliability.ByOrganisation), calendar, reliability.Edition{Revision: 1, AsOf: asOf},
		reliability.Edition{Revision: 2, AsOf: asOf}, func(c reliability.Change) { changes = append(changes, c) })
	if err := c.Take(rows); err != nil {
		t.Fatal(err)
	}
	if len(changes) != 1 {
		t.Fatalf("%d changes: %+v", len(changes), changes)
	}
	said := strings.Join(changes[0].Effects, "; ")
	if said != "sustained fault became momentary fault; 27.000 minutes less; a momentary event now" || !slices.Equal(changes[0].Reasons, []string{"the meter's log was read"}) {
		t.Errorf("said %q because %q", said, changes[0].Reasons)
	}
	for cell, d := range c.Deltas {
		if *d != (reliability.Delta{CI: -1, CMS: -30 * 60000, MI: 1, ME: 1}) || cell.Day != reliability.DayOf(2026, 3, 1) {
			t.Errorf("delta %+v of %+v", *d, cell)
		}
	}
}

func TestCase22StartUnknown(t *testing.T) {
	r := headend.Interruption{UsagePoint: 0, ID: 1, Revision: 1, End: local("2026-03-01 10:00")}
	x := year2026(t, "ieee1366", r)
	is(t, "SAIFI", x.SAIFI, "0")
	if len(x.Beside) != 1 || x.Beside[0].Category != reliability.StartUnknown || x.Beside[0].NoLength != 1 {
		t.Errorf("beside the figures: %+v", x.Beside)
	}
	known := r
	known.Revision, known.Start = 2, local("2026-03-01 09:00")
	is(t, "SAIFI when the log is read", year2026(t, "ieee1366", r, known).SAIFI, "1/10")
}

func TestCase27TicketsEndNothing(t *testing.T) {
	for _, noun := range []reflect.Type{reflect.TypeFor[headend.Interruption](), reflect.TypeFor[reliability.Cut]()} {
		for i := range noun.NumField() {
			if name := strings.ToLower(noun.Field(i).Name); strings.Contains(name, "close") || strings.Contains(name, "ticket") {
				t.Errorf("%s has the field %s: the time a ticket was closed must not get in", noun, name)
			}
		}
	}
	cuts := []reliability.Cut{{Kind: reliability.Fault, Start: local("2026-03-01 10:00")}}
	s := reliability.Serve(policy(t, "vn").Service, calendar, cuts, local("2026-03-01 11:00"))[reliability.ServiceCell{Month: reliability.MonthOf(2026, 3)}]
	if s.FaultsOpen != 1 || s.RestoredIn+s.RestoredLate != 0 {
		t.Errorf("a fault that nobody restored: %+v", s)
	}
}

func TestOnePhaseOfThree(t *testing.T) {
	lost := func(point uint32, id int64, phases headend.Phases, from, to string) headend.Interruption {
		r := row(point, id, "2026-03-01 "+from, "2026-03-01 "+to)
		r.Phases = phases
		return r
	}
	rows := []headend.Interruption{
		lost(0, 1, headend.L1, "10:00", "11:00"), lost(0, 2, headend.L2|headend.L3, "10:30", "11:30"), // all three from 10:30 until 11:00
		lost(1, 1, headend.L2, "10:00", "11:00"),
	}
	is(t, "CMI where it counts", year2026(t, "vn", rows...).CMI, "150")
	p := *policy(t, "vn")
	p.OnePhase = false
	x := indices(t, &p, district(t, 10), rows)
	is(t, "CMI where it does not", x.CMI, "30")
	is(t, "SAIFI where it does not", x.SAIFI, "1/10")
	if len(x.Beside) != 1 || x.Beside[0].Category != reliability.PartialPhase || x.Beside[0].Sustained != 3 {
		t.Errorf("beside the figures: %+v", x.Beside)
	}
	is(t, "minutes beside", x.Beside[0].Minutes, "120")
}

func TestObservedAndInferredApart(t *testing.T) {
	a, b, c := row(0, 1, "2026-03-01 10:00", "2026-03-01 11:00"), row(1, 1, "2026-03-01 10:00", "2026-03-01 11:00"), row(1, 2, "2026-03-01 10:50", "2026-03-01 11:10")
	a.Inferred, b.Inferred = true, true
	x := year2026(t, "ieee1366", a, b, c)
	is(t, "SAIFI", x.SAIFI, "2/10")
	is(t, "CMI", x.CMI, "130")
	is(t, "inferred CMI", x.Inferred.CMI, "110") // of the second customer, 20 minutes were observed
	is(t, "inferred SAIFI", x.Inferred.SAIFI, "1/10")
	is(t, "observed SAIDI", x.Observed.SAIDI, "2")
}

func TestViewWithoutPlannedNamesItsBasis(t *testing.T) {
	planned := row(0, 1, "2026-03-01 10:00", "2026-03-01 11:00")
	planned.Planned = true
	rows := []headend.Interruption{planned, row(1, 1, "2026-03-01 10:00", "2026-03-01 11:00"), row(0, 2, "2026-04-01 10:00", "2026-04-01 11:00")}
	r := district(t, 10)
	x := state(t, books(t, policy(t, "ieee1366"), r, rows), r, "EVN", reliability.Year(2026), func(q *reliability.Question) { q.Lines = []string{"fault", "transmission"} }).All
	is(t, "SAIFI", x.SAIFI, "2/10")
	is(t, "CN", x.CN, "2")
	is(t, "CEMI_1", x.CEMI[0].Share, "2/10")
	if x.Basis != "only fault, transmission; without planned" {
		t.Errorf("basis %q", x.Basis)
	}
}

func TestSharesOfCustomers(t *testing.T) {
	var rows []headend.Interruption
	id := int64(0)
	out := func(point uint32, day int, minutes int) {
		id++
		start := time.Date(2026, time.Month(1+day/28), 1+day%28, 3, 0, 0, 0, time.UTC)
		rows = append(rows, headend.Interruption{UsagePoint: point, ID: id, Start: start, End: start.Add(time.Duration(minutes) * time.Minute)})
	}
	for day := range 3 { // in three months
		out(0, 28*day, 60)
		out(1, 28*day, 2)
	}
	out(1, 100, 150)
	out(2, 100, 120)
	p := policy(t, "ieee1366")
	x := indices(t, p, district(t, 10), rows)
	share := func(what string, list []reliability.Share, bound int, want string) {
		t.Helper()
		for _, s := range list {
			if s.Bound == bound {
				is(t, what, s.Share, want)
				if s.Sign != reliability.AtLeast {
					t.Errorf("%s has the sign %s", what, s.Sign)
				}
				return
			}
		}
		t.Errorf("%s is not there", what)
	}
	share("CEMI_1", x.CEMI, 1, "3/10")
	share("CEMI_3", x.CEMI, 3, "1/10")
	share("CEMI_4", x.CEMI, 4, "0")
	share("CEMSMI_3", x.CEMSMI, 3, "2/10")
	share("CELID_s 2 h", x.CELIDS, 2, "2/10")
	share("CELID_t 2 h", x.CELIDT, 2, "3/10")
	share("CELID_t 4 h", x.CELIDT, 4, "0")
	is(t, "CN", x.CN, "3")
	is(t, "CAIFI", x.CAIFI, "5/3")
	is(t, "CTAIDI", x.CTAIDI, "150")
	old := *p
	old.Shares.Sign = reliability.Above // edition 2003
	x = indices(t, &old, district(t, 10), rows)
	if s := x.CEMI[2]; s.Bound != 3 || s.Sign != reliability.Above || s.Customers != 0 {
		t.Errorf("more than 3: %+v", s)
	}
}

func TestLoadIndices(t *testing.T) {
	x := year2026(t, "ieee1366", row(1, 1, "2026-03-01 10:00", "2026-03-01 11:00"), row(2, 1, "2026-03-01 10:00", "2026-03-01 10:30"))
	// 10 points of 1, 2, 3 kVA in turn: 19 kVA; 2 and 3 kVA were interrupted.
	is(t, "ASIFI", x.ASIFI, "5/19")
	is(t, "ASIDI", x.ASIDI, "210/19")
}

func TestNothingHappened(t *testing.T) {
	x := year2026(t, "ieee1366")
	is(t, "SAIFI", x.SAIFI, "0")
	is(t, "CAIDI", x.CAIDI, "")
	is(t, "CTAIDI", x.CTAIDI, "")
	is(t, "ASAI", x.ASAI, "1")
	is(t, "CN", x.CN, "0")
}

func TestRealMinutes(t *testing.T) {
	x := year2026(t, "ieee1366", row(0, 1, "2026-03-01 10:00", "2026-03-01 11:00"))
	is(t, "minutes", x.Minutes, "525600")
	is(t, "ASAI", x.ASAI, "87599/87600")
	months := []reliability.MonthSum{{Period: reliability.Period{From: reliability.DayOf(2024, 2, 1), To: reliability.DayOf(2024, 3, 1)}, Sums: []*reliability.Sum{{}}}}
	x, err := reliability.Compute(policy(t, "ieee1366"), calendar, months, steady(5), nil)
	if err != nil {
		t.Fatal(err)
	}
	is(t, "February of a leap year", x.Minutes, "41760")
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	months[0].Period = reliability.Period{From: reliability.DayOf(2026, 3, 29), To: reliability.DayOf(2026, 3, 30)}
	if x, err = reliability.Compute(policy(t, "ieee1366"), reliability.NewCalendar(berlin), months, steady(5), nil); err != nil {
		t.Fatal(err)
	}
	is(t, "a day on which summer time begins", x.Minutes, "1380")
}

func TestMajorEventDays(t *testing.T) {
	// Five years of 1000 customers: odd days 1 customer-minute a customer, even days e, every tenth day nothing.
	p, r := policy(t, "ieee1366"), district(t, 10)
	var history []reliability.DailyTotal
	used, sum := 0, 0.0
	for day := reliability.DayOf(2021, 1, 1); day < reliability.DayOf(2026, 1, 1); day++ {
		d := reliability.DailyTotal{Day: day, Customers: 1000, CI: 1}
		switch {
		case day%10 == 0:
		case day%2 == 0:
			d.CMS, sum = 60_000_000*4, sum+1 // ln 4 twice the half
			used++
		default:
			d.CMS = 60_000_000
			used++
		}
		history = append(history, d)
	}
	m, err := reliability.NewMajorThreshold(p.MajorDays, 2026, history)
	if err != nil {
		t.Fatal(err)
	}
	// By hand: ln is 0 or ln 4; with a share q of the latter α = q·ln 4 and β² = ln²4·q(1−q)·n/(n−1).
	const ln4 = 1.3862943611198906
	q, n := sum/float64(used), float64(used)
	alpha, beta2 := q*ln4, ln4*ln4*q*(1-q)*n/(n-1)
	if abs(m.Alpha-alpha) > 1e-12 || abs(m.Beta*m.Beta-beta2) > 1e-12 || m.Days != used || m.Provisional || m.Years != 5 || m.Missing != 0 {
		t.Errorf("threshold %+v, want α %v, β² %v of %d days", m, alpha, beta2, used)
	}
	// Strictly above: a day exactly at the threshold is none.
	at := reliability.DailyTotal{Day: reliability.DayOf(2026, 5, 1), Customers: 60000, CMS: 3_600_000_000 * 2}
	m.TMED = 2
	if m.IsMajor(at) {
		t.Error("a day exactly at the threshold is a major event day")
	}
	at.CMS++
	if !m.IsMajor(at) {
		t.Error("a day above the threshold is none")
	}
	at.Day = reliability.DayOf(2025, 5, 1)
	if m.IsMajor(at) {
		t.Error("the threshold of 2026 is applied to 2025")
	}
	// With and without, always both.
	var rows []headend.Interruption
	for i := range uint32(10) {
		rows = append(rows, row(i, 1, "2026-05-01 10:00", "2026-05-01 20:00"))
	}
	rows = append(rows, row(0, 2, "2026-06-01 10:00", "2026-06-01 11:00"))
	b := books(t, p, r, rows)
	census := r.Census(reliability.ByOrganisation, calendar, reliability.Year(2026))
	units := r.Members(reliability.ByOrganisation, "EVN")
	daily, err := b.Daily(units, reliability.Year(2026), census.For("EVN"))
	if err != nil {
		t.Fatal(err)
	}
	major := m.MajorDaysOf(daily)
	if len(major) != 2 { // with a threshold of 2 minutes, the day with 6 minutes too
		t.Fatalf("major event days %v", major)
	}
	m.TMED = 10
	major = m.MajorDaysOf(daily)
	// From books by month with the major days apart as well as from books by day.
	for _, grain := range []reliability.Grain{reliability.ByDay, reliability.ByMonth} {
		b := books(t, p, r, rows, func(s *reliability.Settings) { s.Grain, s.Apart = grain, major })
		s := state(t, b, r, "EVN", reliability.Year(2026), func(q *reliability.Question) { q.Major, q.Threshold = major, m })
		is(t, "SAIDI with", s.All.SAIDI, "606")
		is(t, "SAIDI without", s.WithoutMajor.SAIDI, "6")
		is(t, "CN with", s.All.CN, "10")
		is(t, "CN without", s.WithoutMajor.CN, "1")
		if !slices.Equal(s.MajorDays, []reliability.Day{reliability.DayOf(2026, 5, 1)}) || !strings.Contains(s.WithoutMajor.Basis, "without major event days") {
			t.Errorf("major event days %v, basis %q", s.MajorDays, s.WithoutMajor.Basis)
		}
	}
	if s := state(t, books(t, policy(t, "vn"), r, rows), r, "EVN", reliability.Year(2026)); s.WithoutMajor != nil {
		t.Error("vn knows no major event days, and there is a figure without them")
	}
	few, err := reliability.NewMajorThreshold(p.MajorDays, 2026, history[4*365:])
	if err != nil || !few.Provisional || few.Years > 2 {
		t.Errorf("a year of history: %+v, %v", few, err)
	}
	if none, err := reliability.NewMajorThreshold(p.MajorDays, 2026, history[:1]); err != nil || none.Exists() || none.IsMajor(at) {
		t.Errorf("a day of history: %+v, %v", none, err)
	}
	if _, err := reliability.NewMajorThreshold(p.MajorDays, 2026, append(history, history[3])); err == nil {
		t.Error("a day that stands twice is taken")
	}
}

func abs(x float64) float64 { return max(x, -x) }

func TestServiceIndicators(t *testing.T) {
	march := func(text string) time.Time { return local("2026-03-" + text) }
	cuts := []reliability.Cut{
		{Kind: reliability.Fault, Start: march("01 10:00"), Restored: march("01 12:00"), Noticed: march("01 22:00")}, // exactly 2 h, exactly 12 h
		{Kind: reliability.Fault, Start: march("01 10:00"), Restored: march("01 12:00:00.001")},                      // over both, within 24 h
	}
	cuts[1].Noticed = march("02 09:00")
	cuts = append(cuts, reliability.Cut{Kind: reliability.Emergency, Start: march("03 10:00"), Restored: march("03 18:00")})
	s := reliability.Serve(policy(t, "vn").Service, calendar, cuts, march("03 23:00"))[reliability.ServiceCell{Month: reliability.MonthOf(2026, 3)}]
	want := reliability.Service{Faults: 2, RestoredIn: 1, RestoredLate: 1, Restored: 2, RestoreMs: 4*3600000 + 1, EmergencyCuts: 1,
		EmergencyTimes: []reliability.NoticeCount{{Name: "EVN", InTime: 1, Late: 1, Missing: 1}, {Name: "rule", InTime: 2, Pending: 1}}}
	if !reflect.DeepEqual(*s, want) {
		t.Errorf("service %+v\nwant %+v", *s, want)
	}
	is(t, "within the limit", s.WithinLimit(), "1/2")
	s.Add(&want)
	if s.Faults != 4 || s.EmergencyTimes[0].Late != 2 {
		t.Errorf("sum %+v", s)
	}
}

func TestImportedCustomerCounts(t *testing.T) {
	r := district(t, 10)
	rows := []headend.Interruption{row(0, 1, "2026-03-01 10:00", "2026-03-01 11:00")}
	b := books(t, policy(t, "vn"), r, rows)
	march := reliability.MonthOf(2026, 3).Period()
	census := r.Census(reliability.ByOrganisation, calendar, reliability.Year(2026))
	if err := census.Import("A", march, 100); err != nil {
		t.Fatal(err)
	}
	for id, n := range map[string]string{"A": "100", "B": "5", "PC": "105", "EVN": "105"} {
		s, err := b.State(reliability.Question{ID: id, Units: r.Members(reliability.ByOrganisation, id), Period: march, Served: census.For(id)})
		if err != nil {
			t.Fatal(err)
		}
		is(t, "N of "+id, s.All.Customers, n)
	}
	if err := census.Import("PC", march, 400); err != nil {
		t.Fatal(err)
	}
	s, err := b.State(reliability.Question{ID: "EVN", Units: r.Members(reliability.ByOrganisation, "EVN"), Period: march, Served: census.For("EVN")})
	if err != nil {
		t.Fatal(err)
	}
	is(t, "N of EVN", s.All.Customers, "400")
	if _, err := b.State(reliability.Question{ID: "EVN", Period: reliability.Year(2027), Served: census.For("EVN")}); err == nil {
		t.Error("a year nobody has counted has customers")
	}
	if census.Import("A", march, -1) == nil || census.Import("A", reliability.Period{From: 5, To: 5}, 1) == nil {
		t.Error("a negative number or an empty period is taken")
	}
}

func TestStanding(t *testing.T) {
	number := func(text string) reliability.Ratio {
		r, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatal(text)
		}
		return reliability.Exactly(r)
	}
	s := reliability.Stand(number("90"), number("150"), number("80"), number("160"))
	is(t, "used", s.Used, "3/5")
	is(t, "remaining", s.Remaining, "60")
	is(t, "change", s.Change, "10")
	is(t, "ratio", s.ChangeRate, "1/8")
	is(t, "forecast", s.Forecast, "170")
	is(t, "without last year", reliability.Stand(number("90"), number("150"), reliability.None, reliability.None).Forecast, "")
}
