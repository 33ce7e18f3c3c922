package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"lastgasp/headend"
	"lastgasp/simulator"
	"lastgasp/timeseries"
	"lastgasp/timeseries/storetest"
)

// chaosMessages is how many messages each of the kill tests publishes.
const chaosMessages = 200_000

// TestKilledAtRandomNothingIsLost publishes with QoS 1 through the embedded broker while the head-end and
// PostgreSQL are killed with -9 at random moments, and then compares every acknowledged reading with what
// is stored.
func TestKilledAtRandomNothingIsLost(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine timeseries.Engine) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
		defer cancel()
		server := startServer(t)
		url := server.Database(t)
		p := newProcess(t, "LASTGASP_DATABASE_URL="+url, "LASTGASP_DATABASE_ENGINE="+string(engine))
		senders := simulator.FloodSenders(8, 400, true)
		p.run("import", "devices", gatewaysFile(t, senders))
		p.start()
		p.waitReady(ctx)
		stop := p.keepAlive()
		flood := startFlood(ctx, t, simulator.FloodConfig{Broker: "tcp://" + p.mqtt, Senders: senders, Messages: chaosMessages, Rate: 12_000})
		killAtRandom(ctx, t, flood, map[string]func(){
			"head-end":   p.kill,
			"PostgreSQL": killServer(ctx, t, server),
		})
		result := flood.wait(t)
		stop()
		compareStored(t, url, flood.config, result, chaosMessages)
	})
}

// TestKilledAtRandomBehindMosquitto does the same through a Mosquitto, which acknowledges to the devices by
// itself: what it was told is stored must be stored, and what it was not told it must still have.
func TestKilledAtRandomBehindMosquitto(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine timeseries.Engine) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
		defer cancel()
		server, broker := startServer(t), startMosquitto(t)
		url := server.Database(t)
		p := newProcess(t, "LASTGASP_DATABASE_URL="+url, "LASTGASP_DATABASE_ENGINE="+string(engine), "LASTGASP_CONFIG="+broker.headendConfig())
		p.start()
		p.waitReady(ctx)
		stop := p.keepAlive()
		flood := startFlood(ctx, t, simulator.FloodConfig{Broker: "tcp://" + broker.address, Senders: simulator.FloodSenders(8, 400, true), Messages: chaosMessages, Rate: 10_000})
		killAtRandom(ctx, t, flood, map[string]func(){"head-end": p.kill, "PostgreSQL": killServer(ctx, t, server)})
		result := flood.wait(t)
		waitSettled(ctx, t, url, chaosMessages)
		stop()
		compareStored(t, url, flood.config, result, chaosMessages)
	})
}

// TestKilledMosquitto kills the broker itself. What Mosquitto has acknowledged to a device and neither
// saved (each second) nor delivered dies with it; no head-end can get that back. So readings may be
// missing, but no more than were on their way through the broker within a second of each kill, and
// the head-end goes on by itself: nothing doubled, nothing wrong, nothing set aside.
func TestKilledMosquitto(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	server, broker := startServer(t), startMosquitto(t)
	url := server.Database(t)
	p := newProcess(t, "LASTGASP_DATABASE_URL="+url, "LASTGASP_CONFIG="+broker.headendConfig())
	p.start()
	p.waitReady(ctx)
	const messages, rate, kills = 60_000, 6_000, 3
	flood := startFlood(ctx, t, simulator.FloodConfig{Broker: "tcp://" + broker.address, Senders: simulator.FloodSenders(8, 400, true), Messages: messages, Rate: rate})
	killAtRandom(ctx, t, flood, map[string]func(){"Mosquitto": func() { broker.kill(); broker.start(); p.waitReady(ctx) }})
	result := flood.wait(t)
	waitSettled(ctx, t, url, messages)
	missing := missingReadings(t, url, flood.config, result)
	t.Logf("%d of %d acknowledged readings died with Mosquitto, killed %d times", missing, result.Readings, kills)
	if missing > rate*kills {
		t.Errorf("%d readings are missing, more than one second of them for each kill", missing)
	}
}

// killServer kills PostgreSQL and starts it again.
func killServer(ctx context.Context, t *testing.T, server *storetest.Server) func() {
	return func() {
		if err := server.Kill(ctx); err != nil {
			t.Error(err)
		}
		if err := server.Restart(ctx); err != nil {
			t.Error(err)
		}
	}
}

// waitSettled returns when so many readings are stored, or none has come for five seconds.
func waitSettled(ctx context.Context, t *testing.T, url string, want int) {
	t.Helper()
	last, changed := -1, time.Now()
	until(ctx, t, "what the broker holds has been stored", func() bool {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return false
		}
		defer conn.Close(context.Background())
		var n int
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM reading").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n != last {
			last, changed = n, time.Now()
		}
		return n >= want || time.Since(changed) > 5*time.Second
	})
}

// TestDatabaseStoppedForAMinute: no acknowledgement meanwhile, all stored afterwards, memory bounded.
func TestDatabaseStoppedForAMinute(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	server := startServer(t)
	url := server.Database(t)
	p := newProcess(t, "LASTGASP_DATABASE_URL="+url)
	senders := simulator.FloodSenders(8, 400, true)
	p.run("import", "devices", gatewaysFile(t, senders))
	p.start()
	p.waitReady(ctx)
	flood := startFlood(ctx, t, simulator.FloodConfig{Broker: "tcp://" + p.mqtt, Senders: senders, Messages: 60_000, Rate: 4_000})
	until(ctx, t, "the flood runs", func() bool { return flood.acknowledged() > 10_000 })
	if err := server.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	stopped := time.Now()
	until(ctx, t, "/readyz says the database is away", func() bool {
		response, err := http.Get("http://" + p.http + "/readyz")
		if err != nil {
			t.Fatalf("the head-end does not answer while the database is away: %v", err)
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusServiceUnavailable
	})
	// what was committed just before the stop may still be on its way to the clients; from now on nothing may
	before := flood.acknowledged()
	until(ctx, t, "a minute has passed", func() bool { return time.Since(stopped) > time.Minute })
	if after := flood.acknowledged(); after != before {
		t.Errorf("%d messages were acknowledged while the database was stopped", after-before)
	}
	if err := server.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	result := flood.wait(t)
	if result.Broken != 0 {
		t.Errorf("%d connections broke: waiting for the database is no reason to", result.Broken)
	}
	compareStored(t, url, flood.config, result, 60_000)
	if peak := p.peakMemory(); peak > 400<<20 {
		t.Errorf("the head-end held %d MB", peak>>20)
	}
}

// TestSoak runs a steady load and looks for growth. SOAK=10m makes it as long as asked; the suite has
// time for a short one.
func TestSoak(t *testing.T) {
	length := 20 * time.Second
	if text := os.Getenv("SOAK"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), length+2*time.Minute)
	defer cancel()
	server := startServer(t)
	p := newProcess(t, "LASTGASP_DATABASE_URL="+server.Database(t))
	senders := simulator.FloodSenders(8, 4000, true)
	p.run("import", "devices", gatewaysFile(t, senders))
	p.start()
	p.waitReady(ctx)
	flood := startFlood(ctx, t, simulator.FloodConfig{Broker: "tcp://" + p.mqtt, Senders: senders, Duration: length, Rate: 5_000, Interval: time.Second})
	type sample struct{ memory, goroutines float64 }
	var samples []sample
	const windows = 10
	for i := range windows { // the largest of each tenth, for between two collections memory always grows
		var most sample
		until(ctx, t, "a tenth of the soak has passed", func() bool {
			m := metricsOf(t, p.http, "process_resident_memory_bytes", "go_goroutines")
			most = sample{max(most.memory, m[0]), max(most.goroutines, m[1])}
			return flood.acknowledged() > int64(length.Seconds()*5000*0.97)*int64(i+1)/windows || flood.ended()
		})
		samples = append(samples, most)
		t.Logf("%3d %%: %.0f MB, %.0f goroutines", (i+1)*100/windows, most.memory/(1<<20), most.goroutines)
	}
	result := flood.wait(t)
	t.Logf("%d messages in %s", result.Acknowledged, result.Elapsed.Round(time.Second))
	half, last := samples[windows/2-1], samples[windows-1]
	if last.memory > half.memory*1.15+(16<<20) {
		t.Errorf("memory grew from %.0f MB at half to %.0f MB at the end", half.memory/(1<<20), last.memory/(1<<20))
	}
	if last.goroutines > half.goroutines+5 {
		t.Errorf("goroutines grew from %.0f at half to %.0f at the end", half.goroutines, last.goroutines)
	}
}

// killAtRandom kills each victim three times, at moments drawn over the length of the flood.
func killAtRandom(ctx context.Context, t *testing.T, flood *runningFlood, victims map[string]func()) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 7))
	var names []string
	for name := range victims {
		names = append(names, name, name, name)
	}
	random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for i, name := range names {
		slot := flood.config.Messages * 9 / 10 / int64(len(names))
		at := slot*int64(i) + random.Int64N(slot)
		until(ctx, t, fmt.Sprintf("%d messages are acknowledged", at), func() bool { return flood.acknowledged() >= at })
		t.Logf("%s killed after %d acknowledged messages", name, flood.acknowledged())
		victims[name]()
	}
}

// startServer starts a PostgreSQL of the test's own.
func startServer(t *testing.T) *storetest.Server {
	t.Helper()
	server, err := storetest.Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return server
}

// runningFlood is a flood in the background.
type runningFlood struct {
	config simulator.FloodConfig
	done   chan struct{}
	result simulator.FloodResult
	err    error
}

func startFlood(ctx context.Context, t *testing.T, config simulator.FloodConfig) *runningFlood {
	t.Helper()
	config.Counters = &simulator.FloodCounters{}
	config.Base = time.Now().UTC().Truncate(time.Second).Add(-48 * time.Hour)
	if config.Interval == 0 {
		config.Interval = time.Minute
	}
	f := &runningFlood{config: config, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		f.result, f.err = simulator.Flood(ctx, config)
	}()
	t.Cleanup(func() { <-f.done })
	return f
}

func (f *runningFlood) acknowledged() int64 { return f.config.Counters.Acknowledged.Load() }

func (f *runningFlood) ended() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

func (f *runningFlood) wait(t *testing.T) simulator.FloodResult {
	t.Helper()
	<-f.done
	if f.err != nil {
		t.Fatal(f.err)
	}
	t.Logf("%d messages acknowledged, %d sent again, connections broke %d times, %s", f.result.Acknowledged, f.result.Resent, f.result.Broken, f.result.Elapsed.Round(time.Millisecond))
	return f.result
}

// compareStored checks that every acknowledged reading is stored with its values, once, and nothing
// beside.
func compareStored(t *testing.T, url string, config simulator.FloodConfig, result simulator.FloodResult, want int64) {
	t.Helper()
	if result.Acknowledged < want {
		t.Errorf("%d messages were acknowledged, want %d", result.Acknowledged, want)
	}
	if missing := missingReadings(t, url, config, result); missing > 0 {
		t.Errorf("%d acknowledged readings are not stored", missing)
	}
}

// missingReadings counts acknowledged readings that are not stored. A stored one with other values, one
// that was never sent, or anything in history or quarantine is an error.
func missingReadings(t *testing.T, url string, config simulator.FloodConfig, result simulator.FloodResult) (missing int) {
	t.Helper()
	stored := storedReadings(t, url)
	wrong := 0
	result.Each(func(d int, id headend.DeviceID, k int64) bool {
		key := storedKey{id, config.Time(k).UnixMilli()}
		got, there := stored[key]
		delete(stored, key)
		switch {
		case !there:
			if missing++; missing <= 3 {
				t.Logf("acknowledged and not stored: %s reading %d", id, k)
			}
		case got != storedValues(simulator.FloodReading(d, k)):
			if wrong++; wrong <= 3 {
				t.Logf("%s reading %d: stored %v", id, k, got)
			}
		}
		return true
	})
	if wrong > 0 {
		t.Errorf("%d readings are stored with other values", wrong)
	}
	if len(stored) > 0 {
		t.Errorf("%d stored readings were never acknowledged", len(stored))
	}
	for table, n := range map[string]string{"reading_history": "quantity", "quarantine": "reason || ' ' || detail", "reading_other": "quantity::text"} {
		if rows := sample(t, url, "SELECT "+n+" FROM "+table+" LIMIT 3"); len(rows) > 0 {
			t.Errorf("in %s: %q", table, rows)
		}
	}
	return missing
}

func sample(t *testing.T, url, sql string) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

type storedKey struct {
	id   headend.DeviceID
	time int64 // Unix ms
}

type stored struct {
	importWh, importVarh          int64
	v1, v2, v3, i1, i2, i3, p, pf float64
}

func storedValues(v simulator.FloodValues) stored {
	return stored{v.ImportWh, v.ImportVarh, float64(v.DeciVolts[0]) / 10, float64(v.DeciVolts[1]) / 10, float64(v.DeciVolts[2]) / 10,
		float64(v.CentiAmperes[0]) / 100, float64(v.CentiAmperes[1]) / 100, float64(v.CentiAmperes[2]) / 100, float64(v.Watts), float64(v.PFPercent) / 100}
}

func storedReadings(t *testing.T, url string) map[storedKey]stored {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(t.Context(), `SELECT d.id, (extract(epoch FROM r.time) * 1000)::bigint, import_wh, import_varh, v1, v2, v3, i1, i2, i3, p, pf
		FROM reading r JOIN device d ON d.number = r.meter`)
	if err != nil {
		t.Fatal(err)
	}
	all := map[storedKey]stored{}
	var k storedKey
	var s stored
	n := 0
	if _, err := pgx.ForEachRow(rows, []any{&k.id, &k.time, &s.importWh, &s.importVarh, &s.v1, &s.v2, &s.v3, &s.i1, &s.i2, &s.i3, &s.p, &s.pf}, func() error {
		all[k] = s
		n++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n != len(all) {
		t.Errorf("%d rows for %d keys", n, len(all))
	}
	return all
}
