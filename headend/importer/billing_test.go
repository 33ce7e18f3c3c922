package importer_test

import (
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lastgasp/headend"
	"lastgasp/headend/importer"
)

func TestMeterTypes(t *testing.T) {
	text := "model,digits,unit_wh,max_w,every,tolerance,registers,nominal_v,rated_a\n" +
		"DT01,6,1000,20000,30m,2m,import_wh export_wh,220,60\n" +
		"DT02,,,,day,,,,\n"
	got, err := collect(t, importer.MeterTypes(strings.NewReader(text), importer.Format{}))
	if err != nil {
		t.Fatal(err)
	}
	want := []headend.Line[headend.MeterType]{
		{Number: 2, ID: "DT01", Row: headend.MeterType{Model: "DT01", Digits: 6, UnitWh: 1000, MaxW: 20000, Every: 30 * time.Minute, Tolerance: 2 * time.Minute,
			Registers: []headend.Quantity{headend.ImportWh, headend.ExportWh}, NominalV: 220, RatedA: 60}},
		{Number: 3, ID: "DT02", Row: headend.MeterType{Model: "DT02", UnitWh: 1, Calendar: "day", Registers: []headend.Quantity{headend.ImportWh}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMultipliers(t *testing.T) {
	for text, want := range map[string][2]int64{"40": {40, 1}, "400/5": {80, 1}, "0.5": {1, 2}, "5/400": {1, 80}, "1.5/0.5": {3, 1}} {
		got, err := collect(t, importer.Multipliers(strings.NewReader("usage_point,multiplier,from,to\nU1,"+text+",,\n"), importer.Format{}))
		if err != nil || len(got) != 1 || got[0].Refusal != "" || got[0].Row.Numerator != want[0] || got[0].Row.Denominator != want[1] {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
}

func TestLoadProfiles(t *testing.T) {
	got, err := collect(t, importer.LoadProfiles(strings.NewReader("class,day,slot,share\n*,saturday,23:30,0.000125\n"), importer.Format{}))
	if err != nil {
		t.Fatal(err)
	}
	want := []headend.Line[headend.LoadProfileSlot]{{Number: 2, ID: "*", Row: headend.LoadProfileSlot{Class: "*", Day: "saturday", From: 23*time.Hour + 30*time.Minute, Share: 125}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// refusals are the reasons of refused lines of a file of one kind, given without its header.
func refusals[Row any](t *testing.T, lines iter.Seq2[headend.Line[Row], error]) (reasons []string) {
	t.Helper()
	all, err := collect(t, lines)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range all {
		reasons = append(reasons, l.Refusal)
	}
	return reasons
}

func TestLinesOfBillingThatCannotBeUsed(t *testing.T) {
	types := "model,digits,unit_wh,max_w,every,tolerance,registers,nominal_v,rated_a\n"
	ratios := "usage_point,multiplier,from,to\n"
	noted := "device,time,register,wh\n"
	load := "class,day,slot,share\n"
	for line, want := range map[string]string{
		types + "DT,19,,,30m,,,,":              "digits \"19\" is not a whole number from 0 to 18",
		types + "DT,six,,,30m,,,,":             "digits \"six\" is not a whole number",
		types + "DT,,0,,30m,,,,":               "unit_wh \"0\" is not a whole number from 1",
		types + "DT,,,-5,30m,,,,":              "max_w \"-5\"",
		types + "DT,,,,7m,,,,":                 "divides a day",
		types + "DT,,,,30s,,,,":                "from 1m to 12h",
		types + "DT,,,,week,,,,":               "nor day or month",
		types + "DT,,,,30m,15m,,,":             "tolerance \"15m\" is not a length in whole seconds from 0s to 14m59s",
		types + "DT,,,,day,7h,,,":              "from 0s to 6h",
		types + "DT,,,,30m,,v1,,":              "\"v1\" is no energy register",
		types + ",,,,30m,,,,":                  "model is empty",
		ratios + "U1,0,,":                      "is not a ratio above 0",
		ratios + "U1,-40,,":                    "is not a ratio above 0",
		ratios + "U1,400:5,,":                  "is not a ratio above 0",
		ratios + "U1,\"1,5\",,":                "write decimals with a point",
		ratios + "U1,40/0,,":                   "is not a ratio above 0",
		ratios + "U1,40,2026-02-01,2026-01-01": "to 2026-01-01 is not after from",
		load + ",workday,00:00,1":              "class is empty",
		load + "home,workday,00:00,1":          "class \"home\": usage points have no class that a profile could be for; write *",
		load + "*,weekday,00:00,1":             "day \"weekday\" is none of workday, saturday, sunday",
		load + "*,workday,24:00,1":             "slot \"24:00\" is not a local time of day",
		load + "*,workday,7:00,1":              "slot \"7:00\" is not a local time of day",
		load + "*,workday,00:00,":              "share \"\" is not a number from 0 to 1000000",
		load + "*,workday,00:00,-1":            "share \"-1\" is not a number",
		load + "*,workday,00:00,1000000.1":     "share \"1000000.1\" is not a number",
		load + "*,workday,00:00,0.0000001":     "at most six decimals",
		load + "*,workday,00:00,\"0,5\"":       "write decimals with a point",
		noted + "M1,,import_wh,5":              "time is empty",
		noted + "M1,2026-01-01,v1,5":           "is no energy register",
		noted + "M1,2026-01-01,import_wh,":     "wh is empty",
		noted + "M1,2026-01-01,import_wh,-1":   "wh \"-1\" is not a whole number from 0",
		noted + "M1,2026-01-01,import_wh,1.5":  "is not a whole number",
		noted + "M 1,2026-01-01,import_wh,1":   "device id",
	} {
		var reasons []string
		switch {
		case strings.HasPrefix(line, types):
			reasons = refusals(t, importer.MeterTypes(strings.NewReader(line+"\n"), importer.Format{}))
		case strings.HasPrefix(line, ratios):
			reasons = refusals(t, importer.Multipliers(strings.NewReader(line+"\n"), importer.Format{}))
		case strings.HasPrefix(line, load):
			reasons = refusals(t, importer.LoadProfiles(strings.NewReader(line+"\n"), importer.Format{}))
		default:
			reasons = refusals(t, importer.NotedRegisters(strings.NewReader(line+"\n"), importer.Format{}))
		}
		if len(reasons) != 1 || !strings.Contains(reasons[0], want) {
			t.Errorf("%q: %q, wanted %q", line, reasons, want)
		}
	}
}
