package reliability_test

import (
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/reliability"
)

func TestRowsThatCannotBe(t *testing.T) {
	p, r := policy(t, "vn"), district(t, 10)
	good := row(0, 1, "2026-03-01 10:00", "2026-03-01 11:00")
	backwards, long, early, twice := good, good, good, good
	backwards.End = local("2026-03-01 09:00")
	long.End = local("2046-03-01")
	early.Start = time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC)
	twice.End = local("2026-03-01 12:00")
	for what, rows := range map[string][]headend.Interruption{"before it starts": {backwards}, "longer than ten years": {long},
		"outside 1970": {early}, "two versions of revision 1": {good, twice}} {
		err := accountant(t, p, r, func(s *reliability.Settings) { s.Edition.AsOf = local("2050-01-01") }).Take(rows)
		if !rowFault(err) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: error %v", what, err)
		}
	}
	if _, err := reliability.Merge([]headend.Interruption{backwards}, reliability.Edition{AsOf: asOf}); !rowFault(err) {
		t.Errorf("Merge: error %v", err)
	}
}

func TestScatteredRows(t *testing.T) {
	p, r := policy(t, "vn"), district(t, 10)
	a, b := row(0, 1, "2026-03-01 10:00", "2026-03-01 11:00"), row(1, 1, "2026-03-01 10:00", "2026-03-01 11:00")
	all := func(rows ...headend.Interruption) iter.Seq2[headend.Interruption, error] {
		return func(yield func(headend.Interruption, error) bool) {
			for _, r := range rows {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
	if err := accountant(t, p, r).Account(all(a, b, a)); !errors.Is(err, reliability.ErrScattered) {
		t.Errorf("error %v, want ErrScattered", err)
	}
	if err := accountant(t, p, r).Take([]headend.Interruption{a, b}); !errors.Is(err, reliability.ErrScattered) {
		t.Errorf("error %v, want ErrScattered", err)
	}
	x := accountant(t, p, r)
	if err := x.Account(all(b, b, a)); err != nil || x.Books().Cells == nil {
		t.Errorf("error %v", err)
	}
	away := errors.New("the database went away")
	err := accountant(t, p, r).Account(func(yield func(headend.Interruption, error) bool) {
		if yield(a, nil) {
			yield(headend.Interruption{}, away)
		}
	})
	if !errors.Is(err, away) {
		t.Errorf("error %v, want that of the rows", err)
	}
}

func TestSettingsThatCannotBe(t *testing.T) {
	view := district(t, 1).View(reliability.ByOrganisation)
	good := reliability.Settings{Policy: policy(t, "vn"), Calendar: calendar, Grain: reliability.ByDay, Edition: reliability.Edition{AsOf: asOf}}
	if _, err := reliability.NewAccountant(good, view); err != nil {
		t.Fatal(err)
	}
	for what, spoil := range map[string]func(*reliability.Settings){"policy": func(s *reliability.Settings) { s.Policy = nil },
		"calendar": func(s *reliability.Settings) { s.Calendar = nil }, "grain": func(s *reliability.Settings) { s.Grain = 0 },
		"moment": func(s *reliability.Settings) { s.Edition.AsOf = time.Time{} }} {
		s := good
		spoil(&s)
		if _, err := reliability.NewAccountant(s, view); err == nil {
			t.Errorf("settings without %s are taken", what)
		}
	}
	r := district(t, 4)
	rows := []headend.Interruption{row(0, 1, "2026-03-01 10:00", "2026-03-01 11:00")}
	a, b := books(t, policy(t, "vn"), r, rows), books(t, policy(t, "ieee1366"), r, nil)
	if err := a.Add(b); !errors.Is(err, reliability.ErrOtherBooks) {
		t.Errorf("books of another policy: error %v", err)
	}
	monthly := books(t, policy(t, "vn"), r, rows, func(s *reliability.Settings) { s.Grain = reliability.ByMonth })
	part := reliability.Period{From: reliability.DayOf(2026, 3, 1), To: reliability.DayOf(2026, 3, 2)}
	units := r.Members(reliability.ByOrganisation, "EVN")
	if _, err := monthly.Sums(units, part, nil); err == nil {
		t.Error("books by month are cut through")
	}
	if _, err := monthly.Daily(units, part, steady(1)); err == nil {
		t.Error("books by month tell days")
	}
	if _, err := a.State(reliability.Question{ID: "EVN", Units: units, Period: part, Served: steady(1), Lines: []string{"storm"}}); err == nil {
		t.Error("a line that is none is taken")
	}
	if _, err := a.State(reliability.Question{ID: "EVN", Units: units, Served: steady(1)}); err == nil {
		t.Error("an empty period is taken")
	}
	var uncounted *reliability.Uncounted
	nobody := func(reliability.Day) (reliability.Headcount, bool) { return reliability.Headcount{}, false }
	if _, err := a.State(reliability.Question{ID: "EVN", Units: units, Period: part, Served: nobody}); !errors.As(err, &uncounted) {
		t.Errorf("a day nobody counted: error %v", err)
	}
}

func TestRegistryRefuses(t *testing.T) {
	late := local("2026-07-01")
	orgs := func(list ...headend.Organisation) reliability.Spec { return reliability.Spec{Organisations: list} }
	one := func(v ...reliability.PointVersion) reliability.Spec { return reliability.Spec{Points: v} }
	for what, spec := range map[string]reliability.Spec{
		"leads back to itself":     orgs(headend.Organisation{ID: "A", Parent: "B"}, headend.Organisation{ID: "B", Parent: "A"}),
		"which is not there":       orgs(headend.Organisation{ID: "A", Parent: "nobody"}),
		"has two versions":         orgs(headend.Organisation{ID: "A"}, headend.Organisation{ID: "A", From: late}),
		"is valid from":            orgs(headend.Organisation{ID: "A", From: late, To: late}),
		`node "nowhere"`:           one(reliability.PointVersion{UsagePoint: headend.UsagePoint{ID: "U", Node: "nowhere"}}),
		`organisation "nowhere"`:   one(reliability.PointVersion{UsagePoint: headend.UsagePoint{ID: "U", Organisation: "nowhere"}}),
		"numbers must be dense":    one(reliability.PointVersion{Number: 4_000_000_000, UsagePoint: headend.UsagePoint{ID: "U"}}),
		"(number 3) has two":       one(reliability.PointVersion{Number: 3, UsagePoint: headend.UsagePoint{ID: "U"}}, reliability.PointVersion{Number: 3, UsagePoint: headend.UsagePoint{ID: "V"}}),
		"connected load of -1 VA":  one(reliability.PointVersion{VA: -1, UsagePoint: headend.UsagePoint{ID: "U"}}),
		`usage point "U" is valid`: one(reliability.PointVersion{UsagePoint: headend.UsagePoint{ID: "U", From: late, To: late}}),
	} {
		if _, err := reliability.NewRegistry(spec); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("error %v does not say %q", err, what)
		}
	}
	deep := []headend.Organisation{{ID: "0"}}
	for i := range 20 {
		deep = append(deep, headend.Organisation{ID: strings.Repeat("x", i+1), Parent: deep[i].ID})
	}
	if _, err := reliability.NewRegistry(orgs(deep...)); err == nil {
		t.Error("a tree of 20 levels is taken")
	}
}

func TestFormulaRefuses(t *testing.T) {
	in := reliability.Term{Side: reliability.Received, Sign: 1, Point: "P", Register: reliability.Import}
	for what, spoil := range map[string]func(*reliability.Term){"side": func(x *reliability.Term) { x.Side = 0 }, "sign": func(x *reliability.Term) { x.Sign = 2 },
		"import nor export": func(x *reliability.Term) { x.Register = 0 }, "or neither": func(x *reliability.Term) { x.Point = "" },
		"second time": func(*reliability.Term) {}} {
		bad := in
		spoil(&bad)
		f := reliability.Formula{ID: "F", Terms: []reliability.Term{in, bad}}
		if err := f.Check(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: error %v", what, err)
		}
	}
	f := reliability.Formula{ID: "F", Terms: []reliability.Term{{Side: reliability.Delivered, Sign: 1, AllBelow: true, Register: reliability.Import}}}
	if f.Check() == nil {
		t.Error("a formula that receives nothing is taken")
	}
	f.Terms = append(f.Terms, in)
	if _, err := reliability.Balance(&f, asOf, asOf, nil, nil); err == nil {
		t.Error("a balance over no time is taken")
	}
	nothing := func(string) (reliability.Metered, bool) { return reliability.Metered{}, false }
	s, err := reliability.Balance(&f, asOf, asOf.Add(time.Hour), []string{"U"}, nothing)
	if err != nil {
		t.Fatal(err)
	}
	if l := s.Losses(); !l.Percent.IsNone() || len(l.Flags) != 2 {
		t.Errorf("losses of nothing known: %+v", l)
	}
}

func TestStoredCustomersRefuse(t *testing.T) {
	p, r := policy(t, "ieee1366"), district(t, 10)
	b := books(t, p, r, []headend.Interruption{row(3, 1, "2026-03-01 10:00", "2026-03-02 11:00")})
	for _, sum := range b.Cells {
		data, err := sum.Parts[0].Customers.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		for n := range data {
			if (&reliability.Customers{}).UnmarshalBinary(data[:n]) == nil {
				t.Errorf("%d of %d bytes are taken", n, len(data))
			}
		}
		if (&reliability.Customers{}).UnmarshalBinary(append(data, 0)) == nil {
			t.Error("a byte too many is taken")
		}
	}
}

func FuzzStoredCustomers(f *testing.F) {
	p, r := policy(f, "ieee1366"), district(f, 10)
	b := books(f, p, r, []headend.Interruption{row(3, 1, "2026-03-01 10:00", "2026-03-02 11:00"), row(4, 1, "2026-03-01 10:00", "2026-03-01 11:00")})
	for _, sum := range b.Cells {
		data, err := sum.Parts[0].Customers.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var a, sum reliability.Customers
		if a.UnmarshalBinary(data) != nil {
			return
		}
		sum.Add(&a)
		if a.Sustained(1) != sum.Sustained(1) || a.Together(2) != sum.Together(2) || a.Interrupted() != a.Sustained(1) {
			t.Error("what was read does not add up")
		}
		again, err := a.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := (&reliability.Customers{}).UnmarshalBinary(again); err != nil {
			t.Fatal(err)
		}
	})
}
