package webhook_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/importer"
	"lastgasp/headend/webhook"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// A day on which a meter of two delivered nothing: whoever asked is told once, when the day can no longer become better in time, and not
// where the limit is met.
func TestADayOfTooFewReadsIsToldOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, store *timeseries.Store) {
		w := newWorld(t, store)
		zone, err := time.LoadLocation(store.Zone())
		if err != nil {
			t.Fatal(err)
		}
		day := time.Date(2026, 11, 20, 0, 0, 0, 0, zone)
		w.owe(day.Add(12 * time.Hour))
		w.send(webhook.Options{})
		server := receive(t, nil)
		hook, _ := w.add(server.URL, headend.CompletenessLow)

		look := func(limit float64, now time.Time) {
			t.Helper()
			c := webhook.Completeness{Reads: store, Zone: zone, Limit: limit, After: 5 * time.Hour}
			if err := c.Look(t.Context(), now); err != nil {
				t.Fatal(err)
			}
		}
		midnight := day.AddDate(0, 0, 1)
		look(98, midnight.Add(4*time.Hour)) // too early
		look(50, midnight.Add(6*time.Hour)) // half is enough
		look(98, midnight.Add(6*time.Hour))
		look(98, midnight.Add(7*time.Hour)) // told already
		look(98, midnight.Add(30*time.Hour))
		w.settled(hook.Number, headend.DeliveryDelivered, 1)
		got := server.requests()
		if len(got) != 1 || got[0].event != "completeness.low" {
			t.Fatalf("told %s", server.events())
		}
		var body struct{ Data webhook.Incomplete }
		if err := json.Unmarshal(got[0].body, &body); err != nil {
			t.Fatal(err)
		}
		if want := (webhook.Incomplete{Organisation: "D1", Name: "Tam Kỳ", Day: "2026-11-20", Expected: 8, InTime: 4, Missing: 4, Percent: 50, Limit: 98}); body.Data != want {
			t.Errorf("told %+v, want %+v", body.Data, want)
		}
	})
}

// owe has two meters owe four registers in the hour from begin, of which one delivers all and the other none.
func (w *world) owe(begin time.Time) {
	w.t.Helper()
	ctx, format, o := w.t.Context(), importer.Format{Zone: time.UTC}, timeseries.ImportOptions{}
	for _, load := range []func() (headend.Imported, error){
		func() (headend.Imported, error) {
			return w.store.ImportUsagePoints(ctx, importer.UsagePoints(strings.NewReader("id,name,address,node,organisation,phases,from,to\nU1,,,T1,D1,L1,2020-01-01,\nU2,,,T1,D1,L1,2020-01-01,\n"), format), o)
		},
		func() (headend.Imported, error) {
			return w.store.ImportDevices(ctx, importer.Devices(strings.NewReader("id,kind,protocol,address,profile,gateway,usage_point,password,from,to\nM1,meter,mqtt,,,,U1,,2020-01-01,\nM2,meter,mqtt,,,,U2,,2020-01-01,\n"), format), o)
		},
	} {
		if r, err := load(); err != nil || len(r.Refused) > 0 {
			w.t.Fatalf("%+v %v", r, err)
		}
	}
	if err := w.store.Reload(ctx); err != nil {
		w.t.Fatal(err)
	}
	batch := headend.Batch{Device: "M1"}
	duty := headend.Duty{Hour: begin, Within: time.Hour, Schedule: "15m", Others: true, Quantity: "import_wh", Now: begin.Add(2 * time.Hour), First: time.Hour}
	for i := range 4 {
		slot := begin.Add(time.Duration(i+1) * 15 * time.Minute)
		duty.Begins, duty.Slots = append(duty.Begins, slot.Add(-15*time.Minute)), append(duty.Slots, slot)
		batch.Received = slot.Add(time.Second)
		batch.Readings = append(batch.Readings, headend.Reading{Time: slot, Quantity: "import_wh", Value: headend.Whole(int64(1000 + i))})
	}
	if _, err := w.store.Append(ctx, []headend.Batch{batch}); err != nil {
		w.t.Fatal(err)
	}
	kept, err := w.store.KeepBilling(ctx, func(k headend.BillingKeeper) error {
		_, err := k.Assess(ctx, []headend.Duty{duty})
		return err
	})
	if err != nil || !kept {
		w.t.Fatal(kept, err)
	}
}
