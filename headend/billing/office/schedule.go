package office

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing"
)

// models are the meter types of a store, by model.
type models struct {
	office *Office
	types  map[string]*headend.MeterType
	order  []string
	load   *billing.LoadProfile // of all usage points; nil: none was brought in
}

// estimating are the models with what estimates need beside them.
func (o *Office) estimating(ctx context.Context, b headend.BillingSnapshot, types []headend.MeterType) (*models, error) {
	slots, err := b.LoadProfiles(ctx)
	if err != nil {
		return nil, err
	}
	m := o.models(types)
	days := map[string][]int64{}
	for _, s := range slots {
		if s.Class == headend.AllClasses {
			days[s.Day] = append(days[s.Day], s.Share)
		}
	}
	if len(days) == 0 {
		return m, nil
	}
	if m.load, err = billing.NewLoadProfile(o.zone, days); err != nil {
		return nil, fmt.Errorf("load profile of class %s: %w; bring it in again with headend import load-profiles", headend.AllClasses, err)
	}
	return m, nil
}

func (o *Office) models(types []headend.MeterType) *models {
	m := &models{office: o, types: make(map[string]*headend.MeterType, len(types))}
	for i := range types {
		m.types[types[i].Model] = &types[i]
		m.order = append(m.order, types[i].Model)
	}
	return m
}

// of is the type of a model; one that has none owes what is configured, and its dial is not known.
func (m *models) of(model string) *headend.MeterType {
	if t := m.types[model]; t != nil {
		return t
	}
	s := &m.office.options.Settings
	return &headend.MeterType{Model: model, UnitWh: 1, Every: s.Interval, Tolerance: s.Tolerance, Registers: []headend.Quantity{headend.ImportWh}}
}

func (m *models) schedule(t *headend.MeterType) billing.Schedule {
	return billing.Schedule{Every: t.Every, Calendar: billing.Calendar(t.Calendar), Tolerance: t.Tolerance, Zone: m.office.zone}
}

func (m *models) dial(t *headend.MeterType) billing.Dial {
	return billing.Dial{Digits: t.Digits, UnitWh: t.UnitWh, MaxW: t.MaxW}
}

// scheduleName is what reports call a schedule: 30m, 1h, day.
func scheduleName(t *headend.MeterType) string {
	if t.Every == 0 {
		return t.Calendar
	}
	name := strings.TrimSuffix(t.Every.String(), "0s")
	if strings.HasSuffix(name, "h0m") {
		name = strings.TrimSuffix(name, "0m")
	}
	return name
}

// against is what makes a register one that billing does not use.
func (o *Office) against() headend.Quality {
	if o.options.Settings.CutOff.DoubtfulTime {
		return headend.QualityUncertain
	}
	return headend.QualityUncertain | headend.QualityReceivedTime | headend.QualityClockDoubtful
}

// duties are what all devices owe in a local hour.
func (m *models) duties(hour time.Time) []headend.Duty {
	type sort struct {
		every, tolerance time.Duration
		calendar         string
		quantity         headend.Quantity
	}
	var order []sort
	byModel := map[sort][]string{}
	add := func(t *headend.MeterType, model ...string) {
		for _, q := range t.Registers {
			k := sort{t.Every, t.Tolerance, t.Calendar, q}
			if _, there := byModel[k]; !there {
				order = append(order, k)
				byModel[k] = nil
			}
			byModel[k] = append(byModel[k], model...)
		}
	}
	other := m.of("")
	if m.types[""] == nil {
		add(other)
	}
	for _, model := range m.order {
		add(m.types[model], model)
	}
	s := &m.office.options.Settings
	var duties []headend.Duty
	for _, k := range order {
		t := &headend.MeterType{Every: k.every, Tolerance: k.tolerance, Calendar: k.calendar}
		d := headend.Duty{Hour: hour, Tolerance: k.tolerance, Within: s.InTime, Schedule: scheduleName(t), Models: byModel[k], Quantity: k.quantity, Against: m.office.against(),
			First: s.Patience.First, Spread: s.Patience.Spread, Now: m.office.now()}
		d.Others = k.every == other.Every && k.tolerance == other.Tolerance && k.calendar == "" && slices.Contains(other.Registers, k.quantity)
		back := 26 * time.Hour
		if k.calendar == string(billing.Monthly) {
			back = 33 * 24 * time.Hour
		}
		for p := range m.schedule(t).Intervals(billing.Period{From: hour.Add(-back), To: hour.Add(time.Hour)}) {
			if p.To.After(hour) {
				d.Begins, d.Slots = append(d.Begins, p.From), append(d.Slots, p.To)
			}
		}
		if len(d.Slots) > 0 {
			duties = append(duties, d)
		}
	}
	return duties
}
