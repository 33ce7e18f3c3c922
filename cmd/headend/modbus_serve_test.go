package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lastgasp/headend"
	"lastgasp/headend/importer"
	"lastgasp/headend/ingest"
	"lastgasp/simulator"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// TestABreakerOpensInTheField: `headend serve` polls the simulator's feeders as the registry names them. A breaker that opens
// is an event on its node within two poll intervals of a second; an RTU that dies is unknown, not open; it comes back by
// itself; and the head meter's registers are stored as readings of the feeder's meter.
func TestABreakerOpensInTheField(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine timeseries.Engine) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		f := newModbusField(t, simulator.FramingTCP, "timeline: [{at: 2s, fault: outage, where: FEEDER}]\n")
		dir := t.TempDir()
		if err := f.grid.WriteCSV(dir); err != nil {
			t.Fatal(err)
		}
		folder := ownProfiles(t, func(_, text string) string {
			return strings.ReplaceAll(strings.ReplaceAll(text, "live: {interval: 1m}", "live: {interval: 1s}"), "energy: {interval: 15m, aligned: true}", "energy: {interval: 1s, aligned: true}")
		})
		p := newProcess(t, "LASTGASP_DATABASE_URL="+startServer(t).Database(t), "LASTGASP_DATABASE_ENGINE="+string(engine), "LASTGASP_MODBUS_PROFILES="+folder)
		p.run("import", "organisations", filepath.Join(dir, simulator.OrganisationsFile))
		p.run("import", "network", filepath.Join(dir, simulator.NetworkFile))
		p.run("import", "usage-points", filepath.Join(dir, simulator.UsagePointsFile))
		p.run("import", "devices", filepath.Join(dir, simulator.DevicesFile))
		p.start()
		p.waitReady(ctx)

		node := f.feeder()
		relay, meter := "RTU-"+node, "HM-"+node
		breaker := func() (list []storedEvent) {
			for _, e := range p.list(t, "nodes/"+url.PathEscape(node)+"/events") {
				if strings.HasPrefix(e.Event, "breaker_") && e.Device == relay {
					list = append(list, e)
				}
			}
			return list
		}
		awaitLast := func(what, event string, count int) storedEvent {
			t.Helper()
			var list []storedEvent
			until(ctx, t, what, func() bool {
				list = breaker()
				return len(list) >= count && list[len(list)-1].Event == event
			})
			if len(list) != count {
				t.Fatalf("%s: %+v", what, list)
			}
			return list[count-1]
		}
		awaitLast("a closed breaker on the node", "breaker_closed", 1)
		f.play()
		begun := time.Now()
		opened := awaitLast("an open breaker on the node", "breaker_open", 2)
		if after := opened.Time.Sub(begun.Add(2 * time.Second)); after < -500*time.Millisecond || after > 2*time.Second {
			t.Errorf("the breaker opened at %s and was seen open %s later", begun.Add(2*time.Second), after)
		}
		if got := opened.Received.Sub(opened.Time); got > time.Second {
			t.Errorf("the event was received %s after the poll that proves it", got)
		}

		mend, err := f.simulation.Break(relay, simulator.WireFault{Kind: simulator.FaultSilence})
		if err != nil {
			t.Fatal(err)
		}
		awaitLast("an unknown breaker while its RTU is silent", "breaker_unknown", 3)
		if err := mend(); err != nil {
			t.Fatal(err)
		}
		awaitLast("the breaker, still open, once its RTU speaks again", "breaker_open", 4)
		for _, path := range []string{"devices/" + relay + "/events?event=breaker_open", "nodes/" + url.PathEscape(node) + "/events?event=breaker_open"} {
			if got := len(p.list(t, path)); got != 2 {
				t.Errorf("%s lists %d events, want 2", path, got)
			}
		}
		until(ctx, t, "the feeder's energy as a reading of its meter", func() bool {
			return strings.Contains(p.get(t, "meters/"+meter+"/readings?quantity=import_wh"), `"import_wh"`)
		})
		truth, err := f.simulation.Unit(headend.DeviceID(meter))
		if err != nil {
			t.Fatal(err)
		}
		var readings struct {
			Items []struct{ Values map[string]int64 }
		}
		if err := json.Unmarshal([]byte(p.get(t, "meters/"+meter+"/readings?quantity=import_wh&limit=1000")), &readings); err != nil {
			t.Fatal(err)
		}
		last := int64(0)
		for _, r := range readings.Items {
			if wh := r.Values["import_wh"]; wh < last || wh > truth.ImportWh {
				t.Errorf("import_wh %d, after %d; the meter stands at %d", wh, last, truth.ImportWh)
			} else {
				last = wh
			}
		}
		if truth.ImportWh-last > 100 { // without supply since it opened
			t.Errorf("the last reading is %d, the meter stands at %d", last, truth.ImportWh)
		}
	})
}

type storedEvent struct {
	Device, Event  string
	Time, Received time.Time
}

// get asks the API and returns the answer's text.
func (p *process) get(t *testing.T, path string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.http+"/api/v1/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+p.token())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v\n%s", path, response.Status, err, text)
	}
	return string(text)
}

func (p *process) list(t *testing.T, path string) []storedEvent {
	t.Helper()
	var page struct{ Items []storedEvent }
	if err := json.Unmarshal([]byte(p.get(t, path)), &page); err != nil {
		t.Fatal(err)
	}
	return page.Items
}

// TestAQuarantinedPollIsReplayed: a profile has the sign of a register wrong, so its poll lies in quarantine; with the
// profile mended, replay stores what the device said then.
func TestAQuarantinedPollIsReplayed(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	f := newModbusField(t, simulator.FramingTCP, "")
	meter := f.grid.UnitsOf("head_meter")[0]
	wrong := func(_, text string) string {
		text = strings.ReplaceAll(text, "energy: {interval: 15m, aligned: true}", "energy: {interval: 200ms}")
		return strings.Replace(text, "address: 3203, type: i64, scale: 0.001", "address: 3203, type: i64, scale: -0.001", 1)
	}
	folder := ownProfiles(t, wrong)
	server := startServer(t)
	store := storetest.OpenURL(t, server.Database(t), timeseries.Options{})
	row := "id,kind,protocol,address,profile,gateway,usage_point,password,from,to\n" +
		string(meter) + ",meter,modbus," + f.device(meter).Address + ",schneider_iem3000,,,,2020-01-01,\n"
	if r, err := store.ImportDevices(ctx, importer.Devices(strings.NewReader(row), importer.Format{Zone: time.UTC}), timeseries.ImportOptions{}); err != nil || len(r.Refused) > 0 {
		t.Fatalf("%+v %v", r, err)
	}
	if err := store.Reload(ctx); err != nil {
		t.Fatal(err)
	}
	stage := ingest.New(store, ingest.Options{})
	polled, err := newPolled(ModbusConfig{Enabled: true, Profiles: folder}, store, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 2)
	go func() { ended <- stage.Run(running) }()
	polling, stopPolling := context.WithCancel(ctx)
	polls := make(chan error, 1)
	go func() { polls <- polled.Run(polling, stage) }()
	var kept []headend.Quarantined
	until(ctx, t, "a poll in quarantine", func() bool {
		if kept, err = store.QuarantineList(ctx, headend.QuarantineFilter{}, 1<<60, 10); err != nil {
			t.Fatal(err)
		}
		return len(kept) > 0
	})
	stopPolling()
	if err := <-polls; err != nil {
		t.Error(err)
	}
	message, err := store.Quarantined(ctx, kept[0].Number)
	if err != nil {
		t.Fatal(err)
	}
	r := &replayer{polls: map[string]pollDecoder{"modbus": polled}, sink: stage}
	if refused, err := r.Replay(ctx, message); err != nil || len(refused) != 1 || refused[0].Reason != headend.ReasonBadValue {
		t.Errorf("replay with the profile as it was: %v %v", refused, err)
	}
	stored := func() (wh int64, found bool) {
		list, err := store.Measurements(ctx, meter, []headend.Quantity{"import_wh"}, message.Received, message.Received.Add(time.Microsecond), 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			for _, v := range m.Values {
				if v.Quantity == "import_wh" {
					return v.Value.Int64(), true
				}
			}
		}
		return 0, false
	}
	if wh, found := stored(); found {
		t.Errorf("%d Wh are stored before the profile is mended", wh)
	}
	path := filepath.Join(folder, "schneider_iem3000.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), "scale: -0.001", "scale: 0.001", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if refused, err := r.Replay(ctx, message); err != nil || len(refused) > 0 {
		t.Fatalf("replay: %v %v", refused, err)
	}
	truth, err := f.simulation.Unit(meter) // its clock stands
	if err != nil {
		t.Fatal(err)
	}
	if wh, found := stored(); !found || wh != truth.ImportWh || wh == 0 {
		t.Errorf("%d Wh are stored (%v), true are %d", wh, found, truth.ImportWh)
	}
	message.Device = "gone"
	if refused, err := r.Replay(ctx, message); err == nil && len(refused) == 0 {
		t.Error("a poll of nobody was replayed")
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
