package simulator

import "math/bits"

// mix scrambles a number so that neighbours look unrelated (the finaliser of splitmix64). Everything
// the simulator draws comes from mixing the seed with what it is for, never from a stream that would
// have to be replayed.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// mix2 is mix of two numbers.
func mix2(a, b uint64) uint64 { return mix(mix(a) ^ bits.RotateLeft64(b, 32)) }

// mixText is mix of a seed and a text (FNV-1a).
func mixText(seed uint64, text string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(text); i++ {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	return mix2(seed, h)
}

// unit turns a scrambled number into a float in [0, 1).
func unit(h uint64) float64 { return float64(h>>11) / (1 << 53) }

// draw is a small stream of numbers that begins at one scrambled number.
type draw uint64

// next is the next number of the stream.
func (d *draw) next() uint64 {
	*d += 0x9e3779b97f4a7c15
	return mix(uint64(*d))
}

// unit is the next number in [0, 1).
func (d *draw) unit() float64 { return unit(d.next()) }

// below is the next number in [0, n); n > 0.
func (d *draw) below(n int) int {
	high, _ := bits.Mul64(d.next(), uint64(n))
	return int(high)
}
