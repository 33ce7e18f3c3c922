package main

import (
	"strings"
	"testing"
)

// The calendar and the history from before come in by files too; the same file again changes nothing.
func TestImportPlannedOutagesAndInterruptions(t *testing.T) {
	environment := ownDatabase(t)
	inEmptyDir(t)
	write(t, "network.csv", "id,name,kind,parent,organisation,rated_kva,from,to\nT1,,transformer,,,,2020-01-01,\n", 0o644)
	write(t, "points.csv", "id,name,address,node,organisation,phases,from,to\nU1,,,T1,,L1,2020-01-01,\nU2,,,T1,,L1,2020-01-01,\n", 0o644)
	write(t, "plans.csv", "id,kind,node,usage_points,from,to,reason,notice,status\n"+
		"P1,cut,T1,,2026-11-22T08:00:00+07:00,2026-11-22T11:00:00+07:00,thay sứ,2026-11-15,\nP2,cut,,U1;U2,2026-11-23,2026-11-24,,,cancelled\nP3,cut,T9,,2026-11-23,2026-11-24,,,\n", 0o644)
	write(t, "history.csv", "usage_point,start,end,outage,cause,phases\nU1,2025-03-01 10:00,2025-03-01 12:30,SC-17,tree,\nU2,2025-03-01 10:00,2025-03-01 11:00,SC-17,tree,\n"+
		"U9,2025-03-01 10:00,2025-03-01 11:00,SC-17,tree,\nU2,2025-04-01 10:00,2025-04-01 09:00,,,\n", 0o644)
	for _, c := range []struct {
		args   []string
		status int
		out    string
		errs   []string
	}{
		{[]string{"import", "network", "network.csv"}, exitDone, "network.csv: 1 lines", nil},
		{[]string{"import", "usage-points", "points.csv"}, exitDone, "points.csv: 2 lines", nil},
		{[]string{"import", "planned-outages", "plans.csv"}, exitRefused, "plans.csv: 3 lines, 1 refused; nothing was written", []string{"plans.csv:4: P3: ", "T9"}},
		{[]string{"import", "planned-outages", "--skip-refused", "plans.csv"}, exitRefused, "plans.csv: 3 lines, 1 refused; 2 new, 0 changed, 0 unchanged\n", []string{"plans.csv:4: P3: "}},
		{[]string{"import", "planned-outages", "--skip-refused", "plans.csv"}, exitRefused, "plans.csv: 3 lines, 1 refused; 0 new, 0 changed, 2 unchanged: nothing changed\n", nil},
		{[]string{"import", "interruptions", "history.csv"}, exitRefused, "history.csv: 4 lines, 2 refused; nothing was written", []string{"history.csv:4: U9: ", "history.csv:5: U2: ", "is not after start"}},
		{[]string{"import", "interruptions", "--skip-refused", "history.csv"}, exitRefused, "history.csv: 4 lines, 2 refused; 2 new, 0 changed, 0 unchanged\n", nil},
		{[]string{"import", "interruptions", "--skip-refused", "history.csv"}, exitRefused, "history.csv: 4 lines, 2 refused; 0 new, 0 changed, 2 unchanged: nothing changed\n", nil},
		{[]string{"import", "interruptions", "plans.csv"}, exitFailed, "", []string{"plans.csv", "not the expected header", "Nothing was written"}},
		{[]string{"import", "planned-outages", "gone.csv"}, exitFailed, "", []string{"gone.csv"}},
	} {
		status, out, errs := command(t, environment, c.args...)
		if status != c.status || !strings.HasPrefix(out, c.out) {
			t.Errorf("%v: status %d\n%s\n%s", c.args, status, out, errs)
		}
		for _, want := range c.errs {
			if !strings.Contains(errs, want) {
				t.Errorf("%v does not say %q:\n%s", c.args, want, errs)
			}
		}
		t.Log(c.args, out, errs)
	}
}
