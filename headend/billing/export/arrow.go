package export

import (
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// arrowWriter writes an Arrow IPC stream: a schema, then batches of rowBatch rows.
type arrowWriter struct {
	build *array.RecordBuilder
	out   *ipc.Writer
	rows  int
}

func arrowSchema() *arrow.Schema {
	stamp := &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	var fields []arrow.Field
	for _, c := range textColumns {
		fields = append(fields, arrow.Field{Name: c.name, Type: arrow.BinaryTypes.String, Nullable: c.optional})
	}
	return arrow.NewSchema(append(fields,
		arrow.Field{Name: "from", Type: stamp}, arrow.Field{Name: "to", Type: stamp},
		arrow.Field{Name: "wh", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		arrow.Field{Name: "distance_us", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		arrow.Field{Name: "outage", Type: arrow.FixedWidthTypes.Boolean}), nil)
}

func newArrow(w io.Writer, _ Options) (Writer, error) {
	schema := arrowSchema()
	return &arrowWriter{build: array.NewRecordBuilder(memory.DefaultAllocator, schema), out: ipc.NewWriter(w, ipc.WithSchema(schema))}, nil
}

func (a *arrowWriter) Write(r Row) error {
	for i, c := range textColumns {
		column := a.build.Field(i).(*array.StringBuilder)
		if s := c.of(&r); s == "" && c.optional {
			column.AppendNull()
		} else {
			column.Append(s)
		}
	}
	n := len(textColumns)
	a.build.Field(n).(*array.TimestampBuilder).Append(arrow.Timestamp(r.From.UnixMicro()))
	a.build.Field(n + 1).(*array.TimestampBuilder).Append(arrow.Timestamp(r.To.UnixMicro()))
	appendInt(a.build.Field(n+2).(*array.Int64Builder), r.Wh, r.isKnown())
	appendInt(a.build.Field(n+3).(*array.Int64Builder), r.Distance.Microseconds(), r.hasDistance())
	a.build.Field(n + 4).(*array.BooleanBuilder).Append(r.Outage)
	if a.rows++; a.rows < rowBatch {
		return nil
	}
	return a.flush()
}

func appendInt(b *array.Int64Builder, n int64, known bool) {
	if known {
		b.Append(n)
	} else {
		b.AppendNull()
	}
}

func (a *arrowWriter) flush() error {
	record := a.build.NewRecord()
	defer record.Release()
	a.rows = 0
	return a.out.Write(record)
}

func (a *arrowWriter) Close() error {
	defer a.build.Release()
	if err := a.flush(); err != nil { // a batch of no rows too: the schema is written with the first
		return err
	}
	return a.out.Close()
}
