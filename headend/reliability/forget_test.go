package reliability

import (
	"math/rand/v2"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
)

func TestForgottenCustomersLeaveNoTrace(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	cases := 2000
	if underRace {
		cases = 100
	}
	for range cases {
		a, b, gone := &Customers{}, &Customers{}, roaring.New()
		for p := range uint32(12) {
			s := &suffered{sustained: 1, events: 1, millis: random.Int64N(40) * hourMs, longest: 5 * hourMs}
			a.take(p, s, []int{2, 4})
			if random.IntN(2) == 0 {
				gone.Add(p)
			} else {
				b.take(p, s, []int{2, 4})
			}
		}
		stored, err := a.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var c Customers
		if err := c.UnmarshalBinary(stored); err != nil {
			t.Fatal(err)
		}
		c.forget(gone)
		if !c.Equal(b) {
			t.Fatal("not equal", c.Together(1), b.Together(1), c.Single(2), b.Single(2))
		}
		all := roaring.New()
		all.AddRange(0, 12)
		c.forget(all)
		c.Add(a)
		c.Add(a)
		wide := &Customers{}
		wide.Add(a)
		wide.Add(a)
		emptied := &Customers{}
		emptied.Add(b)
		emptied.forget(all)
		emptied.Add(wide) // an array into what was a list
		if !emptied.Equal(wide) || emptied.Together(1) != wide.Together(1) {
			t.Fatal("what was forgotten spoils what is added")
		}
		c.forget(all)
		c.Add(b)
		sum := &Customers{}
		sum.Add(&c)
		sum.Add(a)
		twice := &Customers{}
		twice.Add(b)
		twice.Add(a)
		if !sum.Equal(twice) || sum.Together(1) != twice.Together(1) {
			t.Fatal("sums differ")
		}
	}
}
