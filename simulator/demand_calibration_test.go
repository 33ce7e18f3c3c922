package simulator

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// profile is one customer's mean power in each minute of a day, kW.
type profile [1440]float64

// feederDay is the numbers a distribution engineer sizes a transformer by.
type feederDay struct {
	customers   int
	meanKWh     float64 // of a customer's day
	meanPeak    float64 // kW, highest minute of each customer, averaged
	loadFactor  float64 // mean over peak, averaged over customers
	admd        float64 // after diversity: highest minute of the mean customer, kW
	admd30      float64 // the same of half hours
	coincidence float64 // admd / meanPeak
	groupFactor float64 // load factor of all together
	above2kW    float64 // share of minutes above 2 kW
	shape       [8]float64
}

func measure(profiles []profile) feederDay {
	f := feederDay{customers: len(profiles)}
	n := float64(len(profiles))
	var mean profile
	for _, p := range profiles {
		sum, peak := 0.0, 0.0
		for i, kw := range p {
			mean[i] += kw / n
			sum += kw
			peak = max(peak, kw)
			if kw > 2 {
				f.above2kW += 1 / n / 1440
			}
		}
		f.meanKWh += sum / 60 / n
		f.meanPeak += peak / n
		f.loadFactor += sum / 1440 / peak / n
	}
	total := 0.0
	for i, kw := range mean {
		f.admd = max(f.admd, kw)
		f.shape[i/180] += kw
		total += kw
	}
	for i := 0; i < 1440; i += 30 {
		half := 0.0
		for _, kw := range mean[i : i+30] {
			half += kw / 30
		}
		f.admd30 = max(f.admd30, half)
	}
	for i := range f.shape {
		f.shape[i] /= total / 8
	}
	f.coincidence, f.groupFactor = f.admd/f.meanPeak, total/1440/f.admd
	return f
}

func (f feederDay) String() string {
	return fmt.Sprintf("%d customers, %.2f kWh, peak %.2f kW, load factor %.3f, ADMD %.3f kW (30 min %.3f), coincidence %.3f, group load factor %.3f, above 2 kW %.3f, shape %.2f",
		f.customers, f.meanKWh, f.meanPeak, f.loadFactor, f.admd, f.admd30, f.coincidence, f.groupFactor, f.above2kW, f.shape)
}

// simulatedDay is the same measurement on generated loads.
func simulatedDay(n int, seed uint64, customer Customer, climate Climate, date time.Time) feederDay {
	profiles := make([]profile, n)
	for c := range profiles {
		l := NewDemand(seed, fmt.Sprint("customer ", c), customer, climate)
		k, _ := l.local(date.Unix())
		var d day
		l.day(k, &d)
		before := int64(0)
		for m := range 1440 {
			now := d.energy(int64(m+1) * 60)
			profiles[c][m] = float64(now-before) / 60 / 1000
			before = now
		}
	}
	return measure(profiles)
}

// within fails when got is further from want than the tolerance allows, relative.
func within(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance*want {
		t.Errorf("%s is %.3f, want %.3f ±%.0f %%", what, got, want, tolerance*100)
	}
}

// The European household against 100 measured days of one minute. 100 customers of one day are one draw: the
// tolerances allow for that and for a model of seven appliances.
func TestEuropeanHouseholdsMatchLVFeeder(t *testing.T) {
	real := make([]profile, 100)
	for i := range real {
		data, err := os.ReadFile(shared(t, fmt.Sprintf("data/european_lv/Daily_1min_100profiles/load_profile_%d.txt", i+1)))
		if err != nil {
			t.Fatal(err)
		}
		fields := strings.Fields(string(data))
		if len(fields) != 1440 {
			t.Fatalf("profile %d has %d minutes", i+1, len(fields))
		}
		for m, text := range fields {
			if real[i][m], err = strconv.ParseFloat(text, 64); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := measure(real)
	got := simulatedDay(100, 1, Household, Europe, time.Date(2026, 3, 18, 0, 0, 0, 0, time.UTC))
	t.Logf("measured:  %v", want)
	t.Logf("simulated: %v", got)
	within(t, "daily energy", got.meanKWh, want.meanKWh, 0.15)
	within(t, "mean peak", got.meanPeak, want.meanPeak, 0.15)
	within(t, "load factor", got.loadFactor, want.loadFactor, 0.25)
	within(t, "ADMD", got.admd, want.admd, 0.20)
	within(t, "ADMD of half hours", got.admd30, want.admd30, 0.20)
	within(t, "coincidence", got.coincidence, want.coincidence, 0.25)
	within(t, "load factor of the group", got.groupFactor, want.groupFactor, 0.20)
	within(t, "share above 2 kW", got.above2kW, want.above2kW, 0.35)
	for i := range want.shape {
		if math.Abs(got.shape[i]-want.shape[i]) > 0.35 {
			t.Errorf("%d to %d o'clock: %.2f of the mean, measured %.2f", i*3, i*3+3, got.shape[i], want.shape[i])
		}
	}
}

// The spread of days and the winter's share, against a British house with 978 whole days.
func TestEuropeanHouseholdMatchesYears(t *testing.T) {
	real, days := britishHouse(t)
	demands := make([]Demand, 40)
	for i := range demands {
		demands[i] = NewDemand(5, fmt.Sprint("house ", i), Household, Europe)
	}
	each := make([][]float64, len(demands))
	var realWinter, realSummer, winter, summer float64
	for n, at := range days {
		sum := 0.0
		for i := range demands {
			k, _ := demands[i].local(at.Unix())
			j := float64(demands[i].before(k+1) - demands[i].before(k))
			each[i] = append(each[i], j)
			sum += j / demands[i].mean
		}
		switch at.Month() {
		case time.December, time.January, time.February:
			realWinter, winter = realWinter+real[n], winter+sum
		case time.June, time.July, time.August:
			realSummer, summer = realSummer+real[n], summer+sum
		}
	}
	variation := 0.0
	for _, days := range each {
		variation += spread(days) / float64(len(each))
	}
	t.Logf("variation of days: measured %.3f, simulated %.3f; winter over summer: %.2f, %.2f", spread(real), variation, realWinter/realSummer, winter/summer)
	within(t, "variation of the days", variation, spread(real), 0.3)
	within(t, "winter over summer", winter/summer, realWinter/realSummer, 0.2)
}

// britishHouse is the kWh of each whole day of one house.
func britishHouse(t *testing.T) (kwh []float64, days []time.Time) {
	t.Helper()
	file, err := os.Open(shared(t, "data/eemeter_uk/uk-electricity-hdd-only-hourly-sample-0.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzip, err := gzip.NewReader(bufio.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(unzip).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	hours, sums := map[string]int{}, map[string]float64{}
	for _, row := range rows[1:] {
		if row[1] == "" {
			continue
		}
		value, err := strconv.ParseFloat(row[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		hours[row[0][:10]]++
		sums[row[0][:10]] += value
	}
	for date, n := range hours {
		at, err := time.Parse(time.DateOnly, date)
		if err != nil {
			t.Fatal(err)
		}
		if n == 24 {
			kwh, days = append(kwh, sums[date]), append(days, at)
		}
	}
	if len(days) < 900 {
		t.Fatalf("%d whole days", len(days))
	}
	return kwh, days
}

// spread is standard deviation over mean.
func spread(x []float64) float64 {
	mean, square := 0.0, 0.0
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		square += (v - mean) * (v - mean) / float64(len(x))
	}
	return math.Sqrt(square) / mean
}

// Trade in Europe against the German standard profile for trade, working days.
func TestTradeMatchesBDEW(t *testing.T) {
	file, err := os.Open(shared(t, "data/bdew_profiles/g25.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var shape [8]float64
	total := 0.0
	for i, row := range rows[2:98] {
		for c, kind := range rows[1] {
			if kind != "WT" {
				continue
			}
			kwh, err := strconv.ParseFloat(row[c], 64)
			if err != nil {
				t.Fatal(err)
			}
			shape[i/12] += kwh
			total += kwh
		}
	}
	got := simulatedDay(400, 2, Trade, Europe, time.Date(2026, 3, 18, 0, 0, 0, 0, time.UTC))
	for i := range shape {
		shape[i] /= total / 8
		if math.Abs(got.shape[i]-shape[i]) > 0.45 {
			t.Errorf("%d to %d o'clock: %.2f of the mean, profile %.2f", i*3, i*3+3, got.shape[i], shape[i])
		}
	}
	t.Logf("profile %.2f, simulated %.2f", shape, got.shape)
}

// Vietnam has no measured profiles here; what is asserted is what the model claims.
func TestVietnameseHouseholds(t *testing.T) {
	summer := simulatedDay(400, 1, Household, Vietnam, time.Date(2026, 7, 1, 12, 0, 0, 0, Saigon))
	winter := simulatedDay(400, 1, Household, Vietnam, time.Date(2026, 1, 7, 12, 0, 0, 0, Saigon))
	t.Logf("July:    %v", summer)
	t.Logf("January: %v", winter)
	year := summer.meanKWh/2 + winter.meanKWh/2
	within(t, "kWh a month", year*365/12, 205, 0.15)
	if ratio := summer.meanKWh / winter.meanKWh; ratio < 1.5 || ratio > 2.1 {
		t.Errorf("July over January is %.2f, want cooling to make it 1.5 to 2.1", ratio)
	}
	if evening := summer.shape[6]; evening < 1.4 {
		t.Errorf("18 to 21 o'clock is %.2f of the mean, want an evening peak", evening)
	}
}
