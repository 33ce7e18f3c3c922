package runner

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"lastgasp/headend"
	"lastgasp/headend/importer"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// noon is when every story begins.
var noon = time.Date(2026, 11, 20, 5, 0, 0, 0, time.UTC)

// world is a small network in a real database, a clock that the test moves, and a runner.
type world struct {
	t      *testing.T
	store  *timeseries.Store
	runner *Runner
	now    time.Time
	seq    int64
}

// newWorld has one feeder with transformers of as many usage points, each with a meter that is heard every five minutes.
func newWorld(t *testing.T, store *timeseries.Store, transformers, points int) *world {
	t.Helper()
	w := &world{t: t, store: store, now: noon}
	w.runner = New(store, Options{Holder: "test", Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler)})
	var network, usagePoints, devices strings.Builder
	network.WriteString("id,name,kind,parent,organisation,rated_kva,from,to\nS1,S1,substation,,,,,\nF1,F1,feeder,S1,,,,\n")
	usagePoints.WriteString("id,name,address,node,organisation,phases,from,to\n")
	devices.WriteString("id,kind,protocol,address,profile,gateway,usage_point,password,from,to\n")
	for tr := range transformers {
		fmt.Fprintf(&network, "T%d,T%d,transformer,F1,,100,,\n", tr, tr)
		for p := range points {
			fmt.Fprintf(&usagePoints, "U%d-%d,,,T%d,,L1,,\n", tr, p, tr)
			fmt.Fprintf(&devices, "M%d-%d,meter,mqtt,,,,U%d-%d,,,\n", tr, p, tr, p)
		}
	}
	format, o := importer.Format{Zone: time.UTC}, timeseries.ImportOptions{}
	check := func(done headend.Imported, err error) {
		t.Helper()
		if err != nil || len(done.Refused) > 0 {
			t.Fatal(done, err)
		}
	}
	check(store.ImportNodes(t.Context(), importer.Nodes(strings.NewReader(network.String()), format), o))
	check(store.ImportUsagePoints(t.Context(), importer.UsagePoints(strings.NewReader(usagePoints.String()), format), o))
	check(store.ImportDevices(t.Context(), importer.Devices(strings.NewReader(devices.String()), format), o))
	if err := store.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	var all []headend.Batch
	for tr := range transformers {
		for p := range points {
			b := headend.Batch{Device: meter(tr, p), Received: noon}
			for at := noon.Add(-2 * time.Hour); !at.After(noon); at = at.Add(5 * time.Minute) {
				b.Readings = append(b.Readings, headend.Reading{Time: at, Quantity: "v1", Value: headend.Real(230)})
			}
			all = append(all, b)
		}
	}
	w.append(all...)
	return w
}

func meter(transformer, point int) headend.DeviceID {
	return headend.DeviceID(fmt.Sprintf("M%d-%d", transformer, point))
}

func (w *world) append(batches ...headend.Batch) {
	w.t.Helper()
	if _, err := w.store.Append(w.t.Context(), batches); err != nil {
		w.t.Fatal(err)
	}
}

// says stores an event of a meter, received now.
func (w *world) says(id headend.DeviceID, what headend.EventType, at time.Time, length time.Duration) {
	w.t.Helper()
	w.seq++
	w.append(headend.Batch{Device: id, Received: w.now, Events: []headend.Event{{Time: at, Type: what, Seq: w.seq, Duration: length}}})
}

// begin takes the lease and makes a detector, as after a start.
func (w *world) begin() (*watch, func()) {
	w.t.Helper()
	epoch, _, release, err := w.store.Lease(w.t.Context(), "test")
	if err != nil {
		w.t.Fatal(err)
	}
	watch, err := w.runner.begin(w.t.Context(), epoch)
	if err != nil {
		w.t.Fatal(err)
	}
	return watch, release
}

func (w *world) step(watch *watch) {
	w.t.Helper()
	if err := watch.step(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) outages(f headend.OutageFilter) []headend.Outage {
	w.t.Helper()
	list, err := w.store.Outages(w.t.Context(), f, nil, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// rows are those of the ledger that hold.
func (w *world) rows(f headend.LedgerFilter) []headend.LedgerRow {
	w.t.Helper()
	list, err := w.store.Ledger(w.t.Context(), f, nil, 100_000)
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// volts stores what a meter measured at its phases.
func (w *world) volts(id headend.DeviceID, at time.Time, volts ...float64) {
	w.t.Helper()
	b := headend.Batch{Device: id, Received: w.now}
	for i, v := range volts {
		b.Readings = append(b.Readings, headend.Reading{Time: at, Quantity: []headend.Quantity{"v1", "v2", "v3"}[i], Value: headend.Real(v)})
	}
	w.append(b)
}

// threePhases gives a usage point three phases.
func (w *world) threePhases(point, node string) {
	w.t.Helper()
	file := "id,name,address,node,organisation,phases,from,to\n" + point + ",,," + node + ",,\"L1,L2,L3\",,\n"
	done, err := w.store.ImportUsagePoints(w.t.Context(), importer.UsagePoints(strings.NewReader(file), importer.Format{Zone: time.UTC}), timeseries.ImportOptions{})
	if err != nil || len(done.Refused) > 0 {
		w.t.Fatal(done, err)
	}
	if err := w.store.Reload(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}
