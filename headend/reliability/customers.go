package reliability

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sort"

	"github.com/RoaringBitmap/roaring/v2"
)

// Customers is who was interrupted how often and how long, for the indices that count customers once or compare what
// each of them suffered: CN, CEMI, CEMSMI, CELID. Customers of several cells can be added: the same usage point in
// two of them is one customer. It is for one goroutine.
type Customers struct {
	sustained tally   // how many sustained interruptions
	events    tally   // how many sustained interruptions and momentary events
	millis    lengths // without supply in sustained interruptions, in all
	long      map[int]*roaring.Bitmap
}

// suffered is what one usage point suffered in one cell.
type suffered struct {
	sustained, events uint64
	millis, longest   int64
}

// take notes what a usage point suffered. It is not in c before.
func (c *Customers) take(usagePoint uint32, s *suffered, hours []int) {
	c.sustained.set(usagePoint, s.sustained)
	c.events.set(usagePoint, s.events)
	c.millis.plus(usagePoint, s.millis)
	for _, h := range hours {
		if s.sustained == 0 || s.longest < int64(h)*hourMs {
			break
		}
		c.longer(h).Add(usagePoint)
	}
}

const hourMs = 3_600_000

func (c *Customers) longer(hours int) *roaring.Bitmap {
	if c.long == nil {
		c.long = map[int]*roaring.Bitmap{}
	}
	if c.long[hours] == nil {
		c.long[hours] = roaring.New()
	}
	return c.long[hours]
}

// Add adds what o noted; o stays as it is.
func (c *Customers) Add(o *Customers) {
	c.sustained.add(&o.sustained)
	c.events.add(&o.events)
	c.millis.add(&o.millis)
	for h, set := range o.long {
		c.longer(h).Or(set)
	}
}

// Interrupted is the distinct customers with a sustained interruption: CN.
func (c *Customers) Interrupted() int64 { return int64(c.sustained.any().GetCardinality()) }

// Sustained is how many customers had so many sustained interruptions, or more.
func (c *Customers) Sustained(n int) int64 {
	return int64(c.sustained.atLeast(uint64(n)).GetCardinality())
}

// Events is how many customers had so many sustained interruptions and momentary events together, or more.
func (c *Customers) Events(n int) int64 {
	return int64(c.events.atLeast(uint64(n)).GetCardinality())
}

// Single is how many customers had a sustained interruption of at least so many hours, which must be one of the
// policy's bounds.
func (c *Customers) Single(hours int) int64 {
	if c.long[hours] == nil {
		return 0
	}
	return int64(c.long[hours].GetCardinality())
}

// Together is how many customers had sustained interruptions of at least so many hours in sum.
func (c *Customers) Together(hours int) int64 {
	return c.millis.atLeast(int64(hours) * hourMs)
}

// customersFormat is the first byte of stored Customers.
const customersFormat = 1

// Bounds of stored Customers: no tally has more than 64 planes, no policy more than 32 bounds.
const (
	maxPlanes = 64
	maxLong   = 32
)

// MarshalBinary writes the sets in Roaring's portable format, so that roll-ups can be stored and added later.
func (c *Customers) MarshalBinary() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte(customersFormat)
	for _, t := range []*tally{&c.sustained, &c.events} {
		b.WriteByte(byte(len(t.planes)))
		for _, p := range t.planes {
			if _, err := p.WriteTo(&b); err != nil {
				return nil, fmt.Errorf("write a set of customers: %w", err)
			}
		}
	}
	hours := make([]int, 0, len(c.long))
	for h := range c.long {
		hours = append(hours, h)
	}
	sort.Ints(hours)
	b.WriteByte(byte(len(hours)))
	for _, h := range hours {
		b.Write(binary.LittleEndian.AppendUint16(nil, uint16(h)))
		if _, err := c.long[h].WriteTo(&b); err != nil {
			return nil, fmt.Errorf("write a set of customers: %w", err)
		}
	}
	return c.millis.write(b.Bytes()), nil
}

// errCustomers says that bytes are not what MarshalBinary wrote.
var errCustomers = errors.New("these are no stored customers")

// UnmarshalBinary reads what MarshalBinary wrote. Anything else is refused.
func (c *Customers) UnmarshalBinary(data []byte) error {
	r := bytes.NewReader(data)
	if format, err := r.ReadByte(); err != nil || format != customersFormat {
		return errCustomers
	}
	var out Customers
	for _, t := range []*tally{&out.sustained, &out.events} {
		n, err := r.ReadByte()
		if err != nil || n > maxPlanes {
			return errCustomers
		}
		for range n {
			set, err := readSet(r)
			if err != nil {
				return err
			}
			t.planes = append(t.planes, set)
		}
	}
	n, err := r.ReadByte()
	if err != nil || n > maxLong {
		return errCustomers
	}
	for range n {
		var h [2]byte
		if _, err := r.Read(h[:]); err != nil {
			return errCustomers
		}
		set, err := readSet(r)
		if err != nil {
			return err
		}
		out.longer(int(binary.LittleEndian.Uint16(h[:]))).Or(set)
	}
	if err := out.millis.read(r); err != nil {
		return fmt.Errorf("%w: %w", errCustomers, err)
	}
	if r.Len() > 0 {
		return errCustomers
	}
	*c = out
	return nil
}

func readSet(r *bytes.Reader) (*roaring.Bitmap, error) {
	set := roaring.New()
	if _, err := set.ReadFrom(r); err != nil {
		return nil, fmt.Errorf("%w: %w", errCustomers, err)
	}
	if err := set.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", errCustomers, err)
	}
	return set, nil
}
