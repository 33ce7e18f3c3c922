package billing

import (
	"fmt"
	"math"
	"math/bits"
	"time"

	"lastgasp/headend"
)

// Point is a register as it stood at one time, as the meter shows it: before the multiplier, in Wh or varh.
type Point struct {
	Time    time.Time
	Wh      int64
	Quality headend.Quality
	Noted   bool // written down by who fitted or removed the meter, not sent by it
}

// timeDoubtful says that the register is the meter's but the time may not be.
const timeDoubtful = headend.QualityReceivedTime | headend.QualityClockDoubtful

// Dial is what is known of how a register is built. The zero Dial is one of which nothing is known: no roll-over of
// it can be proven and no step is too large.
type Dial struct {
	Digits int   // it wraps to 0 after this many; 0: not known. At most 18
	UnitWh int64 // worth of the last digit in Wh, 1 where 0; a dial of whole kWh has 1000
	MaxW   int64 // the most the meter can carry, in W as it counts (before the multiplier); 0: not known
}

// Validate returns an error that names the field out of bounds.
func (d Dial) Validate() error {
	switch {
	case d.Digits < 0 || d.Digits > 18:
		return fmt.Errorf("digits of a register: %d, 0 to 18 are possible", d.Digits)
	case d.UnitWh < 0:
		return fmt.Errorf("unit of a register: %d Wh, it cannot be negative", d.UnitWh)
	case d.MaxW < 0:
		return fmt.Errorf("greatest power of a register: %d W, it cannot be negative", d.MaxW)
	}
	if high, low := bits.Mul64(uint64(pow10(d.Digits)), uint64(d.unit())); high != 0 || low > 1e18 {
		return fmt.Errorf("a register of %d digits of %d Wh counts beyond 10^18 Wh", d.Digits, d.UnitWh)
	}
	return nil
}

func (d Dial) unit() int64 { return max(d.UnitWh, 1) }

// modulus is where the register wraps, in Wh; 0: not known.
func (d Dial) modulus() int64 {
	if d.Digits == 0 {
		return 0
	}
	return pow10(d.Digits) * d.unit()
}

// most is how much the register can count in a time, in Wh, rounded up, and one last digit for the cut of both ends;
// -1: not known.
func (d Dial) most(in time.Duration) int64 {
	if d.MaxW == 0 {
		return -1
	}
	seconds := uint64((in + time.Second - 1) / time.Second)
	high, low := bits.Mul64(uint64(d.MaxW), seconds)
	if high >= 3600 {
		return math.MaxInt64
	}
	wh, rest := bits.Div64(high, low, 3600)
	if rest > 0 {
		wh++
	}
	if wh > math.MaxInt64-uint64(d.unit()) {
		return math.MaxInt64
	}
	return int64(wh) + d.unit()
}

// step is what a register counted between two points that follow one another.
type step struct {
	wh     int64
	rolled bool
	absent Reason
}

// between proves the step from a to b, a earlier than b, or says why it cannot be known.
func (d Dial) between(a, b Point) step {
	modulus, most := d.modulus(), d.most(b.Time.Sub(a.Time))
	if a.Wh < 0 || b.Wh < 0 {
		return step{absent: Negative}
	}
	if modulus > 0 && (a.Wh >= modulus || b.Wh >= modulus) {
		return step{absent: BeyondDial}
	}
	wh := b.Wh - a.Wh
	rolled := wh < 0
	if rolled {
		if modulus == 0 || most < 0 {
			return step{absent: RolloverDoubt}
		}
		if wh += modulus; wh > most {
			return step{absent: Backwards}
		}
	}
	if most >= 0 && wh > most {
		return step{absent: Impossible}
	}
	if modulus > 0 && most >= 0 && most-wh >= modulus {
		return step{absent: RolloverTwice}
	}
	return step{wh: wh, rolled: rolled}
}

func pow10(n int) int64 {
	p := int64(1)
	for ; n > 0; n-- {
		p *= 10
	}
	return p
}

// share is floor(wh × part / whole) for 0 ≤ part ≤ whole, without overflow.
func share(wh int64, part, whole time.Duration) int64 {
	high, low := bits.Mul64(uint64(wh), uint64(part))
	q, _ := bits.Div64(high, low, uint64(whole))
	return int64(q)
}
