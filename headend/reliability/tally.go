package reliability

import (
	"math/bits"

	"github.com/RoaringBitmap/roaring/v2"
)

// tally is a number for each usage point, bit by bit: plane i holds those whose number has bit i. Two tallies are added
// like binary numbers, for all usage points at once, so that counts of months make those of the year exactly.
// The zero tally is 0 for everybody.
type tally struct{ planes []*roaring.Bitmap }

// set gives a usage point that had none its number.
func (t *tally) set(usagePoint uint32, n uint64) {
	for n != 0 {
		i := bits.TrailingZeros64(n)
		t.plane(i).Add(usagePoint)
		n &= n - 1
	}
}

func (t *tally) plane(i int) *roaring.Bitmap {
	for len(t.planes) <= i {
		t.planes = append(t.planes, roaring.New())
	}
	return t.planes[i]
}

// add adds the numbers of o, which stays as it is.
func (t *tally) add(o *tally) {
	var carry *roaring.Bitmap
	for i := 0; i < len(o.planes) || carry != nil && !carry.IsEmpty(); i++ {
		a := t.plane(i)
		var b *roaring.Bitmap
		if i < len(o.planes) {
			b = o.planes[i]
		}
		switch {
		case b == nil:
			carry = into(a, carry)
		case carry == nil || carry.IsEmpty():
			carry = into(a, b)
		default:
			next := into(a, b)
			if more := into(a, carry); more != nil {
				if next == nil {
					next = more
				} else {
					next.Or(more)
				}
			}
			carry = next
		}
	}
}

// into adds b to a without carrying and gives the carry; nil for none. Sets that share nobody, as those of two districts,
// are joined, which is much less work.
//
// It does without Bitmap.Xor, which in roaring v2.30.0 changes its argument where a few are met by many of one page
// (arrayContainer.ixorBitmap works in the other's memory): adding up months spoilt the months.
func into(a, b *roaring.Bitmap) *roaring.Bitmap {
	if !a.Intersects(b) {
		a.Or(b)
		return nil
	}
	carry := roaring.And(a, b)
	a.Or(b)
	a.AndNot(carry)
	return carry
}

// any is those whose number is not 0.
func (t *tally) any() *roaring.Bitmap { return roaring.FastOr(t.planes...) }

// atLeast is those whose number is n or more; n is at least 1.
func (t *tally) atLeast(n uint64) *roaring.Bitmap {
	if bits.Len64(n) > len(t.planes) {
		return roaring.New()
	}
	more := roaring.New() // greater in the bits seen so far
	same := t.any()       // equal in them
	for i := len(t.planes) - 1; i >= 0; i-- {
		if n>>i&1 == 1 {
			same.And(t.planes[i])
		} else {
			more.Or(roaring.And(same, t.planes[i]))
			same.AndNot(t.planes[i])
		}
	}
	more.Or(same)
	return more
}

// of is the number of one usage point.
func (t *tally) of(usagePoint uint32) (n uint64) {
	for i, p := range t.planes {
		if p.Contains(usagePoint) {
			n |= 1 << i
		}
	}
	return n
}
