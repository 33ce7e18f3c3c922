package office_test

import (
	"strings"
	"testing"

	"lastgasp/headend"
	"lastgasp/headend/importer"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// Lines that name what is not there, stand twice or overlap are refused with their number; the same file again changes nothing.
func TestImportsOfBilling(t *testing.T) {
	store := storetest.Open(t, timeseries.Postgres)
	f := newField(1, 2)
	f.put(t, store)
	format := importer.Format{Zone: hanoi}
	skip := timeseries.ImportOptions{SkipRefused: true}
	text := func(lines ...string) *strings.Reader { return strings.NewReader(strings.Join(lines, "\n") + "\n") }
	check := func(what string, done headend.Imported, err error, fresh, changed, same int, reasons ...string) {
		t.Helper()
		if err != nil {
			t.Fatal(what, err)
		}
		if done.New != fresh || done.Changed != changed || done.Unchanged != same || len(done.Refused) != len(reasons) {
			t.Errorf("%s: %+v", what, done)
			return
		}
		for i, reason := range reasons {
			if !strings.Contains(done.Refused[i].Reason, reason) {
				t.Errorf("%s: %+v, wanted %q", what, done.Refused[i], reason)
			}
		}
	}
	types := func() (headend.Imported, error) {
		return store.ImportMeterTypes(t.Context(), importer.MeterTypes(text("model,digits,unit_wh,max_w,every,tolerance,registers,nominal_v,rated_a",
			"HALF,6,1000,20000,30m,1m,import_wh,,", "NEW,,,,1h,,,,", "NEW,,,,30m,,,,"), format), skip)
	}
	done, err := types()
	check("types", done, err, 1, 1, 0, "stands in line 3 already")
	done, err = types()
	check("types again", done, err, 0, 0, 2, "stands in line 3 already")

	ratios := func() (headend.Imported, error) {
		return store.ImportMultipliers(t.Context(), importer.Multipliers(text("usage_point,multiplier,from,to", "U000,40,,2026-03-12", "U000,400/5,2026-03-12,",
			"U001,10,,2026-03-12", "U001,20,2026-03-11,", "U9,3,,"), format), skip)
	}
	done, err = ratios()
	check("multipliers", done, err, 2, 0, 0, "line 5 about U001 is refused", "overlaps line 4", "unknown usage point U9")
	done, err = ratios()
	check("multipliers again", done, err, 0, 0, 2, "line 5 about U001 is refused", "overlaps line 4", "unknown usage point U9")

	begin := f.begin.Format("2006-01-02T15:04:05Z07:00")
	done, err = store.ImportNotedRegisters(t.Context(), importer.NotedRegisters(text("device,time,register,wh", "MU000,"+begin+",import_wh,5", "MU000,"+begin+",import_wh,6",
		"MU000,2026-03-12,import_wh,5", "M9,"+begin+",import_wh,5"), format), skip)
	check("noted registers", done, err, 1, 0, 0, "stands in line 2 already", "no installation of MU000 begins or ends at", "unknown device M9")
}
