package main

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing"
	"lastgasp/headend/billing/office"
	"lastgasp/timeseries"
)

// What billing is measured on: meters behind gateways, a wide row each half hour around midnight.
const (
	billedPoints   = 400_000
	billedGateways = 2_000
	billedHours    = 4 // two before midnight, two after
)

// billedLine is one measurement of billing.
type billedLine struct {
	what, measured, beside, ratio, aim string
}

// billing: registers of all usage points at a cut-off, and what finding gaps costs beside storing the same readings.
func (b *bench) billing(ctx context.Context, t *table) error {
	b.database++
	name := fmt.Sprintf("bench_%d", b.database)
	if err := b.server.CreateDatabase(ctx, name); err != nil {
		return err
	}
	store, err := timeseries.Open(ctx, b.server.URL(name), timeseries.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer store.Close()
	zone, err := time.LoadLocation(store.Zone())
	if err != nil {
		return err
	}
	if err := importBilled(ctx, store); err != nil {
		return err
	}
	yesterday := time.Now().In(zone).AddDate(0, 0, -1)
	midnight := billing.StartOfDay(zone, yesterday.Year(), yesterday.Month(), yesterday.Day())
	begin := midnight.Add(-billedHours / 2 * time.Hour)
	idle, err := b.used()
	if err != nil {
		return err
	}
	stored, rows, missing, err := appendBilled(ctx, store, begin)
	if err != nil {
		return err
	}
	storing, err := b.used()
	if err != nil {
		return err
	}
	settings := office.DefaultSettings()
	now := begin.Add(billedHours*time.Hour + settings.Settle)
	settings.LookBack = now.Sub(begin)
	o, err := office.New(store, office.Options{Settings: settings, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	from := time.Now()
	if err := o.Detect(ctx); err != nil {
		return err
	}
	detected := time.Since(from)
	detecting, err := b.used()
	if err != nil {
		return err
	}
	found, err := store.Success(ctx, headend.SuccessFilter{Whole: true, From: begin, To: begin.Add(billedHours * time.Hour), Pending: now}, "")
	if err != nil {
		return err
	}
	if len(found) != 1 || found[0].Expected != billedPoints*billedHours*2 || found[0].Missing != missing {
		return fmt.Errorf("billing: read success is %+v, %d are missing", found, missing)
	}
	t.billed = append(t.billed, billedLine{"gaps found, in the hours of " + thousands(float64(rows)) + " rows", detected.Round(10 * time.Millisecond).String(),
		"storing these rows, without protocol and decoding: " + stored.Round(10*time.Millisecond).String(), fmt.Sprintf("%.1f %%", 100*detected.Seconds()/stored.Seconds()), "less than 10 %"},
		billedLine{"the same, in processor time of head-end and PostgreSQL", fmt.Sprintf("%.2f s", (detecting - storing).Seconds()), fmt.Sprintf("%.1f s, with the making of the readings", (storing - idle).Seconds()),
			fmt.Sprintf("%.1f %%", 100*(detecting-storing).Seconds()/(storing-idle).Seconds()), "less than 10 %"})
	return b.cutOff(ctx, t, o, midnight)
}

// used is the processor time that this process and PostgreSQL have used.
func (b *bench) used() (time.Duration, error) {
	all, err := cpuOfAll(map[string]int{"PostgreSQL": b.server.PID()})
	return all["load"] + all["PostgreSQL"], err
}

// cutOff reads the registers of all usage points at midnight, twice: the second time what is read is in memory.
func (b *bench) cutOff(ctx context.Context, t *table, o *office.Office, midnight time.Time) error {
	var took [2]time.Duration
	exact := 0
	for i := range took {
		exact = 0
		last, from := "", time.Now()
		err := o.Registers(ctx, headend.CutOffQuestion{At: midnight, Quantity: headend.ImportWh}, func(usagePoint string, r billing.Read, _ *headend.Multiplier) error {
			if usagePoint <= last {
				return fmt.Errorf("%s came after %s", usagePoint, last)
			}
			if last = usagePoint; r.How == billing.Exact {
				exact++
			}
			return nil
		})
		if err != nil {
			return err
		}
		took[i] = time.Since(from)
	}
	fmt.Fprintf(os.Stderr, "registers of %d usage points at midnight: %s, then %s\n", billedPoints, took[0], took[1])
	t.billed = append(t.billed, billedLine{fmt.Sprintf("registers of %s usage points at a cut-off, one question, in order", thousands(billedPoints)),
		fmt.Sprintf("%.1f s, again %.1f s", took[0].Seconds(), took[1].Seconds()), fmt.Sprintf("%d read at that very time", exact), "", "10 s"})
	return nil
}

// lines makes the lines of a file.
func lines[Row any](n int, row func(i int) Row) iter.Seq2[headend.Line[Row], error] {
	return func(yield func(headend.Line[Row], error) bool) {
		for i := range n {
			if !yield(headend.Line[Row]{Number: i + 2, Row: row(i)}, nil) {
				return
			}
		}
	}
}

func importBilled(ctx context.Context, store *timeseries.Store) error {
	options := timeseries.ImportOptions{}
	gateway := func(i int) headend.DeviceID {
		return headend.DeviceID(fmt.Sprintf("G%d", i/(billedPoints/billedGateways)))
	}
	if _, err := store.ImportNodes(ctx, lines(1, func(int) headend.Node { return headend.Node{ID: "T", Name: "T", Kind: "transformer"} }), options); err != nil {
		return err
	}
	if _, err := store.ImportUsagePoints(ctx, lines(billedPoints, func(i int) headend.UsagePoint {
		return headend.UsagePoint{ID: fmt.Sprintf("U%06d", i), Node: "T", Phases: headend.L1}
	}), options); err != nil {
		return err
	}
	devices := lines(billedGateways+billedPoints, func(i int) headend.DeviceRow {
		if i < billedGateways {
			return headend.DeviceRow{Device: headend.Device{ID: headend.DeviceID(fmt.Sprintf("G%d", i)), Kind: headend.KindGateway, Protocol: "mqtt"}}
		}
		i -= billedGateways
		return headend.DeviceRow{Device: headend.Device{ID: headend.DeviceID(fmt.Sprintf("M%06d", i)), Kind: headend.KindMeter, Protocol: "mqtt", Gateway: gateway(i)}, UsagePoint: fmt.Sprintf("U%06d", i)}
	})
	_, err := store.ImportDevices(ctx, devices, options)
	if err != nil {
		return err
	}
	return store.Reload(ctx)
}

// appendBilled stores the readings as they would come: slot by slot, by gateways. Every hundredth meter misses a slot.
func appendBilled(ctx context.Context, store *timeseries.Store, begin time.Time) (took time.Duration, rows int, missing int64, err error) {
	const atOnce = 20_000
	batches := make([]headend.Batch, 0, atOnce)
	flush := func() error {
		from := time.Now()
		_, err := store.Append(ctx, batches)
		took += time.Since(from)
		rows += len(batches)
		batches = batches[:0]
		return err
	}
	for slot := 1; slot <= billedHours*2; slot++ {
		at := begin.Add(time.Duration(slot) * 30 * time.Minute).UTC()
		for i := range billedPoints {
			if i%100 == slot {
				missing++
				continue
			}
			batches = append(batches, headend.Batch{Device: headend.DeviceID(fmt.Sprintf("M%06d", i)), Gateway: headend.DeviceID(fmt.Sprintf("G%d", i/(billedPoints/billedGateways))),
				Received: at.Add(time.Minute), Source: headend.Source{Protocol: "mqtt"}, Readings: tenValues(at, int64(slot*200+i))})
			if len(batches) == atOnce {
				if err := flush(); err != nil {
					return took, rows, missing, err
				}
			}
		}
	}
	return took, rows, missing, flush()
}

// tenValues are what a meter says at once.
func tenValues(at time.Time, wh int64) []headend.Reading {
	readings := make([]headend.Reading, 0, 10)
	for _, q := range []headend.Quantity{headend.ImportWh, headend.ExportWh, headend.V1, headend.I1, headend.P, headend.Q, headend.S, headend.PF, headend.F, headend.THD} {
		value := headend.Real(float64(wh%1000) / 4)
		if q.IsEnergy() {
			value = headend.Whole(wh)
		}
		readings = append(readings, headend.Reading{Time: at, Quantity: q, Value: value})
	}
	return readings
}
