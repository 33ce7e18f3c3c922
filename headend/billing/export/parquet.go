package export

import (
	"io"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// parquetWriter writes row groups of rowBatch rows, a column after the other. The column writers of parquet/file are used
// as they are: pqarrow would draw in the whole of Arrow's compute.
type parquetWriter struct {
	parquetFile
	rows []Row
}

// sink keeps the first error: the library panics on some of those, and forgets others.
type sink struct {
	io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.Writer.Write(p)
	s.err = err
	return n, err
}

func parquetSchema() (*schema.GroupNode, error) {
	s := parquetFields{}
	for _, c := range textColumns {
		s.add(c.name, c.optional, schema.StringLogicalType{}, parquet.Types.ByteArray)
	}
	stamp := schema.NewTimestampLogicalType(true, schema.TimeUnitMicros)
	s.add("from", false, stamp, parquet.Types.Int64)
	s.add("to", false, stamp, parquet.Types.Int64)
	s.add("wh", true, schema.NoLogicalType{}, parquet.Types.Int64)
	s.add("distance_us", true, schema.NoLogicalType{}, parquet.Types.Int64)
	s.add("outage", false, schema.NoLogicalType{}, parquet.Types.Boolean)
	return s.root("billing")
}

func newParquet(w io.Writer, _ Options) (Writer, error) {
	root, err := parquetSchema()
	if err != nil {
		return nil, err
	}
	p := &parquetWriter{rows: make([]Row, 0, rowBatch)}
	return p, p.begin(w, root)
}

func (p *parquetWriter) Write(r Row) error {
	if p.rows = append(p.rows, r); len(p.rows) < rowBatch {
		return nil
	}
	return p.guard(p.flush)
}

func (p *parquetWriter) flush() error {
	if len(p.rows) == 0 {
		return nil
	}
	group := p.out.AppendRowGroup()
	for _, c := range textColumns {
		if err := p.texts(group, c); err != nil {
			return err
		}
	}
	every := func(*Row) bool { return true }
	for _, c := range []struct {
		value    func(*Row) int64
		known    func(*Row) bool
		optional bool
	}{
		{func(r *Row) int64 { return r.From.UnixMicro() }, every, false},
		{func(r *Row) int64 { return r.To.UnixMicro() }, every, false},
		{func(r *Row) int64 { return r.Wh }, (*Row).isKnown, true},
		{func(r *Row) int64 { return r.Distance.Microseconds() }, (*Row).hasDistance, true},
	} {
		if err := p.numbers(group, c.value, c.known, c.optional); err != nil {
			return err
		}
	}
	if err := p.outages(group); err != nil {
		return err
	}
	p.rows = p.rows[:0]
	return group.Close()
}

func (p *parquetWriter) texts(group file.SerialRowGroupWriter, c textColumn) error {
	column, err := group.NextColumn()
	if err != nil {
		return err
	}
	var values []parquet.ByteArray
	var levels []int16
	for i := range p.rows {
		s := c.of(&p.rows[i])
		if c.optional {
			levels = append(levels, level(s != ""))
		}
		if s != "" || !c.optional {
			values = append(values, parquet.ByteArray(s))
		}
	}
	if _, err = column.(*file.ByteArrayColumnChunkWriter).WriteBatch(values, levels, nil); err != nil {
		return err
	}
	return column.Close()
}

func level(there bool) int16 {
	if there {
		return 1
	}
	return 0
}

func (p *parquetWriter) numbers(group file.SerialRowGroupWriter, value func(*Row) int64, known func(*Row) bool, optional bool) error {
	column, err := group.NextColumn()
	if err != nil {
		return err
	}
	var values []int64
	var levels []int16
	for i := range p.rows {
		r := &p.rows[i]
		if optional {
			levels = append(levels, level(known(r)))
		}
		if known(r) {
			values = append(values, value(r))
		}
	}
	if _, err = column.(*file.Int64ColumnChunkWriter).WriteBatch(values, levels, nil); err != nil {
		return err
	}
	return column.Close()
}

func (p *parquetWriter) outages(group file.SerialRowGroupWriter) error {
	column, err := group.NextColumn()
	if err != nil {
		return err
	}
	values := make([]bool, len(p.rows))
	for i := range p.rows {
		values[i] = p.rows[i].Outage
	}
	if _, err = column.(*file.BooleanColumnChunkWriter).WriteBatch(values, nil, nil); err != nil {
		return err
	}
	return column.Close()
}

func (p *parquetWriter) Close() error {
	if err := p.guard(p.flush); err != nil {
		return err
	}
	return p.end()
}
