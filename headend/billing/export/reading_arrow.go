package export

import (
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"lastgasp/headend"
)

// readingArrow writes an Arrow IPC stream, a record batch a block.
type readingArrow struct {
	build *array.RecordBuilder
	out   *ipc.Writer
	begun bool
}

func newReadingArrow(w io.Writer, quantities []headend.Quantity) (ReadingWriter, error) {
	stamp := &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	fields := []arrow.Field{{Name: "usage_point", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "meter", Type: arrow.BinaryTypes.String},
		{Name: "time", Type: stamp}, {Name: "received", Type: stamp}, {Name: "quality", Type: arrow.BinaryTypes.String}}
	for _, q := range quantities {
		var kind arrow.DataType = arrow.PrimitiveTypes.Float64
		if q.IsEnergy() {
			kind = arrow.PrimitiveTypes.Int64
		}
		fields = append(fields, arrow.Field{Name: string(q), Type: kind, Nullable: true})
	}
	schema := arrow.NewSchema(fields, nil)
	return &readingArrow{build: array.NewRecordBuilder(memory.DefaultAllocator, schema), out: ipc.NewWriter(w, ipc.WithSchema(schema))}, nil
}

func (a *readingArrow) WriteBlock(b *headend.ReadingBlock) error {
	n := b.Rows()
	points, meters := a.build.Field(0).(*array.StringBuilder), a.build.Field(1).(*array.StringBuilder)
	points.Reserve(n)
	meters.Reserve(n)
	for i := range b.Runs {
		run := &b.Runs[i]
		for range run.Rows {
			if run.UsagePoint == "" {
				points.AppendNull()
			} else {
				points.Append(run.UsagePoint)
			}
			meters.Append(string(run.Device))
		}
	}
	appendTimes(a.build.Field(2), b.Time)
	appendTimes(a.build.Field(3), b.Received)
	quality := a.build.Field(4).(*array.StringBuilder)
	quality.Reserve(n)
	for _, q := range b.Quality {
		quality.Append(q.String())
	}
	for i := range b.Columns {
		c := &b.Columns[i]
		known := c.Known
		if c.Unknown == 0 {
			known = nil
		}
		switch build := a.build.Field(5 + i).(type) {
		case *array.Int64Builder:
			build.AppendValues(c.Whole, known)
		case *array.Float64Builder:
			build.AppendValues(c.Real, known)
		}
	}
	return a.flush()
}

// appendTimes adds times, of which none is NULL.
func appendTimes(to array.Builder, us []int64) {
	to.(*array.TimestampBuilder).AppendValues(arrow.TimestampTraits.CastFromBytes(arrow.Int64Traits.CastToBytes(us)), nil)
}

func (a *readingArrow) flush() error {
	record := a.build.NewRecord()
	defer record.Release()
	a.begun = true
	return a.out.Write(record)
}

func (a *readingArrow) Close(string) error {
	defer a.build.Release()
	if !a.begun { // the schema is written with the first batch
		if err := a.flush(); err != nil {
			return err
		}
	}
	return a.out.Close()
}
