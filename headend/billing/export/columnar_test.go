package export

import (
	"bytes"
	"os"
	"strconv"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"

	"lastgasp/headend"
	"lastgasp/headend/billing"
)

// many is more rows than a batch holds, with a register at the end.
func many() []Row {
	var rows []Row
	for i := range 20 {
		rows = append(rows, month("NEM12010"+strconv.Itoa(10+i))...)
	}
	at := rows[0].From
	return append(rows, Row{UsagePoint: "NEM1201100", Meter: "M1", Quantity: headend.ImportWh, Kind: Register, From: at, To: at, State: billing.Measured, Wh: 1 << 60, How: billing.Exact})
}

func TestRoundTripArrow(t *testing.T) {
	rows := many()
	for _, rows := range [][]Row{rows, nil} {
		r, err := ipc.NewReader(bytes.NewReader(write(t, "arrow", Options{}, rows)))
		if err != nil {
			t.Fatal(err)
		}
		var got []fact
		for r.Next() {
			record := r.Record()
			column := func(name string) int { return record.Schema().FieldIndices(name)[0] }
			text := func(name string, i int) string { return record.Column(column(name)).(*array.String).Value(i) }
			for i := range int(record.NumRows()) {
				f := fact{text("usage_point", i), text("quantity", i), int64(record.Column(column("from")).(*array.Timestamp).Value(i)) / 1e6,
					int64(record.Column(column("to")).(*array.Timestamp).Value(i)) / 1e6, "", text("state", i) == "estimated"}
				if wh := record.Column(column("wh")); wh.IsValid(i) {
					f.wh = strconv.FormatInt(wh.(*array.Int64).Value(i), 10)
				}
				if f.estimated == record.Column(column("method")).IsNull(i) {
					t.Fatalf("%+v: an estimate without a method, or a method without one", f)
				}
				got = append(got, f)
			}
		}
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
		compareFacts(t, rows, got, true)
	}
}

func TestRoundTripParquet(t *testing.T) {
	rows := many()
	for _, rows := range [][]Row{rows, nil} {
		out := write(t, "parquet", Options{}, rows)
		r, err := file.NewParquetReader(bytes.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		if r.NumRows() != int64(len(rows)) || r.NumRowGroups() != (len(rows)+rowBatch-1)/rowBatch {
			t.Fatalf("%d rows in %d groups", r.NumRows(), r.NumRowGroups())
		}
		var got []fact
		for g := range r.NumRowGroups() {
			group := r.RowGroup(g)
			n := int(group.NumRows())
			texts := func(name string) []string {
				column, err := group.Column(r.MetaData().Schema.ColumnIndexByName(name))
				if err != nil {
					t.Fatal(err)
				}
				values := make([]parquet.ByteArray, n)
				var list []string
				for len(list) < n {
					total, _, err := column.(*file.ByteArrayColumnChunkReader).ReadBatch(int64(n), values, nil, nil)
					if err != nil || total == 0 {
						t.Fatal(total, err)
					}
					for _, v := range values[:total] {
						list = append(list, string(v))
					}
				}
				return list
			}
			numbers := func(name string) (values []int64, there []bool) {
				column, err := group.Column(r.MetaData().Schema.ColumnIndexByName(name))
				if err != nil {
					t.Fatal(err)
				}
				for len(there) < n {
					batch, levels := make([]int64, n), make([]int16, n)
					total, read, err := column.(*file.Int64ColumnChunkReader).ReadBatch(int64(n), batch, levels, nil)
					if err != nil || total == 0 {
						t.Fatal(total, err)
					}
					k := 0
					for _, l := range levels[:total] {
						is := l == column.Descriptor().MaxDefinitionLevel()
						there = append(there, is)
						if values = append(values, 0); is {
							values[len(values)-1] = batch[k]
							k++
						}
					}
					if k != read {
						t.Fatalf("%s: %d values at %d levels", name, read, k)
					}
				}
				return values, there
			}
			points, quantities, states := texts("usage_point"), texts("quantity"), texts("state")
			from, _ := numbers("from")
			to, _ := numbers("to")
			wh, known := numbers("wh")
			for i := range n {
				f := fact{points[i], quantities[i], from[i] / 1e6, to[i] / 1e6, "", states[i] == "estimated"}
				if known[i] {
					f.wh = strconv.FormatInt(wh[i], 10)
				}
				got = append(got, f)
			}
		}
		compareFacts(t, rows, got, true)
	}
}

// With LASTGASP_EXPORT_DIR the same rows are left there in every columnar format, for readers that are not Go.
func TestFilesForOtherReaders(t *testing.T) {
	dir := os.Getenv("LASTGASP_EXPORT_DIR")
	if dir == "" {
		t.Skip("SKIPPED: LASTGASP_EXPORT_DIR is not set")
	}
	for _, format := range []string{"arrow", "parquet", "ndjson"} {
		if err := os.WriteFile(dir+"/rows."+format, write(t, format, Options{}, many()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
