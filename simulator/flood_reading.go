package simulator

import (
	"time"

	"lastgasp/headend"
)

// FloodValues are the ten values of one reading of a flood, as whole numbers in the last printed
// digit.
type FloodValues struct {
	ImportWh, ImportVarh int64
	DeciVolts            [3]int64 // v1 v2 v3 in 0.1 V
	CentiAmperes         [3]int64 // i1 i2 i3 in 0.01 A
	Watts                int64    // p
	PFPercent            int64    // pf in 0.01
}

// FloodReading is what reading k of meter d of a flood holds. Registers grow with k. Every value has
// the same number of digits whatever d and k (k below 10^8), so that packets can be patched.
func FloodReading(d int, k int64) FloodValues {
	h := mix2(uint64(d), uint64(k))
	register := 100_000_000 + int64(d%100_000)*1000 + k
	v := FloodValues{ImportWh: register, ImportVarh: register + 200_000_000}
	for i := range 3 {
		v.DeciVolts[i] = 2200 + int64(h&0xff)
		v.CentiAmperes[i] = 100 + int64(h>>8&0x1ff)
		h >>= 17
	}
	v.Watts = 1000 + int64(h&0xfff)
	v.PFPercent = 80 + v.Watts%20
	return v
}

// Readings are the values as the head-end knows them.
func (v FloodValues) Readings(at time.Time) []headend.Reading {
	readings := make([]headend.Reading, 0, 10)
	add := func(q headend.Quantity, value headend.Value) {
		readings = append(readings, headend.Reading{Time: at, Quantity: q, Value: value})
	}
	add(headend.ImportWh, headend.Whole(v.ImportWh))
	add(headend.ImportVarh, headend.Whole(v.ImportVarh))
	for i, q := range [3]headend.Quantity{headend.V1, headend.V2, headend.V3} {
		add(q, headend.Real(float64(v.DeciVolts[i])/10))
	}
	for i, q := range [3]headend.Quantity{headend.I1, headend.I2, headend.I3} {
		add(q, headend.Real(float64(v.CentiAmperes[i])/100))
	}
	add(headend.P, headend.Real(float64(v.Watts)))
	add(headend.PF, headend.Real(float64(v.PFPercent)/100))
	return readings
}

const (
	floodTimeFormat = "2006-01-02T15:04:05.000Z"
	// Every 0 is a digit that patch overwrites; the point of a decimal stays where it is.
	floodBody = `"time":"0000-00-00T00:00:00.000Z","values":{"import_wh":000000000,"import_varh":000000000,` +
		`"v1":000.0,"v2":000.0,"v3":000.0,"i1":0.00,"i2":0.00,"i3":0.00,"p":0000,"pf":0.00}}`
)

// Where the digits of each value begin in floodBody, and how many stand before and behind the point.
const (
	floodAtTime = 8
	floodAtWh   = floodAtTime + len(floodTimeFormat) + len(`","values":{"import_wh":`)
	floodAtVarh = floodAtWh + 9 + len(`,"import_varh":`)
	floodAtV    = floodAtVarh + 9 + len(`,"v1":`)
	floodStepV  = len(`000.0,"v1":`)
	floodAtI    = floodAtV + 3*floodStepV
	floodStepI  = len(`0.00,"i1":`)
	floodAtP    = floodAtI + 3*floodStepI - len(`"i1":`) + len(`"p":`)
	floodAtPF   = floodAtP + 4 + len(`,"pf":0.`)
)

// patch writes the values into body, which is a copy of floodBody.
func (v *FloodValues) patch(body []byte) {
	digits(body[floodAtWh:floodAtWh+9], v.ImportWh)
	digits(body[floodAtVarh:floodAtVarh+9], v.ImportVarh)
	for i := range 3 {
		at := body[floodAtV+i*floodStepV:]
		digits(at[:3], v.DeciVolts[i]/10)
		at[4] = byte('0' + v.DeciVolts[i]%10)
		at = body[floodAtI+i*floodStepI:]
		at[0] = byte('0' + v.CentiAmperes[i]/100)
		digits(at[2:4], v.CentiAmperes[i]%100)
	}
	digits(body[floodAtP:floodAtP+4], v.Watts)
	digits(body[floodAtPF:floodAtPF+2], v.PFPercent)
}

const pairs = "00010203040506070809101112131415161718192021222324252627282930313233343536373839" +
	"40414243444546474849505152535455565758596061626364656667686970717273747576777879" +
	"8081828384858687888990919293949596979899"

// digits writes n right-aligned over b, with leading zeros.
func digits(b []byte, n int64) {
	i, u := len(b), uint64(n)
	for ; i >= 2; i -= 2 {
		q := u / 100
		pair := (u - q*100) * 2
		b[i-1], b[i-2] = pairs[pair+1], pairs[pair]
		u = q
	}
	if i == 1 {
		b[0] = byte('0' + u%10)
	}
}
