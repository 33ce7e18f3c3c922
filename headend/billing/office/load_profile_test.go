package office_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/billing"
	"lastgasp/headend/importer"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

const profileHeader = "class,day,slot,share\n"

// hourly is a profile of hours in which working days climb from 1 to 24, Saturdays have 2 each and Sundays 3.
func hourly() string {
	var lines strings.Builder
	for h := range 24 {
		fmt.Fprintf(&lines, "*,workday,%02d:00,%d\n*,saturday,%02d:00,2\n*,sunday,%02d:00,3.0\n", h, h+1, h, h)
	}
	return lines.String()
}

// TestAGapInTheShapeOfALoadProfile: on a meter's first Monday there are no like days. A gap too long for a line has the shape of the
// profile: where registers around it are known it adds up to their difference, where none follows its level is that of the days before.
func TestAGapInTheShapeOfALoadProfile(t *testing.T) {
	storetest.Each(t, func(t *testing.T, store *timeseries.Store) {
		f := newField(20260315, 3)
		f.put(t, store)
		monday := billing.Day(hanoi, 2026, 3, 9)
		six, noon, silent := monday.From.Add(6*time.Hour), monday.From.Add(12*time.Hour), monday.From.Add(18*time.Hour)
		around, open := f.points[0], f.points[2]
		f.send(t, time.Minute, func(p *fieldPoint, r fieldRead) bool {
			switch p {
			case around:
				return !r.time.After(six) || !r.time.Before(noon)
			case open:
				return !r.time.After(silent)
			}
			return false
		})
		o := f.office(t, nil)
		account := func(p *fieldPoint) map[time.Time]billing.Value {
			t.Helper()
			asked, err := o.Ask(t.Context(), headend.BillingRun{By: "Lan", From: monday.From, To: monday.To, Values: true, Set: headend.BillingSet{UsagePoints: []string{p.id}}})
			if err != nil {
				t.Fatal(err)
			}
			run, made, err := o.Make(t.Context(), asked.Number, nil)
			if err != nil || !made || run.State != "made" {
				t.Fatalf("%+v %v %v", run, made, err)
			}
			values := map[time.Time]billing.Value{}
			for _, l := range lines(t, f.snapshot(t, run.ID)) {
				for _, v := range l.Values {
					values[v.Period.From.UTC()] = v
				}
			}
			if len(values) != 48 {
				t.Fatalf("%s has %d intervals", p.id, len(values))
			}
			return values
		}
		if v := account(around)[six.UTC()]; v.Method != billing.ByDifference {
			t.Errorf("without a profile: %+v", v)
		}
		if v := account(open)[silent.UTC()]; v.State != billing.Missing || v.Absent != billing.NotEnough {
			t.Errorf("without a profile: %+v", v)
		}

		load(t, store, importer.LoadProfiles, (*timeseries.Store).ImportLoadProfiles, profileHeader+hourly())
		check := func(p *fieldPoint, v billing.Value, want float64, summed bool) {
			t.Helper()
			if v.State != billing.Estimated || v.Method != billing.ByProfile || v.Summed != summed || v.Absent == "" || float64(v.Wh) < want-1 || float64(v.Wh) > want+1 {
				t.Errorf("%s %s: %+v, want about %.1f Wh", p.id, v.Period.From.In(hanoi), v, want)
			}
		}
		used, sum := around.truth[noon]-around.truth[six], int64(0)
		values := account(around)
		for at := six; at.Before(noon); at = at.Add(30 * time.Minute) {
			v := values[at.UTC()]
			check(around, v, float64(used)*float64(at.In(hanoi).Hour()+1)/2/(7+8+9+10+11+12), true)
			sum += v.Wh
		}
		if sum != used {
			t.Errorf("estimates add up to %d Wh, the registers differ by %d", sum, used)
		}
		values = account(open)
		for at := silent; at.Before(monday.To); at = at.Add(30 * time.Minute) {
			check(open, values[at.UTC()], float64(open.truth[monday.From])*float64(at.In(hanoi).Hour()+1)/2/(24*2+24*3), false)
		}
		stored, err := store.ValueVersions(t.Context(), open.id, headend.ImportWh, silent, monday.To, 100)
		if err != nil || len(stored) != 12 || stored[0].Method != "load_profile" || stored[0].State != "estimated" {
			t.Errorf("stored: %+v, %v", stored, err)
		}
	})
}

// A class of which a line cannot be used keeps its former profile; the first fault is named with what to do, the other lines with it.
func TestImportOfLoadProfiles(t *testing.T) {
	store := storetest.Open(t, timeseries.Postgres)
	bring := func(text string) headend.Imported {
		t.Helper()
		done, err := store.ImportLoadProfiles(t.Context(), importer.LoadProfiles(strings.NewReader(profileHeader+text), importer.Format{Zone: hanoi}), timeseries.ImportOptions{SkipRefused: true})
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	kept := func() (n int, first int64) {
		t.Helper()
		if err := store.ReadBilling(t.Context(), func(b headend.BillingSnapshot) error {
			slots, err := b.LoadProfiles(t.Context())
			for _, s := range slots {
				if s.Day == "workday" && s.From == 0 {
					first = s.Share
				}
			}
			n = len(slots)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n, first
	}
	good := hourly()
	if done := bring(good); done.New != 72 || len(done.Refused) > 0 {
		t.Errorf("%+v", done)
	}
	if done := bring(good); done.Unchanged != 72 {
		t.Errorf("again: %+v", done)
	}
	for name, c := range map[string]struct{ text, reason string }{
		"missing":     {strings.Replace(good, "*,saturday,07:00,2\n", "", 1), "slot 07:00 of saturday is missing; the slots of * are 60 minutes long, so give 24 for each of workday, saturday and sunday"},
		"no Sunday":   {"*,workday,00:00,1\n*,saturday,00:00,1\n", "slot 00:00 of sunday is missing"},
		"twice":       {good + "*,sunday,23:00,1\n", "slot 23:00 of sunday stands in line 73 already"},
		"beside":      {good + "*,sunday,23:50,1\n", "slots of * are 10 minutes long"},
		"uneven":      {strings.ReplaceAll(good, ":00,", ":07,"), "slot 00:07"},
		"all zero":    {"*,workday,00:00,0\n*,saturday,00:00,0\n*,sunday,00:00,0\n", "the shares of * are all 0"},
		"not a share": {strings.Replace(good, "*,workday,05:00,6\n", "*,workday,05:00,six\n", 1), "share \"six\" is not a number"},
	} {
		done := bring(c.text)
		named := false
		for _, r := range done.Refused {
			named = named || strings.Contains(r.Reason, c.reason)
		}
		if !named || len(done.Refused) != done.Lines {
			t.Errorf("%s: %d of %d lines refused, none for %q: %+v", name, len(done.Refused), done.Lines, c.reason, done.Refused)
		}
		if n, first := kept(); n != 72 || first != 1_000_000 {
			t.Errorf("%s: %d slots are left, the first %d", name, n, first)
		}
	}
	if done := bring("*,workday,00:00,0.5\n*,saturday,00:00,1\n*,sunday,00:00,1\n"); done.Changed != 3 {
		t.Errorf("another one: %+v", done)
	}
	if n, first := kept(); n != 3 || first != 500_000 {
		t.Errorf("%d slots after another one, the first %d", n, first)
	}
}
