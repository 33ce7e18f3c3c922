package timeseries

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"lastgasp/headend"
)

// sign is a headend.LifeSign in the store's own numbers.
type sign struct {
	device int32
	flags  uint8 // bits 0 to 2 phases present, 3 to 5 absent, 6 and 7 the headend.Counter
	minute int64 // since 2000-01-01 UTC
	count  int64
}

const (
	signAbsent   = 3 // where the bits of absent phases begin
	signCounter  = 6 // where those of the counter begin
	minuteMicros = 60_000_000
)

func (s sign) lifeSign() headend.LifeSign {
	return headend.LifeSign{Device: s.device, Time: fromMicros(s.minute * minuteMicros),
		Present: headend.Phases(s.flags & 7), Absent: headend.Phases(s.flags >> signAbsent & 7),
		Counter: headend.Counter(s.flags >> signCounter), Count: s.count}
}

// signs are the signs of life of one transaction: what headend.LifeSigns makes of each batch, but from the rows
// the batches become, where the voltages stand at known places.
type signs struct {
	all      []sign
	received int64 // the latest of the batches
	wire     []byte
}

func (s *signs) reset() { s.all, s.received = s.all[:0], math.MinInt64 }

// at is the sign of a minute of the batch whose first sign is at first.
func (s *signs) at(first int, device int32, at int64) *sign {
	minute := (at - mod(at, minuteMicros)) / minuteMicros
	for i := len(s.all) - 1; i >= first; i-- {
		if s.all[i].minute == minute {
			return &s.all[i]
		}
	}
	s.all = append(s.all, sign{device: device, minute: minute})
	return &s.all[len(s.all)-1]
}

// voltages are the columns of v1, v2 and v3.
var voltages = [3]int{headend.V1.Column(), headend.V2.Column(), headend.V3.Column()}

// take reads the voltages of a row.
func (s *sign) take(w *wide) {
	for phase, column := range voltages {
		if w.mask&(1<<column) != 0 {
			s.voltage(uint8(phase), math.Float64frombits(w.value[column]))
		}
	}
}

func (s *sign) voltage(phase uint8, v float64) {
	present, absent := uint8(1)<<phase, uint8(1)<<(phase+signAbsent)
	switch {
	case v >= headend.VoltagePresent:
		s.flags = s.flags&^absent | present
	case v <= headend.VoltageAbsent && s.flags&present == 0:
		s.flags |= absent
	}
}

// counter takes in a value of a counter; of a meter that has both, the first one read holds.
func (s *sign) counter(q headend.Quantity, v headend.Value) {
	counter := headend.CountsAll
	switch q {
	case headend.QuantityFailures:
	case headend.QuantityShortFailures:
		counter = headend.CountsShort
	default:
		return
	}
	if had := headend.Counter(s.flags >> signCounter); had != 0 && had != counter {
		return
	}
	s.flags = s.flags&(1<<signCounter-1) | uint8(counter)<<signCounter
	s.count = int64(v.Float64())
}

// add takes the signs of readings of one time one by one: those of a row may differ in what is known against them.
func (s *signs) add(first int, device int32, at int64, readings []headend.Reading) {
	for i := range readings {
		if readings[i].Quality&headend.SaysNothing == 0 {
			s.at(first, device, at).one(&readings[i])
		}
	}
}

func (s *sign) one(r *headend.Reading) {
	switch r.Quantity {
	case headend.V1, headend.V2, headend.V3:
		s.voltage(r.Quantity[1]-'1', r.Value.Float64())
	default:
		s.counter(r.Quantity, r.Value)
	}
}

// The code of signs in life_sign.signs, a row for each transaction:
//
//	uvarint  number of signs
//	of each, in the order of device and minute:
//	  uvarint  device, less that of the sign before
//	  varint   minute since 2000-01-01 UTC, less that of the sign before
//	  byte     flags: bits 0 to 2 phases with voltage, 3 to 5 without, 6 and 7 the counter (0: none)
//	  varint   where there is a counter: its value
//
// Varints are those of encoding/binary. A meter that says at 10:00 what its neighbour said takes three bytes.
const (
	leastSign   = 3       // bytes
	mostMinutes = 1 << 38 // beyond the times PostgreSQL knows
)

// encode writes the signs for life_sign; first and last are the earliest and the latest minute. Signs that are there
// twice are written once.
func (s *signs) encode() (code []byte, first, last time.Time) {
	order := func(a, b sign) int {
		return cmp.Or(cmp.Compare(a.device, b.device), cmp.Compare(a.minute, b.minute))
	}
	if !slices.IsSortedFunc(s.all, order) {
		slices.SortStableFunc(s.all, order)
	}
	s.all = slices.Compact(s.all)
	b := binary.AppendUvarint(s.wire[:0], uint64(len(s.all)))
	low, high := s.all[0].minute, s.all[0].minute
	var before sign
	for _, v := range s.all {
		b = binary.AppendUvarint(b, uint64(v.device-before.device))
		b = binary.AppendVarint(b, v.minute-before.minute)
		b = append(b, v.flags)
		if v.flags>>signCounter != 0 {
			b = binary.AppendVarint(b, v.count)
		}
		low, high, before = min(low, v.minute), max(high, v.minute), v
	}
	s.wire = b
	return b, fromMicros(low * minuteMicros), fromMicros(high * minuteMicros)
}

// errSigns says that a row of life_sign does not hold what encode writes.
var errSigns = errors.New("not a code of signs of life")

// decodeSigns calls take for each sign of a code. It needs no more memory, whatever the code holds.
func decodeSigns(code []byte, take func(sign)) error {
	count, n := binary.Uvarint(code)
	if n <= 0 || count > uint64(len(code)-n)/leastSign {
		return fmt.Errorf("%w: %d bytes are too few for what they count", errSigns, len(code))
	}
	rest := code[n:]
	var at sign
	for i := range count {
		device, n := binary.Uvarint(rest)
		if n <= 0 || device > uint64(math.MaxInt32-at.device) {
			return fmt.Errorf("%w: device of sign %d", errSigns, i)
		}
		rest = rest[n:]
		minutes, n := binary.Varint(rest)
		if n <= 0 || minutes > mostMinutes || minutes < -mostMinutes || at.minute+minutes > mostMinutes || at.minute+minutes < -mostMinutes {
			return fmt.Errorf("%w: minute of sign %d", errSigns, i)
		}
		rest = rest[n:]
		if len(rest) == 0 || rest[0]>>signCounter > uint8(headend.CountsShort) || rest[0]&7&(rest[0]>>signAbsent) != 0 {
			return fmt.Errorf("%w: flags of sign %d", errSigns, i)
		}
		at = sign{device: at.device + int32(device), minute: at.minute + minutes, flags: rest[0]}
		rest = rest[1:]
		if at.flags>>signCounter != 0 {
			if at.count, n = binary.Varint(rest); n <= 0 {
				return fmt.Errorf("%w: count of sign %d", errSigns, i)
			}
			rest = rest[n:]
		}
		take(at)
	}
	if len(rest) != 0 {
		return fmt.Errorf("%w: %d bytes are left over", errSigns, len(rest))
	}
	return nil
}
