package mqtt

import "lastgasp/headend"

// obis is a code A-B:C.D.E*F of IEC 62056-61. A short code C.D.E leaves medium and channel open.
type obis struct {
	a, b, c, d, e, f uint8
	short            bool // written without A-B
}

// currentValue is the F of a value that is not one of a former billing period.
const currentValue = 255

// parseOBIS reads A-B:C.D.E or C.D.E, each with an optional *F, each number 0 to 255.
func parseOBIS[T ~string | ~[]byte](s T) (obis, bool) {
	o := obis{f: currentValue}
	i := 0
	number := func() (uint8, bool) {
		start, v := i, 0
		for i < len(s) && s[i] >= '0' && s[i] <= '9' && i-start < 3 {
			v = v*10 + int(s[i]-'0')
			i++
		}
		return uint8(v), i > start && v <= 255
	}
	sign := func(c byte) bool {
		if i < len(s) && s[i] == c {
			i++
			return true
		}
		return false
	}
	first, ok := number()
	if !ok {
		return o, false
	}
	if sign('-') {
		o.a = first
		if o.b, ok = number(); !ok || !sign(':') {
			return o, false
		}
		if o.c, ok = number(); !ok {
			return o, false
		}
	} else {
		o.short, o.a, o.c = true, 1, first
	}
	if !sign('.') {
		return o, false
	}
	if o.d, ok = number(); !ok || !sign('.') {
		return o, false
	}
	if o.e, ok = number(); !ok {
		return o, false
	}
	if sign('*') {
		if o.f, ok = number(); !ok {
			return o, false
		}
	}
	return o, i == len(s)
}

// cde packs the three numbers that say what is measured.
func (o obis) cde() uint32 { return uint32(o.c)<<16 | uint32(o.d)<<8 | uint32(o.e) }

// quantity is what the code measures. Energy is counted on channel 0, by some meters on channel 1;
// a value of a former billing period is another quantity and has none here.
func (o obis) quantity() (quantityInfo, bool) {
	if o.f != currentValue || o.b > 1 {
		return quantityInfo{}, false
	}
	q, ok := obisQuantities[o.cde()]
	if !ok {
		return quantityInfo{}, false
	}
	if abstract := o.c == 96; !o.short && (o.a != 1) != abstract {
		return quantityInfo{}, false
	}
	return q, true
}

// obisQuantities maps C.D.E to quantities, after the code list of IEC 62056-61 and the README of the
// device collection for the tariff registers.
var obisQuantities = func() map[uint32]quantityInfo {
	m := make(map[uint32]quantityInfo)
	add := func(c, d, e uint8, name headend.Quantity) {
		m[obis{c: c, d: d, e: e}.cde()] = infoOf(name)
	}
	tariffs := [...]headend.Quantity{"", "_t1", "_t2", "_t3", "_t4"}
	for e, t := range tariffs {
		add(1, 8, uint8(e), headend.ImportWh+t)
		add(2, 8, uint8(e), headend.ExportWh+t)
		add(3, 8, uint8(e), headend.ImportVarh+t)
		add(4, 8, uint8(e), headend.ExportVarh+t)
		for i, quadrant := range [...]headend.Quantity{"q1_varh", "q2_varh", "q3_varh", "q4_varh"} {
			add(uint8(5+i), 8, uint8(e), quadrant+t)
		}
		add(1, 6, uint8(e), "demand_p_max"+t)
		add(2, 6, uint8(e), "demand_p_export_max"+t)
	}
	add(1, 4, 0, "demand_p")
	add(2, 4, 0, "demand_p_export")
	add(1, 7, 0, headend.P)
	add(2, 7, 0, "p_export")
	add(16, 7, 0, "p_net")
	add(3, 7, 0, headend.Q)
	add(4, 7, 0, "q_export")
	add(9, 7, 0, headend.S)
	add(13, 7, 0, headend.PF)
	add(14, 7, 0, headend.F)
	add(91, 7, 0, "i_n")
	for i, phase := range [...]headend.Quantity{"1", "2", "3"} {
		base := uint8(20 * i)
		line := "_l" + phase
		add(base+21, 7, 0, "p"+phase)
		add(base+22, 7, 0, "p"+phase+"_export")
		add(base+36, 7, 0, "p"+phase+"_net")
		add(base+23, 7, 0, "q"+phase)
		add(base+24, 7, 0, "q"+phase+"_export")
		add(base+29, 7, 0, "s"+phase)
		add(base+31, 7, 0, "i"+phase)
		add(base+32, 7, 0, "v"+phase)
		add(base+33, 7, 0, "pf"+phase)
		add(base+32, 32, 0, "voltage_sag_count"+line)
		add(base+32, 36, 0, "voltage_swell_count"+line)
	}
	add(96, 7, 21, "power_failure_count")
	add(96, 7, 9, "long_power_failure_count")
	return m
}()
