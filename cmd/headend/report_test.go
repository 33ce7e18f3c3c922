package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/xuri/excelize/v2"

	"lastgasp/headend/reliability/books"
)

// historyRows is how many interruptions are imported; REPORT_ROWS=100000 is the size a utility brings.
func historyRows(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("REPORT_ROWS"))
	if err != nil {
		n = 4000
	}
	t.Log(n, "rows")
	return n
}

// reportedDistrict imports a registry of 1,000 usage points in two districts and so many interruptions of 2026.
func reportedDistrict(t *testing.T, environment []string, rows int) {
	t.Helper()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("organisations.csv", "id,name,kind,parent,from,to\nEVN,Tổng công ty,corporation,,,\nPC,Công ty,company,EVN,,\nA,Điện lực A,district,PC,,\nB,Điện lực B,district,PC,,\n")
	write("network.csv", "id,name,kind,parent,organisation,rated_kva,from,to\nSS,,substation,,,,,\nFA,,feeder,SS,,,,\nFB,,feeder,SS,,,,\nTA,,transformer,FA,A,,,\nTB,,transformer,FB,B,,,\n")
	var points, history strings.Builder
	points.WriteString("id,name,address,node,organisation,phases,from,to\n")
	for i := range 1000 {
		fmt.Fprintf(&points, "U%d,,,%s,,,,\n", i, []string{"TA", "TB"}[i%2])
	}
	write("points.csv", points.String())
	history.WriteString("usage_point,start,end,outage,cause,phases\n")
	random := rand.New(rand.NewPCG(1, 2))
	next := make([]time.Time, 1000)
	for i := range rows {
		u := i % 1000
		if next[u].IsZero() {
			next[u] = time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("", 7*3600))
		}
		start := next[u].Add(10*time.Minute + time.Duration(random.IntN(40*3600))*time.Second)
		end := start.Add(time.Duration(1+random.IntN([]int{300, 600, 20000}[random.IntN(3)])) * time.Second)
		next[u] = end
		fmt.Fprintf(&history, "U%d,%s,%s,%d,%s,\n", u, start.Format(time.RFC3339), end.Format(time.RFC3339), i/10, []string{"tree", "equipment", "maintenance", "transmission", "non_payment"}[random.IntN(5)])
	}
	write("history.csv", history.String())
	for _, args := range [][]string{{"organisations", "organisations.csv"}, {"network", "network.csv"}, {"usage-points", "points.csv"}, {"interruptions", "history.csv"}} {
		begin := time.Now()
		if status, out, errs := command(t, environment, append([]string{"import"}, args...)...); status != exitDone {
			t.Fatalf("import %v: %d %s %s", args, status, out, errs)
		}
		t.Log("import", args[0], time.Since(begin).Round(time.Millisecond))
	}
}

// independent computes the same in SQL from the ledger, by the definitions: interruptions here neither overlap nor touch,
// and each is at least ten minutes from the next.
const independent = `
SELECT count(*) FILTER (WHERE length > interval '5 min'),
       coalesce(sum(extract(epoch FROM length)) FILTER (WHERE length > interval '5 min'), 0)::bigint,
       count(DISTINCT usage_point) FILTER (WHERE length > interval '5 min'),
       count(*) FILTER (WHERE length <= interval '5 min'),
       (SELECT count(*) FROM (SELECT FROM interruption j JOIN usage_point_version w USING (usage_point) JOIN node n ON n.number = w.node
                              WHERE ($1 = '' OR n.id = $1) AND j.cause <> 'non_payment' AND j.ended - j.started > interval '5 min' GROUP BY j.usage_point HAVING count(*) >= 3) c),
       count(DISTINCT usage_point) FILTER (WHERE length >= interval '4 h')
FROM (SELECT i.usage_point, i.ended - i.started AS length FROM interruption i JOIN usage_point_version v USING (usage_point) JOIN node n ON n.number = v.node
      WHERE ($1 = '' OR n.id = $1) AND i.cause <> 'non_payment' AND i.started >= '2025-12-31 17:00Z' AND i.started < '2026-12-31 17:00Z') x`

func TestReportOfImportedInterruptionsAgainstSQL(t *testing.T) {
	environment := ownDatabase(t)
	inEmptyDir(t)
	reportedDistrict(t, environment, historyRows(t))
	begin := time.Now()
	status, out, errs := command(t, environment, "report", "reliability", "--policy", "ieee1366", "--from", "2026-01", "--to", "2026-12", "--format", "json")
	t.Log("report", time.Since(begin).Round(time.Millisecond))
	if status != exitDone {
		t.Fatal(status, errs)
	}
	var report books.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	connection, err := pgx.Connect(t.Context(), strings.TrimPrefix(environment[0], "DATABASE_URL="))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(t.Context())
	seen := 0
	for _, row := range report.Rows {
		node, customers := map[string]string{"EVN": "", "PC": "", "A": "TA", "B": "TB"}[row.ID], int64(500)
		if node == "" {
			customers = 1000
		}
		var ci, seconds, cn, mi, three, long int64
		if err := connection.QueryRow(t.Context(), independent, node).Scan(&ci, &seconds, &cn, &mi, &three, &long); err != nil {
			t.Fatal(err)
		}
		if ci == 0 || mi == 0 || three == 0 || long == 0 {
			t.Fatal("nothing to compare")
		}
		seen++
		x := row.Statement.All
		for name, pair := range map[string][2]*big.Rat{
			"SAIFI": {x.SAIFI.Rat(), big.NewRat(ci, customers)}, "SAIDI": {x.SAIDI.Rat(), big.NewRat(seconds, 60*customers)}, "CN": {x.CN.Rat(), big.NewRat(cn, 1)},
			"MAIFI": {x.MAIFI.Rat(), big.NewRat(mi, customers)}, "MAIFI_E": {x.MAIFIE.Rat(), big.NewRat(mi, customers)},
			"CEMI_3": {x.CEMI[2].Share.Rat(), big.NewRat(three, customers)}, "CELID_4h": {x.CELIDS[1].Share.Rat(), big.NewRat(long, customers)},
			"CAIDI": {x.CAIDI.Rat(), big.NewRat(seconds, 60*ci)},
		} {
			if pair[0] == nil || pair[0].FloatString(11) != pair[1].FloatString(11) {
				t.Errorf("%s of %s is %v, and %v in SQL", name, row.ID, pair[0], pair[1].FloatString(12))
			}
		}
	}
	if seen != 4 {
		t.Errorf("%d rows", seen)
	}
}

func TestTheMonthIsReportedAndClosed(t *testing.T) {
	environment := ownDatabase(t)
	inEmptyDir(t)
	reportedDistrict(t, environment, 3000)
	if err := os.WriteFile("targets.csv", []byte("organisation,year,index,value\nA,2026,saidi,180.5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, errs := command(t, environment, "import", "targets", "targets.csv"); status != exitDone {
		t.Fatal(errs)
	}
	must := func(args ...string) string {
		t.Helper()
		status, out, errs := command(t, environment, args...)
		if status != exitDone {
			t.Fatalf("%v: %d %s", args, status, errs)
		}
		return out
	}
	table := must("report", "reliability", "--from", "2026-01", "--by", "district")
	for _, want := range []string{"Báo cáo độ tin cậy", "BTBD", "Toàn phần", "180.50", "Điện lực A"} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
	records, err := csv.NewReader(strings.NewReader(must("report", "reliability", "--from", "2026-01", "--by", "district", "--language", "en", "--format", "csv"))).ReadAll()
	if err != nil || len(records) != 9 || records[0][2] != "Kind" {
		t.Fatalf("%v %v", records, err)
	}
	for _, column := range []int{6, 9, 10, 11, 12} { // lines add up to the total: CI and CMI as printed, ratios within rounding
		sum := 0.0
		for _, record := range records[1:4] {
			x, err := strconv.ParseFloat(record[column-1], 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += x
		}
		if total, err := strconv.ParseFloat(records[4][column-1], 64); err != nil || total-sum > 0.2 || sum-total > 0.2 {
			t.Errorf("column %s: %v, and %v in total", records[0][column-1], sum, total)
		}
	}
	must("report", "reliability", "--from", "2026-01", "--format", "xlsx", "-o", "report.xlsx", "--policy", "ieee1366", "--language", "en")
	book, err := os.ReadFile("report.xlsx")
	if err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(bytes.NewReader(book))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cells, err := f.GetRows("Sheet1")
	if err != nil || !strings.Contains(fmt.Sprint(cells), "CEMI >=3") || !strings.Contains(fmt.Sprint(cells), "Without major event days") {
		t.Fatal(cells, err)
	}
	closed := must("close-period", "2026-01", "--organisation", "EVN", "--by", "Lan")
	if !strings.Contains(closed, "revision 1, from ledger revision 1") {
		t.Fatal(closed)
	}
	if again := must("close-period", "2026-01", "--organisation", "EVN", "--by", "Lan"); !strings.Contains(again, "nothing to revise") {
		t.Fatal(again)
	}
	if err := os.WriteFile("late.csv", []byte("usage_point,start,end,outage,cause,phases\nU0,2026-01-31T22:00:00+07:00,2026-01-31T23:00:00+07:00,late,tree,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	first := must("report", "closed", "2026-01", "--organisation", "EVN")
	must("import", "interruptions", "late.csv")
	if second := must("close-period", "2026-01", "--organisation", "EVN", "--by", "Minh"); !strings.Contains(second, "revision 2, from ledger revision 2") || !strings.Contains(second, "A, fault: +1 sustained, 60.0 minutes, +0 momentary") {
		t.Fatal(second)
	}
	if still := must("report", "closed", "2026-01", "--organisation", "EVN", "--number", "1"); still != first {
		t.Errorf("revision 1 is printed otherwise:\n%s\n%s", first, still)
	}
	if must("report", "closed", "2026-01", "--organisation", "EVN") == first {
		t.Error("revision 2 is printed as revision 1")
	}
	if service := must("report", "service", "--from", "2026-01", "--to", "2026-03", "--by", "month", "--unit", "A", "--language", "en"); !strings.Contains(service, "2026-03") || !strings.Contains(service, "Mean minutes to restore") {
		t.Error(service)
	}
	if losses := must("report", "losses", "--from", "2026-01", "--language", "en"); !strings.Contains(losses, "Delivered known, %") {
		t.Error(losses)
	}
	for _, args := range [][]string{{"report", "reliability", "--from", "2026"}, {"report", "reliability", "--from", "2026-02", "--to", "2026-01"}, {"report", "reliability", "--from", "2026-01", "--unit", "gone"},
		{"report", "reliability", "--from", "2026-01", "--policy", "gone"}, {"close-period", "2090-01", "--organisation", "EVN", "--by", "x"}, {"close-period", "2026-01", "--organisation", "FA", "--by", "x"}} {
		if status, out, errs := command(t, environment, args...); status != exitFailed || errs == "" {
			t.Errorf("%v: %d %s %s", args, status, out, errs)
		}
	}
}
