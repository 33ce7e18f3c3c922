package office_test

import (
	"cmp"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing"
	"lastgasp/headend/billing/office"
	"lastgasp/headend/importer"
	"lastgasp/timeseries"
)

var hanoi = mustZone("Asia/Ho_Chi_Minh")

func mustZone(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return zone
}

// field is a street of meters with a register each half hour, to which everything happens, with the truth beside it.
type field struct {
	store  *timeseries.Store
	period billing.Period // the one that is billed; data begins four days before it and ends half a day after
	begin  time.Time
	end    time.Time
	now    time.Time
	points []*fieldPoint
}

type fieldPoint struct {
	id       string
	meters   []fieldMeter
	exchange time.Time
	noted    bool
	dark     billing.Period
	ratio    int64
	truth    map[time.Time]int64 // Wh used up to each half hour, after the multiplier
	reads    []fieldRead
}

type fieldMeter struct {
	id       headend.DeviceID
	from, to time.Time
	first    int64
	final    int64
	protocol string // "": mqtt
}

type fieldRead struct {
	meter headend.DeviceID
	time  time.Time
	wh    int64
	lost  bool
}

const dial = 100_000_000

// newField makes the truth: every fifth meter goes through zero, every fourth is exchanged, every third loses supply.
func newField(seed uint64, n int) *field {
	rnd := rand.New(rand.NewPCG(seed, 1))
	f := &field{period: billing.Period{From: billing.StartOfDay(hanoi, 2026, 3, 11), To: billing.StartOfDay(hanoi, 2026, 3, 14)}}
	f.begin, f.end = f.period.From.AddDate(0, 0, -4), f.period.To.Add(12*time.Hour)
	f.now = f.end.Add(20 * time.Minute)
	for i := range n {
		p := &fieldPoint{id: fmt.Sprintf("U%03d", i), ratio: 1, truth: map[time.Time]int64{f.begin: 0}}
		if i%7 == 3 {
			p.ratio = 40
		}
		register := rnd.Int64N(dial / 2)
		if i%5 == 2 {
			register = dial - 90_000 - rnd.Int64N(20_000)
		}
		if i%4 == 1 {
			p.exchange = f.period.From.Add(time.Duration(10+rnd.IntN(50)) * time.Hour)
			p.noted = i%8 == 1
		}
		if i%3 == 0 {
			from := f.period.From.Add(time.Duration(rnd.IntN(50*60)) * time.Minute)
			p.dark = billing.Period{From: from, To: from.Add(time.Duration(90+rnd.IntN(400)) * time.Minute)}
		}
		p.live(f, rnd, register)
		f.points = append(f.points, p)
	}
	return f
}

func (p *fieldPoint) live(f *field, rnd *rand.Rand, register int64) {
	meter := fieldMeter{id: headend.DeviceID("M" + p.id), from: f.begin, first: register}
	p.reads = append(p.reads, fieldRead{meter: meter.id, time: f.begin, wh: register})
	used, losing := int64(0), 0
	for t := f.begin.Add(30 * time.Minute); !t.After(f.end); t = t.Add(30 * time.Minute) {
		lit := 30 * time.Minute
		if in, ok := (billing.Period{From: t.Add(-lit), To: t}).Clip(p.dark); ok && !p.dark.From.IsZero() {
			lit -= in.Length()
		}
		wh := int64(0)
		if lit > 0 {
			wh = rnd.Int64N(800) * int64(lit/time.Minute) / 30
		}
		register = (register + wh) % dial
		used += wh * p.ratio
		p.truth[t] = used
		if losing == 0 && rnd.IntN(60) == 0 {
			losing = 1 + rnd.IntN(12)
		}
		lost := losing > 0
		losing = max(0, losing-1)
		if t.Equal(p.exchange) {
			p.reads = append(p.reads, fieldRead{meter: meter.id, time: t, wh: register}) // whoever exchanges it sees to it that it sends
			meter.to, meter.final = t, register
			p.meters = append(p.meters, meter)
			meter = fieldMeter{id: meter.id + "b", from: t, first: rnd.Int64N(1000)}
			register, lost = meter.first, false
		}
		if dark := !p.dark.From.IsZero() && t.After(p.dark.From) && t.Before(p.dark.To); !dark {
			p.reads = append(p.reads, fieldRead{meter: meter.id, time: t, wh: register, lost: lost && !t.Equal(f.period.From) && !t.Equal(f.period.To)})
		}
	}
	p.meters = append(p.meters, meter)
}

// put imports the registry.
func (f *field) put(t *testing.T, store *timeseries.Store) {
	t.Helper()
	f.store = store
	var points, devices, noted, cuts, ratios strings.Builder
	stamp := func(at time.Time) string {
		if at.IsZero() {
			return ""
		}
		return at.Format(time.RFC3339)
	}
	for _, p := range f.points {
		fmt.Fprintf(&points, "%s,,,T1,D1,L1,,\n", p.id)
		for _, m := range p.meters {
			fmt.Fprintf(&devices, "%s,meter,%s,,HALF,G1,%s,,%s,%s\n", m.id, cmp.Or(m.protocol, "mqtt"), p.id, stamp(m.from), stamp(m.to))
			if p.noted {
				fmt.Fprintf(&noted, "%s,%s,import_wh,%d\n", m.id, stamp(m.from), m.first)
				if !m.to.IsZero() {
					fmt.Fprintf(&noted, "%s,%s,import_wh,%d\n", m.id, stamp(m.to), m.final)
				}
			}
		}
		if !p.dark.From.IsZero() {
			fmt.Fprintf(&cuts, "%s,%s,%s,,,\n", p.id, stamp(p.dark.From), stamp(p.dark.To))
		}
		if p.ratio != 1 {
			fmt.Fprintf(&ratios, "%s,%d/1,,\n", p.id, p.ratio)
		}
	}
	load(t, store, importer.Organisations, (*timeseries.Store).ImportOrganisations, "id,name,kind,parent,from,to\nD1,Núi Thành,district,,,\n")
	load(t, store, importer.Nodes, (*timeseries.Store).ImportNodes, "id,name,kind,parent,organisation,rated_kva,from,to\nT1,Trạm 1,transformer,,D1,,,\n")
	load(t, store, importer.UsagePoints, (*timeseries.Store).ImportUsagePoints, "id,name,address,node,organisation,phases,from,to\n"+points.String())
	load(t, store, importer.Devices, (*timeseries.Store).ImportDevices, "id,kind,protocol,address,profile,gateway,usage_point,password,from,to\nG1,gateway,mqtt,,,,,,,\n"+devices.String())
	load(t, store, importer.MeterTypes, (*timeseries.Store).ImportMeterTypes, "model,digits,unit_wh,max_w,every,tolerance,registers,nominal_v,rated_a\nHALF,8,1,20000,30m,1m,import_wh,220,60\n")
	load(t, store, importer.NotedRegisters, (*timeseries.Store).ImportNotedRegisters, "device,time,register,wh\n"+noted.String())
	load(t, store, importer.Multipliers, (*timeseries.Store).ImportMultipliers, "usage_point,multiplier,from,to\n"+ratios.String())
	load(t, store, importer.Interruptions, (*timeseries.Store).ImportInterruptions, "usage_point,start,end,outage,cause,phases\n"+cuts.String())
}

func load[Row any](t *testing.T, store *timeseries.Store, read func(r stringReader, f importer.Format) iter.Seq2[headend.Line[Row], error],
	write func(*timeseries.Store, ctx, iter.Seq2[headend.Line[Row], error], timeseries.ImportOptions) (headend.Imported, error), text string) {
	t.Helper()
	result, err := write(store, t.Context(), read(strings.NewReader(text), importer.Format{Zone: hanoi}), timeseries.ImportOptions{})
	if err != nil || len(result.Refused) > 0 {
		t.Fatalf("import: %v, refused %+v\n%s", err, result.Refused, text)
	}
}

// send stores readings for which which holds, received so long after they were read.
func (f *field) send(t *testing.T, after time.Duration, which func(*fieldPoint, fieldRead) bool) (n int) {
	t.Helper()
	var batches []headend.Batch
	for _, p := range f.points {
		for _, r := range p.reads {
			if !which(p, r) {
				continue
			}
			n++
			batches = append(batches, headend.Batch{Device: r.meter, Gateway: "G1", Received: r.time.Add(after),
				Readings: []headend.Reading{{Time: r.time, Quantity: headend.ImportWh, Value: headend.Whole(r.wh)}}})
		}
	}
	if _, err := f.store.Append(t.Context(), batches); err != nil {
		t.Fatal(err)
	}
	return n
}

func sent(_ *fieldPoint, r fieldRead) bool { return !r.lost }

// office is one whose clock stands where the test says.
func (f *field) office(t *testing.T, change func(*office.Options)) *office.Office {
	t.Helper()
	options := office.Options{Settings: office.DefaultSettings(), Now: func() time.Time { return f.now }}
	options.Settings.LookBack = f.now.Sub(f.begin)
	options.Settings.CutOff = billing.CutOff{Interpolate: 6 * time.Hour}
	if change != nil {
		change(&options)
	}
	o, err := office.New(f.store, options)
	if err != nil {
		t.Fatal(err)
	}
	return o
}
