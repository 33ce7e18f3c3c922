package office

import (
	"context"
	"slices"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing"
)

// How far around a period readings are looked at: back for like days and the own past, and to both sides for what a gap at its
// edge hangs on.
const (
	historyDays = 35
	around      = 2 * 24 * time.Hour
)

// file is what is known about one usage point over a time.
type file struct {
	office    *Office
	point     headend.BilledPoint
	period    billing.Period // asked about
	supply    billing.Supply
	kind      *headend.MeterType // of the meter at the end
	schedule  billing.Schedule
	load      *billing.LoadProfile // of its class; nil: not known
	registers map[headend.Quantity]map[headend.DeviceID][]billing.Point
	repeats   map[headend.Quantity][]billing.Repeat
	arrivals  map[headend.Quantity][]billing.Arrival // within the period
	samples   []billing.Sample
	rows      []headend.Interruption
	now       time.Time
}

// wanted says what is read into files.
type wanted struct {
	period     billing.Period
	quantities []headend.Quantity
	evidence   bool // what rules look at beside the registers
}

// tariffs are the tariff registers of a total.
func tariffs(q headend.Quantity) []headend.Quantity {
	i := q.Column()
	if i < 0 || i >= headend.EnergyColumns || i%5 != 0 {
		return nil
	}
	return headend.Columns[i+1 : i+5]
}

var samplesOf = []headend.Quantity{headend.V1, headend.V2, headend.V3, headend.I1, headend.I2, headend.I3}

// files reads what is known about usage points.
func (o *Office) files(ctx context.Context, b headend.BillingSnapshot, m *models, points []headend.BilledPoint, w wanted) ([]*file, error) {
	files := make([]*file, len(points))
	byDevice := map[int32][]*file{}
	var numbers []uint32
	byNumber := map[uint32]*file{}
	var devices []int32
	columns := slices.Clone(w.quantities)
	sampled := false
	from, to := w.period.From.AddDate(0, 0, -historyDays), w.period.To.Add(around)
	for i := range points {
		f := o.newFile(m, &points[i], w)
		files[i], byNumber[f.point.Number] = f, f
		numbers = append(numbers, f.point.Number)
		for _, fit := range f.point.Fittings {
			if fit.From.After(to) || !fit.To.IsZero() && fit.To.Before(from) {
				continue
			}
			if byDevice[fit.Number] == nil {
				devices = append(devices, fit.Number)
			}
			byDevice[fit.Number] = append(byDevice[fit.Number], f)
		}
		sampled = sampled || f.kind.NominalV > 0 || f.kind.RatedA > 0
	}
	if w.evidence {
		for _, q := range w.quantities {
			for _, t := range tariffs(q) {
				if !slices.Contains(columns, t) {
					columns = append(columns, t)
				}
			}
		}
		if sampled {
			columns = append(columns, samplesOf...)
		}
	}
	err := b.Reads(ctx, devices, from, to, columns, func(r *headend.BilledRead) error {
		for _, f := range byDevice[r.Device] {
			f.take(r, columns)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := b.Rows(ctx, headend.BookRows{Points: numbers, From: from, To: to}, func(r *headend.Interruption) error {
		f := byNumber[r.UsagePoint]
		f.rows = append(f.rows, *r)
		return nil
	}); err != nil {
		return nil, err
	}
	if !w.evidence {
		return files, nil
	}
	former, err := b.FormerValues(ctx, devices, w.period.From, w.period.To, w.quantities)
	if err != nil {
		return nil, err
	}
	for _, v := range former {
		for _, f := range byDevice[v.Device] {
			f.takeFormer(v)
		}
	}
	return files, nil
}

func (o *Office) newFile(m *models, p *headend.BilledPoint, w wanted) *file {
	f := &file{office: o, point: *p, period: w.period, now: o.now(), registers: map[headend.Quantity]map[headend.DeviceID][]billing.Point{},
		arrivals: map[headend.Quantity][]billing.Arrival{}, repeats: map[headend.Quantity][]billing.Repeat{}, supply: billing.Supply{UsagePoint: p.ID}}
	f.kind = m.of("")
	for _, fit := range p.Fittings {
		kind := m.of(fit.Model)
		dials := map[headend.Quantity]billing.Dial{}
		for _, q := range headend.Columns[:headend.EnergyColumns] {
			dials[q] = m.dial(kind)
		}
		if fit.From.Before(w.period.To) {
			f.kind = kind
		}
		f.supply.Fittings = append(f.supply.Fittings, billing.Fitting{Device: fit.Device, From: fit.From, To: fit.To, Dials: dials, First: fit.First, Final: fit.Final})
	}
	for _, x := range p.Multipliers {
		f.supply.Multipliers = append(f.supply.Multipliers, billing.Multiplier{Numerator: x.Numerator, Denominator: x.Denominator, From: x.From, To: x.To})
	}
	f.schedule, f.load = m.schedule(f.kind), m.load
	return f
}

// fitted is the installation in which a device measured this usage point at a time; the end is part of it.
func (f *file) fitted(device int32, t time.Time) *headend.BilledFitting {
	for i := range f.point.Fittings {
		if x := &f.point.Fittings[i]; x.Number == device && !t.Before(x.From) && (x.To.IsZero() || !t.After(x.To)) {
			return x
		}
	}
	return nil
}

// take files a reading.
func (f *file) take(r *headend.BilledRead, columns []headend.Quantity) {
	fit := f.fitted(r.Device, r.Time)
	if fit == nil {
		return
	}
	inside := !r.Time.Before(f.period.From) && !r.Time.After(f.period.To)
	for i, v := range r.Values {
		q := columns[i]
		switch {
		case v == nil:
		case !q.IsEnergy():
			if inside {
				f.samples = append(f.samples, billing.Sample{Time: r.Time, Quantity: q, Value: v.Float64()})
			}
		default:
			if f.registers[q] == nil {
				f.registers[q] = map[headend.DeviceID][]billing.Point{}
			}
			f.registers[q][fit.Device] = append(f.registers[q][fit.Device], billing.Point{Time: r.Time, Wh: v.Int64(), Quality: r.Quality})
			if inside {
				f.arrivals[q] = append(f.arrivals[q], billing.Arrival{Time: r.Time, Received: r.Received})
			}
		}
	}
}

func (f *file) takeFormer(v headend.FormerValue) {
	fit := f.fitted(v.Device, v.Time)
	if fit == nil {
		return
	}
	list := f.registers[v.Quantity][fit.Device]
	if i, ok := slices.BinarySearchFunc(list, v.Time, func(p billing.Point, t time.Time) int { return p.Time.Compare(t) }); ok {
		f.repeats[v.Quantity] = append(f.repeats[v.Quantity], billing.Repeat{Time: v.Time, Former: v.Value, Current: list[i].Wh})
	}
}

// metering proves one register.
func (f *file) metering(q headend.Quantity) (*billing.Metering, error) {
	return billing.NewMetering(f.supply, q, f.registers[q], f.office.options.Settings.CutOff)
}

// values are the intervals of the period, estimated where they are missing and that is possible. A gap at an edge of the
// period is estimated as a whole, so that the periods on both sides of it have the same values.
func (f *file) values(m *billing.Metering) ([]billing.Value, error) {
	wide := billing.Period{From: billing.DayOf(f.period.From.Add(-around), f.office.zone).From, To: f.period.To.Add(around)}
	if wide.To.After(f.now) {
		wide.To = f.now
	}
	if f.period.To.After(wide.To) {
		wide.To = f.period.To
	}
	values, err := m.Series(f.schedule, wide)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(values, func(v billing.Value) bool { return v.State == billing.Missing }) {
		history, err := m.Series(f.schedule, billing.Period{From: billing.DayOf(f.period.From.AddDate(0, 0, -historyDays+1), f.office.zone).From, To: wide.From})
		if err != nil {
			return nil, err
		}
		history = append(history, values...)
		basis := billing.Basis{Schedule: f.schedule, Register: m, Interruptions: f.rows, LikeDays: billing.LikeDays(history, f.office.zone, billing.Week(f.office.zone))}
		if f.load != nil && m.Quantity == headend.ImportWh { // a profile is of what customers use, over all tariffs
			basis.Profile, basis.Shape = f.load.Expected(history), f.load.Weight
		}
		values = f.office.options.Settings.Estimation.Fill(values, basis)
	}
	inside := values[:0]
	for _, v := range values {
		if f.period.Contains(v.Period) {
			inside = append(inside, v)
		}
	}
	return inside, nil
}

// findings are what the rules hold against the values of a quantity.
func (f *file) findings(q headend.Quantity, m *billing.Metering, values []billing.Value) ([]billing.Finding, error) {
	e := billing.Evidence{Period: f.period, Zone: f.office.zone, Values: values, Register: m, Repeats: f.repeats[q], Arrivals: f.arrivals[q], Samples: f.samples,
		NominalV: f.kind.NominalV, RatedA: f.kind.RatedA, Interruptions: f.rows, Generation: f.point.Generation}
	for _, a := range f.point.Active {
		until := a.To
		if until.IsZero() || until.After(f.period.To) {
			until = f.period.To
		}
		if a.From.Before(until) {
			e.Active = append(e.Active, billing.Period{From: a.From, To: until})
		}
	}
	e.Active = billing.Runs(e.Active)
	for _, t := range tariffs(q) {
		if f.registers[t] == nil {
			continue
		}
		part, err := f.metering(t)
		if err != nil {
			return nil, err
		}
		e.Tariffs = append(e.Tariffs, part)
	}
	const past = 28
	before, err := m.Consumption(billing.Period{From: billing.DayOf(f.period.From.AddDate(0, 0, -past), f.office.zone).From, To: f.period.From})
	if err != nil {
		return nil, err
	}
	if before.Absent == "" {
		e.Past = billing.Past{Days: past, Wh: before.Wh}
	}
	return f.office.options.Settings.Rules.Check(e), nil
}

// versions are the values that become versions: estimates, and measured values of intervals that an estimate holds.
func (f *file) versions(q headend.Quantity, values []billing.Value, held map[time.Time]headend.ValueVersion, reason string) []headend.ValueVersion {
	var out []headend.ValueVersion
	for _, v := range values {
		former, ok := held[v.Period.From]
		replaces := ok && former.State == billing.Estimated.String() && former.To.Equal(v.Period.To)
		if v.State != billing.Estimated && (v.State != billing.Measured || !replaces) {
			continue
		}
		n := headend.ValueVersion{UsagePoint: f.point.ID, Number: f.point.Number, Quantity: q, From: v.Period.From, To: v.Period.To, State: v.State.String(), Wh: v.Wh,
			Method: string(v.Method), Summed: v.Summed, Absent: string(v.Absent), Made: f.now, Reason: reason}
		if v.State == billing.Measured {
			n.Method, n.Summed, n.Absent = "", false, ""
		}
		out = append(out, n)
	}
	return out
}

// heldBy sorts values by usage point and quantity, then by their beginning.
func heldBy(list []headend.ValueVersion) map[uint32]map[headend.Quantity]map[time.Time]headend.ValueVersion {
	out := map[uint32]map[headend.Quantity]map[time.Time]headend.ValueVersion{}
	for _, v := range list {
		if out[v.Number] == nil {
			out[v.Number] = map[headend.Quantity]map[time.Time]headend.ValueVersion{}
		}
		if out[v.Number][v.Quantity] == nil {
			out[v.Number][v.Quantity] = map[time.Time]headend.ValueVersion{}
		}
		out[v.Number][v.Quantity][v.From] = v
	}
	return out
}
