package simulator

import (
	"math"
	"strconv"
	"time"

	"lastgasp/headend"
)

// Measurement is what a meter measured at one time, in whole units of the last printed digit.
type Measurement struct {
	Meter      headend.DeviceID
	UsagePoint string
	At         time.Time // when, truly
	Time       time.Time // when, by the meter's clock: what it publishes
	ImportWh   int64
	ExportWh   int64 // only where TwoWay
	TwoWay     bool
	Phases     int      // 1 or 3: how many of the following are measured
	DeciVolts  [3]int64 // 0.1 V
	MilliAmps  [3]int64 // 0.001 A, never negative
	Watts      [3]int64 // of each phase; negative: fed in
	PFPermille int64    // 0.001; negative where power is fed in
	MilliHertz int64
}

// Power is the sum of the phases, W.
func (m *Measurement) Power() int64 { return m.Watts[0] + m.Watts[1] + m.Watts[2] }

// appendValues appends the values as a JSON object.
func (m *Measurement) appendValues(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"import_wh":`...), m.ImportWh, 10)
	if m.TwoWay {
		b = strconv.AppendInt(append(b, `,"export_wh":`...), m.ExportWh, 10)
	}
	for i := range m.Phases {
		n := byte('1' + i)
		b = appendDecimal(append(b, ',', '"', 'v', n, '"', ':'), m.DeciVolts[i], 1)
		b = appendDecimal(append(b, ',', '"', 'i', n, '"', ':'), m.MilliAmps[i], 3)
		if m.Phases > 1 {
			b = strconv.AppendInt(append(b, ',', '"', 'p', n, '"', ':'), m.Watts[i], 10)
		}
	}
	b = strconv.AppendInt(append(b, `,"p":`...), m.Power(), 10)
	b = appendDecimal(append(b, `,"pf":`...), m.PFPermille, 3)
	b = appendDecimal(append(b, `,"f":`...), m.MilliHertz, 3)
	return append(b, '}')
}

// appendDecimal appends n · 10^-places.
func appendDecimal(b []byte, n int64, places int) []byte {
	if n < 0 {
		b, n = append(b, '-'), -n
	}
	unit := int64(math.Pow10(places))
	b = strconv.AppendInt(b, n/unit, 10)
	b = append(b, '.')
	for rest := n % unit; unit > 1; rest %= unit {
		unit /= 10
		b = append(b, byte('0'+rest/unit))
	}
	return b
}

// Readings are the values as the head-end knows them, at the meter's time.
func (m *Measurement) Readings() []headend.Reading {
	list := make([]headend.Reading, 0, 14)
	add := func(q headend.Quantity, v headend.Value) {
		list = append(list, headend.Reading{Time: m.Time, Quantity: q, Value: v})
	}
	add(headend.ImportWh, headend.Whole(m.ImportWh))
	if m.TwoWay {
		add(headend.ExportWh, headend.Whole(m.ExportWh))
	}
	for i := range m.Phases {
		add([...]headend.Quantity{headend.V1, headend.V2, headend.V3}[i], headend.Real(float64(m.DeciVolts[i])/10))
		add([...]headend.Quantity{headend.I1, headend.I2, headend.I3}[i], headend.Real(float64(m.MilliAmps[i])/1000))
		if m.Phases > 1 {
			add([...]headend.Quantity{headend.P1, headend.P2, headend.P3}[i], headend.Real(float64(m.Watts[i])))
		}
	}
	add(headend.P, headend.Real(float64(m.Power())))
	add(headend.PF, headend.Real(float64(m.PFPermille)/1000))
	add(headend.F, headend.Real(float64(m.MilliHertz)/1000))
	return list
}

// The load of a transformer over the day, relative to its mean, every three hours: what voltage follows.
var dayShape = [...][9]float64{
	Vietnam: {0.6, 0.5, 0.7, 0.95, 0.95, 1.1, 1.8, 1.5, 0.6},
	Europe:  {0.5, 0.35, 0.9, 1.1, 1.0, 1.25, 1.7, 1.3, 0.5},
}

// electrical fills voltage, current and power factor from the watts of each live phase.
//
// The voltage is what the transformer gives less what is lost in it at this time of day and on the
// customer's line by its own current. The current follows from the rounded voltage and power factor, so
// p = Σ v·i·pf holds within half a milliampere of each phase.
func (m *Measurement) electrical(p *Point, climate Climate, second int64, key uint64) {
	nominal := 230.0
	if climate == Vietnam {
		nominal = 220
	}
	h := mix2(key, uint64(m.At.Unix()))
	hour := float64(second) / 10800
	slot := int(hour)
	shape := dayShape[climate][slot] + (dayShape[climate][slot+1]-dayShape[climate][slot])*(hour-float64(slot))
	busbar := nominal * (1.045 - 0.022*shape)
	m.PFPermille = 880 + int64(mix2(key, uint64(m.At.Unix()/600))%110)
	pf := float64(m.PFPermille) / 1000
	const ohmPerMetre = 0.0009 // there and back: 4 × 50 mm² aluminium and the service cable
	for i := range m.Phases {
		if m.DeciVolts[i] < 0 { // no supply on this phase: what is left is induced
			m.DeciVolts[i], m.Watts[i] = int64(h>>(8*i)&15), 0
			continue
		}
		watts := float64(m.Watts[i])
		drop := watts / (nominal * pf) * float64(p.Length) * ohmPerMetre
		m.DeciVolts[i] = int64(math.Round(10 * (busbar - drop + (unit(mix(h+uint64(i)))-0.5)*0.8)))
		m.MilliAmps[i] = int64(math.Round(math.Abs(watts) * 1e4 / (float64(m.DeciVolts[i]) * pf)))
	}
	if m.Power() < 0 {
		m.PFPermille = -m.PFPermille
	}
	m.MilliHertz = 49980 + int64(mix(uint64(m.At.Unix()/10))%41)
}
