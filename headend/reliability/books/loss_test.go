package books_test

import (
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/importer"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// A transformer with a meter of its own, two customers, one of them with solar: received 1000 + 40 kWh, delivered 600 + 400,
// losses 40 of 1040. A second transformer whose meter was read an hour early has no percentage.
func TestLossesOverIdenticalBoundaries(t *testing.T) {
	s := storetest.Open(t, timeseries.Postgres)
	district(t, s, 4)
	got := take(t, "id,kind,protocol,address,profile,gateway,usage_point,password,from,to,node\nM1,meter,mqtt,,,,U1,,2020-01-01,,\nM3,meter,mqtt,,,,U3,,2020-01-01,,\nM2,meter,mqtt,,,,U2,,2020-01-01,,\nTMA,rtu,modbus,10.0.0.1:502/1,x,,,,2020-01-01,,TA\nTMB,rtu,modbus,10.0.0.2:502/1,x,,,,2020-01-01,,TB\n",
		func(r *strings.Reader) iter.Seq2[headend.Line[headend.DeviceRow], error] {
			return importer.Devices(r, format)
		}, s.ImportDevices)
	if len(got.Refused) > 0 {
		t.Fatal(got.Refused)
	}
	register := func(meter string, at time.Time, imported, exported int64) {
		t.Helper()
		batch := headend.Batch{Device: headend.DeviceID(meter), Received: at, Source: headend.Source{Protocol: "mqtt"}, Readings: []headend.Reading{
			{Time: at, Quantity: "import_wh", Value: headend.Whole(imported)}, {Time: at, Quantity: "export_wh", Value: headend.Whole(exported)}}}
		if _, err := s.Append(t.Context(), []headend.Batch{batch}); err != nil {
			t.Fatal(err)
		}
	}
	from, to := local("2026-10-01"), local("2026-11-01")
	for _, m := range []struct {
		id                 string
		imported, exported int64
		early              time.Duration
	}{{"TMA", 1_000_000, 0, 0}, {"M1", 600_000, 40_000, 0}, {"M3", 400_000, 0, 0}, {"TMB", 500_000, 0, time.Hour}, {"M2", 400_000, 0, 0}} {
		register(m.id, from, 5, 7)
		register(m.id, to.Add(-m.early), 5+m.imported, 7+m.exported)
	}
	o := office(t, s, &clock{at: local("2026-11-05")}, nil)
	q := headend.ReportRequest{From: date("2026-10-01"), To: date("2026-11-01")}
	r, err := o.Losses(t.Context(), q)
	if err != nil || len(r.Rows) != 2 {
		t.Fatalf("%+v %v", r, err)
	}
	if x := r.Rows[0]; x.ID != "TA" || x.ReceivedWh != 1_040_000 || x.DeliveredWh != 1_000_000 || x.Percent.Decimal(4) != "3.8462" || x.Completeness.Decimal(2) != "1.00" || len(x.Flags) != 0 {
		t.Errorf("%+v", x)
	}
	if x := r.Rows[1]; !x.Percent.IsNone() || x.Shifted == 0 || x.Completeness.Decimal(2) != "0.50" || !strings.Contains(strings.Join(x.Flags, " "), "not wholly known") {
		t.Errorf("%+v", x)
	}
	// A balance as data: the district receives what the transformer's meter says, and its customers' export is not counted.
	take(t, "unit,side,sign,point,register,label\nA,received,+,TMA,import,\nA,delivered,+,,import,\nB,received,+,gone,import,\nB,delivered,+,,import,\n",
		func(r *strings.Reader) iter.Seq2[headend.Line[headend.LossTerm], error] {
			return importer.LossTerms(r, format)
		}, s.ImportLossTerms)
	take(t, "organisation,year,index,value\nA,2026,losses,4.5\n", func(r *strings.Reader) iter.Seq2[headend.Line[headend.Target], error] {
		return importer.Targets(r, format)
	}, s.ImportTargets)
	q.By = "organisation"
	if r, err = o.Losses(t.Context(), q); err != nil || len(r.Rows) != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	if x := r.Rows[0]; x.ID != "A" || x.Percent.Decimal(2) != "0.00" || x.Target.Decimal(1) != "4.5" || x.Formula != "own" || x.Negative {
		t.Errorf("%+v", x)
	}
	// The registers of a customer who took more than came: shown, negative, flagged.
	register("M1", to.Add(-time.Hour), 5, 7)
	take(t, "unit,side,sign,point,register,label\nA,received,+,M9,import,\n", func(r *strings.Reader) iter.Seq2[headend.Line[headend.LossTerm], error] {
		return importer.LossTerms(r, format)
	}, s.ImportLossTerms)
	take(t, "unit,side,sign,point,register,label\nA,received,+,U3,import,\nA,delivered,+,U1,import,\n", func(r *strings.Reader) iter.Seq2[headend.Line[headend.LossTerm], error] {
		return importer.LossTerms(r, format)
	}, s.ImportLossTerms)
	if r, err = o.Losses(t.Context(), q); err != nil || len(r.Rows) != 1 || !r.Rows[0].Negative || r.Rows[0].Percent.Decimal(0) != "-50" {
		text, marshal := json.Marshal(r)
		t.Errorf("%s %v %v", text, err, marshal)
	}
	var bad *headend.BadRequest
	q.To = date("2027-01-01")
	if _, err := o.Losses(t.Context(), q); err == nil || !errors.As(err, &bad) {
		t.Error("losses of a time that is not over", err)
	}
}
