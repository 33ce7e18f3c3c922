package timeseries_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
	"lastgasp/headend/importer"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

func TestImportOfHistoryTargetsAndCustomers(t *testing.T) {
	s := storetest.Open(t, timeseries.Postgres)
	if _, err := s.ImportOrganisations(t.Context(), importer.Organisations(strings.NewReader("id,name,kind,parent,from,to\nPC,,company,,,\nA,,district,PC,,\n"), importer.Format{}), timeseries.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	check := func(what string, got headend.Imported, err error, fresh, changed int, refused ...string) {
		t.Helper()
		if err != nil {
			t.Fatal(what, err)
		}
		var reasons []string
		for _, r := range got.Refused {
			reasons = append(reasons, string(rune('0'+r.Line))+" "+r.ID+": "+r.Reason)
		}
		if diff := cmp.Diff(refused, reasons); diff != "" {
			t.Errorf("%s:\n%s", what, diff)
		}
		if got.New != fresh || got.Changed != changed {
			t.Errorf("%s: %d new, %d changed; want %d, %d", what, got.New, got.Changed, fresh, changed)
		}
	}
	history := func(text string) (headend.Imported, error) {
		return s.ImportDaySums(t.Context(), importer.DaySums(strings.NewReader("organisation,date,customers,ci,cmi\n"+text), importer.Format{}), timeseries.ImportOptions{SkipRefused: true})
	}
	got, err := history("PC,2024-02-28,1000,10,1234.5\nPC,2024-02-29,1000,\"10,5\",0\nPC,2024-03-01,1000,0,0\nPC,2024-03-01,1000,1,5\nPC,2024-03-05,1000,1,5\nPC,2024-03-06,1000,1,\"5,5\"\nX,2024-03-01,5,0,0\nPC,2024-03-07,1000,0,0\n")
	check("history", got, err, 3, 0,
		`3 PC 2024-02-29: ci "10,5" is not a whole number from 0 to 1000000000; write decimals with a point (1234.5) and no marks between thousands`,
		`5 PC 2024-03-01: 2024-03-01 stands in line 4 already`,
		`6 PC 2024-03-05: a gap: 3 days before it are missing, from 2024-03-02 to 2024-03-04`,
		`7 PC 2024-03-06: cmi "5,5" is not a number of minutes from 0 on with at most three decimals, such as 1234.5; write decimals with a point (1234.5) and no marks between thousands`,
		`8 X 2024-03-01: unknown organisation X`)
	expectRows(t, s, "SELECT day::text, customers, ci, cms FROM day_sum ORDER BY day", "2024-02-28 1000 10 74070000", "2024-03-01 1000 0 0", "2024-03-07 1000 0 0")
	got, err = history("PC,2024-02-28,1000,11,1234.5\nPC,2024-02-29,1000,0,0\nPC,2024-03-01,1000,0,0\nPC,2900-03-01,1,0,0\nPC,2149-01-01,1,0,0\nPC,2024-03-02,0,1,5\n")
	check("history again", got, err, 1, 1,
		`5 PC: date "2900-03-01" is not a date from 1971 to 2149 such as 2026-01-31`, `6 PC 2149-01-01: 2149-01-01 is not over yet`,
		`7 PC 2024-03-02: customers are interrupted (ci 1, cmi 5) where none are served`)

	targets, err := s.ImportTargets(t.Context(), importer.Targets(strings.NewReader("organisation,year,index,value\nPC,2026,saidi,180.5\nPC,2026,saidi,181\nQ,2026,saifi,1\nPC,26,saifi,1\nPC,2026,caidi,1\nPC,2026,maifi,\"1,5\"\n"), importer.Format{}), timeseries.ImportOptions{SkipRefused: true})
	check("targets", targets, err, 1, 0,
		`3 PC 2026 saidi: stands in line 2 already`, `4 Q 2026 saifi: unknown organisation Q`, `5 PC: year "26" is not a year from 1971 to 2149`,
		`6 PC: index "caidi" is none of saidi, saifi, maifi, losses`,
		`7 PC: value "1,5" is not a number from 0 on with at most six decimals; write decimals with a point (1234.5) and no marks between thousands`)
	expectRows(t, s, "SELECT year, index, value::text FROM target", "2026 saidi 180.5")

	counts, err := s.ImportCustomerCounts(t.Context(), importer.CustomerCounts(strings.NewReader("organisation,month,customers\nA,2026-01,500\nA,2026-1,500\nB,2026-01,5\n"), importer.Format{}), timeseries.ImportOptions{SkipRefused: true})
	check("counts", counts, err, 1, 0, `3 A: month "2026-1" is not a month from 1971 to 2149 such as 2026-01`, `4 B 2026-01: unknown organisation B`)
	all, err := s.ImportCustomerCounts(t.Context(), importer.CustomerCounts(strings.NewReader("organisation,month,customers\nA,2026-01,501\nB,2026-01,5\n"), importer.Format{}), timeseries.ImportOptions{})
	if err != nil || all.Written {
		t.Fatal("a file with a bad line was written", err)
	}
	expectRows(t, s, "SELECT customers FROM customer_count", "500")
}
