package reliability_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/reliability"
)

var hanoi = func() *time.Location {
	zone, err := time.LoadLocation("Asia/Ho_Chi_Minh")
	if err != nil {
		panic(err)
	}
	return zone
}()

var calendar = reliability.NewCalendar(hanoi)

// local is a time of the utility's zone.
func local(text string) time.Time {
	for _, layout := range []string{"2006-01-02 15:04:05.999999999", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, hanoi); err == nil {
			return t.UTC()
		}
	}
	panic("no time: " + text)
}

func policy(t testing.TB, name string) *reliability.Policy {
	t.Helper()
	all, err := reliability.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	if all[name] == nil {
		t.Fatalf("there is no policy %s", name)
	}
	return all[name]
}

// row is a fault of a usage point; end "" is open.
func row(point uint32, id int64, start, end string) headend.Interruption {
	r := headend.Interruption{UsagePoint: point, ID: id, Revision: 1, Outage: 1, Start: local(start)}
	if end != "" {
		r.End = local(end)
	}
	return r
}

// district is a corporation with one company and two districts, each with a feeder and usage points numbered from 0.
func district(t testing.TB, points int) *reliability.Registry {
	t.Helper()
	spec := reliability.Spec{
		Organisations: []headend.Organisation{
			{ID: "EVN", Kind: "corporation"}, {ID: "PC", Kind: "company", Parent: "EVN"},
			{ID: "A", Kind: "district", Parent: "PC"}, {ID: "B", Kind: "district", Parent: "PC"}},
		Nodes: []headend.Node{{ID: "SS", Kind: "substation"},
			{ID: "FA", Kind: "feeder", Parent: "SS"}, {ID: "FB", Kind: "feeder", Parent: "SS"},
			{ID: "TA", Kind: "transformer", Parent: "FA", Organisation: "A"}, {ID: "TB", Kind: "transformer", Parent: "FB", Organisation: "B"}},
	}
	for i := range points {
		p := reliability.PointVersion{Number: uint32(i), VA: int64(1000 * (1 + i%3)),
			UsagePoint: headend.UsagePoint{ID: fmt.Sprint("U", i), Node: "TA", Organisation: "A", Phases: headend.L1 | headend.L2 | headend.L3}}
		if i%2 == 1 {
			p.Node, p.Organisation = "TB", "" // by its transformer
		}
		spec.Points = append(spec.Points, p)
	}
	r, err := reliability.NewRegistry(spec)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// books accounts rows in any order, by organisation and day.
func books(t testing.TB, p *reliability.Policy, r *reliability.Registry, rows []headend.Interruption, change ...func(*reliability.Settings)) *reliability.Books {
	t.Helper()
	a := accountant(t, p, r, change...)
	for _, group := range together(rows) {
		if err := a.Take(group); err != nil {
			t.Fatal(err)
		}
	}
	return a.Books()
}

func accountant(t testing.TB, p *reliability.Policy, r *reliability.Registry, change ...func(*reliability.Settings)) *reliability.Accountant {
	t.Helper()
	s := reliability.Settings{Policy: p, Calendar: calendar, Grain: reliability.ByDay, Customers: true,
		Edition: reliability.Edition{AsOf: local("2027-01-01")}}
	for _, f := range change {
		f(&s)
	}
	a, err := reliability.NewAccountant(s, r.View(reliability.ByOrganisation))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func together(rows []headend.Interruption) [][]headend.Interruption {
	byPoint := map[uint32]int{}
	var out [][]headend.Interruption
	for _, r := range rows {
		i, ok := byPoint[r.UsagePoint]
		if !ok {
			i = len(out)
			byPoint[r.UsagePoint] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], r)
	}
	return out
}

// state is the statement of an organisation over a period.
func state(t testing.TB, b *reliability.Books, r *reliability.Registry, id string, period reliability.Period, change ...func(*reliability.Question)) *reliability.Statement {
	t.Helper()
	census := r.Census(reliability.ByOrganisation, calendar, reliability.Period{From: reliability.DayOf(2015, 1, 1), To: reliability.DayOf(2030, 1, 1)})
	q := reliability.Question{ID: id, Units: r.Members(reliability.ByOrganisation, id), Period: period, Served: census.For(id)}
	for _, f := range change {
		f(&q)
	}
	s, err := b.State(q)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func indices(t testing.TB, p *reliability.Policy, r *reliability.Registry, rows []headend.Interruption, change ...func(*reliability.Settings)) *reliability.Indices {
	t.Helper()
	return state(t, books(t, p, r, rows, change...), r, "EVN", reliability.Year(2026)).All
}

func steady(customers int64) reliability.Served {
	return func(reliability.Day) (reliability.Headcount, bool) {
		return reliability.Headcount{Customers: customers}, true
	}
}

// is compares a figure with an exact one, written as a fraction or a decimal; "" is None.
func is(t testing.TB, what string, got reliability.Ratio, want string) {
	t.Helper()
	if want == "" {
		if !got.IsNone() {
			t.Errorf("%s is %s, want none", what, got)
		}
		return
	}
	exact, ok := new(big.Rat).SetString(want)
	if !ok {
		t.Fatalf("no number: %s", want)
	}
	if !got.Equal(reliability.Exactly(exact)) {
		t.Errorf("%s is %s, want %s", what, got, want)
	}
}

// near compares with a float of a vector.
func near(t testing.TB, what string, got reliability.Ratio, want, tolerance float64) {
	t.Helper()
	f, ok := got.Float64()
	if d := f - want; !ok || d > tolerance || d < -tolerance {
		t.Errorf("%s is %v, want %v ± %v", what, f, want, tolerance)
	}
}

// vector reads a worked example.
func vector(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

func rowFault(err error) bool {
	var fault *reliability.RowFault
	return errors.As(err, &fault)
}
