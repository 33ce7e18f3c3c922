package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/simulator"
)

// truths is what was true of units, moment by moment, by the real clock.
type truths struct {
	mu sync.Mutex
	of map[headend.DeviceID][]moment
}

type moment struct {
	at time.Time
	simulator.UnitTruth
}

// record notes the truth of units 20 times a second until ctx ends.
func (x *truths) record(ctx context.Context, t *testing.T, s *simulator.Simulation, units []headend.DeviceID) {
	x.of = map[headend.DeviceID][]moment{}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, id := range units {
			u, err := s.Unit(id)
			if err != nil {
				t.Error(err)
				return
			}
			x.mu.Lock()
			x.of[id] = append(x.of[id], moment{time.Now(), u})
			x.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// around lists what was true of a unit from some time before a reply came until then. ok is false where it was not
// noted well enough to judge: this test itself had to wait for the machine.
func (x *truths) around(id headend.DeviceID, at time.Time) (list []simulator.UnitTruth, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	all := x.of[id]
	from, _ := slices.BinarySearchFunc(all, at.Add(-500*time.Millisecond), func(s moment, at time.Time) int { return s.at.Compare(at) })
	to, _ := slices.BinarySearchFunc(all, at.Add(100*time.Millisecond), func(s moment, at time.Time) int { return s.at.Compare(at) })
	from, to = max(from-1, 0), min(to+1, len(all))
	for i, s := range all[from:to] {
		if i > 0 && s.at.Sub(all[from+i-1].at) > 900*time.Millisecond {
			return nil, false
		}
		list = append(list, s.UnitTruth)
	}
	return list, len(list) > 0 && !list[len(list)-1].At.IsZero()
}

// judge compares a reading with what was true around its time; "" when they agree.
func (x *truths) judge(model string, id headend.DeviceID, r headend.Reading) (fault string, judged bool) {
	list, ok := x.around(id, r.Time)
	if !ok {
		return "", false
	}
	var wanted []float64
	for _, u := range list {
		want, tolerance, known := truthOf(model, string(r.Quantity), u)
		if !known {
			return fmt.Sprintf("%s of a %s: nobody knows what is true of it", r.Quantity, model), true
		}
		if math.Abs(r.Value.Float64()-want) <= tolerance {
			return "", true
		}
		if !slices.Contains(wanted, want) {
			wanted = append(wanted, want)
		}
	}
	return fmt.Sprintf("%s %s at %s is %v, true is one of %v", id, r.Quantity, r.Time.Format(time.RFC3339Nano), r.Value, wanted), true
}

// steps are the last digits of the models' registers, by the unit of the quantity.
var steps = map[string]map[string]float64{
	"schneider_iem3000": {"energy": 1},
	"abb_b23":           {"V": 0.1, "A": 0.01, "W": 0.01, "pf": 0.001, "Hz": 0.01, "energy": 10},
	"sel_751a":          {"V": 1, "A": 1, "W": 1000, "pf": 0.01, "Hz": 0.01, "energy": 1000, "coarse": 100_000},
	"siemens_sicam_fcm": {"V": 0.1, "A": 0.1, "W": 100, "pf": 0.001, "Hz": 0.01, "energy": 1000},
}

// What the simulator's documents say of its units: a power factor for all, the other figures from it.
const (
	fieldPF  = 0.93
	fieldTan = 0.3952
)

// truthOf is the value a quantity must have and how far a register may be from it.
func truthOf(model, quantity string, u simulator.UnitTruth) (want, tolerance float64, known bool) {
	phase := 0
	name := quantity
	if last := name[len(name)-1]; last >= '1' && last <= '3' && !strings.Contains(name, "_") && len(name) == 2 {
		phase, name = int(last-'0'), name[:1]
	}
	w := u.Watts[0] + u.Watts[1] + u.Watts[2]
	v, mean := u.Volts, (u.Volts[0]+u.Volts[1]+u.Volts[2])/3
	if phase > 0 {
		w, mean = u.Watts[phase-1], v[phase-1]
	}
	unit := map[string]string{"v": "V", "i": "A", "p": "W", "q": "W", "s": "W", "pf": "pf", "f": "Hz"}[name]
	switch name {
	case "v":
		want = mean
	case "i":
		ratio := 1.0
		if model == "siemens_sicam_fcm" { // its sensor shows 230 V for the 22 kV it stands at
			ratio = 22_000 / math.Sqrt(3) / 230
		}
		for i := range 3 {
			if v[i] > 0 && (phase == 0 || phase == i+1) {
				want += math.Abs(u.Watts[i]) / (v[i] * ratio * fieldPF)
			}
		}
		if phase == 0 {
			want /= 3
		}
	case "p":
		want = w
	case "q":
		want = w * fieldTan
	case "s":
		want = math.Abs(w) / fieldPF
	case "pf", "pf1", "pf2", "pf3":
		unit, want = "pf", fieldPF
	case "f":
		return 50, 0.0301, true // the grid's frequency is within 20 mHz of 50 Hz
	default:
		return derivedTruth(model, quantity, u)
	}
	return want, tolerated(model, unit, want), true
}

// tolerated is half a last digit, or what a float32 cannot hold.
func tolerated(model, unit string, want float64) float64 {
	return steps[model][unit]*0.5 + math.Abs(want)*2e-6 + 1e-6
}

// derivedTruth is truthOf for voltages between phases, totals and what is always zero.
func derivedTruth(model, quantity string, u simulator.UnitTruth) (want, tolerance float64, known bool) {
	v := u.Volts
	line := func(i, j int) float64 { return math.Sqrt(v[i]*v[i] + v[j]*v[j] + v[i]*v[j]) }
	volts := map[string]float64{"v12": line(0, 1), "v23": line(1, 2), "v31": line(2, 0), "v_ll": (line(0, 1) + line(1, 2) + line(2, 0)) / 3,
		"v_ln": (v[0] + v[1] + v[2]) / 3, "v_sync": v[0]}
	if want, ok := volts[quantity]; ok {
		return want, tolerated(model, "V", want), true
	}
	if quantity == "i_avg" {
		want, tolerance, known = truthOf(model, "i", u)
		return want, tolerance, known
	}
	switch quantity {
	case "i_n", "i_ground", "i_3i2", "i_imbalance", "v_ground", "v_3v2", "v_imbalance", "v_n", "export_wh_l1", "export_wh_l2", "export_wh_l3":
		return 0, 0, true
	}
	varh := func(wh int64) int64 { return int64(float64(wh) * fieldTan) }
	in, out, step := u.ImportWh, u.ExportWh, steps[model]["energy"]
	totals := map[string]int64{"import_wh": in, "export_wh": out, "import_varh": varh(in), "export_varh": varh(out),
		"import_wh_l1": in / 3, "import_wh_l2": (in + 1) / 3, "import_wh_l3": (in + 2) / 3, "total_vah": int64(float64(in+out) / fieldPF)}
	if model == "sel_751a" { // towards the customers is "out" of the bus
		totals["import_wh"], totals["export_wh"] = out, in
		totals["import_varh"], totals["export_varh"] = varh(out), varh(in)
		if quantity == "import_wh" {
			step = steps[model]["coarse"]
		}
	}
	total, ok := totals[quantity]
	return math.Floor(float64(total)/step) * step, 0, ok
}
