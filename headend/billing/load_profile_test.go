package billing

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func flat(n int, share int64) []int64 { return slices.Repeat([]int64{share}, n) }

// weekday is a profile by the hour in which working days climb and Sundays have twice what Saturdays have.
func weekday(t *testing.T, zone *time.Location) *LoadProfile {
	t.Helper()
	var climbing []int64
	for h := range int64(24) {
		climbing = append(climbing, h)
	}
	l, err := NewLoadProfile(zone, map[string][]int64{"workday": climbing, "saturday": flat(24, 10), "sunday": flat(24, 20)})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLoadProfile(t *testing.T) {
	l := weekday(t, hanoi)
	const whole = 5*276 + 240 + 480
	for _, c := range []struct {
		name     string
		from, to time.Time
		share    float64
	}{
		{"an hour of a Sunday", at(5, 0), at(6, 0), 20},
		{"half an hour of a Monday", at(24+7, 30), at(24+8, 0), 3.5},
		{"across a slot", at(24+7, 30), at(24+8, 15), 3.5 + 2},
		{"across midnight of Sunday", at(23, 30), at(25, 0), 10 + 0},
		{"a week", at(0, 0), at(7*24, 0), whole},
	} {
		got, ok := l.Weight(Period{c.from, c.to})
		if want := c.share * wholeWeek / whole; !ok || float64(got) > want+1 || float64(got) < want-200 {
			t.Errorf("%s: %d %v, want %.0f", c.name, got, ok, want)
		}
	}
	if _, ok := l.Weight(Period{at(0, 0), at(400*24, 0)}); ok {
		t.Error("more than a year has a weight")
	}
}

// Where clocks are set forward at two there is no slot of two, where they are set back it is there twice.
func TestLoadProfileWhereClocksAreSet(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	l := weekday(t, berlin)
	for day, hours := range map[int]int64{29: 23, 22: 24} { // of March 2026, Sundays
		hour, _ := l.Weight(Period{time.Date(2026, 3, day, 12, 0, 0, 0, berlin), time.Date(2026, 3, day, 13, 0, 0, 0, berlin)})
		if got, ok := l.Weight(Day(berlin, 2026, 3, day)); !ok || got != hours*hour {
			t.Errorf("the %dth weighs %d, %v; want %d hours of %d", day, got, ok, hours, hour)
		}
	}
}

func TestLoadProfileFindsTheLevelOfACustomer(t *testing.T) {
	l := weekday(t, hanoi)
	var sunday []Value
	for h := range 24 {
		sunday = append(sunday, Value{Period: Period{at(h, 0), at(h+1, 0)}, State: Measured, Wh: 200}) // 10 Wh a share
	}
	seven := Period{at(24+7, 0), at(24+8, 0)}
	if wh, ok := l.Expected(sunday)(seven); !ok || wh != 70 {
		t.Errorf("Monday at seven: %d %v, want 70", wh, ok)
	}
	if wh, ok := l.Expected(sunday[1:])(seven); ok {
		t.Errorf("%d from less than a day", wh)
	}
	if wh, ok := l.Expected(sunday)(Period{at(7, 0), at(8, 0)}); ok {
		t.Errorf("%d on the day itself, of which nothing is known before", wh)
	}
	if wh, ok := l.Expected(sunday)(Period{at(24*29+7, 0), at(24*29+8, 0)}); ok {
		t.Errorf("%d from a month ago", wh)
	}
	sunday[3].State = Estimated
	if wh, ok := l.Expected(sunday)(seven); ok {
		t.Errorf("%d from an estimate", wh)
	}
}

func TestWhatIsNoLoadProfile(t *testing.T) {
	for want, shares := range map[string]map[string][]int64{
		"sunday has 0 slots":     {"workday": flat(24, 1), "saturday": flat(24, 1)},
		"saturday has 23 slots":  {"workday": flat(24, 1), "saturday": flat(23, 1), "sunday": flat(24, 1)},
		"all shares are 0":       {"workday": flat(24, 0), "saturday": flat(24, 0), "sunday": flat(24, 0)},
		"workday has a share of": {"workday": flat(24, -1), "saturday": flat(24, 1), "sunday": flat(24, 1)},
	} {
		if _, err := NewLoadProfile(hanoi, shares); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
