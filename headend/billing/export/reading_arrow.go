package export

import (
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"lastgasp/headend"
)

// readingArrow writes an Arrow IPC stream, a record batch a block. Numbers are written from where they lie: a batch is gone
// before the next block comes. Words are laid out run by run; through the library's builders each row of them costs ten times
// as much.
type readingArrow struct {
	schema *arrow.Schema
	out    *ipc.Writer
	begun  bool
	texts  [3]arrowText
	valid  [][]byte // a bitmap a quantity
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
	return &readingArrow{schema: schema, out: ipc.NewWriter(w, ipc.WithSchema(schema)), valid: make([][]byte, len(quantities))}, nil
}

func (a *readingArrow) WriteBlock(b *headend.ReadingBlock) error {
	points, meters, quality := &a.texts[0], &a.texts[1], &a.texts[2]
	for i := range a.texts {
		a.texts[i].begin()
	}
	for i := range b.Runs {
		points.add(b.Runs[i].UsagePoint, b.Runs[i].Rows, true)
		meters.add(string(b.Runs[i].Device), b.Runs[i].Rows, false)
	}
	eachQuality(b.Quality, func(words string, rows int) { quality.add(words, rows, false) })
	columns := []arrow.Array{points.array(), meters.array(), a.numbers(2, b.Time, nil, 0), a.numbers(3, b.Received, nil, 0), quality.array()}
	for i := range b.Columns {
		c := &b.Columns[i]
		values := c.Whole
		if c.Whole == nil {
			values = arrow.Int64Traits.CastFromBytes(arrow.Float64Traits.CastToBytes(c.Real))
		}
		columns = append(columns, a.numbers(5+i, values, a.bitmap(i, c), c.Unknown))
	}
	return a.write(columns, b.Rows())
}

// eachQuality tells the words of qualities that follow each other, and how many rows they are of.
func eachQuality(all []headend.Quality, tell func(words string, rows int)) {
	for from, i := 0, 0; i < len(all); from = i {
		for i < len(all) && all[i] == all[from] {
			i++
		}
		tell(all[from].String(), i-from)
	}
}

// bitmap tells which values are known; nil where all are.
func (a *readingArrow) bitmap(i int, c *headend.ReadingColumn) []byte {
	if c.Unknown == 0 {
		return nil
	}
	n := int(bitutil.BytesForBits(int64(len(c.Known))))
	if cap(a.valid[i]) < n {
		a.valid[i] = make([]byte, n)
	}
	bits := a.valid[i][:n]
	clear(bits)
	for k, known := range c.Known {
		if known {
			bits[k/8] |= 1 << (k % 8)
		}
	}
	return bits
}

// numbers is a column of eight bytes a value.
func (a *readingArrow) numbers(field int, values []int64, valid []byte, unknown int) arrow.Array {
	buffers := []*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(values))}
	if valid != nil {
		buffers[0] = memory.NewBufferBytes(valid)
	}
	return array.MakeFromData(array.NewData(a.schema.Field(field).Type, len(values), buffers, nil, unknown, 0))
}

func (a *readingArrow) write(columns []arrow.Array, rows int) error {
	record := array.NewRecord(a.schema, columns, int64(rows))
	defer record.Release()
	a.begun = true
	return a.out.Write(record)
}

func (a *readingArrow) Close(string) error {
	if !a.begun { // the schema is written with the first batch
		empty := array.NewRecordBuilder(memory.DefaultAllocator, a.schema)
		defer empty.Release()
		record := empty.NewRecord()
		defer record.Release()
		if err := a.out.Write(record); err != nil {
			return err
		}
	}
	return a.out.Close()
}

// arrowText is a column of words.
type arrowText struct {
	offsets []int32
	bytes   []byte
	valid   []byte
	nulls   int
}

func (t *arrowText) begin() {
	t.offsets, t.bytes, t.valid, t.nulls = append(t.offsets[:0], 0), t.bytes[:0], t.valid[:0], 0
}

// add puts a word behind the others so many times; an optional one is NULL where it is "".
func (t *arrowText) add(s string, times int, optional bool) {
	first := len(t.offsets) - 1
	end := t.offsets[first]
	for range times {
		t.bytes = append(t.bytes, s...)
		end += int32(len(s))
		t.offsets = append(t.offsets, end)
	}
	if !optional {
		return
	}
	for i := first; i < first+times; i++ {
		if i%8 == 0 {
			t.valid = append(t.valid, 0)
		}
		if s != "" {
			t.valid[i/8] |= 1 << (i % 8)
		} else {
			t.nulls++
		}
	}
}

func (t *arrowText) array() arrow.Array {
	buffers := []*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(t.offsets)), memory.NewBufferBytes(t.bytes)}
	if t.nulls > 0 {
		buffers[0] = memory.NewBufferBytes(t.valid)
	}
	return array.MakeFromData(array.NewData(arrow.BinaryTypes.String, len(t.offsets)-1, buffers, nil, t.nulls, 0))
}
