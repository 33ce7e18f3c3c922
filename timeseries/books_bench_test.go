package timeseries_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/reliability/books"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// BenchmarkBooksYear is a year of the ledger by district and month, beside one sequential scan of the ledger in the same
// run. BOOKS_ROWS is how many interruptions (10000000 for the whole; without it nothing runs), of a fifth as many
// customers in 100 districts. Run with -benchtime 1x -timeout 30m.
func BenchmarkBooksYear(b *testing.B) {
	rows, err := strconv.Atoi(os.Getenv("BOOKS_ROWS"))
	if err != nil {
		b.Skip("BOOKS_ROWS is not set")
	}
	s := storetest.Open(b, timeseries.Postgres)
	fillYear(b, s, rows)
	now := time.Date(2027, 1, 15, 0, 0, 0, 0, time.UTC)
	o, err := books.New(s, books.Options{Now: func() time.Time { return now }})
	if err != nil {
		b.Fatal(err)
	}
	year := headend.ReportRequest{From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}
	ask := func(name string, q headend.ReportRequest, stored bool) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				got, err := o.Report(b.Context(), q)
				if err != nil {
					b.Fatal(err)
				}
				if got.Stored != stored || len(got.Rows) == 0 || got.Rows[0].Statement.All.CI == 0 {
					b.Fatalf("stored %v, %d rows", got.Stored, len(got.Rows))
				}
				if _, err := json.Marshal(got); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("sequential scan", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Scalar(b.Context(), "SELECT sum(extract(epoch FROM ended - started))::text FROM interruption"); err != nil {
				b.Fatal(err)
			}
		}
	})
	vn, ieee := year, year
	vn.Policy, ieee.Policy = "vn", "ieee1366"
	if os.Getenv("BOOKS_LEDGER") != "" {
		ask("from the ledger, registry read too/vn", vn, false)
	}
	b.Run("settle all", func(b *testing.B) {
		for b.Loop() {
			if err := o.Settle(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	warm := vn
	warm.Unit, warm.By = "EVN", "month"
	ask("registry and census read/month", warm, true)
	ask("districts/vn", vn, true)
	ask("districts/ieee1366 without sets", ieee, true)
	// A year by district and month: twelve reports of a month would say the same; here each district by month.
	b.Run("district by month/vn", func(b *testing.B) {
		for b.Loop() {
			q := vn
			q.By = "district"
			q.Monthly = true
			got, err := o.Report(b.Context(), q)
			if err != nil || len(got.Rows) != 1200 || !got.Stored {
				b.Fatal(err)
			}
		}
	})
	one := ieee
	one.Unit, one.Customers = "D7", true
	ask("one district with sets/ieee1366", one, true)
	all := ieee
	all.Unit, all.By, all.Customers = "EVN", "corporation", true
	ask("corporation with sets/ieee1366", all, true)
	b.Run("settle 1,000 changed", func(b *testing.B) {
		for b.Loop() {
			change(b, s, 1000)
			if err := o.Settle(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	size, err := s.Scalar(context.Background(), "SELECT pg_size_pretty(pg_total_relation_size('book_cell')) || ', ledger ' || pg_size_pretty(pg_total_relation_size('interruption'))")
	if err != nil {
		b.Fatal(err)
	}
	b.Log("stored sums", size)
}

// fillYear makes the ledger with SQL, which is not what is measured.
func fillYear(b *testing.B, s *timeseries.Store, rows int) {
	b.Helper()
	customers := rows / 5
	for _, sql := range []string{
		`INSERT INTO organisation (id) SELECT 'EVN' UNION ALL SELECT 'PC' UNION ALL SELECT 'D' || i FROM generate_series(0, 99) i`,
		`INSERT INTO organisation_version (organisation, valid_from, name, kind, parent)
		 SELECT number, '1970-01-01Z', id, CASE id WHEN 'EVN' THEN 'corporation' WHEN 'PC' THEN 'company' ELSE 'district' END,
		        CASE id WHEN 'EVN' THEN NULL WHEN 'PC' THEN (SELECT number FROM organisation WHERE id = 'EVN') ELSE (SELECT number FROM organisation WHERE id = 'PC') END FROM organisation`,
		`INSERT INTO node (id) SELECT 'F' || i FROM generate_series(0, 99) i`,
		`INSERT INTO node_version (node, valid_from, name, kind, organisation)
		 SELECT n.number, '1970-01-01Z', n.id, 'feeder', o.number FROM node n JOIN organisation o ON o.id = 'D' || substr(n.id, 2)`,
		fmt.Sprintf(`INSERT INTO usage_point (id) SELECT 'U' || i FROM generate_series(1, %d) i`, customers),
		fmt.Sprintf(`INSERT INTO usage_point_version (usage_point, valid_from, node, phases)
		 SELECT u.number, '1970-01-01Z', n.number, 7 FROM usage_point u JOIN node n ON n.id = 'F' || (u.number - 1) * 100::bigint / %d`, customers),
		fmt.Sprintf(`INSERT INTO interruption (usage_point, id, revision, outage, started, ended, start_by, end_by, phases, cause, planned, own, declared, inferred, withdrawn, reason, written)
		 SELECT p, i, 1, 1 + i %% 1000, t, t + (random() * 10800) * interval '1 s', 2, 2, 0, (ARRAY['tree', 'equipment', 'maintenance', 'transmission'])[1 + (i %% 4)], false, false, false, i %% 7 = 0, false, '', now()
		 FROM (SELECT p, (p - 1) * 5::bigint + k AS i, '2025-12-31 17:00Z'::timestamptz + (73 * k + random() * 72) * interval '1 day' AS t
		       FROM generate_series(1, %d) p, generate_series(0, 4) k) x`, customers),
		`UPDATE detection SET revision = 1`,
		`INSERT INTO ledger_revision (revision, author) VALUES (1, 'import')`,
		`VACUUM ANALYZE`,
	} {
		if _, err := timeseries.Pool(s).Exec(b.Context(), sql); err != nil {
			b.Fatalf("%v\n%s", err, sql)
		}
	}
}

func change(b *testing.B, s *timeseries.Store, n int) {
	b.Helper()
	for _, sql := range []string{
		`UPDATE detection SET revision = revision + 1`,
		fmt.Sprintf(`WITH picked AS (SELECT usage_point, id FROM interruption WHERE id %% 7919 = 0 AND started > '2026-12-01' LIMIT %d),
		 former AS (INSERT INTO interruption_former SELECT i.*, (SELECT revision FROM detection) FROM interruption i JOIN picked USING (usage_point, id))
		 UPDATE interruption i SET ended = ended + interval '1 min', revision = (SELECT revision FROM detection) FROM picked p WHERE p.usage_point = i.usage_point AND p.id = i.id`, n),
	} {
		if _, err := timeseries.Pool(s).Exec(b.Context(), sql); err != nil {
			b.Fatal(err)
		}
	}
}
