package export

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"

	"lastgasp/headend"
)

// readingParquet writes a row group a block.
type readingParquet struct {
	parquetFile
	words  words
	levels []int16
	whole  []int64
	real   []float64
}

func newReadingParquet(w io.Writer, quantities []headend.Quantity) (ReadingWriter, error) {
	stamp := schema.NewTimestampLogicalType(true, schema.TimeUnitMicros)
	s := parquetFields{}
	s.add("usage_point", true, schema.StringLogicalType{}, parquet.Types.ByteArray)
	s.add("meter", false, schema.StringLogicalType{}, parquet.Types.ByteArray)
	s.add("time", false, stamp, parquet.Types.Int64)
	s.add("received", false, stamp, parquet.Types.Int64)
	s.add("quality", false, schema.StringLogicalType{}, parquet.Types.ByteArray)
	// Times and registers hardly repeat: a dictionary of them would be built for nothing.
	options := []parquet.WriterProperty{parquet.WithDictionaryPageSizeLimit(math.MaxInt64), parquet.WithDictionaryFor("time", false), parquet.WithDictionaryFor("received", false)}
	for _, q := range quantities {
		kind := parquet.Types.Double
		if q.IsEnergy() {
			kind = parquet.Types.Int64
		}
		s.add(string(q), true, schema.NoLogicalType{}, kind)
		options = append(options, parquet.WithDictionaryFor(string(q), false))
	}
	root, err := s.root("readings")
	if err != nil {
		return nil, err
	}
	p := &readingParquet{words: words{at: map[string]int32{}}}
	return p, p.begin(w, root, options...)
}

func (p *readingParquet) WriteBlock(b *headend.ReadingBlock) error {
	return p.guard(func() error {
		group := p.out.AppendRowGroup()
		if err := p.text(group, true, func(add func(string, int)) {
			for i := range b.Runs {
				add(b.Runs[i].UsagePoint, b.Runs[i].Rows)
			}
		}); err != nil {
			return err
		}
		if err := p.text(group, false, func(add func(string, int)) {
			for i := range b.Runs {
				add(string(b.Runs[i].Device), b.Runs[i].Rows)
			}
		}); err != nil {
			return err
		}
		for _, times := range [][]int64{b.Time, b.Received} {
			if err := p.int64s(group, times, nil); err != nil {
				return err
			}
		}
		if err := p.text(group, false, func(add func(string, int)) {
			eachQuality(b.Quality, add)
		}); err != nil {
			return err
		}
		for i := range b.Columns {
			if err := p.column(group, &b.Columns[i]); err != nil {
				return err
			}
		}
		return group.Close()
	})
}

// words gathers a column of words for its dictionary.
type words struct {
	at         map[string]int32
	dictionary arrowText
	indices    []int32
	valid      []byte // a bitmap
}

// text writes a column of words that come with how often they follow each other; an optional one is NULL where it is "". The
// dictionary is made here, a look-up a run: the library looks each row up, and that was 70 % of the time of a file.
func (p *readingParquet) text(group file.SerialRowGroupWriter, optional bool, all func(add func(string, int))) error {
	next, err := group.NextColumn()
	if err != nil {
		return err
	}
	column := next.(*file.ByteArrayColumnChunkWriter)
	w := &p.words
	clear(w.at)
	w.dictionary.begin()
	w.indices, p.levels = w.indices[:0], p.levels[:0]
	all(func(s string, times int) {
		there := s != "" || !optional
		index, known := w.at[s]
		if there && !known {
			index = int32(len(w.at))
			w.at[s] = index
			w.dictionary.add(s, 1, false)
		}
		for range times {
			w.indices = append(w.indices, index) // also where there is none: the library counts those too
			if optional {
				p.levels = append(p.levels, level(there))
			}
		}
	})
	var levels []int16
	if optional {
		levels = p.levels
	}
	dictionary := w.dictionary.array()
	defer dictionary.Release()
	encoder, ok := column.CurrentEncoder().(interface{ PutDictionary(arrow.Array) error })
	if !ok {
		return errors.New("parquet: a column of words has no dictionary")
	}
	if err := encoder.PutDictionary(dictionary); err != nil {
		return err
	}
	if err := column.WriteDictIndices(w.array(levels), levels, nil); err != nil {
		return err
	}
	return column.Close()
}

// array is the indices with a place for each row; levels tell which of them are words. Without levels all are.
func (w *words) array(levels []int16) arrow.Array {
	buffers := []*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(w.indices))}
	w.valid = append(w.valid[:0], make([]byte, bitutil.BytesForBits(int64(len(levels))))...)
	nulls := 0
	for i, l := range levels {
		if l == level(true) {
			w.valid[i/8] |= 1 << (i % 8)
		} else {
			nulls++
		}
	}
	if nulls > 0 {
		buffers[0] = memory.NewBufferBytes(w.valid)
	}
	return array.MakeFromData(array.NewData(arrow.PrimitiveTypes.Int32, len(w.indices), buffers, nil, nulls, 0))
}

func (p *readingParquet) int64s(group file.SerialRowGroupWriter, values []int64, levels []int16) error {
	column, err := group.NextColumn()
	if err != nil {
		return err
	}
	if _, err := column.(*file.Int64ColumnChunkWriter).WriteBatch(values, levels, nil); err != nil {
		return err
	}
	return column.Close()
}

// column writes a quantity: Parquet has no place for the values that are not known.
func (p *readingParquet) column(group file.SerialRowGroupWriter, c *headend.ReadingColumn) error {
	p.levels = p.levels[:0]
	for _, known := range c.Known {
		p.levels = append(p.levels, level(known))
	}
	if c.Whole != nil {
		p.whole = compact(p.whole[:0], c.Whole, c)
		return p.int64s(group, p.whole, p.levels)
	}
	p.real = compact(p.real[:0], c.Real, c)
	column, err := group.NextColumn()
	if err != nil {
		return err
	}
	if _, err := column.(*file.Float64ColumnChunkWriter).WriteBatch(p.real, p.levels, nil); err != nil {
		return err
	}
	return column.Close()
}

// compact is the known ones of some values; those themselves where all are.
func compact[T any](into, values []T, c *headend.ReadingColumn) []T {
	if c.Unknown == 0 {
		return append(into, values...)
	}
	for i, known := range c.Known {
		if known {
			into = append(into, values[i])
		}
	}
	return into
}

func (p *readingParquet) Close(string) error { return p.end() }

// parquetFields gathers the columns of a file.
type parquetFields struct {
	list  schema.FieldList
	first error
}

func (s *parquetFields) add(name string, optional bool, logical schema.LogicalType, physical parquet.Type) {
	repetition := parquet.Repetitions.Required
	if optional {
		repetition = parquet.Repetitions.Optional
	}
	node, err := schema.NewPrimitiveNodeLogical(name, repetition, logical, physical, 0, -1)
	if err != nil && s.first == nil {
		s.first = err
	}
	s.list = append(s.list, node)
}

func (s *parquetFields) root(name string) (*schema.GroupNode, error) {
	if s.first != nil {
		return nil, s.first
	}
	return schema.NewGroupNode(name, parquet.Repetitions.Required, s.list, -1)
}

// parquetFile is a file that is being written.
type parquetFile struct {
	sink *sink
	out  *file.Writer
}

func (p *parquetFile) begin(w io.Writer, root *schema.GroupNode, more ...parquet.WriterProperty) error {
	p.sink = &sink{Writer: w}
	return p.guard(func() error {
		p.out = file.NewParquetWriter(p.sink, root, file.WithWriterProps(parquet.NewWriterProperties(append([]parquet.WriterProperty{
			parquet.WithCompression(compress.Codecs.Snappy), parquet.WithCreatedBy("lastgasp")}, more...)...)))
		return nil
	})
}

// guard makes errors of what the library panics with.
func (p *parquetFile) guard(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("parquet: %v", r)
		}
		if p.sink.err != nil {
			err = p.sink.err
		}
	}()
	return do()
}

func (p *parquetFile) end() error {
	return p.guard(func() error {
		if err := p.out.FlushWithFooter(); err != nil { // Close would forget its error
			return err
		}
		return p.out.Close()
	})
}
