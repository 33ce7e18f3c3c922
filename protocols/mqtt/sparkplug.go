package mqtt

import (
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"lastgasp/headend"
)

// sparkplugPayload is org.eclipse.tahu.protobuf.Payload, as far as it says something to us. The field
// numbers are those of sparkplug_b.proto.
type sparkplugPayload struct {
	timestamp    uint64 // ms since 1970
	hasTimestamp bool
	seq          uint64
	hasSeq       bool
	metrics      []sparkplugValue
}

// sparkplugValue is Payload.Metric.
type sparkplugValue struct {
	name         string
	hasName      bool
	alias        uint64
	hasAlias     bool
	timestamp    uint64
	hasTimestamp bool
	datatype     uint32
	historical   bool
	null         bool
	bad          bool   // the property Quality says so
	unitName     string // the property engUnit
	kind         byte   // which of the value fields there was
	bits         uint64 // its bits
}

// Kinds of values; 0 is none we read.
const (
	sparkplugInt = iota + 1
	sparkplugLong
	sparkplugFloat
	sparkplugDouble
	sparkplugBoolean
)

// Data types of sparkplug_b.proto that change how a value's bits are read.
const (
	sparkplugInt8     = 1
	sparkplugInt16    = 2
	sparkplugInt32    = 3
	sparkplugInt64    = 4
	sparkplugDateTime = 13
	sparkplugQuality  = 192 // the property Quality of a good value
)

// maxMetricName bounds a metric's name in bytes, because births are remembered.
const maxMetricName = 256

// eachField walks the fields of a protobuf message. The bits of a number or the bytes of a
// length-delimited field go to yield.
func eachField(b []byte, yield func(number protowire.Number, bits uint64, bytes []byte) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		var bits uint64
		var bytes []byte
		switch kind {
		case protowire.VarintType:
			bits, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(b)
			bits = uint64(v)
		case protowire.Fixed64Type:
			bits, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			bytes, n = protowire.ConsumeBytes(b)
			if bytes == nil {
				bytes = []byte{}
			}
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := yield(number, bits, bytes); err != nil {
			return err
		}
	}
	return nil
}

func parseSparkplug(b []byte, most int) (p sparkplugPayload, err error) {
	err = eachField(b, func(number protowire.Number, bits uint64, bytes []byte) error {
		switch {
		case number == 1 && bytes == nil:
			p.timestamp, p.hasTimestamp = bits, true
		case number == 2 && bytes != nil:
			if len(p.metrics) >= most {
				return fmt.Errorf("more than %d metrics: %w", most, errTooMany)
			}
			m, err := parseSparkplugMetric(bytes)
			if err != nil {
				return fmt.Errorf("metric %d: %w", len(p.metrics)+1, err)
			}
			p.metrics = append(p.metrics, m)
		case number == 3 && bytes == nil:
			if bits > 255 {
				return fmt.Errorf("seq is %d, above 255", bits)
			}
			p.seq, p.hasSeq = bits, true
		}
		return nil
	})
	return p, err
}

func parseSparkplugMetric(b []byte) (m sparkplugValue, err error) {
	err = eachField(b, func(number protowire.Number, bits uint64, bytes []byte) error {
		if bytes != nil {
			switch number {
			case 1:
				if !utf8.Valid(bytes) || len(bytes) > maxMetricName {
					return fmt.Errorf("name is not UTF-8 or longer than %d bytes", maxMetricName)
				}
				m.name, m.hasName = string(bytes), len(bytes) > 0
			case 9:
				return m.properties(bytes)
			}
			return nil
		}
		switch number {
		case 2:
			m.alias, m.hasAlias = bits, true
		case 3:
			m.timestamp, m.hasTimestamp = bits, true
		case 4:
			m.datatype = uint32(bits)
		case 5:
			m.historical = bits != 0
		case 7:
			m.null = bits != 0
		case 10:
			m.kind, m.bits = sparkplugInt, bits
		case 11:
			m.kind, m.bits = sparkplugLong, bits
		case 12:
			m.kind, m.bits = sparkplugFloat, bits
		case 13:
			m.kind, m.bits = sparkplugDouble, bits
		case 14:
			m.kind, m.bits = sparkplugBoolean, bits
		}
		return nil
	})
	if err == nil && !m.hasName && !m.hasAlias {
		err = errors.New("has neither name nor alias")
	}
	return m, err
}

// properties reads a PropertySet: keys and, in the same order, values.
func (m *sparkplugValue) properties(b []byte) error {
	var keys []string
	var values [][]byte
	err := eachField(b, func(number protowire.Number, _ uint64, bytes []byte) error {
		switch {
		case bytes == nil:
		case number == 1 && len(keys) < 64:
			keys = append(keys, string(bytes))
		case number == 2 && len(values) < 64:
			values = append(values, bytes)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range min(len(keys), len(values)) {
		err := eachField(values[i], func(number protowire.Number, bits uint64, bytes []byte) error {
			switch {
			case keys[i] == "engUnit" && number == 8 && bytes != nil && utf8.Valid(bytes) && len(bytes) <= 32:
				m.unitName = string(bytes)
			case keys[i] == "Quality" && (number == 3 || number == 4) && bytes == nil:
				m.bad = bits != sparkplugQuality
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// bdSeq is the number of the session, in births and deaths of nodes.
func (p *sparkplugPayload) bdSeq() (uint64, bool) {
	for i := range p.metrics {
		if p.metrics[i].name == "bdSeq" && !p.metrics[i].null {
			return p.metrics[i].bits, true
		}
	}
	return 0, false
}

func unixMilli(ms uint64) (time.Time, bool) {
	const most = 253_402_300_799_999 // the year 9999
	if ms > most {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(ms)).UTC(), true
}

// time is the payload's own, or when it was received. It returns an error that wraps errNotATime.
func (p *sparkplugPayload) time(received time.Time) (time.Time, headend.Quality, error) {
	if !p.hasTimestamp {
		return received, headend.QualityReceivedTime, nil
	}
	t, ok := unixMilli(p.timestamp)
	if !ok {
		return t, 0, fmt.Errorf("timestamp %d is %w", p.timestamp, errNotATime)
	}
	return t, 0, nil
}

// time is the metric's own, or the payload's, or when it was received. It returns an error that wraps
// errNotATime.
func (m *sparkplugValue) time(s *sparkplugMessage) (time.Time, headend.Quality, error) {
	own := sparkplugPayload{timestamp: m.timestamp, hasTimestamp: m.hasTimestamp}
	if !m.hasTimestamp {
		own = sparkplugPayload{timestamp: s.payload.timestamp, hasTimestamp: s.payload.hasTimestamp}
	}
	t, quality, err := own.time(s.out.m.Received)
	if m.historical {
		quality |= headend.QualityHistorical
	}
	return t, quality, err
}

func (m *sparkplugValue) numeric() bool {
	return m.kind >= sparkplugInt && m.kind <= sparkplugDouble
}

func (m *sparkplugValue) float() float32 { return math.Float32frombits(uint32(m.bits)) }

// number is the value, exactly. Signed types travel as the bits of unsigned ones.
func (m *sparkplugValue) number() (headend.Decimal, error) {
	whole := func(n int64) (headend.Decimal, error) { return headend.Decimal{Coefficient: n}, nil }
	switch m.kind {
	case sparkplugInt, sparkplugLong:
		switch m.datatype {
		case sparkplugInt8:
			return whole(int64(int8(m.bits)))
		case sparkplugInt16:
			return whole(int64(int16(m.bits)))
		case sparkplugInt32:
			return whole(int64(int32(m.bits)))
		case sparkplugInt64:
			return whole(int64(m.bits))
		}
		if m.bits > math.MaxInt64 {
			return headend.Decimal{}, fmt.Errorf("%d: %w", m.bits, headend.ErrNumberRange)
		}
		return whole(int64(m.bits))
	case sparkplugFloat:
		return fromFloat32(m.float())
	case sparkplugDouble:
		return fromFloat64(math.Float64frombits(m.bits))
	}
	return headend.Decimal{}, fmt.Errorf("data type %d: %w", m.datatype, headend.ErrNotANumber)
}

// rebirthRequest is the NCMD that asks a node for its births.
func rebirthRequest(now time.Time) []byte {
	ms := uint64(now.UnixMilli())
	metric := protowire.AppendTag(nil, 1, protowire.BytesType)
	metric = protowire.AppendString(metric, "Node Control/Rebirth")
	metric = protowire.AppendVarint(protowire.AppendTag(metric, 3, protowire.VarintType), ms)
	metric = protowire.AppendVarint(protowire.AppendTag(metric, 4, protowire.VarintType), 11) // Boolean
	metric = protowire.AppendVarint(protowire.AppendTag(metric, 14, protowire.VarintType), 1)
	b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), ms)
	return protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), metric)
}
