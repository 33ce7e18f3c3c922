package reliability_test

import (
	"math"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/reliability"
)

func TestVectorHandworked1000Customers(t *testing.T) {
	var v struct {
		Inputs struct {
			Customers int `json:"customers_served"`
			Sustained []struct{ Customers, Minutes int }
			Momentary []struct{ Customers int } `json:"momentary_events"`
			Minutes   int64                     `json:"period_minutes"`
		}
		Expected struct {
			SAIFI, ASAI float64
			SAIDI       float64 `json:"SAIDI_min"`
			CAIDI       float64 `json:"CAIDI_min"`
			MAIFIE      float64 `json:"MAIFI_E"`
		}
		Tolerance float64
	}
	vector(t, "01_handworked_1000_customers.json", &v)
	var rows []headend.Interruption
	begin := local("2026-03-01 10:00")
	event := func(customers int, length time.Duration) {
		for i := range customers {
			rows = append(rows, headend.Interruption{UsagePoint: uint32(i), ID: int64(len(rows) + 1), Start: begin, End: begin.Add(length)})
		}
		begin = begin.Add(24 * time.Hour)
	}
	for _, s := range v.Inputs.Sustained {
		event(s.Customers, time.Duration(s.Minutes)*time.Minute)
	}
	for _, m := range v.Inputs.Momentary {
		event(m.Customers, 20*time.Second)
	}
	x := indices(t, policy(t, "ieee1366"), district(t, v.Inputs.Customers), rows)
	near(t, "SAIFI", x.SAIFI, v.Expected.SAIFI, v.Tolerance)
	near(t, "SAIDI", x.SAIDI, v.Expected.SAIDI, v.Tolerance)
	near(t, "CAIDI", x.CAIDI, v.Expected.CAIDI, v.Tolerance)
	near(t, "MAIFI_E", x.MAIFIE, v.Expected.MAIFIE, v.Tolerance)
	near(t, "ASAI", x.ASAI, v.Expected.ASAI, v.Tolerance)
	near(t, "minutes", x.Minutes, float64(v.Inputs.Minutes), 0)
	is(t, "CN", x.CN, "1000")
}

func TestVectorTMED(t *testing.T) {
	var v struct {
		Inputs struct {
			SAIDI []float64 `json:"daily_saidi_min"`
		}
		Expected struct {
			Alpha float64
			Beta  float64 `json:"beta_sample"`
			TMED  float64 `json:"T_MED"`
			Days  int     `json:"days_used"`
		}
		Tolerance float64
	}
	vector(t, "02_tmed_e_powers.json", &v)
	// e cannot be a whole number of milliseconds: as many customers as it takes make the rounding smaller than the tolerance.
	const customers = 10_000_000
	var history []reliability.DailyTotal
	for i, minutes := range v.Inputs.SAIDI {
		history = append(history, reliability.DailyTotal{Day: reliability.DayOf(2025, 6, 1+i), Customers: customers, CMS: int64(math.Round(minutes * 60000 * customers))})
	}
	m, err := reliability.NewMajorThreshold(policy(t, "ieee1366").MajorDays, 2026, history)
	if err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string][2]float64{"alpha": {m.Alpha, v.Expected.Alpha}, "beta": {m.Beta, v.Expected.Beta}, "T_MED": {m.TMED, v.Expected.TMED}} {
		if math.Abs(pair[0]-pair[1]) > v.Tolerance {
			t.Errorf("%s is %v, want %v", what, pair[0], pair[1])
		}
	}
	if m.Days != v.Expected.Days || m.ZeroDays != 1 || !m.Provisional {
		t.Errorf("%d days used and %d of 0, provisional %v; want %d, 1, true", m.Days, m.ZeroDays, m.Provisional, v.Expected.Days)
	}
}

func TestVectorFiveMinuteBoundary(t *testing.T) {
	var v struct{ Rows [][]any }
	vector(t, "09_five_minute_boundary.json", &v)
	field := *policy(t, "vn") // a report of EVN in the field: 5 minutes or more
	field.Sustained.Sign = reliability.AtLeast
	policies := []*reliability.Policy{policy(t, "ieee1366"), policy(t, "vn"), &field}
	if len(v.Rows) != 6 {
		t.Fatalf("the table has %d rows", len(v.Rows))
	}
	for _, line := range v.Rows {
		for i, p := range policies {
			start := local("2026-03-01 10:00")
			r := headend.Interruption{ID: 1, Start: start, End: start.Add(time.Duration(line[0].(float64)) * time.Second)}
			x := indices(t, p, district(t, 1), []headend.Interruption{r})
			want := line[1+i].(string)
			if s, m := x.CI == 1, x.MI == 1; s != (want == "S") || m != (want == "M") {
				t.Errorf("%v s under %s %s: sustained %d, momentary %d; want %s", line[0], p.Name, p.Sustained, x.CI, x.MI, want)
			}
		}
	}
}

func TestVectorMonthYearAndRollUp(t *testing.T) {
	var v struct {
		Inputs struct {
			Customers []int64   `json:"customers_by_month"`
			CMI       []float64 `json:"customer_minutes_by_month"`
		}
		Expected struct {
			Month   []float64 `json:"SAIDI_month"`
			Sum     float64   `json:"SAIDI_year_sum_of_months"`
			Mean    float64   `json:"SAIDI_year_CMI_over_mean_customers"`
			YearEnd float64   `json:"SAIDI_year_CMI_over_yearend_customers"`
		}
		RollUp struct {
			Units []struct {
				Name      string
				Customers int64
				CMI       float64
				SAIDI     float64
			}
			Corporation float64 `json:"corporation_SAIDI_correct"`
			Wrong       float64 `json:"plain_mean_WRONG"`
		} `json:"rollup"`
		Tolerance float64
	}
	vector(t, "10_vn_month_year_and_rollup.json", &v)
	sum := func(minutes float64) *reliability.Sum {
		return &reliability.Sum{Parts: []reliability.Part{{Category: "fault", Figures: reliability.Figures{CI: 1, CMS: int64(minutes * 60000)}}}}
	}
	var months []reliability.MonthSum
	for i, m := range reliability.Year(2025).Months() {
		months = append(months, reliability.MonthSum{Period: m, Sums: []*reliability.Sum{sum(v.Inputs.CMI[i])}})
	}
	served := func(d reliability.Day) (reliability.Headcount, bool) {
		_, month, _ := d.Date()
		return reliability.Headcount{Customers: v.Inputs.Customers[month-1]}, true
	}
	saidi := func(p *reliability.Policy, months []reliability.MonthSum, served reliability.Served) reliability.Ratio {
		x, err := reliability.Compute(p, calendar, months, served, nil)
		if err != nil {
			t.Fatal(err)
		}
		return x.SAIDI
	}
	vn, ieee := policy(t, "vn"), policy(t, "ieee1366")
	for i := range months {
		near(t, months[i].Period.String(), saidi(vn, months[i:i+1], served), v.Expected.Month[i], v.Tolerance)
	}
	near(t, "sum of months", saidi(vn, months, served), v.Expected.Sum, v.Tolerance)
	near(t, "mean customers", saidi(ieee, months, served), v.Expected.Mean, v.Tolerance)
	end := *vn
	end.PeriodCustomers = reliability.LastMonth
	near(t, "customers of the last month", saidi(&end, months, served), v.Expected.YearEnd, v.Tolerance)

	whole, customers := &reliability.Sum{}, int64(0)
	month := []reliability.MonthSum{months[0]}
	for _, u := range v.RollUp.Units {
		month[0].Sums = []*reliability.Sum{sum(u.CMI)}
		near(t, u.Name, saidi(vn, month, steady(u.Customers)), u.SAIDI, v.Tolerance)
		whole.Add(month[0].Sums[0])
		customers += u.Customers
	}
	month[0].Sums = []*reliability.Sum{whole}
	near(t, "corporation", saidi(vn, month, steady(customers)), v.RollUp.Corporation, v.Tolerance)
}

func TestVectorLosses(t *testing.T) {
	var v struct {
		Inputs struct {
			Import     float64 `json:"feeder_import_kwh"`
			Export     float64 `json:"feeder_export_to_tie_kwh"`
			Generation float64 `json:"embedded_generation_into_feeder_kwh"`
			Sold       float64 `json:"sold_billed_kwh"`
			Own        float64 `json:"own_use_kwh"`
			Unread     float64 `json:"unread_meters_estimated_kwh"`
		}
		Expected struct {
			Received  float64 `json:"energy_received_kwh"`
			Delivered float64 `json:"energy_delivered_kwh"`
			Loss      float64 `json:"loss_kwh"`
			Percent   float64 `json:"loss_pct"`
		}
		Negative struct {
			Received, Delivered float64
			Percent             float64 `json:"loss_pct"`
		} `json:"negative_case"`
		Shifted struct {
			Example struct {
				Feeder    float64 `json:"feeder_kwh_same_window"`
				Customers float64 `json:"customers_kwh_same_window"`
				Percent   float64 `json:"loss_pct"`
				Moved     float64 `json:"customers_kwh_shifted_window"`
			}
		} `json:"unsynchronised_reads"`
		Tolerance float64
	}
	vector(t, "13_energy_balance_losses.json", &v)
	from, to := local("2026-03-01"), local("2026-04-01")
	wh := func(kwh float64) int64 { return int64(math.Round(kwh * 1000)) }
	read := func(imported, exported float64) reliability.Metered {
		return reliability.Metered{From: from, To: to, ImportWh: wh(imported), ExportWh: wh(exported)}
	}
	unread := read(v.Inputs.Unread, 0)
	unread.Estimated = true
	meters := map[string]reliability.Metered{"feeder": read(v.Inputs.Import, 0), "tie": read(0, v.Inputs.Export), "solar": read(0, v.Inputs.Generation),
		"sold": read(v.Inputs.Sold, 0), "own": read(v.Inputs.Own, 0), "unread": unread}
	metered := func(point string) (reliability.Metered, bool) { m, ok := meters[point]; return m, ok }
	f := &reliability.Formula{ID: "F1", Terms: []reliability.Term{
		{Side: reliability.Received, Sign: 1, Point: "feeder", Register: reliability.Import},
		{Side: reliability.Received, Sign: -1, Point: "tie", Register: reliability.Export},
		{Side: reliability.Received, Sign: 1, Point: "solar", Register: reliability.Export},
		{Side: reliability.Delivered, Sign: 1, AllBelow: true, Register: reliability.Import},
		{Side: reliability.Delivered, Sign: 1, Point: "own", Register: reliability.Import},
	}}
	balance := func(below ...string) reliability.Losses {
		s, err := reliability.Balance(f, from, to, below, metered)
		if err != nil {
			t.Fatal(err)
		}
		return s.Losses()
	}
	l := balance("sold", "unread", "own") // own use is below as well, and counts once
	if l.ReceivedWh != wh(v.Expected.Received) || l.DeliveredWh != wh(v.Expected.Delivered) || l.LossWh != wh(v.Expected.Loss) || l.EstimatedWh != wh(v.Inputs.Unread) {
		t.Errorf("losses %+v, want %+v", l, v.Expected)
	}
	near(t, "percent", l.Percent, v.Expected.Percent, v.Tolerance)
	is(t, "completeness", l.Completeness, "1")
	if len(l.Flags) != 0 {
		t.Errorf("flags %q", l.Flags)
	}
	f = &reliability.Formula{ID: "F2", Terms: []reliability.Term{f.Terms[0], f.Terms[3]}}
	meters["feeder"], meters["sold"] = read(v.Negative.Received, 0), read(v.Negative.Delivered, 0)
	if l = balance("sold"); !l.Negative || len(l.Flags) != 1 {
		t.Errorf("a negative loss is not flagged: %+v", l)
	}
	near(t, "negative", l.Percent, v.Negative.Percent, v.Tolerance)

	e := v.Shifted.Example
	meters["feeder"], meters["sold"] = read(e.Feeder, 0), read(e.Customers, 0)
	near(t, "same window", balance("sold").Percent, e.Percent, v.Tolerance)
	moved := read(e.Moved, 0)
	moved.From, moved.To = from.AddDate(0, 0, 4), to.AddDate(0, 0, 4)
	meters["moved"] = moved
	if l = balance("sold", "moved"); l.DeliveredWh != wh(e.Customers) || l.Shifted != 1 || len(l.Flags) != 2 {
		t.Errorf("a shifted reading was used: %+v", l)
	}
	is(t, "completeness", l.Completeness, "1/2")
}
