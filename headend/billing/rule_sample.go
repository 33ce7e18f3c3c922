package billing

import "lastgasp/headend"

func checkVoltage(r *Rules, e *Evidence, found report) {
	if e.NominalV <= 0 {
		return
	}
	low, high := e.NominalV*float64(r.Voltage.LowPercent)/100, e.NominalV*float64(r.Voltage.HighPercent)/100
	for _, s := range e.Samples {
		if s.Quantity != headend.V1 && s.Quantity != headend.V2 && s.Quantity != headend.V3 || s.Value == 0 && r.Voltage.IgnoreZero {
			continue
		}
		if s.Value < low || s.Value > high {
			found(Period{s.Time, s.Time}, "%s is %g V, plausible is %g to %g V", s.Quantity, s.Value, low, high)
		}
	}
}

func checkCurrent(r *Rules, e *Evidence, found report) {
	if e.RatedA <= 0 {
		return
	}
	high := e.RatedA * float64(r.Current.HighPercent) / 100
	for _, s := range e.Samples {
		if s.Quantity != headend.I1 && s.Quantity != headend.I2 && s.Quantity != headend.I3 {
			continue
		}
		if s.Value > high || s.Value < -high {
			found(Period{s.Time, s.Time}, "%s is %g A, plausible is up to %g A", s.Quantity, s.Value, high)
		}
	}
}
