package reliability_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/reliability"
)

// A year of a corporation: 10 M interruptions of 2 M customers in 100 districts, by district and month. Run with
// -benchtime 1x. "aggregate" is the pass over the ledger; "year" is the statement of the corporation from the sums, as
// from stored roll-ups.
func BenchmarkTenMillionInterruptions(b *testing.B) {
	const (
		customers = 2_000_000
		districts = 100
		each      = 5
	)
	r := province(b, customers, districts)
	p := policy(b, "ieee1366")
	rows := func(yield func(headend.Interruption, error) bool) {
		state := uint64(1)
		begin := local("2026-01-01").UnixMilli()
		for point := range uint32(customers) {
			for i := range each {
				state = state*6364136223846793005 + 1442695040888963407
				start := begin + int64(state>>24)%(364*86_400_000)
				length := int64(state>>13) % (3 * 3_600_000)
				row := headend.Interruption{UsagePoint: point, ID: int64(point)*each + int64(i), Revision: 1, Outage: int64(i), Start: time.UnixMilli(start), End: time.UnixMilli(start + length),
					Planned: state&1 == 0, Inferred: state&14 == 0, Cause: "equipment"}
				if !yield(row, nil) {
					return
				}
			}
		}
	}
	for _, sets := range []bool{false, true} {
		var made *reliability.Books
		b.Run(fmt.Sprintf("aggregate/sets=%v", sets), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				a, err := reliability.NewAccountant(reliability.Settings{Policy: p, Calendar: calendar, Grain: reliability.ByMonth, Customers: sets,
					Edition: reliability.Edition{Revision: 1, AsOf: local("2027-01-01")}}, r.View(reliability.ByOrganisation))
				if err != nil {
					b.Fatal(err)
				}
				if err := a.Account(rows); err != nil {
					b.Fatal(err)
				}
				made = a.Books()
			}
			b.ReportMetric(float64(b.N)*customers*each/b.Elapsed().Seconds()/1e6, "Mrows/s")
			if len(made.Cells) != districts*12 {
				b.Fatalf("%d cells", len(made.Cells))
			}
		})
		census := r.Census(reliability.ByOrganisation, calendar, reliability.Year(2026))
		for _, id := range []string{"D7", "EVN"} {
			b.Run(fmt.Sprintf("year/sets=%v/%s", sets, id), func(b *testing.B) {
				q := reliability.Question{ID: id, Units: r.Members(reliability.ByOrganisation, id), Period: reliability.Year(2026), Served: census.For(id)}
				for b.Loop() {
					if s, err := made.State(q); err != nil || s.All.CI == 0 {
						b.Fatal(err)
					}
				}
			})
		}
	}
	b.Run("rows alone", func(b *testing.B) { // what making the rows takes
		for b.Loop() {
			n := 0
			for row := range rows {
				n += int(row.UsagePoint & 1)
			}
			runtime.KeepAlive(n)
		}
		b.ReportMetric(float64(b.N)*customers*each/b.Elapsed().Seconds()/1e6, "Mrows/s")
	})
}

func province(b *testing.B, customers, districts int) *reliability.Registry {
	b.Helper()
	spec := reliability.Spec{Organisations: []headend.Organisation{{ID: "EVN", Kind: "corporation"}, {ID: "PC", Kind: "company", Parent: "EVN"}}}
	for i := range districts {
		d := fmt.Sprint("D", i)
		spec.Organisations = append(spec.Organisations, headend.Organisation{ID: d, Kind: "district", Parent: "PC"})
		spec.Nodes = append(spec.Nodes, headend.Node{ID: "T" + d, Kind: "transformer", Organisation: d})
	}
	for i := range customers {
		d := fmt.Sprint("D", i*districts/customers)
		spec.Points = append(spec.Points, reliability.PointVersion{Number: uint32(i), VA: 5000, UsagePoint: headend.UsagePoint{Node: "T" + d, Organisation: d}})
	}
	r, err := reliability.NewRegistry(spec)
	if err != nil {
		b.Fatal(err)
	}
	return r
}
